//! Text of a peer as it may be shown: on a terminal, in a log, in an error message.
//!
//! A file's name, a fault's text or a URL from elsewhere can hold escape sequences that rewrite the screen, or marks that
//! turn `exe.gpj` around. Every such character is shown as `\u{202e}`, so a person sees that it is there. Backslashes stay
//! as they are: this is for reading, it cannot be turned back, and it does not quote for a shell, JSON or HTML.

use std::fmt::{self, Write};

/// Shows a peer's text with every control character, bidirectional control and invisible character made visible.
///
/// Nothing below U+0020 and nothing in U+007F to U+009F is ever written, not even a line break: a name must not be able
/// to forge a second line.
///
/// ```
/// # use shared::Printable;
/// assert_eq!(Printable("a\u{1b}[2J\n\u{202e}gpj.exe").to_string(), r"a\u{1b}[2J\n\u{202e}gpj.exe");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printable<'a>(pub &'a str);

impl<'a> Printable<'a> {
    /// The same, with at most `max_chars` characters shown; what is cut off is told by `…`, which counts as one.
    ///
    /// Characters are counted, not columns of a terminal: most CJK characters and emoji are two columns wide.
    #[must_use]
    pub fn short(text: &'a str, max_chars: usize) -> PrintableShort<'a> {
        // Whether `…` is needed is known only at the end: remember the last place at which it would still fit.
        let (mut shown, mut cut) = (0, 0);
        for (index, character, is_deceptive) in seen(text) {
            shown += if is_deceptive { character.escape_default().len() } else { 1 };
            if shown > max_chars {
                let mark = if max_chars == 0 { "" } else { "…" };
                return PrintableShort { text: Printable(text.get(..cut).unwrap_or_default()), mark };
            }
            // A joiner joins nothing once the text is cut behind it.
            if shown < max_chars && !is_joiner(character) {
                cut = index + character.len_utf8();
            }
        }
        PrintableShort { text: Printable(text), mark: "" }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (index, character, _) in seen(self.0).filter(|(.., is_deceptive)| *is_deceptive) {
            f.write_str(self.0.get(plain..index).unwrap_or_default())?;
            write!(f, "{}", character.escape_default())?;
            plain = index + character.len_utf8();
        }
        f.write_str(self.0.get(plain..).unwrap_or_default())
    }
}

/// What [`Printable::short`] makes.
#[derive(Debug, Clone, Copy)]
pub struct PrintableShort<'a> {
    text: Printable<'a>,
    mark: &'static str,
}

impl fmt::Display for PrintableShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, self.mark)
    }
}

/// Bytes that should have been UTF-8, as [`Printable`] shows text, and each byte that is no part of a character as `\xff`.
#[must_use]
pub fn printable_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Writing to a String cannot fail.
        let _ = write!(shown, "{}", Printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Each character, where it begins, and whether it does something other than appear.
///
/// Joiners are letters to who spells Persian, Hindi or emoji: between two characters that are no ASCII they stay.
fn seen(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut before = None;
    text.char_indices().map(move |(index, character)| {
        let is_letter = |it: Option<char>| it.is_some_and(|it| !it.is_ascii() && !is_deceptive(it));
        let after = || text.get(index + character.len_utf8()..).and_then(|rest| rest.chars().next());
        let joins = is_joiner(character) && is_letter(before.replace(character)) && is_letter(after());
        before = Some(character);
        (index, character, is_deceptive(character) && !joins)
    })
}

/// A text without what is invisible, but for joiners where they belong.
pub(super) fn without_invisible(text: &str) -> impl Iterator<Item = char> {
    seen(text).filter(|(_, character, is_deceptive)| !is_deceptive || !is_invisible(*character)).map(|(_, it, _)| it)
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a character does something other than appear: a control, or one of [`is_invisible`].
fn is_deceptive(character: char) -> bool {
    // The first test is for speed: most names are ASCII.
    if character.is_ascii() { character.is_ascii_control() } else { character.is_control() || is_invisible(character) }
}

/// Whether a character is invisible or turns the direction of its neighbours: bidirectional and zero-width controls, line and
/// paragraph separators, byte order mark, annotation and tag characters. Letters of scripts that run right to left are not.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a11_escape_sequences_are_seen_and_do_nothing() {
        for (text, shown) in [
            ("plain name (1).txt", "plain name (1).txt"),
            ("C:\\x", "C:\\x"),
            ("\u{1b}[1A\rharmless", r"\u{1b}[1A\rharmless"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("\u{1b}]52;c;eA==\u{7}", r"\u{1b}]52;c;eA==\u{7}"),
            ("a\0b\u{8}c\u{7f}\td\ne", r"a\u{0}b\u{8}c\u{7f}\td\ne"),
            ("one\u{2028}two\u{85}three", r"one\u{2028}two\u{85}three"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }

    #[test]
    fn a10_turned_names_show_their_true_extension_and_letters_stay() {
        assert_eq!(Printable("invoice\u{202e}gpj.exe").to_string(), r"invoice\u{202e}gpj.exe");
        assert_eq!(Printable("a\u{200b}b\u{feff}\u{2066}").to_string(), r"a\u{200b}b\u{feff}\u{2066}");
        assert_eq!(Printable("שלום.txt مرحبا 日本語 é").to_string(), "שלום.txt مرحبا 日本語 é");
    }

    #[test]
    fn joiners_stay_where_they_join_letters_and_are_seen_elsewhere() {
        for text in ["می\u{200c}خواهم.txt", "👨\u{200d}👩\u{200d}👧.png", "क्\u{200d}ष"] {
            assert_eq!(Printable(text).to_string(), text);
            assert_eq!(crate::words::safe_name(text), text);
        }
        assert_eq!(Printable("a\u{200d}b é\u{200d}.exe").to_string(), r"a\u{200d}b é\u{200d}.exe");
        assert_eq!(Printable("é\u{200d}\u{202e}é\u{200c}").to_string(), r"é\u{200d}\u{202e}é\u{200c}");
        assert_eq!(Printable::short("é\u{200d}é\u{200d}é", 3).to_string(), "é…");
    }

    #[test]
    fn short_never_cuts_an_escape_in_two() {
        for (text, max, shown) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 0, ""),
            ("日本語です", 4, "日本語…"),
            ("a\u{1b}b", 8, r"a\u{1b}b"),
            ("a\u{1b}bc", 8, r"a\u{1b}…"),
            ("a\u{1b}bc", 7, "a…"),
        ] {
            assert_eq!(Printable::short(text, max).to_string(), shown, "{text:?} in {max}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_seen() {
        assert_eq!(printable_bytes(b"caf\xe9 \xc3\xa9\x1b\xff"), r"caf\xe9 é\u{1b}\xff");
        assert_eq!(printable_bytes(b""), "");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_ever_written(text in any::<String>(), bytes: Vec<u8>, max in 0_usize..40) {
            for shown in [
                Printable(&text).to_string(),
                Printable::short(&text, max).to_string(),
                printable_bytes(&bytes),
            ] {
                prop_assert!(!seen(&shown).any(|(.., is_deceptive)| is_deceptive), "{shown:?}");
            }
            prop_assert!(Printable::short(&text, max).to_string().chars().count() <= max);
        }
    }
}
