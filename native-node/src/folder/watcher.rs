//! The system's own watch on the folder (inotify, FSEvents, …), and whether it can be relied on.
//!
//! On Linux each folder is watched by itself, just before the walk reads it, so that nothing can appear unseen between
//! the two; `notify`'s own recursion would read every folder a second time and watch hidden ones. Elsewhere one
//! recursive watch covers all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use shared::SharedPath;

use super::inbox::{Event, Inbox};

/// The watch on one shared folder.
#[derive(Debug)]
pub(super) struct FolderWatcher {
    root: PathBuf,
    watcher: Option<RecommendedWatcher>,
    /// Something of the folder is watched by nobody.
    blind: bool,
}

impl FolderWatcher {
    /// Opens a watch that reports to `inbox`; covers nothing yet.
    pub(super) fn open(root: &Path, inbox: &Arc<Inbox>) -> Self {
        let mut this = Self { root: root.into(), watcher: None, blind: false };
        if let Some(kind) = silent_file_system(root) {
            this.go_blind(&format!("{kind} does not report what others change"));
            return this;
        }
        let inbox = Arc::clone(inbox);
        let report = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.need_rescan() => inbox.overflowed(),
            Ok(event) => match event.kind {
                // Every file we serve is opened and read: only the end of a writing matters.
                EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write) => {}
                EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                    inbox.happened(Event::Came, event.paths);
                }
                _ => inbox.happened(Event::Changed, event.paths),
            },
            Err(_) => inbox.overflowed(),
        };
        match RecommendedWatcher::new(report, Config::default().with_follow_symlinks(false)) {
            Ok(watcher) => this.watcher = Some(watcher),
            Err(error) => this.go_blind(&error.to_string()),
        }
        this
    }

    /// One that sees nothing, for tests of what happens then.
    #[cfg(test)]
    pub(super) fn shut(root: &Path, _inbox: &Arc<Inbox>) -> Self {
        Self { root: root.into(), watcher: None, blind: true }
    }

    /// One that sees nothing and does not know it, for the same.
    #[cfg(test)]
    pub(super) fn asleep(root: &Path, _inbox: &Arc<Inbox>) -> Self {
        Self { root: root.into(), watcher: None, blind: false }
    }

    /// Watches one folder, before its contents are read.
    pub(super) fn cover(&mut self, folder: Option<&SharedPath>) {
        let mode = match folder {
            _ if cfg!(target_os = "linux") => RecursiveMode::NonRecursive,
            None => RecursiveMode::Recursive,
            Some(_) => return,
        };
        let Some(watcher) = &mut self.watcher else { return };
        let path = folder.map_or_else(|| self.root.clone(), |folder| self.root.join(folder.as_str()));
        match watcher.watch(&path, mode) {
            Ok(()) => {}
            Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
            Err(error) if folder.is_some() && cannot_be_listed(&error.kind) => {}
            Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => self.go_blind(
                "the system's limit of watched folders is reached (on Linux: raise fs.inotify.max_user_watches)",
            ),
            Err(error) => self.go_blind(&error.to_string()),
        }
    }

    /// Whether everything is watched, so that looking by ourselves is a mere precaution.
    pub(super) fn see_everything(&self) -> bool {
        !self.blind
    }

    /// Says once what it means for the person.
    fn go_blind(&mut self, why: &str) {
        if !self.blind {
            tracing::warn!("changes in {:?} are noticed some seconds late: {why}", self.root);
        }
        self.blind = true;
    }
}

/// Whether it is a folder of which nothing is shared, or none any more: if it becomes one, the folder above it says so.
fn cannot_be_listed(error: &ErrorKind) -> bool {
    let ErrorKind::Io(error) = error else { return false };
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
}

/// The kind of file system below `root`, if it is one on which others' changes raise no events here.
#[cfg(target_os = "linux")]
pub(super) fn silent_file_system(root: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(root).ok()?.f_type;
    // Magic numbers of statfs(2).
    match u32::try_from(kind & 0xFFFF_FFFF).ok()? {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F => Some("AFS"),
        0x786F_4256 => Some("a VirtualBox folder"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn silent_file_system(_root: &Path) -> Option<&'static str> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Symptom: one folder that may not be read (`lost+found`) had the whole share looked through for ever.
    #[test]
    fn a_folder_that_cannot_be_watched_leaves_the_others_watched() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("file"), "").unwrap();
        let mut watcher = FolderWatcher::open(temp.path(), &Arc::new(Inbox::default()));
        watcher.cover(None);
        for gone in ["none", "file/below"] {
            watcher.cover(Some(&SharedPath::parse(gone).unwrap()));
            assert!(watcher.see_everything(), "{gone}");
        }
        // Root may read all folders.
        assert!(cannot_be_listed(&ErrorKind::Io(io::ErrorKind::PermissionDenied.into())));
        assert!(!cannot_be_listed(&ErrorKind::MaxFilesWatch));
    }
}
