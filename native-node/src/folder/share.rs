//! The shared folder itself: its handle, what of it is offered, and whether it is still there.
//!
//! It holds no list of files; the catalog does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cap_fs_ext::MetadataExt;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use shared::SharedPath;

use crate::lock::LockExt;

use super::watcher::silent_file_system;

/// What a person chose about the folder they share.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShareOptions {
    /// Dot files and dot folders are shared too.
    pub hidden: bool,
}

/// Why a folder cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is nothing of that name.
    #[error("there is no folder {0:?}; create it or name another")]
    Missing(PathBuf),
    /// It is a file or something else.
    #[error("{0:?} is not a folder")]
    NotAFolder(PathBuf),
    /// Its permissions keep us out.
    #[error("the folder {0:?} may not be read by this user; change its permissions or name another")]
    Denied(PathBuf),
    /// Anything else the system said.
    #[error("the folder {0:?} cannot be opened: {1}")]
    Io(PathBuf, io::Error),
}

/// A folder that is shared, whatever later happens to it: see [`watch`](super::watch()) and
/// [`open_file`](Share::open_file).
#[derive(Debug)]
pub struct Share {
    root: PathBuf,
    options: ShareOptions,
    /// `None` while the folder is gone.
    handle: Mutex<Option<Handle>>,
}

#[derive(Debug, Clone)]
struct Handle {
    dir: Arc<Dir>,
    /// Device and inode, by which a folder put in its place is noticed.
    identity: (u64, u64),
    /// Whether its disk is one of this machine.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "asked only where files can be opened at once"))]
    is_local: bool,
}

/// What a look at the root found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// The folder we had.
    Same,
    /// Another folder under its name, now ours.
    New,
    /// None that can be opened.
    Gone,
}

impl Share {
    /// Opens the folder; nothing in it is read yet.
    ///
    /// # Errors
    /// A [`FolderError`] that names the folder.
    pub fn open(root: &Path, options: ShareOptions) -> Result<Self, FolderError> {
        let wrong = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FolderError::Missing(root.into()),
            io::ErrorKind::NotADirectory => FolderError::NotAFolder(root.into()),
            io::ErrorKind::PermissionDenied => FolderError::Denied(root.into()),
            _ => FolderError::Io(root.into(), error),
        };
        // Events name files by the real path of the folder; a link or `..` in what was typed would never match.
        let root = dunce::canonicalize(root).map_err(wrong)?;
        let handle = Handle::open(&root).map_err(wrong)?;
        // A folder may be entered without being readable: say so now, not by an empty list.
        handle.dir.entries().map_err(wrong)?;
        Ok(Self { root, options, handle: Mutex::new(Some(handle)) })
    }

    /// The folder's real path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a file of this name is for others to see: neither hidden (unless chosen) nor this program's own (A14).
    #[must_use]
    pub fn offers(&self, path: &SharedPath) -> bool {
        path.parts().all(|name| self.offers_name(name))
    }

    pub(super) fn offers_name(&self, name: &str) -> bool {
        !shared::is_own_name(name) && (self.options.hidden || !name.starts_with('.'))
    }

    /// The handle everything is opened below; none while the folder is gone.
    pub(super) fn dir(&self) -> Option<Arc<Dir>> {
        let handle = self.handle.locked();
        handle.as_ref().map(|handle| Arc::clone(&handle.dir))
    }

    /// The same, where nobody else has to be asked about its files.
    #[cfg(target_os = "linux")]
    pub(super) fn local_dir(&self) -> Option<Arc<Dir>> {
        let handle = self.handle.locked();
        handle.as_ref().filter(|handle| handle.is_local).map(|handle| Arc::clone(&handle.dir))
    }

    /// Looks whether the folder's name still leads to the folder we hold, and takes what it leads to.
    pub(super) fn look_at_root(&self) -> Root {
        let now = match Handle::open(&self.root) {
            Err(error) if is_shortage(&error) => return Root::Same,
            now => now.ok(),
        };
        let mut held = self.handle.locked();
        let found = match (&*held, &now) {
            (_, None) => Root::Gone,
            (Some(held), Some(now)) if held.identity == now.identity => return Root::Same,
            (_, Some(_)) => Root::New,
        };
        *held = now;
        found
    }
}

/// Whether it says nothing of what was looked at, only that we, or this machine, have too little at the moment.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
    }
    #[cfg(not(unix))]
    {
        error.kind() == io::ErrorKind::OutOfMemory
    }
}

impl Handle {
    fn open(root: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        let metadata = dir.dir_metadata()?;
        let is_local = silent_file_system(root).is_none();
        Ok(Self { dir: Arc::new(dir), identity: (metadata.dev(), metadata.ino()), is_local })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_shared_is_refused_by_name() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("file"), "").unwrap();
        let refuse = |name: &str| Share::open(&temp.path().join(name), ShareOptions::default()).unwrap_err();
        assert!(matches!(refuse("none"), FolderError::Missing(_)));
        assert!(matches!(refuse("file"), FolderError::NotAFolder(_)));
        assert!(refuse("none").to_string().contains("none"));
    }

    #[test]
    fn a14_own_and_hidden_names_are_not_offered() {
        let temp = tempfile::tempdir().unwrap();
        let offers = |hidden, text| {
            let share = Share::open(temp.path(), ShareOptions { hidden }).unwrap();
            share.offers(&SharedPath::parse(text).unwrap())
        };
        assert!(offers(false, "a/b") && !offers(false, ".a/b") && !offers(false, "a/.b"));
        assert!(offers(true, ".a/.b") && !offers(true, "a/.tinyp2p.x.part") && !offers(true, ".tinyp2p/key"));
    }
}
