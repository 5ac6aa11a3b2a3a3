//! What is said to get several files as one archive.

use minicbor::{Decode, Encode};

use super::message::Ticket;

/// An address to download several files from, as one archive: answered with a [`Ticketed`](super::Ticketed), whose version
/// is the archive's length and the time of its newest file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Collect {
    /// What it is to be called; `.zip` or `.tar` at the end says what it is.
    #[n(0)]
    pub name: String,
    /// The files, in their order, each named as where it alone is asked for; none is shown. At most
    /// [`ARCHIVE_FILES`](crate::limits::ARCHIVE_FILES).
    #[n(1)]
    pub files: Vec<Ticket>,
}
