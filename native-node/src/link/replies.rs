//! What comes back for one request: messages and bytes, until an end.

use std::time::Duration;

use shared::Printable;
use shared::bridge::{Message, Record, Reset, ResetCode, cost};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::Signal;

/// How long the other end may take for the next part of an answer, unless the asker says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

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
            Self::Interrupted | Self::Silent | Self::Senseless => None,
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
    is_over: bool,
    /// What the part given out last costs, until the next is asked for.
    held: usize,
    _place: OwnedSemaphorePermit,
}

impl Replies {
    pub(super) fn new(
        stream: u32,
        replies: mpsc::UnboundedReceiver<Reply>,
        signals: mpsc::UnboundedSender<Signal>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { stream, replies, signals, patience: Some(PATIENCE), waits: None, is_over: false, held: 0, _place: place }
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
