//! A large file of modern nodes: in pieces, each proved before it is kept, from all who hold the same content at once, and
//! gone on with after whatever interrupted it.
//!
//! ```text
//! Registry (who holds what) ─► Transfer ─► attend: one for each holder ─► two runs of pieces under way
//!                                │ Plan: which run next        │ fetch_part ─► proved ─► LastingPart
//!                                └ Outline: asked for first, and again until it is known
//!                └ crowd: others who fetch the same, holders of what they have so far
//! ```
//! What is here under another name is taken from there, and so is what an earlier download left: as far as the outline proves it.
//! Where no outline is known yet, the pieces come from one holder, in one version, and are proved once it is. What was left
//! by an earlier download is used only as far as the outline proves it: there is no other account of it.

mod crowd;
mod holder;
mod outline;
mod registry;
mod run;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::bridge::ResetCode;
use shared::transfer::{MOST_PIECES, Outline, PIECE_BYTES, Plan, Value, pieces_of};
use shared::{ContentId, Moment, PeerUrl, Printable, SharedPath};
use tokio::sync::{Semaphore, watch};

use super::fetch::{FetchError, blocking};
use super::{Came, ContentTurn, Download, LARGE_FILES_PER_PEER, Offered, Provenance};
use crate::dial::CallError;
use crate::folder::{Arrived, LastingPart};
use crate::lock::LockExt;
use crate::source::Version;
use crowd::Crowd;
use holder::Holder;

pub(super) use registry::Registry;

/// Larger files than this come in pieces, in bytes.
pub(super) const LARGE: u64 = PIECE_BYTES as u64;
/// Still larger ones come as a stream, in bytes: nobody has their outline.
pub(super) const TOO_LARGE: u64 = (MOST_PIECES * PIECE_BYTES) as u64;
/// How long it is waited before each further try of a file that changes while it is fetched.
const CHANGED_AGAIN: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];
/// Most holders of one content that are asked.
const HOLDERS: usize = 32;
/// How many runs of each are under way, so that it never waits for us to ask.
const RUNS: usize = 2;
/// For how long another download that writes the same may write nothing: longer than it waits for a holder.
const STALLED: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// For how long others may have nothing of what is missing, where nobody is left who has everything.
const STUCK: Duration = Duration::from_secs(10);

/// One large file on its way.
struct Transfer<'a> {
    download: &'a Download<'a>,
    path: &'a SharedPath,
    size: u64,
    /// Who was asked for the file; the others hold the same content.
    first: Arc<Holder>,
    part: Arc<LastingPart>,
    /// Whether it is among the unfinished files that can be gone on with.
    is_counted: AtomicBool,
    begun: Instant,
    state: Mutex<State>,
    /// Something of the state became different.
    changed: watch::Sender<()>,
}

struct State {
    plan: Plan,
    /// What is to come, where anybody told.
    id: Option<ContentId>,
    outline: Option<Arc<Outline>>,
    /// What the pieces come to that were kept unproved.
    values: BTreeMap<u64, Value>,
    /// All of them, [`Transfer::first`] too.
    holders: Vec<Arc<Holder>>,
    kept_before: u64,
    from: BTreeMap<PeerUrl, u64>,
    crowd: Crowd,
}

/// Whether a file of this version comes in pieces.
pub(super) fn is_large(version: &Version) -> bool {
    version.size > LARGE && version.size <= TOO_LARGE
}

/// What a file will hold, in words by which an unfinished one is found again, the best first.
pub(crate) fn content_words(version: Version, id: Option<ContentId>) -> Vec<String> {
    let of_version = format!("{}:{}", version.size, version.modified);
    id.map(|id| id.to_string()).into_iter().chain([of_version]).collect()
}

/// Whether a file is another one than was asked for.
fn is_changed(error: &FetchError) -> bool {
    matches!(error, FetchError::Call(CallError::Link(error)) if error.code() == Some(ResetCode::CHANGED))
}

impl Download<'_> {
    /// A large file, from this peer and whoever holds the same content.
    pub(super) async fn get_large(
        &self,
        peer: &PeerUrl,
        file: &Offered,
        version: Version,
        turn: Option<ContentTurn>,
    ) -> Result<Came<'_>, FetchError> {
        let here = turn.as_deref().cloned().flatten();
        // As many as want may take it from here at once.
        let mut turn = turn.filter(|_| here.is_none());
        // Without a place: it may take as long as all of the file.
        self.wait_for_other_writers(&file.path, &content_words(version, file.id)).await?;
        let of_peer = {
            let mut large_of = self.large_of.locked();
            let new = || Arc::new(Semaphore::new(LARGE_FILES_PER_PEER));
            Arc::clone(large_of.entry(peer.clone()).or_insert_with(new))
        };
        let of_peer = of_peer.acquire_owned().await.map_err(|_| FetchError::Stopped)?;
        let large = self.places.large.acquire().await.map_err(|_| FetchError::Stopped)?;
        let place = self.places.files.acquire().await.map_err(|_| FetchError::Stopped)?;
        let unsaved = self.places.unsaved.acquire().await.map_err(|_| FetchError::Stopped)?;
        let mut came = self.transfer(peer, file, version, file.id, here).await;
        // It changed since it was listed: as it is now will do, too. Who is writing it may not be done yet, and its holder may
        // not have seen that.
        for wait in CHANGED_AGAIN {
            if self.is_exact || !came.as_ref().is_err_and(is_changed) {
                break;
            }
            // Whatever comes now, it is not what others wait for.
            turn = None;
            self.observer.given_up(&file.path);
            tokio::time::sleep(wait).await;
            let now = self.dialer.version_of(peer, &file.name).await?;
            if now.size > TOO_LARGE {
                return Err(FetchError::Endless(TOO_LARGE));
            }
            if self.max_file_size.is_some_and(|most| now.size > most) {
                return Err(FetchError::TooLarge);
            }
            if !is_large(&now) {
                drop((of_peer, large, place, unsaved));
                let now = Offered { size: Some(now.size), version: Some(now), id: None, ..file.clone() };
                return self.get_whole(peer, &now).await;
            }
            came = self.transfer(peer, file, now, None, None).await;
        }
        if came.as_ref().is_err_and(FetchError::is_lost) {
            // It was waited for, long enough for one file.
            self.patience.lost(peer);
        }
        let (arrived, bytes, how) = came?;
        Ok(Came { arrived, unsaved: Some(unsaved), bytes, how, turn })
    }

    async fn transfer(
        &self,
        peer: &PeerUrl,
        file: &Offered,
        version: Version,
        id: Option<ContentId>,
        here: Option<SharedPath>,
    ) -> Result<(Arrived, u64, Provenance), FetchError> {
        let content = content_words(version, id);
        self.wait_for_other_writers(&file.path, &content).await?;
        let (destination, target) = self.target(&file.path)?;
        let size = version.size;
        let pieces = usize::try_from(pieces_of(size)).unwrap_or(MOST_PIECES);
        self.observer.begun(&file.path, peer, Some(size));
        let destination = Arc::clone(destination);
        let (part, other) = blocking(move || {
            let other = here.and_then(|here| destination.read(&here).ok());
            Ok((destination.resume(&target, &content, size)?, other))
        })
        .await?;
        let part = match other {
            Some(other) => {
                // It is left, too, where the person ends this.
                self.unfinished.fetch_add(1, Ordering::Relaxed);
                let part = take_over(part, other, size).await;
                self.unfinished.fetch_sub(1, Ordering::Relaxed);
                let part = part?;
                self.observer.taken_over(part.had());
                part
            }
            None => part,
        };
        let first = Arc::new(Holder::new(0, peer.clone(), file.name.clone(), version, id));
        let transfer = Transfer {
            download: self,
            path: &file.path,
            size,
            first: Arc::clone(&first),
            part: Arc::new(part),
            is_counted: AtomicBool::new(false),
            begun: Instant::now(),
            state: Mutex::new(State {
                plan: Plan::new(pieces, getrandom::u64().unwrap_or_default()),
                id,
                outline: None,
                values: BTreeMap::new(),
                holders: vec![first],
                kept_before: 0,
                from: BTreeMap::new(),
                crowd: Crowd::default(),
            }),
            changed: watch::Sender::new(()),
        };
        let came = transfer.run().await;
        transfer.tell_of_holders(came.is_ok());
        let how = match came {
            Ok(how) => how,
            Err(error) => {
                if !transfer.is_worth_keeping(&error) {
                    transfer.part.will_not_last();
                    transfer.count(false);
                }
                return Err(error);
            }
        };
        if let Some(shared) = &mut transfer.lock().crowd.shared {
            shared.is_whole();
        }
        let part = Arc::clone(&transfer.part);
        let finished = blocking(move || part.finish()).await?.ok_or(FetchError::Stopped)?;
        transfer.count(false);
        let arrived = Arrived::Part(finished).stamped(file.stamp(Some(version))).proved(how.verified);
        Ok((arrived, size, how))
    }

    /// Waits while another download writes the very file, for as long as it gets on with that: once it is here, all is done,
    /// and what it leaves unfinished is gone on with.
    async fn wait_for_other_writers(&self, path: &SharedPath, content: &[String]) -> Result<(), FetchError> {
        let mut seen = None;
        loop {
            let (destination, target) = self.target(path)?;
            let (destination, content) = (Arc::clone(destination), content.to_vec());
            let written = blocking(move || Ok(destination.written_elsewhere(&target, &content))).await?;
            match (written, &seen) {
                (None, _) => return Ok(()),
                (Some(now), Some((before, since))) if now == *before => {
                    if Instant::elapsed(since) > STALLED {
                        return Ok(());
                    }
                }
                (Some(now), before) => {
                    if before.is_none() {
                        let path = Printable(path.as_str());
                        tracing::info!(%path, "another download writes this file; it is waited for");
                    }
                    seen = Some((now, Instant::now()));
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Transfer<'_> {
    /// Fetches all of it.
    async fn run(&self) -> Result<Provenance, FetchError> {
        self.prove_what_is_there().await?;
        let (mut changed, mut offers) = (self.changed.subscribe(), self.download.registry.subscribe());
        let mut attended = FuturesUnordered::new();
        let mut asking = std::pin::pin!(self.ask_for_outline());
        let mut is_asked = false;
        let mut hearing = std::pin::pin!(self.hear_of_others());
        let mut is_heard = false;
        if self.is_shareable() && self.lock().outline.is_some() && !self.lock().plan.is_done() {
            // Thirty who all began with the first piece would have it sent thirty times.
            tokio::select! {
                () = &mut hearing => is_heard = true,
                () = self.hear_first_word() => {}
            }
        }
        let mut started = 0;
        let mut stuck = None;
        loop {
            self.find_holders();
            for holder in self.holders().into_iter().skip(started) {
                started += 1;
                attended.push(self.attend(holder));
            }
            if self.lock().plan.is_done() {
                if !self.prove_at_the_end().await? {
                    // By now it may be known who else has it.
                    continue;
                }
                let state = self.lock();
                let (kept, from) = (state.kept_before, state.from.clone());
                return Ok(Provenance { verified: state.id.is_some(), kept, from });
            }
            if attended.is_empty() || self.is_stuck(&mut stuck) {
                return Err(self.first.why_gone().unwrap_or(FetchError::Stopped));
            }
            tokio::select! {
                Some(ended) = attended.next() => ended?,
                _ = changed.changed() => {}
                _ = offers.changed() => {}
                () = &mut asking, if !is_asked => is_asked = true,
                () = &mut hearing, if !is_heard => is_heard = true,
                () = tokio::time::sleep(STUCK / 10), if stuck.is_some() => {}
            }
        }
    }

    /// Whether only others are left, and none of them has what is missing, for long enough.
    fn is_stuck(&self, since: &mut Option<Instant>) -> bool {
        let state = self.lock();
        let is_left = |holder: &Arc<Holder>| holder.partner.is_none() && !holder.is_gone();
        if state.holders.iter().any(is_left) || state.plan.can_be_done_by_parts() {
            *since = None;
        } else {
            since.get_or_insert_with(Instant::now);
        }
        since.is_some_and(|since| since.elapsed() > STUCK)
    }

    /// Takes in who else turned out to hold this.
    fn find_holders(&self) {
        let mut state = self.lock();
        let Some(id) = state.id else { return };
        for (peer, file, version) in self.download.registry.holders_of(self.size, id, self.path) {
            let is_known = state.holders.iter().any(|holder| holder.is_as_good_as(&peer, &file.name));
            let count = state.holders.iter().filter(|holder| holder.partner.is_none()).count();
            if count < HOLDERS && !is_known && self.download.patience.has(&peer) {
                let number = u32::try_from(state.holders.len()).unwrap_or(u32::MAX);
                state.holders.push(Arc::new(Holder::new(number, peer, file.name, version, file.id)));
            }
        }
    }

    /// Names the holders that lied, or, where nothing came of it, that failed; the first but when it lied and others did not
    /// is told of by who asked for the file.
    fn tell_of_holders(&self, is_whole: bool) {
        for holder in self.holders() {
            let Some(why) = holder.why_gone() else { continue };
            if holder.partner.is_some() {
                // That others end is nothing to tell of.
                if matches!(why, FetchError::Lied) {
                    let file = Printable(self.path.as_str()).to_string();
                    self.download.miss(&holder.peer, Some(file), 1, &why.to_string());
                }
                continue;
            }
            self.download.claims.tried(&holder.peer, self.path);
            let is_told_elsewhere = !is_whole && holder.number == 0;
            let is_worth_telling = !is_whole || matches!(why, FetchError::Lied);
            if is_worth_telling && !is_told_elsewhere {
                let file = Printable(self.path.as_str()).to_string();
                self.download.patience.failed(&holder.peer, &why);
                self.download.miss(&holder.peer, Some(file), 1, &why.to_string());
            }
        }
    }

    /// Whether an unfinished file can be gone on with: it is known what it is to hold, and only nobody sent it. A file that is
    /// not there may be back in a moment; what nobody goes on with is swept away.
    fn is_worth_keeping(&self, error: &FetchError) -> bool {
        let is_gone_for_good = |error: &FetchError| match error {
            FetchError::Call(CallError::Link(error)) => error.code() == Some(ResetCode::CHANGED),
            FetchError::Call(_) => false,
            // Of what honest ones sent each piece is proved.
            FetchError::Lied => !self.has_of_others(),
            FetchError::Appeared | FetchError::Endless(_) | FetchError::TooLarge => true,
            // A full disk can be emptied.
            FetchError::Save(_) | FetchError::Stopped => false,
        };
        self.lock().id.is_some() && !is_gone_for_good(error)
    }

    /// Whether there is something that was proved, and is not of one who lied.
    fn has_of_others(&self) -> bool {
        let liars: Vec<_> =
            self.holders().into_iter().filter(|it| matches!(it.why_gone(), Some(FetchError::Lied))).collect();
        let state = self.lock();
        let is_honest = |peer: &PeerUrl| liars.iter().all(|liar| liar.peer != *peer);
        state.outline.is_some() && (state.kept_before > 0 || state.from.keys().any(is_honest))
    }

    /// Counts it among the unfinished files, or not any more.
    fn count(&self, is_unfinished: bool) {
        match (self.is_counted.swap(is_unfinished, Ordering::Relaxed), is_unfinished) {
            (false, true) => drop(self.download.unfinished.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.download.unfinished.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }

    fn holders(&self) -> Vec<Arc<Holder>> {
        self.lock().holders.clone()
    }

    fn now(&self) -> Moment {
        Moment::default() + self.begun.elapsed()
    }

    fn tell_changed(&self) {
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.locked()
    }

    /// Bytes from the start of a piece to its end.
    fn span(&self, pieces: std::ops::Range<u64>) -> std::ops::Range<u64> {
        let at = |piece: u64| piece.saturating_mul(PIECE_BYTES as u64).min(self.size);
        at(pieces.start)..at(pieces.end)
    }
}

/// What another file here holds is taken over, as far as it goes: the rest is fetched.
async fn take_over(mut part: LastingPart, mut other: File, size: u64) -> Result<LastingPart, FetchError> {
    loop {
        let taken;
        (taken, part, other) = blocking(move || {
            let taken = part.take_from(&other, size);
            part.flush();
            Ok((taken, part, other))
        })
        .await?;
        match taken {
            Ok(true) => {}
            Ok(false) => return Ok(part),
            Err(error) => {
                tracing::info!(%error, "what is here under another name could not be taken to its end");
                return Ok(part);
            }
        }
    }
}

/// Waits a little longer each time.
pub(super) fn back_off(tries: u32) -> Duration {
    Duration::from_millis(250) * (1 << tries.min(4))
}
