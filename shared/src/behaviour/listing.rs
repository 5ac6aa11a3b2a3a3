//! Which files of a catalog a search finds: matched lazily, outside of every lock.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::state::{Block, is_xml_text};
use crate::words::Sieve;
use crate::{Catalog, Entry, Fault, Form, ListedName, PathRef, Pattern, PatternKind, SharedPath};

/// From how many names on a pattern is compiled once more, to look through many at once.
const SIEVED_FROM: usize = 2_000;
/// How many blocks, of some hundred names each, are worth a thread.
const PART_BLOCKS: usize = 40;

/// Looks into one file whose form is unknown.
type FindForm = dyn Fn(&SharedPath, &Entry) -> Form + Send + Sync;

/// How many names of a pattern that costs little are looked at from one look at the clock to the next.
const NAMES_PER_LOOK: usize = 64;

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

    /// Gives up a search that takes too long: look-around and back-references cost up to milliseconds a name, and so does what
    /// is repeated hundreds of times. `is_late` says when that is, and from then on always; [`Self::is_late`] then tells that
    /// names are missing.
    #[must_use]
    pub fn until(mut self, is_late: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.is_late = Box::new(is_late);
        self
    }

    /// Whether the pattern has neither look-around nor back-references.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        self.pattern.is_linear()
    }

    /// Whether the search was given up, and what it found is not all.
    #[must_use]
    pub fn is_late(&self) -> bool {
        (self.is_late)()
    }

    /// The names a listing of 2004 shows: directly in the share, no dot files, sendable in XML.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shown(self.matches_after(None)).map(|name| name.text)
    }

    /// Up to `most` parts that together are [`Self::names`], for as many threads; fewer where the catalog is small.
    #[must_use]
    pub fn parts(&self, most: usize) -> Vec<Part> {
        let (blocks, _) = self.catalog.blocks_after(None);
        let each = blocks.len().div_ceil(most.max(1)).max(PART_BLOCKS);
        (0..blocks.len().max(1)).step_by(each).map(|first| Part(first..blocks.len().min(first + each))).collect()
    }

    /// The names of one part.
    pub fn names_of(&self, part: &Part) -> impl Iterator<Item = ListedName<'_>> {
        let (blocks, _) = self.catalog.blocks_after(None);
        let blocks = blocks.get(part.0.clone()).unwrap_or_default();
        self.shown(self.matches_in(blocks, 0))
    }

    fn shown<'l>(&'l self, matches: Matches<'l>) -> impl Iterator<Item = ListedName<'l>> {
        let shown = matches.filter(|(block, path, entry)| {
            (block.is_flat() || path.is_top_level()) && is_no_dot_file(*path) && self.may_see(block, *path, entry)
        });
        shown.map(|(block, path, _)| ListedName { text: path.as_str(), is_plain: block.is_plain() })
    }

    fn may_see(&self, block: &Block, path: PathRef<'_>, entry: &Entry) -> bool {
        match (&self.only_plain, entry.form) {
            (None, _) => is_sendable(block, path),
            (Some(_), _) if !is_ascii(path) => false,
            (Some(find_form), Form::Unknown) => matches!(find_form(&path.to_path(), entry), Form::Plain { .. }),
            (Some(_), form) => matches!(form, Form::Plain { .. }),
        }
    }

    /// Everything that matches, in folders too, with its facts.
    pub fn files(&self) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        self.files_after(None)
    }

    /// The same, from behind this path on: for who takes an answer piece by piece.
    pub fn files_after(&self, after: Option<&SharedPath>) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        let sendable = self.matches_after(after).filter(|(block, path, _)| is_sendable(block, *path));
        sendable.map(|(_, path, entry)| (path, entry))
    }

    fn matches_after(&self, after: Option<&SharedPath>) -> Matches<'_> {
        let (blocks, next) = self.catalog.blocks_after(after);
        self.matches_in(blocks, next)
    }

    fn matches_in<'l>(&'l self, blocks: &'l [Arc<Block>], next: usize) -> Matches<'l> {
        let sieve = if self.catalog.len() < SIEVED_FROM { None } else { self.pattern.sieve() };
        Matches { listing: self, sieve, blocks, next, looked_at: 0, found: 0, many: false }
    }

    /// How many files there are that [`Self::only_plain`] never shows, as far as is known.
    #[must_use]
    pub fn left_out(&self) -> usize {
        let is_plain = |form| matches!(form, Form::Plain { .. } | Form::Unknown);
        self.catalog
            .iter()
            .filter(|(path, entry)| {
                path.is_top_level() && is_no_dot_file(*path) && !(is_ascii(*path) && is_plain(entry.form))
            })
            .count()
    }
}

/// A part of a [`Listing`], see [`Listing::parts`].
#[derive(Debug)]
pub struct Part(Range<usize>);

/// The files of a catalog that a pattern finds: sieved by the block, or name by name where that is no gain.
struct Matches<'l> {
    listing: &'l Listing,
    /// None where there are too few names for it to be worth its making.
    sieve: Option<&'l Sieve>,
    /// What is still to be looked through, and from which file of the first on.
    blocks: &'l [Arc<Block>],
    next: usize,
    /// How many names were looked at one by one.
    looked_at: usize,
    /// How many were found in the first.
    found: usize,
    /// Whether most of the block before was found: each then costs less by itself.
    many: bool,
}

impl<'l> Iterator for Matches<'l> {
    type Item = (&'l Block, PathRef<'l>, &'l Entry);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((block, rest)) = self.blocks.split_first() {
            let sieve = self.sieve.filter(|sieve| !self.many && (block.is_ascii() || !sieve.only_ascii()));
            let next = match sieve.and_then(|sieve| Some((sieve, block.lines()?))) {
                Some((sieve, lines)) => sieve.find(lines, block.start(self.next)).map(|at| block.line_of(at)),
                None => Some(self.next),
            };
            let Some((index, (path, entry))) = next.and_then(|index| Some((index, block.file(index)?))) else {
                self.many = self.found * 2 > block.len();
                (self.blocks, self.next, self.found) = (rest, 0, 0);
                if self.listing.is_late() {
                    return None;
                }
                continue;
            };
            self.next = index + 1;
            self.looked_at += 1;
            let is_time = self.looked_at % NAMES_PER_LOOK == 1 || !self.listing.is_linear();
            if is_time && self.listing.is_late() {
                return None;
            }
            if self.listing.pattern.matches(path.as_str()) {
                self.found += 1;
                return Some((block, path, entry));
            }
        }
        None
    }
}

/// Whether it is no dot file, for a path without folders: only its first byte can hide it.
fn is_no_dot_file(path: PathRef<'_>) -> bool {
    !path.as_str().starts_with('.')
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing({} files)", self.catalog.len())
    }
}

/// Whether XML 1.0 has all its characters.
fn is_sendable(block: &Block, path: PathRef<'_>) -> bool {
    block.is_sendable() || is_xml_text(path.as_str())
}

/// Whether the client of 2004 can write a file of that name: it dies of any other just as of such content.
fn is_ascii(path: PathRef<'_>) -> bool {
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
    fn parts_are_the_whole() {
        let mut catalog = Catalog::default();
        for number in 0..50_000 {
            let text = format!("{}{}", number * 7_919 % 50_000, ["", "/in a folder", "\u{7}", "&.txt"][number % 4]);
            // Of these there are whole blocks that have nothing awkward in them.
            let text = if number < 25_000 { text } else { format!("x{number}") };
            catalog.insert(SharedPath::parse(&text).unwrap(), Entry::unread(1, 0));
        }
        let catalog = Arc::new(catalog);
        for pattern in ["", "77", "txt$", "^49+", "nothing"] {
            let listing = Listing::new(Arc::clone(&catalog), PatternKind::Regex, pattern).unwrap();
            let regex = regex::Regex::new(pattern).unwrap();
            let paths = catalog.iter().map(|(path, _)| path.as_str());
            let found: Vec<&str> =
                paths.filter(|path| !path.contains(['/', '\u{7}']) && regex.is_match(path)).collect();
            assert!(listing.names().eq(found.iter().copied()), "{pattern:?}");
            let is_true = |name: ListedName<'_>| !name.is_plain || !name.text.contains(['&', '\r']);
            for most in [0, 1, 2, 3, 1_000] {
                let parts = listing.parts(most);
                assert!(parts.len() <= most.max(1));
                assert!(parts.iter().flat_map(|part| listing.names_of(part)).all(is_true), "{pattern:?}");
                assert!(
                    parts
                        .iter()
                        .flat_map(|part| listing.names_of(part))
                        .map(|name| name.text)
                        .eq(found.iter().copied()),
                    "{pattern:?}"
                );
            }
        }
        let all = Listing::new(catalog, PatternKind::Regex, "").unwrap();
        let plain = all.parts(1).iter().flat_map(|part| all.names_of(part)).filter(|name| name.is_plain).count();
        assert!((24_000..=25_000).contains(&plain), "{plain}");
        let empty = Listing::new(Arc::default(), PatternKind::Regex, "").unwrap();
        assert_eq!(empty.parts(4).iter().flat_map(|part| empty.names_of(part)).count(), 0);
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
        assert_eq!(listing("^a").until(|| true).names().count(), 0);
    }

    #[test]
    fn c10_a_search_without_look_around_that_costs_milliseconds_a_name_is_given_up_too() {
        let mut catalog = Catalog::default();
        for number in 0..100_000 {
            let name = format!("{number:06} {}", "abcdefghijklmnopqrstuvwxyz ".repeat(8));
            catalog.insert(SharedPath::parse(&name).unwrap(), Entry::unread(1, 0));
        }
        let pattern = "(?:(?:[aeiou][a-z]{17}|[b-m][a-z]{23}|[a-z][a-z]{5})?){150}[^ -~]";
        let listing = Listing::new(Arc::new(catalog), PatternKind::Regex, pattern).unwrap();
        assert!(listing.is_linear());
        // All of it would take minutes. Late it is at the fifth look.
        let looks = std::sync::atomic::AtomicUsize::new(0);
        let listing = listing.until(move || looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 5);
        assert_eq!(listing.names().count(), 0);
        assert!(listing.is_late());
    }

    #[test]
    fn a_bad_pattern_is_a_fault_in_words() {
        let fault = Listing::new(Arc::default(), PatternKind::Regex, "(").unwrap_err();
        assert_eq!(fault.code, Fault::BAD_PARAMETERS);
        assert!(fault.message.starts_with("bad pattern: "), "{fault}");
    }
}
