//! How a browser is told the name of a file: `Content-Disposition` (RFC 6266, RFC 8187), and which kinds of files it may show.

use http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::safe_name;

/// All but what needs no encoding in a path of a URL, nor in a parameter of a header.
pub(crate) const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// To be saved under this name, made safe as that of any download of ours. A name beyond plain ASCII is said twice: encoded
/// for all of today, and with `_` for what it cannot say to those who read nothing else.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let name = safe_name(name);
    // `%` too: some decode it where they should not.
    let is_plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        value.extend(utf8_percent_encode(&name, NOT_PLAIN));
    }
    // It is plain ASCII by now whatever the name was.
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// The media type by which a browser may show a file of this name inside the page: only of kinds that run no code.
pub(super) fn shown_as(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "txt" | "text" | "log" | "md" | "csv" => "text/plain; charset=utf-8",
        "pdf" => "application/pdf",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name that a reader of RFC 6266 takes from the header.
    fn read(value: &HeaderValue) -> String {
        let value = value.to_str().unwrap().strip_prefix("attachment; filename=\"").unwrap();
        let (plain, rest) = value.split_once('"').unwrap();
        match rest.strip_prefix("; filename*=UTF-8''") {
            Some(encoded) => percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap().into_owned(),
            None => {
                assert_eq!(rest, "");
                plain.to_owned()
            }
        }
    }

    #[test]
    fn b4_a_name_comes_back_as_it_would_be_saved() {
        let same = [
            "plain.txt",
            "two words.txt",
            "semi;colon, comma",
            "50%.txt",
            "%41.txt",
            "日本語.txt",
            "é",
            "😀.png",
            "שלום.txt",
        ];
        for name in same {
            assert_eq!(read(&attachment(name)), name);
        }
        for (name, saved) in [
            ("say \"hi\".txt", "say _hi_.txt"),
            ("a\\b", "a_b"),
            ("a\r\nSet-Cookie: x=1", "a__Set-Cookie_ x=1"),
            ("a; filename=\"b.exe\"", "a; filename=_b.exe_"),
            ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
            ("../../x", ".._.._x"),
            ("CON", "_CON"),
            ("", "_"),
            ("\u{7f}\0\u{85}", "___"),
        ] {
            assert_eq!(read(&attachment(name)), saved, "{name:?}");
        }
    }

    #[test]
    fn b4_the_plain_name_says_what_it_can() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(attachment("é.txt"), "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt");
        assert_eq!(attachment("5%.txt"), "attachment; filename=\"5_.txt\"; filename*=UTF-8''5%25.txt");
    }

    #[test]
    fn b4_no_name_breaks_the_header() {
        for c in (0..0x3000).chain(0x1_F000..0x1_F100).filter_map(char::from_u32) {
            let value = attachment(&format!("a{c}b\""));
            assert!(value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')), "{c:?}");
            assert_eq!(value.as_bytes().iter().filter(|byte| **byte == b'"').count(), 2, "{c:?}");
            assert_eq!(read(&value), safe_name(&format!("a{c}b\"")), "{c:?}");
        }
    }

    #[test]
    fn b3_nothing_that_may_run_code_is_shown() {
        for name in
            ["a.html", "a.svg", "a.xml", "a.xhtml", "a.js", "a.htm", "a.png.html", "png", "a.", ".svgz", "a.mhtml"]
        {
            assert_eq!(shown_as(name), None, "{name}");
        }
        assert_eq!(shown_as("a.html.PNG"), Some("image/png"));
        assert_eq!(shown_as(".txt"), Some("text/plain; charset=utf-8"));
    }
}
