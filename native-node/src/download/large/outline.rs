//! What proves the pieces: asked for, waited for where there is something to go on with, and used on what is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::transfer::{Outline, PIECE_BYTES, pieces_of};

use super::{Transfer, back_off};
use crate::dial::{CallError, Outlined};
use crate::download::fetch::{FetchError, blocking};
use crate::folder::LastingPart;

/// To go on with what an earlier download left, its outline is waited for at least so long…
const LEAST_PATIENCE: Duration = Duration::from_secs(30);
/// … and not longer than it would take to fetch the same again at so many bytes per second.
const LAN: u64 = 100 << 20;
/// Pieces whose outline takes a second at the slowest.
const OUTLINED_A_SECOND: u64 = 8 << 10;
/// Pieces that are looked at in one go: a person who ends the download does not wait for more.
const AT_ONCE: u64 = 32;

/// What came of asking a holder.
pub(super) enum Asked {
    /// We have an outline.
    Known,
    /// Not yet.
    Later,
    /// Not from there.
    Never,
}

impl Transfer<'_> {
    /// Asks a holder, and takes its answer over if it is of what we fetch.
    pub(super) async fn ask(&self, holder: &super::Holder) -> Result<Asked, CallError> {
        // Others wait meanwhile, for what is 32 bytes for each MiB.
        let patience = LEAST_PATIENCE + Duration::from_secs(pieces_of(self.size) / OUTLINED_A_SECOND);
        let asking = self.download.dialer.outline(&holder.peer, &holder.name, holder.version);
        match tokio::time::timeout(patience, asking).await.unwrap_or(Err(CallError::Slow))? {
            Outlined::Known(outline) => Ok(if self.take(holder, outline) { Asked::Known } else { Asked::Never }),
            Outlined::Later => Ok(Asked::Later),
            Outlined::Never => Ok(Asked::Never),
        }
    }

    /// Takes over an outline; false where it is of something else.
    fn take(&self, holder: &super::Holder, outline: Outline) -> bool {
        let mut state = self.lock();
        let is_first = holder.number == self.first.number;
        if outline.size() != self.size || !state.id.map_or(is_first, |id| id == outline.id()) {
            return false;
        }
        state.id = Some(outline.id());
        if state.outline.is_none() {
            let mut is_true = true;
            for (piece, value) in std::mem::take(&mut state.values) {
                let proved = usize::try_from(piece).ok().and_then(|piece| outline.values().get(piece));
                if proved != Some(&value) {
                    state.plan.lose(piece);
                    is_true = false;
                }
            }
            state.outline = Some(Arc::new(outline));
            drop(state);
            if !is_true {
                // Until now all came from there.
                self.first.give_up(FetchError::Lied);
            }
            self.tell_changed();
        }
        true
    }

    /// Before anything is fetched: what an earlier download left is kept as far as the outline proves it.
    pub(super) async fn prove_what_is_there(&self) -> Result<(), FetchError> {
        let had = self.part.had();
        self.count(had > 0);
        let patience = LEAST_PATIENCE.max(Duration::from_secs(had / LAN));
        let begun = Instant::now();
        let mut tries = 0;
        let outline = loop {
            self.find_holders();
            let (mut is_later, mut failed) = (false, None);
            for holder in self.holders().into_iter().filter(|holder| !holder.is_gone()) {
                match self.ask(&holder).await {
                    Ok(Asked::Known) => break,
                    Ok(Asked::Later) => is_later = true,
                    Ok(Asked::Never) => {}
                    Err(error) if holder.number == self.first.number => failed = Some(error),
                    // It was to be of help, no more.
                    Err(error) => tracing::debug!(peer = %holder.peer, %error, "a holder tells no outline"),
                }
            }
            if let Some(outline) = self.lock().outline.clone() {
                break Some(outline);
            }
            match failed {
                // Nothing is lost by beginning.
                _ if had == 0 => break None,
                Some(error) if error.is_about_the_file() => return Err(error.into()),
                Some(error) if begun.elapsed() > patience => return Err(error.into()),
                None if !is_later || begun.elapsed() > patience => break None,
                _ => tokio::time::sleep(back_off(tries)).await,
            }
            tries += 1;
        };
        match outline {
            Some(outline) => self.keep_what_is_proved(outline, had).await,
            None if had > 0 => {
                self.count(false);
                let part = Arc::clone(&self.part);
                blocking(move || part.restart()).await
            }
            None => Ok(()),
        }
    }

    async fn keep_what_is_proved(&self, outline: Arc<Outline>, had: u64) -> Result<(), FetchError> {
        let pieces = had.div_ceil(PIECE_BYTES as u64);
        let mut at = 0;
        while at < pieces {
            let these = at..(at + AT_ONCE).min(pieces);
            let (part, proof, size) = (Arc::clone(&self.part), Arc::clone(&outline), self.size);
            let proved = blocking(move || these.map(|piece| is_proved(&part, &proof, piece, size)).collect()).await;
            let proved: Vec<bool> = proved?;
            for (piece, is_proved) in (at..).zip(proved) {
                if is_proved {
                    let span = self.span(piece..piece + 1);
                    let length = span.end - span.start;
                    let mut state = self.lock();
                    state.plan.keep(piece);
                    state.kept_before += length;
                    drop(state);
                    self.download.observer.kept(self.path, length);
                }
            }
            at += AT_ONCE;
        }
        Ok(())
    }

    /// Asks the first holder again and again, until it knows or says that it never will.
    pub(super) async fn ask_for_outline(&self) {
        let mut tries = 0;
        while self.lock().outline.is_none() && !self.first.is_gone() {
            tokio::time::sleep(back_off(tries)).await;
            // A holder that fails here fails at the pieces, too.
            if let Ok(Asked::Never) = self.ask(&self.first).await {
                return;
            }
            tries += 1;
        }
    }

    /// Once every piece is there: whether that is all. What cannot be proved even now never is.
    pub(super) async fn prove_at_the_end(&self) -> Result<bool, FetchError> {
        if self.lock().outline.is_some() {
            return Ok(true);
        }
        let values = || self.lock().values.values().copied().collect();
        // Of its own: what is matched on stays locked.
        let id = self.lock().id;
        if let Some(id) = id {
            let outline = Outline::new(id, self.size, values());
            return outline.map(|_| true).map_err(|_| FetchError::Lied);
        }
        let _last_chance = self.ask(&self.first).await;
        Ok(self.lock().plan.is_done())
    }
}

fn is_proved(part: &LastingPart, outline: &Outline, piece: u64, size: u64) -> Result<bool, crate::folder::SaveError> {
    let at = piece.saturating_mul(PIECE_BYTES as u64);
    let length = usize::try_from(size.saturating_sub(at)).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut bytes = vec![0; length];
    let read = part.read_at(&mut bytes, at)?;
    Ok(read == length && outline.proves(piece, &bytes))
}
