//! What is said to get several files as one archive.

use minicbor::{Decode, Encode};

/// An address to download several files from, as one archive: answered with a [`Ticketed`](super::Ticketed), whose version
/// is the archive's length and the time of its newest file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Collect {
    /// What it is to be called; `.zip` or `.tar` at the end says what it is.
    #[n(0)]
    pub name: String,
    /// The files, in their order: at most [`ARCHIVE_FILES`](crate::limits::ARCHIVE_FILES).
    #[n(1)]
    pub files: Vec<Collected>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Collected {
    /// URL of the peer that holds it.
    #[n(0)]
    pub peer: String,
    /// Its path there, and in the archive.
    #[n(1)]
    pub path: String,
}
