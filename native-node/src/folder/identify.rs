//! Finds out in the background which bytes each shared file holds: its id, and the outline that proves its pieces.
//!
//! One thread of low priority, which reads a piece at a time and looks after each whether it is to stop, or whether somebody
//! asked for a file that must come first. Like [`inspect_unknown`](super::inspect_unknown()) it keeps no queue but that: it
//! asks for the next few files without an id. A file is hashed once it has been at rest for a while, and not at all if
//! [`ContentLog`] knows that very file.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use shared::transfer::{MOST_PIECES, Outline, pieces_of};
use shared::{ContentId, Entry, SharedPath};

use super::content_log::{ContentLog, Facts, ValuesAt};
use super::hash::hash_pieces;
use super::inspect::is_at_rest_for;
use super::inspect_unknown::yield_to_others;
use super::{Change, OpenedFile, Share};
use crate::lock::LockExt;
use crate::source::Version;

/// How long a file must have been left alone: what is still being written would be hashed over and over.
const REST: Duration = Duration::from_secs(2);
/// Files asked for at once.
const BATCH: usize = 256;
/// Most files that are looked at for those: they are asked for under a lock.
const LOOKS: usize = 4096;
/// What was found is told after so long at the latest.
const TELL_AFTER: Duration = Duration::from_millis(500);
/// Least time between two rounds; each rests for ten times as long as the last one took, at most for [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Most files that may wait to come first.
const URGENT: usize = 1024;

/// What is known of one version of a file.
#[derive(Debug)]
pub enum Known {
    /// Its id, and where the values of its outline are.
    Outline(ContentId, ValuesAt),
    /// Nothing yet: it comes next.
    Later,
}

/// What the shared files hold, as far as that was found out.
#[derive(Debug, Default)]
pub struct Contents {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// None until it was read.
    log: Option<ContentLog>,
    urgent: VecDeque<SharedPath>,
    woken: bool,
    stop: bool,
}

impl Contents {
    /// What is known of this version of a file, which is shared. If nothing is, it is the next to be hashed.
    #[must_use]
    pub fn outline(&self, path: &SharedPath, version: Version) -> Known {
        let mut state = self.lock();
        let known = state.log.as_ref().and_then(|log| log.outline(path, version));
        if let Some((id, values)) = known {
            return Known::Outline(id, values);
        }
        if state.urgent.len() < URGENT && !state.urgent.contains(path) {
            state.urgent.push_back(path.clone());
            self.changed.notify_all();
        }
        Known::Later
    }

    /// Says that there may be files without an id. Cheap, from any thread.
    pub fn wake(&self) {
        self.set(|state| state.woken = true);
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    fn next_urgent(&self) -> Option<SharedPath> {
        self.lock().urgent.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.locked()
    }

    /// Waits until there is something to do; no if that is to stop. `again`: when another round is due in any case.
    fn wait(&self, not_before: Instant, again: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let round = if state.woken { Some(not_before) } else { again };
            if state.stop {
                return false;
            }
            if !state.urgent.is_empty() || round.is_some_and(|round| round <= now) {
                return true;
            }
            let pause = round.map_or(Duration::from_secs(3600), |round| round.saturating_duration_since(now));
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Starts to find out what the files of `share` hold. `next(after, most, looks)` answers up to `most` files without an id
/// whose paths come after `after` and where to go on, see [`Catalog::unidentified_after`](shared::Catalog); `entry` the
/// facts of one; `publish` gets a [`Change::Identified`] for each. What was found is remembered below `state`.
///
/// # Errors
/// When the system gives no thread.
pub fn identify(
    share: Arc<Share>,
    contents: Arc<Contents>,
    state: Option<PathBuf>,
    next: impl Fn(Option<&SharedPath>, usize, usize) -> (Vec<(SharedPath, Entry)>, Option<SharedPath>) + Send + 'static,
    entry: impl Fn(&SharedPath) -> Option<Entry> + Send + 'static,
    publish: impl Fn(Vec<Change>) + Send + 'static,
) -> io::Result<Identifying> {
    let at_thread = Arc::clone(&contents);
    let thread = thread::Builder::new().name("folder-identify".into()).spawn(move || {
        yield_to_others();
        let log = ContentLog::open(state.as_deref(), share.root());
        at_thread.set(|state| state.log = log);
        let found = Found { changes: Vec::new(), told: Instant::now() };
        Round { share, contents: at_thread, next, entry, publish, found }.go_on();
    })?;
    Ok(Identifying { contents, thread: Some(thread) })
}

/// The thread that hashes; dropping this ends it.
#[derive(Debug)]
pub struct Identifying {
    contents: Arc<Contents>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Identifying {
    fn drop(&mut self) {
        self.contents.set(|state| state.stop = true);
        if let Some(thread) = self.thread.take() {
            // It failed only if a callback panicked, which was shown then.
            let _ = thread.join();
        }
    }
}

struct Round<N, E, P> {
    share: Arc<Share>,
    contents: Arc<Contents>,
    next: N,
    entry: E,
    publish: P,
    found: Found,
}

/// What was found and not told yet.
struct Found {
    changes: Vec<Change>,
    told: Instant,
}

/// What came of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Being written, or changed since it was listed: worth another try.
    Restless,
}

impl<N, E, P> Round<N, E, P>
where
    N: Fn(Option<&SharedPath>, usize, usize) -> (Vec<(SharedPath, Entry)>, Option<SharedPath>),
    E: Fn(&SharedPath) -> Option<Entry>,
    P: Fn(Vec<Change>),
{
    fn go_on(mut self) {
        let mut not_before = Instant::now();
        let mut again = None;
        while self.contents.wait(not_before, again) {
            self.urgent_ones();
            let is_woken = std::mem::take(&mut self.contents.lock().woken);
            let is_due = again.is_some_and(|again| again <= Instant::now());
            if !is_woken && !is_due {
                continue;
            }
            let begun = Instant::now();
            let restless = self.all();
            not_before = Instant::now() + (begun.elapsed() * 10).clamp(PAUSE, LONGEST_PAUSE);
            again = restless.then_some(not_before);
        }
    }

    /// All files without an id, once; answers whether some of them are worth another try.
    fn all(&mut self) -> bool {
        let mut restless = false;
        let mut after = None;
        loop {
            let (batch, next) = (self.next)(after.as_ref(), BATCH, LOOKS);
            for (path, entry) in batch {
                if self.contents.is_stopped() {
                    return false;
                }
                restless |= self.one(&path, entry, false) == Outcome::Restless;
                self.urgent_ones();
            }
            self.tell(true);
            match next {
                Some(next) => after = Some(next),
                None => return restless,
            }
        }
    }

    /// What somebody waits for. One that is restless is found again by whoever asks again.
    fn urgent_ones(&mut self) {
        while let Some(path) = self.contents.next_urgent() {
            if let Some(entry) = (self.entry)(&path) {
                self.one(&path, entry, true);
                self.tell(true);
            }
        }
    }

    fn tell(&mut self, at_once: bool) {
        if !self.found.changes.is_empty() && (at_once || self.found.told.elapsed() >= TELL_AFTER) {
            (self.publish)(std::mem::take(&mut self.found.changes));
            self.found.told = Instant::now();
        }
    }

    fn one(&mut self, path: &SharedPath, entry: Entry, is_urgent: bool) -> Outcome {
        // What cannot be opened is the watch's business.
        let Ok(opened) = self.share.open_file(path) else { return Outcome::Done };
        let version = opened.version();
        if version != Version::from(&entry) || !is_at_rest_for(&opened, REST) {
            return Outcome::Restless;
        }
        if pieces_of(version.size) > MOST_PIECES as u64 {
            return Outcome::Done;
        }
        let facts = Facts { version, inode: opened.identity.1 };
        let known = self.contents.lock().log.as_ref().and_then(|log| log.find(path, facts));
        let id = match known {
            Some(id) => id,
            None => match self.hash(&opened, is_urgent) {
                // Again: it may have been written to while we read, and another be there now.
                Ok(Some(outline)) if is_at_rest_for(&opened, REST) && self.is_still(path, &opened) => {
                    if let Some(log) = &mut self.contents.lock().log {
                        log.keep(path, facts, &outline);
                    }
                    outline.id()
                }
                Ok(_) => return Outcome::Restless,
                Err(_) => return Outcome::Done,
            },
        };
        self.found.changes.push(Change::Identified { path: path.clone(), version, id });
        self.tell(false);
        Outcome::Done
    }

    fn is_still(&self, path: &SharedPath, opened: &OpenedFile) -> bool {
        self.share.open_file(path).is_ok_and(|now| now.identity == opened.identity)
    }

    /// Reads the whole file; none if it changed, or all is to stop.
    fn hash(&mut self, opened: &OpenedFile, is_urgent: bool) -> io::Result<Option<Outline>> {
        let hashed = hash_pieces(opened, 0..pieces_of(opened.size), |_| {
            if !is_urgent {
                // They do not come here again: those are urgent.
                self.urgent_ones();
                self.tell(false);
            }
            !self.contents.is_stopped()
        })?;
        match hashed {
            Some(hashed) => Ok(opened.is_unchanged()?.then(|| hashed.finish())),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::SystemTime;

    use shared::Catalog;
    use shared::transfer::{Hashing, PIECE_BYTES};

    use super::*;
    use crate::folder::{self, Found as Walked, ShareOptions, apply};

    struct Site {
        identifying: Option<Identifying>,
        catalog: Arc<Mutex<Catalog>>,
        heard: mpsc::Receiver<usize>,
    }

    impl Site {
        fn start(root: &Path, state: &Path) -> Self {
            let share = Arc::new(Share::open(root, ShareOptions::default()).unwrap());
            let catalog = Arc::new(Mutex::new(Catalog::default()));
            for found in share.walk(None).unwrap() {
                if let Walked::File(path, entry) = found {
                    catalog.lock().unwrap().insert(path, entry);
                }
            }
            let (told, heard) = mpsc::channel();
            let [at_next, at_entry, at_publish] = [(); 3].map(|()| Arc::clone(&catalog));
            let contents = Arc::new(Contents::default());
            contents.wake();
            let identifying = identify(
                share,
                contents,
                Some(state.into()),
                move |after, most, looks| at_next.lock().unwrap().unidentified_after(after, most, looks),
                move |path| at_entry.lock().unwrap().entry(path).copied(),
                move |changes| {
                    let count = changes.len();
                    apply(changes, &mut at_publish.lock().unwrap());
                    let _ = told.send(count);
                },
            );
            Self { identifying: Some(identifying.unwrap()), catalog, heard }
        }

        fn wait_for(&self, count: usize) {
            let known = || self.catalog.lock().unwrap().iter().filter(|(_, entry)| entry.id.is_some()).count();
            while known() < count {
                self.heard.recv_timeout(Duration::from_secs(60)).unwrap();
            }
        }

        fn id(&self, name: &str) -> Option<ContentId> {
            self.catalog.lock().unwrap().entry(&SharedPath::parse(name).unwrap()).unwrap().id
        }
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < end, "it never comes to that");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn every_file_gets_its_id_once_it_is_at_rest_and_the_next_node_knows_it_at_once() {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let large = vec![3; 2 * PIECE_BYTES + 7];
        fs::write(root.path().join("empty"), "").unwrap();
        fs::write(root.path().join("small"), "small").unwrap();
        fs::write(root.path().join("large"), &large).unwrap();
        let begun = Instant::now();
        let site = Site::start(root.path(), state.path());
        site.wait_for(3);
        assert!(begun.elapsed() >= REST - Duration::from_millis(500), "they were written a moment ago");
        for (name, bytes) in [("empty", &b""[..]), ("small", b"small"), ("large", &large)] {
            assert_eq!(site.id(name), Some(Hashing::id_of(bytes)), "{name}");
        }
        let version = {
            let catalog = site.catalog.lock().unwrap();
            let entry = catalog.entry(&SharedPath::parse("large").unwrap()).unwrap();
            Version::from(entry)
        };
        let contents = Arc::clone(&site.identifying.as_ref().unwrap().contents);
        let path = SharedPath::parse("large").unwrap();
        let Known::Outline(id, mut values) = contents.outline(&path, version) else { panic!("it is known") };
        let read = values.read(1000).unwrap();
        let proofs = read.chunks(32).map(|value| value.try_into().unwrap()).collect();
        assert!(Outline::new(id, version.size, proofs).unwrap().proves(2, &large[2 * PIECE_BYTES..]));
        let other = Version { modified: 1, ..version };
        assert!(matches!(contents.outline(&path, other), Known::Later));
        // With all who hold it: the log is locked for as long as it is open.
        drop((site, contents, values));
        // It is not read again: the bytes are others, but the facts are the same.
        let time = fs::metadata(root.path().join("small")).unwrap().modified().unwrap();
        fs::write(root.path().join("small"), "SMALL").unwrap();
        fs::File::options().write(true).open(root.path().join("small")).unwrap().set_modified(time).unwrap();
        let site = Site::start(root.path(), state.path());
        site.wait_for(3);
        assert_eq!(site.id("small"), Some(Hashing::id_of(b"small")));
    }

    #[test]
    fn what_is_asked_for_comes_first_and_the_end_is_at_once() {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let huge = fs::File::create(root.path().join("a huge one")).unwrap();
        huge.set_len(1 << 40).unwrap();
        fs::write(root.path().join("b"), "b").unwrap();
        huge.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        // It was changed last.
        let share = Share::open(root.path(), ShareOptions::default()).unwrap();
        let path = SharedPath::parse("a huge one").unwrap();
        let opened = share.open_file(&path).unwrap();
        wait_until(|| is_at_rest_for(&opened, REST));
        let site = Site::start(root.path(), state.path());
        let path = SharedPath::parse("b").unwrap();
        let entry = *site.catalog.lock().unwrap().entry(&path).unwrap();
        let version = Version::from(&entry);
        let contents = Arc::clone(&site.identifying.as_ref().unwrap().contents);
        wait_until(|| matches!(contents.outline(&path, version), Known::Outline(..)));
        site.wait_for(1);
        assert_eq!(site.id("b"), Some(Hashing::id_of(b"b")));
        let catalog = Arc::clone(&site.catalog);
        drop(site);
        let huge = SharedPath::parse("a huge one").unwrap();
        assert_eq!(catalog.lock().unwrap().entry(&huge).unwrap().id, None, "nobody waited for that");
        // A change of what was known is applied to the version it is of.
        let mut catalog = Catalog::default();
        catalog.insert(path.clone(), entry);
        let id = Hashing::id_of(b"b");
        let change = |version| folder::Change::Identified { path: path.clone(), version, id };
        apply(vec![change(Version { size: 9, ..version })], &mut catalog);
        assert_eq!(catalog.entry(&path).unwrap().id, None);
        apply(vec![change(version)], &mut catalog);
        assert_eq!(catalog.entry(&path).unwrap().id, Some(id));
    }
}
