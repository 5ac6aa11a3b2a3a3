//! The bridge's door: from a TCP connection to an authenticated session, for callers and for those we call.
//!
//! ```text
//! accept  GET /bridge → 101, tp2 ─┐
//!                                 ├─ M0 … M4, 10 s ─► Opened { session, socket }
//! dial    TCP → GET /bridge ──────┘
//! ```
//!
//! What comes out is the same on both sides: from then on one binary message of the WebSocket is one record. What a record
//! says is not looked at here.

mod accept;
mod backoff;
mod dial;
mod dial_error;
mod guesses;
mod identity;
mod known;
mod line;
mod talk;
mod unfinished;

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use shared::bridge::Session;

pub(crate) use accept::{Callee, accept, options};
pub use backoff::{DialBackoff, Doubt};
pub(crate) use dial::may_dial;
pub use dial::{Named, connect};
pub use dial_error::DialError;
pub(crate) use guesses::network_of;
pub use guesses::{Guess, Guesses};
pub use identity::{Identity, IdentityError};
pub use known::KnownNodes;
pub use line::{Line, Socket};

use unfinished::{HandshakePermit, Unfinished};

use crate::lock::LockExt;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tp2";
/// The path of the bridge.
pub const PATH: &str = "/bridge";
/// A responder closes with this code after a wrong password.
pub const CLOSE_REFUSED: u16 = 4001;
/// … after a caller dialed a name that is not the responder's.
pub const CLOSE_DESTINATION: u16 = 4002;
/// … instead of looking at a password, when too many were wrong.
pub const CLOSE_TOO_MANY_GUESSES: u16 = 4003;

/// Two ends that have proved the password to each other, whoever dialed.
#[derive(Debug)]
pub struct Opened {
    /// What seals and opens records.
    pub session: Session,
    /// One binary message is one record. It holds one of the server's places for connections.
    pub socket: Socket,
    /// The other end's address.
    pub address: SocketAddr,
}

/// What a node keeps at its door.
#[derive(Debug, Default)]
pub(crate) struct Door {
    guesses: Mutex<Guesses>,
    unfinished: Unfinished,
}

impl Door {
    /// Looks at or changes who guessed how much, briefly.
    pub(crate) fn guesses<T>(&self, work: impl FnOnce(&mut Guesses) -> T) -> T {
        work(&mut self.guesses.locked())
    }

    /// A place for one more unfinished handshake, if there is one.
    fn enter(&self, address: IpAddr) -> Option<HandshakePermit> {
        self.unfinished.enter(address)
    }
}
