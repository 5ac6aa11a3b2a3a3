//! What a node answers in a session of the bridge, whoever opened it: a tab, a command, or another node.
//!
//! ```text
//! welcome (they dialed) ─┐
//!                        ├─ HELLO both ways ─► Desk: Exchange, Members, Search, Read, ReadMany, Outline, Ticket, Collect, Follow, Swarm, Put
//! call    (we dialed) ───┘                     tabs besides: Address, Offer, Peers
//! ```
//!
//! The session proves the password, so nothing in here asks for a token. What an end may ask follows from what it said it
//! is: the whole pool is searched, and files of others are read, for tabs and commands only, or requests would circle.

mod exchange;
mod follow;
mod members;
mod outline;
mod peers;
mod pool;
mod put;
mod read;
mod read_many;
mod refusal;
mod search;
mod session;
mod swarm;
mod ticket;
mod told;

use std::sync::Arc;
use std::time::Duration;

use shared::PeerUrl;
use shared::bridge::{Hello, Role, Side};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bridge::Opened;
use crate::link::{Ended, Link};
use crate::node::Node;
use session::Desk;

pub(crate) use told::{PeerBroadcast, tell_who_is_there};

/// By when the other end must have said who it is.
const HELLO: Duration = Duration::from_secs(10);

/// Attends to a session that somebody opened with us, until it ends or `shutdown`.
pub(crate) async fn welcome(node: Arc<Node>, opened: Opened, shutdown: CancellationToken) {
    let (desk, ended) = begin(&node, opened, Side::Responder, None);
    attend(&node, &desk, ended, shutdown).await;
}

/// Begins a session that we opened with the node at `peer`: it may ask as well as be asked. The session is attended to in a
/// task of its own, until it ends.
pub(crate) fn call(node: Arc<Node>, opened: Opened, peer: &PeerUrl) -> Link {
    let (desk, ended) = begin(&node, opened, Side::Initiator, Some(peer.clone()));
    let link = desk.link().clone();
    // It ends with the dialer's sessions.
    tokio::spawn(async move { attend(&node, &desk, ended, CancellationToken::new()).await });
    link
}

fn begin(node: &Arc<Node>, opened: Opened, side: Side, dialed: Option<PeerUrl>) -> (Arc<Desk>, JoinHandle<Ended>) {
    let Opened { session, socket, address } = opened;
    let desk = |link: &Link| Arc::new(Desk::new(Arc::clone(node), link.clone(), address, dialed));
    let (_, desk, ended) = Link::start_with(session, socket, side, desk);
    if !desk.link().say_first(hello(node)) {
        desk.link().close();
    }
    (desk, ended)
}

/// Who we are.
fn hello(node: &Node) -> Hello {
    Hello {
        role: Role::Node,
        name: node.name().to_owned(),
        program: concat!("tinyp2p/", env!("CARGO_PKG_VERSION")).to_owned(),
        url: Some(node.url().to_string()),
        tab: None,
    }
}

/// Closes a session when nobody attends to it any more.
struct Closes<'a>(&'a Link);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Says what the other end must be told without asking, until the session ends.
async fn attend(node: &Node, desk: &Desk, ended: JoinHandle<Ended>, shutdown: CancellationToken) {
    let _closes = Closes(desk.link());
    let talking = async {
        match tokio::time::timeout(HELLO, desk.introduced()).await {
            Ok(()) => told::tell(node, desk).await,
            Err(_) => tracing::debug!(address = %desk.address(), "a session was opened and nothing said"),
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = desk.link().closed() => {}
        () = talking => {}
    }
    desk.link().close();
    match ended.await {
        Ok(why) => tracing::debug!(address = %desk.address(), %why, "a session ended"),
        Err(error) => tracing::error!(%error, "a session failed"),
    }
}
