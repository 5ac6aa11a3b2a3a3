//! From a configuration to a running node: listen, prepare, run. Every test that needs a node inside its own process
//! starts it here, as the command line does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use shared::{Host, Moment, Password, PeerUrl, Roster, Scope};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::bridge::{Identity, IdentityError, KnownNodes};
use crate::desk;
use crate::dial::{Dialer, LegacyDialer, Links};
use crate::discover::{self, Discovery};
use crate::drop_box::{DropBox, DropBoxLimits};
use crate::folder::{self, FolderError, Share, ShareOptions};
use crate::follow;
use crate::http::{self, ServeLimits};
use crate::members;
use crate::names::OwnNames;
use crate::node::{Node, Parts};
use crate::swim;

/// Connections that wait to be accepted. The original's five made every burst of callers fail.
const BACKLOG: u32 = 4_096;

/// How long the goodbye to other nodes may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often it is looked whether this machine has other addresses, and how often in a row it must.
const LOOK: Duration = Duration::from_secs(5);
const LOOKS: u32 = 4;

/// What a node is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// The one password.
    pub password: Password,
    /// Whether the protocol of 2004 is spoken, beside the bridge.
    pub legacy: bool,
    /// The password for peers of 2004, where it is another one: whoever sees a token can guess what it was made of.
    pub legacy_password: Option<Password>,
    /// The folder to share.
    pub dir: PathBuf,
    /// The URL others reach it by; found out where none is given.
    pub url: Option<PeerUrl>,
    /// Peers to join.
    pub join: Vec<PeerUrl>,
    /// Whether it is found by other nodes on its network, and looks for them. Never so on loopback.
    pub discovery: Discovery,
    /// What people see it called; the machine's name where none is given.
    pub name: Option<String>,
    /// Further host names it may be called by.
    pub aliases: Vec<String>,
    /// Whether names that begin with a dot are shared.
    pub hidden: bool,
    /// How much members may put into the folder; none: nothing.
    pub drop_box: Option<DropBoxLimits>,
    /// A folder to serve the page from, instead of the one built in.
    pub www: Option<PathBuf>,
    /// The folder to remember things in between runs, instead of the person's own.
    pub state: Option<PathBuf>,
    /// Deadlines and bounds of the server.
    pub limits: ServeLimits,
}

impl Config {
    /// A node that shares `dir` and joins nobody.
    #[must_use]
    pub fn new(password: Password, dir: impl Into<PathBuf>) -> Self {
        Self {
            password,
            legacy: true,
            legacy_password: None,
            dir: dir.into(),
            url: None,
            join: Vec::new(),
            discovery: Discovery::Off,
            name: None,
            aliases: Vec::new(),
            hidden: false,
            drop_box: None,
            www: None,
            state: None,
            limits: ServeLimits::default(),
        }
    }
}

/// Why a node cannot be.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}{hint}", hint = hint_for(.1))]
    Bind(SocketAddr, std::io::Error),
    /// The listener has no address.
    #[error("cannot tell on which address the node listens: {0}")]
    Listener(std::io::Error),
    /// The folder cannot be shared.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The operating system gives no thread to watch the folder with.
    #[error("the folder cannot be watched: {0}")]
    Watch(std::io::Error),
    /// The operating system gives no thread to save with.
    #[error("cannot start to save: {0}")]
    Thread(std::io::Error),
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The password cannot be prepared.
    #[error(transparent)]
    Identity(#[from] IdentityError),
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

/// What to do about it.
fn hint_for(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; take another --port, or name none",
        std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address, see --bind",
        std::io::ErrorKind::PermissionDenied => "; take a --port from 1024 on",
        _ => "",
    }
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

/// A node that is ready to run, and whom it can already be announced to.
#[derive(Debug)]
pub struct Prepared {
    node: Arc<Node>,
    listener: TcpListener,
    /// For datagrams, where there is one to be had.
    socket: Option<UdpSocket>,
    join: Vec<PeerUrl>,
    discovery: Discovery,
    bound: SocketAddr,
    www: Option<PathBuf>,
    limits: ServeLimits,
    /// Whether its URL is true whatever addresses this machine has.
    is_fixed: bool,
}

/// Prepares a node for a listener. It shares nothing and calls nobody until [`Prepared::run`].
///
/// # Errors
/// See [`NodeError`].
pub async fn prepare(config: Config, listener: TcpListener) -> Result<Prepared, NodeError> {
    let bound = listener.local_addr().map_err(NodeError::Listener)?;
    let is_fixed = config.url.is_some() || !bound.ip().is_unspecified();
    let names = OwnNames::new(bound, config.aliases, config.url.as_ref());
    let url = config.url.or_else(|| names.urls().into_iter().next()).ok_or(NodeError::NoUrl)?;
    let machine = || gethostname::gethostname().to_string_lossy().into_owned();
    let share = Share::open(&config.dir, ShareOptions { hidden: config.hidden })?;
    let identity = Identity::begin(&config.password, config.legacy)?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed)?;
    let mut roster = Roster::new(url.clone(), u64::from_le_bytes(seed));
    for other in names.urls() {
        roster.add_own(other);
    }
    for seed in config.join.iter().cloned() {
        roster.add_seed(Moment::default(), seed);
    }
    let password_of_2004 = config.legacy_password.unwrap_or(config.password);
    let old = LegacyDialer::new(config.legacy.then(|| password_of_2004.clone()));
    let host = Host::new(password_of_2004, url.clone(), roster);
    let state = config.state;
    let known = move || state.map_or_else(KnownNodes::of_this_person, |folder| KnownNodes::at(Some(folder)));
    let known = tokio::task::spawn_blocking(known).await.map_err(|_| IdentityError::Ending)?;
    let name = config.name.unwrap_or_else(machine);
    let drop_box = config.drop_box.map(DropBox::start).transpose().map_err(NodeError::Thread)?;
    let (membership, socket) = swim::open(bound, &url, &names).await?;
    let node = Arc::new_cyclic(|node: &Weak<Node>| {
        let node = Weak::clone(node);
        let start = move |opened, url: &PeerUrl| Some(desk::call(node.upgrade()?, opened, url));
        let links = Links::new(identity.clone(), known.clone(), Arc::new(start));
        config.join.iter().for_each(|url| links.typed(url));
        let dialer = Dialer::new(links, old);
        Node::new(Parts { identity, name, url, names, share, host, known, dialer, drop_box, membership })
    });
    let Config { join, discovery, www, limits, .. } = config;
    Ok(Prepared { node, listener, socket, join, discovery, bound, www, limits, is_fixed })
}

impl Prepared {
    /// The node, to be announced.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Whether other nodes on its network can find it.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.discovery != Discovery::Off && discover::is_possible(self.bound)
    }

    /// Serves as [`Prepared::run`], and ends, too, once others cannot reach the node by its URL any more because this machine has
    /// another address: it moved to another network, or got one at last. Whether it did; it is to be prepared anew then, on a
    /// listener at the same address. Where the URL was given, or the listener has one address, nothing moves.
    ///
    /// # Errors
    /// See [`Prepared::run`].
    pub async fn run_here(self, shutdown: &CancellationToken) -> Result<bool, NodeError> {
        let (node, here) = (Arc::clone(&self.node), shutdown.child_token());
        let (is_fixed, ended) = (self.is_fixed, here.clone());
        let running = self.run(here);
        tokio::pin!(running);
        let moved = async {
            if is_fixed {
                std::future::pending::<()>().await;
            }
            moved(&node).await;
        };
        tokio::select! {
            ended = running.as_mut() => return ended.map(|()| false),
            () = moved => ended.cancel(),
        }
        running.await.map(|()| !shutdown.is_cancelled())
    }

    /// Serves, watches the folder and gossips, until `shutdown`.
    ///
    /// # Errors
    /// When the folder cannot be watched at all, or the password not prepared.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), NodeError> {
        // Its threads end when this is dropped.
        let _watching = watch_folder(&self.node).map_err(NodeError::Watch)?;
        let _identifying = identify_files(&self.node).map_err(NodeError::Watch)?;
        let routes = http::routes(Arc::clone(&self.node), self.www);
        // It serves while it joins: two that join through each other never wait for each other.
        let telling = tokio::spawn(desk::tell_who_is_there(Arc::clone(&self.node)));
        let gossip = tokio::spawn(members::keep(Arc::clone(&self.node), self.join, shutdown.clone()));
        let following = tokio::spawn(follow::keep(Arc::clone(&self.node), shutdown.clone()));
        let swimming = tokio::spawn(swim::keep(Arc::clone(&self.node), self.socket, shutdown.clone()));
        let discovering = discover::keep(Arc::clone(&self.node), self.discovery, self.bound, shutdown.clone());
        let discovering = tokio::spawn(discovering);
        // It serves while the password is prepared, too: only a handshake has to wait for it.
        let ended = tokio::select! {
            () = http::serve(self.listener, routes, self.limits, shutdown) => Ok(()),
            Err(error) = self.node.identity().prepared() => Err(error.into()),
        };
        following.abort();
        gossip.abort();
        // They say goodbye, which takes no time.
        let _said = tokio::time::timeout(GOODBYE, futures_util::future::join(swimming, discovering)).await;
        telling.abort();
        self.node.dialer().links().close();
        ended
    }
}

/// Waits until a node that is started now would go by another URL, for a while. That this machine is on no network is no reason.
async fn moved(node: &Node) {
    let mut looks = 0;
    while looks < LOOKS {
        tokio::time::sleep(LOOK).await;
        let is_other = |url: &PeerUrl| url != node.url() && Scope::of_url(url) != Some(Scope::Loopback);
        looks = if node.names().urls().first().is_some_and(is_other) { looks + 1 } else { 0 };
    }
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
        // Not before: the first look wants the disk for itself.
        if at_watch.is_looked_through() {
            at_watch.contents().wake();
        }
    })
}

/// Finds out in the background what each file holds.
fn identify_files(node: &Arc<Node>) -> std::io::Result<folder::Identifying> {
    let (at_next, at_entry, at_publish) = (Arc::clone(node), Arc::clone(node), Arc::clone(node));
    folder::identify(
        node.share(),
        Arc::clone(node.contents()),
        node.known().folder().map(Path::to_owned),
        move |after, most, looks| at_next.unidentified_after(after, most, looks),
        move |path| at_entry.entry(path),
        move |changes| at_publish.apply(changes),
    )
}
