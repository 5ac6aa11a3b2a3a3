//! What one peer shares: names with their facts, and a revision that grows with every change.
//!
//! The catalog is the only thing a listing reads; it never looks at a disk, and what it does not hold is not served.

mod block;
mod recent;

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "pattern")]
pub(crate) use self::block::Block;
#[cfg(not(feature = "pattern"))]
use self::block::Block;
use self::recent::Recent;
use crate::{ContentId, PathRef, SharedPath};

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
    /// Whether its owner may run it, where the holder's system knows of such a thing.
    pub executable: bool,
}

impl Entry {
    /// What is known of a file before anybody has read it: its length in bytes, and its time as in [`Entry::modified`].
    #[must_use]
    pub fn unread(size: u64, modified: i64) -> Self {
        Self { size, modified, form: Form::Unknown, id: None, executable: false }
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

/// The files one peer shares, in the order of their paths. Cheap to clone: a change copies only the block it falls into.
#[derive(Clone, Default)]
pub struct Catalog {
    /// None of them empty.
    blocks: Vec<Arc<Block>>,
    len: usize,
    /// Of all paths.
    bytes: usize,
    revision: u64,
    recent: Recent,
    unknown: usize,
    unidentified: usize,
}

/// Where a file is: which block, and where in it.
type Place = (usize, usize);

impl Catalog {
    /// An empty one that goes on counting where another ended, so that nobody takes it for that.
    #[must_use]
    pub fn begun_at(revision: u64) -> Self {
        Self { revision, recent: Recent::since(revision), ..Self::default() }
    }

    /// An empty one that does not remember what changes in it: nobody follows it.
    #[must_use]
    pub fn unfollowed() -> Self {
        Self { recent: Recent::never(), ..Self::default() }
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
        self.len
    }

    /// What its files take, in bytes, when they came in the order of their names; otherwise it may be half as much again.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes + self.len * block::FILE_BYTES + self.blocks.len() * size_of::<Block>()
    }

    /// Whether it holds no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The facts of one file, if it is shared.
    #[must_use]
    pub fn entry(&self, path: &SharedPath) -> Option<&Entry> {
        let (block, index) = self.find(path.as_str()).ok()?;
        self.blocks.get(block)?.entry(index)
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        self.iter_from((0, 0))
    }

    /// The files whose paths come after `after`, in their order: to go on where one stopped.
    pub fn iter_after(&self, after: Option<&SharedPath>) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        self.iter_from(self.place_after(after))
    }

    /// The files below a folder, in their order; below none, all of them.
    pub fn iter_below(&self, folder: Option<&SharedPath>) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        let below = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let (Ok(place) | Err(place)) = self.find(&below);
        self.iter_from(place).take_while(move |(path, _)| path.as_str().starts_with(&below))
    }

    fn iter_from(&self, (first, start): Place) -> impl Iterator<Item = (PathRef<'_>, &Entry)> {
        let blocks = self.blocks.iter().skip(first).enumerate();
        blocks.flat_map(move |(number, block)| {
            let from = if number == 0 { start } else { 0 };
            (from..block.len()).filter_map(|index| block.file(index))
        })
    }

    /// The blocks in which there are files from behind `after` on, and at which file of the first of them to begin.
    #[cfg(feature = "pattern")]
    pub(crate) fn blocks_after(&self, after: Option<&SharedPath>) -> (&[Arc<Block>], usize) {
        let (block, index) = self.place_after(after);
        (self.blocks.get(block..).unwrap_or_default(), index)
    }

    fn place_after(&self, after: Option<&SharedPath>) -> Place {
        match after.map(|path| self.find(path.as_str())) {
            None => (0, 0),
            Some(Ok((block, index))) => (block, index + 1),
            Some(Err(place)) => place,
        }
    }

    /// Where a path is, or where it would be.
    fn find(&self, path: &str) -> Result<Place, Place> {
        let block = self.blocks.partition_point(|block| block.first() <= path).saturating_sub(1);
        let Some(searched) = self.blocks.get(block) else { return Err((block, 0)) };
        searched.search(path).map(|index| (block, index)).map_err(|index| (block, index))
    }

    fn block_mut(&mut self, block: usize) -> Option<&mut Block> {
        self.blocks.get_mut(block).map(Arc::make_mut)
    }

    /// Up to `most` files of unknown form whose paths come after `after`, in their order. Costs nothing once all are known.
    #[must_use]
    pub fn unknown_after(&self, after: Option<&SharedPath>, most: usize) -> Vec<(SharedPath, Entry)> {
        if self.unknown == 0 {
            return Vec::new();
        }
        let unknown = self.iter_after(after).filter(|(_, entry)| entry.form == Form::Unknown);
        unknown.take(most).map(|(path, entry)| (path.to_path(), *entry)).collect()
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
        let mut last = None;
        for (index, (path, entry)) in self.iter_after(after).enumerate() {
            if index >= looks || found.len() >= most {
                return (found, last.map(PathRef::to_path));
            }
            if entry.id.is_none() {
                found.push((path.to_path(), *entry));
            }
            last = Some(path);
        }
        (found, None)
    }

    /// Adds a file or renews its facts. A file whose size and time are unchanged keeps the form and the id found for it.
    pub fn insert(&mut self, path: SharedPath, mut entry: Entry) {
        if let Some(old) = self.entry(&path)
            && (old.size, old.modified) == (entry.size, entry.modified)
        {
            entry.form = if entry.form == Form::Unknown { old.form } else { entry.form };
            entry.id = entry.id.or(old.id);
        }
        self.replace(path, entry);
    }

    /// Adds a file, or puts these facts in the place of what was known of it: not even of the same size and time it keeps
    /// anything.
    pub fn replace(&mut self, path: SharedPath, entry: Entry) {
        let place = self.find(path.as_str());
        let old = place.ok().and_then(|(block, index)| self.blocks.get(block)?.entry(index)).copied();
        if old == Some(entry) {
            return;
        }
        self.count(old, -1);
        self.count(Some(entry), 1);
        self.revision += 1;
        // What its form is, only we need to know.
        let told = |entry: Entry| Entry { form: Form::Unknown, ..entry };
        if old.map(told) != Some(told(entry)) {
            self.recent.note(self.revision, &path, self.len);
        }
        match place {
            Ok((block, index)) => {
                if let Some(held) = self.block_mut(block).and_then(|block| block.entry_mut(index)) {
                    *held = entry;
                }
            }
            Err(place) => {
                let (block, index) = self.make_room(place);
                if let Some(block) = self.block_mut(block) {
                    block.insert(index, path.as_str(), entry);
                }
                self.len += 1;
                self.bytes += path.as_str().len();
            }
        }
    }

    /// Where one more file fits that belongs there.
    fn make_room(&mut self, (block, index): Place) -> Place {
        let Some(len) = self.blocks.get(block).map(|block| block.len()) else {
            self.blocks.push(Arc::default());
            return (self.blocks.len() - 1, 0);
        };
        if len < block::MOST {
            return (block, index);
        }
        if index == len && block + 1 == self.blocks.len() {
            // In the order of their names, as a walk brings them, they fill the blocks.
            self.blocks.push(Arc::default());
            return (block + 1, 0);
        }
        if let Some(latter) = self.block_mut(block).map(Block::split) {
            self.blocks.insert(block + 1, Arc::new(latter));
        }
        let half = len / 2;
        if index <= half { (block, index) } else { (block + 1, index - half) }
    }

    /// Says which bytes a file holds that has this size and time; void where it has others. Answers whether it was news.
    pub fn identify(&mut self, path: &SharedPath, (size, modified): (u64, i64), id: ContentId) -> bool {
        let same = |held: &&Entry| (held.size, held.modified) == (size, modified) && held.id != Some(id);
        let Some(held) = self.entry(path).filter(same) else { return false };
        let entry = Entry { id: Some(id), ..*held };
        self.insert(path.clone(), entry);
        true
    }

    /// Takes a file out. Answers whether it was there.
    pub fn remove(&mut self, path: &SharedPath) -> bool {
        let Ok((at, index)) = self.find(path.as_str()) else { return false };
        let Some(block) = self.block_mut(at) else { return false };
        let old = block.remove(index);
        let left = block.len();
        self.count(Some(old), -1);
        self.len -= 1;
        self.bytes -= path.as_str().len();
        self.revision += 1;
        self.recent.note(self.revision, path, self.len);
        if left < block::MOST / 4 {
            self.merge(at);
        }
        true
    }

    /// Lets a block that is nearly empty go into the one before it or after it, where that has room for both twice over.
    fn merge(&mut self, at: usize) {
        let len = |at: usize| self.blocks.get(at).map_or(0, |block| block.len());
        let fits = |first: usize| (1..=block::MOST / 2).contains(&(len(first) + len(first + 1)));
        if len(at) == 0 {
            self.blocks.remove(at);
            return;
        }
        let Some(first) = [at.wrapping_sub(1), at].into_iter().find(|first| len(*first) > 0 && fits(*first)) else {
            return;
        };
        if first + 1 < self.blocks.len() {
            let next = self.blocks.remove(first + 1);
            if let Some(block) = self.block_mut(first) {
                block.append(&next);
            }
        }
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
            let revision = self.revision + 1;
            *self = Self { revision, recent: self.recent.cleared(revision), ..Self::default() };
        }
    }

    /// Takes out every file below the folder `folder`; answers how many there were.
    pub fn remove_folder(&mut self, folder: &SharedPath) -> usize {
        let gone: Vec<SharedPath> = self.iter_below(Some(folder)).map(|(path, _)| path.to_path()).collect();
        for path in &gone {
            self.remove(path);
        }
        gone.len()
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
