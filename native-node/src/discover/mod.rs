//! Finds the other nodes of the pool on this network, and is found: DNS-SD (RFC 6763) over multicast DNS (RFC 6762).
//!
//! Announced is what a stranger may know: our port, the random id of this process, and a mark by which the nodes of one pool
//! know each other, which follows from nothing but randomness. No name of ours, no file, nothing of the password.
//!
//! What is found is a hint. It is dialed over the bridge, and only so: a token of 2004 goes to nobody who was found, and who
//! answers has one guess at the password. Who proves it becomes a candidate of the roster, as if a peer had named it.

mod browse;
mod finds;
mod interfaces;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use shared::membership::PoolMark;
use shared::{MemberState, Moment, PeerUrl, Scope};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dial::{CallError, Dialer, Way};
use crate::names::url_of;
use crate::node::Node;
use browse::Browse;
use finds::{Finds, News, Outcome};
use interfaces::Networks;

/// What nodes are announced as.
pub const SERVICE: &str = "_tinyp2p._tcp.local.";
/// Where the mark of its pool stands in what a node announces.
pub const POOL: &str = "pool";
/// Most addresses of one node that are tried.
const ADDRESSES: usize = 4;
/// How often it is looked whether there is something to do that nobody told us of.
const LOOK: Duration = Duration::from_secs(5);
/// Who is found within this time was here before us.
const WAS_HERE_BEFORE: Duration = Duration::from_secs(15);
/// How long a command waits for somebody to say that it is a node …
const SEARCH: Duration = Duration::from_secs(5);
/// … for each of those to prove the password, which may have gone without a word …
const PROOF: Duration = Duration::from_secs(3);
/// … and for all of that.
const SEARCH_MOST: Duration = Duration::from_secs(20);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long after it failed all of that is tried again; doubled each time …
const AGAIN: Duration = Duration::from_secs(5);
/// … so often, until it lasted for as long as the longest wait.
const AGAIN_DOUBLED: u32 = 7;

/// What is done about other nodes on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// Nothing.
    Off,
    /// They can find us: nobody has our password yet, so there is nobody to look for.
    Shown,
    /// We look for them, too.
    Seeking,
}

/// Whether a node that listens there can be reached from a network at all.
pub(crate) fn is_possible(bound: SocketAddr) -> bool {
    !bound.ip().is_loopback()
}

/// Announces this node, and looks for others, until `shutdown`. Where that cannot be, all goes on without it, and it is tried
/// again later: the network may not be there yet, and anybody on it can end what listens to them.
pub(crate) async fn keep(node: Arc<Node>, how: Discovery, bound: SocketAddr, shutdown: CancellationToken) {
    if how == Discovery::Off || !is_possible(bound) {
        return;
    }
    let (finds, dials, begun, is_told) = (Finds::new(), JoinSet::new(), Instant::now(), how != Discovery::Shown);
    let mut seeker = Seeker { node, how, bound, finds, dials, begun, is_told };
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let begun = Instant::now();
        let Err(error) = seeker.run(&shutdown).await else { return };
        let most = AGAIN * (1 << AGAIN_DOUBLED);
        failures = if begun.elapsed() > most { 0 } else { failures };
        let wait = AGAIN * (1 << failures.min(AGAIN_DOUBLED));
        failures += 1;
        tracing::warn!(
            %error, again_in_s = wait.as_secs(),
            "nodes on this network are not found by themselves; name one with --join"
        );
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Looks for nodes, and remembers them from one daemon to the next.
struct Seeker {
    node: Arc<Node>,
    how: Discovery,
    bound: SocketAddr,
    finds: Finds,
    dials: JoinSet<(Outcome, PeerUrl)>,
    begun: Instant,
    /// Whether the person knows of another pool that was here before, or does not need to.
    is_told: bool,
}

impl Seeker {
    async fn run(&mut self, shutdown: &CancellationToken) -> mdns_sd::Result<()> {
        let daemon = ServiceDaemon::new()?;
        let ended = self.run_with(&daemon, shutdown).await;
        // Its thread ends, and gives back what it keeps of others.
        ended.and(daemon.shutdown().map(drop))
    }

    async fn run_with(&mut self, daemon: &ServiceDaemon, shutdown: &CancellationToken) -> mdns_sd::Result<()> {
        let node = Arc::clone(&self.node);
        listen_on(daemon, self.bound.ip())?;
        let mut announced = node.membership().mark();
        let own = announce(daemon, &node, self.bound, announced)?;
        let mut browse = Browse::new(daemon)?;
        let mut networks = Networks::new(self.bound.ip());
        loop {
            let mark = node.membership().mark();
            if mark != announced {
                announced = mark;
                announce(daemon, &node, self.bound, mark)?;
            }
            self.dial_next(mark);
            tokio::select! {
                () = shutdown.cancelled() => break,
                event = browse.next() => match event? {
                    ServiceEvent::ServiceResolved(found) if found.get_fullname() != own => {
                        self.tell_of(&found, &mut networks);
                        handle(&mut self.finds, node.now(), &found, &mut networks);
                    }
                    ServiceEvent::ServiceRemoved(_, name) => self.finds.handle_gone(&name),
                    _ => {}
                },
                Some(Ok((outcome, url))) = self.dials.join_next() => self.handle_dialed(outcome, url),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        if let Ok(told) = daemon.unregister(&own) {
            let _told = tokio::time::timeout(GOODBYE, told.recv_async()).await;
        }
        Ok(())
    }

    /// Tells the person, once, of a pool that was here before: who comes later may come to join us.
    fn tell_of(&mut self, found: &ResolvedService, networks: &mut Networks) {
        if !self.is_told
            && self.begun.elapsed() < WAS_HERE_BEFORE
            && let Some(url) = urls(found, networks).first()
        {
            tracing::info!("another tinyp2p pool is on this network ({url}); to join it: tinyp2p serve --ask");
            self.is_told = true;
        }
    }

    /// Dials who is next, if anybody is.
    fn dial_next(&mut self, mark: Option<PoolMark>) {
        let node = &self.node;
        let is_here = |url: &PeerUrl| {
            node.with_host(|host, _| {
                host.roster().is_own(url) || host.roster().state_of(url) == Some(MemberState::Alive)
            })
        };
        if self.how == Discovery::Seeking
            && let Some(url) = self.finds.poll_dial(node.now(), mark, is_here)
        {
            let node = Arc::clone(node);
            self.dials.spawn(async move { (dial(node.dialer(), &url).await, url) });
        }
    }

    fn handle_dialed(&mut self, outcome: Outcome, url: PeerUrl) {
        let url = if let Outcome::Proved(own) = &outcome { own.clone() } else { url };
        let is_proved = matches!(outcome, Outcome::Proved(_));
        match self.finds.handle_dialed(self.node.now(), outcome) {
            Some(News::Ours) => tracing::info!(peer = %url, "was found on this network"),
            Some(News::Foreign) => {
                tracing::info!(peer = %url, "on this network has another password; it is left alone");
            }
            None => {}
        }
        if is_proved {
            self.node.with_host(|host, now| host.roster_mut().handle_found(now, &url));
            self.node.rouse_roster();
        }
    }
}

/// Why nobody was found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// The system does not let us look.
    #[error("nodes on this network cannot be looked for: {0}; name one by its URL")]
    Blind(#[from] mdns_sd::Error),
    /// Nobody says to be one.
    #[error("no node is found on this network; name one by its URL, as \"tinyp2p serve\" prints it")]
    Nobody,
    /// None of those that say so.
    #[error("nobody who was found on this network proves this password (nodes found: {0})")]
    NotOurs(usize),
}

/// Looks for a node on this network that proves the password, for some seconds; there is a session with it then.
///
/// # Errors
/// See [`NotFound`].
pub async fn find(dialer: &Dialer) -> Result<PeerUrl, NotFound> {
    let daemon = ServiceDaemon::new()?;
    let mut finds = Finds::new();
    let found = tokio::time::timeout(SEARCH_MOST, find_with(&daemon, dialer, &mut finds)).await;
    // Its thread ends with this process, at the latest.
    let _ended = daemon.shutdown();
    match found.unwrap_or(Ok(None))? {
        Some(found) => Ok(found),
        None if finds.count() == 0 => Err(NotFound::Nobody),
        None => Err(NotFound::NotOurs(finds.count())),
    }
}

async fn find_with(daemon: &ServiceDaemon, dialer: &Dialer, finds: &mut Finds) -> mdns_sd::Result<Option<PeerUrl>> {
    let (everywhere, begun) = (IpAddr::from(Ipv6Addr::UNSPECIFIED), Instant::now());
    listen_on(daemon, everywhere)?;
    let (mut browse, mut networks) = (Browse::new(daemon)?, Networks::new(everywhere));
    loop {
        let now = Moment(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        if let Some(url) = finds.poll_dial(now, None, |_| false) {
            let outcome = tokio::time::timeout(PROOF, dial(dialer, &url)).await.unwrap_or(Outcome::Unreachable);
            if let Outcome::Proved(url) = outcome {
                return Ok(Some(url));
            }
            finds.handle_dialed(now, outcome);
            continue;
        }
        match tokio::time::timeout_at((begun + SEARCH).into(), browse.next()).await {
            Ok(Ok(ServiceEvent::ServiceResolved(found))) => handle(finds, now, &found, &mut networks),
            Ok(event) => drop(event?),
            Err(_) => return Ok(None),
        }
    }
}

fn handle(finds: &mut Finds, now: Moment, found: &ResolvedService, networks: &mut Networks) {
    let mark = found.get_property_val_str(POOL).and_then(PoolMark::parse);
    finds.handle_found(now, found.get_fullname().to_owned(), urls(found, networks), mark);
}

/// Only where somebody could reach us.
fn listen_on(daemon: &ServiceDaemon, bound: IpAddr) -> mdns_sd::Result<()> {
    if !bound.is_unspecified() {
        daemon.disable_interface(IfKind::All)?;
        return daemon.enable_interface(bound);
    }
    daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
    if bound.is_ipv4() { daemon.disable_interface(IfKind::IPv6) } else { Ok(()) }
}

/// Announces this node, or what has changed of it. Answers under which name.
fn announce(daemon: &ServiceDaemon, node: &Node, bound: SocketAddr, mark: Option<PoolMark>) -> mdns_sd::Result<String> {
    let host = format!("tinyp2p-{}.local.", node.id());
    let mark: Vec<_> = mark.map(|mark| (POOL, mark.to_string())).into_iter().collect();
    let properties = mark.as_slice();
    let mut service = if bound.ip().is_unspecified() {
        ServiceInfo::new(SERVICE, node.id(), &host, (), bound.port(), properties)?.enable_addr_auto()
    } else {
        ServiceInfo::new(SERVICE, node.id(), &host, bound.ip(), bound.port(), properties)?
    };
    // Nobody else has this name: it is random.
    service.set_requires_probe(false);
    let name = service.get_fullname().to_owned();
    daemon.register(service)?;
    Ok(name)
}

/// Where a node says to be, as far as that is on a network of ours, and at a port where a call does no harm.
fn urls(found: &ResolvedService, networks: &mut Networks) -> Vec<PeerUrl> {
    let mut addresses: Vec<_> = found.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
    addresses.retain(|address| networks.have(*address));
    addresses.sort_unstable();
    let urls = addresses.into_iter().filter_map(|address| url_of(SocketAddr::new(address, found.get_port())));
    urls.filter(|url| Scope::LinkLocal.admits_url(url)).take(ADDRESSES).collect()
}

/// Whether a node at this address proves the password. A machine may have several addresses, and others know it by the URL that
/// it goes by: where that leads to it from here, too, it is a peer by that, or it would be there twice.
async fn dial(dialer: &Dialer, url: &PeerUrl) -> Outcome {
    match dialer.links().way(url).await {
        Ok(Way::Bridge(_)) => {
            let own = match dialer.exchange(url, &[]).await {
                Ok(told) => dialer.goes_by(url, &told).await,
                Err(_) => None,
            };
            Outcome::Proved(own.unwrap_or_else(|| url.clone()))
        }
        // Whoever announces itself speaks the bridge.
        Ok(Way::Legacy) => Outcome::Unreachable,
        Err(CallError::Dial(error)) if error.is_attempt_used() => Outcome::Refused,
        Err(_) => Outcome::Unreachable,
    }
}
