//! What tabs are told without asking: their own address, and who is there.
//!
//! Who is there is put together once for all tabs, at most every [`PEERS_EVERY`] or so, and sent on only where it changed.

use std::sync::Arc;

use shared::bridge::{Address, PeerInfo, Peers};
use shared::limits::PEERS_EVERY;
use tokio::sync::{Notify, watch};

use super::peers::infos;
use super::session::Desk;
use crate::node::Node;

/// Peers of a list that is told as often as may be; one of twice as many half as often.
const SHORT: u32 = 64;

/// Who is there, as tabs are told it.
#[derive(Debug)]
pub(crate) struct PeerBroadcast {
    changed: Notify,
    peers: watch::Sender<Arc<Vec<PeerInfo>>>,
}

impl Default for PeerBroadcast {
    fn default() -> Self {
        Self { changed: Notify::new(), peers: watch::Sender::default() }
    }
}

impl PeerBroadcast {
    /// Something may have changed.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Puts together who is there, whenever that may have changed. It never ends.
pub(crate) async fn tell_who_is_there(node: Arc<Node>) {
    let told = node.told();
    loop {
        let peers = now(&node);
        told.peers.send_if_modified(|before| {
            let is_news = !is_same(before, &peers);
            if is_news {
                *before = Arc::new(peers);
            }
            is_news
        });
        // What is long is told to many: less often.
        let length = u32::try_from(told.peers.borrow().len()).unwrap_or(u32::MAX);
        tokio::time::sleep(PEERS_EVERY * (1 + length / SHORT)).await;
        told.changed.notified().await;
    }
}

/// Tells one session, until it ends; only tabs are told.
pub(super) async fn tell(node: &Node, desk: &Desk) {
    if !desk.is_of_tab() {
        return desk.link().closed().await;
    }
    if let Some(tab) = desk.tab()
        && desk.link().say(Address { url: tab.url().to_string() }).await.is_err()
    {
        return;
    }
    let mut peers = node.told().peers.subscribe();
    // Before anything changes, so that nobody waits for it. What changes from here on is told, too, be it twice.
    let mut next = Arc::new(now(node));
    loop {
        if desk.link().say(Peers { peers: next.as_ref().clone() }).await.is_err() || peers.changed().await.is_err() {
            return;
        }
        next = Arc::clone(&peers.borrow_and_update());
    }
}

fn now(node: &Node) -> Vec<PeerInfo> {
    let live: Vec<_> = node.with_host(|host, _| host.roster().live().cloned().collect());
    infos(node, &live, node.url())
}

/// Whether two are the same but for the time that passed.
fn is_same(before: &[PeerInfo], now: &[PeerInfo]) -> bool {
    let timeless = |info: &PeerInfo| PeerInfo { here_ms: 0, ..info.clone() };
    before.len() == now.len() && before.iter().zip(now).all(|(before, now)| timeless(before) == timeless(now))
}
