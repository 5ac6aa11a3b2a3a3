//! Who the two ends of a session say they are: a random id, some flags, and the name that was dialed.

use std::fmt;
use std::str::FromStr;

use crate::Hex;
use crate::limits::BRIDGE_DESTINATION_BYTES;

/// Sixteen random bytes that a process (or a tab) draws at its start and sends in every handshake, so that it can
/// recognise a call that came back to itself. Not secret, and nothing is proved by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId(pub [u8; 16]);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({self})")
    }
}

/// What an end says about itself before anything is proved; the proof covers it, so nobody can edit it on the way.
///
/// Bits without a name are for later versions: ignored, and covered all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// This end also speaks the protocol of 2004.
    pub const LEGACY: Self = Self(1);
    /// This end came over TLS, or has it on. Told, and not judged in this version.
    pub const TLS: Self = Self(1 << 1);

    /// Whether every flag of `other` is set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The name under which an initiator dialed, `host:port/path`: 1 to 255 bytes in lower case, without blanks and control
/// characters.
///
/// The responder checks that it is one of its own names. Otherwise one member of a network could pass a session on to
/// another member, who knows the same password (draft-irtf-cfrg-cpace-21, section 10.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination(String);

/// Why a text cannot be dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Nothing at all.
    #[error("no address given")]
    Empty,
    /// More than [`BRIDGE_DESTINATION_BYTES`]; the number is how many there are.
    #[error("an address of {0} bytes is too long: {BRIDGE_DESTINATION_BYTES} are possible")]
    TooLong(usize),
    /// A blank or a control character.
    #[error("an address holds no blanks and no control characters")]
    Character,
}

impl Destination {
    /// The name as it goes over the wire and into [`OwnNames`](super::OwnNames).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the wire: only what [`Destination::from_str`] makes, since two spellings of one name are one too many.
    pub(super) fn from_wire(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        Self::from_str(text).ok().filter(|destination| destination.0 == text)
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    /// Takes `host:port/path` as dialed. ASCII letters become lower case; other letters stay, for the rules of Unicode
    /// change and both ends must mean the same bytes.
    ///
    /// # Errors
    /// See [`DestinationError`]: the text was typed or came from a roster.
    fn from_str(text: &str) -> Result<Self, DestinationError> {
        match text.len() {
            0 => return Err(DestinationError::Empty),
            length if length > BRIDGE_DESTINATION_BYTES => return Err(DestinationError::TooLong(length)),
            _ => {}
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(DestinationError::Character);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_is_what_was_dialed_in_lower_case() {
        assert_eq!("Ada.Local:8000/Bridge".parse::<Destination>().unwrap().as_str(), "ada.local:8000/bridge");
        assert_eq!("".parse::<Destination>(), Err(DestinationError::Empty));
        assert_eq!("h".repeat(256).parse::<Destination>(), Err(DestinationError::TooLong(256)));
        assert!("h".repeat(255).parse::<Destination>().is_ok());
        for bad in ["a b", "a\n", "a\u{85}", "\u{2028}"] {
            assert_eq!(bad.parse::<Destination>(), Err(DestinationError::Character), "{bad:?}");
        }
    }

    #[test]
    fn destination_from_the_wire_has_one_spelling() {
        assert!(Destination::from_wire(b"ada.local:8000").is_some());
        for bad in [&b"Ada.local:8000"[..], b"", b"\xff", b"a b", &[b'a'; 256]] {
            assert!(Destination::from_wire(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn flags_have_their_bits() {
        assert_eq!(Flags::LEGACY.with(Flags::TLS), Flags(3));
        assert!(Flags(7).contains(Flags::TLS) && !Flags(1).contains(Flags::TLS));
    }
}
