//! Sentences that depend on what happened.

use shared::Printable;

use super::{Language, Measures, fill, fill_two};
use crate::model::{Loss, NodeError, Notice, Reason};

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
            Loss::For(why) => self.reason(why),
        }
    }

    /// Why something did not work out; what others say is passed on as it is.
    #[must_use]
    pub fn reason(self, why: &Reason) -> String {
        let words = self.words();
        let plain = match why {
            Reason::Said(said) => return Printable::short(said, 300).to_string(),
            Reason::UnknownName(host) => return fill_two(words.unknown_name, host, host_name(host)),
            Reason::TooMany(seconds) => return Measures(self).count(&words.too_many, *seconds),
            Reason::NodeBusy => words.node_busy,
            Reason::NoMemory => words.no_memory,
            Reason::NoWorker => words.no_worker,
            Reason::NoRoom => words.no_room,
            Reason::StrangeAddress => words.strange_address,
            Reason::NoSource => words.no_source,
            Reason::Refused => words.refused,
            Reason::Silent => words.silent,
            Reason::Ended => words.session_ended,
            Reason::Strange => words.strange_answer,
            Reason::Full => words.too_much,
            Reason::Lied => words.lied,
            Reason::Unplayable => words.preview_unplayable,
        };
        plain.to_owned()
    }

    /// A short message.
    #[must_use]
    pub fn notice(self, notice: Notice) -> String {
        let (words, measures) = (self.words(), Measures(self));
        let count = |text, number: usize| measures.count(text, number as u64);
        match notice {
            Notice::Copied => words.invite_copied.to_owned(),
            Notice::LeaveAgain => words.leave_again.to_owned(),
            Notice::Saving(number) => count(&words.saving, number),
            Notice::Offered(number) => count(&words.offered, number),
            Notice::NotOffered(number) => count(&words.not_offered, number),
        }
    }
}

/// A host without its port; the colons of an IPv6 address are none of a port.
fn host_name(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_left_out_of_a_name_and_an_address_stays_whole() {
        for (host, name) in [("attic.lan:9004", "attic.lan"), ("attic", "attic"), ("[fe80::1]:9004", "[fe80::1]")] {
            assert_eq!(host_name(host), name);
        }
        assert_eq!(host_name("[fe80::1]"), "[fe80::1]");
    }
}
