//! The search field and how far its search is.

use crate::pool::{Found, MOST_ROWS, Results, Sort};

/// How the field is read, as the person has set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of these words, anywhere in the path.
    #[default]
    Words,
    /// `*` and `?`.
    Glob,
    /// A regular expression as in Python.
    Regex,
}

impl Mode {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Words, Self::Glob, Self::Regex];

    /// Its name in the page's markup.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Glob => "glob",
            Self::Regex => "regex",
        }
    }
}

/// What is asked: a kind of pattern and its text.
pub use Mode as PatternKind;

/// The search.
#[derive(Debug, Default)]
pub struct Pool {
    /// The text of the field.
    pub field: String,
    /// How it is read, unless it is written as `/…/`.
    pub mode: Mode,
    /// By what results are sorted.
    pub sort: Sort,
    /// How far the search is.
    pub progress: Progress,
    /// What is wrong with the pattern, in the node's words.
    pub trouble: Option<String>,
    /// What the last search that brought anything has brought.
    pub results: Results,
    /// The search that is asked; each has a number of its own.
    pub(crate) asked: u32,
    /// The search whose results are shown.
    pub(crate) shown: u32,
    /// What was shown before, and of which search: until the list is drawn anew, its rows are what a person presses.
    pub(crate) former: (u32, Results),
    /// What is being found by the search of before, asked again because the pool has changed: shown when it is whole.
    pub(crate) renewal: Option<Box<Renewal>>,
    /// Whether what is shown has renewed what was, so that the list stays where it is.
    pub(crate) is_renewed: bool,
    /// Whether the pool has changed since it was searched.
    pub(crate) is_stale: bool,
    /// Whether a slice of work is on its way.
    pub(crate) is_working: bool,
    /// Whether a pause in typing is waited for.
    pub(crate) is_typing: bool,
}

/// The same search again, beside what is shown.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    pub(crate) results: Results,
    /// Whether all that there is has come.
    pub(crate) is_done: bool,
    pub(crate) progress: Progress,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Whether peers are still asked.
    pub is_searching: bool,
    /// Peers that have answered.
    pub answered: u32,
    /// Peers that could not be asked.
    pub failed: u32,
}

/// Ids of the rows of one search.
const IDS: u32 = 1 << 18;
const _: () = assert!(MOST_ROWS <= IDS as usize, "each row has one");

impl Pool {
    /// Where what comes belongs.
    pub(crate) fn incoming(&mut self) -> &mut Results {
        match &mut self.renewal {
            Some(renewal) => &mut renewal.results,
            None => &mut self.results,
        }
    }

    /// What the drawn row of a file is called, as long as the list shows these results and a little longer.
    pub(crate) fn id_of(&self, row: u32) -> u32 {
        first_id(self.shown) + row
    }

    /// The file of a drawn row, and what it was found among.
    pub(crate) fn file_of(&self, id: u32) -> Option<(&Found, u32)> {
        let row = id % IDS;
        let of = [(self.shown, &self.results), (self.former.0, &self.former.1)];
        of.into_iter().find(|(search, _)| first_id(*search) == id - row).map(|(_, results)| (results.found(), row))
    }

    /// The row of the results shown that is drawn under this id.
    pub(crate) fn row_of(&self, id: u32) -> Option<u32> {
        id.checked_sub(first_id(self.shown)).filter(|row| *row < IDS)
    }

    /// What the field asks for: `/…/` is a regular expression however the toggle stands, and words with a `*` are a glob.
    #[must_use]
    pub fn pattern(&self) -> (PatternKind, &str) {
        let field = self.field.trim();
        let between = field.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        match between.filter(|pattern| !pattern.is_empty()) {
            Some(pattern) => (Mode::Regex, pattern),
            // Hardly a name has one in it: who types it means a pattern.
            None if self.mode == Mode::Words && field.contains('*') => (Mode::Glob, field),
            None if self.mode == Mode::Words => (Mode::Words, field),
            // In a regular expression a space counts.
            None => (self.mode, &self.field),
        }
    }
}

fn first_id(search: u32) -> u32 {
    // The last 16,384 searches are told apart.
    search.wrapping_sub(1).wrapping_mul(IDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_make_a_regular_expression() {
        let pattern = |mode, field: &str| {
            let pool = Pool { mode, field: field.into(), ..Pool::default() };
            let (kind, text) = pool.pattern();
            (kind, text.to_owned())
        };
        assert_eq!(pattern(Mode::Words, " summer 2003 "), (Mode::Words, "summer 2003".into()));
        assert_eq!(pattern(Mode::Words, r"/\.mp3$/"), (Mode::Regex, r"\.mp3$".into()));
        assert_eq!(pattern(Mode::Glob, "/a b/"), (Mode::Regex, "a b".into()));
        assert_eq!(pattern(Mode::Words, "/half"), (Mode::Words, "/half".into()));
        assert_eq!(pattern(Mode::Words, "//"), (Mode::Words, "//".into()));
        assert_eq!(pattern(Mode::Glob, "*.mp3 "), (Mode::Glob, "*.mp3 ".into()));
    }
}
