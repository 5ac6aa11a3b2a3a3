//! What can happen to the page, in its own words; the browser's events are turned into these in `runner`.

use crate::model::{Node, NodeError};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The page was opened.
    Opened,
    /// The person asked to try again.
    Retried,
    /// The node said who it is, or could not be asked.
    NodeAnswered(Result<Node, NodeError>),
}
