//! What is said to search: which files are wanted, what was found, and who has answered.

use minicbor::{Decode, Encode};

use super::fields::readable;
use super::id;

/// How a pattern is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SearchKind {
    /// A few words that must all occur, in any order and case.
    #[n(0)]
    Words,
    /// A file pattern such as `*.pdf`.
    #[n(1)]
    Glob,
    /// An expression of Python's `re`.
    #[n(2)]
    Regex,
}

/// Whom a search asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SearchScope {
    /// The node itself and its tabs.
    #[n(0)]
    Here,
    /// Everybody the node knows. Only who introduced itself as a tab or a command may ask so, or searches would circle.
    #[n(1)]
    Pool,
}

/// Which files match?
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Search {
    /// How the pattern is meant.
    #[n(0)]
    pub kind: SearchKind,
    /// Empty: every file.
    #[n(1)]
    pub pattern: String,
    /// Whom to ask.
    #[n(2)]
    pub scope: SearchScope,
    /// Most rows that are wanted of one peer.
    #[n(3)]
    pub most: u32,
    /// Whether, behind all others, the files of peers that are away are wanted, as they were last seen; none: no.
    #[n(4)]
    pub away: Option<bool>,
}

/// One file that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct Row {
    /// Its path at its holder.
    #[n(0)]
    pub path: String,
    /// Bytes, where the holder says.
    #[n(1)]
    pub size: Option<u64>,
    /// Last change, in nanoseconds since 1970-01-01 UTC, where the holder says.
    #[n(2)]
    pub modified: Option<i64>,
    /// The [`ContentId`](crate::ContentId) of its bytes, where the holder knows it.
    #[cbor(n(3), with = "super::id", has_nil)]
    pub id: Option<[u8; 32]>,
    /// Whether it is a program that its owner may run, where the holder's system knows of such a thing.
    #[cfg(feature = "node")]
    #[n(4)]
    pub executable: Option<bool>,
}

/// Some of what a search found.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Found {
    /// URL of the peer that holds these.
    #[n(0)]
    pub peer: String,
    /// At most [`ROWS_PER_RECORD`](crate::limits::ROWS_PER_RECORD).
    #[n(1)]
    pub rows: Vec<Row>,
    /// How long ago the peer was last seen, in seconds, where it is away: none of these can be had now. None: it is here.
    /// Told to who asked for it, and to nobody else.
    #[n(2)]
    pub last_seen_s: Option<u64>,
    /// What people call a peer that is away, where that is known: it is in no list.
    #[cfg(feature = "node")]
    #[n(3)]
    pub name: Option<String>,
}

impl Found {
    /// What a peer that is here has.
    #[must_use]
    pub fn new(peer: String, rows: Vec<Row>) -> Self {
        Self {
            peer,
            rows,
            last_seen_s: None,
            #[cfg(feature = "node")]
            name: None,
        }
    }
}

/// One peer has answered a search in full, or will not.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Answered {
    /// Its URL.
    #[n(0)]
    pub peer: String,
    /// Why it will not, in words.
    #[n(1)]
    pub error: Option<String>,
    /// Whether it has more than was wanted.
    #[n(2)]
    pub more: bool,
}

// What a tab reads.
readable! {
    Found map { 0 peer, 1 rows, 2 last_seen_s, #[cfg(feature = "node")] 3 name }
    Answered map { 0 peer, 1 error, 2 more }
    Row array { 0 path, 1 size, 2 modified, 3 id by id::decode, #[cfg(feature = "node")] 4 executable }
}
