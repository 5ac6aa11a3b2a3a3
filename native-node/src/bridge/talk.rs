//! A handshake over a socket: takes messages to the state machine of one end, and its messages to the socket.
//!
//! Deadlines are the caller's, and so is what to say at the end.

use futures_util::{SinkExt, StreamExt};
use shared::Moment;
use shared::bridge::{HandshakeError, Initiator};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::line::{Socket, masked_frame};

/// Why a handshake came to no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    /// The handshake itself failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The other end closed the connection, with this code if it gave one.
    #[error("the other end closed the connection")]
    Closed(Option<u16>),
    /// What came is no binary message.
    #[error("the other end does not speak the bridge rightly")]
    NotBinary,
    /// The caller's address is over its limit for wrong passwords; it was not looked at.
    #[error("too many wrong passwords came from there")]
    TooManyGuesses,
    /// The connection broke, or what came is no WebSocket.
    #[error("{0}")]
    Socket(#[from] SocketError),
}

/// One end of a handshake.
pub(super) trait End {
    /// Takes what the other end sent.
    fn handle(&mut self, message: &[u8], now: Moment) -> Result<(), TalkError>;
    /// What to send.
    fn poll_message(&mut self) -> Option<Vec<u8>>;
    /// Whether it is over, and well.
    fn is_done(&self) -> bool;
}

impl End for Initiator {
    fn handle(&mut self, message: &[u8], now: Moment) -> Result<(), TalkError> {
        Ok(self.handle_message(message, now)?)
    }

    fn poll_message(&mut self) -> Option<Vec<u8>> {
        Initiator::poll_message(self)
    }

    fn is_done(&self) -> bool {
        Initiator::is_done(self)
    }
}

/// Runs a handshake until it is done. Answers how many bytes all that came takes on the wire if each message came as one
/// masked frame: where that is all there came, nothing else has.
pub(super) async fn talk(
    end: &mut impl End,
    socket: &mut Socket,
    clock: impl Fn() -> Moment,
) -> Result<usize, TalkError> {
    let mut came = 0_usize;
    loop {
        while let Some(message) = end.poll_message() {
            socket.send(Message::binary(message)).await?;
        }
        if end.is_done() {
            return Ok(came);
        }
        let message = socket.next().await.ok_or(TalkError::Closed(None))??;
        came = came.saturating_add(masked_frame(message.len()));
        match message {
            Message::Binary(bytes) => end.handle(&bytes, clock())?,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(frame) => return Err(TalkError::Closed(frame.map(|frame| frame.code.into()))),
            Message::Text(_) | Message::Frame(_) => return Err(TalkError::NotBinary),
        }
    }
}
