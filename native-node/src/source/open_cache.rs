//! Own files that were opened a moment ago, kept open for whoever asks for them next.
//!
//! A player asks for a piece of a film after the other, a download manager for several at once: each would open the file
//! anew, and each opening wakes whoever watches the folder. What is kept here is given only while it still is the version
//! that was opened, and closed again soon: a file that was removed must give back its room on the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::SharedPath;

use crate::folder::OpenedFile;
use crate::lock::LockExt;

/// How long a file is kept open.
const KEPT: Duration = Duration::from_secs(1);
/// Most files kept open; others are just opened anew.
const MOST: usize = 64;

/// The files that are kept open.
#[derive(Debug, Default)]
pub(crate) struct OpenFileCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<SharedPath, (Arc<OpenedFile>, Instant)>,
    /// Whether somebody closes them in time.
    is_closing: bool,
}

impl OpenFileCache {
    /// A file that was opened lately and is still what it was.
    pub(super) fn opened(&self, path: &SharedPath) -> Option<Arc<OpenedFile>> {
        let (file, since) = self.kept().files.get(path).cloned()?;
        let is_good = since.elapsed() < KEPT && file.is_linked_and_unchanged();
        if !is_good {
            self.kept().files.remove(path);
        }
        is_good.then_some(file)
    }

    /// Keeps a file open for a while. Only such as can be looked at without waiting.
    pub(super) fn keep(self: &Arc<Self>, path: &SharedPath, file: &Arc<OpenedFile>) {
        let mut kept = self.kept();
        if kept.files.len() >= MOST {
            return;
        }
        kept.files.insert(path.clone(), (Arc::clone(file), Instant::now()));
        if !std::mem::replace(&mut kept.is_closing, true) {
            tokio::spawn(close_old(Arc::clone(self)));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.locked()
    }
}

/// Closes what was kept for long enough, until there is nothing left to close. Who keeps the first file starts it.
async fn close_old(cache: Arc<OpenFileCache>) {
    loop {
        tokio::time::sleep(KEPT).await;
        let mut kept = cache.kept();
        kept.files.retain(|_, (_, since)| since.elapsed() < KEPT);
        if kept.files.is_empty() {
            kept.is_closing = false;
            return;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;
    use crate::folder::{Share, ShareOptions};

    #[tokio::test]
    async fn a_file_is_given_again_only_while_it_is_what_it_was() {
        type Change = fn(&std::path::Path);
        let changes: [(&str, Change); 3] = [
            ("removed", |path| fs::remove_file(path).unwrap()),
            ("replaced", |path| {
                fs::write(path.with_file_name("b"), "two").unwrap();
                fs::rename(path.with_file_name("b"), path).unwrap();
            }),
            ("written", |path| fs::write(path, "longer").unwrap()),
        ];
        for (what, change) in changes {
            let temp = tempfile::tempdir().unwrap();
            fs::write(temp.path().join("a"), "one").unwrap();
            let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
            let path = SharedPath::parse("a").unwrap();
            let cache = Arc::new(OpenFileCache::default());
            assert!(cache.opened(&path).is_none());
            let file = Arc::new(share.open_file(&path).unwrap());
            cache.keep(&path, &file);
            assert!(Arc::ptr_eq(&cache.opened(&path).unwrap(), &file));
            change(&temp.path().join("a"));
            assert!(cache.opened(&path).is_none(), "{what}");
        }
    }

    #[tokio::test]
    async fn nothing_is_kept_open_for_long_and_not_many_are() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("a"), "one").unwrap();
        let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
        let file = Arc::new(share.open_file(&SharedPath::parse("a").unwrap()).unwrap());
        let cache = Arc::new(OpenFileCache::default());
        for number in 0..2 * MOST {
            cache.keep(&SharedPath::parse(&number.to_string()).unwrap(), &file);
        }
        assert_eq!(cache.kept().files.len(), MOST);
        let start = Instant::now();
        while Arc::strong_count(&file) > 1 {
            assert!(start.elapsed() < 10 * KEPT, "still open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
