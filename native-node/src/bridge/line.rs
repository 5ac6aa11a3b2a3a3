//! The wire below a session, the same whoever dialed: what hyper leaves after an upgrade, with a limit for strangers.
//!
//! It also holds what a connection of the server holds, its place and its part in the shutdown, for as long as it lives.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use shared::limits::{HANDSHAKE_MESSAGE_BYTES, RECORD_OVERHEAD_BYTES, RECORD_PAYLOAD_BYTES};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::http::ConnectionGuard;

/// A WebSocket to the other end of a session: one binary message is one record.
pub type Socket = WebSocketStream<Line>;

/// All that a stranger may send before the password is proved, in bytes on the wire. Two messages of at most 400 bytes are
/// due; the rest is for pings and for nobody in particular.
const STRANGER_BYTES: usize = 8 << 10;
/// What is read at a time for a session, in bytes. An idle session keeps it.
const READ_BYTES: usize = 16 << 10;
/// Small messages are gathered up to here before they are written without being asked for, in bytes.
const WRITE_BYTES: usize = 16 << 10;
/// Longest header of a frame, in bytes.
const HEADER_BYTES: usize = 14;

/// A connection that was upgraded.
#[derive(Debug)]
pub struct Line {
    io: TokioIo<Upgraded>,
    /// Bytes that came.
    came: usize,
    /// After how many it is enough.
    most: usize,
    _stay: Option<ConnectionGuard>,
}

impl Line {
    /// One to a stranger who called us.
    pub(super) fn to_stranger(io: Upgraded, stay: ConnectionGuard) -> Self {
        Self { io: TokioIo::new(io), came: 0, most: STRANGER_BYTES, _stay: Some(stay) }
    }

    /// One that we dialed.
    pub(super) fn dialed(io: Upgraded) -> Self {
        Self { io: TokioIo::new(io), came: 0, most: usize::MAX, _stay: None }
    }

    /// Bytes that came so far.
    pub(super) fn came(&self) -> usize {
        self.came
    }

    /// The other end is no stranger any more.
    pub(super) fn trust(&mut self) {
        self.most = usize::MAX;
    }
}

/// The limits towards a stranger: 4 KiB per message and frame.
pub(super) fn for_strangers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(1 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(STRANGER_BYTES)
        .max_message_size(Some(HANDSHAKE_MESSAGE_BYTES))
        .max_frame_size(Some(HANDSHAKE_MESSAGE_BYTES))
}

/// The limits of a session: a record per message, and no more to be written than one record and what was gathered.
pub(super) fn for_sessions() -> WebSocketConfig {
    let record = RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES;
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        // A message that is taken while the one before is still being written is one too many.
        .max_write_buffer_size(WRITE_BYTES + record + HEADER_BYTES + (1 << 10))
        .max_message_size(Some(record))
        .max_frame_size(Some(record))
}

/// The same socket, under the limits of a session. Only for an end that has read every byte that came: what the old one had
/// read beyond its last message would be lost.
pub(super) async fn to_session(socket: Socket, role: Role) -> Socket {
    let mut line = socket.into_inner();
    line.trust();
    WebSocketStream::from_raw_socket(line, role, Some(for_sessions())).await
}

/// Length of a frame with a payload of `length` bytes, from a client, as it is on the wire.
pub(super) fn masked_frame(length: usize) -> usize {
    let extended = match length {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    };
    2 + extended + 4 + length
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.came > self.most {
            return Poll::Ready(Err(io::Error::other("too much came before the password was proved")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.came = self.came.saturating_add(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
