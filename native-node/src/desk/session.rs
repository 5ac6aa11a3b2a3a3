//! One session's desk: who is at the other end, and which of its requests goes where.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use shared::bridge::{Hello, Message, PeerInfo, PeerKind, ResetCode, Role, TabId};
use shared::limits::{RELAY_BYTES, RELAYS_BYTES};
use shared::{PeerUrl, Printable, Scope, peer_name};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::refusal::Refusal;
use super::{exchange, follow, members, outline, put, read, read_many, search, swarm, ticket};
use crate::follow::Entered;
use crate::link::{Answer, Handler, Link};
use crate::node::Node;
use crate::source::SourceError;
use crate::tabs::{self, Tab, TabSession};
use crate::ticket::Owner;

/// What answers in one session.
#[derive(Debug)]
pub(super) struct Desk {
    node: Arc<Node>,
    link: Link,
    address: SocketAddr,
    /// The node that we dialed, where we did.
    dialed: Option<PeerUrl>,
    who: OnceLock<Who>,
    introduced: Notify,
    owner: Owner,
    searching: Semaphore,
    following: Semaphore,
    swarming: Semaphore,
    putting: Semaphore,
    reading: Semaphore,
    passing_on: Semaphore,
    batching: Semaphore,
}

/// Who follows a catalog in one session: one, and one more while it changes over.
const FOLLOWERS: usize = 2;
/// Contents that are fetched in one session at once, each told of twice for a moment.
const SWARMS: usize = 16;
/// Lists of files of one session that are fetched from it at once; further ones wait.
const PUTS: usize = 3;
/// Searches of one session that are under way at once; further ones wait.
const SEARCHES: usize = 4;

/// Files that are read in one session at once, and those of them that pass through from somebody else: who takes none of what
/// comes leaves places to other sessions. Further ones wait for so long.
const READS: usize = 128;
const PASSED_ON: usize = RELAYS_BYTES / RELAY_BYTES / 2;
/// The same for batches of small ones.
const BATCHES: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

/// Who said HELLO.
#[derive(Debug)]
struct Who {
    role: Role,
    name: Option<String>,
    /// For as long as a tab speaks here.
    stay: Option<TabSession>,
    /// For as long as a node that called us speaks here.
    _entered: Option<Entered>,
}

impl Desk {
    pub(super) fn new(node: Arc<Node>, link: Link, address: SocketAddr, dialed: Option<PeerUrl>) -> Self {
        let owner = node.new_ticket_owner();
        Self {
            node,
            link,
            address,
            dialed,
            who: OnceLock::new(),
            introduced: Notify::new(),
            owner,
            searching: Semaphore::new(SEARCHES),
            following: Semaphore::new(FOLLOWERS),
            swarming: Semaphore::new(SWARMS),
            putting: Semaphore::new(PUTS),
            reading: Semaphore::new(READS),
            passing_on: Semaphore::new(PASSED_ON),
            batching: Semaphore::new(BATCHES),
        }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How near the other end is.
    pub(super) fn scope(&self) -> Scope {
        Scope::of_address(self.address.ip()).unwrap_or(Scope::Lan)
    }

    /// Waits until the other end has said who it is.
    pub(super) async fn introduced(&self) {
        self.introduced.notified().await;
    }

    /// Whether the other end is a tab, with a URL or without.
    pub(super) fn is_of_tab(&self) -> bool {
        self.who.get().is_some_and(|who| who.role == Role::Tab)
    }

    /// The tab at the other end.
    pub(super) fn tab(&self) -> Option<&Arc<Tab>> {
        Some(self.who.get()?.stay.as_ref()?.tab())
    }

    /// Whose tickets are minted here. A tab's outlive the session: its browser goes on with a download after a reload.
    pub(super) fn owner(&self) -> Owner {
        self.tab().map_or(self.owner, |tab| tab.owner())
    }

    /// A place among the searches of this session: each holds some mebibytes of rows, and threads.
    pub(super) async fn place_to_search(&self) -> Option<SemaphorePermit<'_>> {
        self.searching.acquire().await.ok()
    }

    /// A place among the lists of files that are fetched from this session.
    pub(super) async fn place_to_put(&self) -> Option<SemaphorePermit<'_>> {
        self.putting.acquire().await.ok()
    }

    /// A place among the followers of this session: each remembers what it was told of each of our peers.
    pub(super) fn place_to_follow(&self) -> Option<SemaphorePermit<'_>> {
        self.following.try_acquire().ok()
    }

    /// A place among the contents that are fetched in this session.
    pub(super) fn place_to_swarm(&self) -> Option<SemaphorePermit<'_>> {
        self.swarming.try_acquire().ok()
    }

    /// A place among the files that are read in this session, which one that passes through needs two of.
    pub(super) async fn place_to_read(&self, is_passed_on: bool) -> Result<[Option<SemaphorePermit<'_>>; 2], Refusal> {
        let place = place_in(&self.reading).await?;
        let passing_on = if is_passed_on { Some(place_in(&self.passing_on).await?) } else { None };
        Ok([Some(place), passing_on])
    }

    /// A place among the batches that are read in this session.
    pub(super) async fn place_to_batch(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        place_in(&self.batching).await
    }

    /// Whether the other end is a command.
    pub(super) fn is_of_command(&self) -> bool {
        self.who.get().is_some_and(|who| who.role == Role::Command)
    }

    /// Whether the other end is a node.
    pub(super) fn is_of_node(&self) -> bool {
        self.who.get().is_some_and(|who| who.role == Role::Node)
    }

    /// Whether the other end may have us ask others: hop limit 1.
    pub(super) fn may_ask_others(&self) -> Result<(), Refusal> {
        match self.who.get().map(|who| who.role) {
            Some(Role::Tab | Role::Command) => Ok(()),
            _ => Err(Refusal::new(ResetCode::BAD_REQUEST, "a node asks other nodes itself (hop limit 1)")),
        }
    }

    /// Who reads, as shown to whoever holds the file: `said` by a node that reads for somebody, else the other end.
    pub(super) fn reader(&self, said: Option<&str>) -> String {
        let name = match self.tab() {
            Some(tab) => tab.name(),
            None => self.who.get().and_then(|who| who.name.clone()),
        };
        let name = name.unwrap_or_else(|| self.address.ip().to_string());
        match (said.and_then(peer_name), self.who.get().map(|who| who.role)) {
            (Some(reader), Some(Role::Node)) => reader,
            _ => name,
        }
    }

    /// HELLO: the first thing that is said, and once; a tab says it again when the person gives it another name.
    fn hello(&self, hello: Hello) {
        if let (Some(Who { stay: Some(stay), .. }), Role::Tab) = (self.who.get(), hello.role) {
            return stay.rename(peer_name(&hello.name));
        }
        let Hello { role, name, program, tab, .. } = hello;
        let name = peer_name(&name);
        let id = tab.filter(|_| role == Role::Tab && self.who.get().is_none()).and_then(|secret| TabId::of(&secret));
        let stay = id.and_then(|id| tabs::enter(&self.node, id, name.clone(), self.link.clone()));
        tracing::debug!(
            address = %self.address, ?role, program = %Printable::short(&program, 64),
            "a session's other end introduced itself"
        );
        if let Some(url) = self.dialed.as_ref().filter(|_| role == Role::Node) {
            let files = self.node.known_peers().of(url).and_then(|known| known.files);
            let (kind, name) = (PeerKind::Node, name.clone());
            let said = PeerInfo { url: url.to_string(), kind, name, here_ms: 0, files, itself: true, revision: None };
            self.node.learn_about(url, &said);
        }
        let is_caller = role == Role::Node && self.dialed.is_none() && self.who.get().is_none();
        let entered = is_caller.then(|| Entered::new(Arc::clone(&self.node), self.link.clone()));
        if self.who.set(Who { role, name, stay, _entered: entered }).is_err() {
            return self.link.close();
        }
        self.introduced.notify_one();
    }
}

async fn place_in(places: &Semaphore) -> Result<SemaphorePermit<'_>, Refusal> {
    let place = tokio::time::timeout(PATIENCE, places.acquire()).await.ok().and_then(Result::ok);
    place.ok_or_else(|| SourceError::Busy.into())
}

impl Handler for Desk {
    fn said(&self, message: Message) {
        match (message, self.who.get()) {
            (Message::Hello(hello), _) => self.hello(hello),
            (_, None) => self.link.close(),
            (Message::Offer(offer), Some(Who { stay: Some(stay), .. })) => stay.offered(offer),
            // Of no use here, or of a later version.
            _ => {}
        }
    }

    async fn asked(self: Arc<Self>, request: Message, answer: Answer) {
        if self.who.get().is_none() {
            return self.link.close();
        }
        match request {
            Message::Exchange(exchange) => exchange::answer(&self, exchange, answer).await,
            Message::Members(ask) => members::answer(&self, ask, answer).await,
            Message::Search(search) => search::answer(&self, search, answer).await,
            Message::Read(read) => read::answer(&self, read, answer).await,
            Message::ReadMany(read) => read_many::answer(&self, read, answer).await,
            Message::Outline(asked) => outline::answer(&self, asked, answer).await,
            Message::Follow(asked) => follow::answer(&self, asked, answer).await,
            Message::Swarm(asked) => swarm::answer(&self, asked, answer).await,
            Message::Put(put) => put::answer(&self, put, answer).await,
            Message::Ticket(ticket) => ticket::answer(&self, ticket, answer).await,
            Message::Collect(collect) => ticket::answer_for_archive(&self, collect, answer).await,
            _ => answer.fail(ResetCode::UNKNOWN, "this is no request"),
        }
    }
}
