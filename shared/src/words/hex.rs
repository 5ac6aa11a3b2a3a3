//! Bytes as hexadecimal digits: lower case, two for each, so that there is one spelling of each id.

use std::fmt;

/// Shows bytes as digits.
#[derive(Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads what [`Hex`] shows of so many bytes, and nothing else: no upper case, no sign, no more and no fewer digits.
#[must_use]
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |value, digit| Some(value << 4 | nibble(*digit)?))?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_spelling() {
        for byte in 0..=u8::MAX {
            let text = Hex(&[byte, 0x0f]).to_string();
            assert_eq!(parse_hex(&text), Some([byte, 0x0f]));
        }
        for bad in ["", "0", "000", "0G", "+1", "AB", "é", " 1"] {
            assert_eq!(parse_hex::<1>(bad), None, "{bad}");
        }
    }
}
