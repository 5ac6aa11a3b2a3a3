//! What may be said of a pool to strangers: which nodes belong together, and nothing else.

use std::fmt;

use crate::bridge::PoolKey;
use crate::{Hex, parse_hex};

/// Bytes of a mark.
const BYTES: usize = 8;

/// By what nodes of one pool know each other on a network, before anything is proved. It follows from the pool's key, which is
/// random, and leads neither to it nor to the password; who repeats it is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolMark([u8; BYTES]);

impl PoolMark {
    pub(super) fn of(key: &PoolKey) -> Self {
        Self(key.derived(b"tinyp2p pool mark 1"))
    }

    /// Reads one as it is written: 16 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for PoolMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_its_key_and_read_as_written() {
        let [one, two] = [1, 2].map(|byte| PoolMark::of(&PoolKey::new([byte; 32])));
        assert_ne!(one, two);
        assert_eq!(PoolMark::parse(&one.to_string()), Some(one));
        // HMAC-SHA-512 with Python's `hmac`, the first eight bytes.
        assert_eq!(one.to_string(), "50fab4fc2d015c62");
        for bad in ["", "00", "zz00000000000000", "000000000000000", "00000000000000000"] {
            assert_eq!(PoolMark::parse(bad), None, "{bad}");
        }
    }
}
