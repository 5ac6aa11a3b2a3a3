//! Who holds a file: the only place that knows which URL is whose.

use std::sync::Arc;
use std::time::Duration;

use shared::bridge::TabId;
use shared::limits::HOLDER_RETURN;
use shared::{MemberState, PeerUrl};

use super::SourceError;
use crate::link::Link;
use crate::node::Node;
use crate::tabs::Tab;

/// How long to wait before a node that broke off is dialed again; doubled each time …
const DIAL_AGAIN: Duration = Duration::from_millis(100);
/// … up to this.
const DIAL_AGAIN_MAX: Duration = Duration::from_secs(2);

/// Who holds a file, as seen from this node.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// Ourselves.
    Own,
    /// A tab of ours, which may be away for a moment.
    Tab(Arc<Tab>),
    /// Another node, or a tab there.
    Node(PeerUrl),
    /// A peer of 2004.
    Legacy(PeerUrl),
}

impl Holder {
    /// Who is meant by a URL.
    ///
    /// # Errors
    /// [`SourceError::NotHere`] for a tab that left, and for whoever is not among the live peers.
    pub(crate) fn of(node: &Node, peer: &PeerUrl) -> Result<Self, SourceError> {
        let tab = TabId::of_path(peer.path());
        let (is_own, is_live) = node.with_host(|host, _| {
            let roster = host.roster();
            let is_alive = |url: &PeerUrl| roster.state_of(url) == Some(MemberState::Alive);
            // A tab elsewhere may be found before it is listed here; its node vouches for it.
            let of_live_node = || {
                let node_of = |url: &&PeerUrl| url.authority() == peer.authority();
                tab.is_some() && roster.live().find(node_of).is_some_and(is_alive)
            };
            (roster.is_own(peer), is_alive(peer) || of_live_node())
        });
        match tab {
            Some(id) if is_own => node.tabs().find(id).map(Self::Tab).ok_or(SourceError::NotHere),
            // What is below the folder of tabs and no tab's is nobody's.
            _ if is_own && !peer.is_of_tab() => Ok(Self::Own),
            _ if is_own => Err(SourceError::NotHere),
            _ if !is_live => Err(SourceError::NotHere),
            _ if node.is_modern(peer) => Ok(Self::Node(peer.clone())),
            _ => Ok(Self::Legacy(peer.clone())),
        }
    }

    /// Its URL, where it is not ourselves.
    pub(crate) fn url(&self) -> Option<&PeerUrl> {
        match self {
            Self::Own => None,
            Self::Tab(tab) => Some(tab.url()),
            Self::Node(url) | Self::Legacy(url) => Some(url),
        }
    }

    /// Whether it can be asked for any part of a file.
    pub(crate) fn can_seek(&self) -> bool {
        !matches!(self, Self::Legacy(_))
    }

    /// A session to ask it over, as soon as there is one.
    pub(crate) async fn link(&self, node: &Node) -> Result<Link, SourceError> {
        match self {
            Self::Tab(tab) => tab.link().await.ok_or(SourceError::NotHere),
            Self::Node(url) => node.dialer().link(url).await.map_err(|error| {
                tracing::debug!(peer = %url, %error, "no session to a node");
                SourceError::NotHere
            }),
            Self::Own | Self::Legacy(_) => Err(SourceError::NotHere),
        }
    }

    /// Waits until one that broke off is back, for as long as it may be expected.
    pub(crate) async fn back(&self, node: &Node) -> Result<(), SourceError> {
        let back = async {
            let mut wait = DIAL_AGAIN;
            loop {
                match self.link(node).await {
                    Err(_) if matches!(self, Self::Node(_)) => tokio::time::sleep(wait).await,
                    linked => return linked.map(drop),
                }
                wait = (2 * wait).min(DIAL_AGAIN_MAX);
            }
        };
        tokio::time::timeout(HOLDER_RETURN, back).await.unwrap_or(Err(SourceError::NotHere))
    }

    /// What it is called at the other end of that session.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Tab(tab) => tab.id().path(),
            Self::Node(url) => url.tab_path().to_owned(),
            Self::Own | Self::Legacy(_) => String::new(),
        }
    }
}
