//! Which bytes of an archive stand where.
//!
//! ```text
//! ZIP: [head, content, tail] … , directory …, end         TAR: [head, content, tail] …, end
//! ```
//! A head says name and time, a tail is the data descriptor of a ZIP or what fills a block of a tar. No length depends on what
//! is in a file, so all of them are known at once; what a ZIP says of the content, its CRC-32, is asked for where it stands.

use std::ops::Range;

use shared::SharedPath;

use super::{Format, tar, zip};

/// Longest archive, in bytes: what the offset of a file can say.
const LONGEST: u64 = i64::MAX as u64;

/// What an archive says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: SharedPath,
    /// In bytes.
    pub(super) size: u64,
    /// In nanoseconds since 1970-01-01 UTC; 0 where nobody knows.
    pub(super) modified: i64,
    pub(super) is_executable: bool,
}

impl Entry {
    /// Its time in whole seconds since 1970, if it is known.
    pub(super) fn seconds(&self) -> Option<i64> {
        (self.modified != 0).then(|| self.modified.div_euclid(1_000_000_000))
    }

    /// Its permissions: what everybody may, and its owner besides. Nothing that would give a program the rights of its file.
    pub(super) fn mode(&self) -> u32 {
        if self.is_executable { 0o755 } else { 0o644 }
    }
}

/// A stretch of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// What stands before a file.
    Head(usize),
    /// The file itself.
    Content(usize),
    /// What stands behind it.
    Tail(usize),
    /// What the directory at the end says of it.
    Listed(usize),
    /// What stands behind everything.
    End,
}

/// A part of a stretch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) of: Stretch,
    /// Which of its bytes.
    pub(super) part: Range<u64>,
}

/// An archive without the files' bytes.
#[derive(Debug)]
pub(super) struct Layout {
    format: Format,
    placed: Vec<Placed>,
    directory: u64,
    end: u64,
    length: u64,
}

/// A file, and where it stands.
#[derive(Debug)]
struct Placed {
    entry: Entry,
    /// Of its head.
    start: u64,
    content: u64,
    /// Of what the directory says of it.
    listed: u64,
}

impl Layout {
    /// Of these files, in their order; none where it would be too long.
    pub(super) fn new(format: Format, entries: Vec<Entry>) -> Option<Self> {
        let mut placed = Vec::with_capacity(entries.len());
        let mut at = 0_u64;
        for entry in entries {
            let (head, tail) = match format {
                Format::Zip => (zip::head(&entry).len() as u64, zip::tail_length(&entry)),
                Format::Tar => (tar::head(&entry).len() as u64, tar::tail_length(&entry)),
            };
            let (start, content) = (at, at.checked_add(head)?);
            at = content.checked_add(entry.size)?.checked_add(tail)?;
            placed.push(Placed { entry, start, content, listed: 0 });
        }
        let directory = at;
        if format == Format::Zip {
            for placed in &mut placed {
                placed.listed = at;
                at = at.checked_add(zip::listed(&placed.entry, placed.start, 0).len() as u64)?;
            }
        }
        let mut layout = Self { format, placed, directory, end: at, length: 0 };
        layout.length =
            at.checked_add(layout.made(Stretch::End, 0).len() as u64).filter(|length| *length <= LONGEST)?;
        Some(layout)
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes a file has.
    pub(super) fn size_of(&self, file: usize) -> u64 {
        self.placed.get(file).map_or(0, |placed| placed.entry.size)
    }

    /// Whether a stretch says the sum of a file, and of which.
    pub(super) fn needs_sum(&self, of: Stretch) -> Option<usize> {
        match of {
            Stretch::Tail(file) | Stretch::Listed(file) if self.format == Format::Zip => Some(file),
            _ => None,
        }
    }

    /// The first piece of a part of the archive; none of an empty part, or beyond its end.
    pub(super) fn first(&self, part: &Range<u64>) -> Option<Piece> {
        let at = part.start;
        if part.is_empty() || at >= self.length {
            return None;
        }
        let (of, start, end) = if at >= self.end {
            (Stretch::End, self.end, self.length)
        } else if at >= self.directory {
            let next = self.placed.partition_point(|placed| placed.listed <= at);
            let file = next.checked_sub(1)?;
            let end = self.placed.get(next).map_or(self.end, |placed| placed.listed);
            (Stretch::Listed(file), self.placed.get(file)?.listed, end)
        } else {
            let next = self.placed.partition_point(|placed| placed.start <= at);
            let file = next.checked_sub(1)?;
            let placed = self.placed.get(file)?;
            let tail = placed.content.saturating_add(placed.entry.size);
            match at {
                _ if at < placed.content => (Stretch::Head(file), placed.start, placed.content),
                _ if at < tail => (Stretch::Content(file), placed.content, tail),
                _ => {
                    let end = self.placed.get(next).map_or(self.directory, |placed| placed.start);
                    (Stretch::Tail(file), tail, end)
                }
            }
        };
        Some(Piece { of, part: at - start..end.min(part.end) - start })
    }

    /// The bytes of a whole stretch that is none of a file's content; `sum` is the CRC-32 of the file it is about.
    pub(super) fn made(&self, of: Stretch, sum: u32) -> Vec<u8> {
        let made = |file: usize, zip: &dyn Fn(&Placed) -> Vec<u8>, tar: &dyn Fn(&Placed) -> Vec<u8>| {
            let of_format = |placed| if self.format == Format::Zip { zip(placed) } else { tar(placed) };
            self.placed.get(file).map(of_format).unwrap_or_default()
        };
        match of {
            Stretch::Head(file) => made(file, &|placed| zip::head(&placed.entry), &|placed| tar::head(&placed.entry)),
            Stretch::Tail(file) => made(file, &|placed| zip::tail(&placed.entry, sum), &|placed| {
                let length = usize::try_from(tar::tail_length(&placed.entry)).unwrap_or_default();
                vec![0; length]
            }),
            Stretch::Listed(file) => made(file, &|it| zip::listed(&it.entry, it.start, sum), &|_| Vec::new()),
            Stretch::Content(_) => Vec::new(),
            Stretch::End => match self.format {
                Format::Zip => zip::end(self.placed.len() as u64, self.directory..self.end),
                Format::Tar => vec![0; tar::END],
            },
        }
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
