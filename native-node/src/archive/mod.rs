//! Several files as one archive: its length is known before its first byte, and any part of it can be had again.
//!
//! Nothing is compressed and nothing is kept: where each byte stands follows from the names, sizes and times alone
//! (`layout`), and the files are read as they are sent. A crate that writes archives writes them from the first byte on,
//! with the sums as it meets them; none of them can begin in the middle.

mod collect;
mod layout;
mod names;
mod send;
mod sums;
mod tar;
mod zip;

use std::fmt::Write as _;

use shared::SharedPath;
use shared::transfer::Hashing;

use crate::source::{FileVersion, Version};
use layout::{Entry, Layout};
use sums::Sums;

pub(crate) use collect::{CollectError, Collecting, Wish, collect};
pub(crate) use send::open;

/// What kind of archive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ZIP, stored, ZIP64 where it must be (APPNOTE 6.3.10).
    Zip,
    /// POSIX ustar with pax headers where they are needed (IEEE 1003.1).
    Tar,
}

impl Format {
    /// The kind that a name asks for by its ending.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "zip" => Some(Self::Zip),
            "tar" => Some(Self::Tar),
            _ => None,
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Tar => "application/x-tar",
        }
    }
}

/// A file for an archive, found where it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which file, in which version.
    pub file: FileVersion,
    /// Whether its owner may run it.
    pub is_executable: bool,
    /// Whether any part of it can be had, and its version tells it from others.
    pub can_seek: bool,
}

/// An archive that can be sent, again and again the same.
#[derive(Debug)]
pub struct Archive {
    name: String,
    format: Format,
    files: Vec<FileVersion>,
    layout: Layout,
    sums: Sums,
    tag: String,
    modified: i64,
    can_seek: bool,
}

impl Archive {
    /// An archive of these files in this order; none where it would be longer than a file can be.
    #[must_use]
    pub fn new(name: &str, format: Format, members: Vec<Member>) -> Option<Self> {
        let names = names::in_archive(members.iter().map(|member| &member.file.path));
        let mut facts = format!("{format:?}\n");
        let mut entries = Vec::with_capacity(members.len());
        for (name, Member { file, is_executable, .. }) in names.into_iter().zip(&members) {
            let Version { size, modified } = file.version;
            // All that decides what the bytes are. Writing to a text cannot fail.
            let _written =
                writeln!(facts, "{}\0{}\0{name}\0{size} {modified} {is_executable}", file.peer.as_str(), file.path);
            entries.push(Entry { name, size, modified, is_executable: *is_executable });
        }
        let layout = Layout::new(format, entries)?;
        let id = Hashing::id_of(facts.as_bytes()).to_string();
        let tag = format!("{:x}-{}", layout.length(), id.get(..32).unwrap_or(&id));
        Some(Self {
            name: name.to_owned(),
            format,
            sums: Sums::new(members.len()),
            layout,
            tag,
            modified: members.iter().map(|member| member.file.version.modified).max().unwrap_or_default(),
            can_seek: members.iter().all(|member| member.can_seek),
            files: members.into_iter().map(|member| member.file).collect(),
        })
    }

    /// What it is to be saved as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many files are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Its length in bytes, and the time of its newest file.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { size: self.layout.length(), modified: self.modified }
    }

    /// What tells it from every other archive: of other files, versions, names or kind.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether any part of it can be had. Not so where a peer of 2004 holds one of its files.
    #[must_use]
    pub fn can_seek(&self) -> bool {
        self.can_seek
    }
}

/// The name in an archive as text, for the formats.
fn text(name: &SharedPath) -> &[u8] {
    name.as_str().as_bytes()
}
