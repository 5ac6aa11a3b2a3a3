//! When something is asked and said on a network: pure, time is an argument.

use std::time::Duration;

use shared::Moment;

/// First wait between two questions; doubled each time (RFC 6762, section 5.2) …
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// … up to this.
const ASK_SELDOM: Duration = Duration::from_secs(60 * 60);
/// Nothing is said twice within this time, however often it is asked (RFC 6762, section 6).
const SAY_AGAIN: Duration = Duration::from_secs(1);
/// How often in a row it is said that we are here (RFC 6762, section 8.3).
const ANNOUNCEMENTS: u32 = 2;

/// The next question.
#[derive(Debug)]
pub(super) struct Questions {
    due: Moment,
    wait: Duration,
}

impl Questions {
    /// A first one after `delay`: those who start at once are not to ask at once.
    pub(super) fn new(now: Moment, delay: Duration) -> Self {
        Self { due: now + delay, wait: ASK_AGAIN }
    }

    pub(super) fn due(&self) -> Moment {
        self.due
    }

    /// Whether it is to be asked now; it is, then.
    pub(super) fn poll(&mut self, now: Moment) -> bool {
        let is_due = self.due <= now;
        if is_due {
            self.due = now + self.wait;
            self.wait = (self.wait * 2).min(ASK_SELDOM);
        }
        is_due
    }
}

/// The next answer, asked for or not.
#[derive(Debug, Default)]
pub(super) struct Answers {
    due: Option<Moment>,
    said: Option<Moment>,
    announcements: u32,
}

impl Answers {
    /// There is something new to say.
    pub(super) fn announce(&mut self, now: Moment) {
        self.announcements = ANNOUNCEMENTS;
        self.plan(now);
    }

    /// Somebody asks. After `delay`: all answer to a question for all.
    pub(super) fn handle_question(&mut self, now: Moment, delay: Duration) {
        self.plan(now + delay);
    }

    fn plan(&mut self, at: Moment) {
        let at = self.said.map_or(at, |said| at.max(said + SAY_AGAIN));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Whether it is to be said now; it is, then.
    pub(super) fn poll(&mut self, now: Moment) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.said = Some(now);
            self.announcements = self.announcements.saturating_sub(1);
            self.due = (self.announcements > 0).then(|| now + SAY_AGAIN);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1_000;

    #[test]
    fn it_is_asked_ever_more_seldom_but_never_less_than_once_an_hour() {
        let mut questions = Questions::new(Moment(0), Duration::from_millis(50));
        let asked: Vec<_> = (0..48 * HOUR).step_by(50).filter(|now| questions.poll(Moment(*now))).collect();
        assert_eq!(asked[..5], [50, 1_050, 3_050, 7_050, 15_050]);
        assert!(asked.windows(2).all(|two| two[1] - two[0] <= HOUR), "{asked:?}");
        assert!((55..=62).contains(&asked.len()), "{}", asked.len());
        assert_eq!(questions.due().0 - asked.last().unwrap(), HOUR);
    }

    #[test]
    fn what_is_new_is_said_twice_and_what_is_asked_once_a_second() {
        let mut answers = Answers::default();
        answers.announce(Moment(0));
        let said = |answers: &mut Answers, from: u64, to: u64, is_asked: bool| {
            let said = (from..to).step_by(10).filter(|now| {
                if is_asked {
                    answers.handle_question(Moment(*now), Duration::from_millis(20));
                }
                answers.poll(Moment(*now))
            });
            said.collect::<Vec<_>>()
        };
        assert_eq!(said(&mut answers, 0, 60_000, false), [0, 1_000]);
        assert_eq!(answers.due(), None);
        assert_eq!(said(&mut answers, 60_000, 63_500, true), [60_020, 61_020, 62_020, 63_020]);
        assert_eq!(said(&mut answers, 63_500, 70_000, false), [64_020], "who asked last is answered");
        // What is new right after that waits for its second, too.
        answers.announce(Moment(64_100));
        assert_eq!(answers.due(), Some(Moment(65_020)));
    }
}
