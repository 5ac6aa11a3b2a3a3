//! One content from several holders at once, for a reader who takes it in order.
//!
//! Each holder is asked for a piece at a time; whoever is fastest takes the next that is needed, one that is slow a later one.
//! Pieces that came early wait until they are next, twice as many at most as there are holders. Where the reader waits for a
//! piece that somebody else would have sooner, that one fetches it too, and who is overtaken again and again is left out.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::transfer::{Outline, PIECE_BYTES, PieceHashing};
use shared::{ContentId, PeerUrl};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::holders::Standing;
use super::holding::{Holding, others};
use super::relay::said;
use super::{Feeder, ReadPermit, SourceError, cut};
use crate::link::{LinkError, Reply};
use crate::node::Node;

/// Most holders that send at once.
const MOST: usize = 4;
/// How long they may take to say what proves the pieces.
const OUTLINE: Duration = Duration::from_secs(3);
/// How often it is looked who could overtake whom.
const LOOK: Duration = Duration::from_millis(50);
/// Who was overtaken so often is left out.
const OVERTAKEN: u32 = 2;

/// What one holder sent: which of them, which piece, and its bytes.
type Came = (usize, u64, Result<Vec<Bytes>, SourceError>);

/// Some holders of one content.
#[derive(Debug)]
pub(super) struct Together {
    node: Arc<Node>,
    reader: String,
    outline: Arc<Outline>,
    lanes: Vec<Lane>,
    #[expect(dead_code, reason = "held, not read: they are given back when all is sent")]
    places: Vec<ReadPermit>,
    tell: mpsc::Sender<Came>,
    told: mpsc::Receiver<Came>,
    /// Proved, and not given on yet.
    ready: BTreeMap<u64, Vec<Bytes>>,
    /// What the last who was left out did.
    last: SourceError,
    left_out: Vec<(Holding, Standing)>,
}

/// One holder, and what it does at the moment.
#[derive(Debug)]
struct Lane {
    number: usize,
    holding: Holding,
    work: Option<Work>,
    /// How long it takes for a piece.
    pace: Option<Duration>,
    overtaken: u32,
}

#[derive(Debug)]
struct Work {
    piece: u64,
    since: Instant,
    #[expect(dead_code, reason = "held, not read: the work ends with it")]
    task: AbortOnDropHandle<()>,
}

impl Together {
    /// The one who sends already, and others who have the same; none where there are none, nobody knows what proves it, or there
    /// is no memory for more. Nobody of those in `but` is asked.
    pub(super) async fn of(
        node: &Arc<Node>,
        reader: &str,
        first: Holding,
        id: ContentId,
        outline: Option<Arc<Outline>>,
        but: &[PeerUrl],
    ) -> Option<Self> {
        if !first.can_be_proved() {
            return None;
        }
        let known: Vec<_> = but.iter().chain(first.holder.url()).cloned().collect();
        let mut others = others(node, id, first.version.size, &known).await;
        // Or those whose names come first would be everybody's.
        let mut chance = [0; 2];
        getrandom::fill(&mut chance).ok()?;
        let count = others.len();
        others.rotate_left(usize::from(u16::from_ne_bytes(chance)).checked_rem(count)?);
        let (mut holdings, mut places) = (vec![first], Vec::new());
        for holding in others.into_iter().take(MOST - 1) {
            let Some(place) = ReadPermit::relay_at_once(node) else { break };
            places.push(place);
            holdings.push(holding);
        }
        if places.is_empty() {
            return None;
        }
        let outline = match outline {
            Some(outline) => outline,
            None => Arc::new(first_outline(node, &holdings, id).await?),
        };
        let lane = |(number, holding)| Lane { number, holding, work: None, pace: None, overtaken: 0 };
        let lanes: Vec<_> = holdings.into_iter().enumerate().map(lane).collect();
        tracing::debug!(holders = lanes.len(), "several holders send one file");
        let (tell, told) = mpsc::channel(2 * MOST);
        let (node, reader, last) = (Arc::clone(node), reader.to_owned(), SourceError::NotHere);
        let (ready, left_out) = (BTreeMap::new(), Vec::new());
        Some(Self { node, reader, outline, lanes, places, tell, told, ready, last, left_out })
    }

    /// What proves the pieces.
    pub(super) fn outline(&self) -> Arc<Outline> {
        Arc::clone(&self.outline)
    }

    /// Who was left out, and how they did.
    pub(super) fn left_out(self) -> Vec<(Holding, Standing)> {
        self.left_out
    }

    /// Gives on all bytes of `part`, whose beginning is moved with them. Answers with whom to go on where only one is left.
    ///
    /// # Errors
    /// [`SourceError::Interrupted`] where nobody reads any more; else what the last one did, when none is left.
    pub(super) async fn pour(
        &mut self,
        part: &mut Range<u64>,
        feeder: &Feeder,
    ) -> Result<Option<Holding>, SourceError> {
        let mut next = VecDeque::new();
        // The first piece that is not given on, not even in part.
        let mut head = part.start / PIECE_BYTES as u64;
        loop {
            if next.is_empty() {
                if part.start >= part.end {
                    return Ok(None);
                }
                match self.ready.remove(&head) {
                    Some(piece) => {
                        let mut at = head * PIECE_BYTES as u64;
                        for bytes in piece {
                            let length = bytes.len() as u64;
                            next.extend(Some(cut(bytes, at, part)).filter(|bytes| !bytes.is_empty()));
                            at += length;
                        }
                        head += 1;
                        // Of what was fetched twice.
                        self.ready = self.ready.split_off(&head);
                    }
                    None if self.lanes.len() < 2 && self.lanes.iter().all(|lane| lane.work.is_none()) => {
                        let left = self.lanes.pop().map(|lane| Some(lane.holding));
                        return left.ok_or_else(|| std::mem::replace(&mut self.last, SourceError::NotHere));
                    }
                    None => {}
                }
            }
            self.assign(head, part.end);
            tokio::select! {
                Some(came) = self.told.recv() => self.take(came),
                is_wanted = feeder.wanted(), if !next.is_empty() => {
                    let bytes = next.pop_front().unwrap_or_default();
                    part.start += bytes.len() as u64;
                    if !is_wanted {
                        return Err(SourceError::Interrupted);
                    }
                    feeder.give(bytes).await?;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Gives work to whoever has none.
    fn assign(&mut self, head: u64, end: u64) {
        let end = end.div_ceil(PIECE_BYTES as u64).min(head + 2 * self.lanes.len() as u64);
        let best = self.lanes.iter().filter_map(|lane| lane.pace).min();
        let mut idle: Vec<_> = self.lanes.iter().filter(|lane| lane.work.is_none()).collect();
        idle.sort_by_key(|lane| lane.pace);
        for (number, pace) in idle.iter().map(|lane| (lane.number, lane.pace)).collect::<Vec<_>>() {
            let is_free = |piece: &u64| !self.ready.contains_key(piece) && self.at_work(*piece).is_none();
            let mut free = (head..end).filter(is_free);
            let is_slow = pace.zip(best).is_some_and(|(pace, best)| pace > 2 * best);
            let piece = if is_slow { free.next_back() } else { free.next() };
            // The last one left goes on in its own way.
            let piece = piece.filter(|_| self.lanes.len() > 1);
            let piece = piece.or_else(|| pace.and_then(|pace| self.overtake(head, pace)));
            if let (Some(piece), Some(at)) = (piece, self.lanes.iter().position(|lane| lane.number == number)) {
                self.start(at, piece);
            }
        }
    }

    /// The next piece, where it is on its way from somebody who takes longer than another would from now on.
    fn overtake(&mut self, head: u64, pace: Duration) -> Option<u64> {
        let at = self.at_work(head).filter(|_| !self.ready.contains_key(&head))?;
        let lane = self.lanes.get_mut(at)?;
        let since = lane.work.as_ref()?.since.elapsed();
        let left = lane.pace.and_then(|usual| usual.checked_sub(since)).unwrap_or(since);
        if since < pace || left < pace + pace / 2 {
            return None;
        }
        lane.work = None;
        lane.overtaken += 1;
        if lane.overtaken >= OVERTAKEN {
            self.leave_out(at, Standing::Slow);
        }
        Some(head)
    }

    fn leave_out(&mut self, at: usize, standing: Standing) {
        let holding = self.lanes.remove(at).holding;
        tracing::info!(peer = ?holding.holder.url(), ?standing, "one of several holders is left out");
        self.left_out.push((holding, standing));
    }

    /// Which of them fetches a piece.
    fn at_work(&self, piece: u64) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.work.as_ref().is_some_and(|work| work.piece == piece))
    }

    fn start(&mut self, at: usize, piece: u64) {
        let Some(lane) = self.lanes.get_mut(at) else { return };
        let (node, reader, outline) = (Arc::clone(&self.node), self.reader.clone(), Arc::clone(&self.outline));
        let (number, holding, tell) = (lane.number, lane.holding.clone(), self.tell.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            let fetched = fetch(&node, &holding, &reader, &outline, piece).await;
            // Nobody reads any more is as good.
            let _over = tell.send((number, piece, fetched)).await;
        }));
        lane.work = Some(Work { piece, since: Instant::now(), task });
    }

    fn take(&mut self, (number, piece, fetched): Came) {
        let is_it = |lane: &Lane| lane.number == number && lane.work.as_ref().is_some_and(|work| work.piece == piece);
        let at = self.lanes.iter().position(is_it);
        match (fetched, at) {
            (Ok(bytes), at) => {
                self.ready.insert(piece, bytes);
                if let Some(lane) = at.and_then(|at| self.lanes.get_mut(at))
                    && let Some(work) = lane.work.take()
                {
                    let took = work.since.elapsed();
                    lane.pace = Some(lane.pace.map_or(took, |pace| (3 * pace + took) / 4));
                }
            }
            (Err(why), Some(at)) => {
                tracing::debug!(%why, "a holder failed");
                self.leave_out(at, Standing::after(&why));
                self.last = why;
            }
            // It was overtaken meanwhile.
            (Err(_), None) => {}
        }
    }
}

/// A whole piece of a holder's, proved.
async fn fetch(
    node: &Arc<Node>,
    from: &Holding,
    reader: &str,
    outline: &Outline,
    piece: u64,
) -> Result<Vec<Bytes>, SourceError> {
    let at = piece * PIECE_BYTES as u64;
    let mut left = outline.size().saturating_sub(at).min(PIECE_BYTES as u64);
    let mut replies = from.ask(node, reader, at..at + 1).await?;
    let (mut hashing, mut parts) = (PieceHashing::new(piece), Vec::new());
    loop {
        match replies.next().await.map_err(said)? {
            Some(Reply::Data(record)) => {
                // It keeps its room: no more than there is of it is held.
                let (bytes, _room) = (Bytes::from_owner(record), replies.keep());
                left = left.checked_sub(bytes.len() as u64).ok_or(SourceError::TooMuch)?;
                hashing.push(&bytes);
                parts.push(bytes);
            }
            None if left > 0 => return Err(SourceError::Changed),
            None if outline.proves_hashed(&hashing) => return Ok(parts),
            None => return Err(SourceError::Lied),
            Some(_) => return Err(said(LinkError::Senseless)),
        }
    }
}

/// What proves the pieces, from the first who says it.
async fn first_outline(node: &Node, holdings: &[Holding], id: ContentId) -> Option<Outline> {
    let mut asked: FuturesUnordered<_> = holdings.iter().map(|holding| holding.outline(node, id)).collect();
    let first = async {
        while let Some(told) = asked.next().await {
            if let Ok(Some(outline)) = told {
                return Some(outline);
            }
        }
        None
    };
    tokio::time::timeout(OUTLINE, first).await.ok().flatten()
}
