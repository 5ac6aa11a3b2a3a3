//! Files this tab offers, and who reads them. The files themselves stay with the browser; here each is a number.

use shared::SharedPath;

/// All that this tab offers.
#[derive(Debug, Default)]
pub struct Hold {
    /// Files, by path.
    pub files: Vec<Held>,
    /// Who reads them, oldest first; those that have ended stay for a while.
    pub readings: Vec<Reading>,
    /// Of which file the node last kept no copy, and why, in its words.
    pub not_kept: (String, String),
}

/// A file as the browser hands it over: dropped, picked or pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The browser's file, as `runner` has numbered it.
    pub handle: u32,
    /// Its name, with the folders it was dropped in.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub modified: i64,
}

/// A file this tab offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The browser's file, as `runner` has numbered it.
    pub handle: u32,
    /// The path under which it is offered.
    pub path: SharedPath,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub modified: i64,
    /// How often it was read to its end.
    pub times_read: u32,
    /// Whether the node keeps a copy of it.
    pub kept: Kept,
}

/// A copy of a file at the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// The person did not ask for one.
    #[default]
    None,
    /// The node is to fetch it.
    Wanted,
    /// It is there.
    There,
    /// It cannot be.
    Failed,
}

/// Somebody reading a file of ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The transport's number for each part of it that is under way, and how much of that has been sent.
    pub parts: Vec<(u32, u64)>,
    /// How much was sent in parts that have ended.
    pub before: u64,
    /// Who reads, by name; a node that fetches for somebody else says for whom, if it knows.
    pub reader: Option<String>,
    /// Which file.
    pub handle: u32,
    /// How much of it has been sent.
    pub bytes: u64,
    /// When it ended, in milliseconds since 1970.
    pub ended_at: Option<f64>,
}

impl Hold {
    /// Whether somebody reads at this moment.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.readings.iter().any(|reading| reading.ended_at.is_none())
    }

    /// How large all of it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |bytes, file| bytes.saturating_add(file.size))
    }

    /// Whether the node is still to have a copy of something.
    #[must_use]
    pub fn wants_copies(&self) -> bool {
        self.files.iter().any(|file| file.kept == Kept::Wanted)
    }

    /// The file with this number.
    #[must_use]
    pub fn file(&self, handle: u32) -> Option<&Held> {
        self.files.iter().find(|file| file.handle == handle)
    }
}
