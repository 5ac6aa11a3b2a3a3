//! Whether a reader waits for whoever holds its file: then others who hold the same are worth asking as well.

use std::time::Duration;

use tokio::time::Instant;

/// Over how long that is judged.
const LOOK: Duration = Duration::from_secs(1);
/// How long nobody else is asked where there was nobody.
const REST: Duration = Duration::from_secs(5);
/// What comes at this many bytes a second comes fast enough: several holders are not faster than one network card.
const FAST: u64 = 50_000_000;
/// With fewer bytes to come it is not worth it.
const WORTH: u64 = 8 << 20;

/// How the time of a stream passes.
#[derive(Debug)]
pub(super) struct StallDetector {
    since: Instant,
    /// How much of it the reader took.
    reading: Duration,
    bytes: u64,
}

impl StallDetector {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), reading: Duration::ZERO, bytes: 0 }
    }

    /// The reader took so many bytes in this time.
    pub(super) fn record(&mut self, bytes: usize, time: Duration) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.reading += time;
    }

    /// Whether most of the time is spent with waiting for the holder, who has `left` bytes to send. For moments in which little
    /// would be lost.
    pub(super) fn is_stalled(&mut self, left: u64) -> bool {
        let time = self.since.elapsed();
        if time < LOOK || left < WORTH {
            return false;
        }
        let waits = self.reading < time / 4;
        let is_fast = u128::from(self.bytes) * 1_000 >= u128::from(FAST) * time.as_millis();
        *self = Self::new();
        waits && !is_fast
    }

    /// Waits until it is felt although no such moment comes.
    pub(super) async fn until_stalled(&self, left: u64) {
        if left < WORTH {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.since + self.reading + 2 * LOOK).await;
    }

    /// There is nobody else at the moment.
    pub(super) fn back_off(&mut self) {
        *self = Self::new();
        self.since += REST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: u64 = 1 << 40;

    #[tokio::test(start_paused = true)]
    async fn a_slow_holder_is_felt_and_a_slow_reader_or_a_fast_holder_is_not() {
        for (bytes, reading_ms, left, stalled) in [
            (1_000_000, 5, PLENTY, true),
            (1_000_000, 5, WORTH - 1, false),
            (1_000_000, 350, PLENTY, false),
            (30_000_000, 5, PLENTY, false),
        ] {
            let mut stall = StallDetector::new();
            for half in 1..=2 {
                assert!(!stall.is_stalled(left), "in half {half}");
                tokio::time::advance(LOOK / 2).await;
                stall.record(bytes, Duration::from_millis(reading_ms));
            }
            assert_eq!(stall.is_stalled(left), stalled, "{bytes} {reading_ms} {left}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_hears_nothing_starves_and_where_nobody_else_is_that_is_endured() {
        let mut stall = StallDetector::new();
        stall.record(1, Duration::from_secs(1));
        let begun = Instant::now();
        stall.until_stalled(PLENTY).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
        stall.back_off();
        assert!(!stall.is_stalled(PLENTY));
        let begun = Instant::now();
        stall.until_stalled(PLENTY).await;
        assert_eq!(begun.elapsed().as_secs(), 7);
        assert!(tokio::time::timeout(REST * 9, stall.until_stalled(0)).await.is_err());
    }
}
