//! The bytes of the handshake's messages, and how two ends settle on a version and a suite.
//!
//! M0 and M1 have fields and are here; M2 is a share, M3 and M4 are proofs, 32 bare bytes each. Little-endian.

use super::handshake::HandshakeError;
use super::names::{Destination, Flags, InstanceId};

/// The one version of the bridge there is.
pub const BRIDGE_VERSION: u8 = 1;
/// CPace with ristretto255 and SHA-512, HKDF-SHA512, ChaCha20-Poly1305: the one suite there is.
pub const SUITE_CPACE_RISTRETTO255: u8 = 1;

/// How every M0 begins.
const MAGIC: &[u8; 4] = b"TP2\0";
/// Length of M2, M3 and M4, in bytes.
pub(super) const BARE_BYTES: usize = 32;

/// M0, responder to initiator: 44 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Lowest version it speaks.
    pub(super) version_min: u8,
    /// Highest version it speaks.
    pub(super) version_max: u8,
    /// Suites it speaks: bit n for suite n.
    pub(super) suites: u16,
    pub(super) flags: Flags,
    pub(super) id: InstanceId,
    /// Its half of the session's id.
    pub(super) nonce: [u8; 16],
}

impl Greeting {
    /// What we say as responder.
    pub(super) fn ours(flags: Flags, id: InstanceId, nonce: [u8; 16]) -> Self {
        let suites = 1 << SUITE_CPACE_RISTRETTO255;
        Self { version_min: BRIDGE_VERSION, version_max: BRIDGE_VERSION, suites, flags, id, nonce }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(44);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[self.version_min, self.version_max]);
        out.extend_from_slice(&self.suites.to_le_bytes());
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.nonce);
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (&[version_min, version_max], rest) = rest.split_first_chunk()?;
        let (suites, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        Some(Self {
            version_min,
            version_max,
            suites: u16::from_le_bytes(*suites),
            flags: Flags(u32::from_le_bytes(*flags)),
            id: InstanceId(*id),
            nonce: rest.try_into().ok()?,
        })
    }

    /// The version and the suite an initiator chooses: the highest version and the best suite that both speak.
    ///
    /// # Errors
    /// [`HandshakeError::Version`] or [`HandshakeError::Suite`] if there is none.
    pub(super) fn choose(&self) -> Result<(u8, u8), HandshakeError> {
        if !(self.version_min..=self.version_max).contains(&BRIDGE_VERSION) {
            return Err(HandshakeError::Version { min: self.version_min, max: self.version_max });
        }
        if self.suites & (1 << SUITE_CPACE_RISTRETTO255) == 0 {
            return Err(HandshakeError::Suite);
        }
        Ok((BRIDGE_VERSION, SUITE_CPACE_RISTRETTO255))
    }
}

/// M1 without its last 32 bytes, the share; initiator to responder: 41 + n bytes, n those of the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) version: u8,
    pub(super) suite: u8,
    pub(super) flags: Flags,
    pub(super) id: InstanceId,
    /// Its half of the session's id.
    pub(super) nonce: [u8; 16],
    pub(super) destination: Destination,
}

impl Opening {
    pub(super) fn encode(&self) -> Vec<u8> {
        let destination = self.destination.as_str().as_bytes();
        let mut out = Vec::with_capacity(41 + destination.len() + BARE_BYTES);
        out.extend_from_slice(&[self.version, self.suite]);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.nonce);
        // A Destination has at most 255 bytes; one with more would not be understood, and nothing else would happen.
        out.push(u8::try_from(destination.len()).unwrap_or_default());
        out.extend_from_slice(destination);
        out.extend_from_slice(&[0, 0]);
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[version, suite], rest) = bytes.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (&length, rest) = rest.split_first()?;
        let (destination, reserved) = rest.split_at_checked(usize::from(length))?;
        if reserved != [0, 0] {
            return None;
        }
        Some(Self {
            version,
            suite,
            flags: Flags(u32::from_le_bytes(*flags)),
            id: InstanceId(*id),
            nonce: *nonce,
            destination: Destination::from_wire(destination)?,
        })
    }

    /// Whether a responder speaks what the initiator chose.
    ///
    /// # Errors
    /// [`HandshakeError::Version`] or [`HandshakeError::Suite`] if it does not: it was not offered.
    pub(super) fn check_choice(&self) -> Result<(), HandshakeError> {
        if self.version != BRIDGE_VERSION {
            return Err(HandshakeError::Version { min: self.version, max: self.version });
        }
        if self.suite != SUITE_CPACE_RISTRETTO255 {
            return Err(HandshakeError::Suite);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests/greeting.rs"]
mod tests;
