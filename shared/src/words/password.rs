//! The one password, and the token of 2004 made from it.
//!
//! The token is constant for a URL: whoever sees one can use it for ever and guess the password from it off-line. It exists
//! for peers of 2004 and for scripts; it is not how modern peers prove themselves.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::PeerUrl;

/// The password all peers of a network share. Wiped when dropped; never shown by `Debug`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Takes the text as the password, byte for byte.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it is the empty text, which the command line refuses and the 2004 program accepts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether people guess such passwords: shorter than 12 characters, or made of fewer than 6 different ones.
    ///
    /// It says nothing about the others: `password1234` passes, and is as bad. A token of 2004 that was seen once is tried
    /// against millions of passwords a second.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let different: std::collections::BTreeSet<char> = self.0.chars().collect();
        self.0.chars().count() < 12 || different.len() < 6
    }

    /// The text itself, for the bridge's key derivation only.
    #[cfg(feature = "bridge")]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The token that proves this password to the server at `url`: HMAC-MD5 (RFC 2104) with the password as key over the
    /// URL's verbatim text, as 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn token(&self, url: &PeerUrl) -> Token {
        // RFC 2104 takes keys of any length, so the error cannot happen; the empty digest would match no caller.
        let Ok(mut mac) = Hmac::<Md5>::new_from_slice(self.0.as_bytes()) else {
            return Token([0; 32]);
        };
        mac.update(url.as_str().as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut text = [0_u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            }
        }
        Token(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The proof of 2004: what [`Password::token`] makes. Compared in constant time; never shown by `Debug`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Token([u8; 32]);

impl Token {
    /// Whether `presented` is this token. Upper-case digits are wrong, as they were in 2004.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.0.ct_eq(presented.as_bytes()).into()
    }

    /// The 32 digits, to put on the wire. A secret: never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(password: &str, url: &str) -> Token {
        Password::new(password).token(&PeerUrl::parse(url).unwrap())
    }

    #[test]
    fn token_is_the_one_seen_on_the_wire() {
        // Recorded from the original under CPython 2.7.18.
        assert_eq!(token("secret", "http://127.0.0.1:9001").reveal(), "0016184cebb71aa114e420d6a1054bd3");
    }

    #[test]
    fn token_depends_on_every_character_of_the_url() {
        let plain = token("secret", "http://127.0.0.1:9001");
        assert!(plain.matches(token("secret", "http://127.0.0.1:9001").reveal()));
        for other in [token("secret", "http://127.0.0.1:9001/"), token("Secret", "http://127.0.0.1:9001")] {
            assert!(!plain.matches(other.reveal()));
        }
        assert!(!plain.matches(""));
        assert!(!plain.matches("0016184CEBB71AA114E420D6A1054BD3"));
    }

    #[test]
    fn a_key_longer_than_a_block_is_hashed_first() {
        // RFC 2202 test case 6 shows the rule for keys above 64 bytes; here only that it works and differs.
        assert!(!token(&"k".repeat(65), "http://h:1").matches(token(&"k".repeat(64), "http://h:1").reveal()));
    }

    #[test]
    fn short_and_uniform_passwords_are_weak() {
        for weak in [
            "",
            "secret",
            "elevenchars",
            "aaaaaaaaaaaaaaaa",
            "121212121212121212",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert!(Password::new(weak).is_weak(), "{weak:?}");
        }
        for strong in ["correct horse", "zebra-ladder-cloud-museum-idle-frost", "x8#kQ2!pL0vT"] {
            assert!(!Password::new(strong).is_weak(), "{strong:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", Password::new("hunter2"), token("hunter2", "http://h:1"));
        assert_eq!(shown, "Password(…) Token(…)");
    }
}
