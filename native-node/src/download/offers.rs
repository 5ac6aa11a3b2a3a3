//! What the peers of a network offer, peer by peer as they answer. A silent one delays nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::xmlrpc::Name;
use shared::{Pattern, PatternKind, PeerUrl, Printable, SharedPath, printable_bytes};
use tokio::sync::{Semaphore, mpsc};

use super::{DownloadError, JoinSet};
use crate::dial::{CallError, Dialer, Exchanged};

/// Peers asked for their listing at once.
const LISTINGS: usize = 16;
/// Refused names of one peer that are shown.
const REFUSED_SHOWN: usize = 20;

/// What is looked for, checked once and understood by every kind of peer.
#[derive(Debug, Clone)]
pub struct Wanted {
    pattern: Arc<Pattern>,
    /// The same for Python's `re`, or everything where that could not say it.
    for_old_peers: String,
    folders: bool,
}

impl Wanted {
    /// A search, in folders too where `folders` says so.
    ///
    /// # Errors
    /// What is wrong with the pattern, in words.
    pub fn new(kind: PatternKind, pattern: &str, folders: bool) -> Result<Self, String> {
        let pattern = Pattern::new(kind, pattern).map_err(|error| error.to_string())?;
        let for_old_peers = pattern.for_old_peers().to_owned();
        Ok(Self { pattern: Arc::new(pattern), for_old_peers, folders })
    }
}

/// One file that a peer offers.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What the peer calls it.
    pub name: String,
    /// Where it would be saved: the same, made safe for every disk.
    pub path: SharedPath,
    /// Bytes, where the peer says.
    pub size: Option<u64>,
    /// Seconds since 1970-01-01 UTC, where the peer says.
    pub modified: Option<i64>,
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

/// The peers of the network that `pool` belongs to, `pool` first and under the URL it was called by.
///
/// # Errors
/// That `pool` itself is no help.
pub async fn peers_of(dialer: &Dialer, pool: &PeerUrl) -> Result<Vec<PeerUrl>, DownloadError> {
    let Exchanged { urls, node } =
        dialer.exchange(pool, &[]).await.map_err(|error| DownloadError::Pool(pool.clone(), error))?;
    // A modern node lists itself first, perhaps under a URL that cannot be reached from here; the one typed can.
    let itself = usize::from(node.is_some());
    let others = urls.into_iter().flatten().skip(itself).filter_map(|text| PeerUrl::parse(&text).ok());
    let mut seen = BTreeSet::from([pool.clone()]);
    let others: Vec<PeerUrl> =
        others.filter(|url| seen.insert(url.clone())).take(shared::limits::ROSTER_PEERS).collect();
    Ok(std::iter::once(pool.clone()).chain(others).collect())
}

/// Asks all peers of a network at once.
///
/// # Errors
/// That `pool` itself is no help.
pub async fn offers(dialer: &Dialer, pool: &PeerUrl, wanted: &Wanted) -> Result<Offers, DownloadError> {
    let (tell, answers) = mpsc::channel(4);
    let places = Arc::new(Semaphore::new(LISTINGS));
    let mut asking = JoinSet::new();
    for peer in peers_of(dialer, pool).await? {
        let (dialer, wanted, tell, places) = (dialer.clone(), wanted.clone(), tell.clone(), Arc::clone(&places));
        asking.spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            let answer = ask(&dialer, &peer, &wanted).await;
            // Nobody listens any more only when the whole download was ended.
            let _ended = tell.send((peer, answer)).await;
        });
    }
    Ok(Offers { answers, _asking: asking })
}

/// What one peer offers of what is wanted.
async fn ask(dialer: &Dialer, peer: &PeerUrl, wanted: &Wanted) -> Result<OffersOf, CallError> {
    if wanted.folders {
        match dialer.search(peer, wanted.pattern.kind(), wanted.pattern.text()).await {
            Ok(found) => {
                let files = found.into_iter().filter(|file| wanted.pattern.matches(file.path.as_str()));
                let files = files.map(|file| Offered {
                    name: file.path.as_str().to_owned(),
                    path: file.path.to_saved(),
                    size: Some(file.size),
                    modified: Some(file.modified),
                });
                return Ok(OffersOf { files: files.collect(), ..OffersOf::default() });
            }
            // It has no such method: an original, which says so in Python's words.
            Err(CallError::Fault(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut offers = OffersOf { is_of_2004: wanted.folders, ..OffersOf::default() };
    for name in dialer.names(peer, &wanted.for_old_peers).await? {
        match name {
            Name::Text(name) => match SharedPath::parse(&name) {
                Ok(path) if path.is_top_level() => {
                    if wanted.pattern.matches(&name) {
                        offers.files.push(Offered { path: path.to_saved(), name, size: None, modified: None });
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
