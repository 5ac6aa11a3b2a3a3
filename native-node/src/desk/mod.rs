//! What a node answers in a session of the bridge, whoever opened it: a tab, a command, or another node.
//!
//! ```text
//! welcome (they dialed) ─┐
//!                        ├─ HELLO both ways ─► Desk: Exchange, Search, Read, ReadMany, Ticket
//! call    (we dialed) ───┘                     tabs besides: Address, Offer, Peers
//! ```
//!
//! The session proves the password, so nothing in here asks for a token. What an end may ask follows from what it said it
//! is: the whole pool is searched, and files of others are read, for tabs and commands only, or requests would circle.

mod exchange;
mod peers;
mod pool;
mod read;
mod read_many;
mod refusal;
mod search;
mod session;
#[cfg(test)]
mod tests;
mod ticket;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::PeerUrl;
use shared::bridge::{Hello, Role, Session, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;

use crate::link::{Ended, Link};
use crate::node::Node;
use session::Desk;

pub(crate) use told::{Told, tell_who_is_there};

/// By when the other end must have said who it is.
const HELLO: Duration = Duration::from_secs(10);

/// Attends to a session that somebody at `address` opened with us, until it ends or `shutdown`.
pub async fn welcome<S>(
    node: Arc<Node>,
    session: Session,
    socket: WebSocketStream<S>,
    address: SocketAddr,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut made = None;
    let (link, ended) = Link::start_with(session, socket, Side::Responder, |link| {
        Arc::clone(made.insert(Arc::new(Desk::new(Arc::clone(&node), link.clone(), address, None))))
    });
    let (Some(desk), true) = (made, link.say(hello(&node)).await.is_ok()) else { return };
    attend(&node, &desk, ended, shutdown).await;
}

/// Begins a session that we opened with the node at `peer`, which answered at `address`: it may ask as well as be asked. The
/// session is attended to in a task of its own, until it ends or `shutdown`.
pub async fn call<S>(
    node: Arc<Node>,
    session: Session,
    socket: WebSocketStream<S>,
    peer: &PeerUrl,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Link
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut made = None;
    let (link, ended) = Link::start_with(session, socket, Side::Initiator, |link| {
        Arc::clone(made.insert(Arc::new(Desk::new(Arc::clone(&node), link.clone(), address, Some(peer.clone())))))
    });
    // Over already is noticed by whoever asks.
    let _over = link.say(hello(&node)).await;
    if let Some(desk) = made {
        tokio::spawn(async move { attend(&node, &desk, ended, shutdown).await });
    }
    link
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
