//! The handle of a running node: everything its rooms share, behind one short lock. It runs nothing by itself.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::bridge::PeerInfo;
use shared::{Answer, Call, Caller, Entry, Fault, Host, MemberState, Moment, PeerUrl, Scope, SharedPath};
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::aside::Asides;
use crate::bridge::{Door, Identity, KnownNodes};
use crate::desk::PeerBroadcast;
use crate::dial::Dialer;
use crate::drop_box::DropBox;
use crate::fetchers::Fetchers;
use crate::folder::{self, Change, Contents, Share};
use crate::follow::{Callers, Replicas};
use crate::known_peers::KnownPeers;
use crate::lock::LockExt;
use crate::names::OwnNames;
use crate::source::{Audiences, OpenFileCache, Relays};
use crate::swim::Membership;
use crate::tabs::{self, Tabs};
use crate::ticket::{Grant, Owner, Ticket, Tickets};

/// Downloads of larger files at once: so many that slow readers, who hold a place for long, leave some for others.
const STREAMS: usize = 512;
/// How many of these read ahead generously; the others make do with little, so that all together hold some 60 MiB.
const GENEROUS_STREAMS: usize = 64;

/// A node, listening or about to.
#[derive(Debug)]
pub struct Node {
    /// Random per process: by it a node recognises itself. Its text is asked for with every answer.
    id: String,
    identity: Identity,
    name: String,
    url: PeerUrl,
    names: OwnNames,
    share: Arc<Share>,
    open_cache: Arc<OpenFileCache>,
    contents: Arc<Contents>,
    /// Behind one short lock, never held across an await.
    host: Mutex<Host>,
    /// Likewise, of its own: a download must not wait for a caller, nor a caller for a download.
    tickets: Mutex<Tickets>,
    started: Instant,
    door: Door,
    known: KnownNodes,
    streams: Arc<Semaphore>,
    dialer: Dialer,
    /// Where members put files, if they may.
    drop_box: Option<DropBox>,
    known_peers: KnownPeers,
    tabs: Tabs,
    relays: Relays,
    /// Who reads the same file of somebody else's through this node.
    audiences: Audiences,
    told: PeerBroadcast,
    /// Nodes that have a session with us.
    callers: Callers,
    /// What is held of the catalogs of others.
    replicas: Replicas,
    /// Who fetches which content.
    fetchers: Fetchers,
    /// What tabs fetch beside their sessions.
    asides: Asides,
    /// Something may have changed of who is there, or of what we and our tabs share.
    changes: watch::Sender<()>,
    membership: Membership,
    /// Somebody named peers that may be new.
    roster_changed: Notify,
    /// Whether the first look through the folder has ended.
    is_looked_through: watch::Sender<bool>,
}

/// What a node is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) name: String,
    /// What it tells others.
    pub(crate) url: PeerUrl,
    pub(crate) names: OwnNames,
    pub(crate) share: Share,
    pub(crate) host: Host,
    pub(crate) known: KnownNodes,
    /// Asks peers: over the bridge, or those of 2004 by XML-RPC.
    pub(crate) dialer: Dialer,
    /// Where members put files, if they may.
    pub(crate) drop_box: Option<DropBox>,
    pub(crate) membership: Membership,
}

/// How a call came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// Who calls.
    pub(crate) address: IpAddr,
    /// The `Host` header.
    pub(crate) host: Option<&'a str>,
    /// The path that was posted to.
    pub(crate) path: &'a str,
}

impl Node {
    /// A node of an empty catalog.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { identity, name, url, names, share, host, known, dialer, drop_box, membership } = parts;
        Self {
            id: identity.id().to_string(),
            identity,
            name,
            url,
            names,
            share: Arc::new(share),
            open_cache: Arc::default(),
            contents: Arc::default(),
            host: Mutex::new(host),
            tickets: Mutex::default(),
            started: Instant::now(),
            door: Door::default(),
            known,
            streams: Arc::new(Semaphore::new(STREAMS)),
            dialer,
            drop_box,
            known_peers: KnownPeers::default(),
            tabs: Tabs::default(),
            relays: Relays::default(),
            audiences: Audiences::default(),
            told: PeerBroadcast::default(),
            callers: Callers::default(),
            replicas: Replicas::default(),
            fetchers: Fetchers::default(),
            asides: Asides::default(),
            changes: watch::Sender::new(()),
            membership,
            roster_changed: Notify::new(),
            is_looked_through: watch::Sender::new(false),
        }
    }

    /// The random id of this process, 32 hexadecimal digits. No secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who it is in every handshake of the bridge.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Which other nodes speak the bridge.
    #[must_use]
    pub fn known(&self) -> &KnownNodes {
        &self.known
    }

    /// What it keeps at its door.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// What people see it called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL it tells others.
    #[must_use]
    pub fn url(&self) -> &PeerUrl {
        &self.url
    }

    /// Under which names it can be called.
    #[must_use]
    pub fn names(&self) -> &OwnNames {
        &self.names
    }

    /// The folder it shares.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.share.root()
    }

    /// Answers one call of `f`, or of something that is allowed like it.
    ///
    /// Whoever guessed too often is answered as if the token were wrong, whatever it is, until the wait is over: otherwise
    /// guessing would go on, and the right answer would still be seen. So is everybody where the protocol of 2004 is off.
    pub(crate) fn answer(&self, arrival: Arrival<'_>, token: &str, call: Result<Call, Fault>) -> Result<Answer, Fault> {
        let teaches = matches!(&call, Ok(Call::Exchange(urls)) if !urls.is_empty());
        let called = self.names.called(arrival.host, arrival.path);
        let caller = Caller { scope: Scope::of_address(arrival.address).unwrap_or(Scope::Lan), called: &called, token };
        let asked = tabs::asked_at(self, arrival.path);
        let guess = || self.door.guesses(|guesses| guesses.take(self.now(), arrival.address).ok());
        let Some(guess) = self.identity.legacy().then(guess).flatten() else {
            // The token is looked at all the same, so that the time tells nothing.
            let _whatever_it_is = self.with_host(|host, _| host.admits(&asked, caller));
            tracing::debug!(address = %arrival.address, "a call with a token was refused unseen");
            return Ok(Answer::Refused);
        };
        let answer = self.with_host(|host, now| host.answer(now, &asked, caller, call));
        if matches!(answer, Ok(Answer::Refused)) {
            tracing::info!(address = %arrival.address, "a call with a wrong token was refused");
        } else {
            self.door.guesses(|guesses| guesses.right(self.now(), guess));
        }
        if teaches && matches!(answer, Ok(Answer::Peers(_))) {
            self.rouse_roster();
        }
        answer
    }

    /// The time since the node was made.
    pub(crate) fn now(&self) -> Moment {
        Moment::default() + self.started.elapsed()
    }

    /// Looks at or changes the state, briefly.
    pub(crate) fn with_host<T>(&self, work: impl FnOnce(&mut Host, Moment) -> T) -> T {
        work(&mut self.host.locked(), self.now())
    }

    /// An owner of tickets unlike all before: a session that begins.
    pub fn new_ticket_owner(&self) -> Owner {
        self.tickets().new_owner()
    }

    /// A new ticket for a file.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn mint_ticket(&self, owner: Owner, grant: Grant) -> Result<Ticket, getrandom::Error> {
        self.tickets().mint(self.now(), owner, grant)
    }

    /// What a ticket gives, if it is good.
    pub fn redeem_ticket(&self, ticket: Ticket) -> Option<Arc<Grant>> {
        self.tickets().redeem(self.now(), ticket)
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.locked()
    }

    /// The peers that live in browsers.
    #[must_use]
    pub fn tabs(&self) -> &Tabs {
        &self.tabs
    }

    /// What is known of other peers besides that they are there.
    #[must_use]
    pub fn known_peers(&self) -> &KnownPeers {
        &self.known_peers
    }

    /// Calls other peers.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Whether files can be put into the folder, as far as its permissions go.
    pub(crate) fn can_be_written(&self) -> bool {
        #[cfg(unix)]
        {
            let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            rustix::fs::access(self.folder(), access).is_ok()
        }
        #[cfg(not(unix))]
        {
            !std::fs::metadata(self.folder()).is_ok_and(|folder| folder.permissions().readonly())
        }
    }

    /// Where members put files, if they may.
    pub(crate) fn drop_box(&self) -> Option<&DropBox> {
        self.drop_box.as_ref()
    }

    /// Memory for files that pass through.
    pub(crate) fn relays(&self) -> &Relays {
        &self.relays
    }

    /// Who reads the same file of somebody else's through this node.
    pub(crate) fn audiences(&self) -> &Audiences {
        &self.audiences
    }

    /// What tabs are told of who is there.
    pub(crate) fn told(&self) -> &PeerBroadcast {
        &self.told
    }

    /// Nodes that have a session with us.
    pub(crate) fn callers(&self) -> &Callers {
        &self.callers
    }

    /// What is held of the catalogs of others.
    pub(crate) fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// What tabs fetch beside their sessions.
    pub(crate) fn asides(&self) -> &Asides {
        &self.asides
    }

    /// Who fetches which content at this moment.
    pub(crate) fn fetchers(&self) -> &Fetchers {
        &self.fetchers
    }

    /// Which process this is, to who follows it: revisions of another one say nothing.
    pub(crate) fn epoch(&self) -> u64 {
        self.identity.id().0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Who is alive among nodes, by what they tell each other over UDP.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Something may have changed: who is there, what they are called, what we and our tabs share.
    pub(crate) fn peers_changed(&self) {
        self.told.changed();
        self.changes.send_replace(());
    }

    /// Tells whenever something may have changed of this.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whether a peer speaks the bridge. Who is not known to does not.
    pub(crate) fn is_modern(&self, peer: &PeerUrl) -> bool {
        self.dialer.links().has(peer) || self.known_peers.is_modern(peer)
    }

    /// What the roster says of a peer; none where it has not heard of it.
    #[must_use]
    pub fn state_of(&self, peer: &PeerUrl) -> Option<MemberState> {
        self.with_host(|host, _| host.roster().state_of(peer))
    }

    /// Takes over what `from`, a node that proved the password to us, says of a peer.
    pub fn learn_about(&self, from: &PeerUrl, said: &PeerInfo) {
        if self.known_peers.learn(from, said, |url| self.state_of(url).is_some()) {
            self.peers_changed();
        }
    }

    /// Somebody named peers that may be new.
    pub(crate) fn rouse_roster(&self) {
        self.roster_changed.notify_one();
    }

    /// Waits until somebody names peers that may be new.
    pub(crate) async fn roster_changed(&self) {
        self.roster_changed.notified().await;
    }

    /// The folder's files.
    pub(crate) fn share(&self) -> Arc<Share> {
        Arc::clone(&self.share)
    }

    /// Those of its files that were opened a moment ago.
    pub(crate) fn open_cache(&self) -> &Arc<OpenFileCache> {
        &self.open_cache
    }

    /// What they hold, as far as that is known.
    pub(crate) fn contents(&self) -> &Arc<Contents> {
        &self.contents
    }

    /// Whether so few downloads are under way that one more can read ahead generously.
    pub(crate) fn is_calm(&self) -> bool {
        self.streams.available_permits() > STREAMS - GENEROUS_STREAMS
    }

    /// A place among the downloads that are served at once.
    pub(crate) async fn places(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.streams).acquire_owned().await
    }

    /// Makes changes that were found in the folder.
    pub(crate) fn apply(&self, changes: Vec<Change>) {
        let is_looked_through = changes.iter().any(|change| matches!(change, Change::LookedThrough));
        self.with_host(|host, _| {
            if let Some(catalog) = host.catalog_mut(&self.url) {
                folder::apply(changes, catalog);
            }
        });
        if is_looked_through {
            self.is_looked_through.send_replace(true);
        }
        self.peers_changed();
    }

    /// What is to be inspected next.
    pub(crate) fn unknown_after(&self, after: Option<&SharedPath>, most: usize) -> Vec<(SharedPath, Entry)> {
        // One that is unknown may be behind a million that are not: nobody waits for the lock meanwhile.
        let catalog = self.with_host(|host, _| host.catalog(&self.url));
        catalog.unknown_after(after, most)
    }

    /// What is to be hashed next, and where to go on after that.
    pub(crate) fn unidentified_after(
        &self,
        after: Option<&SharedPath>,
        most: usize,
        looks: usize,
    ) -> (Vec<(SharedPath, Entry)>, Option<SharedPath>) {
        self.with_host(|host, _| host.catalog(&self.url).unidentified_after(after, most, looks))
    }

    /// What is known of a file of its own.
    pub(crate) fn entry(&self, path: &SharedPath) -> Option<Entry> {
        self.with_host(|host, _| host.entry(&self.url, path))
    }

    /// Whether the first look through the folder is over.
    pub(crate) fn is_looked_through(&self) -> bool {
        *self.is_looked_through.borrow()
    }

    /// Waits until the first look through the folder is over, but not longer than `patience`: who asks a node that was just
    /// started shall not take a part for the whole.
    pub(crate) async fn wait_for_the_first_look(&self, patience: Duration) {
        let mut looked = self.is_looked_through.subscribe();
        // Too long is no error: what has been found by now is listed.
        let _in_time = tokio::time::timeout(patience, looked.wait_for(|is_over| *is_over)).await;
    }
}
