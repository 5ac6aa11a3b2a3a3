//! Whether the bytes of a file can be a `<string>` of XML, decided in one place and without any XML.
//!
//! The client of 2004 can write only ASCII text, and only from a `<string>`; everybody else reads every form. Whoever
//! sends must look through the whole file first: the length of the response stands in its header. Native nodes look into
//! their folder, the page into the files a tab offers.

use super::Form;

/// A control character that XML 1.0 does not have.
#[inline]
fn is_bad_control(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
}

/// Whether U+FFFE or U+FFFF is in these bytes, which must be UTF-8.
fn has_noncharacter(utf8: &[u8]) -> bool {
    let (second, third) = (utf8.get(1..).unwrap_or_default(), utf8.get(2..).unwrap_or_default());
    let threes = utf8.iter().zip(second).zip(third);
    // Without an early end, so that it is vectorised.
    threes.fold(false, |found, ((&one, &two), &three)| found | ((one == 0xEF) & (two == 0xBF) & (three >= 0xBE)))
}

/// Whether XML 1.0 can carry this text. No listing shows a path that it cannot.
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    let control = text.bytes().fold(false, |found, byte| found | is_bad_control(byte));
    !control && (text.is_ascii() || !has_noncharacter(text.as_bytes()))
}

/// Whether XML must write something else for this byte: markup, and CR, which would be read as LF.
#[inline]
pub(crate) fn is_escaped(byte: u8) -> bool {
    (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == b'\r')
}

/// Looks through a file once, in pieces of any size, and says how it can be sent.
#[derive(Debug, Clone, Default)]
pub struct Inspector {
    size: u64,
    /// What escaping adds.
    added: u64,
    is_ascii: Ascii,
    is_binary: bool,
    utf8: Utf8,
}

/// Whether only ASCII was seen so far. A type of its own so that the default is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Ascii {
    #[default]
    Only,
    AndMore,
}

impl Inspector {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next piece.
    pub fn push(&mut self, chunk: &[u8]) {
        self.size += chunk.len() as u64;
        if self.is_binary {
            return;
        }
        let mut seen = Seen::default();
        for block in chunk.chunks(BLOCK) {
            seen.add(block);
        }
        self.added += seen.added;
        self.is_binary = seen.has_control;
        if !seen.is_ascii {
            self.is_ascii = Ascii::AndMore;
        }
        if !self.is_binary && (!seen.is_ascii || self.utf8.is_inside_character()) {
            self.is_binary = self.utf8.push(chunk).is_err();
        }
    }

    /// Whether nothing that follows can make it a text any more: the rest need not be read.
    #[must_use]
    pub fn is_binary_already(&self) -> bool {
        self.is_binary
    }

    /// How many bytes were seen.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether a character beyond ASCII was seen: what the client of 2004 cannot write.
    #[cfg(feature = "xmlrpc")]
    pub(crate) fn is_beyond_ascii(&self) -> bool {
        self.is_ascii == Ascii::AndMore
    }

    /// Length once escaped, of what was seen so far.
    pub(crate) fn escaped(&self) -> u64 {
        self.size + self.added
    }

    /// How it can be sent.
    #[must_use]
    pub fn finish(self) -> Form {
        let escaped = self.escaped();
        match self.is_ascii {
            _ if self.is_binary || self.utf8.is_inside_character() => Form::Binary,
            Ascii::Only => Form::Plain { escaped },
            Ascii::AndMore => Form::Text { escaped },
        }
    }
}

/// Bytes that are counted at once: few enough for counters of one byte, which is what makes the loop fast.
const BLOCK: usize = 252;

struct Seen {
    added: u64,
    has_control: bool,
    is_ascii: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { added: 0, has_control: false, is_ascii: true }
    }
}

impl Seen {
    /// No branch and no table inside, so that the compiler takes 16 or 32 bytes at a time.
    fn add(&mut self, block: &[u8]) {
        let (mut by_three, mut by_four, mut control, mut all) = (0_u8, 0_u8, 0_u8, 0_u8);
        for &byte in block {
            by_three += u8::from((byte == b'<') | (byte == b'>'));
            by_four += u8::from((byte == b'&') | (byte == b'\r'));
            control |= u8::from(is_bad_control(byte));
            all |= byte;
        }
        // &lt; and &gt; are three bytes longer than what they stand for, &amp; and &#13; four.
        self.added += 3 * u64::from(by_three) + 4 * u64::from(by_four);
        self.has_control |= control != 0;
        self.is_ascii &= all < 0x80;
    }
}

/// Checks UTF-8 in pieces of any size.
#[derive(Debug, Clone, Copy, Default)]
struct Utf8 {
    /// The beginning of a character whose end is still to come.
    begun: [u8; 4],
    length: usize,
}

/// Bytes that are no text of XML.
struct NoText;

impl Utf8 {
    fn is_inside_character(&self) -> bool {
        self.length > 0
    }

    fn push(&mut self, chunk: &[u8]) -> Result<(), NoText> {
        let mut rest = chunk;
        while self.length > 0 {
            let Some((&byte, after)) = rest.split_first() else { return Ok(()) };
            rest = after;
            *self.begun.get_mut(self.length).ok_or(NoText)? = byte;
            self.length += 1;
            let begun = self.begun.get(..self.length).ok_or(NoText)?;
            match std::str::from_utf8(begun) {
                Ok(_) if has_noncharacter(begun) => return Err(NoText),
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(NoText),
            }
        }
        if let Err(error) = std::str::from_utf8(rest) {
            let (text, begun) = rest.split_at(error.valid_up_to());
            if error.error_len().is_some() {
                return Err(NoText);
            }
            self.begun.get_mut(..begun.len()).ok_or(NoText)?.copy_from_slice(begun);
            self.length = begun.len();
            rest = text;
        }
        if has_noncharacter(rest) { Err(NoText) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inspect(content: &[u8], piece: usize) -> Form {
        let mut inspector = Inspector::new();
        for chunk in content.chunks(piece) {
            inspector.push(chunk);
        }
        assert_eq!(inspector.size(), content.len() as u64);
        inspector.finish()
    }

    #[test]
    fn every_single_byte_has_its_form() {
        for byte in 0..=255_u8 {
            let form = inspect(&[byte], 1);
            match byte {
                b'\t' | b'\n' | b' '..=b'%' | b'\''..=b';' | b'=' | b'?'..=0x7F => {
                    assert_eq!(form, Form::Plain { escaped: 1 })
                }
                b'&' | b'\r' => assert_eq!(form, Form::Plain { escaped: 5 }),
                b'<' | b'>' => assert_eq!(form, Form::Plain { escaped: 4 }),
                _ => assert_eq!(form, Form::Binary, "byte {byte}"),
            }
        }
    }

    #[test]
    fn characters_beyond_ascii_make_a_text_across_any_border() {
        let content = "é日😀\u{fffd}\u{feff}\u{7f}\u{85}\u{e000}\u{d7ff}\u{10ffff}<".as_bytes();
        for piece in 1..=content.len() {
            assert_eq!(inspect(content, piece), Form::Text { escaped: content.len() as u64 + 3 }, "{piece}");
        }
    }

    #[test]
    fn what_xml_cannot_carry_is_binary_across_any_border() {
        for content in [
            b"a\0b".as_slice(),
            "aé\u{fffe}".as_bytes(),
            "\u{ffff}b".as_bytes(),
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"abc\xe6\x97",
            b"\xe6\x97a",
            b"\xf4\x90\x80\x80",
            b"\x80",
            b"\xff\xfea\0",
        ] {
            for piece in 1..=content.len() {
                assert_eq!(inspect(content, piece), Form::Binary, "{content:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_binary_file_is_known_early() {
        let mut inspector = Inspector::new();
        inspector.push(b"text");
        assert!(!inspector.is_binary_already());
        inspector.push(b"\x7fELF\x02\x01\x01\0");
        assert!(inspector.is_binary_already());
        assert_eq!(inspector.finish(), Form::Binary);
    }

    #[test]
    fn blocks_full_of_marks_do_not_overflow() {
        assert_eq!(inspect(&[b'<'; 1000], 1000), Form::Plain { escaped: 4000 });
        assert_eq!(inspect(&[b'&'; 1000], 999), Form::Plain { escaped: 5000 });
    }

    proptest! {
        #[test]
        fn borders_change_nothing(
            content in prop_oneof![".{0,40}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..40)],
            piece in 1..10_usize,
        ) {
            prop_assert_eq!(inspect(&content, piece), inspect(&content, 1000));
        }
    }
}
