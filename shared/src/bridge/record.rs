//! What one record holds before it is sealed: a kind, a stream, a payload.

use std::fmt;

use super::kind::Kind;
use crate::limits::RECORD_OVERHEAD_BYTES;

/// Kind and stream, in bytes: what stands before the payload.
pub(super) const HEADER_BYTES: usize = 5;
/// The tag of Poly1305, in bytes: what follows the payload.
pub(super) const TAG_BYTES: usize = 16;
const _: () = assert!(HEADER_BYTES + TAG_BYTES == RECORD_OVERHEAD_BYTES);

/// A record that was opened: it is what the other end sealed, in the order it sealed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// The stream it belongs to; 0 is the session itself.
    pub stream: u32,
    /// Header and payload; the header stays, so that nothing must be moved.
    bytes: Vec<u8>,
}

impl Record {
    /// Reads what was unsealed; [`None`] if it is shorter than a header.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let (&[kind], rest) = bytes.split_first_chunk()?;
        let (stream, _) = rest.split_first_chunk()?;
        Some(Self { kind: Kind(kind), stream: u32::from_le_bytes(*stream), bytes })
    }

    /// Writes a record that is not sealed yet, with room for the tag.
    pub(super) fn write(kind: Kind, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(payload.len() + RECORD_OVERHEAD_BYTES);
        Self::write_to(&mut bytes, kind, stream, payload);
        bytes
    }

    /// Writes one behind what is there already.
    pub(super) fn write_to(bytes: &mut Vec<u8>, kind: Kind, stream: u32, payload: &[u8]) {
        bytes.push(kind.0);
        bytes.extend_from_slice(&stream.to_le_bytes());
        bytes.extend_from_slice(payload);
    }

    /// The bytes it carries.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Record {
    fn as_ref(&self) -> &[u8] {
        self.payload()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are people's files: their length is enough for a log.
        write!(f, "Record({}, stream {}, {} bytes)", self.kind.0, self.stream, self.payload().len())
    }
}
