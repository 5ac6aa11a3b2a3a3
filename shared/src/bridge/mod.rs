//! The bridge: the one modern protocol, spoken by tabs to their node, by the command line and between nodes.
//!
//! Password-authenticated and encrypted, not independently audited.
//!
//! Two ends that know the password of a network agree on keys by CPace (draft-irtf-cfrg-cpace-21): whoever listens, or
//! plays one of the ends, learns nothing to guess the password from off-line, except whether one guess per try was
//! right. Then records flow both ways, and one that was changed, repeated, moved or left out ends the session.
//!
//! Everything here is a state machine without I/O: `handle_*` feeds in what arrived, `poll_*` drains what must be sent,
//! time ([`Moment`](crate::Moment)) and randomness are arguments. One message here is one binary message of a WebSocket.
//!
//! ```text
//! Secret::derive(password, network)            once per process
//!   → Initiator | Responder                    M0 … M4, at most 10 s
//!   → Session { sealer, opener, exporter, peer }
//!   → Mux                                      streams of Messages and bytes, under credit
//! ```
//!
//! Deliberately not here: who answers requests and with what, how many handshakes may be unfinished, and how often who
//! may guess ([`HandshakeError::is_wrong_guess`] and [`Initiator::proof_is_out`] say what to count).

mod aside;
mod collect;
mod cpace;
mod fields;
#[cfg(feature = "node")]
mod follow;
mod greeting;
mod handshake;
mod id;
mod initiator;
mod keys;
mod kind;
#[cfg(feature = "node")]
mod members;
mod message;
mod mux;
mod names;
mod offer;
mod outline;
mod put;
mod record;
mod reset;
mod responder;
mod seal;
mod search;
mod secret;
mod streams;
#[cfg(feature = "node")]
mod swarm;
mod tab_id;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "wasm32", test))]
mod wide;

pub use aside::{Arriving, Aside, AsideId, Leaving};
pub use collect::Collect;
#[cfg(feature = "node")]
pub use follow::{Changes, Follow, Following, Proof, Since};
pub use greeting::{BRIDGE_VERSION, SUITE_CPACE_RISTRETTO255};
pub use handshake::{HandshakeError, Peer, Randomness, Session};
pub use initiator::Initiator;
pub use keys::Exporter;
pub use kind::Kind;
#[cfg(feature = "node")]
pub use members::{Members, MembersTold, PoolKey};
pub use message::{
    Address, Exchange, Exchanged, File, Files, Hello, Message, MessageError, PeerInfo, PeerKind, Peers, Read, ReadMany,
    Role, Ticket, Ticketed, Version,
};
pub use mux::{Event, Mux, MuxError, SendError, Side, cost};
pub use names::{Destination, DestinationError, Flags, InstanceId};
pub use offer::{Offer, Offered, OfferedForm};
pub use outline::{Outline, Outlined};
pub use put::{Kept, Put};
pub use record::Record;
pub use reset::{Reset, ResetCode};
pub use responder::{OwnNames, Responder};
pub use seal::{Ending, OpenError, Opener, SealError, Sealer};
pub use search::{Answered, Found, Row, Search, SearchKind, SearchScope};
pub use secret::{Secret, SecretError};
#[cfg(feature = "node")]
pub use swarm::{Swarm, Swarming};
pub use tab_id::TabId;
