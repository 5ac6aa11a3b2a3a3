//! Who offers which large file, as far as the peers have answered: where further holders of a content are found.

use std::collections::BTreeMap;
use std::sync::Mutex;

use shared::{ContentId, PeerUrl, SharedPath};
use tokio::sync::watch;

use super::LARGE;
use crate::download::Offered;
use crate::lock::LockExt;
use crate::source::Version;

/// Most offers of one size that are kept.
const MOST: usize = 256;

/// All offers of large files, by size: what has another cannot be the same.
#[derive(Debug, Default)]
pub(in crate::download) struct Registry {
    offers: Mutex<BTreeMap<u64, Vec<(PeerUrl, Offered)>>>,
    changed: watch::Sender<()>,
}

impl Registry {
    /// A peer offers a file.
    pub(in crate::download) fn add(&self, peer: &PeerUrl, file: &Offered) {
        let Some(size) = file.version.map(|version| version.size).filter(|size| *size > LARGE) else { return };
        let mut offers = self.offers.locked();
        let offers = offers.entry(size).or_default();
        if offers.len() < MOST {
            offers.push((peer.clone(), file.clone()));
            self.changed.send_replace(());
        }
    }

    /// Who holds this content, or may: who has a file of the same size and name, and has not hashed it yet.
    pub(super) fn holders_of(&self, size: u64, id: ContentId, path: &SharedPath) -> Vec<(PeerUrl, Offered, Version)> {
        let offers = self.offers.locked();
        let holds = |file: &Offered| file.id.map_or_else(|| file.path == *path, |held| held == id);
        let holders = offers.get(&size).into_iter().flatten().filter(|(_, file)| holds(file));
        holders.filter_map(|(peer, file)| Some((peer.clone(), file.clone(), file.version?))).collect()
    }

    /// Is told when somebody offers more.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
