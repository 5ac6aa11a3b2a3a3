//! How long a dialer leaves those alone that refuse its password: an evil listener has one guess per dial.
//!
//! Pure: time is an argument. What counts as a wrong answer is said by
//! [`DialError::is_attempt_used`](super::DialError::is_attempt_used).

use std::collections::BTreeMap;
use std::time::Duration;

use shared::{Moment, PeerUrl};

/// How long to wait after the first wrong answer, the second and so on; after one more, until a person retries.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(15), Duration::from_secs(4 * 60), Duration::from_secs(60 * 60)];
/// Most URLs in doubt.
const MOST: usize = 1_024;

/// Whether a URL may be dialed with the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It may.
    None,
    /// Not before this time has passed.
    Wait(Duration),
    /// Not until a person asks for it.
    Stopped,
}

/// Which URLs gave wrong answers of late.
#[derive(Debug, Default)]
pub struct DialBackoff {
    urls: BTreeMap<PeerUrl, Wrong>,
}

#[derive(Debug)]
struct Wrong {
    times: usize,
    last: Moment,
}

impl DialBackoff {
    /// Whether `url` may be dialed now.
    #[must_use]
    pub fn of(&self, now: Moment, url: &PeerUrl) -> Doubt {
        let Some(wrong) = self.urls.get(url) else { return Doubt::None };
        let Some(wait) = WAITS.get(wrong.times - 1) else { return Doubt::Stopped };
        match (wrong.last + *wait).since(now) {
            Duration::ZERO => Doubt::None,
            wait => Doubt::Wait(wait),
        }
    }

    /// A dial of `url` gave its listener a guess and us nothing.
    pub fn handle_wrong(&mut self, now: Moment, url: &PeerUrl) {
        if self.urls.len() >= MOST && !self.urls.contains_key(url) {
            // Those with the fewest wrong answers, then those of long ago, are the least to worry about.
            let least = self.urls.iter().min_by_key(|(_, wrong)| (wrong.times, wrong.last)).map(|(url, _)| url.clone());
            least.map(|url| self.urls.remove(&url));
        }
        let wrong = self.urls.entry(url.clone()).or_insert(Wrong { times: 0, last: now });
        wrong.times = (wrong.times + 1).min(WAITS.len() + 1);
        wrong.last = now;
    }

    /// It proved the password, or a person wants it tried again.
    pub fn forget(&mut self, url: &PeerUrl) {
        self.urls.remove(url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(number: usize) -> PeerUrl {
        PeerUrl::parse(&format!("http://10.0.0.1:{}", 1_024 + number)).unwrap()
    }

    #[test]
    fn an_evil_listener_has_five_guesses_until_a_person_retries() {
        let mut backoff = DialBackoff::default();
        let (mut guesses, mut waited) = (0, Vec::new());
        let mut now = Moment(5);
        // Dialed whenever that is allowed, for ten years.
        loop {
            match backoff.of(now, &url(1)) {
                Doubt::None => {
                    guesses += 1;
                    backoff.handle_wrong(now, &url(1));
                }
                Doubt::Wait(wait) => {
                    waited.push(wait);
                    now = now + wait;
                }
                Doubt::Stopped => break,
            }
        }
        assert_eq!((guesses, waited), (5, WAITS.to_vec()));
        assert_eq!(backoff.of(Moment(u64::MAX), &url(1)), Doubt::Stopped);
        assert_eq!(backoff.of(now, &url(2)), Doubt::None, "others are not concerned");
        backoff.forget(&url(1));
        assert_eq!(backoff.of(now, &url(1)), Doubt::None);
    }

    #[test]
    fn a_wait_ends_to_the_millisecond() {
        let mut backoff = DialBackoff::default();
        backoff.handle_wrong(Moment(0), &url(1));
        assert_eq!(backoff.of(Moment(999), &url(1)), Doubt::Wait(Duration::from_millis(1)));
        assert_eq!(backoff.of(Moment(1_000), &url(1)), Doubt::None);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_kept() {
        let mut backoff = DialBackoff::default();
        for _ in 0..5 {
            backoff.handle_wrong(Moment(0), &url(0));
        }
        for number in 1..5_000 {
            backoff.handle_wrong(Moment(number as u64), &url(number));
        }
        assert_eq!(backoff.urls.len(), MOST);
        assert_eq!(backoff.of(Moment(0), &url(0)), Doubt::Stopped);
    }
}
