//! What one peer shares: names with their facts, and a revision that grows with every change.
//!
//! The catalog is the only thing a listing reads; it never looks at a disk, and what it does not hold is not served.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::recent::Recent;
use crate::{ContentId, SharedPath};

/// The facts of one shared file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Length in bytes.
    pub size: u64,
    /// Last change, in nanoseconds since 1970-01-01 UTC: in whole seconds, a change within the same second would go unseen.
    pub modified: i64,
    /// How its bytes can go through XML-RPC.
    pub form: Form,
    /// Which bytes it holds, once they were hashed.
    pub id: Option<ContentId>,
}

impl Entry {
    /// What is known of a file before anybody has read it: its length in bytes, and its time as in [`Entry::modified`].
    #[must_use]
    pub fn unread(size: u64, modified: i64) -> Self {
        Self { size, modified, form: Form::Unknown, id: None }
    }
}

/// How the bytes of a file can be written into an XML-RPC answer. One look through the file decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nobody has looked yet.
    Unknown,
    /// Only the bytes 09, 0A, 0D and 20-7F: a `<string>` that even the client of 2004 can write to its disk.
    Plain {
        /// Length in bytes once escaped for XML.
        escaped: u64,
    },
    /// Valid UTF-8 of XML 1.0 characters: a `<string>` for everybody but the client of 2004.
    Text {
        /// Length in bytes once escaped for XML.
        escaped: u64,
    },
    /// Anything else: `<base64>`.
    Binary,
}

/// The files one peer shares, in the order of their paths.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<SharedPath, Entry>,
    revision: u64,
    recent: Recent,
    unknown: usize,
    unidentified: usize,
}

impl Catalog {
    /// An empty one that goes on counting where another ended, so that nobody takes it for that.
    #[must_use]
    pub fn begun_at(revision: u64) -> Self {
        Self { revision, recent: Recent::since(revision), ..Self::default() }
    }

    /// The paths whose size, time or id changed after `revision`, each with the revision it made, a path perhaps more than
    /// once; none where that is not known any more.
    pub fn changed_after(&self, revision: u64) -> Option<impl Iterator<Item = (u64, &SharedPath)>> {
        self.recent.after(revision).filter(|_| revision <= self.revision)
    }

    /// Number of changes so far; two snapshots with the same revision of the same peer are the same.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many files it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The facts of one file, if it is shared.
    #[must_use]
    pub fn entry(&self, path: &SharedPath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&SharedPath, &Entry)> {
        self.entries.iter()
    }

    /// The files whose paths come after `after`, in their order: to go on where one stopped.
    pub fn iter_after<'a>(
        &'a self,
        after: Option<&SharedPath>,
    ) -> impl Iterator<Item = (&'a SharedPath, &'a Entry)> + use<'a> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries.range::<SharedPath, _>((start, Bound::Unbounded))
    }

    /// Up to `most` files of unknown form whose paths come after `after`, in their order. Costs nothing once all are known.
    #[must_use]
    pub fn unknown_after(&self, after: Option<&SharedPath>, most: usize) -> Vec<(SharedPath, Entry)> {
        if self.unknown == 0 {
            return Vec::new();
        }
        let unknown = self.iter_after(after).filter(|(_, entry)| entry.form == Form::Unknown);
        unknown.take(most).map(|(path, entry)| (path.clone(), *entry)).collect()
    }

    /// Up to `most` files without an id whose paths come after `after`, in their order, and where to go on; none where all
    /// were seen. It looks at no more than `looks` files, as it is asked for under a lock.
    #[must_use]
    pub fn unidentified_after(
        &self,
        after: Option<&SharedPath>,
        most: usize,
        looks: usize,
    ) -> (Vec<(SharedPath, Entry)>, Option<SharedPath>) {
        let mut found = Vec::new();
        if self.unidentified == 0 {
            return (found, None);
        }
        let mut last: Option<&SharedPath> = None;
        for (index, (path, entry)) in self.iter_after(after).enumerate() {
            if index >= looks || found.len() >= most {
                return (found, last.cloned());
            }
            if entry.id.is_none() {
                found.push((path.clone(), *entry));
            }
            last = Some(path);
        }
        (found, None)
    }

    /// Adds a file or renews its facts. A file whose size and time are unchanged keeps the form and the id found for it.
    pub fn insert(&mut self, path: SharedPath, mut entry: Entry) {
        if let Some(old) = self.entries.get(&path)
            && (old.size, old.modified) == (entry.size, entry.modified)
        {
            entry.form = if entry.form == Form::Unknown { old.form } else { entry.form };
            entry.id = entry.id.or(old.id);
        }
        self.count(Some(entry), 1);
        let facts = |entry: &Entry| (entry.size, entry.modified, entry.id);
        let old = self.entries.get(&path).copied();
        self.revision += u64::from(old != Some(entry));
        if old.as_ref().map(facts) != Some(facts(&entry)) {
            self.recent.note(self.revision, &path, self.entries.len());
        }
        self.entries.insert(path, entry);
        self.count(old, -1);
    }

    /// Says which bytes a file holds that has this size and time; void where it has others. Answers whether it was news.
    pub fn identify(&mut self, path: &SharedPath, (size, modified): (u64, i64), id: ContentId) -> bool {
        let same = |held: &&mut Entry| (held.size, held.modified) == (size, modified) && held.id != Some(id);
        let Some(held) = self.entries.get_mut(path).filter(same) else { return false };
        self.unidentified -= usize::from(held.id.is_none());
        held.id = Some(id);
        self.revision += 1;
        self.recent.note(self.revision, path, self.entries.len());
        true
    }

    /// Takes a file out. Answers whether it was there.
    pub fn remove(&mut self, path: &SharedPath) -> bool {
        let old = self.entries.remove(path);
        self.count(old, -1);
        if old.is_some() {
            self.revision += 1;
            self.recent.note(self.revision, path, self.entries.len());
        }
        old.is_some()
    }

    fn count(&mut self, entry: Option<Entry>, by: isize) {
        let Some(entry) = entry else { return };
        let counted = |is: bool| if is { by } else { 0 };
        self.unknown = self.unknown.saturating_add_signed(counted(entry.form == Form::Unknown));
        self.unidentified = self.unidentified.saturating_add_signed(counted(entry.id.is_none()));
    }

    /// Takes all files out.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.revision += 1;
            self.recent = Recent::since(self.revision);
        }
        self.entries.clear();
        (self.unknown, self.unidentified) = (0, 0);
    }

    /// Takes out every file below the folder `folder`; answers how many there were.
    pub fn remove_folder(&mut self, folder: &SharedPath) -> usize {
        let below = format!("{}/", folder.as_str());
        let gone: Vec<SharedPath> = self
            .entries
            .range(folder.clone()..)
            .map(|(path, _)| path)
            .skip_while(|path| !path.as_str().starts_with(&below) && path.as_str() < below.as_str())
            .take_while(|path| path.as_str().starts_with(&below))
            .cloned()
            .collect();
        for path in &gone {
            self.remove(path);
        }
        gone.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    fn entry(size: u64) -> Entry {
        Entry::unread(size, 7)
    }

    #[test]
    fn revision_grows_only_with_a_change() {
        let mut catalog = Catalog::default();
        catalog.insert(path("a"), entry(1));
        catalog.insert(path("a"), entry(1));
        assert_eq!((catalog.revision(), catalog.len()), (1, 1));
        catalog.insert(path("a"), entry(2));
        assert_eq!(catalog.revision(), 2);
        assert!(!catalog.remove(&path("b")));
        assert!(catalog.remove(&path("a")));
        assert_eq!((catalog.revision(), catalog.is_empty()), (3, true));
        catalog.clear();
        assert_eq!(catalog.revision(), 3);
        catalog.insert(path("a"), entry(1));
        catalog.clear();
        assert_eq!((catalog.revision(), catalog.is_empty()), (5, true));
        assert!(catalog.unknown_after(None, 9).is_empty());
    }

    #[test]
    fn an_unchanged_file_keeps_its_form() {
        let mut catalog = Catalog::default();
        catalog.insert(path("a"), Entry { form: Form::Binary, ..entry(1) });
        catalog.insert(path("a"), entry(1));
        assert_eq!(catalog.entry(&path("a")).unwrap().form, Form::Binary);
        catalog.insert(path("a"), entry(2));
        assert_eq!(catalog.entry(&path("a")).unwrap().form, Form::Unknown);
    }

    #[test]
    fn knows_which_forms_are_unknown() {
        let mut catalog = Catalog::default();
        for text in ["a", "b", "c"] {
            catalog.insert(path(text), entry(1));
        }
        catalog.insert(path("b"), Entry { form: Form::Binary, ..entry(1) });
        let names = |after: Option<&str>, most| -> Vec<String> {
            let unknown = catalog.unknown_after(after.map(path).as_ref(), most);
            unknown.into_iter().map(|(path, _)| path.as_str().to_owned()).collect()
        };
        assert_eq!(names(None, 9), ["a", "c"]);
        assert_eq!(names(None, 1), ["a"]);
        assert_eq!(names(Some("a"), 9), ["c"]);
        catalog.remove(&path("a"));
        catalog.insert(path("c"), Entry { form: Form::Binary, ..entry(1) });
        assert!(catalog.unknown_after(None, 9).is_empty());
    }

    #[test]
    fn an_id_is_that_of_one_version_and_stays_with_it() {
        let id = ContentId([7; 32]);
        let mut catalog = Catalog::default();
        for text in ["a", "b", "c", "d"] {
            catalog.insert(path(text), entry(1));
        }
        let names = |catalog: &Catalog, after: Option<&str>, most, looks| {
            let (found, next) = catalog.unidentified_after(after.map(path).as_ref(), most, looks);
            let found: Vec<String> = found.into_iter().map(|(path, _)| path.to_string()).collect();
            (found.concat(), next.map(|path| path.to_string()))
        };
        assert!(catalog.identify(&path("b"), (1, 7), id) && !catalog.identify(&path("b"), (1, 7), id));
        assert!(!catalog.identify(&path("c"), (1, 8), id) && !catalog.identify(&path("z"), (1, 7), id));
        assert_eq!(names(&catalog, None, 9, 9), ("acd".into(), None));
        assert_eq!(names(&catalog, None, 9, 2), ("a".into(), Some("b".into())));
        assert_eq!(names(&catalog, Some("a"), 1, 9), ("c".into(), Some("c".into())));
        // Found again as it was, and its form found meanwhile: it keeps both.
        catalog.insert(path("b"), Entry { form: Form::Binary, ..entry(1) });
        catalog.insert(path("b"), entry(1));
        assert_eq!(catalog.entry(&path("b")), Some(&Entry { form: Form::Binary, id: Some(id), ..entry(1) }));
        catalog.insert(path("b"), entry(2));
        assert_eq!(catalog.entry(&path("b")).unwrap().id, None);
        for (text, size) in [("a", 1), ("b", 2), ("c", 1)] {
            assert!(catalog.identify(&path(text), (size, 7), id));
        }
        catalog.remove(&path("d"));
        assert_eq!(names(&catalog, None, 9, 0), (String::new(), None), "nothing is looked at once all have one");
    }

    #[test]
    fn removing_a_folder_leaves_its_neighbours() {
        let mut catalog = Catalog::default();
        for text in ["d", "d!", "d-x/a", "d.txt", "d/a", "d/b/c", "d0/a", "e"] {
            catalog.insert(path(text), entry(1));
        }
        assert_eq!(catalog.remove_folder(&path("d")), 2);
        let left: Vec<&str> = catalog.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(left, ["d", "d!", "d-x/a", "d.txt", "d0/a", "e"]);
    }
}
