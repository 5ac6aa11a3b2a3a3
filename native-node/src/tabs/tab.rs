//! One tab: who speaks for it at the moment, and how to wait for it.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use shared::PeerUrl;
use shared::bridge::TabId;
use shared::limits::HOLDER_RETURN;
use tokio::sync::watch;

use super::offer::Shares;
use crate::link::Link;
use crate::lock::LockExt;
use crate::ticket::Owner;

/// A tab, for as long as it is remembered.
#[derive(Debug)]
pub struct Tab {
    id: TabId,
    url: PeerUrl,
    owner: Owner,
    since: Instant,
    name: Mutex<Option<String>>,
    line: watch::Sender<Line>,
    shares: Mutex<Shares>,
}

/// How a tab is reached.
#[derive(Debug)]
pub(super) struct Line {
    /// Counts sessions: only the last one speaks for the tab.
    session: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Here(Link),
    Away,
    /// It did not come back.
    Left,
}

impl Tab {
    pub(super) fn new(id: TabId, url: PeerUrl, owner: Owner) -> Self {
        Self {
            id,
            url,
            owner,
            since: Instant::now(),
            name: Mutex::default(),
            line: watch::Sender::new(Line { session: 0, state: State::Away }),
            shares: Mutex::default(),
        }
    }

    /// By what it is known here.
    #[must_use]
    pub fn id(&self) -> TabId {
        self.id
    }

    /// Where others reach it.
    #[must_use]
    pub fn url(&self) -> &PeerUrl {
        &self.url
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.name.locked().clone()
    }

    /// The person calls it otherwise from now on.
    pub(super) fn rename(&self, name: Option<String>) {
        *self.name.locked() = name;
    }

    /// Since when it is here.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Whose its tickets are. They outlive its sessions: a browser goes on with a download after the page was reloaded.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether a session speaks for it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.line.borrow().link().is_some()
    }

    /// The session that speaks for it; of one that just went away, the next. None once it did not come back in time.
    pub(crate) async fn link(&self) -> Option<Link> {
        let mut line = self.line.subscribe();
        let back = line.wait_for(|line| line.link().is_some() || matches!(line.state, State::Left));
        let line = tokio::time::timeout(HOLDER_RETURN, back).await.ok()?.ok()?;
        line.link().cloned()
    }

    /// A session begins to speak for it; its number. The one before is closed.
    pub(super) fn come(&self, name: Option<String>, link: Link) -> u64 {
        self.rename(name);
        let mut number = 0;
        self.line.send_modify(|line| {
            line.session += 1;
            number = line.session;
            if let State::Here(before) = std::mem::replace(&mut line.state, State::Here(link)) {
                before.close();
            }
        });
        // What the session before still said is not taken for what this one says.
        self.shares().begin();
        number
    }

    /// A session ends. False where another speaks for the tab by now.
    pub(super) fn go(&self, number: u64) -> bool {
        self.line.send_if_modified(|line| {
            let was_here = line.session == number && matches!(line.state, State::Here(_));
            if was_here {
                line.state = State::Away;
            }
            was_here
        })
    }

    /// It did not come back. False where it did.
    pub(super) fn leave(&self, number: u64) -> bool {
        self.line.send_if_modified(|line| {
            let is_away = line.session == number && matches!(line.state, State::Away);
            if is_away {
                line.state = State::Left;
            }
            is_away
        })
    }

    /// Whether this session speaks for it.
    pub(super) fn is_session(&self, number: u64) -> bool {
        self.line.borrow().session == number
    }

    pub(super) fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.locked()
    }
}

impl Line {
    /// The session, if there is one that is not over.
    fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Here(link) if !link.is_closed() => Some(link),
            _ => None,
        }
    }
}
