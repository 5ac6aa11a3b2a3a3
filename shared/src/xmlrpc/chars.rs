//! Which characters XML 1.0 can carry, how the awkward ones are escaped, and what a reference stands for.
//!
//! References are resolved for both readers here; whether the character is then welcome is the reader's decision.

use memchr::{memchr, memchr3};

use crate::state::is_escaped;
pub(super) use crate::state::is_xml_text;

/// Whether XML 1.0 has this character at all, raw or as a reference.
pub(super) fn is_xml_char(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

/// Appends text with `&`, `<`, `>` and CR escaped: a raw CR would be read as LF.
pub(super) fn escape(text: &[u8], out: &mut Vec<u8>) {
    // Most names need nothing: one pass without an early end is several times faster than two searches in so short a text.
    let is_short = text.len() <= 256;
    if is_short && !text.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        return out.extend_from_slice(text);
    }
    let mut rest = text;
    while let Some(at) = memchr(b'\r', rest) {
        let (line, after) = rest.split_at(at);
        escape_markup(line, out);
        out.extend_from_slice(b"&#13;");
        rest = after.get(1..).unwrap_or_default();
    }
    escape_markup(rest, out);
}

fn escape_markup(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr3(b'&', b'<', b'>', rest) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.extend_from_slice(match after.first() {
            Some(b'&') => b"&amp;",
            Some(b'<') => b"&lt;",
            _ => b"&gt;",
        });
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// The character that `&name;` stands for: one of the five names, or a number that is a Unicode character.
pub(super) fn resolve_reference(name: &str) -> Option<char> {
    let (digits, radix) = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => (digits, 16),
            (None, Some(digits)) => (digits, 10),
            (None, None) => return None,
        },
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, radix).ok()?)
}

/// Whether these are only the four white-space characters of XML.
pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|&byte| is_space(byte))
}

/// One of the four white-space characters of XML.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// A hostile text, short and harmless enough to be repeated in a message.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_five_names_and_numbers() {
        for (name, stands_for) in [
            ("amp", Some('&')),
            ("apos", Some('\'')),
            ("#13", Some('\r')),
            ("#xe9", Some('é')),
            ("#x1F600", Some('😀')),
            ("#0", Some('\0')),
            ("#+13", None),
            ("#x+d", None),
            ("#", None),
            ("#x", None),
            ("#xD800", None),
            ("#x110000", None),
            ("#99999999999", None),
            ("nbsp", None),
            ("AMP", None),
            ("", None),
        ] {
            assert_eq!(resolve_reference(name), stands_for, "&{name};");
        }
    }

    #[test]
    fn xml_has_no_controls_and_no_noncharacters() {
        for text in ["", "a\t\r\nb", "\u{7f}\u{85}", "\u{fffd}", "日本", "\u{1fffe}"] {
            assert!(is_xml_text(text), "{text:?}");
            assert!(text.chars().all(is_xml_char), "{text:?}");
        }
        for text in ["\0", "a\u{1b}", "\u{fffe}", "x\u{ffff}", "\u{1f}"] {
            assert!(!is_xml_text(text), "{text:?}");
            assert!(!text.chars().all(is_xml_char), "{text:?}");
        }
    }

    #[test]
    fn escapes_four_characters() {
        let mut out = Vec::new();
        escape("a\r\n<b>&\"'\ré".as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a&#13;\n&lt;b&gt;&amp;\"'&#13;é");
    }
}
