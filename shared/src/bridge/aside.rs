//! Bytes beside a session: what a tab asks for in its session may come as the body of a plain HTTP answer, sealed.
//!
//! A browser takes in the body of an answer at more than twice the speed of a WebSocket's messages, and in a worker, where
//! nothing that is on the screen waits for it. So who reads a file may say, in the session, where it will fetch the bytes and
//! with what key they are to be sealed, both random and good once. Whoever listens learns no more than from the session.
//!
//! ```text
//! body = (length of record 4, little-endian ‖ record)*, as sealed by a session's lane; kinds DATA, and END as the last
//! ```

use std::fmt;

use minicbor::{Decode, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

use super::keys::Key;
use super::kind::Kind;
use super::record::Record;
use super::seal::{OpenError, Opener, SealError, Sealer};
use crate::limits::{RECORD_OVERHEAD_BYTES, RECORD_PAYLOAD_BYTES};
use crate::parse_hex;

/// What begins the path at which such bytes are fetched.
const FOLDER: &str = "/aside/";
/// Length of an id, in bytes; twice as many hexadecimal digits.
const ID_BYTES: usize = 16;
/// Length of a key, in bytes.
const KEY_BYTES: usize = 32;
/// What stands before each record, in bytes.
const PREFIX_BYTES: usize = 4;
/// There is one stream in each body.
const STREAM: u32 = 0;

/// Where bytes will be fetched. Not to be guessed; worth nothing without the key, and nothing to whoever comes second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsideId([u8; ID_BYTES]);

impl AsideId {
    /// Reads a path such as `/aside/00112233445566778899aabbccddeeff`, and nothing else.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        parse_hex(path.strip_prefix(FOLDER)?).map(Self)
    }
}

/// Where bytes will be fetched, and the key that they are to be sealed with. Shown by `Debug` without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Aside {
    id: AsideId,
    key: Key,
}

impl Aside {
    /// From 48 random bytes that were used for nothing else.
    #[must_use]
    pub fn new(random: &[u8; ID_BYTES + KEY_BYTES]) -> Self {
        let (mut id, mut key) = ([0; ID_BYTES], Zeroizing::new([0; KEY_BYTES]));
        id.iter_mut().chain(key.iter_mut()).zip(random).for_each(|(to, from)| *to = *from);
        Self { id: AsideId(id), key }
    }

    /// Where.
    #[must_use]
    pub fn id(&self) -> AsideId {
        self.id
    }

    /// The path at the node.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = FOLDER.to_owned();
        for byte in self.id.0 {
            path.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default()));
        }
        path
    }

    /// The key, for [`Arriving::new`] in a worker and for nothing else.
    #[must_use]
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// Seals what is sent there.
    #[must_use]
    pub fn leaving(&self) -> Leaving {
        Leaving(Sealer::new(self.key.clone()))
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aside({:?})", self.id)
    }
}

impl<C> Encode<C> for Aside {
    fn encode<W: encode::Write>(&self, to: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        let mut bytes = Zeroizing::new([0; ID_BYTES + KEY_BYTES]);
        bytes.iter_mut().zip(self.id.0.iter().chain(self.key.iter())).for_each(|(to, from)| *to = *from);
        to.bytes(bytes.as_slice())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Aside {
    fn decode(from: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes =
            from.bytes()?.try_into().map_err(|_| decode::Error::message("not the length of an id and a key"))?;
        Ok(Self::new(bytes))
    }
}

/// Seals the body of an answer.
#[derive(Debug)]
pub struct Leaving(Sealer);

impl Leaving {
    /// The next part of the body, with these bytes in it.
    ///
    /// # Errors
    /// [`SealError::TooLong`] for more than [`RECORD_PAYLOAD_BYTES`].
    pub fn data(&mut self, payload: &[u8]) -> Result<Vec<u8>, SealError> {
        self.part(Kind::DATA, payload)
    }

    /// The last part of the body: what was sent is whole.
    ///
    /// # Errors
    /// None that could happen in practice: see [`SealError`].
    pub fn end(mut self) -> Result<Vec<u8>, SealError> {
        self.part(Kind::END, b"")
    }

    fn part(&mut self, kind: Kind, payload: &[u8]) -> Result<Vec<u8>, SealError> {
        if payload.len() > RECORD_PAYLOAD_BYTES {
            return Err(SealError::TooLong(payload.len()));
        }
        let length = (payload.len() + RECORD_OVERHEAD_BYTES) as u32;
        let mut part = Vec::with_capacity(PREFIX_BYTES + payload.len() + RECORD_OVERHEAD_BYTES);
        part.extend_from_slice(&length.to_le_bytes());
        Record::write_to(&mut part, kind, STREAM, payload);
        self.0.seal_behind(PREFIX_BYTES, part)
    }
}

/// Opens the body of an answer, as it comes: fill [`Arriving::room`], say how much of it was [filled](Arriving::filled).
#[derive(Debug)]
pub struct Arriving {
    opener: Opener,
    /// The record that comes in, or what stands before it.
    bytes: Vec<u8>,
    filled: usize,
    is_prefix: bool,
}

impl Arriving {
    /// Of a body that is sealed with this key. Nothing of it has come.
    #[must_use]
    pub fn new(key: [u8; KEY_BYTES]) -> Self {
        let opener = Opener::new(Zeroizing::new(key));
        Self { opener, bytes: vec![0; PREFIX_BYTES], filled: 0, is_prefix: true }
    }

    /// Where the next bytes belong: at least one.
    pub fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were put at the beginning of [`Arriving::room`]. A record, if that makes one whole: of kind DATA, or END.
    ///
    /// # Errors
    /// [`OpenError`]: nothing that comes can be trusted any more.
    pub fn filled(&mut self, count: usize) -> Result<Option<Record>, OpenError> {
        self.filled += count;
        if self.filled < self.bytes.len() {
            return Ok(None);
        }
        self.filled = 0;
        if self.is_prefix {
            let length = self.bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
            if !(RECORD_OVERHEAD_BYTES..=RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES).contains(&length) {
                return Err(OpenError::TooLong(length));
            }
            self.bytes = vec![0; length];
            self.is_prefix = false;
            return Ok(None);
        }
        self.is_prefix = true;
        self.opener.open(std::mem::replace(&mut self.bytes, vec![0; PREFIX_BYTES])).map(Some)
    }
}

#[cfg(test)]
#[path = "tests/aside.rs"]
mod tests;
