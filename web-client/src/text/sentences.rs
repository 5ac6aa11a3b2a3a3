//! Sentences that depend on what happened.

use shared::Printable;

use super::{Language, Measures, fill};
use crate::model::{Loss, NodeError, Notice};

impl Language {
    /// Why the node could not be asked.
    #[must_use]
    pub fn node_error(self, why: &NodeError) -> String {
        let words = self.words();
        match why {
            NodeError::Unreachable => words.node_unreachable.to_owned(),
            NodeError::Status(status) => fill(words.node_status, &status.to_string()),
            NodeError::Missing(word) => fill(words.node_missing, word),
            NodeError::Unreadable => words.node_unreadable.to_owned(),
            NodeError::Url(why) => fill(words.node_url, &why.to_string()),
        }
    }

    /// Why there is no session.
    #[must_use]
    pub fn loss(self, why: &Loss) -> String {
        match why {
            Loss::Unreachable => self.words().lost_unreachable.to_owned(),
            Loss::Interrupted => self.words().lost_interrupted.to_owned(),
            Loss::Offline => self.words().lost_offline.to_owned(),
            Loss::Said(words) => Printable(words).to_string(),
        }
    }

    /// A short message.
    #[must_use]
    pub fn notice(self, notice: Notice) -> String {
        let (words, measures) = (self.words(), Measures(self));
        let count = |text, number: usize| measures.count(text, number as u64);
        match notice {
            Notice::Copied => words.invite_copied.to_owned(),
            Notice::Saving(number) => count(&words.saving, number),
            Notice::Offered(number) => count(&words.offered, number),
            Notice::NotOffered(number) => count(&words.not_offered, number),
        }
    }
}
