//! Packets, sealed and opened, and the keys for it.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under the one key of the pool. The nonce is 16 random bytes, drawn by each
//! node at its start, and a count: so no two packets of a pool share one, and whoever repeats a packet is found out.
//!
//! ```text
//! packet = random 16 ‖ count 8 ‖ sealed ‖ tag 16
//! ```
//!
//! **Whose key?** Two nodes that have none draw one when they meet; one that has none takes the other's; of two keys the smaller
//! by its bytes stays ([`Keys::meet`], the one place where that is decided). So two pools that meet end with one, whoever meets
//! whom first. Who still writes under the key before is told of the new one, under the old.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::wire;
use crate::bridge::PoolKey;
use crate::{Moment, limits};

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What sealing adds, and the byte that says what a packet is.
pub(super) const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES + 1;
/// Nothing else is ever sealed so.
const CONTEXT: &[u8] = b"tinyp2p members 1";
/// A new key is taken at most once in this time: else somebody who has the key could keep a pool busy with ever smaller ones.
const KEY_EVERY: std::time::Duration = std::time::Duration::from_secs(2);
/// Somebody is told of a new key at most once in this time.
const TOLD_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// The keys of a pool, and what was sealed and opened under them.
pub(super) struct Keys {
    current: Option<PoolKey>,
    /// The one before, and when it was replaced.
    previous: Option<(PoolKey, Moment)>,
    drawn: PoolKey,
    own: [u8; 16],
    count: u64,
    seen: Seen,
    /// Who was told of the current key, and when.
    told: BTreeMap<SocketAddr, Moment>,
}

/// What was in a packet.
pub(super) struct Opened {
    pub(super) bytes: Vec<u8>,
    /// Whether its sender does not use the current key yet.
    pub(super) is_late: bool,
}

impl Keys {
    /// None yet. `drawn` is the key for when somebody is met who has none either; `own` is part of each nonce. All random.
    pub(super) fn new(drawn: PoolKey, own: [u8; 16]) -> Self {
        Self { current: None, previous: None, drawn, own, count: 0, seen: Seen::default(), told: BTreeMap::new() }
    }

    pub(super) fn current(&self) -> Option<&PoolKey> {
        self.current.as_ref()
    }

    /// Somebody has this key, or none: which both use from now on.
    pub(super) fn meet(&mut self, now: Moment, theirs: Option<&PoolKey>) -> &PoolKey {
        let drawn = &self.drawn;
        match (&self.current, theirs) {
            (Some(_), None) => {}
            (None, theirs) => self.current = Some(theirs.unwrap_or(drawn).clone()),
            (Some(ours), Some(theirs)) if theirs < ours => {
                let is_soon = |(_, at): &(PoolKey, Moment)| now.since(*at) < KEY_EVERY;
                if !self.previous.as_ref().is_some_and(is_soon) {
                    self.previous = Some((ours.clone(), now));
                    self.current = Some(theirs.clone());
                    self.told.clear();
                }
            }
            (Some(_), Some(_)) => {}
        }
        self.current.as_ref().unwrap_or(drawn)
    }

    /// Seals a packet for somebody; before it, where they may not know of the current key yet, one that tells them.
    pub(super) fn seal_for(&mut self, now: Moment, to: SocketAddr, plain: &[u8], mut send: impl FnMut(Vec<u8>)) {
        self.expire(now);
        if self.previous.is_some() && !self.told.contains_key(&to) {
            self.tell(now, to, &mut send);
        }
        if let Some(key) = self.current.clone()
            && let Some(packet) = self.seal(&key, wire::SWIM, plain)
        {
            send(packet);
        }
    }

    /// Tells somebody who used the key before of the current one.
    pub(super) fn tell(&mut self, now: Moment, to: SocketAddr, mut send: impl FnMut(Vec<u8>)) {
        self.expire(now);
        let (Some((previous, _)), Some(current)) = (self.previous.clone(), self.current.clone()) else { return };
        if self.told.get(&to).is_some_and(|at| now.since(*at) < TOLD_EVERY) || self.told.len() >= limits::MEMBERS {
            return;
        }
        self.told.insert(to, now);
        send_some(self.seal(&previous, wire::NEW_KEY, current.reveal()), &mut send);
    }

    fn seal(&mut self, key: &PoolKey, kind: u8, plain: &[u8]) -> Option<Vec<u8>> {
        self.count = self.count.checked_add(1)?;
        let mut nonce = [0; NONCE_BYTES];
        let parts = self.own.into_iter().chain(self.count.to_be_bytes());
        nonce.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        let mut packet = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        packet.extend_from_slice(&nonce);
        packet.push(kind);
        packet.extend_from_slice(plain);
        let sealed = packet.get_mut(NONCE_BYTES..)?;
        let cipher = XChaCha20Poly1305::new(key.reveal().into());
        let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), CONTEXT, sealed.into()).ok()?;
        packet.extend_from_slice(&tag);
        Some(packet)
    }

    /// What is in a packet; none for what nobody of this pool sent, or what came before.
    pub(super) fn open(&mut self, now: Moment, packet: &[u8]) -> Option<Opened> {
        self.expire(now);
        let (nonce, rest) = packet.split_first_chunk::<NONCE_BYTES>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let (sender, count) = (nonce.first_chunk::<16>()?, nonce.last_chunk::<8>()?);
        let with = |key: &PoolKey| {
            let mut bytes = sealed.to_vec();
            let cipher = XChaCha20Poly1305::new(key.reveal().into());
            let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
            cipher.decrypt_inout_detached(&nonce, CONTEXT, bytes.as_mut_slice().into(), &tag).ok()?;
            Some(bytes)
        };
        let (bytes, is_late) = match self.current.as_ref().and_then(with) {
            Some(bytes) => (bytes, false),
            None => (self.previous.as_ref().and_then(|(key, _)| with(key))?, true),
        };
        self.seen.is_new(now, *sender, u64::from_be_bytes(*count)).then_some(Opened { bytes, is_late })
    }

    fn expire(&mut self, now: Moment) {
        if self.previous.as_ref().is_some_and(|(_, at)| now.since(*at) > limits::POOL_KEY_GRACE) {
            self.previous = None;
            self.told.clear();
        }
    }
}

fn send_some(packet: Option<Vec<u8>>, send: &mut impl FnMut(Vec<u8>)) {
    if let Some(packet) = packet {
        send(packet);
    }
}

/// Which packets came, of each sender: the highest count, and of the 64 before it a bit for each (as in RFC 6479).
#[derive(Default)]
struct Seen {
    senders: BTreeMap<[u8; 16], Window>,
}

struct Window {
    highest: u64,
    /// Bit n: the one n below the highest came.
    came: u64,
    last: Moment,
}

impl Seen {
    /// Whether a packet did not come before. One so late that nobody remembers is taken for a repeated one.
    fn is_new(&mut self, now: Moment, sender: [u8; 16], count: u64) -> bool {
        if !self.senders.contains_key(&sender) && self.senders.len() >= 2 * limits::MEMBERS {
            // Rare, and by those only who have the key.
            let mut times: Vec<_> = self.senders.values().map(|window| window.last).collect();
            let middle = times.len() / 2;
            let (_, middle, _) = times.select_nth_unstable(middle);
            let middle = *middle;
            self.senders.retain(|_, window| window.last > middle);
        }
        let window = self.senders.entry(sender).or_insert(Window { highest: 0, came: 0, last: now });
        window.last = now;
        if count > window.highest {
            let ahead = u32::try_from(count - window.highest).unwrap_or(u32::MAX);
            window.came = window.came.checked_shl(ahead).unwrap_or(0) | 1;
            window.highest = count;
            return true;
        }
        let Some(bit) = u32::try_from(window.highest - count).ok().and_then(|back| 1_u64.checked_shl(back)) else {
            return false;
        };
        let is_new = window.came & bit == 0;
        window.came |= bit;
        is_new
    }
}

#[cfg(test)]
#[path = "tests/envelope.rs"]
mod tests;
