//! Who is alive among nodes, in seconds: the UDP socket, the timers and the sessions of [`shared::membership`].
//!
//! Its word is no proof: what it says makes the roster dial at once, or seldom. Where datagrams do not pass, or the port is
//! taken, all goes on as without it, only that a death is noticed in a minute. The key that seals datagrams is handed over in
//! sessions, where the password was proved; nobody learns anything of the password from a datagram.

mod compare;
mod socket;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use shared::bridge::{Members, MembersTold, PoolKey, TabId};
use shared::membership::{Chance, Event, Life, PoolMark, Swim};
use shared::{Moment, PeerUrl};
use tokio::net::UdpSocket;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::lock::LockExt;
use crate::names::OwnNames;
use crate::node::Node;

/// The membership as this node sees it, behind one short lock; none where it has no socket.
pub(crate) struct Membership {
    swim: Option<Mutex<Swim>>,
    /// A session changed something.
    roused: Notify,
    /// Comparisons that are under way.
    comparing: Semaphore,
}

/// Comparisons of our own at once.
const COMPARISONS: usize = 8;

/// Opens the socket beside the listener, with the same port, and a membership that knows nobody.
pub(crate) async fn open(
    bound: SocketAddr,
    url: &PeerUrl,
    names: &OwnNames,
) -> Result<(Membership, Option<UdpSocket>), getrandom::Error> {
    let membership = |swim: Option<Swim>| {
        let (roused, comparing) = (Notify::new(), Semaphore::new(COMPARISONS));
        Membership { swim: swim.map(Mutex::new), roused, comparing }
    };
    let Some(address) = reached_at(bound, url, names) else { return Ok((membership(None), None)) };
    let socket = match UdpSocket::bind(bound).await {
        Ok(socket) => socket,
        Err(error) => {
            let port = bound.port();
            tracing::warn!(%error, port, "no datagrams are taken: that somebody is gone is noticed in a minute, not in seconds");
            return Ok((membership(None), None));
        }
    };
    let (mut seed, mut key, mut own) = ([0; 8], [0; 32], [0; 16]);
    getrandom::fill(&mut seed)?;
    getrandom::fill(&mut key)?;
    getrandom::fill(&mut own)?;
    let chance = Chance { seed: u64::from_le_bytes(seed), key: PoolKey::new(key), own };
    // A clock that is set back is noticed by those who know us from before.
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let life = Life::new(url, address, u64::try_from(started).unwrap_or(0));
    Ok((membership(Some(Swim::new(life, chance))), Some(socket)))
}

/// Where others send datagrams to: the address in our URL, or where that has a name, our first one.
fn reached_at(bound: SocketAddr, url: &PeerUrl, names: &OwnNames) -> Option<SocketAddr> {
    let address_in = |url: &PeerUrl| Some(SocketAddr::new(url.host().parse::<IpAddr>().ok()?, url.port()));
    let named = || names.urls().iter().find_map(address_in);
    address_in(url).or_else(named).filter(|address| address.is_ipv4() || bound.is_ipv6())
}

impl Membership {
    /// Looks at or changes it, briefly.
    fn with<T>(&self, work: impl FnOnce(&mut Swim) -> T) -> Option<T> {
        let swim = self.swim.as_ref()?;
        Some(work(&mut swim.locked()))
    }

    /// Answers another node's question in a session.
    pub(crate) fn handle_ask(&self, now: Moment, ask: &Members) -> Option<MembersTold> {
        let told = self.with(|swim| swim.handle_ask(now, ask));
        self.roused.notify_one();
        told
    }

    /// What may be said of the pool to strangers; none while nobody was met.
    pub(crate) fn mark(&self) -> Option<PoolMark> {
        self.with(|swim| swim.mark()).flatten()
    }

    fn has(&self, url: &PeerUrl) -> bool {
        self.with(|swim| swim.has(url)).unwrap_or(false)
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.swim)
    }
}

/// We spoke with a node: if it is no member yet, it is to become one. A tab is none, and its node is met by its own URL.
pub(crate) fn met(node: &Arc<Node>, url: &PeerUrl) {
    let is_tab = TabId::of_path(url.path()).is_some();
    if !is_tab && node.membership().swim.is_some() && !node.membership().has(url) {
        compare::start(Arc::clone(node), url.clone());
    }
}

/// Keeps the membership until `shutdown`, and says goodbye.
pub(crate) async fn keep(node: Arc<Node>, socket: Option<UdpSocket>, shutdown: CancellationToken) {
    let Some(socket) = socket.map(socket::Datagrams::new) else { return };
    let comparing = compare::now_and_then(&node);
    tokio::pin!(comparing);
    loop {
        let membership = node.membership();
        let Some(wake) = membership.with(|swim| swim.next_wakeup()) else { return };
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = &mut comparing => {}
            () = membership.roused.notified() => {}
            () = tokio::time::sleep(wake.since(node.now())) => {
                membership.with(|swim| swim.handle_timer(node.now()));
            }
            () = socket.readable() => {
                socket.take(|packet| { membership.with(|swim| swim.handle_packet(node.now(), packet)); });
            }
        }
        settle(&node, &socket);
    }
    let others = node.membership().with(|swim| {
        swim.leave(node.now());
        swim.count()
    });
    settle(&node, &socket);
    tracing::debug!(?others, "said goodbye to nodes");
}

/// Sends what is to be sent, and tells the roster what happened.
fn settle(node: &Arc<Node>, socket: &socket::Datagrams) {
    let membership = node.membership();
    while let Some((to, packet)) = membership.with(Swim::poll_send).flatten() {
        socket.send(to, &packet);
    }
    while let Some(event) = membership.with(Swim::poll_event).flatten() {
        match event {
            Event::Up(peer) => {
                tracing::debug!(%peer, "is up among nodes");
                node.with_host(|host, now| host.roster_mut().handle_told_up(now, &peer));
            }
            Event::Down(peer) => {
                tracing::debug!(%peer, "is down among nodes");
                node.with_host(|host, now| host.roster_mut().handle_told_down(now, &peer));
            }
            Event::Joined => compare::with_one(node),
            Event::Alone => tracing::debug!("no node answers over UDP"),
        }
        node.rouse_roster();
    }
}
