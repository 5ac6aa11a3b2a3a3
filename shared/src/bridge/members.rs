//! What is said of the membership among nodes: see `membership`, whose bytes these carry inside of a session.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::ZeroizeOnDrop;

/// The key of a pool's datagrams: 32 random bytes that nodes hand each other inside of sessions, where the password was proved.
/// It follows from no password, so that a listener has nothing to guess one from. Wiped when dropped; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, ZeroizeOnDrop)]
pub struct PoolKey([u8; 32]);

impl PoolKey {
    /// A key of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to seal with.
    #[cfg(feature = "membership")]
    pub(crate) fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// Bytes that follow from it, for one purpose, and from which nobody learns it (HMAC-SHA-512, RFC 4231).
    #[cfg(feature = "membership")]
    pub(crate) fn derived<const N: usize>(&self, purpose: &[u8]) -> [u8; N] {
        let mac = super::keys::hmac_of(&self.0, &[purpose]);
        let mut derived = [0; N];
        derived.iter_mut().zip(mac.iter()).for_each(|(to, from)| *to = *from);
        derived
    }
}

impl fmt::Debug for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolKey(…)")
    }
}

impl<C> Encode<C> for PoolKey {
    fn encode<W: encode::Write>(&self, to: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        to.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PoolKey {
    fn decode(from: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = from.bytes()?.try_into().map_err(|_| decode::Error::message("a pool's key has 32 bytes"))?;
        Ok(Self(bytes))
    }
}

/// Which nodes are members, where we differ? Answered with [`MembersTold`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Members {
    /// The key of the asker's pool; none while it has met nobody.
    #[n(0)]
    pub key: Option<PoolKey>,
    /// Stands for all members that the asker holds for alive.
    #[n(1)]
    pub digest: u64,
    /// The parts of these that are wanted, a bit for each of 64; none: only compare.
    #[n(2)]
    pub parts: u64,
    /// All that the asker knows of these parts.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub members: Vec<u8>,
}

/// What the other end knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MembersTold {
    /// The key that both use from now on.
    #[n(0)]
    pub key: PoolKey,
    /// Who answers.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub me: Vec<u8>,
    /// A digest for each of the 64 parts, where that for all differs; else nothing.
    #[n(2)]
    pub digests: Vec<u64>,
    /// The parts that are told, a bit for each.
    #[n(3)]
    pub parts: u64,
    /// All that is known of these.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub members: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let told = MembersTold { key: PoolKey::new([77; 32]), me: vec![], digests: vec![], parts: 0, members: vec![] };
        assert!(format!("{told:?}").starts_with("MembersTold { key: PoolKey(…)"));
    }
}
