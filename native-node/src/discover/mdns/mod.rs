//! Multicast DNS (RFC 6762), as much of it as nodes need to find each other: one kind of service, told of in single packets.
//!
//! Anybody on the network can send as much as it carries, and can have whoever listens keep what was never asked for. So what
//! is read is bounded in packets a second, what is kept in nodes, and nothing is kept of what is none. The crates that were
//! measured keep all they hear and read for as long as something comes.

mod known;
mod link;
mod packet;
mod schedule;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use shared::membership::PoolMark;
use shared::{Bucket, Moment};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::interfaces::{self, Interface};
use known::Known;
use link::Link;
pub(super) use link::LinkId;
use packet::PACKET_BYTES;
pub(super) use packet::Service;
pub use packet::{POOL, SERVICE};

/// How often it is looked which networks there are.
const LOOK: Duration = Duration::from_secs(5);
/// A clock that goes on by that much more than ours did belongs to a machine that slept.
const SLEPT: Duration = Duration::from_secs(30);
/// Packets read at once: a large network that answers a question …
const PACKETS: u32 = 512;
/// … and afterwards one in this time. What comes faster is lost on its way to us.
const PACKET_EVERY: Duration = Duration::from_millis(2);
/// Most networks that are spoken on.
const LINKS: usize = 64;
/// Who answers to a question for all waits, not to do so at once with all others (RFC 6762, section 6).
const DELAY: (u64, u64) = (20, 120);

/// What is heard of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// One is there, or something of it has changed, or nothing has.
    Found(Found),
    /// The one of this name has gone.
    Gone(String),
}

/// A node, as somebody on the network says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) port: u16,
    /// All are on a network of ours.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) mark: Option<PoolMark>,
}

/// Whom is heard on a network, of all who speak multicast DNS there, of whatever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ears {
    /// Nobody; not even what this machine says comes back to it.
    Nobody,
    /// This machine alone.
    Echo,
    /// Other machines.
    Others,
}

/// Asks on all networks of this machine, and answers for its node.
#[derive(Debug)]
pub(super) struct Mdns {
    bound: IpAddr,
    service: Option<Service>,
    begun: Instant,
    interfaces: Vec<Interface>,
    links: BTreeMap<LinkId, Link>,
    /// Why there is no link to a network, as it was tried last.
    failures: BTreeMap<LinkId, io::Error>,
    known: Known<LinkId>,
    events: VecDeque<Event>,
    budget: Bucket,
    looked: Option<(Moment, SystemTime)>,
    packet: Box<[u8]>,
    /// Which link is looked at first: none has another wait.
    turn: usize,
}

impl Mdns {
    /// On the networks over which who listens at `bound` can be reached; says there that `service` is here, if anything.
    pub(super) fn new(bound: IpAddr, service: Option<Service>) -> Self {
        Self {
            bound,
            service,
            begun: Instant::now(),
            interfaces: Vec::new(),
            links: BTreeMap::new(),
            failures: BTreeMap::new(),
            known: Known::new(),
            events: VecDeque::new(),
            budget: Bucket::new(PACKETS, PACKET_EVERY),
            looked: None,
            packet: vec![0; PACKET_BYTES].into(),
            turn: 0,
        }
    }

    /// Says that this node is of another pool now, if it is.
    pub(super) fn announce(&mut self, mark: Option<PoolMark>) {
        let now = self.now();
        if let Some(service) = self.service.as_mut().filter(|service| service.mark != mark) {
            service.mark = mark;
            self.links.values_mut().for_each(|link| link.answers.announce(now));
        }
    }

    /// What is heard next. Where this is dropped nothing is lost.
    ///
    /// # Errors
    /// The system lets us speak on none of the networks there are.
    pub(super) async fn next(&mut self) -> io::Result<Event> {
        loop {
            let now = self.now();
            if self.looked.is_none_or(|(looked, _)| now >= looked + LOOK) {
                self.look(now)?;
            }
            if let Some(event) = self.events.pop_front().or_else(|| self.known.poll_gone(now)) {
                return Ok(event);
            }
            self.speak(now);
            let may_read = self.budget.ready_at(now) <= now;
            let wait = self.wake_at(now).since(now);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                (link, from, length) = heard(&self.links, &mut self.packet, &mut self.turn), if may_read => {
                    // It may have been waited for.
                    let now = self.now();
                    self.budget.take(now);
                    self.handle(now, &link, from, length);
                }
            }
        }
    }

    /// Whom was heard on each network so far, or why nobody can be.
    pub(super) fn ears(&self) -> impl Iterator<Item = (&LinkId, Result<Ears, &io::Error>)> {
        let failures = self.failures.iter().map(|(id, error)| (id, Err(error)));
        self.links.iter().map(|(id, link)| (id, Ok(link.ears))).chain(failures)
    }

    /// Says on all networks that this node goes.
    pub(super) fn goodbye(&mut self) {
        if let Some(packet) = self.service.as_ref().and_then(|service| packet::answer(service, &[], false)) {
            for link in self.links.values() {
                let _on_a_network_that_is_gone = link.send(&packet);
            }
        }
    }

    fn now(&self) -> Moment {
        Moment::default() + self.begun.elapsed()
    }

    fn wake_at(&self, now: Moment) -> Moment {
        let looks = self.looked.map_or(now, |(looked, _)| looked + LOOK);
        let questions = self.links.values().map(|link| link.questions.due());
        let answers = self.links.values().filter_map(|link| link.answers.due());
        let budget = Some(self.budget.ready_at(now)).filter(|at| *at > now);
        questions.chain(answers).chain(budget).fold(looks, Moment::min)
    }

    /// Looks which networks there are, and speaks on those that are new.
    fn look(&mut self, now: Moment) -> io::Result<()> {
        let wall = SystemTime::now();
        let has_slept = self.looked.is_some_and(|(looked, before)| {
            wall.duration_since(before).is_ok_and(|passed| passed > now.since(looked) + SLEPT)
        });
        if has_slept {
            // Nobody waits for us with what is said on a network.
            self.links.clear();
        }
        self.looked = Some((now, wall));
        self.interfaces = interfaces::look(self.bound);
        self.links.retain(|id, link| {
            let is_it = |one: &Interface| LinkId::of(one) == *id && one.address == link.joined;
            let is_here = self.interfaces.iter().any(is_it);
            if !is_here {
                self.known.handle_lost(id);
            }
            is_here
        });
        self.failures.clear();
        let ours = || self.interfaces.iter().filter(|one| one.speaks_for(self.bound));
        for interface in ours() {
            let on_it = ours().filter(|one| one.name == interface.name && one.is_for_urls());
            let addresses: Vec<_> = on_it.map(|one| one.address).collect();
            let (id, has_room) = (LinkId::of(interface), self.links.len() < LINKS);
            match self.links.get_mut(&id) {
                Some(link) if link.addresses != addresses => {
                    link.addresses = addresses;
                    link.answers.announce(now);
                }
                None if has_room => match Link::new(now, interface, addresses) {
                    Ok(link) => drop(self.links.insert(id, link)),
                    Err(error) => {
                        tracing::debug!(interface = interface.name, %error, "nodes are not looked for there");
                        self.failures.insert(id, error);
                    }
                },
                _ => {}
            }
        }
        match self.failures.values().next() {
            Some(error) if self.links.is_empty() => Err(io::Error::new(error.kind(), error.to_string())),
            _ => Ok(()),
        }
    }

    /// Asks and answers what is due. A network where that fails is joined anew.
    fn speak(&mut self, now: Moment) {
        let (known, service) = (&self.known, self.service.as_ref());
        self.links.retain(|id, link| {
            let question = link.questions.poll(now).then(|| packet::question(known.fresh(now))).flatten();
            let answer = (link.answers.poll(now) && !link.addresses.is_empty())
                .then(|| packet::answer(service?, &link.addresses, true))
                .flatten();
            let sent = [question, answer].into_iter().flatten().try_for_each(|packet| link.send(&packet));
            sent.inspect_err(|error| tracing::debug!(?id, %error, "nothing can be said to a network")).is_ok()
        });
    }

    fn handle(&mut self, now: Moment, id: &LinkId, from: SocketAddr, length: usize) {
        // Whoever is not on this network says nothing on it (RFC 6762, section 11).
        let is_ours = self.interfaces.iter().any(|interface| interface.address == from.ip());
        if !is_ours && !self.is_near(from.ip()) {
            return;
        }
        if let Some(link) = self.links.get_mut(id) {
            link.ears = link.ears.max(if is_ours { Ears::Echo } else { Ears::Others });
        }
        let Some(packet) = self.packet.get(..length).and_then(packet::parse) else { return };
        if !packet.has_flags(simple_dns::PacketFlag::RESPONSE) {
            let is_asked = self.service.as_ref().is_some_and(|service| packet::asks(&packet, service));
            if let Some(link) = self.links.get_mut(id).filter(|_| is_asked) {
                link.answers.handle_question(now, delay());
            }
            return;
        }
        for mut told in packet::told(&packet) {
            if self.service.as_ref().is_some_and(|service| service.name.eq_ignore_ascii_case(&told.name)) {
                continue;
            }
            if let Some((_, addresses, _)) = &mut told.at {
                addresses.retain(|address| self.interfaces.iter().any(|interface| interface.reaches(*address)));
            }
            self.events.extend(self.known.handle(now, id.clone(), told));
        }
    }

    fn is_near(&self, from: IpAddr) -> bool {
        interfaces::is_link_local(from) || self.interfaces.iter().any(|interface| interface.reaches(from))
    }
}

/// The next packet of any network, and who sent it.
async fn heard(links: &BTreeMap<LinkId, Link>, packet: &mut [u8], turn: &mut usize) -> (LinkId, SocketAddr, usize) {
    poll_fn(|context| {
        let first = *turn;
        for at in (0..links.len()).map(|at| (first + at) % links.len()) {
            let Some((id, link)) = links.iter().nth(at) else { continue };
            let mut read = ReadBuf::new(packet);
            // What cannot be read was too long, or the network goes; both cost as much as a packet.
            if let Poll::Ready(from) = link.socket().poll_recv_from(context, &mut read) {
                *turn = at + 1;
                let from = from.unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
                return Poll::Ready((id.clone(), from, read.filled().len()));
            }
        }
        Poll::Pending
    })
    .await
}

/// Some time of [`DELAY`], another each time.
fn delay() -> Duration {
    let (least, most) = DELAY;
    Duration::from_millis(least + getrandom::u64().unwrap_or(0) % (most - least))
}
