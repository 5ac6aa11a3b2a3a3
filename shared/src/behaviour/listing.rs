//! Which files of a catalog a search finds: matched lazily, outside of every lock.

use std::fmt;
use std::sync::Arc;

use crate::{Catalog, Entry, Fault, Files, Form, Pattern, PatternKind, SharedPath};

/// Looks into one file whose form is unknown.
type FindForm = dyn Fn(&SharedPath, &Entry) -> Form + Send + Sync;

/// A search over a snapshot of one catalog.
pub struct Listing {
    catalog: Arc<Catalog>,
    pattern: Pattern,
    /// For the client of 2004 only: finds the form of what nobody has looked into yet.
    only_plain: Option<Box<FindForm>>,
    /// Says when it takes too long.
    is_late: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Listing {
    /// A search of this catalog.
    ///
    /// # Errors
    /// A fault that explains what is wrong with the pattern.
    pub fn new(catalog: Arc<Catalog>, kind: PatternKind, pattern: &str) -> Result<Self, Fault> {
        let pattern = Pattern::new(kind, pattern)
            .map_err(|error| Fault::new(Fault::BAD_PARAMETERS, format!("bad pattern: {error}")))?;
        Ok(Self::of(catalog, pattern))
    }

    /// A search of this catalog for a pattern that is ready.
    #[must_use]
    pub fn of(catalog: Arc<Catalog>, pattern: Pattern) -> Self {
        Self { catalog, pattern, only_plain: None, is_late: Box::new(|| false) }
    }

    /// Leaves out what the client of 2004 cannot write to its disk: it would die at the first such file, and the rest of
    /// its download with it. `find_form` is asked about files just dropped that match; it may answer that it does not know.
    #[must_use]
    pub fn only_plain(mut self, find_form: impl Fn(&SharedPath, &Entry) -> Form + Send + Sync + 'static) -> Self {
        self.only_plain = Some(Box::new(find_form));
        self
    }

    /// Gives up a search that takes too long, for patterns that can: look-around and back-references cost up to milliseconds
    /// a name. `is_late` says when that is, and from then on always; [`Self::is_late`] then tells that names are missing.
    #[must_use]
    pub fn until(mut self, is_late: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        if !self.pattern.is_linear() {
            self.is_late = Box::new(is_late);
        }
        self
    }

    /// Whether the search was given up, and what it found is not all.
    #[must_use]
    pub fn is_late(&self) -> bool {
        (self.is_late)()
    }

    /// The names a listing of 2004 shows: directly in the share, no dot files, sendable in XML.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.catalog
            .iter()
            .take_while(|_| !self.is_late())
            .filter(|(path, entry)| is_shown(path) && self.pattern.matches(path.as_str()) && self.may_see(path, entry))
            .map(|(path, _)| path.as_str())
    }

    fn may_see(&self, path: &SharedPath, entry: &Entry) -> bool {
        match (&self.only_plain, entry.form) {
            (None, _) => is_sendable(path.as_str()),
            (Some(_), _) if !is_ascii(path) => false,
            (Some(find_form), Form::Unknown) => matches!(find_form(path, entry), Form::Plain { .. }),
            (Some(_), form) => matches!(form, Form::Plain { .. }),
        }
    }

    /// Everything that matches, in folders too, with its facts.
    pub fn files(&self) -> impl Iterator<Item = (&SharedPath, &Entry)> {
        self.files_after(None)
    }

    /// The same, from behind this path on: for who takes an answer piece by piece.
    pub fn files_after<'a>(
        &'a self,
        after: Option<&SharedPath>,
    ) -> impl Iterator<Item = (&'a SharedPath, &'a Entry)> + use<'a> {
        let in_time = self.catalog.iter_after(after).take_while(|_| !self.is_late());
        in_time.filter(|(path, _)| is_sendable(path.as_str()) && self.pattern.matches(path.as_str()))
    }

    /// How many files there are that [`Self::only_plain`] never shows, as far as is known.
    #[must_use]
    pub fn left_out(&self) -> usize {
        let is_plain = |form| matches!(form, Form::Plain { .. } | Form::Unknown);
        self.catalog.iter().filter(|(path, entry)| is_shown(path) && !(is_ascii(path) && is_plain(entry.form))).count()
    }
}

/// A search over what we hold of a peer that we follow: finds what [`Listing::files_after`] would find there.
pub struct ReplicaListing {
    files: Files,
    pattern: Pattern,
    is_late: Box<dyn Fn() -> bool + Send + Sync>,
}

impl ReplicaListing {
    /// A search of these files, given up as in [`Listing::until`].
    #[must_use]
    pub fn of(files: Files, pattern: Pattern, is_late: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let is_linear = pattern.is_linear();
        Self { files, pattern, is_late: if is_linear { Box::new(|| false) } else { Box::new(is_late) } }
    }

    /// Whether the search was given up, and what it found is not all.
    #[must_use]
    pub fn is_late(&self) -> bool {
        (self.is_late)()
    }

    /// Everything that matches, from behind this path on, with its facts.
    pub fn files_after<'a>(&'a self, after: Option<&'a str>) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let in_time = self.files.iter_after(after).take_while(|_| !self.is_late());
        in_time.filter(|(path, _)| is_sendable(path) && self.pattern.matches(path))
    }
}

impl fmt::Debug for ReplicaListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaListing({} files)", self.files.len())
    }
}

/// Whether a listing of 2004 shows it: directly in the share, and no dot file.
fn is_shown(path: &SharedPath) -> bool {
    // Of a path without folders only the first byte can hide it: this is asked of every file in every listing.
    path.is_top_level() && !path.as_str().starts_with('.')
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing({} files)", self.catalog.len())
    }
}

/// Whether XML 1.0 has all its characters.
fn is_sendable(text: &str) -> bool {
    // One pass over the bytes without an early end, so that it is vectorised: character by character it was most of what
    // a search cost.
    let control = text
        .bytes()
        .fold(false, |found, byte| found | ((byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')));
    !control && (text.is_ascii() || !text.contains(['\u{fffe}', '\u{ffff}']))
}

/// Whether the client of 2004 can write a file of that name: it dies of any other just as of such content.
fn is_ascii(path: &SharedPath) -> bool {
    path.as_str().bytes().all(|byte| matches!(byte, 0x20..0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(pattern: &str) -> Listing {
        let mut catalog = Catalog::default();
        for (name, form) in [
            ("a.txt", Form::Plain { escaped: 1 }),
            ("b.bin", Form::Binary),
            ("bell\u{7}", Form::Plain { escaped: 1 }),
            ("caf\u{e9}.txt", Form::Plain { escaped: 1 }),
            ("d/a.txt", Form::Plain { escaped: 1 }),
            (".hidden", Form::Plain { escaped: 1 }),
            ("new.txt", Form::Unknown),
        ] {
            catalog.insert(SharedPath::parse(name).unwrap(), Entry { form, ..Entry::unread(1, 0) });
        }
        Listing::new(Arc::new(catalog), PatternKind::Regex, pattern).unwrap()
    }

    #[test]
    fn a_listing_of_2004_is_flat_and_shows_nothing_hidden() {
        assert_eq!(listing("").names().collect::<Vec<_>>(), ["a.txt", "b.bin", "caf\u{e9}.txt", "new.txt"]);
        assert_eq!(listing("txt$").names().collect::<Vec<_>>(), ["a.txt", "caf\u{e9}.txt", "new.txt"]);
    }

    #[test]
    fn the_client_of_2004_is_shown_only_what_it_can_write() {
        let names = |found: Form| {
            let listing = listing("").only_plain(move |_, _| found);
            listing.names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(Form::Unknown), ["a.txt"]);
        assert_eq!(names(Form::Binary), ["a.txt"]);
        assert_eq!(names(Form::Plain { escaped: 1 }), ["a.txt", "new.txt"]);
        assert_eq!(listing("").left_out(), 3);
    }

    #[test]
    fn a_search_goes_into_folders() {
        let listing = listing("^d/|hid");
        let found: Vec<&str> = listing.files().map(|(path, _)| path.as_str()).collect();
        assert_eq!(found, [".hidden", "d/a.txt"]);
    }

    #[test]
    fn a_search_goes_on_where_it_stopped() {
        let listing = listing("a");
        let after = SharedPath::parse("a.txt").unwrap();
        let found: Vec<&str> = listing.files_after(Some(&after)).map(|(path, _)| path.as_str()).collect();
        assert_eq!(found, ["caf\u{e9}.txt", "d/a.txt"]);
    }

    #[test]
    fn c10_a_costly_search_is_given_up_and_says_so() {
        assert!(listing("(?=a)a").until(|| true).is_late());
        assert_eq!(listing("(?=a)a").until(|| true).names().count(), 0);
        // One that cannot be costly is never given up.
        assert_eq!(listing("^a").until(|| true).names().count(), 1);
    }

    #[test]
    fn a_bad_pattern_is_a_fault_in_words() {
        let fault = Listing::new(Arc::default(), PatternKind::Regex, "(").unwrap_err();
        assert_eq!(fault.code, Fault::BAD_PARAMETERS);
        assert!(fault.message.starts_with("bad pattern: "), "{fault}");
    }
}
