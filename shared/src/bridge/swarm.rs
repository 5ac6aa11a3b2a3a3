//! What receivers of one content say to its holder, to find each other, and to each other, to share what they have so far.

use minicbor::{Decode, Encode};

/// I fetch this content. Asked of a node: who else does? Asked of another receiver: what have you of it? Answered with
/// [`Swarming`] at once, and again whenever that changes, for as long as the stream is wanted; so long the asker counts as
/// one who fetches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Swarm {
    /// The [`ContentId`](crate::ContentId).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 32],
    /// Bytes.
    #[n(1)]
    pub size: u64,
    /// Where the asker listens, at the address that it calls from; none: nowhere, or not yet.
    #[n(2)]
    pub port: Option<u16>,
}

/// What is known of a content that the asker fetches: by a node `you`, `others` and `at`, each time as it is now; by another
/// receiver `pieces` and `coming`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Swarming {
    /// The address that the asker calls from.
    #[n(0)]
    pub you: Option<String>,
    /// How many others fetch it, as far as the asker may know of them.
    #[n(1)]
    pub others: u32,
    /// URLs of those that listen; at most [`SWARM_FETCHERS`](crate::limits::SWARM_FETCHERS).
    #[n(2)]
    pub at: Vec<String>,
    /// Pieces that are there and proved, besides those told before; at most
    /// [`SWARM_PIECES_PER_RECORD`](crate::limits::SWARM_PIECES_PER_RECORD). They can be asked for by
    /// [`Read`](super::Read), where the path is the content's id in hexadecimal digits.
    #[n(3)]
    pub pieces: Vec<u32>,
    /// Pieces that are on their way just now from who has everything, each time as it is now: a few at most.
    #[n(4)]
    pub coming: Vec<u32>,
}
