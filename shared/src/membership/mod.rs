//! Who is alive among nodes: SWIM with infection and suspicion (Das, Gupta, Motivala 2002), by way of the crate `foca`.
//!
//! Each node pings one other every 2.25 s, over UDP; one that does not answer, not even to others who are asked to ping it, is
//! suspected, and if it does not object it is down: some ten seconds after it died, in a pool of any size, and for 115 bytes per
//! node and second, or twice that where every twentieth packet is lost. What happens travels with the pings. Joining, and what
//! lost packets left open, goes through sessions of the bridge: `compare`.
//!
//! This says who is *probably* alive. It lists nobody: what it says makes the [`Roster`](crate::Roster) dial at once, or seldom.
//!
//! Sans I/O: [`Swim::handle_packet`], [`Swim::handle_ask`] and [`Swim::handle_timer`] feed in, [`Swim::poll_send`] and
//! [`Swim::poll_event`] drain out, [`Swim::next_wakeup`] says when to poll again. Everything that comes from outside is bounded:
//! packets in size and rate, members in number and in how near they are.

mod compare;
mod envelope;
mod life;
mod mark;
mod queue;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{Config, Foca, Member, NoCustomBroadcast, PeriodicParams, State};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::bridge::PoolKey;
use crate::{Bucket, Moment, PeerUrl, Scope, limits};
pub use compare::Comparison;
use envelope::{Keys, OVERHEAD_BYTES};
pub use life::Life;
pub use mark::PoolMark;
use queue::Queue;
use wire::Wire;

/// How often each node pings another.
const PROBE_EVERY: Duration = Duration::from_millis(2_250);
/// How long it waits for the answer before it asks others to ping.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What became of another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It answers, us or others.
    Up(PeerUrl),
    /// It answers nobody any more, or said that it leaves.
    Down(PeerUrl),
    /// Somebody answers us over UDP: a comparison with whoever is near tells us of the others.
    Joined,
    /// Nobody does.
    Alone,
}

/// What a [`Swim`] needs of randomness; all of it from the system, anew for each process.
#[derive(Debug)]
pub struct Chance {
    /// Decides every choice that is no secret.
    pub seed: u64,
    /// The key for a pool that this node begins.
    pub key: PoolKey,
    /// What no other node seals with.
    pub own: [u8; 16],
}

/// The membership, as one node sees it.
pub struct Swim {
    foca: Foca<Life, Wire, SmallRng, NoCustomBroadcast>,
    queue: Queue,
    keys: Keys,
    chance: SmallRng,
    scope: Scope,
    /// Nodes that were met in a session and are not heard over UDP yet.
    announced_to: BTreeMap<u128, Announced>,
    packets: Bucket,
    /// How many bits the number of members has: what the tuning depends on.
    size: u32,
    /// Sealed, and whom for.
    ready: std::collections::VecDeque<(SocketAddr, Vec<u8>)>,
}

#[derive(Debug)]
struct Announced {
    life: Life,
    due: Moment,
    tries: u32,
}

impl Swim {
    /// The membership of a node that knows nobody.
    #[must_use]
    pub fn new(me: Life, chance: Chance) -> Self {
        let scope = Scope::of_address(me.address().ip()).unwrap_or(Scope::Loopback);
        let mut rng = SmallRng::seed_from_u64(chance.seed);
        Self {
            chance: SmallRng::from_rng(&mut rng),
            foca: Foca::new(me, config(0), rng, Wire),
            queue: Queue::default(),
            keys: Keys::new(chance.key, chance.own),
            scope,
            announced_to: BTreeMap::new(),
            packets: Bucket::new(limits::MEMBERS_PACKETS_BURST, limits::MEMBERS_PACKET_EVERY),
            size: 0,
            ready: std::collections::VecDeque::new(),
        }
    }

    /// What may be said of the pool to strangers; none while nobody was met.
    #[must_use]
    pub fn mark(&self) -> Option<PoolMark> {
        self.keys.current().map(PoolMark::of)
    }

    /// A datagram came. What nobody of this pool sent changes nothing, nor does one that came before.
    pub fn handle_packet(&mut self, now: Moment, packet: &[u8]) {
        if packet.len() > limits::MEMBERS_PACKET_BYTES {
            return;
        }
        let Some(opened) = self.keys.open(now, packet) else { return };
        // Who has the key can still flood.
        if !self.packets.take(now) {
            return;
        }
        match opened.bytes.split_first() {
            Some((&wire::NEW_KEY, key)) => {
                if let Ok(key) = key.try_into() {
                    self.keys.meet(now, Some(&PoolKey::new(key)));
                }
            }
            Some((&wire::SWIM, packet)) => self.handle_opened(now, packet, opened.is_late),
            _ => {}
        }
    }

    fn handle_opened(&mut self, now: Moment, packet: &[u8], is_late: bool) {
        let Ok(named) = wire::named_in(packet) else { return };
        if !named.iter().all(|life| life.is_within(self.scope)) || !self.has_room_for(&named) {
            return;
        }
        if let Some(sender) = named.first().filter(|_| is_late) {
            self.keys.tell(now, sender.address(), |packet| self.ready.push_back((sender.address(), packet)));
        }
        self.queue.now = now;
        // An error is a packet that makes no sense: as good as lost.
        let _lost = self.foca.handle_data(packet, &mut self.queue);
        let me = self.foca.identity();
        let ours = named.iter().filter(|life| life.key() == me.key()).map(Life::started);
        let later = ours.filter(|started| *started > me.started()).max();
        self.outlive(now, later);
        self.settle(now);
    }

    /// Begins a new life where somebody knows that this one is over, or a later one of ours: our clock was set back, or they
    /// lie. In it we are heard again.
    fn outlive(&mut self, now: Moment, started: Option<u64>) {
        let me = self.foca.identity().clone();
        if let Some(started) = started.filter(|started| *started >= me.started() && *started < life::STARTED_MAX) {
            self.queue.now = now;
            let _same = self.foca.change_identity(me.born_again(started + 1), &mut self.queue);
        }
    }

    /// Time has passed: pings, suspicions, announcements. Call it at [`Swim::next_wakeup`].
    pub fn handle_timer(&mut self, now: Moment) {
        self.queue.now = now;
        while let Some(timer) = self.queue.due(now) {
            // An error is a timer of a life that is over.
            let _over = self.foca.handle_timer(timer, &mut self.queue);
        }
        let due: Vec<u128> =
            self.announced_to.iter().filter(|(_, announced_to)| announced_to.due <= now).map(|(key, _)| *key).collect();
        for key in due {
            let Some(announced_to) = self.announced_to.get_mut(&key) else { continue };
            let life = announced_to.life.clone();
            announced_to.tries += 1;
            announced_to.due = now + limits::MEMBERS_ANNOUNCE_EVERY;
            let is_over = announced_to.tries > limits::MEMBERS_ANNOUNCEMENTS;
            if is_over || self.is_alive(key) {
                self.announced_to.remove(&key);
            } else {
                let _unsent = self.foca.announce(life, &mut self.queue);
            }
        }
        self.settle(now);
    }

    /// Tells some of the others that we go: they need not find out. Nothing is answered afterwards.
    pub fn leave(&mut self, now: Moment) {
        self.queue.now = now;
        let _nobody = self.foca.leave_cluster(&mut self.queue);
        // Once more, to others: one lost packet in three is no loss.
        let _nobody = self.foca.gossip(&mut self.queue);
        self.settle(now);
    }

    /// The next datagram to send.
    pub fn poll_send(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.ready.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.queue.events.pop_front()
    }

    /// When to call [`Swim::handle_timer`], if nothing happens before.
    #[must_use]
    pub fn next_wakeup(&self) -> Moment {
        let announced_to = self.announced_to.values().map(|announced_to| announced_to.due).min();
        self.queue.next().min(announced_to.unwrap_or(Moment(u64::MAX)))
    }

    /// Whether somebody answers us over UDP.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.foca.num_members() > 0
    }

    /// How many others are alive.
    #[must_use]
    pub fn count(&self) -> usize {
        self.foca.num_members()
    }

    /// The others that are alive.
    pub fn alive(&self) -> impl Iterator<Item = PeerUrl> {
        self.foca.iter_members().filter_map(|member| member.id().url())
    }

    /// One of these, by chance: whom to compare with.
    pub fn pick(&mut self) -> Option<PeerUrl> {
        let place = usize::try_from(self.below(u64::try_from(self.count()).unwrap_or(0))).unwrap_or(0);
        self.foca.iter_members().nth(place)?.id().url()
    }

    /// A number below `end`, by chance: to spread over time what all do. Zero where there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.chance.random_range(0..end) }
    }

    /// Whether a node is a member, and alive.
    #[must_use]
    pub fn has(&self, url: &PeerUrl) -> bool {
        self.is_alive(Life::key_of_url(url))
    }

    fn is_alive(&self, key: u128) -> bool {
        self.foca.iter_members().any(|member| member.id().key() == key)
    }

    /// Somebody was met in a session: it is to hear of us over UDP.
    fn meet(&mut self, now: Moment, mut bytes: &[u8]) {
        let Ok(life) = wire::read_life(&mut bytes) else { return };
        let key = life.key();
        let is_us = key == self.foca.identity().key();
        if is_us || !life.is_within(self.scope) || self.is_alive(key) || self.announced_to.len() >= limits::ROSTER_PEERS
        {
            return;
        }
        self.announced_to.entry(key).or_insert(Announced { life, due: now, tries: 0 });
    }

    /// Takes in what was told in a session. Not passed on: everybody compares, and so they are told.
    fn apply(&mut self, now: Moment, mut members: Vec<Member<Life>>) {
        let room = limits::MEMBERS.saturating_sub(self.foca.iter_membership_state().len());
        members.truncate(room.max(limits::MEMBERS_TOLD_BYTES / 16));
        if !self.has_room_for(&members.iter().map(|member| member.id().clone()).collect::<Vec<_>>()) {
            return;
        }
        let me = self.foca.identity();
        let (key, started) = (me.key(), me.started());
        let ours = members.iter().filter(|member| member.id().key() == key);
        let over = ours.filter(|member| member.state() == State::Down || member.id().started() > started);
        let later = over.map(|member| member.id().started()).max();
        self.queue.now = now;
        let others = members.into_iter().filter(|member| member.id().key() != key);
        let _unwritten = self.foca.apply_many(others, false, &mut self.queue);
        self.outlive(now, later);
        self.settle(now);
    }

    fn has_room_for(&self, named: &[Life]) -> bool {
        let known = self.foca.iter_membership_state();
        if known.len() + named.len() <= limits::MEMBERS {
            return true;
        }
        // Full, or nearly so: only who is known is heard.
        let known: std::collections::BTreeSet<u128> = known.map(|member| member.id().key()).collect();
        named.iter().all(|life| known.contains(&life.key()) || life.key() == self.foca.identity().key())
    }

    fn own_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::write_life(self.foca.identity(), &mut bytes);
        bytes
    }

    /// Seals what is to be sent, and tunes to the number of members.
    fn settle(&mut self, now: Moment) {
        while let Some((to, packet)) = self.queue.out.pop_front() {
            let to = to.address();
            self.keys.seal_for(now, to, &packet, |sealed| self.ready.push_back((to, sealed)));
        }
        let size = usize::BITS - self.foca.num_members().leading_zeros();
        if size != self.size {
            self.size = size;
            // Only what may change is changed.
            let _as_before = self.foca.set_config(config(size));
        }
    }
}

/// How the protocol is tuned to some 2^size members.
fn config(size: u32) -> Config {
    // Four times the decimal logarithm, as memberlist has it; at least four.
    let transmissions = u8::try_from(size * 6 / 5).unwrap_or(u8::MAX).max(4);
    Config {
        probe_period: PROBE_EVERY,
        probe_rtt: ANSWER_WITHIN,
        // Where 5 % of packets are lost, every tenth ping fails. With three asked, a thousand nodes suspect somebody all the
        // time, and the rumours cost more than the pings; with five, once a minute.
        num_indirect_probes: NonZeroUsize::MIN.saturating_add(4),
        max_transmissions: NonZeroU8::new(transmissions).unwrap_or(NonZeroU8::MIN),
        // Time for the suspicion to reach who is suspected, and for the objection to come back: both travel as rumours do.
        suspect_to_down_after: Duration::from_millis(3_000 + 350 * u64::from(size)),
        remove_down_after: Some(limits::FORGET_AFTER),
        max_packet_size: NonZeroUsize::new(limits::MEMBERS_PACKET_BYTES - OVERHEAD_BYTES).unwrap_or(NonZeroUsize::MIN),
        notify_down_members: true,
        // Comparing is better, and costs less.
        periodic_announce: None,
        periodic_announce_to_down_members: Some(periodic(65_000, 1)),
        // Costs nothing while there is no news.
        periodic_gossip: Some(periodic(500, 1)),
    }
}

fn periodic(millis: u64, members: usize) -> PeriodicParams {
    let num_members = NonZeroUsize::MIN.saturating_add(members);
    PeriodicParams { frequency: Duration::from_millis(millis), num_members }
}

impl fmt::Debug for Swim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Swim({:?}, {} alive)", self.foca.identity(), self.foca.num_members())
    }
}
