//! One peer as the roster sees it: its state, and when it is worth another dial.
//!
//! Every wait is decided here. Who is dialed first when several are due is decided in `schedule`.

use std::time::Duration;

use crate::state::dice::Dice;
use crate::{Moment, PeerUrl, limits};

/// What we know of a peer. The table in `roster` says how one becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// Somebody named it; it never answered us.
    Candidate,
    /// It answered less than [`limits::LISTED_FOR`] ago, and nothing failed since.
    Alive,
    /// It was alive, and its last dial failed or is overdue.
    Suspect,
    /// It was alive, and several dials in a row failed.
    Gone,
    /// It is there and does not know our password.
    Refused,
    /// It is there, and listed by the URL that it goes by.
    Alias,
}

/// One peer, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its URL.
    pub url: PeerUrl,
    /// What we know of it.
    pub state: MemberState,
    /// Since when it is in that state.
    pub since: Moment,
    /// When it last answered us.
    pub last_answer: Option<Moment>,
    /// Whether a person typed it.
    pub seed: bool,
}

/// Who told us of a peer; the better source replaces the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A caller, who may be anybody with the password.
    Rumour,
    /// The answer of a peer that we dialed.
    Hint,
    /// A person.
    Seed,
}

/// The three queues for dials, each with its own places, so that none can starve another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Members,
    Doubtful,
    Candidates,
}

/// One peer, with what the next dial depends on.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) state: MemberState,
    pub(super) since: Moment,
    pub(super) last_answer: Option<Moment>,
    /// Until when it is listed without another answer.
    pub(super) stale_at: Moment,
    /// Whether the membership among nodes holds it for alive.
    pub(super) vouched: bool,
    /// Dials in a row that went wrong in this state.
    pub(super) failures: u32,
    /// When to dial it next; while it is being dialed, when the dial counts as lost.
    pub(super) due: Moment,
    pub(super) dialing: Option<Lane>,
    pub(super) origin: Origin,
    /// Whose token pays for the next dial.
    pub(super) paid: Option<Origin>,
    /// The URL it goes by, of an alias.
    pub(super) alias_of: Option<PeerUrl>,
    /// Whose answer named it.
    pub(super) named_by: Option<PeerUrl>,
    /// How many dials of what *it* named led nowhere, less those that were answered: who lies is heard last.
    pub(super) misled: u32,
    /// Breaks ties between peers that became due together: without it all newcomers would dial in the same order.
    pub(super) salt: u64,
}

impl Peer {
    pub(super) fn new(now: Moment, origin: Origin, due: Moment, salt: u64) -> Self {
        let state = MemberState::Candidate;
        Self {
            state,
            since: now,
            last_answer: None,
            stale_at: Moment::default(),
            vouched: false,
            failures: 0,
            due,
            dialing: None,
            origin,
            paid: None,
            alias_of: None,
            named_by: None,
            misled: 0,
            salt,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        match self.state {
            MemberState::Alive => Lane::Members,
            _ if self.origin == Origin::Seed => Lane::Members,
            MemberState::Candidate => Lane::Candidates,
            MemberState::Suspect | MemberState::Gone | MemberState::Refused | MemberState::Alias => Lane::Doubtful,
        }
    }

    /// Whether it counts against the number of members.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, MemberState::Alive | MemberState::Suspect)
    }

    /// Whether it is only remembered so that it is not learned anew.
    pub(super) fn is_tombstone(&self) -> bool {
        matches!(self.state, MemberState::Gone | MemberState::Refused | MemberState::Alias)
            && self.origin != Origin::Seed
    }

    pub(super) fn is_forgettable(&self, now: Moment) -> bool {
        !self.is_settled()
            && self.origin != Origin::Seed
            && self.dialing.is_none()
            && now.since(self.since) >= limits::FORGET_AFTER
    }

    fn enter(&mut self, now: Moment, state: MemberState) {
        if self.state != state {
            self.state = state;
            self.since = now;
            self.failures = 0;
            self.alias_of = None;
        }
    }

    /// It answered our dial.
    pub(super) fn answered(&mut self, now: Moment, dice: &mut Dice) {
        self.enter(now, MemberState::Alive);
        self.failures = 0;
        self.last_answer = Some(now);
        self.rest(now, dice);
    }

    /// It answered our dial, and goes by another URL.
    pub(super) fn is_alias(&mut self, now: Moment, of: PeerUrl, dice: &mut Dice) {
        self.enter(now, MemberState::Alias);
        self.failures = 0;
        self.last_answer = Some(now);
        self.alias_of = Some(of);
        self.due =
            now + dice.between(limits::ALIAS_PROBE_AFTER - limits::ALIAS_PROBE_AFTER / 6, limits::ALIAS_PROBE_AFTER);
    }

    /// It answered at `at`: it is asked again after a while, and listed for a while longer.
    fn rest(&mut self, at: Moment, dice: &mut Dice) {
        let (probe, listed) = if self.vouched {
            (limits::VOUCHED_PROBE_AFTER, limits::VOUCHED_LISTED_FOR)
        } else {
            (limits::PROBE_AFTER, limits::LISTED_FOR)
        };
        self.stale_at = at + listed;
        self.due = at + dice.between(probe - probe / 6, probe);
    }

    /// The membership among nodes says that it is alive.
    pub(super) fn told_up(&mut self, now: Moment, dice: &mut Dice) {
        self.vouched = true;
        if self.dialing.is_some() {
            return;
        }
        match (self.state, self.last_answer) {
            (MemberState::Alive, Some(at)) => self.rest(at, dice),
            _ => self.due = self.due.min(now + dice.between(limits::RUMOUR_WAIT_MIN, limits::RUMOUR_WAIT_MAX)),
        }
    }

    /// The membership among nodes says that it is down. It is asked at once, and that decides: somebody else's word, even that
    /// of all members, takes nobody from the list.
    pub(super) fn told_down(&mut self, now: Moment) {
        self.vouched = false;
        self.stale_at = self.stale_at.min(now + limits::LISTED_FOR);
        if self.state == MemberState::Alive && self.dialing.is_none() {
            self.due = now.max(self.last_answer.unwrap_or_default() + limits::TOLD_DOWN_AFTER);
        }
    }

    /// It has not been asked for too long: we slept, or the dials are congested.
    pub(super) fn overdue(&mut self, now: Moment) {
        self.enter(now, MemberState::Suspect);
        if self.dialing.is_none() {
            self.due = now;
        }
    }

    /// It does not know our password.
    pub(super) fn refused(&mut self, now: Moment, dice: &mut Dice) {
        self.enter(now, MemberState::Refused);
        self.fail_again(now, dice);
    }

    /// It did not answer our dial.
    pub(super) fn failed(&mut self, now: Moment, dice: &mut Dice) {
        match self.state {
            MemberState::Alive => self.enter(now, MemberState::Suspect),
            MemberState::Suspect if self.failures + 1 >= limits::SUSPECT_FAILURES => {
                self.enter(now, MemberState::Gone);
            }
            MemberState::Alias => self.enter(now, MemberState::Gone),
            _ => {}
        }
        self.fail_again(now, dice);
    }

    fn fail_again(&mut self, now: Moment, dice: &mut Dice) {
        let (first, longest) = match self.state {
            MemberState::Alive | MemberState::Suspect | MemberState::Alias => {
                (limits::SUSPECT_RETRY, limits::PROBE_AFTER)
            }
            MemberState::Candidate => (limits::CANDIDATE_RETRY, limits::CANDIDATE_RETRY_MAX),
            MemberState::Refused => (limits::REFUSED_RETRY, limits::REFUSED_RETRY_MAX),
            MemberState::Gone if now.since(self.since) < limits::GONE_IS_RECENT => {
                (limits::GONE_RETRY, limits::GONE_RETRY_RECENT_MAX)
            }
            MemberState::Gone => (limits::GONE_RETRY, limits::GONE_RETRY_MAX),
        };
        // A seed's password may be set right at any time, but to ask each half minute would look like guessing.
        let longest = match (self.origin, self.state) {
            (Origin::Seed, MemberState::Refused) => first,
            (Origin::Seed, _) => longest.min(limits::SEED_RETRY_MAX),
            _ => longest,
        };
        let wait = first.saturating_mul(2_u32.saturating_pow(self.failures)).min(longest);
        self.failures = self.failures.saturating_add(1);
        // Never later than the wait: its longest is a promise.
        self.due = now + dice.between(wait - wait / 8, wait).max(Duration::from_millis(1));
    }
}
