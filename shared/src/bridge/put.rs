//! What is put at a node that takes files: told by who holds it, fetched by the node in the same session, and kept there.

use minicbor::{Decode, Encode};

use super::fields::readable;
use super::offer::Offered;

/// Fetch these files of mine over this session, and keep them in your folder. Answered with a [`Kept`] for each, in any order,
/// then END. The node reads them as it reads a tab's: by [`Read`](super::Read), [`Outline`](super::Outline) and, from a
/// command, [`ReadMany`](super::ReadMany).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Put {
    /// At most [`PUT_FILES`](crate::limits::PUT_FILES).
    #[n(0)]
    pub files: Vec<Offered>,
}

/// What became of one file that was put.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Kept {
    /// What who put it calls it.
    #[n(0)]
    pub path: String,
    /// Why it is not kept, for people; none: it is, whole and on the disk.
    #[n(1)]
    pub error: Option<String>,
    /// Its path at the node.
    #[cfg(feature = "node")]
    #[n(2)]
    pub save_as: Option<String>,
    /// Whether the node had it already.
    #[cfg(feature = "node")]
    #[n(3)]
    pub was_here: Option<bool>,
    /// Bytes of it that an earlier try had left there.
    #[cfg(feature = "node")]
    #[n(4)]
    pub from_before: Option<u64>,
    /// Whether every byte was proved to be what was promised.
    #[cfg(feature = "node")]
    #[n(5)]
    pub verified: Option<bool>,
}

// What a tab reads.
readable! {
    Kept map {
        0 path, 1 error,
        #[cfg(feature = "node")] 2 save_as,
        #[cfg(feature = "node")] 3 was_here,
        #[cfg(feature = "node")] 4 from_before,
        #[cfg(feature = "node")] 5 verified
    }
}
