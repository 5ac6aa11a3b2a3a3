//! Everything the page says, in each language: the one place where its words are.
//!
//! Another language is one more file with all the words (the compiler names those that are missing), one more variant of
//! [`Language`], and its rule for plurals.

mod english;
mod german;
mod measures;
mod sentences;
mod words;

pub use measures::{Age, Measures};
pub use words::{Plural, Words};

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag, as in `<html lang>`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag such as `de-AT`, if the page speaks it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.key().eq_ignore_ascii_case(primary))
    }

    /// Its words.
    #[must_use]
    pub const fn words(self) -> &'static Words {
        match self {
            Self::English => &english::WORDS,
            Self::German => &german::WORDS,
        }
    }

    /// A word by its name in the markup.
    #[must_use]
    pub fn find(self, name: &str) -> Option<&'static str> {
        static ENGLISH: [&str; words::COUNT] = english::WORDS.plain();
        static GERMAN: [&str; words::COUNT] = german::WORDS.plain();
        let place = words::NAMES.iter().position(|known| *known == name)?;
        let all = match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        };
        all.get(place).copied()
    }

    /// Whether so many of something take the form for one.
    const fn is_one(self, count: u64) -> bool {
        match self {
            Self::English | Self::German => count == 1,
        }
    }

    /// What stands between a number and its decimals, and between groups of three digits.
    const fn marks(self) -> (char, char) {
        match self {
            Self::English => ('.', ','),
            Self::German => (',', '.'),
        }
    }
}

/// What stands between two remarks on one line.
pub(crate) const DOT: &str = " · ";

/// Texts in a row, with something between them. Written once for all, where `join` is made anew for each kind of text.
#[must_use]
pub(crate) fn joined(texts: &[String], between: &str) -> String {
    let mut row = String::new();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            row.push_str(between);
        }
        row.push_str(text);
    }
    row
}

/// A text with `{}` in it, filled.
#[must_use]
pub fn fill(text: &str, what: &str) -> String {
    match text.split_once('{') {
        Some((before, behind)) => [before, what, behind.strip_prefix('}').unwrap_or(behind)].concat(),
        None => text.to_owned(),
    }
}

/// A text with two `{}` in it, filled.
#[must_use]
pub fn fill_two(text: &str, first: &str, second: &str) -> String {
    match text.split_once('}') {
        Some((before, behind)) => [before.strip_suffix('{').unwrap_or(before), first, &fill(behind, second)].concat(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_browsers_find_their_language() {
        for (tag, language) in [("de", Some(Language::German)), ("DE-at", Some(Language::German)), ("fr", None)] {
            assert_eq!(Language::of_tag(tag), language);
        }
    }

    #[test]
    fn what_is_filled_in_is_never_filled_again() {
        assert_eq!(fill_two("{} of {}", "{}", "x"), "{} of x");
    }
}
