//! What records say: control messages of numbered fields, in CBOR (RFC 8949) by way of `minicbor`.
//!
//! Fields and messages that a program does not know are skipped, so newer and older ones understand each other; a number
//! once given is never given to anything else. Texts in here come from the other end and are hostile: nothing is checked
//! but that they are texts. Content is not in here: it goes as raw [`Kind::DATA`].

use minicbor::{Decode, Encode};

use super::aside::Aside;
use super::collect::Collect;
use super::fields::readable;
use super::kind::Kind;
use super::offer::Offer;
use super::outline::*;
use super::put::*;
use super::search::*;
#[cfg(feature = "node")]
use super::{follow::*, members::*, swarm::*};

/// What an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// A native node.
    #[n(0)]
    Node,
    /// A browser tab, at its node.
    #[n(1)]
    Tab,
    /// A command, such as `tinyp2p get`.
    #[n(2)]
    Command,
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum PeerKind {
    /// A native node.
    #[n(0)]
    Node,
    /// A browser tab, reached through its node.
    #[n(1)]
    Tab,
    /// A peer of 2004: not encrypted, nothing verifiable.
    #[n(2)]
    Legacy,
}

/// Who an end is; on stream 0, the first record of each direction.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Hello {
    /// What it is.
    #[n(0)]
    pub role: Role,
    /// What people call it.
    #[n(1)]
    pub name: String,
    /// Program and version, for a log.
    #[n(2)]
    pub program: String,
    /// Where others reach it, if they can.
    #[n(3)]
    pub url: Option<String>,
    /// A tab's secret, of at least 16 random bytes: whoever shows the same again gets the same URL again.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub tab: Option<Vec<u8>>,
}

/// The URL that a tab got from its node.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Address {
    /// Under it others reach the tab.
    #[n(0)]
    pub url: String,
}

/// One peer of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct PeerInfo {
    /// Its URL, verbatim.
    #[n(0)]
    pub url: String,
    /// What it is.
    #[n(1)]
    pub kind: PeerKind,
    /// What people call it, where that is known.
    #[n(2)]
    pub name: Option<String>,
    /// For how long it has been here, in milliseconds.
    #[n(3)]
    pub here_ms: u64,
    /// How many files it shares, where that is known.
    #[n(4)]
    pub files: Option<u64>,
    /// Whether it is who tells this.
    #[n(5)]
    pub itself: bool,
    /// What changes with the files it shares, where that is known; nothing is to be read into the number.
    #[n(6)]
    pub revision: Option<u64>,
}

/// Who is there now; sent by a node to its tabs whenever that changes.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Peers {
    /// All of them, the node first.
    #[n(0)]
    pub peers: Vec<PeerInfo>,
}

/// Tell me whom you know; these I know.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Exchange {
    /// Path of the peer that is meant, such as `/peer/ab12`; empty for the node itself.
    #[n(0)]
    pub of: String,
    /// URLs that the caller lists.
    #[n(1)]
    pub tell: Vec<String>,
}

/// Whom an end knows, itself first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Exchanged {
    /// Live peers.
    #[n(0)]
    pub peers: Vec<PeerInfo>,
}

/// One version of a file: what may change under a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct Version {
    /// Bytes.
    #[n(0)]
    pub size: u64,
    /// Last change, in nanoseconds since 1970-01-01 UTC.
    #[n(1)]
    pub modified: i64,
}

/// The bytes of a file, or of a part of it: answered with a [`File`], then raw bytes, then END.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Read {
    /// URL of the peer that holds it, for a tab that asks its node for somebody else's file; none: see `of`.
    #[n(0)]
    pub peer: Option<String>,
    /// Path of the peer at this node, such as `/peer/ab12`; empty for the node itself.
    #[n(1)]
    pub of: String,
    /// The file.
    #[n(2)]
    pub path: String,
    /// First byte that is wanted.
    #[n(3)]
    pub from: u64,
    /// How many, at most; none: to the end.
    #[n(4)]
    pub length: Option<u64>,
    /// Only this version will do.
    #[n(5)]
    pub version: Option<Version>,
    /// Who it is for, as shown to whoever holds the file.
    #[n(6)]
    pub reader: Option<String>,
    /// The bytes are to come beside the session; only the [`File`] and the END in it.
    #[n(7)]
    pub aside: Option<Aside>,
}

/// What the bytes that follow are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct File {
    /// The version they are of.
    #[n(0)]
    pub version: Version,
    /// How many bytes follow, exactly.
    #[n(1)]
    pub length: u64,
    /// Whether it is a program that its owner may run, where the holder's system knows of such a thing.
    #[cfg(feature = "node")]
    #[n(2)]
    pub executable: Option<bool>,
}

impl File {
    /// So many bytes of this version, of a file that is no program as far as is known.
    #[must_use]
    pub fn new(version: Version, length: u64) -> Self {
        Self {
            version,
            length,
            #[cfg(feature = "node")]
            executable: None,
        }
    }
}

/// The bytes of several small files: answered with [`Files`], then the bytes of all, one after the other, then END.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReadMany {
    /// Path of the peer at this node; empty for the node itself.
    #[n(0)]
    pub of: String,
    /// At most [`BATCH_FILES`](crate::limits::BATCH_FILES).
    #[n(1)]
    pub paths: Vec<String>,
}

/// How long each of the files is that were asked for, in their order; none: not given this way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Files {
    /// Bytes.
    #[n(0)]
    pub sizes: Vec<Option<u32>>,
}

/// An address to download one file from, with nothing but a browser or `curl`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ticket {
    /// URL of the peer that holds it.
    #[n(0)]
    pub peer: String,
    /// The file.
    #[n(1)]
    pub path: String,
    /// Whether it is to be shown in the page, where it is of a kind that can do no harm.
    #[n(2)]
    pub preview: bool,
}

/// Where to download it.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Ticketed {
    /// Path at this node, such as `/get/…/name`.
    #[n(0)]
    pub href: String,
    /// The version it is good for.
    #[n(1)]
    pub version: Version,
}

// What a tab reads.
readable! {
    Hello map { 0 role, 1 name, 2 program, 3 url, 4 tab by minicbor::bytes::decode }
    Address map { 0 url }
    PeerInfo map { 0 url, 1 kind, 2 name, 3 here_ms, 4 files, 5 itself, 6 revision }
    Peers map { 0 peers }
    Read map { 0 peer, 1 of, 2 path, 3 from, 4 length, 5 version, 6 reader, 7 aside }
    File map { 0 version, 1 length, #[cfg(feature = "node")] 2 executable }
    Version array { 0 size, 1 modified }
    Ticketed map { 0 href, 1 version }
}

/// These bytes are not what their kind says: the other end is broken, or of a program that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of kind {0} cannot be read")]
pub struct MessageError(pub u8);

/// Bytes of what is said.
pub(super) fn encode(message: &impl Encode<()>) -> Vec<u8> {
    // Writing to a vector cannot fail, and none of the types in here refuses to be written.
    minicbor::to_vec(message).unwrap_or_default()
}

/// What bytes say.
pub(super) fn decode<'b, T: Decode<'b, ()>>(kind: Kind, bytes: &'b [u8]) -> Result<T, MessageError> {
    minicbor::decode(bytes).map_err(|_| MessageError(kind.0))
}

/// Makes [`Message`], so that each kind meets its type in one line.
macro_rules! messages {
    (
        both { $($both:ident = $both_kind:ident,)* }
        said { $($said:ident = $said_kind:ident,)* }
        heard { $($heard:ident = $heard_kind:ident,)* }
        of_nodes { $($of_nodes:ident = $their_kind:ident,)* }
    ) => {
        messages! { @all
            [$($both = $both_kind,)* $($said = $said_kind,)* $($heard = $heard_kind,)*]
            [$($of_nodes = $their_kind,)*]
        }

        impl Message {
            /// Its bytes; in a page, none for what it only hears.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$both(message) => encode(message),)*
                    $(Self::$said(message) => encode(message),)*
                    $(
                        #[cfg(any(feature = "node", not(target_arch = "wasm32")))]
                        Self::$heard(message) => encode(message),
                    )*
                    $(#[cfg(feature = "node")] Self::$of_nodes(message) => encode(message),)*
                    #[cfg(all(not(feature = "node"), target_arch = "wasm32"))]
                    _ => Vec::new(),
                }
            }

            /// Reads a message; none for a kind that this program does not know.
            ///
            /// # Errors
            /// [`MessageError`] if the bytes are not of that kind.
            pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Option<Self>, MessageError> {
                Ok(Some(match kind {
                    $(Kind::$both_kind => Self::$both(decode(kind, bytes)?),)*
                    $(#[cfg(feature = "node")] Kind::$said_kind => Self::$said(decode(kind, bytes)?),)*
                    $(Kind::$heard_kind => Self::$heard(decode(kind, bytes)?),)*
                    $(#[cfg(feature = "node")] Kind::$their_kind => Self::$of_nodes(decode(kind, bytes)?),)*
                    _ => return Ok(None),
                }))
            }
        }
    };
    (@all [$($name:ident = $kind:ident,)*] [$($of_nodes:ident = $their_kind:ident,)*]) => {
        /// Everything that can be said, except bytes and ends.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Message {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($name),
            )*
            $(
                #[doc = concat!("See [`", stringify!($of_nodes), "`].")]
                #[cfg(feature = "node")]
                $of_nodes($of_nodes),
            )*
        }

        $(
            impl From<$name> for Message {
                fn from(message: $name) -> Self {
                    Self::$name(message)
                }
            }
        )*
        $(
            #[cfg(feature = "node")]
            impl From<$of_nodes> for Message {
                fn from(message: $of_nodes) -> Self {
                    Self::$of_nodes(message)
                }
            }
        )*

        impl Message {
            /// Its number.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$kind,)*
                    $(#[cfg(feature = "node")] Self::$of_nodes(_) => Kind::$their_kind,)*
                }
            }
        }
    };
}

// What nobody sends to a tab a tab cannot read, and what none says it cannot write: each kind that it can adds to the page.
messages! {
    both {
        Hello = HELLO,
        Read = READ,
        File = FILE,
        Outline = OUTLINE,
        Outlined = OUTLINED,
    }
    // By a tab.
    said {
        Offer = OFFER,
        Search = SEARCH,
        Ticket = TICKET,
        Collect = COLLECT,
        Put = PUT,
    }
    // By a tab.
    heard {
        Address = ADDRESS,
        Peers = PEERS,
        Found = FOUND,
        Answered = ANSWERED,
        Ticketed = TICKETED,
        Kept = KEPT,
    }
    // Said neither to a tab nor by one.
    of_nodes {
        Exchange = EXCHANGE,
        Exchanged = EXCHANGED,
        ReadMany = READ_MANY,
        Files = FILES,
        Follow = FOLLOW,
        Following = FOLLOWING,
        Changes = CHANGES,
        Members = MEMBERS,
        MembersTold = MEMBERS_TOLD,
        Swarm = SWARM,
        Swarming = SWARMING,
    }
}

#[cfg(test)]
#[path = "tests/message.rs"]
mod tests;
