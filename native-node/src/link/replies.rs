//! What comes back for one request: messages and bytes, until an end.

use std::time::Duration;

use shared::Printable;
use shared::bridge::{Message, Record, Reset, ResetCode, cost};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::Signal;

/// How long the other end may take for the next part of an answer, unless the asker says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who sends fewer bytes than this while they were waited for so long is given up: it would hold its place for ever.
const SLOWEST: usize = 16 << 10;
const WINDOW: Duration = Duration::from_secs(30);

/// One part of an answer.
#[derive(Debug)]
pub enum Reply {
    /// A message, and what it costs of the window until it was taken.
    Message(Message, usize),
    /// Bytes: [`Record::payload`].
    Data(Record),
    /// That was all.
    End,
    /// There is no answer, or not all of it.
    Failed(Reset),
}

/// Why there is no answer, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The other end says so.
    #[error("{}", Printable::short(&.0.text, 200))]
    Failed(Reset),
    /// The session ended.
    #[error("the connection broke off")]
    Interrupted,
    /// Nothing came for a while.
    #[error("it does not answer")]
    Silent,
    /// Next to nothing came for a while.
    #[error("its answer comes too slowly")]
    Slow,
    /// It answered with something else than was asked for.
    #[error("its answer makes no sense")]
    Senseless,
}

impl LinkError {
    /// The other end's code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<ResetCode> {
        match self {
            Self::Failed(why) => Some(why.code),
            Self::Interrupted | Self::Silent | Self::Slow | Self::Senseless => None,
        }
    }
}

/// The answer to one request, as it comes. Dropping it tells the other end that nobody waits any more.
#[derive(Debug)]
pub struct Replies {
    stream: u32,
    replies: mpsc::UnboundedReceiver<Reply>,
    signals: mpsc::UnboundedSender<Signal>,
    /// None: the session itself sees to it that the other end is there.
    patience: Option<Duration>,
    /// Since when the next part is waited for.
    waits: Option<Instant>,
    pace: Pace,
    is_over: bool,
    /// What the part given out last costs, until the next is asked for.
    held: usize,
    _place: OwnedSemaphorePermit,
}

/// How fast bytes come while they are waited for, from the first of them on: a small answer may take its time.
#[derive(Debug, Default)]
struct Pace(Option<(Duration, usize)>);

impl Pace {
    fn is_too_slow(&mut self, waited: Duration, bytes: usize) -> bool {
        match &mut self.0 {
            Some((in_all, came)) if *came + bytes < SLOWEST => {
                (*in_all, *came) = (*in_all + waited, *came + bytes);
                *in_all > WINDOW
            }
            begun => {
                *begun = Some((Duration::ZERO, 0));
                false
            }
        }
    }
}

impl Replies {
    pub(super) fn new(
        stream: u32,
        replies: mpsc::UnboundedReceiver<Reply>,
        signals: mpsc::UnboundedSender<Signal>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let (patience, pace) = (Some(PATIENCE), Pace::default());
        Self { stream, replies, signals, patience, waits: None, pace, is_over: false, held: 0, _place: place }
    }

    /// Waits no longer than this for each part.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Waits for each part for as long as the session is there: for what is told as it happens.
    #[must_use]
    pub fn without_deadline(mut self) -> Self {
        self.patience = None;
        self
    }

    /// The next part; none once all has come. Asking for it says that the part before needs no room any more. Dropped before it
    /// is there, nothing is lost, and who asks again waits only for what is left of the time.
    ///
    /// # Errors
    /// See [`LinkError`]; after one, there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Reply>, LinkError> {
        if self.is_over {
            return Ok(None);
        }
        self.give_back();
        let since = *self.waits.get_or_insert_with(Instant::now);
        let came = match self.patience {
            Some(patience) => tokio::time::timeout_at(since + patience, self.replies.recv()).await,
            None => Ok(self.replies.recv().await),
        };
        self.waits = None;
        let failed = match came {
            Ok(Some(Reply::Data(record)))
                if self.patience.is_some() && self.pace.is_too_slow(since.elapsed(), record.payload().len()) =>
            {
                self.cancel();
                LinkError::Slow
            }
            Ok(Some(reply @ (Reply::Message(..) | Reply::Data(_)))) => {
                self.held = match &reply {
                    Reply::Message(_, cost) => *cost,
                    Reply::Data(record) => cost(record.payload().len()),
                    Reply::End | Reply::Failed(_) => 0,
                };
                return Ok(Some(reply));
            }
            Ok(Some(Reply::End)) => {
                self.is_over = true;
                return Ok(None);
            }
            Ok(Some(Reply::Failed(why))) => LinkError::Failed(why),
            Ok(None) => LinkError::Interrupted,
            Err(_) => {
                self.cancel();
                LinkError::Silent
            }
        };
        self.is_over = true;
        Err(failed)
    }

    /// The next part, which must be a message.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn message(&mut self) -> Result<Message, LinkError> {
        match self.next().await? {
            Some(Reply::Message(message, _)) => Ok(message),
            _ => Err(LinkError::Senseless),
        }
    }

    /// The part given out last takes its room on, until [`Replies::release`]: for who holds several. Answers how much that is.
    pub fn keep(&mut self) -> usize {
        std::mem::take(&mut self.held)
    }

    /// Gives back room that was kept.
    pub fn release(&mut self, kept: usize) {
        self.held = self.held.saturating_add(kept);
        self.give_back();
    }

    fn give_back(&mut self) {
        if self.held > 0 {
            // Nobody listens any more once the session is over.
            let _over = self.signals.send(Signal::Taken(self.stream, self.held));
            self.held = 0;
        }
    }

    fn cancel(&mut self) {
        let _over = self.signals.send(Signal::Cancel(self.stream));
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        if !self.is_over {
            self.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_next_to_nothing_is_given_up_and_who_is_slow_is_not() {
        // After how many parts, of which each is waited for so long and has so many bytes.
        let given_up = |seconds, bytes| {
            let mut pace = Pace::default();
            (1..=1_000).find(|_| pace.is_too_slow(Duration::from_secs(seconds), bytes))
        };
        // Seven more than the first are more than thirty seconds.
        assert_eq!(given_up(5, 100), Some(8));
        assert_eq!(given_up(5, 2_000), Some(8));
        assert_eq!(given_up(5, 4 << 10), None);
        assert_eq!(given_up(29, 16 << 10), None);
        assert_eq!(given_up(0, 1), None, "nobody was waited for");
    }
}
