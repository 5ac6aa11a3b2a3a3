//! Places among the files that are read at once: so many that slow readers leave some for others, so few that all together
//! hold little memory.

use std::sync::Arc;
use std::time::Duration;

use shared::limits::{RELAY_BYTES, RELAYS_BYTES};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::SourceError;
use crate::node::Node;

/// What is no longer than this is read in one piece and takes no place, in bytes: it holds no more than its own answer.
pub(crate) const SMALL: u64 = 64 << 10;
/// What a stream reads at a time, in bytes: two of these are all that it holds. They stay in a processor's own cache.
const PIECE: usize = 256 << 10;
/// The same while many streams are under way.
const PIECE_OF_MANY: usize = 32 << 10;
/// How long a reader waits for a place.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the memory of relays is counted in, in bytes.
const UNIT: usize = 16 << 10;

/// Memory for files that pass through on their way from somebody else to somebody else.
#[derive(Debug)]
pub(crate) struct Relays(Arc<Semaphore>);

impl Default for Relays {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(RELAYS_BYTES / UNIT)))
    }
}

impl Relays {
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, SourceError> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).map_err(|_| SourceError::Busy)?;
        Arc::clone(&self.0).acquire_many_owned(units).await.map_err(|_| SourceError::Busy)
    }

    /// What is only faster with it leaves half to those who could not begin without.
    fn take_at_once(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if self.0.available_permits() <= RELAYS_BYTES / UNIT / 2 {
            return None;
        }
        Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(bytes.div_ceil(UNIT)).ok()?).ok()
    }
}

/// The right to read a file, given back when it is dropped.
#[derive(Debug)]
pub struct ReadPermit {
    piece: usize,
    #[expect(dead_code, reason = "held, not read: it is given back when this is dropped")]
    permit: Option<OwnedSemaphorePermit>,
}

impl ReadPermit {
    /// Waits for a place to read `length` bytes.
    ///
    /// # Errors
    /// [`SourceError::Busy`] if there is none for too long.
    pub async fn take(node: &Node, length: u64) -> Result<Self, SourceError> {
        if length <= SMALL {
            return Ok(Self::small());
        }
        let piece = if node.is_calm() { PIECE } else { PIECE_OF_MANY };
        let taken = tokio::time::timeout(PATIENCE, node.places()).await.map_err(|_| SourceError::Busy)?;
        Ok(Self { piece, permit: Some(taken.map_err(|_| SourceError::Busy)?) })
    }

    /// Waits for a place to pass on `length` bytes that come from somebody else, who may send a window of them at once.
    ///
    /// # Errors
    /// [`SourceError::Busy`] if there is none for too long.
    pub async fn relay(node: &Node, length: u64) -> Result<Self, SourceError> {
        let bytes = usize::try_from(length).unwrap_or(RELAY_BYTES).saturating_mul(2).min(RELAY_BYTES);
        let taken = tokio::time::timeout(PATIENCE, node.relays().take(bytes)).await;
        Ok(Self { piece: PIECE, permit: Some(taken.map_err(|_| SourceError::Busy)??) })
    }

    /// One more for the same bytes, at once and while many are free, or not at all.
    pub(super) fn relay_at_once(node: &Node) -> Option<Self> {
        Some(Self { piece: PIECE, permit: Some(node.relays().take_at_once(RELAY_BYTES)?) })
    }

    /// For what is small, nobody waits.
    #[must_use]
    pub fn small() -> Self {
        Self { piece: PIECE, permit: None }
    }

    /// How much is to be read at a time, in bytes.
    #[must_use]
    pub fn piece(&self) -> usize {
        self.piece
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn readers_of_several_holders_leave_places_to_others() {
        let relays = Relays::default();
        let more: Vec<_> = std::iter::from_fn(|| relays.take_at_once(RELAY_BYTES)).collect();
        assert!(more.len() > 8, "{}", more.len());
        let others: Vec<_> = (0..8).map(|_| relays.take(RELAY_BYTES).now_or_never()).collect();
        assert!(others.iter().all(|taken| matches!(taken, Some(Ok(_)))), "{others:?}");
    }
}
