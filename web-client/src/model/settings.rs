//! What the person has chosen and the browser remembers. Never the password.

use crate::text::Language;

/// How a file gets to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over the encrypted session, collected in memory, then saved.
    Session,
    /// By a link that the browser's own download manager follows: any size, but on plain http in the clear.
    Ticket,
    /// The same for several files as one archive.
    Zip,
}

impl Way {
    /// Its name in the page's markup and in what is remembered.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Ticket => "ticket",
            Self::Zip => "zip",
        }
    }
}

/// Most bytes collected in memory. Chromium was seen to save 256 MiB, and to lose 512 MB without a word.
pub const MOST_IN_MEMORY: u64 = 256 << 20;
/// Longest name of a tab, in characters.
const NAME_CHARS: usize = 40;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The language of the page.
    pub language: Language,
    /// How files are saved, if the person has chosen.
    pub way: Option<Way>,
    /// What this tab is called.
    pub name: String,
}

impl Settings {
    /// The way that is used unless a file asks for another.
    #[must_use]
    pub fn way(&self, is_secure: bool) -> Way {
        self.way.unwrap_or(if is_secure { Way::Ticket } else { Way::Session })
    }

    /// The way for a file of this size: what does not fit into memory goes by ticket.
    #[must_use]
    pub fn way_for(&self, is_secure: bool, size: Option<u64>) -> Way {
        match size {
            Some(size) if size <= MOST_IN_MEMORY => self.way(is_secure),
            _ => Way::Ticket,
        }
    }

    /// As one text for the browser's storage.
    #[must_use]
    pub fn to_text(&self) -> String {
        let way = self.way.map_or("", Way::key);
        [self.language.key(), way, &self.name].join("\n")
    }

    /// From such a text; what it does not say, or says wrongly, stays as it is.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        let mut lines = text.splitn(3, '\n');
        self.language = lines.next().and_then(Language::of_tag).unwrap_or(self.language);
        let way = lines.next();
        self.way = [Way::Session, Way::Ticket].into_iter().find(|known| Some(known.key()) == way);
        self.name = lines.next().map(tidy_name).unwrap_or_default();
        self
    }
}

/// A name as it may be given to a tab: one line, not too long.
pub(crate) fn tidy_name(name: &str) -> String {
    let line = name.chars().filter(|character| !character.is_control()).take(NAME_CHARS);
    line.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back() {
        let settings = Settings { language: Language::German, way: Some(Way::Ticket), name: "Küche".into() };
        assert_eq!(Settings::default().with_text(&settings.to_text()), settings);
        assert_eq!(Settings::default().with_text(""), Settings::default());
        assert_eq!(Settings::default().with_text("xx\nnonsense"), Settings::default());
    }

    #[test]
    fn what_does_not_fit_into_memory_goes_by_ticket() {
        let settings = Settings::default();
        assert_eq!(settings.way_for(false, Some(MOST_IN_MEMORY)), Way::Session);
        assert_eq!(settings.way_for(false, Some(MOST_IN_MEMORY + 1)), Way::Ticket);
        assert_eq!(settings.way_for(false, None), Way::Ticket);
        assert_eq!(settings.way_for(true, Some(1)), Way::Ticket);
        let chosen = Settings { way: Some(Way::Session), ..settings };
        assert_eq!(chosen.way_for(true, Some(1)), Way::Session);
    }
}
