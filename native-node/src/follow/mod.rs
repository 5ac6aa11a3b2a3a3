//! The catalogs of the other nodes and of their tabs, followed over sessions that stand: a search of the pool is local.
//!
//! ```text
//! keep: who is there ─► one Follower a node ─► Follow over its session ─► Changes ─► Replica ─► Replicas ─► a search
//! ```
//!
//! A session stands while both nodes are there, is dialed again when it breaks, and is one for both directions ([`pair`]).
//! Beyond [`STANDING_SESSIONS`] nodes, and whatever is too much to be held, is searched live as ever.

mod follower;
mod pair;
mod replicas;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::PeerUrl;
use shared::bridge::TabId;
use shared::limits::STANDING_SESSIONS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::node::Node;

pub(crate) use pair::{Callers, Entered, proofs};
pub(crate) use replicas::Replicas;

/// Least time between two looks at who is there.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A node that is followed.
struct Followed {
    is_there: watch::Sender<bool>,
    task: AbortOnDropHandle<()>,
}

/// Follows whoever is there, until `shutdown`.
pub(crate) async fn keep(node: Arc<Node>, shutdown: CancellationToken) {
    let mut changed = node.changes();
    let mut followed = BTreeMap::<String, Followed>::new();
    loop {
        let there = nodes_there(&node);
        followed.retain(|authority, follower| {
            let now = there.iter().any(|url| url.authority() == authority);
            follower.is_there.send_if_modified(|is_there| std::mem::replace(is_there, now) != now);
            !follower.task.is_finished()
        });
        for url in there {
            if followed.len() >= STANDING_SESSIONS {
                break;
            }
            followed.entry(url.authority().to_owned()).or_insert_with(|| {
                let (is_there, at_there) = watch::channel(true);
                let following = follower::follow(Arc::clone(&node), url, at_there);
                Followed { is_there, task: AbortOnDropHandle::new(tokio::spawn(following)) }
            });
        }
        let look = async {
            tokio::time::sleep(LOOK_EVERY).await;
            changed.changed().await
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            looks = look => if looks.is_err() { return },
        }
    }
}

/// The modern nodes that are listed, each once, in the order of the roster.
fn nodes_there(node: &Node) -> Vec<PeerUrl> {
    let live: Vec<_> = node.with_host(|host, _| {
        let roster = host.roster();
        roster.live().filter(|url| !roster.is_own(url) && TabId::of_path(url.path()).is_none()).cloned().collect()
    });
    let mut nodes: Vec<PeerUrl> = Vec::new();
    for url in live {
        if node.is_modern(&url) && !nodes.iter().any(|known| known.authority() == url.authority()) {
            nodes.push(url);
        }
    }
    nodes
}
