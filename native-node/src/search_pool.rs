//! The threads that searches run on, and how long a search may take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shared::Fault;
use tokio::sync::Semaphore;

/// Threads that think at once. Of those that may block there are 512, and hundreds of costly searches would take them all.
const THINKING: usize = 8;
/// How long one search may take, or one step of it.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);

/// What a search is answered with that took too long.
pub(crate) const TOO_COSTLY: &str =
    "that pattern takes too long; a simpler one, without look-around and back-references, would not";

/// There is no thread any more.
#[derive(Debug, thiserror::Error)]
#[error("the node is shutting down")]
pub(crate) struct ShuttingDown;

impl From<ShuttingDown> for Fault {
    fn from(why: ShuttingDown) -> Self {
        Self::new(Self::INTERNAL, why.to_string())
    }
}

/// Runs what may take long (a search through a million names) where it delays nobody: no answer that takes no time, and no
/// download, which needs such a thread too.
pub(crate) async fn on_another_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ShuttingDown> {
    static THINKERS: Semaphore = Semaphore::const_new(THINKING);
    let place = THINKERS.acquire().await.map_err(|_| ShuttingDown)?;
    let thinking = tokio::task::spawn_blocking(move || {
        let done = work();
        // Given back here and not where it is waited for: the caller may be gone, and the work goes on.
        drop(place);
        done
    });
    thinking.await.map_err(|_| ShuttingDown)
}

/// A clock for one search. It runs while the search waits for its turn: however many costly ones queue up, they are over
/// together.
#[derive(Debug)]
pub(crate) struct SearchClock {
    begun: Instant,
    /// When the step at hand began, in milliseconds after that.
    step: AtomicU64,
    is_unwanted: AtomicBool,
}

impl SearchClock {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), step: AtomicU64::new(0), is_unwanted: AtomicBool::new(false) }
    }

    /// The next step of a search begins, which may take as long as a whole one. Only for patterns that are linear: these may be
    /// told piece by piece, to somebody who takes the pieces slowly.
    pub(crate) fn begin_step(&self) {
        self.step.store(self.millis(), Ordering::Relaxed);
    }

    /// Nobody waits for it any more.
    pub(crate) fn give_up(&self) {
        self.is_unwanted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_late(&self) -> bool {
        let took = self.millis().saturating_sub(self.step.load(Ordering::Relaxed));
        self.is_unwanted.load(Ordering::Relaxed) || u128::from(took) > SEARCH_PATIENCE.as_millis()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
