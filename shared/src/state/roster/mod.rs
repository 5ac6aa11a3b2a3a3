//! Who is there: the peers of a pool, how alive each is, and whom to dial next.
//!
//! In 2004 a URL once heard was repeated for ever, so lists fill with the dead, and the client of 2004 dies at the first of
//! them. Here a URL is listed only after it answered us, and for as long as it keeps answering. The caller of an exchange
//! cannot be told from what it lists, so its own URL is one candidate among those it names.
//!
//! | state     | is                       | dialed again                              | becomes |
//! |-----------|--------------------------|-------------------------------------------|---------|
//! | Candidate | named, never answered    | 0.3 s, 0.6 s … 1 h, under a rate          | Alive, Refused, forgotten after 24 h |
//! | Alive     | listed                   | 50-60 s after its last answer             | Suspect at a failure, or 90 s after its last answer |
//! | Suspect   | not listed, was alive    | 1 s, 2 s                                  | Alive, or Gone at the third failure |
//! | Gone      | remembered, not learned  | 5 s … 60 s; 30 min later up to 10 min     | Alive, forgotten after 24 h |
//! | Refused   | has another password     | 2 min … 1 h                               | Alive, forgotten after 24 h |
//! | Alias     | leads to a listed peer   | 5 min; at once when that is listed no more | Alive, Gone, Refused, forgotten after 24 h |
//!
//! Any answer makes Alive at once; a seed (typed by a person) is never forgotten and waits 30 s at most. Besides, every
//! 10 s one random live peer is told all we list. A caller that names a Gone, Refused or failing URL where a caller puts its
//! own has it dialed soon, under the same rate as unknown URLs.
//!
//! Against poison: what a list teaches is bounded in number, scope and dials per second; a dial that was answered costs
//! nothing of that rate; and the candidates of a peer whose names led nowhere wait behind everybody else's.
//!
//! Among nodes, a membership of their own ([`membership`](crate::membership)) tells of deaths in seconds: who is alive there is
//! dialed every 4 to 5 minutes only, who is down there at once, and whom it names is dialed before it is listed, as anybody.
//!
//! Sans I/O: [`Roster::handle_exchange`] and [`Roster::handle_dialed`] feed in, [`Roster::poll_dial`] drains out, and
//! [`Roster::next_wakeup`] says when to poll again if nothing happens. It resolves no names (see [`Scope`]), enforces no
//! deadline on a dial and checks no token. What a node lists beside itself, its tabs, it is told: [`Roster::add_local`].

mod learn;
mod member;
mod schedule;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use crate::{Bucket, Moment, PeerUrl, limits};
pub use member::{Member, MemberState};
use member::{Origin, Peer};
pub use schedule::Dial;
pub use scope::Scope;

/// What came of a dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialOutcome {
    /// It answered with the URLs it knows, texts as they came.
    Answered(Vec<String>),
    /// It answered with the fault of a lone server of 2004: alive, and knows nobody.
    Lone,
    /// It does not know our password.
    Refused,
    /// It did not answer in time, or with nothing that a peer answers.
    Unreachable,
    /// It answered, and is a node that goes by another URL, which leads to it from here as well.
    Alias {
        /// The URL it goes by.
        of: PeerUrl,
        /// The URLs it knows, texts as they came.
        urls: Vec<String>,
    },
    /// It is ourselves under another name.
    Myself,
}

/// A peer that is listed, with how far away its URL says it is.
#[derive(Debug, Clone)]
struct Listed {
    scope: Scope,
    url: PeerUrl,
}

/// The peers we know, ourselves included.
#[derive(Debug, Clone)]
pub struct Roster {
    own: PeerUrl,
    /// Every URL that is ours, `own` included.
    aliases: BTreeSet<PeerUrl>,
    /// Further peers that we answer for, listed after ourselves.
    locals: BTreeSet<PeerUrl>,
    /// Others only, in every state.
    peers: BTreeMap<PeerUrl, Peer>,
    /// Exactly the Alive ones of `peers`: kept beside them because it is asked for at every call of 2004.
    listed: Vec<Listed>,
    /// Nothing that is listed gets too old before this.
    fresh_until: Moment,
    rumours: Bucket,
    hints: Bucket,
    /// Dials under way, by lane.
    dialing: [usize; 3],
    gossip_due: Moment,
    tidy_due: Moment,
    /// Nothing is due before this; zero where that must be looked up.
    asleep_until: Moment,
    dice: Dice,
}

impl Roster {
    /// A roster that holds ourselves alone. `own` is how others reach us; `seed` decides every random choice.
    #[must_use]
    pub fn new(own: PeerUrl, seed: u64) -> Self {
        Self {
            aliases: BTreeSet::from([own.clone()]),
            own,
            locals: BTreeSet::new(),
            peers: BTreeMap::new(),
            listed: Vec::new(),
            fresh_until: Moment(u64::MAX),
            rumours: Bucket::new(limits::RUMOUR_DIALS_BURST, limits::RUMOUR_DIAL_EVERY),
            hints: Bucket::new(limits::HINT_DIALS_BURST, limits::HINT_DIAL_EVERY),
            dialing: [0; 3],
            gossip_due: Moment::default(),
            tidy_due: Moment::default(),
            asleep_until: Moment::default(),
            dice: Dice::new(seed),
        }
    }

    /// The URL under which we list ourselves.
    #[must_use]
    pub fn own(&self) -> &PeerUrl {
        &self.own
    }

    /// Whether a URL is one of ours: a name of ourselves, or a tab at one of these, whether it is there or not.
    #[must_use]
    pub fn is_own(&self, url: &PeerUrl) -> bool {
        let is_ours = |alias: &PeerUrl| alias.authority() == url.authority();
        self.aliases.contains(url) || (url.is_of_tab() && self.aliases.iter().any(is_ours))
    }

    /// Makes a URL ours: it is never dialed, nor listed as another's.
    pub fn add_own(&mut self, url: PeerUrl) {
        self.remove(&url);
        self.aliases.insert(url);
    }

    /// Lists one more peer that we answer for, and tells others of it soon.
    pub fn add_local(&mut self, now: Moment, url: PeerUrl) {
        self.remove(&url);
        if self.locals.insert(url) {
            self.gossip_due = self.gossip_due.min(now + limits::LOCAL_TOLD_WITHIN);
            self.asleep_until = Moment::default();
        }
    }

    /// Lists it no more. Others notice when they ask for it.
    pub fn remove_local(&mut self, url: &PeerUrl) {
        self.locals.remove(url);
    }

    /// Adds a URL that a person typed: dialed at once, retried for ever, and not judged by its scope.
    pub fn add_seed(&mut self, now: Moment, url: PeerUrl) {
        if self.is_own(&url) {
            return;
        }
        let salt = self.dice.roll();
        let peer = self.peers.entry(url).or_insert_with(|| Peer::new(now, Origin::Seed, now, salt));
        peer.origin = Origin::Seed;
        if peer.dialing.is_none() && peer.state != MemberState::Alive {
            peer.due = now;
        }
        self.asleep_until = Moment::default();
    }

    /// One call `f(token, 0, urls)` came in: learns from it and answers whom to list, ourselves first.
    ///
    /// `from` is the scope of the calling address: it bounds what the caller may name and what it is told.
    pub fn handle_exchange(&mut self, now: Moment, from: Scope, urls: &[String]) -> Vec<PeerUrl> {
        self.unlist_stale(now);
        if !urls.is_empty() {
            self.learn(now, None, from, urls);
        }
        self.listing(from)
    }

    /// One dial of [`Roster::poll_dial`] ended. Each must end here exactly once; one that never does counts as
    /// unreachable after [`limits::ROSTER_DIAL_LOST`].
    pub fn handle_dialed(&mut self, now: Moment, url: &PeerUrl, outcome: DialOutcome) {
        self.asleep_until = Moment::default();
        let is_own = matches!(&outcome, DialOutcome::Alias { of, .. } if self.is_own(of));
        let Some(peer) = self.peers.get_mut(url) else { return };
        if let Some(place) = peer.dialing.take().and_then(|lane| self.dialing.get_mut(lane as usize)) {
            *place = place.saturating_sub(1);
        }
        let paid = peer.paid.take();
        match outcome {
            DialOutcome::Answered(urls) => {
                self.answered(now, url, paid);
                // A peer can name what is as near to us as it is itself, and no nearer.
                let from = scope_of(url);
                self.learn(now, Some(url), from, &urls);
            }
            DialOutcome::Lone => self.answered(now, url, paid),
            DialOutcome::Alias { of, urls } => {
                // By a URL that is for nearer callers than this one it would be told to fewer.
                if scope_of(url).admits(scope_of(&of)) && !is_own && of != *url {
                    peer.is_alias(now, of.clone(), &mut self.dice);
                    self.give_back(paid);
                    self.unlist(url);
                    self.handle_found(now, &of);
                    self.bound_tombstones();
                } else {
                    self.answered(now, url, paid);
                }
                self.learn(now, Some(url), scope_of(url), &urls);
            }
            DialOutcome::Myself if self.aliases.len() < limits::ROSTER_ALIASES => self.add_own(url.clone()),
            DialOutcome::Refused => {
                peer.refused(now, &mut self.dice);
                self.unlist(url);
                self.bound_tombstones();
            }
            DialOutcome::Unreachable | DialOutcome::Myself => {
                let named_by = peer.named_by.clone().filter(|_| peer.state == MemberState::Candidate);
                peer.failed(now, &mut self.dice);
                if let Some(namer) = named_by.and_then(|namer| self.peers.get_mut(&namer)) {
                    namer.misled = namer.misled.saturating_add(1);
                }
                self.unlist(url);
                self.bound_tombstones();
            }
        }
    }

    /// A peer was found to be there: another is a candidate, one that is not listed is dialed at once.
    pub fn handle_found(&mut self, now: Moment, url: &PeerUrl) {
        if self.is_own(url) {
            return;
        }
        self.asleep_until = Moment::default();
        match self.peers.get_mut(url) {
            Some(peer) if peer.state != MemberState::Alive && peer.dialing.is_none() => peer.due = now,
            Some(_) => {}
            // What is found is as far away as we are.
            None => self.hint(now, url.clone()),
        }
    }

    /// The membership among nodes says that a peer is alive: another is a candidate, one that we have is dialed less often.
    pub fn handle_told_up(&mut self, now: Moment, url: &PeerUrl) {
        if self.is_own(url) {
            return;
        }
        self.asleep_until = Moment::default();
        if !self.peers.contains_key(url) {
            // Its members are all as far away as we are.
            self.hint(now, url.clone());
        }
        if let Some(peer) = self.peers.get_mut(url) {
            peer.told_up(now, &mut self.dice);
        }
    }

    /// The membership among nodes says that a peer is down: it is dialed at once.
    pub fn handle_told_down(&mut self, now: Moment, url: &PeerUrl) {
        self.asleep_until = Moment::default();
        if let Some(peer) = self.peers.get_mut(url) {
            peer.told_down(now);
            if peer.state == MemberState::Alive {
                self.fresh_until = self.fresh_until.min(peer.stale_at);
            }
        }
    }

    /// Whom to list, ourselves first, as of the last event.
    pub fn live(&self) -> impl Iterator<Item = &PeerUrl> {
        self.ours().chain(self.listed.iter().map(|listed| &listed.url))
    }

    /// Every other peer in every state, for display.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        let member = |(url, peer): (&PeerUrl, &Peer)| Member {
            url: url.clone(),
            state: peer.state,
            since: peer.since,
            last_answer: peer.last_answer,
            seed: peer.origin == Origin::Seed,
        };
        self.peers.iter().map(member).collect()
    }

    /// The state of one other peer; none for who is unknown or forgotten, and for ourselves.
    #[must_use]
    pub fn state_of(&self, url: &PeerUrl) -> Option<MemberState> {
        self.peers.get(url).map(|peer| peer.state)
    }

    /// Whether anybody else is alive.
    #[must_use]
    pub fn joined(&self) -> bool {
        !self.listed.is_empty()
    }

    fn answered(&mut self, now: Moment, url: &PeerUrl, paid: Option<Origin>) {
        self.give_back(paid);
        let settled = self.peers.values().filter(|peer| peer.is_settled()).count();
        let Some(peer) = self.peers.get_mut(url) else { return };
        if !peer.is_settled() && settled + 1 >= limits::ROSTER_PEERS {
            peer.due = now + limits::FULL_RETRY;
            return;
        }
        if peer.state != MemberState::Alive {
            if self.listed.is_empty() {
                self.gossip_due = now + self.dice.around(limits::GOSSIP_INTERVAL, 5);
            }
            self.listed.push(Listed { scope: scope_of(url), url: url.clone() });
        }
        peer.answered(now, &mut self.dice);
        self.fresh_until = self.fresh_until.min(peer.stale_at);
        if let Some(namer) = peer.named_by.take().and_then(|namer| self.peers.get_mut(&namer)) {
            namer.misled = namer.misled.saturating_sub(1);
        }
    }

    /// Who was dialed answered: it costs nothing of the rate.
    fn give_back(&mut self, paid: Option<Origin>) {
        match paid {
            Some(Origin::Rumour) => self.rumours.give_back(),
            Some(Origin::Hint) => self.hints.give_back(),
            Some(Origin::Seed) | None => {}
        }
    }

    /// What somebody at that distance is told: a listing with a URL it cannot reach would end a client of 2004.
    fn listing(&self, to: Scope) -> Vec<PeerUrl> {
        let mut urls = Vec::with_capacity(self.locals.len() + self.listed.len() + 1);
        urls.extend(self.ours().cloned());
        urls.extend(self.listed.iter().filter(|listed| to.admits(listed.scope)).map(|listed| listed.url.clone()));
        urls
    }

    /// Ourselves, and whom else we answer for.
    fn ours(&self) -> impl Iterator<Item = &PeerUrl> {
        std::iter::once(&self.own).chain(&self.locals)
    }

    fn unlist(&mut self, url: &PeerUrl) {
        let before = self.listed.len();
        self.listed.retain(|listed| listed.url != *url);
        if self.listed.len() < before {
            self.release_aliases(url);
        }
    }

    /// A peer is listed no more: its other names may lead to it still, and are dialed at once.
    fn release_aliases(&mut self, of: &PeerUrl) {
        for peer in self.peers.values_mut() {
            if peer.alias_of.as_ref() == Some(of) && peer.dialing.is_none() {
                peer.due = Moment::default();
            }
        }
    }

    fn unlist_stale(&mut self, now: Moment) {
        if now < self.fresh_until {
            return;
        }
        self.asleep_until = Moment::default();
        self.fresh_until = Moment(u64::MAX);
        let mut stale = Vec::new();
        for (url, peer) in &mut self.peers {
            if peer.state != MemberState::Alive {
                continue;
            }
            if peer.stale_at <= now {
                peer.overdue(now);
                stale.push(url.clone());
            } else {
                self.fresh_until = self.fresh_until.min(peer.stale_at);
            }
        }
        stale.iter().for_each(|url| self.unlist(url));
    }

    fn remove(&mut self, url: &PeerUrl) {
        self.unlist(url);
        let lane = self.peers.remove(url).and_then(|peer| peer.dialing);
        if let Some(place) = lane.and_then(|lane| self.dialing.get_mut(lane as usize)) {
            *place = place.saturating_sub(1);
        }
    }
}

/// The scope of a peer. Only a person can have typed a host without one, such as 0.0.0.0, and that is this machine.
fn scope_of(url: &PeerUrl) -> Scope {
    Scope::of_url(url).unwrap_or(Scope::Loopback)
}
