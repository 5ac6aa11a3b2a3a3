//! Downloading: what all peers offer, each file once, from whoever has it, onto the disk whole or not at all.
//!
//! A dead, slow, lying or endless peer costs only its own files. Names are checked by [`SharedPath`] and nothing else
//! decides where a file goes; nothing that is already here is ever replaced.

mod batch;
mod came;
mod claims;
mod copies;
mod fetch;
mod job;
mod large;
mod offers;
mod patience;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::bridge::TabId;
use shared::{PeerUrl, Printable, SharedPath};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dial::{CallError, Dialer};
use crate::folder::{CommitQueue, Destination, Planned, SaveError};
use crate::lock::LockExt;
use crate::open_files;
use crate::swarm::Swarm;

use came::{Came, Fetched};
use claims::{Claims, Turn};
use copies::{ContentTurn, Copies};
use large::Registry;
pub(crate) use large::content_words;
use patience::Patience;

pub use job::{DownloadError, Job, Missed, Observer, Provenance, Report, SavedFile};
use offers::offers;
pub use offers::{LastSeen, Offered, Offers, OffersOf, Selection, offers_known, peers_of};

/// Largest file taken from a peer that does not say beforehand how large it is, in bytes, unless the person says otherwise.
pub const MAX_UNANNOUNCED: u64 = 16 << 30;

/// Files on their way at once, over all peers.
const FILES: usize = 32;
/// Files on their way at once from one modern node.
const FILES_PER_NODE: usize = 16;
/// Offered files that are compared with the folder before others get on.
const CLAIMED_AT_ONCE: usize = 256;
/// How often a file is asked for again that broke off with its connection.
const TRIES: u32 = 4;
/// Large files on their way at once, each in several parts …
const LARGE_FILES: usize = 16;
/// … and of those from one peer: a slow one must not keep those of others from coming.
const LARGE_FILES_PER_PEER: usize = 4;
/// Parts of those on their way at once.
const PARTS: usize = 32;
/// The same from others who fetch the same.
const PARTNER_PARTS: usize = 16;
/// Files begun and not yet durable, over all peers: what waits for the disk must not keep the next from coming, or the
/// groups that share one wait stay small. Each may be open, with a folder or two, and they are fewer where a system allows few
/// open files.
const UNSAVED: usize = 640;

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
    let destination = match job.dry_run && !job.to.exists() {
        true => None,
        false => Some(Arc::new(Destination::open(&job.to)?)),
    };
    let (places, commits) = (Places::new(), CommitQueue::start().map_err(DownloadError::Thread)?);
    let download = Download {
        destination,
        dry_run: job.dry_run,
        max_file_size: job.max_file_size,
        swarm: (!job.alone).then(|| Swarm::new(dialer.links().identity().clone())),
        ..Download::new(dialer, observer, &places, commits, &shutdown)
    };
    if let Some(offers) = shutdown.run_until_cancelled(offers(dialer, &job.pool, &job.wanted)).await {
        let mut offers = offers?;
        let mut fetching = FuturesUnordered::new();
        loop {
            tokio::select! {
                offered = offers.next() => match offered {
                    Some((peer, offered)) => fetching.push(download.take(peer, offered)),
                    None => break,
                },
                Some(()) = fetching.next() => {}
                () = shutdown.cancelled() => break,
            }
        }
        // Once ended by the person they ask for nothing more, and only what came whole is still saved, and told of.
        while fetching.next().await.is_some() {}
        for (peer, files) in download.patience.given_up() {
            download.miss(&peer, None, files, "it failed too often; the rest of its files was not asked for");
        }
    }
    let interrupted = shutdown.is_cancelled();
    // What is complete is saved, and only then is the word spoken.
    let Download { commits, report, unfinished, swarm, .. } = download;
    // Failing means that it panicked, which was shown then.
    let _ended = tokio::task::spawn_blocking(move || drop(commits)).await;
    if let Some(swarm) = swarm {
        if !interrupted {
            swarm.settle().await;
        }
        swarm.close();
    }
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Report { interrupted, dry_run: job.dry_run, unfinished: unfinished.into_inner(), ..report })
}

/// Fetches what one peer offers into a folder, each file in the version that is offered and no other, until all is done or
/// `shutdown`.
pub(crate) async fn take(
    dialer: &Dialer,
    peer: PeerUrl,
    offered: OffersOf,
    into: (Destination, CommitQueue, &Places),
    observer: &dyn Observer,
    shutdown: &CancellationToken,
) {
    let (destination, commits, places) = into;
    let destination = Some(Arc::new(destination));
    let download =
        Download { destination, is_exact: true, ..Download::new(dialer, observer, places, commits, shutdown) };
    download.take(peer, Ok(offered)).await;
}

/// How much may be on its way at once.
#[derive(Debug)]
pub(crate) struct Places {
    files: Semaphore,
    unsaved: Semaphore,
    large: Semaphore,
    parts: Semaphore,
    partner_parts: Semaphore,
}

impl Places {
    /// For a download that a person waits for.
    fn new() -> Self {
        Self::few(FILES, PARTS)
    }

    /// For so many files at once, and parts of large ones, each of which holds some three mebibytes.
    pub(crate) fn few(files: usize, parts: usize) -> Self {
        Self {
            files: Semaphore::new(files),
            unsaved: Semaphore::new(open_files::most().map_or(UNSAVED, |most| UNSAVED.min(most / 4))),
            large: Semaphore::new(LARGE_FILES),
            parts: Semaphore::new(parts),
            partner_parts: Semaphore::new(PARTNER_PARTS),
        }
    }
}

struct Download<'a> {
    dialer: &'a Dialer,
    observer: &'a dyn Observer,
    /// None where a dry run would have to make it.
    destination: Option<Arc<Destination>>,
    commits: CommitQueue,
    dry_run: bool,
    max_file_size: Option<u64>,
    /// Whether a file that became another since it was offered is not wanted.
    is_exact: bool,
    places: &'a Places,
    /// Of each peer the places for its large files.
    large_of: Mutex<BTreeMap<PeerUrl, Arc<Semaphore>>>,
    patience: Patience,
    /// What others who fetch the same are given; none where nothing is.
    swarm: Option<Swarm>,
    /// Who holds which large content.
    registry: Registry,
    /// Which of those are here.
    copies: Copies,
    /// Files on the disk that the next download could go on with.
    unfinished: AtomicUsize,
    claims: Claims,
    report: Mutex<Report>,
    /// Once the person ends it nothing more is asked for.
    shutdown: &'a CancellationToken,
}

impl<'a> Download<'a> {
    /// Of nothing yet, with what every download has.
    fn new(
        dialer: &'a Dialer,
        observer: &'a dyn Observer,
        places: &'a Places,
        commits: CommitQueue,
        shutdown: &'a CancellationToken,
    ) -> Self {
        Self {
            dialer,
            observer,
            destination: None,
            commits,
            dry_run: false,
            max_file_size: None,
            is_exact: false,
            places,
            large_of: Mutex::default(),
            patience: Patience::default(),
            swarm: None,
            registry: Registry::default(),
            copies: Copies::default(),
            unfinished: AtomicUsize::new(0),
            claims: Claims::default(),
            report: Mutex::default(),
            shutdown,
        }
    }
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
        let (mut files, mut crowded) = (Vec::new(), 0);
        for (at, mut file) in offered.files.into_iter().enumerate() {
            // Each costs a look at the disk: others get on between.
            if at % CLAIMED_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            let turn = self.claim(&peer, &mut file);
            if turn == Turn::Crowded {
                crowded += 1;
                continue;
            }
            self.registry.add(&peer, &file);
            if turn != Turn::Its {
                continue;
            }
            if file.size.zip(self.max_file_size).is_some_and(|(size, most)| size > most) {
                self.miss(&peer, Some(Printable(&file.name).to_string()), 1, "it is larger than --max-file-size");
                continue;
            }
            files.push(file);
        }
        if crowded > 0 {
            self.miss(&peer, None, crowded, "too many other files would be saved under the same names");
        }
        let bytes = files.iter().map(|file| file.size).sum();
        self.observer.offered(&peer, files.len(), bytes);
        if self.dry_run {
            return files.iter().for_each(|file| self.tell_plan(&peer, file));
        }
        // 2004 server: single-threaded, with an accept queue of five; a second call would only wait, or be reset.
        let at_once = if offered.is_of_2004 { 1 } else { FILES_PER_NODE };
        let mut units = batch::units(&peer, files).into_iter();
        // No combinators: of a stream of closures that borrow, nobody can tell that it may go from thread to thread.
        let (mut fetching, mut saving) = (FuturesUnordered::new(), FuturesUnordered::new());
        loop {
            while fetching.len() < at_once
                && saving.len() < UNSAVED
                && let Some(unit) = units.next()
            {
                fetching.push(self.until_shutdown(self.get_unit(peer.clone(), unit)));
            }
            tokio::select! {
                Some(fetched) = fetching.next() => {
                    for fetched in fetched {
                        saving.push(self.save(fetched));
                    }
                }
                Some(()) = saving.next() => {}
                else => break,
            }
        }
    }

    /// What comes of it, or nothing once the person ends the download.
    async fn until_shutdown<T: Default>(&self, asking: impl Future<Output = T>) -> T {
        self.shutdown.run_until_cancelled(asking).await.unwrap_or_default()
    }

    /// Whose turn this file is, which gets the path that it is to be saved as.
    fn claim(&self, peer: &PeerUrl, file: &mut Offered) -> Turn {
        let here = Cell::new(None);
        let is_here = |path: &SharedPath| match self.plan(path) {
            Ok(Planned::AlreadyHere(path, facts)) => {
                here.set(Some((path, facts)));
                true
            }
            _ => false,
        };
        let turn = self.claims.claim(peer, file, is_here);
        if turn == Turn::Here {
            let (path, facts) = here.take().unzip();
            let differs = job::difference(file, facts.flatten());
            if let Some(how) = differs {
                self.observer.differs(file, peer, how);
            } else if let Some((content, path)) = copies::content(file).zip(path) {
                self.copies.was_here(content, path);
            }
            let mut report = self.report.locked();
            report.already_here += 1;
            report.differing += usize::from(differs.is_some());
        }
        turn
    }

    /// One file: from this peer, else from the others that turned out to have it.
    async fn get(&self, peer: PeerUrl, file: Offered) -> Option<Fetched<'_>> {
        let mut next = Some((peer, file));
        while let Some((peer, file)) = next {
            // Before it is looked at who is worth asking: that may be another by then.
            let turn = self.turn(&file).await;
            if self.claims.was_tried(&peer, &file.path) {
                next = self.claims.next_holder(&file.path);
                continue;
            }
            if !self.patience.has(&peer) {
                next = self.claims.next_holder(&file.path);
                if next.is_none() {
                    self.patience.skipped(&peer);
                }
                continue;
            }
            match self.get_from(&peer, &file, turn).await {
                Ok(came) => {
                    self.patience.succeeded(&peer);
                    return Some(Fetched { peer, name: file.name, path: file.path, came });
                }
                Err(fetch::FetchError::Appeared) => {
                    self.turned_up(&file.path);
                    return None;
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
        turn: Option<ContentTurn>,
    ) -> Result<Came<'_>, fetch::FetchError> {
        // Of what a tab holds nobody will know the outline: in pieces it would come no safer, and look like many readers there.
        let can_be_proved = file.id.is_some() || TabId::of_path(peer.path()).is_none();
        if let Some(version) = file.version.filter(large::is_large).filter(|_| can_be_proved) {
            return self.get_large(peer, file, version, turn).await;
        }
        let mut tries = 0;
        loop {
            match self.get_whole(peer, file).await {
                // Only of a modern node it is known that it is worth it.
                Err(error) if error.is_lost() && file.version.is_some() && tries < TRIES => {
                    self.observer.given_up(&file.path);
                    tokio::time::sleep(large::back_off(tries)).await;
                    tries += 1;
                }
                came => return came,
            }
        }
    }

    /// A file in one go.
    async fn get_whole(&self, peer: &PeerUrl, file: &Offered) -> Result<Came<'_>, fetch::FetchError> {
        let (destination, target) = self.target(&file.path)?;
        let _place = self.places.files.acquire().await.map_err(|_| fetch::FetchError::Stopped)?;
        let unsaved = self.places.unsaved.acquire().await.map_err(|_| fetch::FetchError::Stopped)?;
        self.observer.begun(&file.path, peer, file.size);
        let bounds = fetch::Bounds { announced: file.size, given: self.max_file_size };
        let moved = |bytes| self.observer.moved(&file.path, bytes);
        let content = self.dialer.fetch(peer, &file.name).await?;
        if self.is_exact && content.version() != file.version {
            return Err(fetch::FetchError::Lied);
        }
        // What was hashed was the version that was offered.
        let id = file.id.filter(|_| file.version.is_some() && content.version() == file.version);
        let stamp = file.stamp(content.version());
        let (arrived, bytes) = fetch::arrive(content, destination, &target, bounds, id, moved).await?;
        let how = Provenance { verified: id.is_some(), ..Provenance::default() };
        Ok(Came { arrived: arrived.stamped(stamp), unsaved: Some(unsaved), bytes, how, turn: None })
    }

    /// Where a file is to go.
    fn target(&self, path: &SharedPath) -> Result<(&Arc<Destination>, SharedPath), fetch::FetchError> {
        match (&self.destination, self.plan(path)?) {
            (Some(destination), Planned::SaveAs(target)) => Ok((destination, target)),
            _ => Err(fetch::FetchError::Appeared),
        }
    }

    /// Makes durable what came; where that fails, another peer's copy may still fit.
    async fn save(&self, fetched: Fetched<'_>) {
        let mut next = Some(fetched);
        while let Some(Fetched { peer, name, path, came: Came { arrived, unsaved, bytes, how, turn } }) = next {
            let unsaved = match unsaved {
                None => self.places.unsaved.acquire().await.ok(),
                has_place => has_place,
            };
            let saved = self.commits.commit(arrived).await;
            // Given back before another holder is asked, which takes a place of its own.
            drop(unsaved);
            if let Some((mut turn, saved)) = turn.zip(saved.as_ref().ok()) {
                *turn = Some(saved.path.clone());
            }
            let reason = match saved {
                Ok(saved) if saved.was_here => {
                    self.observer.given_up(&path);
                    return self.turned_up(&path);
                }
                Ok(saved) => {
                    let (name, save_as) = (&name, &saved.path);
                    self.observer.saved(&SavedFile { name, path: &path, save_as, peer: &peer, bytes, how: &how });
                    self.count(bytes, !how.verified);
                    return self.claims.done(&path);
                }
                Err(reason) => reason.to_string(),
            };
            next = match self.missed(&peer, &path, &reason) {
                Some((peer, file)) => self.until_shutdown(self.get(peer, file)).await,
                None => None,
            };
        }
    }

    /// What a dry run does with a file.
    fn tell_plan(&self, peer: &PeerUrl, file: &Offered) {
        match self.plan(&file.path) {
            Ok(Planned::SaveAs(target)) => {
                self.observer.planned(file, &target, peer);
                self.count(file.size.unwrap_or_default(), false);
            }
            Ok(Planned::AlreadyHere(..)) => {}
            Err(reason) => self.miss(peer, Some(Printable(file.path.as_str()).to_string()), 1, &reason.to_string()),
        }
    }

    /// A file came here by another way meanwhile, like one that was here before.
    fn turned_up(&self, path: &SharedPath) {
        self.report.locked().already_here += 1;
        self.claims.done(path);
    }

    fn count(&self, bytes: u64, is_unverified: bool) {
        let mut report = self.report.locked();
        report.saved += 1;
        report.bytes += bytes;
        report.unverified += usize::from(is_unverified);
    }

    /// Says that a peer's copy was none; answers who else has one.
    fn missed(&self, peer: &PeerUrl, path: &SharedPath, reason: &str) -> Option<(PeerUrl, Offered)> {
        self.observer.given_up(path);
        self.miss(peer, Some(Printable(path.as_str()).to_string()), 1, reason);
        self.claims.next_holder(path)
    }

    fn plan(&self, path: &SharedPath) -> Result<Planned, SaveError> {
        self.destination.as_ref().map_or_else(|| Ok(Planned::SaveAs(path.clone())), |folder| folder.final_name(path))
    }

    fn miss(&self, peer: &PeerUrl, file: Option<String>, count: usize, reason: &str) {
        let missed = Missed { peer: peer.clone(), file, reason: reason.to_owned(), count };
        self.observer.missed(&missed);
        self.report.locked().missed.push(missed);
    }
}
