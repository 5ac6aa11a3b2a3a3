//! The folders that files are saved into, opened once and remembered for a while.
//!
//! Opened one component at a time and never through a symbolic link (A6), created where they are missing. Each knows the
//! folded names it holds, so that saving a thousand files does not read the folder a thousand times (A9).

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use shared::SharedPath;

use super::durable::Disk;
use crate::lock::LockExt;

/// Most folders kept open between two files; each costs a file descriptor.
const KEPT_OPEN: usize = 64;

/// A folder that files are saved into.
#[derive(Debug)]
pub(super) struct IntoFolder {
    pub(super) dir: Dir,
    /// As a person would find it.
    pub(super) path: PathBuf,
    /// The file system it is on.
    pub(super) disk: Arc<Disk>,
    inode: u64,
    /// The folder it was created in and whose entry for it may not be durable yet.
    pub(super) parent: Option<Arc<IntoFolder>>,
    /// Created by us, and not yet known to survive a power cut.
    pub(super) is_new: AtomicBool,
    /// Whether unfinished files that nobody goes on with were looked for.
    pub(super) is_swept: AtomicBool,
    /// Read at the first question.
    folded: Mutex<Option<Names>>,
}

/// The names in a folder by their folded form.
type Names = HashMap<String, Vec<String>>;

impl IntoFolder {
    /// `near` is a disk that it is likely to be on.
    fn new(dir: Dir, path: PathBuf, near: Option<&Arc<Disk>>, is_new: bool) -> io::Result<Self> {
        let facts = dir.dir_metadata()?;
        let is_new = AtomicBool::new(is_new);
        let disk = near.filter(|disk| disk.device == facts.dev()).cloned();
        let disk = disk.unwrap_or_else(|| Arc::new(Disk::of(&dir, facts.dev())));
        let (inode, is_swept) = (facts.ino(), AtomicBool::new(false));
        Ok(Self { dir, path, disk, inode, parent: None, is_new, is_swept, folded: Mutex::new(None) })
    }

    /// Whether it is still what `name` in `parent` leads to, and was not moved, removed or replaced by a link.
    fn is_still(&self, parent: &Self, name: &str) -> bool {
        let facts = parent.dir.symlink_metadata(name);
        facts.is_ok_and(|facts| (facts.dev(), facts.ino()) == (self.disk.device, self.inode))
    }

    /// Whether it is what this path leads to.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let facts = Dir::open_ambient_dir(path, ambient_authority()).and_then(|dir| dir.dir_metadata());
        facts.is_ok_and(|facts| (facts.dev(), facts.ino()) == (self.disk.device, self.inode))
    }

    /// Opens a file to read it, and nothing else that has this name.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        if !self.dir.symlink_metadata(name)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no file"));
        }
        Ok(self.dir.open_with(name, OpenOptions::new().read(true).follow(FollowSymlinks::No))?.into_std())
    }

    /// Whether anything, also a dangling link, has this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.dir.symlink_metadata(name).is_ok()
    }

    /// Whether it is this name by which something is held, and not another that this file system takes for it (A9).
    pub(super) fn has_spelled(&self, name: &str) -> io::Result<bool> {
        let is_spelled =
            |known: &Names| known.get(&shared::fold(name)).is_some_and(|all| all.iter().any(|it| it == name));
        let mut folded = self.folded.locked();
        // It may have come since they were read.
        match &*folded {
            Some(known) if is_spelled(known) => Ok(true),
            _ => Ok(is_spelled(folded.insert(self.read_names()?))),
        }
    }

    /// Whether another name is there that some file system would take for this one (A9).
    ///
    /// Names that other programs added since the first question may be missed, which replaces nothing.
    pub(super) fn has_double_of(&self, name: &str) -> io::Result<bool> {
        let mut folded = self.folded.locked();
        let known = match &mut *folded {
            Some(known) => known,
            none => none.insert(self.read_names()?),
        };
        let Some(doubles) = known.get_mut(&shared::fold(name)) else { return Ok(false) };
        doubles.retain(|double| self.holds(double));
        Ok(doubles.iter().any(|double| double != name))
    }

    /// Remembers a name that was just given to a file.
    pub(super) fn remember(&self, name: &str) {
        if let Some(known) = &mut *self.folded.locked() {
            known.entry(shared::fold(name)).or_default().push(name.into());
        }
    }

    /// The names in it that are text.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = String>> {
        let entries = self.dir.entries()?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()))
    }

    fn read_names(&self) -> io::Result<Names> {
        let mut known = Names::new();
        for name in self.names()? {
            known.entry(shared::fold(&name)).or_default().push(name);
        }
        Ok(known)
    }
}

/// All folders at and below the one that downloads go to.
#[derive(Debug)]
pub(super) struct IntoFolders {
    root: Arc<IntoFolder>,
    open: Mutex<HashMap<String, Arc<IntoFolder>>>,
}

impl IntoFolders {
    /// Opens the root, creating it where it is missing; a person finds it as `shown`.
    pub(super) fn open(root: &Path, shown: &Path) -> io::Result<Self> {
        let missing: Vec<&Path> = root.ancestors().take_while(|folder| !folder.exists()).collect();
        std::fs::create_dir_all(root)?;
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        for folder in missing.iter().filter_map(|folder| folder.parent()) {
            // Best effort: most systems let nobody sync a folder they may not list.
            let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        }
        let root = Arc::new(IntoFolder::new(dir, shown.into(), None, false)?);
        Ok(Self { root, open: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Arc<IntoFolder> {
        &self.root
    }

    /// The folder that is to hold `path`, if it is there.
    pub(super) fn find(&self, path: &SharedPath) -> io::Result<Arc<IntoFolder>> {
        self.descend(path, false)
    }

    /// The folder that is to hold `path`, created where it is missing.
    pub(super) fn make(&self, path: &SharedPath) -> io::Result<Arc<IntoFolder>> {
        self.descend(path, true)
    }

    fn descend(&self, path: &SharedPath, create: bool) -> io::Result<Arc<IntoFolder>> {
        let mut here = Arc::clone(&self.root);
        for (slash, _) in path.as_str().match_indices('/') {
            let (folder, name) = match path.as_str().get(..slash) {
                Some(folder) => (folder, folder.rsplit('/').next().unwrap_or(folder)),
                None => return Err(io::ErrorKind::InvalidInput.into()),
            };
            let mut open = self.open.locked();
            here = match open.get(folder) {
                Some(known) if known.is_still(&here, name) => Arc::clone(known),
                _ => {
                    let next = Arc::new(enter(&here, name, create)?);
                    if open.len() >= KEPT_OPEN {
                        open.retain(|_, folder| Arc::strong_count(folder) > 1);
                    }
                    open.insert(folder.into(), Arc::clone(&next));
                    next
                }
            };
        }
        Ok(here)
    }
}

fn enter(parent: &Arc<IntoFolder>, name: &str, create: bool) -> io::Result<IntoFolder> {
    let path = parent.path.join(name);
    let (dir, is_new) = match parent.dir.open_dir_nofollow(name) {
        Ok(dir) => (dir, false),
        Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
            match parent.dir.create_dir(name) {
                // Another download may have been faster.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            parent.remember(name);
            (parent.dir.open_dir_nofollow(name)?, true)
        }
        Err(error) => return Err(error),
    };
    let above = is_new || parent.is_new.load(Ordering::Relaxed);
    let folder = IntoFolder::new(dir, path, Some(&parent.disk), is_new)?;
    Ok(IntoFolder { parent: above.then(|| Arc::clone(parent)), ..folder })
}
