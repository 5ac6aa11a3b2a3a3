//! What is known of other peers besides that they are there: what they are, what they are called, how much they share.
//!
//! The roster knows URLs and nothing else. What is in here is for display, and to tell a peer of 2004 from a modern one. A
//! node is believed about itself and its tabs; what it says of others is shown until these speak for themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;

use shared::bridge::{PeerInfo, PeerKind, TabId};
use shared::{PeerUrl, peer_name};

use crate::lock::LockExt;

/// Most peers that something is known of.
const MOST: usize = 2_048;

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it is.
    pub kind: PeerKind,
    /// What people call it; fit to be shown.
    pub name: Option<String>,
    /// How many files it shares.
    pub files: Option<u64>,
    /// Whether it, or its node, said so itself.
    first_hand: bool,
}

/// What is known of all peers.
#[derive(Debug, Default)]
pub struct KnownPeers(Mutex<BTreeMap<PeerUrl, Known>>);

impl KnownPeers {
    /// Takes over what `from`, a node that proved the password, says of a peer. `is_peer` tells who is still of interest.
    /// Answers whether anything is new.
    pub(crate) fn learn(&self, from: &PeerUrl, said: &PeerInfo, is_peer: impl Fn(&PeerUrl) -> bool) -> bool {
        let Ok(url) = PeerUrl::parse(&said.url) else { return false };
        let name = said.name.as_deref().and_then(peer_name);
        let first_hand = url.authority() == from.authority();
        let known = Known { kind: said.kind, name, files: said.files, first_hand };
        let mut all = self.0.locked();
        let before = all.get(&url);
        if before.is_some_and(|before| (before.first_hand && !first_hand) || *before == known) {
            return false;
        }
        if before.is_none() && all.len() >= MOST {
            all.retain(|url, _| is_peer(url));
            if all.len() >= MOST {
                return false;
            }
        }
        all.insert(url, known);
        true
    }

    /// What is known of a peer.
    #[must_use]
    pub fn of(&self, peer: &PeerUrl) -> Option<Known> {
        self.0.locked().get(peer).cloned()
    }

    /// Whether a peer, or the node it is at, has shown itself that it speaks the bridge. A URL as only tabs have counts too.
    #[must_use]
    pub fn is_modern(&self, peer: &PeerUrl) -> bool {
        let known = self.of(peer);
        TabId::of_path(peer.path()).is_some()
            || known.is_some_and(|known| known.first_hand && known.kind != PeerKind::Legacy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://10.0.0.1:9004";
    const B: &str = "http://10.0.0.2:9004";

    fn url(text: &str) -> PeerUrl {
        PeerUrl::parse(text).unwrap()
    }

    fn info(url: &str, kind: PeerKind, name: &str) -> PeerInfo {
        PeerInfo {
            url: url.into(),
            kind,
            name: Some(name.into()),
            here_ms: 0,
            files: Some(1),
            itself: false,
            revision: None,
        }
    }

    #[test]
    fn who_speaks_for_itself_is_believed_before_others() {
        let known = KnownPeers::default();
        let learn = |from: &str, said: &PeerInfo| known.learn(&url(from), said, |_| true);
        assert!(learn(B, &info(A, PeerKind::Node, "says B")));
        assert_eq!(known.of(&url(A)).unwrap().name.unwrap(), "says B");
        assert!(!known.is_modern(&url(A)), "hearsay decides nothing");
        assert!(learn(A, &info(A, PeerKind::Node, "it\u{202e}self\u{1b}")));
        assert!(!learn(A, &info(A, PeerKind::Node, "itself")), "no news");
        assert!(!learn(B, &info(A, PeerKind::Legacy, "says B")));
        assert_eq!(known.of(&url(A)).unwrap().name.unwrap(), "itself");
        assert!(known.is_modern(&url(A)));
        assert!(!learn(B, &info("nonsense", PeerKind::Node, "x")));
    }

    #[test]
    fn what_is_known_is_bounded() {
        let known = KnownPeers::default();
        for port in 1..4_000 {
            known.learn(&url(A), &info(&format!("http://10.0.0.3:{port}"), PeerKind::Node, "x"), |_| true);
        }
        assert_eq!(known.0.lock().unwrap().len(), MOST);
        assert!(!known.learn(&url(A), &info(B, PeerKind::Node, "x"), |_| true));
        assert!(known.learn(&url(A), &info(B, PeerKind::Node, "x"), |_| false));
        assert_eq!(known.0.lock().unwrap().len(), 1);
    }
}
