//! How often something that may do harm can be tried: a token bucket whose tokens come back when it did none.
//!
//! What is bounded is the harm: dials that lead nowhere, passwords that are wrong. A dial that a member answered proved its
//! URL, and a right password is no guess, so such a token is given back: a hundred honest newcomers are as fast as one.

use std::time::Duration;

use crate::Moment;

/// Some dials at once, then one in each `every`.
#[derive(Debug, Clone)]
pub struct Bucket {
    burst: u32,
    every: Duration,
    tokens: u32,
    /// Up to when the passing of time has been turned into tokens.
    counted: Moment,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, tokens: burst, counted: Moment::default() }
    }

    /// When there is a token, as seen at `now`; not after `now` means there is one.
    #[must_use]
    pub fn ready_at(&self, now: Moment) -> Moment {
        if self.tokens > 0 { now } else { self.counted + self.every }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Moment) -> bool {
        let every = self.every.as_millis().max(1);
        let earned = u32::try_from(now.since(self.counted).as_millis() / every).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(earned);
        // A full bucket earns nothing: otherwise the first token after a quiet time would come at once.
        self.counted = if self.tokens >= self.burst { now } else { self.counted + self.every * earned };
        self.tokens = self.tokens.min(self.burst);
        let taken = self.tokens > 0;
        self.tokens -= u32::from(taken);
        taken
    }

    /// Whether it is as full as a new one, as seen at `now`.
    #[must_use]
    pub fn is_full(&self, now: Moment) -> bool {
        let missing = self.burst.saturating_sub(self.tokens);
        missing == 0 || now >= self.counted + self.every * missing
    }

    /// Gives back the token of what did no harm.
    pub fn give_back(&mut self) {
        self.tokens = self.burst.min(self.tokens + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_full_once_all_is_earned_back() {
        let mut bucket = Bucket::new(3, Duration::from_secs(1));
        assert!(bucket.is_full(Moment(0)));
        assert!(bucket.take(Moment(500)) && bucket.take(Moment(500)));
        assert!(!bucket.is_full(Moment(2_499)));
        assert!(bucket.is_full(Moment(2_500)));
    }

    #[test]
    fn gives_a_burst_then_a_rate_and_takes_tokens_back() {
        let mut bucket = Bucket::new(3, Duration::from_secs(1));
        let start = Moment(1_000_000);
        assert_eq!((0..9).filter(|_| bucket.take(start)).count(), 3);
        assert_eq!(bucket.ready_at(start), Moment(1_001_000));
        assert!(!bucket.take(Moment(1_000_999)));
        assert!(bucket.take(Moment(1_001_000)));
        assert!(!bucket.take(Moment(1_001_001)));
        bucket.give_back();
        assert!(bucket.take(Moment(1_001_002)));
        assert_eq!((0..9).filter(|_| bucket.take(Moment(9_000_000))).count(), 3);
    }
}
