//! A file that several read through this node at once, to its end: whoever holds it sends it three times, however many they are.
//!
//! ```text
//! holder ─► the first and the second reader, as if there were nobody else
//!       └─► a file without a name here ─► the third, the fourth, … each at its own pace
//! ```
//! For two, which may be one whose player begins again elsewhere, a disk would be written to for nothing. The file begins with
//! the third reader, where that begins, and is gone with the last. Whoever wants what is not in it, and
//! everybody where it is not to be had to its end, reads alone.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::ContentId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::find::{Reading, open_alone, open_proved_alone};
use super::holder::Holder;
use super::holding::Holding;
use super::{Feeder, FileVersion, ReadPermit, Source, SourceError, Version};
use crate::folder::Nameless;
use crate::lock::LockExt;
use crate::node::Node;

/// So many read each alone.
const FEW: usize = 2;
/// What is less is soon read, in bytes.
const LEAST: u64 = 4 << 20;
/// What all such files hold together at most, in MiB.
const MOST_MIB: usize = 4 << 10;
/// How much is read before anybody wants it, and how far beyond what there is somebody may begin, in bytes.
const AHEAD: u64 = 16 << 20;
/// How much of it each takes from the file at a time, in bytes: many read at once, and no holder sends faster than this is read.
const PIECE: u64 = 64 << 10;
/// How long is waited for what those who go on alone need, where all of them do at once.
const BUSY: Duration = Duration::from_secs(1);
/// For how long it is asked again: by then the reader is told that there is no more.
const BUSY_FOR: Duration = Duration::from_secs(120);

/// What is read by several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct What {
    file: FileVersion,
    /// What it holds, where that is known: then nothing else is given.
    id: Option<ContentId>,
    /// As [`Reading::alone`] has it.
    is_of_its_peer_only: bool,
}

/// All files that somebody reads through this node.
#[derive(Debug)]
pub(crate) struct Audiences {
    of: Mutex<HashMap<What, Audience>>,
    room: Arc<Semaphore>,
    /// Held by whoever makes a file, until others find it.
    making: tokio::sync::Mutex<()>,
}

impl Default for Audiences {
    fn default() -> Self {
        Self { of: Mutex::default(), room: Arc::new(Semaphore::new(MOST_MIB)), making: tokio::sync::Mutex::default() }
    }
}

/// Who reads a file.
#[derive(Debug)]
enum Audience {
    Few(Weak<First>),
    Several(Weak<Kept>),
}

/// The first readers of a file, each for as long as it reads.
#[derive(Debug)]
pub(super) struct First;

/// How somebody reads a file.
pub(super) enum Joined {
    /// With others.
    With(Source),
    /// Alone, as long as this is held in such a way that others see it.
    First(Arc<First>),
    /// Alone.
    Alone,
}

/// What is read for all of them.
#[derive(Debug)]
struct Kept {
    file: Nameless,
    version: Version,
    start: u64,
    come: watch::Sender<Come>,
    /// How far the foremost reader is.
    wanted: watch::Sender<u64>,
    #[expect(dead_code, reason = "held, not read: it is given back when the file goes")]
    room: OwnedSemaphorePermit,
}

/// How far it is there.
#[derive(Debug, Clone, Copy)]
struct Come {
    to: u64,
    /// Whether the holder answered, and whether its owner may run the file.
    begun: Option<bool>,
    /// Whether no more comes.
    is_over: bool,
    /// Whether that is not all.
    is_short: bool,
}

/// Somebody may read with others, what there is from its beginning to the end of the file.
///
/// # Errors
/// [`SourceError::Busy`] where it may, and there is no place for one more reader for too long.
pub(super) async fn join(node: &Arc<Node>, holder: &Holder, reading: &Reading) -> Result<Joined, SourceError> {
    // What is ours is on our disk, and what a peer of 2004 sends comes through a file anyway.
    if !matches!(holder, Holder::Tab(_) | Holder::Node(_)) {
        return Ok(Joined::Alone);
    }
    let told = Holding::find(node, holder, &reading.path, reading.version);
    let (version, id) = match (reading.version, told) {
        (_, Some((holding, id))) => (holding.version, Some(id)),
        (Some(version), None) => (version, None),
        (None, None) => return Ok(Joined::Alone),
    };
    let part = reading.range(version.size);
    if part.end < version.size || part.end - part.start < LEAST {
        return Ok(Joined::Alone);
    }
    let file = FileVersion { peer: reading.peer.clone(), path: reading.path.clone(), version };
    let what = What { file, id, is_of_its_peer_only: reading.alone };
    let reading = Reading { version: Some(version), ..reading.clone() };
    let audiences = node.audiences();
    let mut looked = audiences.look(&what, &part);
    let mut making = None;
    if let Looked::Enough = looked {
        // A class begins at one moment: all but one of them find what that one makes.
        making = Some(audiences.making.lock().await);
        looked = audiences.look(&what, &part);
    }
    let (kept, come) = match looked {
        Looked::First(first) => return Ok(Joined::First(first)),
        Looked::NotThere => return Ok(Joined::Alone),
        Looked::Several(kept) => {
            let come = kept.come.subscribe();
            (kept, come)
        }
        Looked::Enough => {
            let Some(new) = Kept::create(node, version, &part).await else { return Ok(Joined::Alone) };
            // Before it is filled: what nobody reads is not.
            let come = new.come.subscribe();
            audiences.of.locked().insert(what, Audience::Several(Arc::downgrade(&new)));
            tokio::spawn(Filling(Arc::clone(&new)).run(Arc::clone(node), reading.clone()));
            (new, come)
        }
    };
    drop(making);
    follow(node, kept, come, reading, part).await
}

/// Gives what comes, once the holder answered.
async fn follow(
    node: &Arc<Node>,
    kept: Arc<Kept>,
    mut come: watch::Receiver<Come>,
    reading: Reading,
    part: Range<u64>,
) -> Result<Joined, SourceError> {
    let begun = come.wait_for(|come| come.begun.is_some() || come.is_over).await.ok().and_then(|come| come.begun);
    // It says by itself why not.
    let Some(is_executable) = begun else { return Ok(Joined::Alone) };
    let place = ReadPermit::take(node, part.end - part.start).await?;
    let most = PIECE.min(place.piece() as u64);
    let (feeder, source) = Source::arriving(kept.version, part.end - part.start, place);
    let node = Arc::clone(node);
    tokio::spawn(feeder.pour(async move |feeder: &Feeder| {
        let left = kept.pour(come, part, most, feeder).await?;
        drop(kept);
        if left.is_empty() {
            return Ok(());
        }
        let rest = Reading { from: left.start, length: Some(left.end - left.start), ..reading };
        let until = Instant::now() + BUSY_FOR;
        let mut source = loop {
            match open(&node, rest.clone()).await {
                Err(SourceError::Busy) if Instant::now() < until => tokio::time::sleep(BUSY).await,
                opened => break opened?,
            }
        };
        while let Some(bytes) = source.next().await? {
            feeder.give(bytes).await?;
        }
        Ok(())
    }));
    Ok(Joined::With(Source { is_executable, ..source }))
}

/// Reads as whoever reads alone does.
async fn open(node: &Arc<Node>, reading: Reading) -> Result<Source, SourceError> {
    if reading.alone { open_alone(node, reading).await } else { open_proved_alone(node, reading).await }
}

/// What there is of an audience for one more.
enum Looked {
    /// It is one of the first.
    First(Arc<First>),
    /// There are so many that it is worth a file.
    Enough,
    /// There are several, and what it wants is there or will be soon.
    Several(Arc<Kept>),
    /// There are, and it is not.
    NotThere,
}

impl Audiences {
    fn look(&self, what: &What, part: &Range<u64>) -> Looked {
        let mut of = self.of.locked();
        of.retain(|_, audience| audience.is_there());
        match of.get(what) {
            Some(Audience::Few(first)) => match first.upgrade() {
                // With us.
                Some(first) if Arc::strong_count(&first) <= FEW => Looked::First(first),
                _ => Looked::Enough,
            },
            Some(Audience::Several(kept)) => match kept.upgrade().filter(|kept| kept.has(part)) {
                Some(kept) => Looked::Several(kept),
                None => Looked::NotThere,
            },
            None => {
                let first = Arc::new(First);
                of.insert(what.clone(), Audience::Few(Arc::downgrade(&first)));
                Looked::First(first)
            }
        }
    }
}

impl Audience {
    fn is_there(&self) -> bool {
        match self {
            Self::Few(first) => first.strong_count() > 0,
            Self::Several(kept) => kept.upgrade().is_some_and(|kept| !kept.is_given_up()),
        }
    }
}

impl Kept {
    /// None where there is no room for it, or no place.
    async fn create(node: &Node, version: Version, part: &Range<u64>) -> Option<Arc<Self>> {
        let bytes = part.end - part.start;
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).ok()?;
        let room = Arc::clone(&node.audiences().room).try_acquire_many_owned(mib).ok()?;
        let folder = node.known().folder().map(Path::to_path_buf)?;
        // All that is promised may yet be written.
        let promised = (MOST_MIB - node.audiences().room.available_permits()) as u64;
        let created = tokio::task::spawn_blocking(move || Nameless::create(&folder, promised << 20)).await.ok()?;
        let file = created.inspect_err(|error| tracing::info!(%error, "no file for several readers")).ok()??;
        let start = part.start;
        let come = watch::Sender::new(Come { to: start, begun: None, is_over: false, is_short: true });
        Some(Arc::new(Self { file, version, start, come, wanted: watch::Sender::new(start), room }))
    }

    fn has(&self, part: &Range<u64>) -> bool {
        let come = *self.come.borrow();
        self.start <= part.start && part.start <= come.to.saturating_add(AHEAD) && !self.is_given_up()
    }

    /// Whether it ended before its end: others are better off without it.
    fn is_given_up(&self) -> bool {
        let come = *self.come.borrow();
        come.is_over && come.is_short
    }

    /// Somebody is as far as this.
    fn is_wanted_to(&self, to: u64) {
        self.wanted.send_if_modified(|wanted| to > std::mem::replace(wanted, to.max(*wanted)));
    }

    /// Gives this part as it comes, so many bytes at a time at most; answers with what of it does not.
    async fn pour(
        self: &Arc<Self>,
        mut come: watch::Receiver<Come>,
        mut part: Range<u64>,
        most: u64,
        feeder: &Feeder,
    ) -> Result<Range<u64>, SourceError> {
        self.is_wanted_to(part.start);
        while part.start < part.end {
            let there = come.wait_for(|come| come.to > part.start || come.is_over).await.map(|come| come.to);
            let to = there.unwrap_or_default().min(part.end).min(part.start.saturating_add(most));
            if to <= part.start {
                break;
            }
            if !feeder.wanted().await {
                return Err(SourceError::Interrupted);
            }
            let (kept, at) = (Arc::clone(self), part.start);
            let read = move || {
                let mut bytes = vec![0; usize::try_from(to - at).unwrap_or_default()];
                kept.file.read_exact_at(&mut bytes, at - kept.start).map(|()| Bytes::from(bytes))
            };
            let read = tokio::task::spawn_blocking(read).await.map_err(|_| SourceError::Interrupted)?;
            let Ok(bytes) = read.inspect_err(|error| tracing::info!(%error, "what several read")) else { break };
            part.start = to;
            self.is_wanted_to(to);
            feeder.give(bytes).await?;
        }
        Ok(part)
    }
}

/// Fills a file, until nobody reads it any more. However it ends, those who wait for more learn of it.
struct Filling(Arc<Kept>);

impl Filling {
    async fn run(self, node: Arc<Node>, reading: Reading) {
        // Whoever holds the file is told of one of them only.
        let reader = format!("{}, …", reading.reader);
        tokio::select! {
            filled = self.fill(&node, Reading { reader, ..reading }) => match filled {
                Ok(()) => self.0.come.send_modify(|come| come.is_short = false),
                Err(why) => tracing::info!(%why, "several read a file, and go on alone"),
            },
            () = self.0.come.closed() => {}
        }
    }

    async fn fill(&self, node: &Arc<Node>, reading: Reading) -> Result<(), SourceError> {
        let kept = &self.0;
        let (mut source, mut at) = (open(node, reading).await?, kept.start);
        kept.come.send_modify(|come| come.begun = Some(source.is_executable()));
        let mut wanted = kept.wanted.subscribe();
        while let Some(bytes) = source.next().await? {
            // It sends itself: this cannot fail.
            drop(wanted.wait_for(|wanted| at <= wanted.saturating_add(AHEAD)).await);
            let (file, from, length) = (Arc::clone(kept), at - kept.start, bytes.len() as u64);
            let written = tokio::task::spawn_blocking(move || file.file.write_all_at(&bytes, from)).await;
            written.map_err(|_| SourceError::Interrupted)??;
            at += length;
            kept.come.send_modify(|come| come.to = at);
        }
        Ok(())
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.come.send_modify(|come| come.is_over = true);
    }
}
