//! One holder at work: runs of pieces, each piece proved and written before the next is asked about.

use std::sync::Arc;
use std::time::Duration;

use shared::transfer::{Next, PIECE_BYTES, Run, RunNumber, value_of};

use super::outline::Told;
use super::{Holder, RUNS, Transfer, back_off};
use crate::dial::{CallError, ContentStream};
use crate::download::fetch::{FetchError, blocking};
use crate::link::LinkError;

/// A holder with nothing to do looks again so often whether another has become slow.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often a further holder is asked what it holds while it does not know: for about a minute.
const PATIENT: u32 = 20;

/// Gives back what a run did not bring, however it ends.
struct Ends<'a>(&'a Transfer<'a>, RunNumber);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.lock().plan.end(self.1);
        self.0.tell_changed();
    }
}

impl Transfer<'_> {
    /// Fetches from one holder until there is nothing left, or it is given up. An error is our own, and ends all.
    pub(super) async fn attend(&self, holder: Arc<Holder>) -> Result<(), FetchError> {
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
                Ok(Told::Known) => return true,
                Ok(Told::Never) => return false,
                Ok(Told::Later) if tries < PATIENT => tokio::time::sleep(back_off(tries)).await,
                Ok(Told::Later) => return false,
                Err(error) => match holder.failed(error.into()) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return false,
                },
            }
            tries += 1;
        }
    }

    async fn fetch(&self, holder: &Holder) -> Result<(), FetchError> {
        let mut changed = self.changed.subscribe();
        while !holder.is_gone() {
            let place = self.download.parts.acquire().await.map_err(|_| FetchError::Stopped)?;
            let next = self.lock().plan.take(self.now(), holder.number);
            match next {
                Next::Done => return Ok(()),
                Next::Wait => {
                    drop(place);
                    // In either case it is time to ask again.
                    let _changed = tokio::time::timeout(LOOK_AGAIN, changed.changed()).await;
                }
                Next::Run(run) => {
                    let fetched = self.fetch_run(holder, run).await;
                    drop(place);
                    match fetched {
                        Ok(()) => {}
                        Err(error @ (FetchError::Save(_) | FetchError::Stopped)) => return Err(error),
                        Err(error) => match holder.failed(error) {
                            Some(wait) => tokio::time::sleep(wait).await,
                            None => self.tell_changed(),
                        },
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
        let mut stream = self.download.dialer.fetch_part(&holder.peer, &holder.name, span, holder.version).await?;
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        // The piece before, which is proved and written while the next one comes in.
        let mut before = None;
        for piece in run.pieces {
            // The rest may have been taken over by who is faster.
            if !self.lock().plan.is_wanted(run.number, piece) {
                break;
            }
            let span = self.span(piece..piece + 1);
            let length = usize::try_from(span.end - span.start).unwrap_or(PIECE_BYTES);
            let keeping = async {
                match before.take() {
                    Some((piece, bytes)) => self.keep(holder, run.number, piece, bytes).await,
                    None => Ok(()),
                }
            };
            // Both to their end: what came is kept, though the next does not come.
            let receiving = self.receive(&mut stream, run.number, &mut bytes, length);
            let (kept, received) = futures_util::future::join(keeping, receiving).await;
            kept.and(received)?;
            if piece == last && stream.next(&mut bytes).await? {
                return Err(CallError::from(LinkError::Senseless).into());
            }
            let rest = bytes.split_off(length);
            before = Some((piece, std::mem::replace(&mut bytes, rest)));
        }
        match before {
            Some((piece, bytes)) => self.keep(holder, run.number, piece, bytes).await,
            None => Ok(()),
        }
    }

    /// Receives until there are so many bytes.
    async fn receive(
        &self,
        stream: &mut ContentStream,
        run: RunNumber,
        bytes: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), FetchError> {
        while bytes.len() < length {
            let before = bytes.len();
            if !stream.next(bytes).await? {
                return Err(CallError::from(LinkError::Senseless).into());
            }
            let came = (bytes.len() - before) as u64;
            self.lock().plan.moved(run, came);
            self.download.observer.moved(self.path, came);
        }
        Ok(())
    }

    /// Writes a piece, if it is what it should be.
    async fn keep(&self, holder: &Holder, run: RunNumber, piece: u64, bytes: Vec<u8>) -> Result<(), FetchError> {
        let (part, outline) = (Arc::clone(&self.part), self.lock().outline.clone());
        let (at, length) = (self.span(piece..piece + 1).start, bytes.len() as u64);
        let kept = blocking(move || {
            let value = match &outline {
                Some(outline) if !outline.proves(piece, &bytes) => return Ok(None),
                Some(_) => None,
                None => Some(value_of(piece, &bytes)),
            };
            part.write_at(&bytes, at)?;
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
        drop(state);
        holder.succeeded();
        self.tell_changed();
        Ok(())
    }
}
