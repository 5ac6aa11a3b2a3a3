//! The catalogs of the other nodes and of their tabs, followed over sessions that stand: a search of the pool is local.
//!
//! ```text
//! keep: who is there ─► one Follower a node ─► Follow over its session ─► Changes ─► Replica ─► Replicas ─► a search
//! ```
//!
//! Of a node that goes away it is kept what it shared, as last seen, until it is back, a day is over or the room is needed.
//!
//! A session stands while both nodes are there, is dialed again when it breaks, and is one for both directions ([`pair`]).
//! Beyond [`STANDING_SESSIONS`] nodes, and whatever is too much to be held, is searched live as ever.

mod follower;
mod pair;
mod replicas;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::bridge::TabId;
use shared::limits::STANDING_SESSIONS;
use shared::{Moment, PeerUrl};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::node::Node;

pub(crate) use pair::{Callers, Entered, proofs};
pub(crate) use replicas::{Away, Replicas};

/// Least time between two looks at who is there.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most time between two.
const LOOK_AT_LEAST: Duration = Duration::from_secs(10 * 60);

/// A node that is followed.
struct Followed {
    is_there: watch::Sender<bool>,
    task: AbortOnDropHandle<()>,
}

impl Followed {
    /// Takes note of whether the node is there now. Answers whether it is still to be followed so.
    fn look(&self, replicas: &Replicas, authority: &str, is_there: bool, now: Moment) -> bool {
        let was_there = *self.is_there.borrow();
        // Away already, and nothing is held of it any more: there is nothing to go on with.
        let has_what_to_go_on_with = match (was_there, is_there) {
            (true, false) => {
                replicas.leave(authority, now);
                true
            }
            (false, true) => replicas.back(authority),
            (false, false) => replicas.has(authority),
            (true, true) => true,
        };
        self.is_there.send_if_modified(|before| std::mem::replace(before, is_there) != is_there);
        let has_ended = self.task.is_finished();
        if has_ended {
            replicas.retire(authority);
        }
        has_what_to_go_on_with && !has_ended
    }
}

/// Follows whoever is there, until `shutdown`.
pub(crate) async fn keep(node: Arc<Node>, shutdown: CancellationToken) {
    let (mut changed, mut dropped) = (node.changes(), node.replicas().dropped());
    let mut followed = BTreeMap::<String, Followed>::new();
    loop {
        let there = nodes_there(&node);
        let now = node.now();
        node.replicas().forget_old(now);
        followed.retain(|authority, follower| {
            let is_there = there.iter().any(|url| url.authority() == authority);
            follower.look(node.replicas(), authority, is_there, now)
        });
        for url in there {
            if followed.len() >= STANDING_SESSIONS {
                break;
            }
            followed.entry(url.authority().to_owned()).or_insert_with(|| {
                node.replicas().back(url.authority());
                let (is_there, at_there) = watch::channel(true);
                let following = follower::follow(Arc::clone(&node), url, at_there);
                Followed { is_there, task: AbortOnDropHandle::new(tokio::spawn(following)) }
            });
        }
        let look = async {
            tokio::time::sleep(LOOK_EVERY).await;
            tokio::select! {
                looks = changed.changed() => looks,
                looks = dropped.changed() => looks,
                // Time alone makes what is kept too old.
                () = tokio::time::sleep(LOOK_AT_LEAST) => Ok(()),
            }
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
