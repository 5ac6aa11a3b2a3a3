//! A text that holds the password: in memory only, wiped when it goes, and never shown by `Debug`.

use std::fmt;

use zeroize::Zeroize;

/// The password, or a link with it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself: for the handshake, and for the field that the person copies an invite from.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The secret of an invite's fragment (`#…`, percent-encoded); `None` if there is none.
    #[must_use]
    pub fn from_fragment(fragment: &str) -> Option<Self> {
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        if fragment.is_empty() {
            return None;
        }
        let mut text = Vec::with_capacity(fragment.len());
        let mut bytes = fragment.bytes();
        while let Some(byte) = bytes.next() {
            let mut ahead = bytes.clone();
            let pair = (byte == b'%').then(|| Some((digit(ahead.next())?, digit(ahead.next())?))).flatten();
            match pair {
                Some((high, low)) => {
                    text.push(high << 4 | low);
                    bytes = ahead;
                }
                None => text.push(byte),
            }
        }
        String::from_utf8(text).ok().map(Self)
    }

    /// The link that unlocks the page at `base` with this secret.
    #[must_use]
    pub fn invite(&self, base: &str) -> Self {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
        let mut link = String::with_capacity(base.len() + 1 + self.0.len() * 3);
        link.push_str(base);
        link.push('#');
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                link.push(char::from(byte));
            } else {
                link.push('%');
                link.extend([byte >> 4, byte & 15].iter().filter_map(|nibble| DIGITS.get(usize::from(*nibble))));
            }
        }
        Self(link)
    }
}

fn digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_brings_back_any_password() {
        for password in ["total-cost-hurt", "a b#c%41&", "pässwörd 日本", "%", "\u{1f600}"] {
            let link = Secret::new(password.into()).invite("http://attic:9004/");
            let fragment = &link.reveal()["http://attic:9004/".len()..];
            assert!(fragment.is_ascii() && fragment[1..].find('#').is_none(), "{fragment}");
            assert_eq!(Secret::from_fragment(fragment).unwrap().reveal(), password);
        }
    }

    #[test]
    fn fragments_that_are_no_invite_are_none_or_taken_as_written() {
        assert_eq!(Secret::from_fragment(""), None);
        assert_eq!(Secret::from_fragment("#"), None);
        assert_eq!(Secret::from_fragment("#%ff%fe"), None);
        assert_eq!(Secret::from_fragment("#100%").unwrap().reveal(), "100%");
    }

    #[test]
    fn nothing_shows_it() {
        assert_eq!(format!("{:?}", Secret::new("hush".into())), "Secret(…)");
    }
}
