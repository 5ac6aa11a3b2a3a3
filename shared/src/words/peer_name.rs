//! What a node, a tab or a person is called: the only gate for such a name.

use super::printable::is_invisible;
use crate::limits;

/// A name as it may be kept and shown; none where nothing is left of it.
///
/// Controls and whatever is invisible or turns its neighbours around are left out, not escaped: a name is chosen freely, so
/// nothing is lost. White space of any kind is one space. At most [`limits::PEER_NAME_BYTES`] stay.
#[must_use]
pub fn peer_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let mut letters = word.chars().filter(|c| !is_invisible(*c)).peekable();
        if letters.peek().is_some() && !name.is_empty() {
            name.push(' ');
        }
        for letter in letters {
            // Hostile texts are a mebibyte long.
            if name.len() + letter.len_utf8() > limits::PEER_NAME_BYTES {
                return Some(name.trim_end().to_owned());
            }
            name.push(letter);
        }
    }
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_what_is_seen_of_it() {
        for (text, name) in [
            ("Ada's laptop", Some("Ada's laptop")),
            ("  two \t\r\n words ", Some("two words")),
            ("\u{1b}[2Jx\u{7}", Some("[2Jx")),
            ("a\u{202e}b\u{200b}c\u{feff}", Some("abc")),
            ("<b>日本語 שלום 😀", Some("<b>日本語 שלום 😀")),
            ("\u{200b} \u{202e}", None),
            ("", None),
        ] {
            assert_eq!(peer_name(text).as_deref(), name, "{text:?}");
        }
        assert_eq!(peer_name(&"é".repeat(100)).unwrap().len(), limits::PEER_NAME_BYTES);
        assert_eq!(peer_name(&format!("{}é", "x".repeat(63))).unwrap(), "x".repeat(63));
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_kept(text in any::<String>()) {
            if let Some(name) = peer_name(&text) {
                prop_assert!(name.len() <= limits::PEER_NAME_BYTES && !name.is_empty());
                prop_assert!(!name.chars().any(|c| c.is_control() || is_invisible(c)));
                prop_assert_eq!(peer_name(&name), Some(name));
            }
        }
    }
}
