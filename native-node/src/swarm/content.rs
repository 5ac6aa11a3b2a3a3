//! One content that is on its way, as far as it can be given to others: pieces that were proved, out of the unfinished file.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use shared::ContentId;
use shared::limits::SWARM_PIECES_PER_RECORD;
use shared::transfer::{PIECE_BYTES, pieces_of};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Met, Swarm};
use crate::folder::LastingPart;
use crate::lock::LockExt;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) size: u64,
    state: Mutex<State>,
    /// There are more pieces.
    changed: watch::Sender<()>,
    /// It is not fetched any more.
    over: CancellationToken,
    met: mpsc::Sender<Met>,
}

#[derive(Debug)]
struct State {
    /// None once it is given up: then the file may be removed.
    part: Option<Arc<LastingPart>>,
    /// In the order in which they came.
    proved: Vec<u32>,
    /// On their way from who has everything.
    coming: Vec<u32>,
    has: Vec<bool>,
}

/// The right to share a content; dropped, nothing of it is given any more, but what somebody reads of a whole file.
#[derive(Debug)]
pub(crate) struct Shared {
    swarm: Swarm,
    id: ContentId,
    content: Arc<Content>,
    is_whole: bool,
}

impl Content {
    pub(super) fn new(size: u64, part: Arc<LastingPart>, met: mpsc::Sender<Met>) -> Self {
        let pieces = usize::try_from(pieces_of(size)).unwrap_or_default();
        let state = State { part: Some(part), proved: Vec::new(), coming: Vec::new(), has: vec![false; pieces] };
        Self { size, state: Mutex::new(state), changed: watch::Sender::new(()), over: CancellationToken::new(), met }
    }

    /// Pieces that are there, after the first `told` that came, so many as go into one message; and those that are on their way.
    pub(super) fn proved_after(&self, told: usize) -> (Vec<u32>, Vec<u32>) {
        let state = self.lock();
        let proved = state.proved.iter().skip(told).take(SWARM_PIECES_PER_RECORD).copied().collect();
        (proved, state.coming.clone())
    }

    /// Is told when there are more.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until it is not fetched any more.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Whether all of these bytes are there and proved.
    pub(super) fn has(&self, bytes: Range<u64>) -> bool {
        let piece = |at: u64| usize::try_from(at / PIECE_BYTES as u64).unwrap_or(usize::MAX);
        let all = piece(bytes.start)..=piece(bytes.end.saturating_sub(1));
        !bytes.is_empty() && self.lock().has.get(all).is_some_and(|pieces| pieces.iter().all(|has| *has))
    }

    /// Where to read them.
    pub(super) fn part(&self) -> Option<Arc<LastingPart>> {
        self.lock().part.clone()
    }

    /// Another receiver called.
    pub(super) fn met(&self, met: Met) {
        // There are enough of them.
        let _full = self.met.try_send(met);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.locked()
    }
}

impl Shared {
    pub(super) fn new(swarm: Swarm, id: ContentId, content: Arc<Content>) -> Self {
        Self { swarm, id, content, is_whole: false }
    }

    /// These pieces are there and proved.
    pub(crate) fn proved(&self, pieces: impl IntoIterator<Item = u64>) {
        let mut state = self.content.lock();
        for piece in pieces.into_iter().filter_map(|piece| u32::try_from(piece).ok()) {
            let has = usize::try_from(piece).ok().and_then(|at| state.has.get_mut(at));
            if has.is_some_and(|has| !std::mem::replace(has, true)) {
                state.proved.push(piece);
            }
        }
        drop(state);
        self.content.changed.send_replace(());
    }

    /// These come just now from who has everything.
    pub(crate) fn comes(&self, pieces: impl IntoIterator<Item = u64>) {
        let coming: Vec<u32> = pieces.into_iter().filter_map(|piece| u32::try_from(piece).ok()).collect();
        let is_same = std::mem::replace(&mut self.content.lock().coming, coming.clone()) == coming;
        if !is_same {
            self.content.changed.send_replace(());
        }
    }

    /// All is there: who reads now may read on.
    pub(crate) fn is_whole(&mut self) {
        self.is_whole = true;
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.swarm.contents().remove(&self.id);
        if !self.is_whole {
            self.content.lock().part = None;
        }
        self.content.over.cancel();
    }
}
