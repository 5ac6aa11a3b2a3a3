//! How often a peer may fail before the rest of its files is not even asked for.
//!
//! A peer can list a million names and then say nothing: each would cost a deadline. One that now and then fails a file is
//! another matter, so only failures in a row count.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use shared::PeerUrl;

use crate::lock::LockExt;

use super::fetch::FetchError;

/// Failures in a row after which a peer is given up.
const MOST: u32 = 8;
/// A failure that took a whole deadline counts for so many.
const SLOW_COUNTS: u32 = 4;

/// What every peer of a download was forgiven so far.
#[derive(Debug, Default)]
pub(super) struct Patience {
    peers: Mutex<BTreeMap<PeerUrl, Tried>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    failures: u32,
    /// Whether it was said that it is waited for.
    is_told_of: bool,
    skipped: usize,
}

impl Patience {
    /// Whether a peer may be asked for another file.
    pub(super) fn has(&self, peer: &PeerUrl) -> bool {
        self.lock().get(peer).is_none_or(|tried| tried.failures < MOST)
    }

    /// A file came.
    pub(super) fn succeeded(&self, peer: &PeerUrl) {
        if let Some(tried) = self.lock().get_mut(peer) {
            tried.failures = 0;
        }
    }

    /// Whether it was not said yet that it is waited for.
    pub(super) fn is_news(&self, peer: &PeerUrl) -> bool {
        !std::mem::replace(&mut self.lock().entry(peer.clone()).or_default().is_told_of, true)
    }

    /// A file did not come.
    pub(super) fn failed(&self, peer: &PeerUrl, error: &FetchError) {
        let counts = match error {
            FetchError::Call(error) if error.is_slowness() => SLOW_COUNTS,
            FetchError::Call(error) if error.is_about_the_file() => return,
            // Our own fault.
            FetchError::Save(_) | FetchError::Appeared | FetchError::Stopped | FetchError::TooLarge => return,
            FetchError::Lied => SLOW_COUNTS,
            FetchError::Call(_) | FetchError::Endless(_) => 1,
        };
        self.lock().entry(peer.clone()).or_default().failures += counts;
    }

    /// It was waited for in vain, for as long as several deadlines.
    pub(super) fn lost(&self, peer: &PeerUrl) {
        self.lock().entry(peer.clone()).or_default().failures += SLOW_COUNTS;
    }

    /// A file was not asked for, and nobody else has it.
    pub(super) fn skipped(&self, peer: &PeerUrl) {
        self.lock().entry(peer.clone()).or_default().skipped += 1;
    }

    /// The peers that were given up, and how many files that cost.
    pub(super) fn given_up(&self) -> Vec<(PeerUrl, usize)> {
        let peers = self.lock();
        peers.iter().filter(|(_, tried)| tried.skipped > 0).map(|(peer, tried)| (peer.clone(), tried.skipped)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerUrl, Tried>> {
        self.peers.locked()
    }
}
