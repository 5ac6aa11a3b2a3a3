//! What became different in the shared folder, as the node is told and as it applies it.
//!
//! Changes are data: the threads that find them hold no lock of the node, and the node decides when to take it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use shared::{Catalog, ContentId, Entry, Form, PathRef, SharedPath};

use crate::source::Version;

/// One change of what is shared.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file is new or has new facts.
    Upsert(SharedPath, Entry),
    /// A file is perhaps another one than before, though its facts may be the same.
    Replace(SharedPath, Entry),
    /// A file is gone.
    Remove(SharedPath),
    /// Every file below this folder is gone.
    RemoveFolder(SharedPath),
    /// A whole look through a folder (`None`: the share) has ended: what it did not see there is gone.
    KeepOnly {
        /// Where it looked.
        folder: Option<SharedPath>,
        /// What it saw.
        seen: Seen,
    },
    /// The whole share has been looked through: all that was there has been told of.
    LookedThrough,
    /// Which bytes a file holds was found; void if it has another size or time by now.
    Identified {
        /// Which file.
        path: SharedPath,
        /// Of which version.
        version: Version,
        /// What it holds.
        id: ContentId,
    },
    /// The form of a file was found; it holds while the file has this size and time, and is void otherwise.
    Formed {
        /// Which file.
        path: SharedPath,
        /// What was looked at: its size, its time, and the form found.
        entry: Entry,
    },
}

/// The paths that a look through a folder came by, remembered in 8 bytes each: a million of them cost 18 MB while it lasts.
///
/// Two paths share their 8 bytes once in ten million shares of a million files, and then one vanished file stays listed
/// until the next look, which hashes differently.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Seen {
    /// Remembers a path.
    pub fn insert(&mut self, path: &SharedPath) {
        self.hashes.insert(self.hasher.hash_one(path.as_str()));
    }

    /// Whether it was remembered.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(path))
    }
}

/// Makes a batch of changes to a catalog, in order.
pub fn apply(changes: Vec<Change>, catalog: &mut Catalog) {
    for change in changes {
        match change {
            Change::Upsert(path, entry) => catalog.insert(path, entry),
            Change::Replace(path, entry) => catalog.replace(path, entry),
            Change::Remove(path) => {
                catalog.remove(&path);
            }
            Change::RemoveFolder(folder) => {
                catalog.remove_folder(&folder);
            }
            Change::KeepOnly { folder, seen } => {
                let paths = catalog.iter_below(folder.as_ref()).map(|(path, _)| path);
                let gone = paths.filter(|path| !seen.contains(path.as_str()));
                for path in gone.map(PathRef::to_path).collect::<Vec<_>>() {
                    catalog.remove(&path);
                }
            }
            Change::LookedThrough => {}
            Change::Identified { path, version, id } => {
                catalog.identify(&path, (version.size, version.modified), id);
            }
            Change::Formed { path, entry } => {
                let same = |held: &Entry| (held.size, held.modified) == (entry.size, entry.modified);
                // Only where it was unknown: what is known was found for these very facts.
                if catalog.entry(&path).is_some_and(|held| same(held) && held.form == Form::Unknown) {
                    catalog.insert(path, entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    fn entry(size: u64, form: Form) -> Entry {
        Entry { form, ..Entry::unread(size, 1) }
    }

    #[test]
    fn keeps_only_what_was_seen_in_that_folder() {
        let mut catalog = Catalog::default();
        let all = ["a", "d/a", "d/b", "d.txt", "e/a"];
        apply(all.iter().map(|text| Change::Upsert(path(text), entry(1, Form::Unknown))).collect(), &mut catalog);
        let mut seen = Seen::default();
        seen.insert(&path("d/b"));
        apply(vec![Change::KeepOnly { folder: Some(path("d")), seen: seen.clone() }], &mut catalog);
        assert_eq!(catalog.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["a", "d.txt", "d/b", "e/a"]);
        apply(vec![Change::KeepOnly { folder: None, seen }], &mut catalog);
        assert_eq!(catalog.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["d/b"]);
    }

    #[test]
    fn a_stale_form_never_lands_on_a_changed_file() {
        let mut catalog = Catalog::default();
        apply(vec![Change::Upsert(path("a"), entry(2, Form::Unknown))], &mut catalog);
        apply(vec![Change::Formed { path: path("a"), entry: entry(1, Form::Binary) }], &mut catalog);
        apply(vec![Change::Formed { path: path("gone"), entry: entry(1, Form::Binary) }], &mut catalog);
        assert_eq!((catalog.len(), catalog.entry(&path("a")).unwrap().form), (1, Form::Unknown));
        apply(vec![Change::Formed { path: path("a"), entry: entry(2, Form::Binary) }], &mut catalog);
        assert_eq!(catalog.entry(&path("a")).unwrap().form, Form::Binary);
    }
}
