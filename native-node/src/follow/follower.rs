//! One node that is followed: asks it, takes over what it says of itself and its tabs, and begins again when that ends.
//!
//! All it says is hostile until it is checked. One that sends nonsense, or without end, costs itself its place here, half
//! a core at most, and no memory beyond what [`Replicas`](super::Replicas) allow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::bridge::{Changes, Follow, Following, Message, ResetCode, Row, Since, TabId};
use shared::limits::{ROWS_PER_RECORD, TABS};
use shared::{ContentId, Entry, Gap, PeerUrl, Replica, SharedPath, Update};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::pair;
use super::replicas::TooMuch;
use crate::dial::CallError;
use crate::link::{Link, LinkError, Replies, Reply};
use crate::node::Node;

/// First wait before a node is asked again; doubled each time, and some of it left to chance.
const RETRY: Duration = Duration::from_secs(1);
/// Longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(2 * 60);
/// When one is asked again that cannot be followed, or shares too much.
const RETRY_IMPOSSIBLE: Duration = Duration::from_secs(10 * 60);
/// What held for so long was no failure: the next wait is the first again.
const HELD: Duration = Duration::from_secs(60);
/// How long a node that is not there any more need not tell all anew when it comes back.
const LINGER: Duration = Duration::from_secs(10 * 60);
/// By when a node must have begun to answer.
const FIRST: Duration = Duration::from_secs(30);

/// Updates of all nodes are taken over one after the other: together they cost one thread.
static TURN: Semaphore = Semaphore::const_new(1);

/// Why a node is not followed any more.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    /// There is another session with it.
    #[error("another session leads there")]
    Moved,
    /// No session, or it ended.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It is of an earlier version.
    #[error("it cannot be followed")]
    Impossible,
    /// It breaks the rules.
    #[error("what it says makes no sense")]
    Senseless,
    /// What it said was lost, or it breaks the rules.
    #[error(transparent)]
    Gap(#[from] Gap),
    /// It shares too much.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

impl From<LinkError> for Stopped {
    fn from(error: LinkError) -> Self {
        match error.code() {
            Some(ResetCode::UNKNOWN) => Self::Impossible,
            _ => CallError::from(error).into(),
        }
    }
}

/// Follows a node for as long as it is there, and some time longer. What is held of it then, is left where it is.
pub(super) async fn follow(node: Arc<Node>, url: PeerUrl, mut is_there: watch::Receiver<bool>) {
    let _session_stands = node.dialer().links().hold(&url);
    let mut follower = Follower { node, url, epoch: None, replicas: BTreeMap::new(), tried: pair::Tried::default() };
    let mut wait = RETRY;
    loop {
        let there = timeout(LINGER, is_there.wait_for(|is_there| *is_there));
        if !there.await.is_ok_and(|there| there.is_ok()) {
            return;
        }
        let begun = Instant::now();
        let Err(why) = follower.once().await;
        follower.node.replicas().set_stale(&follower.url);
        tracing::debug!(peer = %follower.url, %why, "is not followed for now");
        if begun.elapsed() > HELD {
            wait = RETRY;
        }
        match why {
            Stopped::Moved => continue,
            Stopped::Call(_) => {}
            Stopped::Gap(_) | Stopped::Senseless => follower.forget(),
            Stopped::TooMuch(_) => {
                tracing::info!(peer = %follower.url, %why, "it is asked at every search instead");
                follower.forget();
                wait = RETRY_IMPOSSIBLE;
            }
            Stopped::Impossible => wait = RETRY_IMPOSSIBLE,
        }
        sleep(some_of(wait)).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Three quarters of a wait to all of it, so that those who lost the same node do not return together.
fn some_of(wait: Duration) -> Duration {
    let mut chance = [0];
    // Without chance all of it.
    let _none = getrandom::fill(&mut chance);
    wait - wait * u32::from(chance[0]) / 1024
}

struct Follower {
    node: Arc<Node>,
    url: PeerUrl,
    /// Which process of that node the replicas are of.
    epoch: Option<u64>,
    /// By the paths of the peers there; empty for the node itself.
    replicas: BTreeMap<String, Replica>,
    tried: pair::Tried,
}

impl Follower {
    fn forget(&mut self) {
        self.epoch = None;
        self.replicas.clear();
        self.node.replicas().forget(&self.url);
    }

    /// Follows in one session, until that is over.
    async fn once(&mut self) -> Result<std::convert::Infallible, Stopped> {
        let link = match self.node.dialer().link(&self.url).await {
            Err(CallError::NoBridge | CallError::LegacyOff) => return Err(Stopped::Impossible),
            link => link?,
        };
        let since = self
            .replicas
            .iter()
            .filter_map(|(of, replica)| Some(Since { of: of.clone(), revision: replica.revision()? }));
        let follow = Follow { epoch: self.epoch, since: since.collect() };
        let mut replies = link.ask(follow, 0).await?.within(FIRST);
        let Message::Following(Following { epoch, same }) = replies.message().await? else {
            return Err(Stopped::Senseless);
        };
        if self.epoch != Some(epoch) {
            self.forget();
            self.epoch = Some(epoch);
        }
        // What was not whole begins anew, as was said.
        let partial = self.replicas.iter().filter(|(_, replica)| replica.revision().is_none());
        let partial: Vec<String> = partial.map(|(of, _)| of.clone()).collect();
        partial.iter().for_each(|of| self.left(of));
        if self.tried.changes_over(&self.node, &self.url, &link, &same).await {
            return Err(Stopped::Moved);
        }
        self.listen(&link, replies.without_deadline()).await
    }

    async fn listen(&mut self, link: &Link, mut replies: Replies) -> Result<std::convert::Infallible, Stopped> {
        let node = Arc::clone(&self.node);
        loop {
            let reply = tokio::select! {
                reply = replies.next() => reply?,
                () = self.tried.another(&node, link) => return Err(Stopped::Moved),
            };
            match reply {
                Some(Reply::Message(Message::Changes(changes), _)) => self.handle(changes).await?,
                Some(Reply::Message(Message::Following(following), _)) if Some(following.epoch) == self.epoch => {
                    node.replicas().set_current(&self.url, following.epoch);
                    tracing::debug!(peer = %self.url, "all it shares is known here");
                }
                _ => return Err(Stopped::Senseless),
            }
        }
    }

    /// Takes over what it says of one peer.
    async fn handle(&mut self, changes: Changes) -> Result<(), Stopped> {
        let Some(peer) = self.peer(&changes.of) else { return Err(Stopped::Senseless) };
        let of = changes.of.clone();
        if changes.left {
            self.left(&of);
            self.node.with_host(|host, now| host.roster_mut().handle_told_down(now, &peer));
            self.node.rouse_roster();
            return Ok(());
        }
        if changes.put.len() + changes.gone.len() > ROWS_PER_RECORD
            || (self.replicas.len() > TABS && !self.replicas.contains_key(&of))
        {
            return Err(Stopped::Senseless);
        }
        if !self.replicas.contains_key(&of) {
            // A tab that came; others would name it in seconds. The roster asks whether it is there.
            self.node.with_host(|host, now| host.roster_mut().handle_found(now, &peer));
            self.node.rouse_roster();
        }
        let mut replica = self.replicas.remove(&of).unwrap_or_default();
        let Ok(turn) = TURN.acquire().await else { return Err(Stopped::Senseless) };
        let begun = Instant::now();
        let taking_over = tokio::task::spawn_blocking(move || {
            let handled = replica.handle(update(changes));
            (replica, handled)
        });
        let (replica, handled) = taking_over.await.map_err(|_| Stopped::Senseless)?;
        drop(turn);
        let files = Arc::new(replica.catalog().clone());
        let is_whole = replica.revision().is_some();
        self.replicas.insert(of, replica);
        handled?;
        self.node.replicas().hold(&self.url, &peer, files, is_whole)?;
        self.node.told().changed();
        // As long again as it took: who sends without end has half a core at most.
        sleep(begun.elapsed().min(FIRST)).await;
        Ok(())
    }

    /// A peer at this node is not there any more.
    fn left(&mut self, of: &str) {
        self.replicas.remove(of);
        if let Some(peer) = self.peer(of) {
            self.node.replicas().forget_peer(&self.url, &peer);
        }
    }

    /// The URL of the peer of this path there: a node speaks for itself and its tabs alone.
    fn peer(&self, of: &str) -> Option<PeerUrl> {
        if of.is_empty() { Some(self.url.clone()) } else { TabId::of_path(of)?.url_at(&self.url) }
    }
}

/// What is said, without what can be no file.
fn update(changes: Changes) -> Update {
    let Changes { whole, from, put, gone, to, .. } = changes;
    let put = put.into_iter().filter_map(|Row { path, size, modified, id, executable }| {
        let (id, executable) = (id.map(ContentId), executable == Some(true));
        let entry = Entry { id, executable, ..Entry::unread(size?, modified?) };
        Some((SharedPath::parse(&path).ok()?, entry))
    });
    let gone = gone.iter().filter_map(|path| SharedPath::parse(path).ok());
    Update { whole, from, put: put.collect(), gone: gone.collect(), to }
}
