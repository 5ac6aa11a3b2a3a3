//! Through the node's door: a WebSocket, then the handshake, within its time.

use std::time::Duration;

use shared::bridge::{Flags, HandshakeError, Initiator, InstanceId, Randomness, Secret};
use shared::limits::HANDSHAKE_TIME;
use web_sys::window;

use super::clock::{in_time, now};
use super::link::Link;
use super::socket::{Incoming, Socket};

/// How long the connection itself may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// A node closes with this after a wrong password …
const CLOSE_PASSWORD: u16 = 4001;
/// … with this where it does not know the name it was called by …
const CLOSE_NAME: u16 = 4002;
/// … and with this instead of looking at a password, after too many wrong ones.
const CLOSE_TOO_MANY: u16 = 4003;

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// No connection: a browser does not say why.
    NotOpened,
    /// It was closed before the password was proved, with this code.
    Closed(u16),
    /// The node took too long.
    Late,
    /// The handshake failed here.
    Handshake(HandshakeError),
}

/// What that means for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The password is wrong.
    Password,
    /// The node does not look at passwords from here for a while.
    TooMany,
    /// The node does not know itself by the name in the address bar.
    Name,
    /// The node's program and this page do not fit together, or somebody is in between.
    Strange(HandshakeError),
    /// Nothing that could be told apart from a node or a network that is not there.
    Unreachable,
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Closed(CLOSE_PASSWORD) => Self::Password,
            Shut::Closed(CLOSE_NAME) => Self::Name,
            Shut::Closed(CLOSE_TOO_MANY) => Self::TooMany,
            // The node proved nothing either: whoever answers there does not know the password.
            Shut::Handshake(HandshakeError::NotConfirmed) => Self::Password,
            Shut::Handshake(HandshakeError::Late) => Self::Unreachable,
            Shut::Handshake(error) => Self::Strange(error),
            Shut::NotOpened | Shut::Closed(_) | Shut::Late => Self::Unreachable,
        }
    }
}

/// Connects to the node this page came from and proves the password, and it to us. `own` is this tab's id.
///
/// # Errors
/// See [`Shut`].
pub(crate) async fn enter(secret: &Secret, own: InstanceId) -> Result<Link, Shut> {
    let location = window().ok_or(Shut::NotOpened)?.location();
    let host = location.host().map_err(|_| Shut::NotOpened)?;
    let is_tls = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let (scheme, flags) = if is_tls { ("wss", Flags::TLS) } else { ("ws", Flags::default()) };
    let destination = [&host, "/bridge"].concat().parse().map_err(|_| Shut::NotOpened)?;
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(|_| Shut::NotOpened)?;

    let socket = Socket::open(&[scheme, "://", &host, "/bridge"].concat()).map_err(|_| Shut::NotOpened)?;
    match in_time(CONNECT_TIME, socket.next()).await {
        Some(Incoming::Open) => {}
        Some(_) => return Err(Shut::NotOpened),
        None => return Err(Shut::Late),
    }
    let mut end = Initiator::new(secret, own, flags, destination, Randomness::from_bytes(random), now());
    let talk = async {
        while !end.is_done() {
            match socket.next().await {
                Incoming::Message(message) => end.handle_message(&message, now()).map_err(Shut::Handshake)?,
                Incoming::Closed(code) => return Err(Shut::Closed(code)),
                Incoming::Open => {}
            }
            while let Some(message) = end.poll_message() {
                socket.send(&message);
            }
        }
        Ok(())
    };
    in_time(HANDSHAKE_TIME, talk).await.ok_or(Shut::Late)??;
    let session = end.finish().map_err(Shut::Handshake)?;
    Ok(Link::new(session, socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_is_told_what_can_be_done() {
        assert_eq!(Refusal::from(Shut::Closed(4001)), Refusal::Password);
        assert_eq!(Refusal::from(Shut::Handshake(HandshakeError::NotConfirmed)), Refusal::Password);
        assert_eq!(Refusal::from(Shut::Closed(4002)), Refusal::Name);
        assert_eq!(Refusal::from(Shut::Closed(4003)), Refusal::TooMany);
        let old = HandshakeError::Version { min: 2, max: 3 };
        assert_eq!(Refusal::from(Shut::Handshake(old)), Refusal::Strange(old));
        for shut in [Shut::NotOpened, Shut::Late, Shut::Closed(1006), Shut::Handshake(HandshakeError::Late)] {
            assert_eq!(Refusal::from(shut), Refusal::Unreachable, "{shut:?}");
        }
    }
}
