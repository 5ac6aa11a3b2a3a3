//! Every number of the wire, once.

/// What a record is, its first byte.
///
/// | numbers | are |
/// |---|---|
/// | 0-15 | the session's own: ends, credit, bytes, signs of life |
/// | 16-31 | said on stream 0, the session itself; not answered |
/// | 32-47 | requests: each opens a stream |
/// | 48-63 | what a stream is answered with, before its END |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// Nothing follows in this direction of the session: the last record.
    pub const BYE: Self = Self(0);
    /// Nothing follows in this direction of the stream: what came on it is whole.
    pub const END: Self = Self(1);
    /// The stream is over and what came on it is not whole; a [`Reset`](super::Reset). From who asked: it wants no more.
    pub const RESET: Self = Self(2);
    /// So many more bytes may be sent on the stream: u32, little-endian.
    pub const CREDIT: Self = Self(3);
    /// Raw bytes of content.
    pub const DATA: Self = Self(4);
    /// Are you there? Answered with [`Kind::PONG`].
    pub const PING: Self = Self(5);
    /// I am.
    pub const PONG: Self = Self(6);

    /// Who an end is: its first record. [`Hello`](super::Hello).
    pub const HELLO: Self = Self(16);
    /// The URL a tab got. [`Address`](super::Address).
    pub const ADDRESS: Self = Self(17);
    /// What a tab shares from now on. [`Offer`](super::Offer).
    pub const OFFER: Self = Self(18);
    /// Who is there now. [`Peers`](super::Peers).
    pub const PEERS: Self = Self(19);

    /// Tell me whom you know. [`Exchange`](super::Exchange).
    pub const EXCHANGE: Self = Self(32);
    /// Which files match? [`Search`](super::Search).
    pub const SEARCH: Self = Self(33);
    /// The bytes of a file, or of a part of it. [`Read`](super::Read).
    pub const READ: Self = Self(34);
    /// The bytes of several small files. [`ReadMany`](super::ReadMany).
    pub const READ_MANY: Self = Self(35);
    /// An address to download one file from. [`Ticket`](super::Ticket).
    pub const TICKET: Self = Self(36);
    /// What proves each piece of a file. [`Outline`](super::Outline).
    pub const OUTLINE: Self = Self(37);
    /// An address to download several files from, as one archive. [`Collect`](super::Collect).
    pub const COLLECT: Self = Self(38);
    /// What you and your tabs share, and what changes of it. [`Follow`](super::Follow).
    pub const FOLLOW: Self = Self(39);
    /// Which nodes are members, where we differ? [`Members`](super::Members).
    pub const MEMBERS: Self = Self(40);
    /// I fetch this content: who else does, what have you of it? [`Swarm`](super::Swarm).
    pub const SWARM: Self = Self(41);
    /// Fetch these files of mine, and keep them. [`Put`](super::Put).
    pub const PUT: Self = Self(42);

    /// Answer to [`Kind::EXCHANGE`]. [`Exchanged`](super::Exchanged).
    pub const EXCHANGED: Self = Self(48);
    /// Some of what a search found. [`Found`](super::Found).
    pub const FOUND: Self = Self(49);
    /// One peer has answered a search, or will not. [`Answered`](super::Answered).
    pub const ANSWERED: Self = Self(50);
    /// Which version of a file the bytes that follow are of. [`File`](super::File).
    pub const FILE: Self = Self(51);
    /// How long each of several files is; their bytes follow, one after the other. [`Files`](super::Files).
    pub const FILES: Self = Self(52);
    /// Answer to [`Kind::TICKET`]. [`Ticketed`](super::Ticketed).
    pub const TICKETED: Self = Self(53);
    /// Answer to [`Kind::OUTLINE`]; the values follow as bytes. [`Outlined`](super::Outlined).
    pub const OUTLINED: Self = Self(54);
    /// Answer to [`Kind::FOLLOW`]; [`Kind::CHANGES`] follow. [`Following`](super::Following).
    pub const FOLLOWING: Self = Self(56);
    /// What one peer shares, or how it changed. [`Changes`](super::Changes).
    pub const CHANGES: Self = Self(57);
    /// Answer to [`Kind::MEMBERS`]. [`MembersTold`](super::MembersTold).
    pub const MEMBERS_TOLD: Self = Self(60);
    /// Answer to [`Kind::SWARM`], as it changes. [`Swarming`](super::Swarming).
    pub const SWARMING: Self = Self(61);
    /// Answers to [`Kind::PUT`]. [`Kept`](super::Kept).
    pub const KEPT: Self = Self(62);

    /// Whether a record of this kind asks for something and so opens a stream; unknown ones are answered that they are.
    #[must_use]
    pub fn is_request(self) -> bool {
        (32..48).contains(&self.0)
    }
}
