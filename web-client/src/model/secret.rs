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
        let text = shared::read_invite(fragment.strip_prefix('#').unwrap_or(fragment));
        text.map(|mut text| Self(std::mem::take(&mut *text)))
    }

    /// The link that unlocks the page at `base` with this secret.
    #[must_use]
    pub fn invite(&self, base: &str) -> Self {
        Self(std::mem::take(&mut *shared::write_invite(base, &self.0)))
    }
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
    fn a_fragment_is_read_with_its_mark_and_without() {
        let link = Secret::new("a b#c".into()).invite("http://attic:9004/");
        let fragment = &link.reveal()["http://attic:9004/".len()..];
        assert_eq!(Secret::from_fragment(fragment).unwrap().reveal(), "a b#c");
        assert_eq!(Secret::from_fragment(&fragment[1..]).unwrap().reveal(), "a b#c");
        assert_eq!(Secret::from_fragment("#"), None);
    }

    #[test]
    fn nothing_shows_it() {
        assert_eq!(format!("{:?}", Secret::new("hush".into())), "Secret(…)");
    }
}
