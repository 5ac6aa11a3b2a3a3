//! Where downloads go: what is already there, and files that are being written.
//!
//! A file grows under a name of our own and gets its final name only from [`commit`](super::commit()), so a file under
//! its final name is whole. Nothing that was there before is ever changed: no name is opened for writing that was not made
//! a moment ago (A6). Names are taken as they are given: making them safe is [`SharedPath`]'s business.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use shared::{Entry, SharedPath};

use super::into_folder::{IntoFolder, IntoFolders};
use super::{Stamp, beneath, lasting, names};

/// Numbers tried before a name is given up: `a (1).txt`, `a (2).txt`, …
pub(super) const MOST_NUMBERED: u32 = 10_000;

/// Why a file cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The disk or the quota is used up.
    #[error("no space is left for {0:?}; free some or name another folder, and start again")]
    Full(PathBuf),
    /// Permissions, or a disk that can only be read.
    #[error("nothing may be written to {0:?}; change its permissions or name another folder")]
    Denied(PathBuf),
    /// Where a folder is needed there is a file or a symbolic link.
    #[error("{0:?} would have to be a folder, but a file or a link has that name")]
    Blocked(PathBuf),
    /// The file system cannot rename without replacing, so the promise never to replace could not be kept.
    #[error("the disk of {0:?} cannot rename a file without replacing another; name a folder on another disk")]
    CannotRename(PathBuf),
    /// Every numbered name is taken, or none fits.
    #[error("{0:?} and its numbered names are all taken")]
    Crowded(PathBuf),
    /// Anything else the system said.
    #[error("{0:?} cannot be saved: {1}")]
    Io(PathBuf, io::Error),
}

impl SaveError {
    pub(super) fn from_io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.into();
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full(path),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Denied(path),
            Kind::NotADirectory => Self::Blocked(path),
            _ => Self::Io(path, error),
        }
    }
}

/// What to do about a file that somebody offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// Something of this name, or the numbered one it would get, is here: leave it out. Which, and its facts if it is a file.
    AlreadyHere(SharedPath, Option<Entry>),
    /// It will get this name, unless another program takes it meanwhile.
    SaveAs(SharedPath),
}

/// The folder downloads go to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Destination {
    pub(super) folders: Arc<IntoFolders>,
}

impl Destination {
    /// Opens the folder, creating it and those above it where they are missing.
    ///
    /// # Errors
    /// A [`SaveError`] that names it.
    pub fn open(dir: &Path) -> Result<Self, SaveError> {
        Self::open_as(dir, dir)
    }

    /// The same; errors call it `shown`, for who may not know where it is.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn open_as(dir: &Path, shown: &Path) -> Result<Self, SaveError> {
        let folders = IntoFolders::open(dir, shown).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::Blocked(shown.into()),
            _ => SaveError::from_io(shown, error),
        })?;
        Ok(Self { folders: Arc::new(folders) })
    }

    /// Whether it is still what this path leads to.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        self.folders.root().is_at(path)
    }

    /// As a person would find it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folders.root().path
    }

    /// Whether anything has this very name.
    #[must_use]
    pub fn has(&self, name: &SharedPath) -> bool {
        self.folders.find(name).is_ok_and(|folder| folder.holds(name.file_name()))
    }

    /// The names directly in the folder that are text, unfinished files excepted.
    ///
    /// # Errors
    /// [`SaveError::Denied`] or what else the system says.
    pub fn names(&self) -> Result<BTreeSet<String>, SaveError> {
        let root = self.folders.root();
        let names = root.names().map_err(|error| SaveError::from_io(&root.path, error))?;
        Ok(names.filter(|name| !shared::is_own_name(name)).collect())
    }

    /// Under what name a file would be saved, so that one saved by an earlier run is recognised.
    ///
    /// # Errors
    /// What the system says when the folder cannot be read.
    pub fn final_name(&self, path: &SharedPath) -> Result<Planned, SaveError> {
        let folder = match self.folders.find(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Planned::SaveAs(path.clone())),
            // In the way is something that `begin` will name.
            Err(error) => return Err(self.wrong(path, error)),
        };
        for candidate in candidates(path) {
            let name = candidate.file_name();
            let wrong = |error| SaveError::from_io(&folder.path, error);
            if folder.holds(name) {
                if folder.has_spelled(name).map_err(wrong)? {
                    let facts = folder.dir.symlink_metadata(name).ok().filter(cap_std::fs::Metadata::is_file);
                    return Ok(Planned::AlreadyHere(candidate, facts.as_ref().map(beneath::entry)));
                }
            } else if !folder.has_double_of(name).map_err(wrong)? {
                return Ok(Planned::SaveAs(candidate));
            }
        }
        Err(SaveError::Crowded(folder.path.join(path.file_name())))
    }

    /// Opens a file that is here, to read it; nothing that a link leads to.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read(&self, path: &SharedPath) -> io::Result<File> {
        self.folders.find(path)?.read(path.file_name())
    }

    /// Begins a file, creating the folders it lies in.
    ///
    /// # Errors
    /// A [`SaveError`]; nothing is left behind but perhaps empty folders.
    pub fn begin(&self, path: &SharedPath) -> Result<PartFile, SaveError> {
        let begin = || -> io::Result<FinishedPart> {
            let folder = self.folder_for(path)?;
            let name = names::part_name(path.file_name(), getrandom::u64().map_err(io::Error::other)?);
            let file = create(&folder.dir, &name)?;
            Ok(FinishedPart::new(folder, name, file, path.clone(), false))
        };
        begin().map(|part| PartFile { part }).map_err(|error| self.wrong(path, error))
    }

    /// The folder that `path` lies in, created where it is missing, and tidied.
    pub(super) fn folder_for(&self, path: &SharedPath) -> io::Result<Arc<IntoFolder>> {
        let folder = self.folders.make(path)?;
        lasting::sweep(&folder);
        Ok(folder)
    }

    /// Words an error about `path`, finding what is in the way where something is.
    pub(super) fn wrong(&self, path: &SharedPath, error: io::Error) -> SaveError {
        let root = self.folders.root();
        for (slash, _) in path.as_str().match_indices('/') {
            let Some(folder) = path.as_str().get(..slash) else { break };
            if root.dir.symlink_metadata(folder).is_ok_and(|facts| !facts.is_dir()) {
                return SaveError::Blocked(root.path.join(folder));
            }
        }
        SaveError::from_io(&root.path, error)
    }
}

/// Creates a file that was not there: by this very call or not at all, and never through a link (A6).
pub(super) fn create(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
    Ok(dir.open_with(name, &options)?.into_std())
}

/// The names a file may get, in the order of preference.
pub(super) fn candidates(path: &SharedPath) -> impl Iterator<Item = SharedPath> + '_ {
    let numbered = (1..=MOST_NUMBERED).map_while(|number| path.numbered(number).ok());
    std::iter::once(path.clone()).chain(numbered)
}

/// A file that is being written. Dropped, it is removed.
#[derive(Debug)]
pub struct PartFile {
    part: FinishedPart,
}

impl PartFile {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// A [`SaveError`] that names the folder; the file is of no use then.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), SaveError> {
        self.part.file.write_all(bytes).map_err(|error| SaveError::from_io(&self.part.folder.path, error))
    }

    /// The name it was begun for.
    #[must_use]
    pub fn path(&self) -> &SharedPath {
        &self.part.path
    }

    /// All bytes are written: it may be [committed](super::commit()).
    #[must_use]
    pub fn finish(self) -> FinishedPart {
        self.part
    }
}

/// A file that is whole but neither durable nor under its final name. Dropped, it is removed, unless it is to last.
#[derive(Debug)]
pub struct FinishedPart {
    pub(super) folder: Arc<IntoFolder>,
    /// Its name until it has its final one.
    pub(super) name: String,
    pub(super) file: File,
    /// The name it was begun for.
    pub(super) path: SharedPath,
    pub(super) is_placed: bool,
    /// Whether it stays under the name it has until it gets its final one, as long as it holds anything.
    pub(super) lasts: AtomicBool,
    /// What it is marked with before it gets that.
    pub(super) stamp: Stamp,
    /// Whether it is known to hold what its holder hashed: then another that holds the same is as good.
    pub(super) is_proved: bool,
}

impl FinishedPart {
    pub(super) fn new(folder: Arc<IntoFolder>, name: String, file: File, path: SharedPath, lasts: bool) -> Self {
        let (lasts, stamp) = (AtomicBool::new(lasts), Stamp::default());
        Self { folder, name, file, path, is_placed: false, lasts, stamp, is_proved: false }
    }
}

impl Drop for FinishedPart {
    fn drop(&mut self) {
        let lasts = self.lasts.load(Ordering::Relaxed) && self.file.metadata().is_ok_and(|facts| facts.len() > 0);
        if !self.is_placed && !lasts {
            // Removed by someone else, or the disk is gone: there is nobody to tell and nothing to do.
            let _ = self.folder.dir.remove_file(&self.name);
        }
    }
}

#[cfg(test)]
#[path = "save_tests.rs"]
mod tests;
