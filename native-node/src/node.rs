//! The handle of a running node: everything its rooms share, and nothing that runs by itself but [`run`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::{Answer, Call, Caller, Entry, Fault, Host, Moment, Password, PeerUrl, Roster, Scope, SharedPath};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::dial::Dialer;
use crate::folder::{self, Change, FolderError, Share, ShareOptions};
use crate::http::{self, CallContext, ServeLimits};
use crate::members;
use crate::names::OwnNames;

/// Downloads of larger files at once; each holds half a megabyte.
const STREAMS: usize = 64;
/// Connections that wait to be accepted. The original's five made every burst of callers fail.
const BACKLOG: u32 = 4_096;

/// What a node is to be.
#[derive(Debug)]
pub struct Config {
    /// The one password.
    pub password: Password,
    /// The folder to share.
    pub dir: PathBuf,
    /// The URL others reach it by; found out where none is given.
    pub url: Option<PeerUrl>,
    /// Peers to join.
    pub join: Vec<PeerUrl>,
    /// What people see it called; the machine's name where none is given.
    pub name: Option<String>,
    /// Further host names it may be called by.
    pub aliases: Vec<String>,
    /// Whether names that begin with a dot are shared.
    pub hidden: bool,
    /// A folder to serve the page from, instead of the one built in.
    pub www: Option<PathBuf>,
    /// Deadlines and bounds of the server.
    pub limits: ServeLimits,
}

impl Config {
    /// A node that shares `dir` and joins nobody.
    #[must_use]
    pub fn new(password: Password, dir: impl Into<PathBuf>) -> Self {
        Self {
            password,
            dir: dir.into(),
            url: None,
            join: Vec::new(),
            name: None,
            aliases: Vec::new(),
            hidden: false,
            www: None,
            limits: ServeLimits::default(),
        }
    }
}

/// Why a node cannot be.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// The folder cannot be shared.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The operating system gives no thread to watch the folder with.
    #[error("the folder cannot be watched: {0}")]
    Watch(std::io::Error),
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The listener's own address is no URL.
    #[error("this node has no address that could be a URL; give it one with --url")]
    NoUrl,
}

impl NodeError {
    /// Whether another program has the port.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Bind(_, error) if error.kind() == std::io::ErrorKind::AddrInUse)
    }
}

/// A node, listening or about to.
#[derive(Debug)]
pub struct Node {
    /// Random per process: by it a node recognises itself.
    id: String,
    name: String,
    url: PeerUrl,
    names: OwnNames,
    folder: PathBuf,
    www: Option<PathBuf>,
    limits: ServeLimits,
    dialer: Dialer,
    share: Arc<Share>,
    /// Behind one short lock, never held across an await.
    host: Mutex<Host>,
    started: Instant,
    streams: Arc<Semaphore>,
    /// Somebody named peers that may be new.
    roster_changed: Notify,
    /// Whether the first look through the folder has ended.
    looked: AtomicBool,
    /// Whether every file that can be inspected has been.
    inspected: watch::Sender<bool>,
}

/// Listens, with a queue for bursts.
///
/// # Errors
/// [`NodeError::Bind`], see [`NodeError::is_taken`].
pub fn bind(address: SocketAddr) -> Result<TcpListener, NodeError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A node that was just ended can be started again at once.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| NodeError::Bind(address, error))
}

/// Prepares a node for a listener. It shares nothing and calls nobody until [`run`].
///
/// # Errors
/// See [`NodeError`].
pub fn open(config: Config, listener: &TcpListener) -> Result<Arc<Node>, NodeError> {
    let bound = listener.local_addr().map_err(|error| NodeError::Bind(SocketAddr::from(([0, 0, 0, 0], 0)), error))?;
    let typed = config.url.iter().map(|url| url.host().to_owned());
    let names = OwnNames::new(bound, config.aliases.into_iter().chain(typed));
    let url = config.url.or_else(|| names.urls().into_iter().next()).ok_or(NodeError::NoUrl)?;
    let machine = || gethostname::gethostname().to_string_lossy().into_owned();
    let share = Share::open(&config.dir, ShareOptions { hidden: config.hidden })?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(NodeError::Randomness)?;
    let mut roster = Roster::new(url.clone(), u64::from_le_bytes(*random.first_chunk().unwrap_or(&[0; 8])));
    for other in names.urls() {
        roster.add_own(other);
    }
    for seed in config.join {
        roster.add_seed(Moment::default(), seed);
    }
    Ok(Arc::new(Node {
        id: random.iter().map(|byte| format!("{byte:02x}")).collect(),
        name: config.name.unwrap_or_else(machine),
        folder: config.dir.canonicalize().unwrap_or(config.dir),
        names,
        www: config.www,
        limits: config.limits,
        dialer: Dialer::new(config.password.clone()),
        share: Arc::new(share),
        host: Mutex::new(Host::new(config.password, url.clone(), roster)),
        url,
        started: Instant::now(),
        streams: Arc::new(Semaphore::new(STREAMS)),
        roster_changed: Notify::new(),
        looked: AtomicBool::new(false),
        inspected: watch::Sender::new(false),
    }))
}

/// Serves, watches the folder and gossips, until `shutdown`.
///
/// # Errors
/// When the folder cannot be watched at all.
pub async fn run(node: Arc<Node>, listener: TcpListener, shutdown: CancellationToken) -> Result<(), NodeError> {
    // Its threads end when these are dropped.
    let _watching = watch_folder(&node).map_err(NodeError::Watch)?;
    let routes = http::routes(Arc::clone(&node), node.www.clone());
    // It serves while it joins: two that join through each other never wait for each other.
    let gossip = tokio::spawn(members::keep(Arc::clone(&node), node.dialer.clone(), shutdown.clone()));
    http::serve(listener, routes, node.limits, shutdown).await;
    gossip.abort();
    Ok(())
}

/// Keeps the catalog true to the folder, and finds out in the background how each file can be sent.
fn watch_folder(node: &Arc<Node>) -> std::io::Result<folder::Watching> {
    let (at_next, at_publish, at_watch) = (Arc::clone(node), Arc::clone(node), Arc::clone(node));
    let inspecting = folder::inspect_unknown(
        node.share(),
        move |after, most| at_next.unknown_after(after, most),
        move |changes| at_publish.apply(changes),
    )?;
    folder::watch(node.share(), move |changes| {
        at_watch.apply(changes);
        inspecting.wake();
    })
}

impl Node {
    /// The random id of this process, 32 hexadecimal digits. No secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
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
        &self.folder
    }

    /// Answers one call of `f`, or of something that is allowed like it.
    pub(crate) fn answer(
        &self,
        context: &CallContext,
        token: &str,
        call: Result<Call, Fault>,
    ) -> Result<Answer, Fault> {
        let teaches = matches!(&call, Ok(Call::Exchange(urls)) if !urls.is_empty());
        let called = self.names.called(context.host.as_deref(), &context.path);
        let caller =
            Caller { scope: Scope::of_address(context.address.ip()).unwrap_or(Scope::Lan), called: &called, token };
        let answer = self.with_host(|host, now| host.answer(now, &self.url, caller, call));
        if teaches && matches!(answer, Ok(Answer::Peers(_))) {
            self.roster_changed.notify_one();
        }
        answer
    }

    /// Looks at or changes the state, briefly.
    pub(crate) fn with_host<T>(&self, work: impl FnOnce(&mut Host, Moment) -> T) -> T {
        let now = Moment(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        work(&mut self.host.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Waits until somebody names peers that may be new.
    pub(crate) async fn roster_changed(&self) {
        self.roster_changed.notified().await;
    }

    /// The folder's files.
    pub(crate) fn share(&self) -> Arc<Share> {
        Arc::clone(&self.share)
    }

    /// A place among the downloads that are served at once.
    pub(crate) async fn places(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.streams).acquire_owned().await
    }

    /// Makes changes that were found in the folder.
    fn apply(&self, changes: Vec<Change>) {
        let is_looked_through = changes.iter().any(|change| matches!(change, Change::LookedThrough));
        let brings_files = changes.iter().any(|change| matches!(change, Change::Upsert(..)));
        self.with_host(|host, _| {
            if brings_files {
                self.inspected.send_replace(false);
            }
            if is_looked_through {
                self.looked.store(true, Ordering::Relaxed);
            }
            if let Some(catalog) = host.catalog_mut(&self.url) {
                folder::apply(changes, catalog);
            }
        });
    }

    /// What the inspection is to look at next. Nothing more: all that can be inspected has been.
    fn unknown_after(&self, after: Option<&SharedPath>, most: usize) -> Vec<(SharedPath, Entry)> {
        self.with_host(|host, _| {
            let batch = host.catalog(&self.url).unknown_after(after, most);
            if batch.is_empty() && self.looked.load(Ordering::Relaxed) {
                self.inspected.send_replace(true);
            }
            batch
        })
    }

    /// Waits until the form of every file is known, but not longer than `patience`.
    pub(crate) async fn wait_until_inspected(&self, patience: Duration) {
        let mut inspected = self.inspected.subscribe();
        // Too long is no error: what is not known yet is left out.
        let _in_time = tokio::time::timeout(patience, inspected.wait_for(|done| *done)).await;
    }
}
