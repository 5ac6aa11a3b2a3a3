//! Why there is no answer: a code for the program at the other end, words for its person.

use shared::bridge::{ResetCode, TabId};
use shared::{PeerUrl, SharedPath};

use crate::node::Node;
use crate::search_pool::ShuttingDown;
use crate::source::SourceError;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ResetCode,
    pub(super) words: String,
}

impl Refusal {
    pub(super) fn new(code: ResetCode, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

impl From<SourceError> for Refusal {
    fn from(why: SourceError) -> Self {
        Self::new(why.code(), why.to_string())
    }
}

impl From<ShuttingDown> for Refusal {
    fn from(why: ShuttingDown) -> Self {
        Self::new(ResetCode::OTHER, why.to_string())
    }
}

/// The file that is meant. One text for all that cannot be: it tells a prober nothing.
pub(super) fn file(path: &str) -> Result<SharedPath, Refusal> {
    SharedPath::parse(path).map_err(|_| SourceError::Missing.into())
}

/// The peer of ours that is meant by a path: the node for none, else a tab.
pub(super) fn ours(node: &Node, path: &str) -> Result<PeerUrl, Refusal> {
    if path.is_empty() {
        return Ok(node.url().clone());
    }
    let gone = || Refusal::from(SourceError::NotHere);
    TabId::of_path(path).and_then(|id| id.url_at(node.url())).ok_or_else(gone)
}

/// The peer that is meant by a URL.
pub(super) fn anybody(url: &str) -> Result<PeerUrl, Refusal> {
    PeerUrl::parse(url).map_err(|error| Refusal::new(ResetCode::BAD_REQUEST, error.to_string()))
}
