//! What the peers of a network offer, peer by peer as they answer. A silent one delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shared::bridge::{self, Found, Message, PeerInfo, Row};
use shared::xmlrpc::Name;
use shared::{ContentId, Pattern, PatternKind, PeerUrl, Printable, SharedPath, peer_name, printable_bytes};
use tokio::sync::{Semaphore, mpsc};

use super::{DownloadError, JoinSet};
use crate::dial::{CallError, Dialer, Exchanged};
use crate::folder::Stamp;
use crate::source::Version;

/// Most peers that are asked: a roster, and the tabs of its nodes.
const MOST_PEERS: usize = 1_024;
/// Peers asked for their listing at once.
const LISTINGS: usize = 16;
/// Refused names of one peer that are shown.
const REFUSED_SHOWN: usize = 20;

/// What is looked for, checked once and understood by every kind of peer.
#[derive(Debug, Clone)]
pub struct Selection {
    pattern: Arc<Pattern>,
    /// The same for Python's `re`, or everything where that could not say it.
    for_legacy_peers: String,
    folders: bool,
}

impl Selection {
    /// A search, in folders too where `folders` says so.
    ///
    /// # Errors
    /// What is wrong with the pattern, in words.
    pub fn new(kind: PatternKind, pattern: &str, folders: bool) -> Result<Self, String> {
        let pattern = Pattern::new(kind, pattern).map_err(|error| error.to_string())?;
        let for_legacy_peers = pattern.for_legacy_peers().to_owned();
        Ok(Self { pattern: Arc::new(pattern), for_legacy_peers, folders })
    }
}

/// One file that a peer offers.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What the peer calls it.
    pub name: String,
    /// Where it would be saved: the same, made safe for every disk, and numbered once it turns out that another file has that.
    pub path: SharedPath,
    /// Bytes, where the peer says.
    pub size: Option<u64>,
    /// Seconds since 1970-01-01 UTC, where the peer says.
    pub modified: Option<i64>,
    /// Its version at the peer, where that is a modern one.
    pub version: Option<Version>,
    /// What it holds, where the peer knows.
    pub id: Option<ContentId>,
    /// Whether its owner may run it there.
    pub executable: bool,
}

impl Offered {
    /// Of a peer that tells nothing but names.
    fn of_2004(name: String, path: &SharedPath) -> Self {
        Self { name, path: path.to_saved(), size: None, modified: None, version: None, id: None, executable: false }
    }

    /// As somebody puts it at a node. None where its name cannot be one.
    pub(crate) fn of_put(file: bridge::Offered) -> Option<Self> {
        let bridge::Offered { path: name, size, modified, form: _, id, executable } = file;
        let path = SharedPath::parse(&name).ok()?.to_saved();
        Some(Self {
            name,
            path,
            size: Some(size),
            modified: Some(modified.div_euclid(1_000_000_000)),
            version: Some(Version { size, modified }),
            id: id.map(ContentId),
            executable: executable.unwrap_or_default(),
        })
    }

    /// What it keeps besides its bytes, having come in this version.
    pub(super) fn stamp(&self, version: Option<Version>) -> Stamp {
        Stamp { modified: version.map(|version| version.modified), executable: self.executable }
    }
}

/// Everything one peer offers.
#[derive(Debug, Default)]
pub struct OffersOf {
    /// Whether it is a peer of 2004: one call at a time, nothing verifiable.
    pub is_of_2004: bool,
    /// What can be fetched.
    pub files: Vec<Offered>,
    /// Names that are not accepted, as shown.
    pub refused: Vec<String>,
    /// How many more there are: nobody reads a million.
    pub more_refused: usize,
    /// Where the peer is away: then none of it can be fetched.
    pub last_seen: Option<LastSeen>,
}

/// When a peer was there that is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSeen {
    /// How long ago, in seconds.
    pub seconds: u64,
    /// What people call it, where that is known; fit to be shown.
    pub name: Option<String>,
}

impl OffersOf {
    fn refuse(&mut self, name: &str) {
        if self.refused.len() < REFUSED_SHOWN {
            self.refused.push(Printable::short(name, 100).to_string());
        } else {
            self.more_refused += 1;
        }
    }
}

/// The answers of the peers, as they come.
#[derive(Debug)]
pub struct Offers {
    answers: mpsc::Receiver<(PeerUrl, Result<OffersOf, CallError>)>,
    /// Ends the asking when dropped.
    _asking: JoinSet<()>,
}

impl Offers {
    /// The next peer's answer; none once all have answered or failed.
    pub async fn next(&mut self) -> Option<(PeerUrl, Result<OffersOf, CallError>)> {
        self.answers.recv().await
    }
}

/// The peers of the network that `pool` belongs to, `pool` first and under the URL it was called by, each with what `pool`
/// tells of it if it is a modern node.
///
/// # Errors
/// That `pool` itself is no help.
pub async fn peers_of(dialer: &Dialer, pool: &PeerUrl) -> Result<Vec<(PeerUrl, Option<PeerInfo>)>, DownloadError> {
    dialer.links().typed(pool);
    let Exchanged { urls, peers, is_node } =
        dialer.exchange(pool, &[]).await.map_err(|error| DownloadError::Pool(pool.clone(), error))?;
    let mut told: BTreeMap<String, PeerInfo> = peers.into_iter().map(|peer| (peer.url.clone(), peer)).collect();
    // A modern node lists itself first, perhaps under a URL that cannot be reached from here; the one typed can. So can its
    // tabs, which are reached through it.
    let urls: Vec<PeerUrl> = urls.into_iter().flatten().filter_map(|text| PeerUrl::parse(&text).ok()).collect();
    let itself = urls.first().filter(|_| is_node);
    let near = |url: &PeerUrl| itself.map_or_else(|| url.clone(), |node| as_reached(url, node, pool));
    let mut peers = vec![(pool.clone(), itself.and_then(|url| told.remove(url.as_str())))];
    let mut seen = BTreeSet::from([pool.clone()]);
    for url in urls.iter().skip(usize::from(is_node)) {
        let info = told.remove(url.as_str());
        let url = near(url);
        if peers.len() < MOST_PEERS && seen.insert(url.clone()) {
            peers.push((url, info));
        }
    }
    Ok(peers)
}

/// A URL as it can be reached from here, where the node that calls itself `node` was reached as `pool`.
fn as_reached(url: &PeerUrl, node: &PeerUrl, pool: &PeerUrl) -> PeerUrl {
    let is_there = url.authority() == node.authority();
    is_there.then(|| at(pool, url.path())).flatten().unwrap_or_else(|| url.clone())
}

/// The peer with this path at the node that `url` leads to.
fn at(url: &PeerUrl, path: &str) -> Option<PeerUrl> {
    PeerUrl::parse(&format!("http://{}{path}", url.authority())).ok()
}

/// Asks all peers of a network at once.
///
/// # Errors
/// That `pool` itself is no help.
pub(super) async fn offers(dialer: &Dialer, pool: &PeerUrl, wanted: &Selection) -> Result<Offers, DownloadError> {
    let (tell, answers) = mpsc::channel(4);
    let places = Arc::new(Semaphore::new(LISTINGS));
    let mut asking = JoinSet::new();
    for peers in by_node(peers_of(dialer, pool).await?.into_iter().map(|(url, _)| url)) {
        let (dialer, wanted, tell, places) = (dialer.clone(), wanted.clone(), tell.clone(), Arc::clone(&places));
        asking.spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            for answer in ask(&dialer, peers, &wanted).await {
                // Nobody listens any more only when the whole download was ended.
                let _ended = tell.send(answer).await;
            }
        });
    }
    Ok(Offers { answers, _asking: asking })
}

/// What everybody offers, as the modern node `pool` knows it: at once, though somebody be slow, and of those, too, that cannot
/// be reached from here. With `away`, behind them, what those shared that are away. A peer of 2004 knows of nobody's files; then
/// everybody is asked.
///
/// # Errors
/// That `pool` itself is no help.
pub async fn offers_known(
    dialer: &Dialer,
    pool: &PeerUrl,
    wanted: &Selection,
    away: bool,
) -> Result<Offers, DownloadError> {
    let wrong = |error| DownloadError::Pool(pool.clone(), error);
    dialer.links().typed(pool);
    let Exchanged { urls, is_node, .. } = dialer.exchange(pool, &[]).await.map_err(wrong)?;
    let itself = urls.into_iter().flatten().next().and_then(|url| PeerUrl::parse(&url).ok());
    let Some(itself) = itself.filter(|_| is_node) else { return offers(dialer, pool, wanted).await };
    let mut rows = BTreeMap::<PeerUrl, Vec<Row>>::new();
    let mut gone = BTreeMap::<PeerUrl, (LastSeen, Vec<Row>)>::new();
    let mut failed = Vec::new();
    let told = |message| {
        let peer = |url: &str| PeerUrl::parse(url).ok().map(|url| as_reached(&url, &itself, pool));
        match message {
            // A node that was not asked for them has none.
            Message::Found(Found { peer: url, rows, last_seen_s: Some(seconds), name }) => {
                if let Some(peer) = peer(&url).filter(|_| away && gone.len() < MOST_PEERS) {
                    let seen = || LastSeen { seconds, name: name.as_deref().and_then(peer_name) };
                    gone.entry(peer).or_insert_with(|| (seen(), Vec::new())).1.extend(rows);
                }
            }
            Message::Found(found) => {
                if let Some(peer) = peer(&found.peer).filter(|_| rows.len() < MOST_PEERS) {
                    rows.entry(peer).or_default().extend(found.rows);
                }
            }
            Message::Answered(answered) => {
                let why = answered.error.map(|why| CallError::Said(Printable::short(&why, 200).to_string()));
                failed.extend(peer(&answered.peer).zip(why).filter(|_| failed.len() < MOST_PEERS));
            }
            _ => {}
        }
    };
    dialer.search_pool(pool, wanted.pattern.kind(), wanted.pattern.text(), away, told).await.map_err(wrong)?;
    let (tell, answers) = mpsc::channel(4);
    let wanted = wanted.clone();
    let mut telling = JoinSet::new();
    telling.spawn(async move {
        let found = rows.into_iter().map(|(peer, rows)| (peer, Ok(offered(rows, &wanted))));
        let gone = gone
            .into_iter()
            .map(|(peer, (seen, rows))| (peer, Ok(OffersOf { last_seen: Some(seen), ..offered(rows, &wanted) })));
        for answer in found.chain(failed.into_iter().map(|(peer, why)| (peer, Err(why)))).chain(gone) {
            // Nobody listens any more only when all was ended.
            let _ended = tell.send(answer).await;
        }
    });
    Ok(Offers { answers, _asking: telling })
}

/// Peers put together that one node answers for: itself and its tabs.
fn by_node(peers: impl Iterator<Item = PeerUrl>) -> Vec<Vec<PeerUrl>> {
    let mut nodes: Vec<Vec<PeerUrl>> = Vec::new();
    let mut places = BTreeMap::new();
    for peer in peers {
        let place = *places.entry(peer.authority().to_owned()).or_insert(nodes.len());
        match nodes.get_mut(place) {
            Some(node) => node.push(peer),
            None => nodes.push(vec![peer]),
        }
    }
    nodes
}

/// What the peers behind one address offer of what is wanted.
async fn ask(dialer: &Dialer, peers: Vec<PeerUrl>, wanted: &Selection) -> Vec<(PeerUrl, Result<OffersOf, CallError>)> {
    let Some(first) = peers.first() else { return Vec::new() };
    match dialer.is_node(first).await {
        Ok(true) => ask_node(dialer, first, wanted).await,
        Ok(false) => {
            let mut answers = Vec::new();
            // One at a time: an original has one thread.
            for peer in peers {
                let answer = ask_legacy(dialer, &peer, wanted).await;
                answers.push((peer, answer));
            }
            answers
        }
        Err(error) => vec![(first.clone(), Err(error))],
    }
}

/// What a modern node and its tabs offer.
async fn ask_node(dialer: &Dialer, node: &PeerUrl, wanted: &Selection) -> Vec<(PeerUrl, Result<OffersOf, CallError>)> {
    let found = match dialer.search(node, wanted.pattern.kind(), wanted.pattern.text()).await {
        Ok(found) => found,
        Err(error) => return vec![(node.clone(), Err(error))],
    };
    let peer = |path: &str| if path.is_empty() { Some(node.clone()) } else { at(node, path) };
    let offers = found.peers.into_iter().filter_map(|(path, rows)| Some((peer(&path)?, Ok(offered(rows, wanted)))));
    let mut answers: Vec<_> = offers.collect();
    let failed = found
        .failed
        .into_iter()
        .filter_map(|(path, why)| Some((peer(&path)?, Err(CallError::Said(Printable::short(&why, 200).to_string())))));
    answers.extend(failed);
    answers
}

/// What of one modern peer's rows is wanted and can be named.
fn offered(rows: Vec<Row>, wanted: &Selection) -> OffersOf {
    let mut offers = OffersOf::default();
    for row in rows {
        let path = match SharedPath::parse(&row.path) {
            Ok(path) => path,
            Err(_) => {
                offers.refuse(&row.path);
                continue;
            }
        };
        if !wanted.pattern.matches(path.as_str()) || (!wanted.folders && !is_of_2004s_listing(&path)) {
            continue;
        }
        let version = |(size, modified)| Version { size, modified };
        offers.files.push(Offered {
            name: row.path,
            path: path.to_saved(),
            size: row.size,
            modified: row.modified.map(|nanoseconds| nanoseconds.div_euclid(1_000_000_000)),
            version: row.size.zip(row.modified).map(version),
            id: row.id.map(ContentId),
            executable: row.executable.unwrap_or_default(),
        });
    }
    offers
}

/// Whether the listing of 2004 shows it: directly in the share, and no dot file.
fn is_of_2004s_listing(path: &SharedPath) -> bool {
    path.is_top_level() && !path.as_str().starts_with('.')
}

/// What one peer of 2004 offers.
async fn ask_legacy(dialer: &Dialer, peer: &PeerUrl, wanted: &Selection) -> Result<OffersOf, CallError> {
    let mut offers = OffersOf { is_of_2004: true, ..OffersOf::default() };
    for name in dialer.names(peer, &wanted.for_legacy_peers).await? {
        match name {
            Name::Text(name) => match SharedPath::parse(&name) {
                Ok(path) if path.is_top_level() => {
                    if wanted.pattern.matches(&name) {
                        offers.files.push(Offered::of_2004(name, &path));
                    }
                }
                _ => offers.refuse(&name),
            },
            Name::NotUtf8(bytes) => offers.refuse(&printable_bytes(&bytes)),
            Name::NotText(what) => offers.refuse(what),
        }
    }
    Ok(offers)
}
