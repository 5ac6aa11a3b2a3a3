//! An invite: the address of a page with the password behind a `#`, which no browser sends to anybody (RFC 3986, section 3.5).

use zeroize::Zeroizing;

/// The link that opens the page at `base` and unlocks it. All but unreserved characters are percent-encoded (section 2.3).
#[must_use]
pub fn write_invite(base: &str, password: &str) -> Zeroizing<String> {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    // As much as it can need: what grows leaves copies behind.
    let mut link = Zeroizing::new(String::with_capacity(base.len() + 1 + password.len() * 3));
    link.push_str(base);
    link.push('#');
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push('%');
            link.extend([byte >> 4, byte & 15].iter().filter_map(|nibble| DIGITS.get(usize::from(*nibble))));
        }
    }
    link
}

/// The password of an invite's fragment, what follows the `#`. What is not percent-encoded is taken as it is.
///
/// None where there is none, or it is no text.
#[must_use]
pub fn read_invite(fragment: &str) -> Option<Zeroizing<String>> {
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
    match String::from_utf8(text) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}

fn digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_brings_back_any_password() {
        for password in ["total-cost-hurt", "a b#c%41&", "pässwörd 日本", "%", "\u{1f600}"] {
            let link = write_invite("http://attic:9004/", password);
            let fragment = &link["http://attic:9004/#".len()..];
            assert!(fragment.is_ascii() && !fragment.contains('#'), "{fragment}");
            assert_eq!(read_invite(fragment).unwrap().as_str(), password);
        }
    }

    #[test]
    fn fragments_that_are_no_invite_are_none_or_taken_as_written() {
        assert_eq!(read_invite(""), None);
        assert_eq!(read_invite("%ff%fe"), None);
        assert_eq!(read_invite("100%").unwrap().as_str(), "100%");
    }
}
