//! A search of everybody: what is held of those that are followed is searched here, all others are asked at once, and each
//! answers when it can. Behind all of them, for who wants to know, comes what those shared that are away.
//!
//! One session to a node brings its tabs along. Peers of 2004 are asked one by one. Who is dead or slow is told of as such,
//! after a deadline of its own, and nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::bridge::{Answered, Found, Message, Row, Search, SearchScope};
use shared::limits::{CHUNK_BYTES, POOL_ANSWER, POOL_AT_ONCE, POOL_FIRST_ANSWER, ROWS_PER_RECORD, TABS};
use shared::xmlrpc::Name;
use shared::{Catalog, PeerUrl, Printable, SharedPath};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::search::{Query, ROW_BYTES, Stopped, away, here};
use crate::dial::CallError;
use crate::follow::Away;
use crate::link::{Answer, Link, LinkError, Reply};
use crate::node::Node;

/// Peers of 2004 whose listings are taken in at once, and what is kept of one for who asks, in bytes.
const LEGACY_AT_ONCE: usize = 4;
const LEGACY_BYTES: usize = 16 << 20;
/// Messages of all peers together that wait for the other end.
const WAITING: usize = 8;
/// Rows and messages that are taken from one node and its tabs: none has as many files, and what never ends must end.
const MOST_OF_NODE: usize = 4_000_000;
/// What is said of a peer that let its deadline pass.
const LATE: &str = "it does not answer in time";

/// Searches ourselves, then tells what the others answer as it comes.
pub(super) async fn search(node: &Arc<Node>, wanted: &Query, answer: &mut Answer) -> Result<(), Stopped> {
    let (tell, mut told) = mpsc::channel(WAITING);
    let Everybody { replicas, asked, gone } = everybody(node, wanted.search.away == Some(true));
    // Ended when this is dropped.
    let _asking = ask_all(node, wanted, asked, tell);
    here(node, wanted, replicas, answer).await?;
    loop {
        let next = tokio::select! {
            next = told.recv() => next,
            () = answer.unwanted() => return Err(None),
        };
        let Some(message) = next else { break };
        answer.reply(message).await.map_err(|_| None)?;
    }
    if gone.is_empty() { Ok(()) } else { away(node, wanted, gone, answer).await }
}

/// Everybody there is but ourselves, and was of late.
struct Everybody {
    /// What is held of those who are there.
    replicas: Vec<(PeerUrl, Arc<Catalog>)>,
    /// Those who must be asked.
    asked: Vec<Asked>,
    /// Those who are away, where that is wanted.
    gone: Vec<Away>,
}

fn everybody(node: &Node, with_gone: bool) -> Everybody {
    let others: Vec<_> = node.with_host(|host, _| {
        let roster = host.roster();
        roster.live().filter(|url| !roster.is_own(url)).cloned().collect()
    });
    let there: BTreeSet<String> = others.iter().map(|url| url.authority().to_owned()).collect();
    let gone = || node.replicas().away(node.now(), |authority| there.contains(authority));
    let gone = if with_gone { gone() } else { Vec::new() };
    let (modern, old): (Vec<_>, Vec<_>) = others.into_iter().partition(|url| node.is_modern(url));
    let mut nodes = BTreeMap::<String, BTreeSet<PeerUrl>>::new();
    for url in modern {
        nodes.entry(url.authority().to_owned()).or_default().insert(url);
    }
    let (mut replicas, mut asked) = (Vec::new(), Vec::new());
    for (authority, waited_for) in nodes {
        let held = node.replicas().current(&authority);
        let known: BTreeSet<_> = held.iter().map(|(url, _)| url.clone()).collect();
        let waited_for: BTreeSet<_> = waited_for.difference(&known).cloned().collect();
        // One that just came, or that is too much to be held.
        if !waited_for.is_empty() {
            asked.push(Asked::Node { waited_for, known });
        }
        replicas.extend(held);
    }
    asked.extend(old.into_iter().map(Asked::Legacy));
    Everybody { replicas, asked, gone }
}

fn ask_all(node: &Arc<Node>, wanted: &Query, everybody: Vec<Asked>, tell: mpsc::Sender<Message>) -> JoinSet<()> {
    let places = Arc::new(Semaphore::new(POOL_AT_ONCE));
    let mut asking = JoinSet::new();
    for asked in everybody {
        let (node, wanted, tell, places) = (Arc::clone(node), wanted.clone(), tell.clone(), Arc::clone(&places));
        asking.spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            match asked {
                Asked::Node { waited_for, known } => ask_node(&node, &wanted, waited_for, &known, &tell).await,
                Asked::Legacy(peer) => ask_legacy(&node, &wanted, &peer, &tell).await,
            }
        });
    }
    asking
}

enum Asked {
    /// A node and its tabs, as far as they are listed here, but for those of which it is known what they have.
    Node {
        waited_for: BTreeSet<PeerUrl>,
        known: BTreeSet<PeerUrl>,
    },
    Legacy(PeerUrl),
}

fn failed(peer: &PeerUrl, words: &str) -> Message {
    let error = Some(Printable::short(words, 200).to_string());
    Message::Answered(Answered { peer: peer.to_string(), error, more: false })
}

/// Asks a node; those of its peers that it does not answer for have not answered.
async fn ask_node(
    node: &Node,
    wanted: &Query,
    mut waited_for: BTreeSet<PeerUrl>,
    known: &BTreeSet<PeerUrl>,
    tell: &mpsc::Sender<Message>,
) {
    let Some(first) = waited_for.first().cloned() else { return };
    let begun = Instant::now();
    let link = timeout(POOL_FIRST_ANSWER, node.dialer().link(&first)).await;
    let words = match link {
        Ok(Ok(link)) => {
            let answered = pass_on(&link, wanted, (&first, known), begun, &mut waited_for, tell).await;
            answered.map_or_else(|error| words(&error), |()| "its node does not know it any more".to_owned())
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => LATE.to_owned(),
    };
    for peer in waited_for {
        // Nobody listens any more only when the whole search was ended.
        let _ended = tell.send(failed(&peer, &words)).await;
    }
}

fn words(error: &LinkError) -> String {
    if let LinkError::Silent = error { LATE.to_owned() } else { error.to_string() }
}

/// Passes on what a node answers, in time, about itself and its tabs.
async fn pass_on(
    link: &Link,
    wanted: &Query,
    (at, known): (&PeerUrl, &BTreeSet<PeerUrl>),
    begun: Instant,
    waited_for: &mut BTreeSet<PeerUrl>,
    tell: &mpsc::Sender<Message>,
) -> Result<(), LinkError> {
    let search = Search { scope: SearchScope::Here, away: None, ..wanted.search.clone() };
    // Only what the node takes counts against it, not what the asker does.
    let mut left = POOL_ANSWER.saturating_sub(begun.elapsed());
    let first = POOL_FIRST_ANSWER.saturating_sub(begun.elapsed());
    let mut replies = timeout(first, link.ask(search, 0)).await.map_err(|_| LinkError::Silent)??;
    let mut patience = first;
    let mut total = 0;
    let mut counts = BTreeMap::<PeerUrl, usize>::new();
    loop {
        let asked = Instant::now();
        let next = timeout(patience.min(left), replies.next()).await.map_err(|_| LinkError::Silent)??;
        left = left.saturating_sub(asked.elapsed()).max(Duration::from_millis(1));
        patience = left;
        total += match &next {
            Some(Reply::Message(Message::Found(found), _)) => found.rows.len().max(1),
            _ => 1,
        };
        if total > MOST_OF_NODE || counts.len() > TABS + 1 {
            return Err(LinkError::Senseless);
        }
        let message = match next {
            Some(Reply::Message(Message::Found(Found { peer, rows, .. }), _)) => {
                let Some(url) = of_node(&peer, at).filter(|url| !known.contains(url)) else { continue };
                let count = counts.entry(url).or_default();
                let rows = clean(rows, wanted.most().saturating_sub(*count));
                *count += rows.len();
                Message::Found(Found::new(peer, rows))
            }
            Some(Reply::Message(Message::Answered(Answered { peer, error, more }), _)) => {
                let Some(url) = of_node(&peer, at).filter(|url| !known.contains(url)) else { continue };
                waited_for.remove(&url);
                let error = error.map(|error| Printable::short(&error, 200).to_string());
                Message::Answered(Answered { peer, error, more })
            }
            Some(_) => return Err(LinkError::Senseless),
            None => return Ok(()),
        };
        if tell.send(message).await.is_err() {
            return Ok(());
        }
    }
}

/// A URL of this node or of a tab there: a node speaks for nobody else.
fn of_node(peer: &str, at: &PeerUrl) -> Option<PeerUrl> {
    PeerUrl::parse(peer).ok().filter(|url| url.authority() == at.authority())
}

/// Rows of names that can be files.
fn clean(rows: Vec<Row>, most: usize) -> Vec<Row> {
    rows.into_iter().filter(|row| SharedPath::parse(&row.path).is_ok()).take(most).collect()
}

/// Those of a listing of 2004 that are wanted, and whether there are more than are wanted, or can be kept for as long as who
/// asks takes.
fn few(wanted: &Query, names: Vec<Name>) -> (Vec<SharedPath>, bool) {
    let found = names.into_iter().filter_map(|name| match name {
        Name::Text(name) => SharedPath::parse(&name).ok().filter(|path| path.is_top_level()),
        Name::NotUtf8(_) | Name::NotText(_) => None,
    });
    let mut found = found.filter(|path| wanted.pattern.matches(path.as_str()));
    let mut bytes = 0;
    let fits = |path: &SharedPath| {
        bytes += path.as_str().len() + ROW_BYTES;
        bytes <= LEGACY_BYTES
    };
    let few: Vec<_> = found.by_ref().take(wanted.most()).take_while(fits).collect();
    let more = bytes > LEGACY_BYTES || found.next().is_some();
    (few, more)
}

/// Asks a peer of 2004, which knows names and nothing else.
async fn ask_legacy(node: &Node, wanted: &Query, peer: &PeerUrl, tell: &mpsc::Sender<Message>) {
    static PLACES: Semaphore = Semaphore::const_new(LEGACY_AT_ONCE);
    let names = async {
        // All that it lists is in memory for a moment, wanted or not.
        let place = PLACES.acquire().await.ok();
        let names = node.dialer().names(peer, wanted.pattern.for_legacy_peers()).await?;
        Ok::<_, CallError>((few(wanted, names), place))
    };
    let (found, more) = match timeout(POOL_ANSWER, names).await {
        Ok(Ok((found, _place))) => found,
        Ok(Err(error)) => return drop(tell.send(failed(peer, &error.to_string())).await),
        Err(_) => return drop(tell.send(failed(peer, LATE)).await),
    };
    let mut rows = Vec::new();
    let mut bytes = 0;
    for path in found {
        let length = path.as_str().len() + ROW_BYTES;
        if rows.len() == ROWS_PER_RECORD || bytes + length > CHUNK_BYTES {
            let some = Found::new(peer.to_string(), std::mem::take(&mut rows));
            if tell.send(Message::Found(some)).await.is_err() {
                return;
            }
            bytes = 0;
        }
        bytes += length;
        rows.push(Row { path: path.as_str().to_owned(), size: None, modified: None, id: None, executable: None });
    }
    let last = Message::Found(Found::new(peer.to_string(), rows));
    let answered = Message::Answered(Answered { peer: peer.to_string(), error: None, more });
    // Nobody listens any more only when the whole search was ended.
    if tell.send(last).await.is_ok() {
        let _ended = tell.send(answered).await;
    }
}
