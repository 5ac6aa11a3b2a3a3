//! What is held of the catalogs that are followed, ready to be searched, and how much that may be; and of nodes that went
//! away, what they shared when they were last seen.
//!
//! Time is an argument. Who is away is told to whoever asks for that in a search, and to nobody else: it is in no list, and
//! nobody is dialed for it. It makes room for what is followed, and is not kept when we are started anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shared::limits::{AWAY_FOR, AWAY_NODES, REPLICA_BYTES, REPLICA_FILES, REPLICA_NODE_DIVISOR};
use shared::{Catalog, Moment, PeerUrl};
use tokio::sync::watch;

use crate::lock::LockExt;

/// There are more files than can be held: the node is searched live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it shares more files than can be held here")]
pub(crate) struct TooMuch;

/// Replicas of all nodes that are followed, or were, by the authority of their URLs.
#[derive(Default)]
pub(crate) struct Replicas {
    state: Mutex<State>,
    /// Something that was kept of a node that is away is not any more.
    dropped: watch::Sender<()>,
}

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
    /// Which process of that node it is of, once all of it was there.
    epoch: Option<u64>,
    /// Since when the node is away; none: it is here.
    away: Option<Moment>,
}

struct Held {
    files: Arc<Catalog>,
    /// Whether all of it is there.
    is_whole: bool,
}

/// What a peer that is away shared.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    pub(crate) peer: PeerUrl,
    pub(crate) files: Arc<Catalog>,
    /// How long ago it was last seen.
    pub(crate) seen: Duration,
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

impl State {
    /// Forgets a node and its tabs.
    fn forget(&mut self, authority: &str) {
        if let Some(gone) = self.nodes.remove(authority) {
            self.held.replace(gone.held, Weight::default());
        }
    }

    /// Forgets whoever is away for longest, but for this one. Answers whether there was any.
    fn forget_longest_away(&mut self, but: &str) -> bool {
        let others = self.nodes.iter().filter(|(authority, _)| *authority != but);
        let longest = others.filter_map(|(authority, of_node)| Some((of_node.away?, authority))).min();
        let Some(authority) = longest.map(|(_, authority)| authority.clone()) else { return false };
        self.forget(&authority);
        true
    }

    fn count_away(&self) -> usize {
        self.nodes.values().filter(|of_node| of_node.away.is_some()).count()
    }
}

impl Replicas {
    /// Holds these files of a peer at this node. Where there is no room, those that are away make it.
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
        let (authority, weight) = (node.authority(), Weight::of(&files));
        let of_node = state.nodes.entry(authority.to_owned()).or_default();
        let before = of_node.peers.get(peer).map(|held| Weight::of(&held.files)).unwrap_or_default();
        let mut of_this = of_node.held;
        of_this.replace(before, weight);
        if !of_this.fits(REPLICA_NODE_DIVISOR) {
            return Err(TooMuch);
        }
        let all = loop {
            let mut all = state.held;
            all.replace(before, weight);
            if all.fits(1) {
                break all;
            }
            if !state.forget_longest_away(authority) {
                return Err(TooMuch);
            }
            self.dropped.send_replace(());
        };
        state.held = all;
        if let Some(of_node) = state.nodes.get_mut(authority) {
            of_node.held = of_this;
            of_node.peers.insert(peer.clone(), Held { files, is_whole });
        }
        Ok(())
    }

    /// What is held of a node and its tabs is what they share now, in the process of this epoch. What the same process
    /// shared while it was reached by another name is void.
    pub(crate) fn set_current(&self, node: &PeerUrl, epoch: u64) {
        let mut state = self.state();
        let Some(of_node) = state.nodes.get_mut(node.authority()) else { return };
        (of_node.is_current, of_node.epoch) = (true, Some(epoch));
        let is_former = |(authority, other): &(&String, &OfNode)| {
            other.epoch == Some(epoch) && other.away.is_some() && *authority != node.authority()
        };
        let former: Vec<_> = state.nodes.iter().filter(is_former).map(|(authority, _)| authority.clone()).collect();
        for authority in former {
            state.forget(&authority);
            self.dropped.send_replace(());
        }
    }

    /// What is held of a node and its tabs may not be what they share now.
    pub(crate) fn set_stale(&self, node: &PeerUrl) {
        if let Some(of_node) = self.state().nodes.get_mut(node.authority()) {
            of_node.is_current = false;
        }
    }

    /// The node of this authority is not there any more: what is held of it is what it had when it was last seen, now.
    pub(crate) fn leave(&self, authority: &str, now: Moment) {
        let mut state = self.state();
        let Some(of_node) = state.nodes.get_mut(authority) else { return };
        of_node.away = Some(now);
        let epoch = of_node.epoch;
        // One process that is called by two names is not away while it is there by one of them.
        let is_itself = |of_node: &OfNode| epoch.is_some() && of_node.epoch == epoch && of_node.away.is_none();
        if state.nodes.values().any(is_itself) {
            state.forget(authority);
        }
        while state.count_away() > AWAY_NODES && state.forget_longest_away("") {
            self.dropped.send_replace(());
        }
    }

    /// The node of this authority is there again. Answers whether anything is held of it.
    pub(crate) fn back(&self, authority: &str) -> bool {
        let mut state = self.state();
        let of_node = state.nodes.get_mut(authority);
        of_node.map(|of_node| of_node.away = None).is_some()
    }

    /// Whether anything is held of the node of this authority.
    pub(crate) fn has(&self, authority: &str) -> bool {
        self.state().nodes.contains_key(authority)
    }

    /// The node of this authority is followed no more. Where it is away, what was whole is kept.
    pub(crate) fn retire(&self, authority: &str) {
        let mut state = self.state();
        let State { nodes, held } = &mut *state;
        let Some(of_node) = nodes.get_mut(authority) else { return };
        let before = of_node.held;
        of_node.peers.retain(|_, held| held.is_whole && !held.files.is_empty());
        of_node.held = Weight::default();
        of_node.peers.values().for_each(|kept| of_node.held.replace(Weight::default(), Weight::of(&kept.files)));
        held.replace(before, of_node.held);
        if of_node.away.is_none() || of_node.peers.is_empty() {
            state.forget(authority);
        }
    }

    /// Forgets who is away for too long.
    pub(crate) fn forget_old(&self, now: Moment) {
        let mut state = self.state();
        let is_old = |of_node: &OfNode| of_node.away.is_some_and(|since| now.since(since) > AWAY_FOR);
        let old = state.nodes.iter().filter(|(_, of_node)| is_old(of_node));
        let old: Vec<_> = old.map(|(authority, _)| authority.clone()).collect();
        for authority in old {
            state.forget(&authority);
            self.dropped.send_replace(());
        }
    }

    /// Tells whenever something that was kept of a node that is away is not any more.
    pub(crate) fn dropped(&self) -> watch::Receiver<()> {
        self.dropped.subscribe()
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
        self.state().forget(node.authority());
    }

    /// What the node of this authority and its tabs share now, of those peers of which that is known.
    pub(crate) fn current(&self, authority: &str) -> Vec<(PeerUrl, Arc<Catalog>)> {
        let state = self.state();
        let of_node = state.nodes.get(authority).filter(|of_node| of_node.is_current);
        let peers = of_node.into_iter().flat_map(|of_node| &of_node.peers);
        peers.filter(|(_, held)| held.is_whole).map(|(url, held)| (url.clone(), Arc::clone(&held.files))).collect()
    }

    /// What those who are away shared, without those that `is_there` knows better of, by their authority.
    pub(crate) fn away(&self, now: Moment, is_there: impl Fn(&str) -> bool) -> Vec<Away> {
        let state = self.state();
        let nodes = state.nodes.iter().filter_map(|(authority, of_node)| Some((authority, of_node, of_node.away?)));
        let nodes = nodes.map(|(authority, of_node, since)| (authority, of_node, now.since(since)));
        let nodes = nodes.filter(|(authority, _, seen)| *seen <= AWAY_FOR && !is_there(authority));
        let peers =
            nodes.flat_map(|(_, of_node, seen)| of_node.peers.iter().map(move |(peer, held)| (peer, held, seen)));
        let whole = peers.filter(|(_, held, _)| held.is_whole);
        whole.map(|(peer, held, seen)| Away { peer: peer.clone(), files: Arc::clone(&held.files), seen }).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.locked()
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replicas({:?})", self.state().held)
    }
}

#[cfg(test)]
#[path = "replicas_tests.rs"]
mod tests;
