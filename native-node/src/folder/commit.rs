//! Gives finished files their final names: first durable, then named, never replacing.
//!
//! Many at once, because what costs is waiting for the disk and one wait serves all. Who collects the many is
//! [`CommitQueue`](super::CommitQueue). Blocking: not for an async task.

use std::io;

use shared::SharedPath;

use super::durable;
use super::save::candidates;
use super::{FinishedPart, SaveError};

/// A file that is whole, durable, and under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The name it was begun for, or that with a number where another file had it (A3, A9).
    pub path: SharedPath,
}

/// Makes files durable and gives them their final names; answers in the order they were given.
pub fn commit(mut parts: Vec<FinishedPart>) -> Vec<Result<Saved, SaveError>> {
    let synced = durable::sync_contents(&parts.iter().collect::<Vec<_>>());
    let mut saved: Vec<Result<Saved, SaveError>> = parts
        .iter_mut()
        .zip(synced)
        .map(|(part, synced)| {
            synced.map_err(|error| SaveError::from_io(&part.folder.path, error))?;
            place(part)
        })
        .collect();
    let placed = parts.iter().filter(|part| part.is_placed);
    if let Err(error) = durable::sync_folders(placed.map(|part| &part.folder)) {
        // The files are whole and named; only that a power cut leaves them so cannot be said.
        for (part, saved) in parts.iter().zip(&mut saved).filter(|(part, _)| part.is_placed) {
            *saved = Err(SaveError::from_io(&part.folder.path, io::Error::new(error.kind(), error.to_string())));
        }
    }
    saved
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
                return Ok(Saved { path: candidate });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(SaveError::CannotRename(part.folder.path.clone()));
            }
            Err(error) => return Err(wrong(error)),
        }
    }
    Err(SaveError::Crowded(part.folder.path.join(part.path.file_name())))
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
