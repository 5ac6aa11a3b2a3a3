//! Records, sealed and opened: ChaCha20-Poly1305 (RFC 8439) with a key for each direction and a counter that is not sent.
//!
//! Since the counter is only counted, a record that was left out, repeated, moved or changed does not open; the session
//! is over then. That it ended as it should is never concluded from a closed connection, only from a sealed BYE, and that
//! a stream is whole only from its sealed END.
//!
//! ```text
//! message = ChaCha20-Poly1305(key, nonce = 0 0 0 0 ‖ counter 8, kind 1 ‖ stream 4 ‖ payload) ‖ tag 16
//! ```

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, Nonce, Tag};

use super::keys::{Key, next_key};
use super::kind::Kind;
use super::record::{Record, TAG_BYTES};
use crate::limits::{RECORD_OVERHEAD_BYTES, RECORD_PAYLOAD_BYTES, RECORDS_PER_KEY};

#[cfg(not(target_arch = "wasm32"))]
use chacha20poly1305::ChaCha20Poly1305;
#[cfg(target_arch = "wasm32")]
type ChaCha20Poly1305 = chacha20poly1305::ChaChaPoly1305<super::wide::Wide>;

/// Why a record cannot be sealed. Nothing was sealed, and the session is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More than [`RECORD_PAYLOAD_BYTES`]; the number is how many there were.
    #[error("a record of {0} bytes is too long: {RECORD_PAYLOAD_BYTES} are possible")]
    TooLong(usize),
    /// We said BYE before.
    #[error("this end has closed the session")]
    Closed,
}

/// Why a message is no record of this session. Close the connection: nothing that comes after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was changed, repeated, moved, or another before it was left out.
    #[error("what came was not what the other end sent; the connection is closed")]
    Forged,
    /// More than a record can have; the number is how many bytes there were.
    #[error("a message of {0} bytes is too long for a record; the connection is closed")]
    TooLong(usize),
    /// The other end said BYE before, or an earlier message was no record.
    #[error("a record came after the end of the session")]
    Closed,
}

/// How a direction of a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The other end said BYE: it has sent all it wanted to send.
    Bye,
    /// Somebody or something cut it: what has had no END yet is not whole.
    Interrupted,
}

/// A key, and how many records it and those before it have served for.
struct Lane {
    key: Key,
    count: u64,
}

impl Lane {
    /// The cipher and the nonce for the next record; [`None`] after 2^64, when a nonce would come again.
    fn next(&mut self) -> Option<(ChaCha20Poly1305, Nonce)> {
        let after = self.count.checked_add(1)?;
        if self.count > 0 && self.count.is_multiple_of(RECORDS_PER_KEY) {
            self.key = next_key(&self.key);
        }
        let mut nonce = Nonce::default();
        nonce.iter_mut().skip(4).zip(self.count.to_le_bytes()).for_each(|(to, from)| *to = from);
        self.count = after;
        Some((ChaCha20Poly1305::new((&*self.key).into()), nonce))
    }
}

/// Seals what this end sends. Its messages must be sent all, in the order they were made.
pub struct Sealer {
    lane: Lane,
    closed: bool,
}

impl Sealer {
    pub(super) fn new(key: Key) -> Self {
        Self { lane: Lane { key, count: 0 }, closed: false }
    }

    /// Seals one record: the message to send, [`RECORD_OVERHEAD_BYTES`] longer than `payload`.
    ///
    /// # Errors
    /// [`SealError`]: the payload is too long, or the session was closed. Nothing was sealed then.
    pub fn seal(&mut self, kind: Kind, stream: u32, payload: &[u8]) -> Result<Vec<u8>, SealError> {
        if payload.len() > RECORD_PAYLOAD_BYTES {
            return Err(SealError::TooLong(payload.len()));
        }
        self.seal_written(Record::write(kind, stream, payload))
    }

    /// Seals what [`Record::write`] made, in its own memory.
    pub(super) fn seal_written(&mut self, record: Vec<u8>) -> Result<Vec<u8>, SealError> {
        self.seal_behind(0, record)
    }

    /// Seals a record that has so many bytes before it, which stay as they are.
    pub(super) fn seal_behind(&mut self, before: usize, mut bytes: Vec<u8>) -> Result<Vec<u8>, SealError> {
        if self.closed {
            return Err(SealError::Closed);
        }
        let record = bytes.get_mut(before..).unwrap_or_default();
        let length = record.len();
        let (cipher, nonce) = self.lane.next().ok_or(SealError::Closed)?;
        self.closed = record.first() == Some(&Kind::BYE.0);
        let tag = cipher.encrypt_inout_detached(&nonce, b"", record.into()).map_err(|_| SealError::TooLong(length))?;
        bytes.extend_from_slice(&tag);
        Ok(bytes)
    }

    /// Seals the END of a stream: what was sent on it is whole.
    ///
    /// # Errors
    /// [`SealError::Closed`] after BYE.
    pub fn end(&mut self, stream: u32) -> Result<Vec<u8>, SealError> {
        self.seal(Kind::END, stream, b"")
    }

    /// Seals the BYE of the session: the last message of this direction.
    ///
    /// # Errors
    /// [`SealError::Closed`] after an earlier one.
    pub fn bye(&mut self) -> Result<Vec<u8>, SealError> {
        self.seal(Kind::BYE, 0, b"")
    }
}

/// Opens what the other end sealed.
pub struct Opener {
    lane: Lane,
    /// Set once nothing more is opened.
    ended: Option<Ending>,
}

impl Opener {
    pub(super) fn new(key: Key) -> Self {
        Self { lane: Lane { key, count: 0 }, ended: None }
    }

    /// Opens one message, in its own memory. A record of [`Kind::BYE`] is the last.
    ///
    /// # Errors
    /// [`OpenError`]: nothing was opened, and nothing will be from now on.
    pub fn open(&mut self, message: Vec<u8>) -> Result<Record, OpenError> {
        if self.ended.is_some() {
            return Err(OpenError::Closed);
        }
        // Whatever goes wrong from here on is the end; only a record that opens takes that back.
        self.ended = Some(Ending::Interrupted);
        if message.len() > RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES {
            return Err(OpenError::TooLong(message.len()));
        }
        let record = self.unseal(message).ok_or(OpenError::Forged)?;
        self.ended = (record.kind == Kind::BYE).then_some(Ending::Bye);
        Ok(record)
    }

    fn unseal(&mut self, mut message: Vec<u8>) -> Option<Record> {
        let length = message.len().checked_sub(TAG_BYTES)?;
        let (cipher, nonce) = self.lane.next()?;
        let (body, tag) = message.split_at_mut_checked(length)?;
        let tag = Tag::try_from(&*tag).ok()?;
        cipher.decrypt_inout_detached(&nonce, b"", body.into(), &tag).ok()?;
        message.truncate(length);
        Record::parse(message)
    }

    /// Tells that the connection is closed, and asks how this direction ended.
    pub fn handle_close(&mut self) -> Ending {
        *self.ended.get_or_insert(Ending::Interrupted)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} records)", self.lane.count)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({} records, ended: {:?})", self.lane.count, self.ended)
    }
}

#[cfg(test)]
#[path = "tests/seal.rs"]
mod tests;
