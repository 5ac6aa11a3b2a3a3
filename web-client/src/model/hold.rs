//! Files this tab offers, and who reads them. The files themselves stay with the browser; here each is a number.

use shared::SharedPath;

/// All that this tab offers.
#[derive(Debug, Default)]
pub struct Hold {
    /// Files, by path.
    pub files: Vec<Held>,
    /// Who reads them, oldest first; those that have ended stay for a while.
    pub readings: Vec<Reading>,
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
    pub copy: Copy,
}

/// A copy of a file at the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Copy {
    /// The person did not ask for one.
    #[default]
    None,
    /// The node is to fetch it.
    Wanted,
    /// It is there.
    Kept,
    /// It cannot be; why, in the node's words.
    Failed(String),
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

    /// The files of which the node is to have a copy, and has none yet.
    #[must_use]
    pub fn wanted_copies(&self) -> Vec<u32> {
        self.files.iter().filter(|file| file.copy == Copy::Wanted).map(|file| file.handle).collect()
    }

    /// The file with this number.
    #[must_use]
    pub fn file(&self, handle: u32) -> Option<&Held> {
        self.files.iter().find(|file| file.handle == handle)
    }
}
