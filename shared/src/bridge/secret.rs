//! The password made ready for CPace: expensive on purpose, once per process or login.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Password;

/// Memory of one derivation, in KiB: 19 MiB, what OWASP advises for Argon2id with two passes.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes: one, since a tab has one thread for it.
const LANES: u32 = 1;
/// What the salt begins with; the network's name follows.
const SALT: &str = "tinyp2p/2:";

/// What both ends of a handshake must have in common: 32 bytes from the password and the network's name (the draft's
/// `PRS`). As good as the password itself. Wiped when dropped; never shown by `Debug`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

/// The memory for the derivation was not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not enough memory to prepare the password: it takes 19 MiB for a moment")]
pub struct SecretError;

impl Secret {
    /// Argon2id v1.3 (RFC 9106; m = 19 456 KiB, t = 2, p = 1) of `password` in NFC, with `tinyp2p/2:` and `network` in
    /// NFC as salt. Takes some 30 ms natively and twice that in a tab: keep the result.
    ///
    /// # Errors
    /// [`SecretError`] if 19 MiB cannot be allocated.
    pub fn derive(password: &Password, network: &str) -> Result<Self, SecretError> {
        Self::derive_from_nfc_text(&normalized(password.reveal()), &normalized(network))
    }

    /// [`Secret::derive`] of texts that are in NFC already. For the page: a browser has `String.prototype.normalize`, and
    /// the tables that [`Secret::derive`] brings for it would be more than half of all the bridge there (62 of 103 KB,
    /// compressed). Another password and network than those in NFC give another secret, silently.
    ///
    /// # Errors
    /// [`SecretError`] if 19 MiB cannot be allocated.
    pub fn derive_from_nfc(password: &Password, network: &str) -> Result<Self, SecretError> {
        Self::derive_from_nfc_text(password.reveal(), network)
    }

    fn derive_from_nfc_text(password: &str, network: &str) -> Result<Self, SecretError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| SecretError)?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(params.block_count()).map_err(|_| SecretError)?;
        blocks.resize(params.block_count(), Block::default());
        let mut blocks = Zeroizing::new(blocks);
        let salt = [SALT, network].concat();
        let mut secret = Self([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password.as_bytes(), salt.as_bytes(), &mut secret.0, blocks.as_mut_slice())
            .map_err(|_| SecretError)?;
        Ok(secret)
    }

    /// A secret that [`Secret::derive_from_nfc`] made elsewhere: the page derives in a worker, so that it does not freeze,
    /// and gets these 32 bytes. Others than those [`Secret::derived`] gave prove nothing to anybody.
    #[must_use]
    pub fn from_derived(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(*bytes)
    }

    /// The 32 bytes, for [`Secret::from_derived`] at the other end of a worker's channel and for nothing else: they are
    /// as good as the password.
    #[must_use]
    pub fn derived(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }

    /// The 32 bytes, for CPace only.
    pub(super) fn prs(&self) -> &[u8] {
        &self.0
    }

    /// A secret without the cost.
    #[cfg(test)]
    pub(super) fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// NFC of a text: keyboards of different systems give the same letters in different codes.
fn normalized(text: &str) -> Zeroizing<String> {
    // NFC makes at most three bytes of one (Unicode FAQ on normalization); growing would leave copies behind.
    let mut out = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    out.extend(text.nfc());
    out
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::tests::hex;

    fn derive(password: &str, network: &str) -> Secret {
        Secret::derive(&Password::new(password), network).unwrap()
    }

    #[test]
    fn secret_is_pinned() {
        // The same bytes from OpenSSL's ARGON2ID by way of Python's `cryptography` 48.
        assert_eq!(
            derive("correct horse", "home").prs(),
            hex("b26eb90705a71e204dd5bfcd0a9b2dfb84d4deafdf3de2be6b9f3a778019d7fa")
        );
    }

    #[test]
    fn password_is_taken_in_nfc_and_the_network_is_salt() {
        let composed = derive("caf\u{e9}", "home");
        assert_eq!(composed.prs(), derive("cafe\u{301}", "home").prs());
        assert_ne!(composed.prs(), derive("caf\u{e9}", "work").prs());
        assert_ne!(composed.prs(), derive("cafe", "home").prs());
        assert_eq!(derive("", "").prs().len(), 32);
        let ready = Secret::derive_from_nfc(&Password::new("caf\u{e9}"), "home").unwrap();
        assert_eq!(ready.prs(), composed.prs());
        assert_eq!(Secret::from_derived(ready.derived()).prs(), composed.prs());
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::of_bytes([7; 32])), "Secret(…)");
    }
}
