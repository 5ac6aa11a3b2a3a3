//! Who is here.

use shared::PeerUrl;

/// One peer of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it is found.
    pub url: PeerUrl,
    /// What it is.
    pub kind: PeerKind,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// For how long it has been here, in milliseconds, as of when this was told.
    pub here_ms: u64,
    /// How many files it shares; `None` if it does not say.
    pub files: Option<u64>,
    /// What changes with them; `None` if it does not say.
    pub revision: Option<u64>,
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// A program that keeps running.
    Node,
    /// A browser tab.
    Tab,
    /// The program of 2004: not encrypted, not verifiable.
    Legacy,
    /// This very tab.
    Ours,
}

impl PeerKind {
    /// Its name in the page's markup.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Tab => "tab",
            Self::Legacy => "old",
            Self::Ours => "ours",
        }
    }
}
