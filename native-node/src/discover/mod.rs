//! Finds the other nodes of the pool on this network, and is found: DNS-SD (RFC 6763) over multicast DNS (RFC 6762).
//!
//! Announced is what a stranger may know: our port, the random id of this process, and a mark by which the nodes of one pool
//! know each other, which follows from nothing but randomness. No name of ours, no file, nothing of the password.
//!
//! What is found is a hint. It is dialed over the bridge, and only so: a token of 2004 goes to nobody who was found, and who
//! answers has one guess at the password. Who proves it becomes a candidate of the roster, as if a peer had named it.

mod examine;
mod finds;
mod interfaces;
mod mdns;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::membership::PoolMark;
use shared::{MemberState, Moment, PeerUrl, Scope};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dial::{CallError, Dialer, Way};
use crate::names::url_of;
use crate::node::Node;
pub use examine::{Called, Examined, examine};
use finds::{Finds, News, Outcome};
pub use mdns::{Ears, POOL, SERVICE};
use mdns::{Event, Found, Mdns, Service};

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
/// again later: another program may have the port for itself.
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
    async fn run(&mut self, shutdown: &CancellationToken) -> io::Result<()> {
        let node = Arc::clone(&self.node);
        let (name, port) = (node.id().to_owned(), self.bound.port());
        let service = Service { name, port, mark: node.membership().mark() };
        let mut mdns = Mdns::new(self.bound.ip(), Some(service));
        loop {
            let mark = node.membership().mark();
            mdns.announce(mark);
            self.dial_next(mark);
            tokio::select! {
                () = shutdown.cancelled() => break,
                event = mdns.next() => match event? {
                    Event::Found(found) => {
                        self.tell_of(&found);
                        handle(&mut self.finds, node.now(), found);
                    }
                    Event::Gone(name) => self.finds.handle_gone(&name),
                },
                Some(Ok((outcome, url))) = self.dials.join_next() => self.handle_dialed(outcome, url),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        mdns.goodbye();
        Ok(())
    }

    /// Tells the person, once, of a pool that was here before: who comes later may come to join us.
    fn tell_of(&mut self, found: &Found) {
        if !self.is_told
            && self.begun.elapsed() < WAS_HERE_BEFORE
            && let Some(url) = urls(found).first()
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
    Blind(#[from] io::Error),
    /// Nobody says to be one.
    #[error(
        "no node is found on this network; name one by its URL, as \"tinyp2p serve\" prints it (\"tinyp2p doctor\" looks why)"
    )]
    Nobody,
    /// None of those that say so.
    #[error("nobody who was found on this network proves this password (nodes found: {0})")]
    NotOurs(usize),
    /// None that will do, of those who prove the password.
    #[error(
        "no node of this password on this network takes files (nodes asked: {0}); \"tinyp2p serve --drop-box\" starts one"
    )]
    Unfit(usize),
}

/// Looks for a node on this network that proves the password, and will do besides, for some seconds; there is a session with it
/// then.
///
/// # Errors
/// See [`NotFound`].
pub async fn find(dialer: &Dialer, will_do: impl AsyncFn(&PeerUrl) -> bool) -> Result<PeerUrl, NotFound> {
    let (mut finds, mut unfit) = (Finds::new(), 0);
    let found = tokio::time::timeout(SEARCH_MOST, find_with(dialer, will_do, &mut finds, &mut unfit)).await;
    match found.unwrap_or(Ok(None))? {
        Some(found) => Ok(found),
        None if unfit > 0 => Err(NotFound::Unfit(unfit)),
        None if finds.count() == 0 => Err(NotFound::Nobody),
        None => Err(NotFound::NotOurs(finds.count())),
    }
}

async fn find_with(
    dialer: &Dialer,
    will_do: impl AsyncFn(&PeerUrl) -> bool,
    finds: &mut Finds,
    unfit: &mut usize,
) -> io::Result<Option<PeerUrl>> {
    let (mut mdns, begun) = (Mdns::new(IpAddr::from(Ipv6Addr::UNSPECIFIED), None), Instant::now());
    loop {
        let now = Moment::default() + begun.elapsed();
        if let Some(url) = finds.poll_dial(now, None, |_| false) {
            let outcome = tokio::time::timeout(PROOF, dial(dialer, &url)).await.unwrap_or(Outcome::Unreachable);
            if let Outcome::Proved(url) = &outcome {
                if tokio::time::timeout(PROOF, will_do(url)).await.unwrap_or(false) {
                    return Ok(Some(url.clone()));
                }
                *unfit += 1;
            }
            finds.handle_dialed(now, outcome);
            continue;
        }
        match tokio::time::timeout_at((begun + SEARCH).into(), mdns.next()).await {
            Ok(Ok(Event::Found(found))) => handle(finds, now, found),
            Ok(event) => drop(event?),
            Err(_) => return Ok(None),
        }
    }
}

fn handle(finds: &mut Finds, now: Moment, found: Found) {
    let urls = urls(&found);
    finds.handle_found(now, found.name, urls, found.mark);
}

/// Where a node says to be, as far as that is at a port where a call does no harm.
fn urls(found: &Found) -> Vec<PeerUrl> {
    let urls = found.addresses.iter().filter_map(|address| url_of(SocketAddr::new(*address, found.port)));
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
