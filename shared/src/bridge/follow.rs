//! What is said of a catalog that another node follows: its whole once, then its changes as they happen.

use minicbor::{Decode, Encode};

use super::search::Row;

/// Tell me what you and your tabs share, and go on telling me what changes: answered with [`Following`], then [`Changes`]
/// for as long as the stream is wanted. Only nodes ask so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Follow {
    /// What [`Following`] said when `since` was told; none: of old nothing is held.
    #[n(0)]
    pub epoch: Option<u64>,
    /// What is held already.
    #[n(1)]
    pub since: Vec<Since>,
}

/// What a follower holds of one catalog.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Since {
    /// Path of the peer at that node, such as `/peer/ab12`; empty for the node itself.
    #[n(0)]
    pub of: String,
    /// The revision told last.
    #[n(1)]
    pub revision: u64,
}

/// The catalogs are told of from here on. Said once more when all that was to be told by then has been: what a follower that
/// was away held before is true again from there on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Following {
    /// Random per process: revisions of another one say nothing, and all that is held is void.
    #[n(0)]
    pub epoch: u64,
    /// One proof for each session that this end opened with the other: whoever finds its own among them knows that the two
    /// sessions lead to the same place.
    #[n(1)]
    pub same: Vec<Proof>,
}

/// A value that only the two ends of two sessions between them can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Proof(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// Some of what one peer shares, or how it changed; see [`Update`](crate::Update).
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Changes {
    /// Path of the peer at this node; empty for the node itself.
    #[n(0)]
    pub of: String,
    /// Whether it is not there any more, and nothing else in here counts.
    #[n(1)]
    pub left: bool,
    /// Whether all that was told of it is void.
    #[n(2)]
    pub whole: bool,
    /// The revision that this builds on; 0 while a whole is on its way.
    #[n(3)]
    pub from: u64,
    /// Files that are new or have new facts. With `gone` at most [`ROWS_PER_RECORD`](crate::limits::ROWS_PER_RECORD).
    #[n(4)]
    pub put: Vec<Row>,
    /// Paths that are not shared any more.
    #[n(5)]
    pub gone: Vec<String>,
    /// The revision that is reached; none while more of a whole follows.
    #[n(6)]
    pub to: Option<u64>,
}
