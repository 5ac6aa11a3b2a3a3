//! The pure heart of tinyp2p: what a peer is, what it answers, and how that looks on the wire.
//!
//! Nothing here touches a file, a socket, a clock or a thread. Time ([`Moment`]) and randomness are arguments, so the
//! same code runs in a native node, in a browser tab and in a simulated network, and every test of it is exact.

pub mod limits;

mod behaviour;
#[cfg(feature = "bridge")]
pub mod bridge;
#[cfg(feature = "membership")]
pub mod membership;
mod state;
#[cfg(feature = "transfer")]
pub mod transfer;
mod words;
#[cfg(feature = "xmlrpc")]
pub mod xmlrpc;

pub use behaviour::*;
pub use state::*;
pub use words::*;
