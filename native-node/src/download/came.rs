//! What came and is not saved yet, with what it holds until it is.

use shared::{PeerUrl, SharedPath};
use tokio::sync::SemaphorePermit;

use super::Provenance;
use super::copies::ContentTurn;
use crate::folder::Arrived;

/// A file that came whole, and from whom.
pub(super) struct Fetched<'a> {
    pub(super) peer: PeerUrl,
    /// What its holder calls it.
    pub(super) name: String,
    pub(super) path: SharedPath,
    pub(super) came: Came<'a>,
}

/// The same without its name.
pub(super) struct Came<'a> {
    pub(super) arrived: Arrived,
    /// Its place among the unsaved, if it has one already; it keeps it until it is durable.
    pub(super) unsaved: Option<SemaphorePermit<'a>>,
    pub(super) bytes: u64,
    pub(super) how: Provenance,
    /// Who is to be saved under another name waits for this one.
    pub(super) turn: Option<ContentTurn>,
}

impl Fetched<'_> {
    /// The same, which is saved when others have come, too: it must not hold what those need to come.
    pub(super) fn waits(self) -> Self {
        Self { came: Came { unsaved: None, turn: None, ..self.came }, ..self }
    }
}
