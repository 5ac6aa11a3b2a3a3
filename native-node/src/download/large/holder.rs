//! One holder of a content: how it failed so far, and when it is given up.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::bridge::ResetCode;
use shared::transfer::HolderNumber;
use shared::{ContentId, PeerUrl};
use tokio::sync::Notify;

use super::back_off;
use crate::dial::CallError;
use crate::download::fetch::FetchError;
use crate::link::{Link, LinkError};
use crate::lock::LockExt;
use crate::source::Version;

/// For how long a holder may fail without a single piece between: long enough to be started anew.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it may say that it cannot, for no reason that it names.
const REFUSALS: u32 = 6;

/// Who holds the content, and as what.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) number: HolderNumber,
    pub(super) peer: PeerUrl,
    pub(super) name: String,
    pub(super) version: Version,
    /// What it said that it holds.
    pub(super) id: Option<ContentId>,
    /// Where it fetches the same itself and has a part of it.
    pub(super) partner: Option<Partner>,
    /// A partner has more.
    pub(super) gained: Notify,
    trouble: Mutex<Trouble>,
}

/// Somebody else who fetches the same.
#[derive(Debug)]
pub(super) struct Partner {
    pub(super) link: Link,
    /// Whether we called it.
    pub(super) is_dialed: bool,
}

#[derive(Debug, Default)]
struct Trouble {
    /// When the last piece came before it began to fail.
    since: Option<Instant>,
    tries: u32,
    refusals: u32,
    gone: Option<FetchError>,
}

impl Holder {
    pub(super) fn new(
        number: HolderNumber,
        peer: PeerUrl,
        name: String,
        version: Version,
        id: Option<ContentId>,
    ) -> Self {
        Self { number, peer, name, version, id, partner: None, gained: Notify::new(), trouble: Mutex::default() }
    }

    /// One that fetches the same.
    pub(super) fn partner(number: HolderNumber, peer: PeerUrl, id: ContentId, size: u64, partner: Partner) -> Self {
        let version = Version { size, modified: 0 };
        Self { partner: Some(partner), ..Self::new(number, peer, id.to_string(), version, Some(id)) }
    }

    /// Whether nothing is won by asking this peer by this name, too: it is this one, or is asked by another name that is known
    /// to hold the same, and the last pieces would only come twice.
    pub(super) fn is_as_good_as(&self, peer: &PeerUrl, name: &str) -> bool {
        let has_all = || self.id.is_some() && self.partner.is_none() && !self.is_gone();
        self.peer == *peer && (self.name == name || has_all())
    }

    /// A good piece came.
    pub(super) fn succeeded(&self) {
        let mut trouble = self.lock();
        if trouble.gone.is_none() {
            *trouble = Trouble::default();
        }
    }

    /// It failed; how long to wait before it is asked again, or none: it is given up.
    pub(super) fn failed(&self, error: FetchError) -> Option<Duration> {
        let mut trouble = self.lock();
        if trouble.gone.is_some() {
            return None;
        }
        trouble.tries += 1;
        trouble.refusals += u32::from(is_refusal(&error));
        let since = *trouble.since.get_or_insert_with(Instant::now);
        // Others have what it has.
        if self.partner.is_some() || is_final(&error) || since.elapsed() > PATIENCE || trouble.refusals > REFUSALS {
            trouble.gone = Some(error);
            return None;
        }
        tracing::debug!(peer = %self.peer, %error, "a holder failed, and will be asked again");
        Some(back_off(trouble.tries / 2))
    }

    /// It is given up.
    pub(super) fn give_up(&self, why: FetchError) {
        self.lock().gone.get_or_insert(why);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.lock().gone.is_some()
    }

    /// Why it was given up. An error cannot be cloned: of most only the words are left.
    pub(super) fn why_gone(&self) -> Option<FetchError> {
        self.lock().gone.as_ref().map(|why| match why {
            FetchError::Call(CallError::Link(error)) => CallError::Link(error.clone()).into(),
            FetchError::Call(CallError::Unreachable(words)) => CallError::Unreachable(words.clone()).into(),
            FetchError::Call(CallError::Silent) => CallError::Silent.into(),
            FetchError::Lied => FetchError::Lied,
            other => CallError::NotAPeer(other.to_string()).into(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.locked()
    }
}

/// Whether it says that it cannot, and not why.
fn is_refusal(error: &FetchError) -> bool {
    matches!(error, FetchError::Call(CallError::Link(error)) if error.code() == Some(ResetCode::OTHER))
}

/// Whether asking again can help: it may come back, or have a place for us.
fn is_final(error: &FetchError) -> bool {
    match error {
        FetchError::Call(CallError::Link(error)) => match error {
            LinkError::Interrupted | LinkError::Silent | LinkError::Slow => false,
            LinkError::Failed(why) => !matches!(why.code, ResetCode::BUSY | ResetCode::OTHER),
            LinkError::Senseless => true,
        },
        FetchError::Call(CallError::Unreachable(_) | CallError::Silent | CallError::Slow | CallError::Broken(_)) => {
            false
        }
        _ => true,
    }
}
