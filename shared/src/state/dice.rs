//! Randomness from a seed: spreads dials over time and over peers, and pieces over those who fetch them.
//!
//! SplitMix64, twelve lines. Nothing secret depends on it, and nothing secret may: it is predictable by design, so that a
//! simulation repeats exactly.

use std::time::Duration;

/// A stream of numbers that a seed decides.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `end`; zero where there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.roll() % end).unwrap_or(0)
    }

    /// A time from `low` up to and with `high`, in whole milliseconds.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = usize::try_from(high.saturating_sub(low).as_millis()).unwrap_or(usize::MAX - 1);
        low + Duration::from_millis(u64::try_from(self.below(span + 1)).unwrap_or(0))
    }

    /// `time`, give or take its `part`th part.
    pub(crate) fn around(&mut self, time: Duration, part: u32) -> Duration {
        self.between(time - time / part, time + time / part)
    }
}
