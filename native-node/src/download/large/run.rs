//! One holder at work: runs of pieces, each piece proved and written before the next is asked about.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::transfer::{Next, PieceHashing, Run, RunNumber};

use super::outline::Asked;
use super::{Holder, RUNS, Transfer, back_off};
use crate::dial::{CallError, ContentStream, fetch_part_over};
use crate::download::Places;
use crate::download::fetch::{FetchError, blocking};
use crate::link::LinkError;

/// From which wait on it is said that a peer is waited for.
const WORTH_A_WORD: Duration = Duration::from_secs(2);
/// A holder with nothing to do looks again so often whether another has become slow.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often a further holder is asked what it holds while it does not know: for about a minute.
const PATIENT: u32 = 20;

/// What came and is not kept yet, in the memory it was received in.
#[derive(Default)]
struct Received {
    bytes: VecDeque<Bytes>,
    /// In bytes.
    length: u64,
}

impl Received {
    fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len() as u64;
        self.bytes.push_back(bytes);
    }

    /// The first so many bytes, or all there are.
    fn take(&mut self, length: u64) -> Vec<Bytes> {
        let mut left = usize::try_from(length.min(self.length)).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        while left > 0
            && let Some(mut bytes) = self.bytes.pop_front()
        {
            let first = bytes.split_to(left.min(bytes.len()));
            left -= first.len();
            self.length -= first.len() as u64;
            taken.push(first);
            if !bytes.is_empty() {
                self.bytes.push_front(bytes);
            }
        }
        taken
    }
}

/// Gives back what a run did not bring, however it ends.
struct Ends<'a>(&'a Transfer<'a>, RunNumber);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.plan.end(self.1);
        state.tell_coming();
        drop(state);
        self.0.tell_changed();
    }
}

impl Transfer<'_> {
    /// Fetches from one holder until there is nothing left, or it is given up. An error is our own, and ends all.
    pub(super) async fn attend(&self, holder: Arc<Holder>) -> Result<(), FetchError> {
        if let Some(partner) = &holder.partner {
            return self.attend_partner(&holder, partner).await;
        }
        if !self.is_the_content(&holder).await {
            return Ok(());
        }
        let runs = (0..RUNS).map(|_| self.fetch(&holder));
        futures_util::future::try_join_all(runs).await.map(drop)
    }

    /// Whether a holder's pieces can be told from others'. The first may send unproved ones, as long as they all are.
    async fn is_the_content(&self, holder: &Holder) -> bool {
        if holder.number == self.first.number {
            return true;
        }
        let mut tries = 0;
        loop {
            let outline = self.lock().outline.clone();
            if let (Some(outline), Some(id)) = (outline, holder.id) {
                return outline.id() == id;
            }
            match self.ask(holder).await {
                Ok(Asked::Known) => return true,
                Ok(Asked::Never) => return false,
                Ok(Asked::Later) if tries < PATIENT => tokio::time::sleep(back_off(tries)).await,
                Ok(Asked::Later) => return false,
                Err(error) => match holder.failed(error.into()) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return false,
                },
            }
            tries += 1;
        }
    }

    pub(super) async fn fetch(&self, holder: &Holder) -> Result<(), FetchError> {
        let mut changed = self.changed.subscribe();
        // Partners must not take all places from who has everything.
        let Places { parts, partner_parts, .. } = self.download.places;
        let places = if holder.partner.is_some() { partner_parts } else { parts };
        while !holder.is_gone() {
            let place = places.acquire().await.map_err(|_| FetchError::Stopped)?;
            let next = {
                let mut state = self.lock();
                let next = state.plan.take(self.now(), holder.number);
                state.tell_coming();
                next
            };
            match next {
                Next::Done => return Ok(()),
                Next::Wait => {
                    drop(place);
                    // In either case it is time to ask again.
                    tokio::select! {
                        _ = changed.changed() => {}
                        () = holder.gained.notified() => {}
                        () = tokio::time::sleep(LOOK_AGAIN) => {}
                    }
                }
                Next::Run(run) => {
                    let fetched = self.fetch_run(holder, run).await;
                    drop(place);
                    match fetched {
                        Ok(()) => {}
                        Err(error @ (FetchError::Save(_) | FetchError::Stopped)) => return Err(error),
                        Err(error) => {
                            let is_lost = error.is_lost();
                            match holder.failed(error) {
                                Some(wait) => {
                                    if is_lost && wait >= WORTH_A_WORD && self.download.patience.is_news(&holder.peer) {
                                        self.download.observer.waited_for(&holder.peer);
                                    }
                                    tokio::time::sleep(wait).await;
                                }
                                None => self.tell_changed(),
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn fetch_run(&self, holder: &Holder, run: Run) -> Result<(), FetchError> {
        let _ends = Ends(self, run.number);
        let last = run.pieces.end.saturating_sub(1);
        let span = self.span(run.pieces.clone());
        let mut stream = match &holder.partner {
            Some(partner) => fetch_part_over(&partner.link, &holder.name, span, holder.version).await?,
            None => self.download.dialer.fetch_part(&holder.peer, &holder.name, span, holder.version).await?,
        };
        let mut received = Received::default();
        // The piece before, which is proved and written while the next one comes in.
        let mut before = None;
        for piece in run.pieces {
            // The rest may have been taken over by who is faster.
            if !self.lock().plan.is_wanted(run.number, piece) {
                break;
            }
            let span = self.span(piece..piece + 1);
            let length = span.end - span.start;
            let keeping = async {
                match before.take() {
                    Some((piece, bytes)) => self.keep(holder, run.number, piece, bytes).await,
                    None => Ok(()),
                }
            };
            // Both to their end: what came is kept, though the next does not come.
            let receiving = self.receive(&mut stream, (run.number, piece), &mut received, length);
            let (kept, is_whole) = futures_util::future::join(keeping, receiving).await;
            kept?;
            if !is_whole? {
                break;
            }
            before = Some((piece, received.take(length)));
            if piece == last && (received.length > 0 || stream.next_bytes().await?.is_some()) {
                return Err(CallError::from(LinkError::Senseless).into());
            }
        }
        match before {
            Some((piece, bytes)) => self.keep(holder, run.number, piece, bytes).await,
            None => Ok(()),
        }
    }

    /// Receives until there are so many bytes of a piece of a run; false where they came from elsewhere meanwhile.
    async fn receive(
        &self,
        stream: &mut ContentStream,
        (run, piece): (RunNumber, u64),
        received: &mut Received,
        length: u64,
    ) -> Result<bool, FetchError> {
        while received.length < length {
            let bytes = stream.next_bytes().await?.ok_or_else(|| CallError::from(LinkError::Senseless))?;
            let came = bytes.len() as u64;
            received.push(bytes);
            self.download.observer.moved(self.path, came);
            let mut state = self.lock();
            state.plan.moved(run, came);
            if !state.plan.is_wanted(run, piece) && received.length < length {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes a piece, if it is what it should be.
    async fn keep(&self, holder: &Holder, run: RunNumber, piece: u64, bytes: Vec<Bytes>) -> Result<(), FetchError> {
        let (part, outline) = (Arc::clone(&self.part), self.lock().outline.clone());
        let span = self.span(piece..piece + 1);
        let (mut at, length) = (span.start, span.end - span.start);
        let kept = blocking(move || {
            let mut hashing = PieceHashing::new(piece);
            bytes.iter().for_each(|bytes| hashing.push(bytes));
            let value = match &outline {
                Some(outline) if !outline.proves_hashed(&hashing) => return Ok(None),
                Some(_) => None,
                None => Some(hashing.value()),
            };
            for bytes in bytes {
                part.write_at(&bytes, at)?;
                at += bytes.len() as u64;
            }
            Ok(Some(value))
        });
        let kept = kept.await?;
        if self.part.is_flush_due() {
            let part = Arc::clone(&self.part);
            drop(tokio::task::spawn_blocking(move || part.flush()));
        }
        self.count(true);
        let Some(value) = kept else { return Err(FetchError::Lied) };
        let mut state = self.lock();
        match (value, &state.outline) {
            // The outline came while this was written.
            (Some(value), Some(outline))
                if usize::try_from(piece).ok().and_then(|at| outline.values().get(at)) != Some(&value) =>
            {
                return Err(FetchError::Lied);
            }
            (Some(value), None) => drop(state.values.insert(piece, value)),
            _ => {}
        }
        // It may have been taken over meanwhile, and is as good.
        let is_its_next = state.plan.next_in(run) == Some(piece);
        let is_new = if is_its_next { state.plan.came(self.now(), run) } else { state.plan.keep(piece) };
        if is_new {
            *state.from.entry(holder.peer.clone()).or_default() += length;
        }
        if let Some(shared) = state.crowd.shared.as_ref().filter(|_| state.outline.is_some()) {
            shared.proved([piece]);
        }
        drop(state);
        holder.succeeded();
        self.tell_changed();
        Ok(())
    }
}
