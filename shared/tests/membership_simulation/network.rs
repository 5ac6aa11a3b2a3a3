//! The simulated network: members, datagrams that take their time or get lost, sessions for comparisons, and what all of it
//! costs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use shared::bridge::{Message, PoolKey};
use shared::membership::{Chance, Comparison, Event, Life, Swim};
use shared::{Moment, PeerUrl, limits};

/// IPv4 and UDP.
const DATAGRAM_BYTES: usize = 28;
/// IPv4, TCP, WebSocket, and what seals a record.
const RECORD_BYTES: usize = 40 + 4 + limits::RECORD_OVERHEAD_BYTES;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Start { node: usize, through: usize },
    Packet { to: usize, packet: Vec<u8> },
    Wake { node: usize },
    Compare { node: usize, life: u64 },
}

struct Node {
    swim: Swim,
    /// Nobody answers for it otherwise.
    up: bool,
    life: u64,
    through: usize,
    group: usize,
    wake_at: Moment,
}

/// What went over the network.
#[derive(Default)]
struct Cost {
    packets: u64,
    packet_bytes: u64,
    told_bytes: u64,
}

pub(crate) struct Network {
    pub(crate) now: Moment,
    /// The share of datagrams that get lost.
    pub(crate) loss: f64,
    /// Down was said of somebody who was up and could be reached.
    pub(crate) false_downs: usize,
    nodes: BTreeMap<usize, Node>,
    steps: BinaryHeap<Reverse<(Moment, u64, Step)>>,
    count: u64,
    dice: u64,
    cost: Cost,
    /// Who knows of whom that it is down; kept of those only that are.
    down: BTreeMap<usize, BTreeSet<usize>>,
    /// The key that everybody begins a pool with, where it is the same.
    key: Option<[u8; 32]>,
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from(0x0A00_0000 + u32::try_from(node).unwrap()), 9004))
}

fn node_at(address: SocketAddr) -> usize {
    let SocketAddr::V4(v4) = address else { unreachable!("all are of IPv4") };
    usize::try_from(v4.ip().to_bits() - 0x0A00_0000).unwrap()
}

fn node_of(url: &PeerUrl) -> usize {
    node_at(url.authority().parse().unwrap())
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Moment(0),
            loss: 0.0,
            false_downs: 0,
            nodes: BTreeMap::new(),
            steps: BinaryHeap::new(),
            count: 0,
            dice: seed,
            cost: Cost::default(),
            down: BTreeMap::new(),
            key: None,
        }
    }

    /// One in which pools that meet have one key already.
    pub(crate) fn of_one_key(seed: u64) -> Self {
        Self { key: Some([7; 32]), ..Self::new(seed) }
    }

    /// A number below `end`: SplitMix64.
    pub(crate) fn random(&mut self, end: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.dice;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % end
    }

    /// A node is to be started then, and to join through another, or by itself through nobody.
    pub(crate) fn start(&mut self, at: Moment, node: usize, through: usize) {
        self.plan(at, Step::Start { node, through });
    }

    /// It says nothing any more.
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes.get_mut(&node).unwrap().up = false;
        self.down.insert(node, BTreeSet::new());
    }

    /// It says that it goes.
    pub(crate) fn leave(&mut self, node: usize) {
        let now = self.now;
        self.nodes.get_mut(&node).unwrap().swim.leave(now);
        self.down.insert(node, BTreeSet::new());
        self.drain(node);
        self.nodes.get_mut(&node).unwrap().up = false;
    }

    /// From now on packets pass only within a group.
    pub(crate) fn partition(&mut self, group: impl Fn(usize) -> usize) {
        self.nodes.iter_mut().for_each(|(number, node)| node.group = group(*number));
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Runs until something holds, looked at four times a second; when it does.
    pub(crate) fn run_until(&mut self, end: Moment, holds: impl Fn(&Self) -> bool) -> Option<Moment> {
        while self.now < end {
            self.run_for(Duration::from_millis(250));
            if holds(self) {
                return Some(self.now);
            }
        }
        None
    }

    /// Whether everybody who is up sees everybody who is up.
    pub(crate) fn is_whole(&self) -> bool {
        let up = self.nodes.values().filter(|node| node.up).count();
        let starting = self.steps.iter().any(|Reverse((_, _, step))| matches!(step, Step::Start { .. }));
        !starting && self.nodes.values().all(|node| !node.up || node.swim.count() == up - 1)
    }

    /// The same within each of two halves, of which nobody sees the other.
    pub(crate) fn halves_are_whole(&self) -> bool {
        let sees = |number: usize, node: &Node| {
            let mut alive: Vec<_> = node.swim.alive().map(|url| node_of(&url)).collect();
            alive.sort_unstable();
            alive == self.nodes.keys().copied().filter(|it| *it % 2 == number % 2 && *it != number).collect::<Vec<_>>()
        };
        self.nodes.iter().all(|(number, node)| sees(*number, node))
    }

    pub(crate) fn who_knows_down(&self, node: usize) -> usize {
        self.down.get(&node).map_or(0, BTreeSet::len)
    }

    pub(crate) fn is_known_down(&self, node: usize) -> bool {
        let knows = |it: &usize| self.down.get(&node).is_some_and(|down| down.contains(it));
        self.nodes.iter().all(|(number, it)| !it.up || *number == node || knows(number))
    }

    pub(crate) fn forget_cost(&mut self) {
        self.cost = Cost::default();
    }

    pub(crate) fn bytes_per_node_second(&self, time: Duration) -> f64 {
        self.rate(self.cost.packet_bytes + self.cost.told_bytes, time)
    }

    pub(crate) fn cost(&self, time: Duration) -> impl fmt::Display {
        let (packets, bytes) = (self.rate(self.cost.packets, time), self.rate(self.cost.packet_bytes, time));
        let told = self.rate(self.cost.told_bytes, time);
        format!("{packets:.2} packets, {bytes:.0} bytes of packets and {told:.0} of comparisons per node and second")
    }

    #[allow(clippy::cast_precision_loss, reason = "a number to print")]
    fn rate(&self, total: u64, time: Duration) -> f64 {
        total as f64 / self.nodes.len() as f64 / time.as_secs_f64()
    }

    fn plan(&mut self, at: Moment, step: Step) {
        self.count += 1;
        self.steps.push(Reverse((at, self.count, step)));
    }

    /// The next step, where it is not after `end`.
    fn step(&mut self, end: Moment) -> bool {
        let due = self.steps.peek().is_some_and(|Reverse((at, ..))| *at <= end);
        let Some(Reverse((at, _, step))) = due.then(|| self.steps.pop()).flatten() else {
            self.now = end;
            return false;
        };
        self.now = at;
        match step {
            Step::Start { node, through } => self.begin(node, through),
            Step::Packet { to, packet } => {
                if let Some(node) = self.nodes.get_mut(&to).filter(|node| node.up) {
                    node.swim.handle_packet(at, &packet);
                    self.drain(to);
                }
            }
            Step::Wake { node: number } => {
                if let Some(node) = self.nodes.get_mut(&number).filter(|node| node.up && node.wake_at == at) {
                    node.swim.handle_timer(at);
                    self.drain(number);
                }
            }
            Step::Compare { node: number, life } => {
                let Some(node) = self.nodes.get_mut(&number).filter(|node| node.up && node.life == life) else {
                    return true;
                };
                // Who is alone tries who it was started with, as a roster does with its seeds.
                let with = node.swim.pick().map_or(node.through, |url| node_of(&url));
                self.compare(number, with);
                let wait = 8_000 + self.random(4_000);
                self.plan(at + Duration::from_millis(wait), Step::Compare { node: number, life });
            }
        }
        true
    }

    fn begin(&mut self, number: usize, through: usize) {
        let url = PeerUrl::parse(&format!("http://{}", address(number))).unwrap();
        let life = self.nodes.get(&number).map_or(1, |node| node.life + 1);
        let (mut key, mut own) = ([0; 32], [0; 16]);
        for byte in key.iter_mut().chain(&mut own) {
            *byte = u8::try_from(self.random(256)).unwrap();
        }
        let key = self.key.unwrap_or(key);
        let chance = Chance { seed: self.random(u64::MAX), key: PoolKey::new(key), own };
        let swim = Swim::new(Life::new(&url, address(number), life * 1_000), chance);
        let group = self.nodes.get(&number).map_or(0, |node| node.group);
        self.nodes.insert(number, Node { swim, up: true, life, through, group, wake_at: Moment(u64::MAX) });
        self.down.remove(&number);
        if through != number {
            self.compare(number, through);
        }
        let wait = 8_000 + self.random(4_000);
        self.plan(self.now + Duration::from_millis(wait), Step::Compare { node: number, life });
    }

    /// One compares with another, in a session that takes no time.
    pub(crate) fn compare(&mut self, from: usize, with: usize) {
        let now = self.now;
        let Some(mut asks) = self.nodes.remove(&from) else { return };
        if let Some(told_by) = self.nodes.get_mut(&with).filter(|it| it.up && it.group == asks.group) {
            let mut comparison = Comparison::default();
            while let Some(ask) = asks.swim.ask(&comparison) {
                let told = told_by.swim.handle_ask(now, &ask);
                asks.swim.handle_told(now, &mut comparison, &told);
                let bytes = Message::from(ask).encode().len() + Message::from(told).encode().len() + 2 * RECORD_BYTES;
                self.cost.told_bytes += bytes as u64;
            }
        }
        self.nodes.insert(from, asks);
        self.drain(from);
        self.drain(with);
    }

    /// Passes on what a node sends and notes what it says.
    fn drain(&mut self, number: usize) {
        let mut joined = false;
        while let Some(node) = self.nodes.get_mut(&number) {
            let Some(event) = node.swim.poll_event() else { break };
            let group = node.group;
            match event {
                Event::Down(url) => {
                    let other = node_of(&url);
                    if let Some(known) = self.down.get_mut(&other) {
                        known.insert(number);
                    } else if self.nodes.get(&other).is_some_and(|other| other.up && other.group == group) {
                        self.false_downs += 1;
                    }
                }
                Event::Up(url) => {
                    if let Some(known) = self.down.get_mut(&node_of(&url)) {
                        known.remove(&number);
                    }
                }
                Event::Joined => joined = true,
                Event::Alone => {}
            }
        }
        while let Some((to, packet)) = self.nodes.get_mut(&number).and_then(|node| node.swim.poll_send()) {
            assert!(packet.len() <= limits::MEMBERS_PACKET_BYTES);
            self.cost.packets += 1;
            self.cost.packet_bytes += (packet.len() + DATAGRAM_BYTES) as u64;
            let to = node_at(to);
            let passes = |to: &Node| self.nodes.get(&number).is_some_and(|from| from.group == to.group);
            if !self.nodes.get(&to).is_some_and(passes) {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "a share")]
            let is_lost = (self.random(1_000_000) as f64) < self.loss * 1_000_000.0;
            if !is_lost {
                let latency = 1 + self.random(5);
                self.plan(self.now + Duration::from_millis(latency), Step::Packet { to, packet });
            }
        }
        if let Some(node) = self.nodes.get_mut(&number)
            && node.up
        {
            let wake = node.swim.next_wakeup().max(Moment(self.now.0 + 1));
            if wake != node.wake_at {
                node.wake_at = wake;
                self.plan(wake, Step::Wake { node: number });
            }
        }
        if joined {
            let through = self.nodes.get(&number).map_or(number, |node| node.through);
            self.compare(number, through);
        }
    }
}
