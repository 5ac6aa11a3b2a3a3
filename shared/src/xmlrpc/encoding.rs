//! From the bytes of a call to text: which encoding they are in, and whether they are any text of it.
//!
//! For calls to us only; replies of 2004 are read as the bytes they are. Encodings beyond the four that XML-RPC clients
//! were seen to use are refused, not guessed.

use std::borrow::Cow;

use quick_xml::events::Event;

use super::chars::shown;
use crate::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    Latin1,
    Ascii,
}

/// Turns the body of a call into text, without its byte order mark.
///
/// A byte order mark counts more than `charset`, and that more than the XML declaration (RFC 7303).
pub(super) fn decode<'b>(body: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, Fault> {
    let (encoding, text) = match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Encoding::Utf8, rest),
        [0xFF, 0xFE, rest @ ..] => (Encoding::Utf16Little, rest),
        [0xFE, 0xFF, rest @ ..] => (Encoding::Utf16Big, rest),
        _ => (without_mark(body, charset)?, body),
    };
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| bad_character("UTF-8")),
        Encoding::Ascii if text.is_ascii() => {
            std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| bad_character("US-ASCII"))
        }
        Encoding::Ascii => Err(bad_character("US-ASCII")),
        Encoding::Latin1 => Ok(Cow::Owned(text.iter().copied().map(char::from).collect())),
        Encoding::Utf16Little => decode_utf16(text, u16::from_le_bytes),
        Encoding::Utf16Big => decode_utf16(text, u16::from_be_bytes),
    }
}

fn without_mark(body: &[u8], charset: Option<&str>) -> Result<Encoding, Fault> {
    let name = match charset {
        Some(charset) => Some(charset.trim_matches(['"', ' ']).to_owned()),
        None => declared(body),
    };
    let Some(name) = name else { return Ok(Encoding::Utf8) };
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(Encoding::Utf8),
        "us-ascii" | "ascii" => Ok(Encoding::Ascii),
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" => Ok(Encoding::Latin1),
        // Only HTTP can say these two of a text without a mark: a declaration that could be read was not in UTF-16.
        "utf-16le" if charset.is_some() => Ok(Encoding::Utf16Little),
        "utf-16be" if charset.is_some() => Ok(Encoding::Utf16Big),
        "utf-16" | "utf-16le" | "utf-16be" => {
            Err(Fault::new(Fault::UNSUPPORTED_ENCODING, "UTF-16 is read only with its byte order mark"))
        }
        _ => Err(Fault::new(
            Fault::UNSUPPORTED_ENCODING,
            format!("the encoding {} is not read here; send UTF-8", shown(&name)),
        )),
    }
}

/// The encoding that the XML declaration names, if there is one that says so.
fn declared(body: &[u8]) -> Option<String> {
    if !body.starts_with(b"<?xml") {
        return None;
    }
    let end = memchr::memchr(b'>', body)?;
    let declaration = std::str::from_utf8(body.get(..=end)?).ok()?;
    match quick_xml::Reader::from_str(declaration).read_event() {
        Ok(Event::Decl(declaration)) => declaration.encoding()?.ok().map(Cow::into_owned),
        _ => None,
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, Fault> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(bad_character("UTF-16"));
    }
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|&pair| unit(pair))).collect();
    text.map(Cow::Owned).map_err(|_| bad_character("UTF-16"))
}

fn bad_character(encoding: &str) -> Fault {
    Fault::new(Fault::BAD_CHARACTER, format!("the call holds bytes that are no {encoding}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn four_encodings_say_the_same() {
        let declare = |name: &str| format!("<?xml version='1.0' encoding='{name}'?>");
        let latin = [declare("ISO-8859-1").as_bytes(), b"caf\xe9"].concat();
        for (body, charset, text) in [
            ("café".into(), None, "café"),
            ("\u{feff}café".into(), Some("us-ascii"), "café"),
            (utf16("café 😀", u16::to_le_bytes), None, "café 😀"),
            (utf16("café 😀", u16::to_be_bytes), Some("utf-8"), "café 😀"),
            (latin, None, "<?xml version='1.0' encoding='ISO-8859-1'?>café"),
            (b"caf\xe9".to_vec(), Some("\"Latin1\""), "café"),
            (b"a\0b\0".to_vec(), Some("UTF-16LE"), "ab"),
            (b"cafe".to_vec(), Some("US-ASCII"), "cafe"),
        ] {
            assert_eq!(decode(&body, charset).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_has_its_own_fault() {
        let declared = |name: &str| format!("<?xml version='1.0' encoding='{name}'?><a/>").into_bytes();
        for (body, charset, code) in [
            (b"caf\xe9".to_vec(), None, Fault::BAD_CHARACTER),
            (b"caf\xe9".to_vec(), Some("us-ascii"), Fault::BAD_CHARACTER),
            (b"\xff\xfea".to_vec(), None, Fault::BAD_CHARACTER),
            (b"\xff\xfe\x00\xd8".to_vec(), None, Fault::BAD_CHARACTER),
            (declared("EBCDIC"), None, Fault::UNSUPPORTED_ENCODING),
            (declared("UTF-16"), None, Fault::UNSUPPORTED_ENCODING),
            (b"<a/>".to_vec(), Some("utf-7"), Fault::UNSUPPORTED_ENCODING),
        ] {
            assert_eq!(decode(&body, charset).unwrap_err().code, code, "{body:?}");
        }
    }
}
