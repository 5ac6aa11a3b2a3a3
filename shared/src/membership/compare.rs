//! Two members find out where they differ, and tell each other only that: what packets that got lost have left open.
//!
//! First 8 bytes that stand for all who are alive; where these differ, 8 for each of 64 parts; then whole parts, both ways.
//! It runs inside of a session, as messages of the bridge.

use foca::{Member, State};

use super::Swim;
use super::life::Life;
use super::wire;
use crate::bridge::{Members, MembersTold};
use crate::{Moment, limits};

/// Into how many parts all members are divided.
const PARTS: usize = 64;

/// One conversation, at the end of who asks. Ask with [`Swim::ask`] until that has nothing more to ask.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Parts that are left, once it is known which differ.
    left: Option<u64>,
    rounds: usize,
}

impl Swim {
    /// The next question of a comparison; none when it is over.
    #[must_use]
    pub fn ask(&self, comparison: &Comparison) -> Option<Members> {
        let mut ask =
            Members { key: self.keys.current().cloned(), digest: sum(&self.digests()), parts: 0, members: Vec::new() };
        match comparison.left {
            None => {}
            Some(0) => return None,
            Some(_) if comparison.rounds > PARTS => return None,
            Some(left) => (ask.parts, ask.members) = self.parts(left),
        }
        Some(ask)
    }

    /// Answers a question of somebody who proved the password, and learns from it.
    pub fn handle_ask(&mut self, now: Moment, ask: &Members) -> MembersTold {
        let key = self.keys.meet(now, ask.key.as_ref()).clone();
        let digests = self.digests();
        // Before what was told is taken in: who asks has it.
        let (parts, members) = self.parts(ask.parts);
        self.learn(now, &ask.members);
        let differ = sum(&digests) != ask.digest;
        let digests = if differ { digests.to_vec() } else { Vec::new() };
        MembersTold { key, me: self.own_bytes(), digests, parts, members }
    }

    /// What came of a question.
    pub fn handle_told(&mut self, now: Moment, comparison: &mut Comparison, told: &MembersTold) {
        self.keys.meet(now, Some(&told.key));
        self.meet(now, &told.me);
        self.learn(now, &told.members);
        comparison.rounds += 1;
        comparison.left = Some(match comparison.left {
            // Nothing is told to who was never heard over UDP, nor taken from it.
            _ if !self.is_connected() => 0,
            Some(left) if told.parts != 0 => left & !told.parts,
            Some(_) => 0,
            None => {
                let ours = self.digests();
                let differ = ours.iter().zip(&told.digests).enumerate().filter(|(_, (ours, theirs))| ours != theirs);
                differ.fold(0, |mask, (part, _)| mask | 1 << part)
            }
        });
    }

    /// Takes in who is told of, where we are a member ourselves: before that nothing could be checked.
    fn learn(&mut self, now: Moment, mut bytes: &[u8]) {
        if !self.is_connected() || bytes.len() > 2 * limits::MEMBERS_TOLD_BYTES {
            return;
        }
        let mut members = Vec::new();
        while !bytes.is_empty() {
            let Ok(member) = wire::read_member(&mut bytes) else { break };
            if member.id().is_within(self.scope) {
                members.push(member);
            }
        }
        self.apply(now, members);
    }

    /// As many of these parts as one message holds, and who is in them.
    fn parts(&self, wanted: u64) -> (u64, Vec<u8>) {
        if wanted == 0 {
            return (0, Vec::new());
        }
        let mut by_part = vec![Vec::new(); PARTS];
        for member in self.everybody() {
            let part = part_of(member.id());
            let is_wanted = wanted & 1 << part != 0;
            if let Some(bytes) =
                by_part.get_mut(part).filter(|bytes| is_wanted && bytes.len() < limits::MEMBERS_TOLD_BYTES)
            {
                wire::write_member(&member, bytes);
            }
        }
        let (mut parts, mut members) = (0, Vec::new());
        for (part, bytes) in by_part.iter().enumerate().filter(|(part, _)| wanted & 1 << part != 0) {
            if parts != 0 && members.len() + bytes.len() > limits::MEMBERS_TOLD_BYTES {
                break;
            }
            parts |= 1 << part;
            members.extend_from_slice(bytes);
        }
        (parts, members)
    }

    /// What stands for those who are alive, part by part; the order of members has no part in it.
    fn digests(&self) -> [u64; PARTS] {
        let mut digests = [0_u64; PARTS];
        for member in self.everybody().filter(|member| member.state() != State::Down) {
            let life = member.id();
            if let Some(digest) = digests.get_mut(part_of(life)) {
                *digest = digest.wrapping_add(mix(mixed_key(life) ^ mix(life.started())));
            }
        }
        digests
    }

    /// All members and ourselves, the dead included.
    fn everybody(&self) -> impl Iterator<Item = Member<Life>> {
        std::iter::once(Member::new(self.foca.identity().clone(), 0, State::Alive))
            .chain(self.foca.iter_membership_state().cloned())
    }
}

fn sum(digests: &[u64; PARTS]) -> u64 {
    digests.iter().fold(0, |sum, digest| mix(sum ^ *digest))
}

fn part_of(life: &Life) -> usize {
    usize::try_from(mixed_key(life) % PARTS as u64).unwrap_or(0)
}

fn mixed_key(life: &Life) -> u64 {
    let [low, high] =
        [life.key(), life.key() >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    mix(low ^ mix(high))
}

/// The finish of SplitMix64: spreads what differs in a few bits. Whoever makes two members look the same hides one of them from
/// this comparison, and from nothing else.
fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
