//! What is held of the catalogs that are followed, ready to be searched, and how much that may be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::limits::{REPLICA_BYTES, REPLICA_FILES, REPLICA_SHARE_OF_NODE};
use shared::{Catalog, PeerUrl};

/// There are more files than can be held: the node is searched live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it shares more files than can be held here")]
pub(crate) struct TooMuch;

/// Replicas of all nodes that are followed, by the authority of their URLs.
#[derive(Default)]
pub(crate) struct Replicas(Mutex<State>);

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, OfNode>,
    held: Weight,
}

/// The replicas of a node and its tabs.
#[derive(Default)]
struct OfNode {
    peers: BTreeMap<PeerUrl, Held>,
    held: Weight,
    /// Whether what is held is what the node shares now, as far as it could tell us.
    is_current: bool,
}

struct Held {
    files: Arc<Catalog>,
    /// Whether all of it is there.
    is_whole: bool,
}

/// What files take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weight {
    files: usize,
    bytes: usize,
}

impl Weight {
    fn of(files: &Catalog) -> Self {
        Self { files: files.len(), bytes: files.bytes() }
    }

    /// Takes the place of what was there before.
    fn replace(&mut self, before: Self, now: Self) {
        self.files = (self.files + now.files).saturating_sub(before.files);
        self.bytes = (self.bytes + now.bytes).saturating_sub(before.bytes);
    }

    fn fits(self, share: usize) -> bool {
        self.files <= REPLICA_FILES / share && self.bytes <= REPLICA_BYTES / share
    }
}

impl Replicas {
    /// Holds these files of a peer at this node.
    ///
    /// # Errors
    /// [`TooMuch`]: then they are not held. What was held of the peer before, still is.
    pub(crate) fn hold(
        &self,
        node: &PeerUrl,
        peer: &PeerUrl,
        files: Arc<Catalog>,
        is_whole: bool,
    ) -> Result<(), TooMuch> {
        let mut state = self.state();
        let State { nodes, held } = &mut *state;
        let of_node = nodes.entry(node.authority().to_owned()).or_default();
        let before = of_node.peers.get(peer).map(|held| Weight::of(&held.files)).unwrap_or_default();
        let (mut all, mut of_this) = (*held, of_node.held);
        all.replace(before, Weight::of(&files));
        of_this.replace(before, Weight::of(&files));
        if !(all.fits(1) && of_this.fits(REPLICA_SHARE_OF_NODE)) {
            return Err(TooMuch);
        }
        (*held, of_node.held) = (all, of_this);
        of_node.peers.insert(peer.clone(), Held { files, is_whole });
        Ok(())
    }

    /// Says whether what is held of a node and its tabs is what they share now.
    pub(crate) fn set_current(&self, node: &PeerUrl, is_current: bool) {
        if let Some(of_node) = self.state().nodes.get_mut(node.authority()) {
            of_node.is_current = is_current;
        }
    }

    /// Forgets a peer at this node.
    pub(crate) fn forget_peer(&self, node: &PeerUrl, peer: &PeerUrl) {
        let mut state = self.state();
        let State { nodes, held } = &mut *state;
        let Some(of_node) = nodes.get_mut(node.authority()) else { return };
        if let Some(gone) = of_node.peers.remove(peer) {
            of_node.held.replace(Weight::of(&gone.files), Weight::default());
            held.replace(Weight::of(&gone.files), Weight::default());
        }
    }

    /// Forgets a node and its tabs.
    pub(crate) fn forget(&self, node: &PeerUrl) {
        let mut state = self.state();
        if let Some(gone) = state.nodes.remove(node.authority()) {
            state.held.replace(gone.held, Weight::default());
        }
    }

    /// What the node of this authority and its tabs share now, of those peers of which that is known.
    pub(crate) fn current(&self, authority: &str) -> Vec<(PeerUrl, Arc<Catalog>)> {
        let state = self.state();
        let of_node = state.nodes.get(authority).filter(|of_node| of_node.is_current);
        let peers = of_node.into_iter().flat_map(|of_node| &of_node.peers);
        peers.filter(|(_, held)| held.is_whole).map(|(url, held)| (url.clone(), Arc::clone(&held.files))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replicas({:?})", self.state().held)
    }
}

#[cfg(test)]
mod tests {
    use shared::{Entry, Replica, SharedPath, Update};

    use super::*;

    fn url(text: &str) -> PeerUrl {
        PeerUrl::parse(text).unwrap()
    }

    fn files(count: usize) -> Arc<Catalog> {
        let mut replica = Replica::default();
        let path = |number| SharedPath::parse(&format!("{number:07}")).unwrap();
        let put = (0..count).map(|number| (path(number), Entry::unread(1, 1))).collect();
        replica.handle(Update { whole: true, put, to: Some(1), ..Update::default() }).unwrap();
        Arc::new(replica.catalog().clone())
    }

    #[test]
    fn only_what_is_whole_and_current_is_searched() {
        let (replicas, a, tab) = (Replicas::default(), url("http://a:1"), url("http://a:1/peer/x"));
        replicas.hold(&a, &a, files(2), true).unwrap();
        replicas.hold(&a, &tab, files(1), false).unwrap();
        assert!(replicas.current("a:1").is_empty());
        replicas.set_current(&a, true);
        let peers = || replicas.current("a:1").into_iter().map(|(url, files)| (url, files.len())).collect::<Vec<_>>();
        assert_eq!(peers(), [(a.clone(), 2)]);
        replicas.hold(&a, &tab, files(1), true).unwrap();
        assert_eq!(peers(), [(a.clone(), 2), (tab.clone(), 1)]);
        replicas.forget_peer(&a, &tab);
        assert_eq!(peers(), [(a.clone(), 2)]);
        replicas.set_current(&a, false);
        assert!(peers().is_empty() && replicas.current("b:1").is_empty());
        replicas.forget(&a);
        assert_eq!(replicas.state().held, Weight::default());
    }

    #[test]
    fn one_node_leaves_room_for_others() {
        let (replicas, a, b) = (Replicas::default(), url("http://a:1"), url("http://b:1"));
        let half = files(REPLICA_FILES / REPLICA_SHARE_OF_NODE);
        replicas.hold(&a, &a, half.clone(), true).unwrap();
        replicas.hold(&a, &a, half.clone(), true).unwrap();
        assert_eq!(replicas.hold(&a, &url("http://a:1/peer/x"), files(1), true), Err(TooMuch));
        replicas.hold(&b, &b, half, true).unwrap();
        let c = url("http://c:1");
        assert_eq!(replicas.hold(&c, &c, files(1), true), Err(TooMuch));
        replicas.forget(&a);
        replicas.hold(&c, &c, files(1), true).unwrap();
        replicas.set_current(&c, true);
        assert_eq!(replicas.current("c:1").len(), 1);
    }
}
