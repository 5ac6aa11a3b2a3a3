//! Gives finished files their final names: first durable, then named, never replacing.
//!
//! Many at once, because what costs is waiting for the disk and one wait serves all. Who collects the many is
//! [`CommitQueue`](super::CommitQueue). Blocking: not for an async task.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::SharedPath;

use super::durable;
use super::into_folder::IntoFolder;
use super::positioned::read_full_at;
use super::save::candidates;
use super::{FinishedPart, SaveError};

/// Read at once of two files that are compared, in bytes.
const COMPARED: usize = 256 << 10;

/// A file that is whole, durable, and under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The name it was begun for, or that with a number where another file had it (A3, A9).
    pub path: SharedPath,
    /// Whether a file that holds the same had this name meanwhile, and this one was thrown away.
    pub was_here: bool,
}

/// What became of each file.
pub(super) type Outcomes = Vec<Result<Saved, SaveError>>;

/// Makes files durable and gives them their final names; answers in the order they were given.
pub fn commit(parts: Vec<FinishedPart>) -> Vec<Result<Saved, SaveError>> {
    Named::new(parts, None).0.settle()
}

/// Files that are durable and have their final names, only that a power cut may still take these from them.
#[derive(Debug)]
pub(super) struct Named {
    files: Vec<(Arc<IntoFolder>, Result<Saved, SaveError>)>,
}

impl Named {
    /// Makes files durable and gives them their names. Where one wait for the disk is enough for that and for the names
    /// given `before`, what became of these is answered, too; else they are given back.
    pub(super) fn new(parts: Vec<FinishedPart>, before: Option<Self>) -> (Self, Option<Result<Outcomes, Self>>) {
        let folders = durable::with_new_parents(before.iter().flat_map(Self::folders));
        let (synced, is_all) = durable::sync_contents(&parts.iter().collect::<Vec<_>>(), &folders);
        let before = before.map(|before| if is_all { Ok(before.saved()) } else { Err(before) });
        let name = |(mut part, synced): (FinishedPart, io::Result<()>)| {
            let saved = synced.map_err(|error| SaveError::from_io(&part.folder.path, error));
            let saved = saved.and_then(|()| place(&mut part));
            (Arc::clone(&part.folder), saved)
        };
        (Self { files: parts.into_iter().zip(synced).map(name).collect() }, before)
    }

    /// Makes the names durable; answers in the order the files were given.
    pub(super) fn settle(mut self) -> Outcomes {
        let synced = durable::sync_folders(&durable::with_new_parents(self.folders()));
        if let Err(error) = synced {
            // The files are whole and named; only that a power cut leaves them so cannot be said.
            for (folder, saved) in self.files.iter_mut().filter(|(_, saved)| saved.is_ok()) {
                *saved = Err(SaveError::from_io(&folder.path, io::Error::new(error.kind(), error.to_string())));
            }
        }
        self.saved()
    }

    fn saved(self) -> Outcomes {
        self.files.into_iter().map(|(_, saved)| saved).collect()
    }

    fn folders(&self) -> impl Iterator<Item = &Arc<IntoFolder>> {
        self.files.iter().filter(|(_, saved)| saved.is_ok()).map(|(folder, _)| folder)
    }
}

/// Gives one file the first name that is free.
fn place(part: &mut FinishedPart) -> Result<Saved, SaveError> {
    let wrong = |error| SaveError::from_io(&part.folder.path, error);
    for candidate in candidates(&part.path) {
        let name = candidate.file_name();
        if part.folder.has_double_of(name).map_err(wrong)? {
            continue;
        }
        match durable::rename_without_replacing(&part.folder.dir, &part.name, name) {
            Ok(()) => {
                part.is_placed = true;
                part.folder.remember(name);
                return Ok(Saved { path: candidate, was_here: false });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if part.is_proved && holds_the_same(part, name).unwrap_or_default() {
                    part.lasts.store(false, Ordering::Relaxed);
                    return Ok(Saved { path: candidate, was_here: true });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(SaveError::CannotRename(part.folder.path.clone()));
            }
            Err(error) => return Err(wrong(error)),
        }
    }
    Err(SaveError::Crowded(part.folder.path.join(part.path.file_name())))
}

impl FinishedPart {
    /// The first of the names it could get whose file holds the same, where so many are looked into that have its size. Reads
    /// both.
    pub(crate) fn twin(&self, most: usize) -> Option<SharedPath> {
        let size = self.file.metadata().ok()?.len();
        let is_of_size = |path: &SharedPath| {
            self.folder.dir.symlink_metadata(path.file_name()).is_ok_and(|facts| facts.is_file() && facts.len() == size)
        };
        let taken = candidates(&self.path).take_while(|path| self.folder.holds(path.file_name()));
        let mut alike = taken.filter(is_of_size).take(most);
        alike.find(|path| holds_the_same(self, path.file_name()).unwrap_or_default())
    }
}

/// Whether the file of this name beside a part holds the same, byte by byte.
fn holds_the_same(part: &FinishedPart, name: &str) -> io::Result<bool> {
    let here = part.folder.read(name)?;
    let size = part.file.metadata()?.len();
    let (mut one, mut other) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut at = 0;
    while here.metadata()?.len() == size {
        let count = read_full_at(&part.file, &mut one, at)?;
        if read_full_at(&here, &mut other, at)? != count || one.get(..count) != other.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        at += count as u64;
    }
    Ok(false)
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
