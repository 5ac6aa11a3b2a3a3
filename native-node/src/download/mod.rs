//! Downloading: what all peers offer, each file once, from whoever has it, onto the disk whole or not at all.
//!
//! A dead, slow, lying or endless peer costs only its own files. Names are checked by [`SharedPath`] and nothing else
//! decides where a file goes; nothing that is already here is ever replaced.

mod batch;
mod fetch;
mod offers;
mod patience;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use shared::{PatternKind, PeerUrl, Printable, SharedPath};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dial::{CallError, Dialer};
use crate::folder::{Arrived, CommitQueue, Destination, Planned, SaveError};

use patience::Patience;

pub use offers::{Offered, Offers, OffersOf, Wanted, offers, peers_of};

/// Largest file taken from a peer that does not say beforehand how large it is, in bytes, unless the person says otherwise.
pub const MAX_UNANNOUNCED: u64 = 16 << 30;

/// Files on their way at once, over all peers.
const FILES: usize = 32;
/// Files on their way at once from one modern node.
const FILES_PER_NODE: usize = 16;
/// Files begun and not yet durable, over all peers: what waits for the disk must not keep the next from coming, or the
/// groups that share one wait stay small. Each may be open, and some systems allow 256 open files.
const UNSAVED: usize = 192;

/// What to download.
#[derive(Debug, Clone)]
pub struct Job {
    /// Any peer of the network.
    pub pool: PeerUrl,
    /// How `pattern` is meant.
    pub kind: PatternKind,
    /// What to look for.
    pub pattern: String,
    /// Whether to look in folders too, where a peer has them.
    pub folders: bool,
    /// Where to save.
    pub to: PathBuf,
    /// Only say what would be downloaded.
    pub dry_run: bool,
    /// Bound on a file of unannounced size, in bytes.
    pub max_file_size: u64,
}

/// One thing that did not work out, and whose it was.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The peer it was to come from.
    pub peer: PeerUrl,
    /// The file, as shown; none where the peer as a whole failed.
    pub file: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// How many files it stands for, at least one.
    pub count: usize,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Files saved, or that would be with `dry_run`.
    pub saved: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Files that were here already.
    pub already_here: usize,
    /// What did not work out.
    pub missed: Vec<Missed>,
    /// Whether nothing was to be saved, only said.
    pub dry_run: bool,
    /// Whether the person ended it early.
    pub interrupted: bool,
}

/// Is told how it goes, from many tasks at once.
pub trait Observer: Send + Sync {
    /// A peer offers this many files that are not here yet; how large they are, a peer of 2004 does not say.
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: Option<u64>);
    /// A file is on its way; `size` is in bytes, where it is known.
    fn begun(&self, path: &SharedPath, peer: &PeerUrl, size: Option<u64>);
    /// More of it came.
    fn moved(&self, path: &SharedPath, bytes: u64);
    /// What came of it so far is thrown away.
    fn given_up(&self, path: &SharedPath);
    /// It would be saved under this name, were this no dry run.
    fn planned(&self, saved_as: &SharedPath, peer: &PeerUrl, size: Option<u64>);
    /// It is on the disk, under this name.
    fn saved(&self, path: &SharedPath, saved_as: &SharedPath, peer: &PeerUrl, bytes: u64);
    /// It, or a peer, did not work out.
    fn missed(&self, missed: &Missed);
}

/// Why a download could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The pattern is none.
    #[error("{0}")]
    Pattern(String),
    /// The peer that was named does not answer as one.
    #[error("{0}: {1}")]
    Pool(PeerUrl, CallError),
    /// The operating system gives no thread to save with.
    #[error("cannot start to save: {0}")]
    Thread(std::io::Error),
    /// Nothing can be saved there.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Downloads, until all is done or `shutdown`.
///
/// # Errors
/// Only what makes the whole impossible; everything else is in the [`Report`].
pub async fn run(
    dialer: &Dialer,
    job: Job,
    observer: &dyn Observer,
    shutdown: CancellationToken,
) -> Result<Report, DownloadError> {
    let wanted = Wanted::new(job.kind, &job.pattern, job.folders).map_err(DownloadError::Pattern)?;
    let destination = match job.dry_run && !job.to.exists() {
        true => None,
        false => Some(Arc::new(Destination::open(&job.to)?)),
    };
    let download = Download {
        dialer,
        observer,
        commits: CommitQueue::start().map_err(DownloadError::Thread)?,
        destination,
        dry_run: job.dry_run,
        max_file_size: job.max_file_size,
        places: Semaphore::new(FILES),
        patience: Patience::default(),
        unsaved: Semaphore::new(UNSAVED),
        claims: Mutex::default(),
        report: Mutex::default(),
    };
    let all = async {
        let mut offers = offers(dialer, &job.pool, &wanted).await?;
        let mut fetching = futures_util::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                offered = offers.next() => match offered {
                    Some((peer, offered)) => fetching.push(download.take(peer, offered)),
                    None => break,
                },
                Some(()) = fetching.next() => {}
            }
        }
        while fetching.next().await.is_some() {}
        for (peer, files) in download.patience.given_up() {
            download.miss(&peer, None, files, "it failed too often; the rest of its files was not asked for");
        }
        Ok::<(), DownloadError>(())
    };
    let interrupted = tokio::select! {
        done = all => { done?; false }
        () = shutdown.cancelled() => true,
    };
    // What is complete is saved, and only then is the word spoken.
    let Download { commits, report, .. } = download;
    // Failing means that it panicked, which was shown then.
    let _ended = tokio::task::spawn_blocking(move || drop(commits)).await;
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Report { interrupted, dry_run: job.dry_run, ..report })
}

/// Who is at a file, so that it is fetched once, and from another holder where the first one fails.
#[derive(Debug)]
enum Claim {
    /// On its way; these offer it too.
    Taken(Vec<(PeerUrl, Offered)>),
    /// Every holder so far failed.
    Free,
    Done,
}

/// A file that came whole, and from whom.
struct Fetched<'a> {
    peer: PeerUrl,
    path: SharedPath,
    /// With its place among the unsaved, if it has one already; it keeps it until it is durable.
    arrived: (Arrived, Option<SemaphorePermit<'a>>),
    bytes: u64,
}

struct Download<'a> {
    dialer: &'a Dialer,
    observer: &'a dyn Observer,
    /// None where a dry run would have to make it.
    destination: Option<Arc<Destination>>,
    commits: CommitQueue,
    dry_run: bool,
    max_file_size: u64,
    places: Semaphore,
    patience: Patience,
    unsaved: Semaphore,
    claims: Mutex<BTreeMap<SharedPath, Claim>>,
    report: Mutex<Report>,
}

impl Download<'_> {
    /// Everything one peer offers.
    async fn take(&self, peer: PeerUrl, offered: Result<OffersOf, CallError>) {
        let offered = match offered {
            Ok(offered) => offered,
            Err(error) => return self.miss(&peer, None, 1, &error.to_string()),
        };
        for name in offered.refused {
            self.miss(&peer, Some(name), 1, "refused: the name is no name of a file");
        }
        if offered.more_refused > 0 {
            self.miss(&peer, None, offered.more_refused, "more names like these are refused");
        }
        let mut files = Vec::new();
        for file in offered.files {
            if self.claim(&peer, &file) {
                files.push(file);
            }
        }
        let bytes = files.iter().map(|file| file.size).sum();
        self.observer.offered(&peer, files.len(), bytes);
        if self.dry_run {
            return files.iter().for_each(|file| self.tell_plan(&peer, file));
        }
        // 2004 server: single-threaded, with an accept queue of five; a second call would only wait, or be reset.
        let at_once = if offered.is_of_2004 { 1 } else { FILES_PER_NODE };
        let fetching = futures_util::stream::iter(batch::units(files)).map(|unit| self.get_unit(peer.clone(), unit));
        let fetched = fetching.buffer_unordered(at_once).flat_map(futures_util::stream::iter);
        fetched.map(|fetched| self.save(fetched)).buffer_unordered(UNSAVED).for_each(async |()| {}).await;
    }

    /// Whether this file is for this peer's turn: not here yet, and nobody else at it.
    fn claim(&self, peer: &PeerUrl, file: &Offered) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.get_mut(&file.path) {
            Some(Claim::Done) => false,
            Some(Claim::Taken(others)) => {
                others.push((peer.clone(), file.clone()));
                false
            }
            Some(free @ Claim::Free) => {
                *free = Claim::Taken(Vec::new());
                true
            }
            None => {
                let is_here = matches!(self.plan(&file.path), Ok(Planned::AlreadyHere));
                claims.insert(file.path.clone(), if is_here { Claim::Done } else { Claim::Taken(Vec::new()) });
                if is_here {
                    self.report.lock().unwrap_or_else(PoisonError::into_inner).already_here += 1;
                }
                !is_here
            }
        }
    }

    /// One file: from this peer, else from the others that turned out to have it.
    async fn get(&self, peer: PeerUrl, file: Offered) -> Option<Fetched<'_>> {
        let mut next = Some((peer, file));
        while let Some((peer, file)) = next {
            if !self.patience.has(&peer) {
                next = self.next_holder(&file.path);
                if next.is_none() {
                    self.patience.skipped(&peer);
                }
                continue;
            }
            match self.get_from(&peer, &file).await {
                Ok((arrived, bytes)) => {
                    self.patience.succeeded(&peer);
                    return Some(Fetched { peer, path: file.path, arrived, bytes });
                }
                Err(reason) => {
                    self.patience.failed(&peer, &reason);
                    next = self.missed(&peer, &file.path, &reason.to_string());
                }
            }
        }
        None
    }

    async fn get_from(
        &self,
        peer: &PeerUrl,
        file: &Offered,
    ) -> Result<((Arrived, Option<SemaphorePermit<'_>>), u64), fetch::FetchError> {
        let (Some(destination), Planned::SaveAs(target)) = (&self.destination, self.plan(&file.path)?) else {
            return Err(fetch::FetchError::Appeared);
        };
        let _place = self.places.acquire().await.map_err(|_| fetch::FetchError::Stopped)?;
        let unsaved = self.unsaved.acquire().await.map_err(|_| fetch::FetchError::Stopped)?;
        self.observer.begun(&file.path, peer, file.size);
        let bounds = fetch::Bounds { announced: file.size, otherwise: self.max_file_size };
        let moved = |bytes| self.observer.moved(&file.path, bytes);
        let content = self.dialer.fetch(peer, &file.name).await?;
        let (arrived, bytes) = fetch::arrive(content, destination, &target, bounds, moved).await?;
        Ok(((arrived, Some(unsaved)), bytes))
    }

    /// Makes durable what came; where that fails, another peer's copy may still fit.
    async fn save(&self, fetched: Fetched<'_>) {
        let mut next = Some(fetched);
        while let Some(Fetched { peer, path, arrived: (arrived, unsaved), bytes }) = next {
            let unsaved = match unsaved {
                None => self.unsaved.acquire().await.ok(),
                has_place => has_place,
            };
            let saved = self.commits.commit(arrived).await;
            // Given back before another holder is asked, which takes a place of its own.
            drop(unsaved);
            let reason = match saved {
                Ok(saved) => {
                    self.observer.saved(&path, &saved.path, &peer, bytes);
                    self.count(bytes);
                    return self.done(path);
                }
                Err(reason) => reason.to_string(),
            };
            next = match self.missed(&peer, &path, &reason) {
                Some((peer, file)) => self.get(peer, file).await,
                None => None,
            };
        }
    }

    /// What a dry run does with a file.
    fn tell_plan(&self, peer: &PeerUrl, file: &Offered) {
        match self.plan(&file.path) {
            Ok(Planned::SaveAs(target)) => {
                self.observer.planned(&target, peer, file.size);
                self.count(file.size.unwrap_or_default());
            }
            Ok(Planned::AlreadyHere) => {}
            Err(reason) => self.miss(peer, Some(Printable(file.path.as_str()).to_string()), 1, &reason.to_string()),
        }
    }

    fn done(&self, path: SharedPath) {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).insert(path, Claim::Done);
    }

    fn count(&self, bytes: u64) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.saved += 1;
        report.bytes += bytes;
    }

    /// Says that a peer's copy was none; answers who else has one.
    fn missed(&self, peer: &PeerUrl, path: &SharedPath, reason: &str) -> Option<(PeerUrl, Offered)> {
        self.observer.given_up(path);
        self.miss(peer, Some(Printable(path.as_str()).to_string()), 1, reason);
        self.next_holder(path)
    }

    /// Who else has a file; nobody: it is free for a holder that is still to come.
    fn next_holder(&self, path: &SharedPath) -> Option<(PeerUrl, Offered)> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match claims.get_mut(path) {
            Some(Claim::Taken(others)) => others.pop(),
            _ => None,
        };
        if next.is_none() {
            claims.insert(path.clone(), Claim::Free);
        }
        next
    }

    fn plan(&self, path: &SharedPath) -> Result<Planned, SaveError> {
        self.destination.as_ref().map_or_else(|| Ok(Planned::SaveAs(path.clone())), |folder| folder.final_name(path))
    }

    fn miss(&self, peer: &PeerUrl, file: Option<String>, count: usize, reason: &str) {
        let missed = Missed { peer: peer.clone(), file, reason: reason.to_owned(), count };
        self.observer.missed(&missed);
        self.report.lock().unwrap_or_else(PoisonError::into_inner).missed.push(missed);
    }
}
