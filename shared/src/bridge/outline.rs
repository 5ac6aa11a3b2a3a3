//! What is said of the outline of a file: see `transfer::Outline`, which is more than a message.

use minicbor::Encode;

use super::fields::readable;
use super::id;
use super::message::Version;

/// What proves each piece of a file: answered with [`Outlined`], then its values, 32 bytes each, then END.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Outline {
    /// Path of the peer at this node; empty for the node itself.
    #[n(0)]
    pub of: String,
    /// The file; empty: any with this `id`.
    #[n(1)]
    pub path: String,
    /// Only this version will do.
    #[n(2)]
    pub version: Option<Version>,
    /// Only this content will do.
    #[cbor(n(3), with = "super::id", has_nil)]
    pub id: Option<[u8; 32]>,
    /// URL of the peer that holds it, for a tab that asks its node about somebody else's file; none: see `of`.
    #[n(4)]
    pub peer: Option<String>,
}

/// The outline of a file, as far as its holder knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Outlined {
    /// The version it is of.
    #[n(0)]
    pub version: Version,
    /// The content; none while it is not known.
    #[cbor(n(1), with = "super::id", has_nil)]
    pub id: Option<[u8; 32]>,
    /// Whether it is worth asking again in a while.
    #[n(2)]
    pub later: bool,
}

readable! {
    Outline map { 0 of, 1 path, 2 version, 3 id by id::decode, 4 peer }
    Outlined map { 0 version, 1 id by id::decode, 2 later }
}
