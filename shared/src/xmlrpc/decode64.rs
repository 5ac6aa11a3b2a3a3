//! Base64 as it arrives, in pieces of any size, with white space anywhere.
//!
//! Exact, unlike the reader of small replies: damaged content must not become other content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::{memchr, memchr3};

/// Damaged base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// Decodes one base64 text.
#[derive(Debug, Default)]
pub(super) struct Decode64 {
    /// Symbols without white space: less than one group between two calls.
    symbols: Vec<u8>,
    is_over: bool,
}

impl Decode64 {
    /// Decodes the next piece and appends its bytes to `out`.
    pub(super) fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Damaged> {
        let mut rest = text;
        while let Some(at) = memchr3(b'\n', b'\r', b' ', rest) {
            let (line, after) = rest.split_at(at);
            self.symbols.extend_from_slice(line);
            rest = after.get(1..).unwrap_or_default();
        }
        self.symbols.extend_from_slice(rest);
        // Nobody was seen to write tabs into base64, so they are looked for only once.
        if memchr(b'\t', &self.symbols).is_some() {
            self.symbols.retain(|&byte| byte != b'\t');
        }
        if self.symbols.is_empty() {
            return Ok(());
        }
        if self.is_over {
            return Err(Damaged);
        }
        let whole = self.symbols.len() - self.symbols.len() % 4;
        let (groups, _) = self.symbols.split_at(whole);
        STANDARD.decode_vec(groups, out).map_err(|_| Damaged)?;
        // Padding anywhere but in the last group was an error just now.
        self.is_over = groups.last() == Some(&b'=');
        self.symbols.drain(..whole);
        Ok(())
    }

    /// The text is complete.
    pub(super) fn finish(&self) -> Result<(), Damaged> {
        if self.symbols.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &[u8], piece: usize) -> Result<Vec<u8>, Damaged> {
        let (mut decoder, mut out) = (Decode64::default(), Vec::new());
        for chunk in text.chunks(piece) {
            decoder.push(chunk, &mut out)?;
        }
        decoder.finish().map(|()| out)
    }

    #[test]
    fn white_space_and_borders_may_be_anywhere() {
        for piece in 1..30 {
            assert_eq!(decode(b"\n eW91\r\n IGN\thbid0\n", piece).unwrap(), b"you can't");
            assert_eq!(decode(b"A P / +\ngA==\n", piece).unwrap(), b"\x00\xff\xfe\x80");
            assert_eq!(decode(b"", piece).unwrap(), b"");
        }
    }

    #[test]
    fn damage_is_an_error_and_not_other_bytes() {
        for text in [
            b"eW91IA".as_slice(),
            b"e",
            b"eW9",
            b"eW91=",
            b"eW=1",
            b"eQ==eQ==",
            b"eQ==\neQ==",
            b"@@@@",
            b"eR==",
            b"eQ=\n",
        ] {
            for piece in 1..=text.len() {
                assert_eq!(decode(text, piece), Err(Damaged), "{text:?} in pieces of {piece}");
            }
        }
    }
}
