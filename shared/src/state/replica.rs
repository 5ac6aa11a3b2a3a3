//! What we hold of the catalog of a peer that we follow: enough to search it, in some 80 bytes and the name for each file.
//!
//! Files are kept in blocks that never change: a search holds those it began with, and a change replaces the few it touches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::telling::Update;
use crate::{Entry, SharedPath};

/// Most files in one block. A change copies a whole block; each costs [`BLOCK_BYTES`].
const BLOCK_FILES: usize = 1_024;
/// What a block takes besides its files, in bytes.
const BLOCK_BYTES: usize = 128;
/// What a file takes besides its name, in bytes.
const FILE_BYTES: usize = size_of::<Entry>() + size_of::<u32>();

/// An update that does not follow from what was before: the peer is broken, or what it said was lost. What is held is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what it says does not follow from what it said before")]
pub struct Gap;

/// What is held of one peer's catalog.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    files: Files,
    /// The revision all of it is of; none while the first whole is on its way.
    revision: Option<u64>,
    has_begun: bool,
}

impl Replica {
    /// Takes an update over.
    ///
    /// # Errors
    /// [`Gap`]: then nothing of it was taken over.
    pub fn handle(&mut self, update: Update) -> Result<(), Gap> {
        let Update { whole, from, put, gone, to } = update;
        if whole {
            *self = Self { has_begun: true, ..Self::default() };
        }
        let follows = self.has_begun && from == self.revision.unwrap_or_default();
        // One that only ever promises a revision would be a whole without an end.
        let is_forward = match (self.revision, to) {
            (Some(held), Some(to)) => to > held,
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !(follows && is_forward) {
            return Err(Gap);
        }
        let put = put.into_iter().map(|(path, entry)| (path, Some(entry)));
        self.files.apply(gone.into_iter().map(|path| (path, None)).chain(put).collect());
        self.revision = to.or(self.revision);
        Ok(())
    }

    /// The revision that all of it is of; none while it is not all there.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }
}

/// The files of a replica as they are at one time. Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// In the order of their paths; none is empty.
    blocks: Vec<Arc<Block>>,
    count: usize,
    bytes: usize,
}

/// Some files, in the order of their paths.
#[derive(Debug)]
struct Block {
    names: Box<str>,
    /// Where each name ends.
    ends: Box<[u32]>,
    entries: Box<[Entry]>,
}

impl Files {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What they take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those whose paths come after `after`, in their order.
    pub fn iter_after(&self, after: Option<&str>) -> impl Iterator<Item = (&str, &Entry)> {
        let from = after.map_or(0, |after| self.last_from(after));
        let blocks = self.blocks.get(from..).unwrap_or_default();
        let is_told = move |(path, _): &(&str, &Entry)| after.is_some_and(|after| *path <= after);
        blocks.iter().flat_map(|block| block.iter()).skip_while(is_told)
    }

    /// The last block that begins at or before this path, or the first.
    fn last_from(&self, path: &str) -> usize {
        self.blocks.partition_point(|block| block.first() <= path).saturating_sub(1)
    }

    /// Makes changes: an entry, or none for a file that is gone.
    fn apply(&mut self, changes: BTreeMap<SharedPath, Option<Entry>>) {
        let mut changes = changes.into_iter().peekable();
        while let Some((first, _)) = changes.peek() {
            let at = self.last_from(first.as_str());
            let end = self.blocks.get(at + 1).cloned();
            let is_here = |path: &str| end.as_ref().is_none_or(|end| path < end.first());
            let here: Vec<_> = std::iter::from_fn(|| changes.next_if(|(path, _)| is_here(path.as_str()))).collect();
            let old = self.blocks.get(at).cloned();
            let rows = merged(old.as_deref(), &here);
            // What became small is put together with what is before it, or files that come and go would leave ruins.
            let before = at.checked_sub(1).and_then(|before| self.blocks.get(before)).cloned();
            let before = before.filter(|before| rows.len() + before.len() <= BLOCK_FILES / 2);
            let start = at - usize::from(before.is_some());
            let replaced = start..(at + 1).min(self.blocks.len());
            let rows: Vec<_> = before.iter().flat_map(|before| before.iter()).chain(rows).collect();
            let new = blocks(&rows);
            for block in self.blocks.get(replaced.clone()).unwrap_or_default() {
                self.count -= block.len();
                self.bytes -= block.bytes();
            }
            for block in &new {
                self.count += block.len();
                self.bytes += block.bytes();
            }
            self.blocks.splice(replaced, new);
        }
    }
}

/// A block's files with changes made to them; both are in order.
fn merged<'a>(old: Option<&'a Block>, changes: &'a [(SharedPath, Option<Entry>)]) -> Vec<(&'a str, &'a Entry)> {
    let mut rows = Vec::with_capacity(old.map_or(0, Block::len) + changes.len());
    let mut old = old.into_iter().flat_map(Block::iter).peekable();
    for (path, entry) in changes {
        while let Some(row) = old.next_if(|(name, _)| *name < path.as_str()) {
            rows.push(row);
        }
        let _replaced = old.next_if(|(name, _)| *name == path.as_str());
        rows.extend(entry.as_ref().map(|entry| (path.as_str(), entry)));
    }
    rows.extend(old);
    rows
}

/// Files put into as few blocks as can be, all of about the same length.
fn blocks(rows: &[(&str, &Entry)]) -> Vec<Arc<Block>> {
    let count = rows.len().div_ceil(BLOCK_FILES).max(1);
    rows.chunks(rows.len().div_ceil(count).max(1)).map(|rows| Arc::new(Block::of(rows))).collect()
}

impl Block {
    fn of(rows: &[(&str, &Entry)]) -> Self {
        let names: String = rows.iter().map(|(name, _)| *name).collect();
        let mut end = 0;
        let mut ends = Vec::with_capacity(rows.len());
        for (name, _) in rows {
            // At most 1,024 names of 4 KiB.
            end += u32::try_from(name.len()).unwrap_or_default();
            ends.push(end);
        }
        let entries = rows.iter().map(|(_, entry)| **entry).collect();
        Self { names: names.into(), ends: ends.into(), entries }
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn bytes(&self) -> usize {
        BLOCK_BYTES + self.names.len() + self.len() * FILE_BYTES
    }

    fn first(&self) -> &str {
        self.iter().next().map(|(name, _)| name).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let mut begin = 0;
        self.ends.iter().zip(&self.entries).map(move |(end, entry)| {
            let end = usize::try_from(*end).unwrap_or_default();
            let name = self.names.get(begin..end).unwrap_or_default();
            begin = end;
            (name, entry)
        })
    }
}

#[cfg(test)]
#[path = "replica_tests.rs"]
mod tests;
