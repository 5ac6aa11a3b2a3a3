//! Who is at which file, so that each is fetched once, and from another holder where the first one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::{PeerUrl, SharedPath};

use super::Offered;

#[derive(Debug)]
enum Claim {
    /// On its way; these offer it too.
    Taken(Vec<(PeerUrl, Offered)>),
    /// Every holder so far failed.
    Free,
    Done,
}

/// The claims of one download.
#[derive(Debug, Default)]
pub(super) struct Claims {
    files: Mutex<BTreeMap<SharedPath, Claim>>,
    /// Holders that failed a file while it came from several.
    tried: Mutex<BTreeSet<(SharedPath, PeerUrl)>>,
}

impl Claims {
    /// Whether this file is for this peer's turn; none if it turns out to be here already.
    pub(super) fn claim(&self, peer: &PeerUrl, file: &Offered, is_here: impl FnOnce() -> bool) -> Option<bool> {
        let mut files = self.files();
        match files.get_mut(&file.path) {
            Some(Claim::Done) => Some(false),
            Some(Claim::Taken(others)) => {
                others.push((peer.clone(), file.clone()));
                Some(false)
            }
            Some(free @ Claim::Free) => {
                *free = Claim::Taken(Vec::new());
                Some(true)
            }
            None => {
                let is_here = is_here();
                files.insert(file.path.clone(), if is_here { Claim::Done } else { Claim::Taken(Vec::new()) });
                (!is_here).then_some(true)
            }
        }
    }

    /// It is saved.
    pub(super) fn done(&self, path: SharedPath) {
        self.files().insert(path, Claim::Done);
    }

    /// Who else has a file; nobody: it is free for a holder that is still to come.
    pub(super) fn next_holder(&self, path: &SharedPath) -> Option<(PeerUrl, Offered)> {
        let mut files = self.files();
        let next = match files.get_mut(path) {
            Some(Claim::Taken(others)) => others.pop(),
            _ => None,
        };
        if next.is_none() {
            files.insert(path.clone(), Claim::Free);
        }
        next
    }

    /// A peer failed a file while others sent it too: it is not to be asked again.
    pub(super) fn tried(&self, peer: &PeerUrl, path: &SharedPath) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert((path.clone(), peer.clone()));
    }

    /// Whether it did.
    pub(super) fn was_tried(&self, peer: &PeerUrl, path: &SharedPath) -> bool {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).contains(&(path.clone(), peer.clone()))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<SharedPath, Claim>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
