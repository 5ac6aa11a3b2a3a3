//! Sessions to other nodes, one for each: it serves the node and all its tabs.
//!
//! Here they are kept and found. Opening them is not done here: whoever dials gives them to [`Neighbours::keep`].

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::PeerUrl;

use crate::dial::CallError;
use crate::link::Link;

/// The sessions that we opened to other nodes, by host and port.
#[derive(Debug, Default)]
pub struct Neighbours(Mutex<HashMap<String, Link>>);

impl Neighbours {
    /// Keeps a session to the node at this URL's host and port, until it ends or another one replaces it.
    pub fn keep(&self, node: &PeerUrl, link: Link) {
        let mut links = self.links();
        links.retain(|_, link| !link.is_closed());
        links.insert(node.authority().to_owned(), link);
    }

    /// A session to the node that a peer is, or is at.
    ///
    /// # Errors
    /// A [`CallError`] where there is none.
    #[expect(clippy::unused_async, reason = "to dial takes time")]
    pub async fn link(&self, peer: &PeerUrl) -> Result<Link, CallError> {
        let open = self.links().get(peer.authority()).filter(|link| !link.is_closed()).cloned();
        open.ok_or_else(|| CallError::Unreachable("there is no session to it".into()))
    }

    /// Whether there is a session to the node that a peer is, or is at.
    #[must_use]
    pub fn has(&self, peer: &PeerUrl) -> bool {
        self.links().get(peer.authority()).is_some_and(|link| !link.is_closed())
    }

    fn links(&self) -> MutexGuard<'_, HashMap<String, Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
