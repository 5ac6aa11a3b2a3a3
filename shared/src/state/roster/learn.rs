//! What the roster takes from a list of URLs that somebody sent, and what it throws away to stay bounded.
//!
//! Nothing learned here is believed: it becomes a candidate, which is dialed before it is listed.

use std::cmp::Reverse;

use super::member::{MemberState, Origin, Peer};
use super::{Roster, Scope};
use crate::{Moment, PeerUrl, limits};

impl Roster {
    /// Takes candidates from a list: the answer of `namer`, or without one the argument of a call, whoever made it.
    pub(super) fn learn(&mut self, now: Moment, namer: Option<&PeerUrl>, from: Scope, texts: &[String]) {
        let (origin, most_new, room) = match namer {
            None => (Origin::Rumour, limits::ROSTER_NEW_PER_EXCHANGE, limits::ROSTER_RUMOURS),
            Some(_) => (Origin::Hint, limits::ROSTER_PEERS, limits::ROSTER_HINTS),
        };
        let doubt = self.doubt_of(namer);
        let mut held = self.peers.values().filter(|peer| is_unverified(peer, origin)).count();
        let mut new = 0;
        // The last one first. Ours put themselves first; a newcomer of 2004 appends itself to the URLs it was started with
        // and keeps appending, so it is last in its first call, and usually second in the others.
        let (rest, last) = texts.split_at(texts.len().saturating_sub(1));
        for (place, text) in last.iter().chain(rest).take(limits::ROSTER_TEXTS_PER_EXCHANGE).enumerate() {
            let Ok(url) = PeerUrl::parse(text) else { continue };
            if self.is_own(&url) {
                continue;
            }
            if let Some(peer) = self.peers.get_mut(&url) {
                if origin == Origin::Hint && peer.state == MemberState::Candidate {
                    let named_by = peer.named_by.clone();
                    self.vouch(&url, named_by.as_ref(), namer);
                } else if origin == Origin::Rumour && place < 3 {
                    self.expect_return(now, &url);
                }
                continue;
            }
            if !from.admits_url(&url) {
                continue;
            }
            if new == most_new || (held >= room && !self.make_room(origin, doubt)) {
                continue;
            }
            held = room.min(held + 1);
            new += 1;
            let wait = match origin {
                Origin::Rumour => self.dice.between(limits::RUMOUR_WAIT_MIN, limits::RUMOUR_WAIT_MAX),
                Origin::Hint | Origin::Seed => std::time::Duration::ZERO,
            };
            let salt = self.dice.roll();
            let named_by = namer.cloned();
            self.peers.insert(url, Peer { named_by, ..Peer::new(now, origin, now + wait, salt) });
            self.asleep_until = Moment::default();
        }
    }

    /// Takes one candidate that the membership among nodes names, where there is room for it.
    pub(super) fn hint(&mut self, now: Moment, url: PeerUrl) {
        let held = self.peers.values().filter(|peer| is_unverified(peer, Origin::Hint)).count();
        if held >= limits::ROSTER_HINTS && !self.make_room(Origin::Hint, limits::RUMOUR_DOUBT) {
            return;
        }
        let salt = self.dice.roll();
        self.peers.insert(url, Peer::new(now, Origin::Hint, now, salt));
    }

    /// A caller may be this peer, come back: dials it soon, where that was far off and the rate allows it.
    fn expect_return(&mut self, now: Moment, url: &PeerUrl) {
        let Some(peer) = self.peers.get_mut(url) else { return };
        let waits = match peer.state {
            MemberState::Gone | MemberState::Refused => true,
            MemberState::Candidate => peer.failures > 0,
            MemberState::Alive | MemberState::Suspect | MemberState::Alias => false,
        };
        let far = peer.due > now + limits::RETURN_BEYOND;
        if waits && far && peer.dialing.is_none() && peer.paid.is_none() && self.rumours.take(now) {
            peer.paid = Some(Origin::Rumour);
            peer.due = now + self.dice.between(limits::RUMOUR_WAIT_MIN, limits::RUMOUR_WAIT_MAX);
            self.asleep_until = Moment::default();
        }
    }

    /// A peer answered a candidate that we have: it counts as named by the more credible.
    fn vouch(&mut self, url: &PeerUrl, before: Option<&PeerUrl>, namer: Option<&PeerUrl>) {
        let better = self.doubt_of(namer) < self.doubt_of(before);
        let Some(peer) = self.peers.get_mut(url) else { return };
        if peer.origin == Origin::Rumour || (peer.origin == Origin::Hint && better) {
            peer.origin = Origin::Hint;
            peer.named_by = namer.cloned();
            self.asleep_until = Moment::default();
        }
    }

    /// How little the word of a peer counts; an unknown caller's is worth that of a peer that erred a few times.
    pub(super) fn doubt_of(&self, namer: Option<&PeerUrl>) -> u32 {
        namer.and_then(|namer| self.peers.get(namer)).map_or(limits::RUMOUR_DOUBT, |peer| peer.misled)
    }

    /// Forgets the candidate that the least credible named, that failed most, or else waited longest: under a flood the
    /// newest are as good as any, and after it they are the honest ones. False if all are better than what is to come.
    fn make_room(&mut self, origin: Origin, doubt: u32) -> bool {
        let worst = self
            .peers
            .iter()
            .filter(|(_, peer)| is_unverified(peer, origin) && peer.dialing.is_none())
            .map(|(url, peer)| {
                ((self.doubt_of(peer.named_by.as_ref()), peer.failures, Reverse(peer.since), peer.salt), url)
            })
            .max();
        let Some(((of_worst, ..), url)) = worst else { return false };
        let (url, worse) = (url.clone(), of_worst >= doubt);
        worse && self.peers.remove(&url).is_some()
    }

    /// Forgets those gone or refused longest, where there are too many.
    pub(super) fn bound_tombstones(&mut self) {
        let graves = || self.peers.iter().filter(|(_, peer)| peer.is_tombstone());
        if graves().count() <= limits::ROSTER_TOMBSTONES {
            return;
        }
        let oldest = graves().filter(|(_, peer)| peer.dialing.is_none()).min_by_key(|(_, peer)| peer.since);
        if let Some(url) = oldest.map(|(url, _)| url.clone()) {
            self.peers.remove(&url);
        }
    }
}

fn is_unverified(peer: &Peer, origin: Origin) -> bool {
    peer.state == MemberState::Candidate && peer.origin == origin
}
