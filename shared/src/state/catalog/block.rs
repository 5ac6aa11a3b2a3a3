//! Some neighbours of a catalog: their paths one after the other in one text, each on a line of its own, their facts beside
//! it. One text, because an engine looks through it many times faster than through as many single names.

use std::ops::Range;

use super::Entry;
use crate::PathRef;
use crate::state::{is_escaped, is_xml_text};

/// How many files a block holds at most. A change moves half a block at most, and copies a block where a snapshot is held.
pub(super) const MOST: usize = 256;

/// Room for names that a block may keep besides as much again as there are, in bytes.
const SPARE_BYTES: usize = 4 << 10;

/// What a file takes besides its path, in bytes: its facts, a line feed, and where its line ends.
pub(super) const FILE_BYTES: usize = size_of::<Entry>() + 1 + size_of::<u32>();

/// Up to [`MOST`] files, in the order of their paths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// The paths, each with a line feed behind it.
    lines: String,
    /// Where each line ends, behind its line feed. At most `MOST` times `limits::PATH_BYTES`.
    ends: Vec<u32>,
    entries: Vec<Entry>,
    /// How many paths have a line feed in them.
    broken: usize,
    /// How many paths are not ASCII.
    wide: usize,
    /// How many paths lie in a folder.
    nested: usize,
    /// How many paths XML cannot carry.
    unsendable: usize,
    /// How many paths XML cannot carry as they are.
    escaped: usize,
}

/// What is counted of a block's paths, so that most blocks answer for all of theirs at once.
fn traits(text: &str) -> [bool; 5] {
    let (is_sendable, is_escaped) = (is_xml_text(text), text.bytes().any(is_escaped));
    [text.contains('\n'), !text.is_ascii(), text.contains('/'), !is_sendable, !is_sendable || is_escaped]
}

impl Block {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where the line of a file begins; that of the next behind the last is where all end.
    pub(crate) fn start(&self, index: usize) -> usize {
        let end = index.checked_sub(1).and_then(|before| self.ends.get(before));
        end.map_or(0, |end| *end as usize)
    }

    /// The path of a file; the empty text where there is none.
    fn text(&self, index: usize) -> &str {
        let end = self.start(index + 1).saturating_sub(1);
        self.lines.get(self.start(index)..end).unwrap_or_default()
    }

    pub(super) fn first(&self) -> &str {
        self.text(0)
    }

    pub(crate) fn file(&self, index: usize) -> Option<(PathRef<'_>, &Entry)> {
        let entry = self.entries.get(index)?;
        Some((PathRef::of_checked(self.text(index)), entry))
    }

    pub(super) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub(super) fn entry_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    /// Where a path is, or where it would be.
    pub(super) fn search(&self, path: &str) -> Result<usize, usize> {
        let Range { start: mut from, end: mut to } = 0..self.len();
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.text(middle).cmp(path) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        Err(from)
    }

    /// Puts a file in before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, path: &str, entry: Entry) {
        let start = self.start(index);
        self.lines.insert(start, '\n');
        self.lines.insert_str(start, path);
        self.ends.insert(index, u32_of(start));
        for end in self.ends.iter_mut().skip(index) {
            *end += u32_of(path.len() + 1);
        }
        self.entries.insert(index, entry);
        self.count(index, 1);
        if self.len() == MOST {
            self.lines.shrink_to_fit();
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Entry {
        self.count(index, -1);
        let line = self.start(index)..self.start(index + 1);
        self.ends.remove(index);
        for end in self.ends.iter_mut().skip(index) {
            *end -= u32_of(line.len());
        }
        self.lines.replace_range(line, "");
        let entry = self.entries.remove(index);
        // What is counted is what there is, not what there was: long names that come and go must not add up.
        if self.lines.capacity() > 2 * self.lines.len() + SPARE_BYTES {
            self.shrink();
        }
        entry
    }

    fn count(&mut self, index: usize, by: isize) {
        let traits = traits(self.text(index));
        for (count, is) in self.counts().into_iter().zip(traits) {
            *count = count.saturating_add_signed(if is { by } else { 0 });
        }
    }

    fn counts(&mut self) -> [&mut usize; 5] {
        [&mut self.broken, &mut self.wide, &mut self.nested, &mut self.unsendable, &mut self.escaped]
    }

    /// Takes the latter half out.
    pub(super) fn split(&mut self) -> Self {
        let (half, start) = (self.len() / 2, self.start(self.len() / 2));
        let (lines, ends) = (self.lines.split_off(start), self.ends.split_off(half));
        let ends = ends.into_iter().map(|end| end - u32_of(start)).collect();
        let mut latter = Self { lines, ends, entries: self.entries.split_off(half), ..Self::default() };
        (0..latter.len()).for_each(|index| latter.count(index, 1));
        for (count, gone) in self.counts().into_iter().zip(latter.counts()) {
            *count -= *gone;
        }
        self.shrink();
        latter
    }

    /// What it keeps in memory, in bytes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.lines.capacity() + self.ends.capacity() * size_of::<u32>() + self.entries.capacity() * size_of::<Entry>()
    }

    fn shrink(&mut self) {
        self.lines.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Takes all of the block that follows this one.
    pub(super) fn append(&mut self, next: &Self) {
        let start = u32_of(self.lines.len());
        self.lines.push_str(&next.lines);
        self.ends.extend(next.ends.iter().map(|end| end + start));
        self.entries.extend_from_slice(&next.entries);
        for index in self.len() - next.len()..self.len() {
            self.count(index, 1);
        }
    }
}

#[cfg(feature = "pattern")]
impl Block {
    /// The paths as lines; none where one has a line feed in it.
    pub(crate) fn lines(&self) -> Option<&str> {
        (self.broken == 0).then_some(self.lines.as_str())
    }

    /// Whether all paths are ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        self.wide == 0
    }

    /// Whether all files lie directly in the share.
    pub(crate) fn is_flat(&self) -> bool {
        self.nested == 0
    }

    /// Whether XML can carry all paths.
    pub(crate) fn is_sendable(&self) -> bool {
        self.unsendable == 0
    }

    /// Whether XML can carry all paths as they are, without an escape.
    pub(crate) fn is_plain(&self) -> bool {
        self.escaped == 0
    }

    /// Which line a byte of the text is in.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end as usize <= at)
    }
}

/// A length or place within a block's text, which [`MOST`] bounds.
fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
