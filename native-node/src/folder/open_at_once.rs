//! Opens a shared file without waiting for anything, where the system has all that it takes in memory.
//!
//! A hop to a thread that may wait costs more than opening and reading a small file. Only Linux says what would wait; what
//! cannot be opened here, for whatever reason, is opened by [`Share::open_file`], which also says why it cannot be.

use shared::SharedPath;

use super::{OpenedFile, Share};

impl Share {
    /// Opens a shared file if that takes no waiting; beneath the share and through no link, as always.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn open_file_at_once(&self, path: &SharedPath) -> Option<OpenedFile> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        use std::fs::File;

        // A disk that is elsewhere is asked about each file that is opened, and what is mounted below may be one.
        let root = self.local_dir().filter(|_| self.offers(path))?;
        let open = |how: OFlags| {
            let resolve =
                ResolveFlags::CACHED | ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat2(&*root, path.as_str(), how, Mode::empty(), resolve).map(File::from).ok()
        };
        // As in `open_file`: first what it is, which opens nothing, then the file itself.
        let is_file = open(OFlags::PATH)?.metadata().is_ok_and(|facts| facts.is_file());
        let file = is_file.then(|| open(OFlags::RDONLY | OFlags::NONBLOCK))??;
        OpenedFile::of(file).ok()
    }

    /// Nothing here: this system does not say what would wait.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn open_file_at_once(&self, _path: &SharedPath) -> Option<OpenedFile> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::folder::ShareOptions;

    #[test]
    fn what_is_in_memory_is_opened_and_nothing_else_than_by_open_file() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir_all(at("d/e")).unwrap();
        fs::create_dir(at(".hidden")).unwrap();
        for name in ["a", "d/e/a", ".hidden/a", ".tinyp2p.a.0.part"] {
            fs::write(at(name), "hello").unwrap();
        }
        symlink("a", at("link")).unwrap();
        symlink("d", at("folder-link")).unwrap();
        symlink("/etc", at("etc")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
        let path = |name| SharedPath::parse(name).unwrap();
        let mut opened = 0;
        for name in ["a", "d/e/a"] {
            let slowly = share.open_file(&path(name)).unwrap();
            if let Some(at_once) = share.open_file_at_once(&path(name)) {
                assert_eq!((at_once.version(), at_once.identity), (slowly.version(), slowly.identity));
                opened += 1;
            }
        }
        // Linux before 5.12, and file systems that keep no names in memory, never say that it takes no waiting.
        eprintln!("{opened} of 2 were opened at once");
        for name in
            ["none", "d", "fifo", "link", "folder-link/e/a", "etc/passwd", ".hidden/a", ".tinyp2p.a.0.part", "a/a"]
        {
            assert!(share.open_file_at_once(&path(name)).is_none(), "{name}");
        }
    }
}
