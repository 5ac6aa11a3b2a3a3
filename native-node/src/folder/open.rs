//! Opens a shared file for reading: beneath the share, never through a link, never waiting on what is no file.
//!
//! It trusts no list: what was a file when it was listed may be a FIFO or a link now (A4, A5, A7).

use std::fs::{self, File};
use std::io;

use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use shared::SharedPath;

use super::{Share, beneath, positioned};
use crate::source::Version;

/// A shared file that is open, with its facts at that moment.
#[derive(Debug)]
pub struct OpenedFile {
    /// For reading. Its position is at the start; [`OpenedFile::read_at`] leaves it there.
    pub file: File,
    /// Length in bytes.
    pub size: u64,
    /// Last change, in nanoseconds since 1970-01-01 UTC.
    pub modified: i64,
    /// Whether its owner may run it.
    pub executable: bool,
    /// Device and inode: the same for as long as it is the same file.
    pub identity: (u64, u64),
}

/// Why a shared file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such file, or one that is not for others to see.
    #[error("there is no such file")]
    Missing,
    /// A folder, FIFO, socket or device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It, or a folder above it, is a symbolic link.
    #[error("it is reached through a symbolic link, and links are not shared")]
    Outside,
    /// Its permissions keep us out.
    #[error("the node may not read it; its owner can change its permissions")]
    Denied,
    /// Anything else the system said.
    #[error("it cannot be opened: {0}")]
    Io(io::Error),
}

impl OpenedFile {
    /// An open file with its facts of now.
    ///
    /// # Errors
    /// [`OpenError::NotAFile`], or what the system says.
    pub(super) fn of(file: File) -> Result<Self, OpenError> {
        let facts = Metadata::from_file(&file)?;
        if !facts.is_file() {
            return Err(OpenError::NotAFile);
        }
        let entry = beneath::entry(&facts);
        let identity = (facts.dev(), facts.ino());
        Ok(Self { file, size: entry.size, modified: entry.modified, executable: entry.executable, identity })
    }

    /// Reads at an offset, wherever the file's own position is.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        positioned::read_at(&self.file, buffer, offset)
    }

    /// The same until `buffer` is full or the file ends; how many bytes there were.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read_full_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        positioned::read_full_at(&self.file, buffer, offset)
    }

    /// Which version of the file it was when it was opened.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { size: self.size, modified: self.modified }
    }

    /// Whether it is still as it was when it was opened, as far as its length and its time tell.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(self.is_as(&self.file.metadata()?))
    }

    /// Whether it moreover still has a name, as far as the system says.
    #[must_use]
    pub fn is_linked_and_unchanged(&self) -> bool {
        #[cfg(unix)]
        let is_linked = |now: &fs::Metadata| std::os::unix::fs::MetadataExt::nlink(now) > 0;
        #[cfg(not(unix))]
        let is_linked = |_: &fs::Metadata| true;
        self.file.metadata().is_ok_and(|now| is_linked(&now) && self.is_as(&now))
    }

    fn is_as(&self, now: &fs::Metadata) -> bool {
        let now = beneath::entry(&Metadata::from_just_metadata(now.clone()));
        (now.size, now.modified) == (self.size, self.modified)
    }
}

impl Share {
    /// Opens a shared file.
    ///
    /// # Errors
    /// An [`OpenError`]; none of them waited for anybody.
    pub fn open_file(&self, path: &SharedPath) -> Result<OpenedFile, OpenError> {
        let root = self.dir().filter(|_| self.offers(path)).ok_or(OpenError::Missing)?;
        let parent = beneath::parent(&root, path).map_err(|error| through_link(error, &root, path))?;
        let name = path.file_name();
        // Opening a FIFO lets its writer go on, opening a device may do anything: ask first, then make sure.
        let before = parent.symlink_metadata(name).map_err(OpenError::from)?;
        if before.is_symlink() {
            return Err(OpenError::Outside);
        }
        if !before.is_file() {
            return Err(OpenError::NotAFile);
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = parent.open_with(name, &options).map_err(|error| through_link(error, &root, path))?;
        OpenedFile::of(file.into_std())
    }
}

/// Finds out whether a link was in the way, which each system words differently.
fn through_link(error: io::Error, root: &Dir, path: &SharedPath) -> OpenError {
    let ends = path.as_str().match_indices('/').map(|(end, _)| end).chain([path.as_str().len()]);
    let is_link = |prefix: &str| root.symlink_metadata(prefix).is_ok_and(|facts| facts.is_symlink());
    if ends.filter_map(|end| path.as_str().get(..end)).any(is_link) { OpenError::Outside } else { error.into() }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    #[cfg(unix)]
    use std::os::unix::fs::symlink;
    use std::path::Path;
    #[cfg(unix)]
    use std::sync::atomic::{AtomicBool, Ordering};
    #[cfg(unix)]
    use std::time::{Duration, Instant};

    use super::*;
    use crate::folder::ShareOptions;

    fn share(root: &Path) -> Share {
        Share::open(root, ShareOptions::default()).unwrap()
    }

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    #[test]
    fn opens_a_file_with_its_facts() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("d/e")).unwrap();
        fs::write(temp.path().join("d/e/a"), "hello").unwrap();
        let mut opened = share(temp.path()).open_file(&path("d/e/a")).unwrap();
        let mut text = [0; 3];
        assert_eq!(opened.read_at(&mut text, 2).unwrap(), 3);
        assert_eq!((&text, opened.size), (b"llo", 5));
        let mut whole = String::new();
        opened.file.rewind().unwrap();
        opened.file.read_to_string(&mut whole).unwrap();
        assert_eq!(whole, "hello");
    }

    #[cfg(unix)]
    #[test]
    fn a4_a_link_is_refused_wherever_it_leads() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join(".hidden")).unwrap();
        fs::write(temp.path().join(".hidden/a"), "secret").unwrap();
        symlink("/etc/passwd", temp.path().join("passwd")).unwrap();
        symlink("/etc", temp.path().join("etc")).unwrap();
        symlink(".hidden", temp.path().join("inside")).unwrap();
        for name in ["passwd", "etc/passwd", "inside/a"] {
            let error = share(temp.path()).open_file(&path(name)).unwrap_err();
            assert!(matches!(error, OpenError::Outside), "{name}: {error}");
        }
    }

    /// Tells another thread that all is done, once it is dropped.
    #[cfg(unix)]
    struct Done<'a>(&'a AtomicBool);

    #[cfg(unix)]
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a5_swapping_a_folder_for_a_link_shows_nothing_from_outside() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("a"), "outside").unwrap();
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/a"), "inside").unwrap();
        symlink(outside.path(), at("link")).unwrap();
        fs::rename(at("real"), at("d")).unwrap();
        let (share, done) = (share(temp.path()), AtomicBool::new(false));
        let (mut inside, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            // Also where an assertion fails: nobody waits for ever then.
            let _done = Done(&done);
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for (from, to) in [("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")] {
                        fs::rename(at(from), at(to)).unwrap();
                    }
                }
            });
            for number in 0..100_000 {
                let at_once = (number % 2 == 0).then(|| share.open_file_at_once(&path("d/a"))).flatten();
                match at_once.map_or_else(|| share.open_file(&path("d/a")), Ok) {
                    Ok(mut opened) => {
                        let mut text = String::new();
                        opened.file.read_to_string(&mut text).unwrap();
                        assert_eq!(text, "inside");
                        inside += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        });
        assert!(inside > 0 && refused > 0, "no race was seen: {inside} opened, {refused} refused");
    }

    #[cfg(unix)]
    #[test]
    fn a7_fifo_folder_and_socket_are_refused_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let fifo = temp.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        fs::create_dir(temp.path().join("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(temp.path().join("socket")).unwrap();
        let start = Instant::now();
        for name in ["fifo", "folder", "socket"] {
            assert!(matches!(share(temp.path()).open_file(&path(name)), Err(OpenError::NotAFile)), "{name}");
        }
        assert!(matches!(share(temp.path()).open_file(&path("none")), Err(OpenError::Missing)));
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a14_hidden_and_own_files_are_missing() {
        let temp = tempfile::tempdir().unwrap();
        for name in [".hidden", ".tinyp2p.a.0.part"] {
            fs::write(temp.path().join(name), "secret").unwrap();
            assert!(matches!(share(temp.path()).open_file(&path(name)), Err(OpenError::Missing)));
        }
    }
}
