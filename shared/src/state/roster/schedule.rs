//! Whom to dial next, and when to ask again.
//!
//! One look over all peers (some hundreds) finds it; between two events the roster remembers that nothing is due. The waits
//! themselves are `member`'s.

use std::cmp::Reverse;

use super::member::{Lane, MemberState, Origin, Peer};
use super::{DialOutcome, Roster, scope_of};
use crate::{Moment, PeerUrl, limits};

/// A call to make: `f(token, 0, tell)` to `url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call.
    pub url: PeerUrl,
    /// What to tell it: ourselves first.
    pub tell: Vec<PeerUrl>,
}

/// What one look over all peers found.
struct Look {
    /// The peer to dial now.
    due: Option<PeerUrl>,
    /// When to look again, if nothing happens.
    again: Moment,
}

impl Roster {
    /// The next dial that is due, if any. Call it again until it answers none; its outcome goes to
    /// [`Roster::handle_dialed`], after which others may be due.
    pub fn poll_dial(&mut self, now: Moment) -> Option<Dial> {
        self.unlist_stale(now);
        self.tidy(now);
        if now < self.asleep_until {
            return None;
        }
        if let Some(url) = self.gossip_partner(now) {
            let tell = self.listing(scope_of(&url));
            self.start(now, &url);
            return Some(Dial { url, tell });
        }
        let look = self.look(now);
        let Some(url) = look.due else {
            self.asleep_until = look.again;
            return None;
        };
        // The pool is the members' business: whoever has not answered yet hears of us alone, unless a person vouches.
        let vouched = self.peers.get(&url).is_some_and(|peer| peer.origin == Origin::Seed);
        let tell = if vouched { self.listing(scope_of(&url)) } else { self.ours().cloned().collect() };
        self.start(now, &url);
        Some(Dial { url, tell })
    }

    /// When [`Roster::poll_dial`] may have something again, if nothing is handled before; not after `now` means at once.
    #[must_use]
    pub fn next_wakeup(&self, now: Moment) -> Moment {
        if now < self.asleep_until {
            return self.asleep_until.min(self.fresh_until);
        }
        let look = self.look(now);
        if look.due.is_some() { now } else { look.again.min(self.fresh_until) }
    }

    /// A random live peer, when it is time for an exchange.
    fn gossip_partner(&mut self, now: Moment) -> Option<PeerUrl> {
        if self.listed.is_empty() || now < self.gossip_due || self.is_full(Lane::Members) {
            return None;
        }
        self.gossip_due = now + self.dice.around(limits::GOSSIP_INTERVAL, 5);
        let partner = self.dice.below(self.listed.len());
        let url = self.listed.get(partner)?.url.clone();
        // Being dialed already, it hears from us anyway.
        self.peers.get(&url).is_some_and(|peer| peer.dialing.is_none()).then_some(url)
    }

    fn look(&self, now: Moment) -> Look {
        let mut due = None;
        let mut again = if self.peers.is_empty() { Moment(u64::MAX) } else { self.tidy_due };
        if !self.listed.is_empty() && !self.is_full(Lane::Members) {
            again = again.min(self.gossip_due);
        }
        let (rumours_at, hints_at) = (self.rumours.ready_at(now), self.hints.ready_at(now));
        for (url, peer) in &self.peers {
            let lane = peer.lane();
            if peer.dialing.is_some() || self.is_full(lane) {
                continue;
            }
            let ready = match peer.origin {
                _ if lane != Lane::Candidates || peer.paid.is_some() => peer.due,
                Origin::Rumour => peer.due.max(rumours_at),
                Origin::Hint | Origin::Seed => peer.due.max(hints_at),
            };
            if ready > now {
                again = again.min(ready);
                continue;
            }
            let rank = self.rank(peer, lane);
            if due.as_ref().is_none_or(|(best, _)| rank < *best) {
                due = Some((rank, url));
            }
        }
        Look { due: due.map(|(_, url)| url.clone()), again }
    }

    fn is_full(&self, lane: Lane) -> bool {
        self.dialing.get(lane as usize).is_none_or(|count| *count >= limits::ROSTER_DIALS_PER_LANE)
    }

    fn start(&mut self, now: Moment, url: &PeerUrl) {
        let Some(peer) = self.peers.get_mut(url) else { return };
        let lane = peer.lane();
        if lane == Lane::Candidates && peer.paid.is_none() {
            let bucket = if peer.origin == Origin::Rumour { &mut self.rumours } else { &mut self.hints };
            peer.paid = bucket.take(now).then_some(peer.origin);
        }
        peer.dialing = Some(lane);
        peer.due = now + limits::ROSTER_DIAL_LOST;
        if let Some(count) = self.dialing.get_mut(lane as usize) {
            *count += 1;
        }
    }

    /// Forgets what is old enough, and gives up on dials that never ended.
    fn tidy(&mut self, now: Moment) {
        if now < self.tidy_due {
            return;
        }
        self.tidy_due = now + limits::TIDY_INTERVAL;
        self.asleep_until = Moment::default();
        self.peers.retain(|_, peer| !peer.is_forgettable(now));
        let is_lost = |peer: &Peer| peer.dialing.is_some() && peer.due <= now;
        let lost: Vec<_> = self.peers.iter().filter(|(_, peer)| is_lost(peer)).map(|(url, _)| url.clone()).collect();
        for url in lost {
            self.handle_dialed(now, &url, DialOutcome::Unreachable);
        }
    }

    /// The lowest is dialed first: what a person waits for, then who may drop from the list, then who may have died;
    /// unverified ones last, those that the credible named, that failed least and that came last first (see `make_room`).
    fn rank(&self, peer: &Peer, lane: Lane) -> (Lane, u32, u32, Reverse<Moment>, Moment, u64) {
        let (any, whenever) = (Reverse(Moment::default()), Moment::default());
        match lane {
            Lane::Members => (lane, 0, u32::from(peer.state == MemberState::Alive), any, peer.due, peer.salt),
            Lane::Doubtful => (lane, 0, u32::from(peer.state != MemberState::Suspect), any, peer.due, peer.salt),
            Lane::Candidates => {
                let doubt = self.doubt_of(peer.named_by.as_ref());
                (lane, doubt, peer.failures, Reverse(peer.since), whenever, peer.salt)
            }
        }
    }
}
