//! Why there is no session, as the page is told.

use std::time::Duration;

use gloo::utils::window;

use crate::event::LinkEvent;
use crate::model::{Loss, Reason};
use crate::wire::{DeriveError, Over, Refusal, knock};

/// Why none could be made.
#[derive(Debug)]
pub(super) enum Why {
    /// It could not be prepared.
    Derive(DeriveError),
    /// The node, or nobody.
    Shut(Refusal),
}

/// What the page is told; asks the node where it is not clear.
pub(super) async fn told(why: Why) -> LinkEvent {
    let refusal = match why {
        Why::Derive(DeriveError::Memory) => return LinkEvent::Lost(Loss::For(Reason::NoMemory)),
        Why::Derive(DeriveError::NoWorker) => return LinkEvent::Lost(Loss::For(Reason::NoWorker)),
        Why::Shut(refusal) => refusal,
    };
    let host = window().location().host().unwrap_or_default();
    let wait = match refusal {
        Refusal::Name | Refusal::Strange(_) => None,
        Refusal::Password | Refusal::TooMany | Refusal::Unreachable => knock().await,
    };
    meaning(refusal, wait, is_offline(), &host)
}

/// How a session that was there ended.
pub(super) fn lost(how: Over) -> Loss {
    match how {
        _ if is_offline() => Loss::Offline,
        Over::Bye | Over::Interrupted => Loss::Interrupted,
        // Silence of a network; the rest is somebody's mistake, and has words.
        Over::Broken(shared::bridge::MuxError::Silent) => Loss::Interrupted,
        Over::Broken(error) => Loss::For(Reason::Said(error.to_string())),
    }
}

/// Whether a network is missing that is needed.
pub(super) fn is_offline() -> bool {
    !window().navigator().on_line() && !super::is_own_device()
}

/// `wait` is how long the node wants to be left in peace, if it answered at all.
fn meaning(refusal: Refusal, wait: Option<Duration>, is_offline: bool, host: &str) -> LinkEvent {
    let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let told = match (refusal, wait) {
        (Refusal::Password, wait) => {
            let wait_s = u32::try_from(seconds(wait.unwrap_or_default())).unwrap_or(u32::MAX);
            return LinkEvent::Refused { wait_s };
        }
        (Refusal::Name, _) => Loss::For(Reason::UnknownName(host.to_owned())),
        (Refusal::Strange(error), _) => Loss::For(Reason::Said(error.to_string())),
        (Refusal::TooMany, wait) => Loss::For(Reason::TooMany(seconds(wait.unwrap_or_default()).max(1))),
        (Refusal::Unreachable, None) if is_offline => Loss::Offline,
        (Refusal::Unreachable, None) => Loss::Unreachable,
        // It is there, and did not let us in.
        (Refusal::Unreachable, Some(wait)) if wait > SHORT => Loss::For(Reason::TooMany(seconds(wait))),
        (Refusal::Unreachable, Some(_)) => Loss::For(Reason::NodeBusy),
    };
    LinkEvent::Lost(told)
}

/// A node that has many handshakes under way asks for less than this.
const SHORT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_MINUTE: Duration = Duration::from_millis(29_500);

    #[test]
    fn a_wrong_password_says_how_long_to_wait() {
        assert_eq!(meaning(Refusal::Password, None, false, ""), LinkEvent::Refused { wait_s: 0 });
        assert_eq!(meaning(Refusal::Password, Some(HALF_MINUTE), false, ""), LinkEvent::Refused { wait_s: 30 });
    }

    #[test]
    fn what_is_gone_is_told_from_what_is_busy() {
        let lost = |wait, is_offline| meaning(Refusal::Unreachable, wait, is_offline, "");
        assert_eq!(lost(None, false), LinkEvent::Lost(Loss::Unreachable));
        assert_eq!(lost(None, true), LinkEvent::Lost(Loss::Offline));
        assert_eq!(lost(Some(Duration::ZERO), true), LinkEvent::Lost(Loss::For(Reason::NodeBusy)));
        assert_eq!(lost(Some(HALF_MINUTE), false), LinkEvent::Lost(Loss::For(Reason::TooMany(30))));
    }

    #[test]
    fn an_unknown_name_says_what_to_do() {
        let LinkEvent::Lost(why) = meaning(Refusal::Name, None, false, "attic.lan:9004") else { panic!() };
        let words = crate::text::Language::English.loss(&why);
        assert!(words.contains("--alias attic.lan"), "{words}");
    }
}
