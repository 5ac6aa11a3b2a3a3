//! What comes back for a request, piece by piece. Dropping it tells the other end that nobody waits any more.

use std::future::poll_fn;
use std::time::Duration;

use shared::bridge::{Reset, ResetCode, SendError};

use super::clock::in_time;
use super::link::Link;
use super::streams::Reply;

/// Why there is no answer, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplyError {
    /// The other end says why.
    Reset(Reset),
    /// Nothing came for too long.
    Silent,
    /// The session is over.
    Interrupted,
    /// Something came that answers another question.
    Strange,
    /// There is no room for a further request in this session.
    Full,
}

impl ReplyError {
    /// The code of a reset, if it is one.
    pub(crate) fn code(&self) -> Option<ResetCode> {
        match self {
            Self::Reset(reset) => Some(reset.code),
            _ => None,
        }
    }
}

impl From<SendError> for ReplyError {
    fn from(_: SendError) -> Self {
        Self::Full
    }
}

/// One request's answer.
pub(crate) struct Replies {
    link: Link,
    stream: u32,
}

impl Replies {
    pub(super) fn new(link: Link, stream: u32) -> Self {
        Self { link, stream }
    }

    /// The next of it, within `patience`; [`Reply::Failed`] comes as an error.
    ///
    /// # Errors
    /// See [`ReplyError`]; nothing comes after one.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Reply, ReplyError> {
        let reply = poll_fn(|cx| self.link.with(|streams| streams.poll_reply(self.stream, cx)));
        match in_time(patience, reply).await {
            None => Err(ReplyError::Silent),
            Some(None) => Err(ReplyError::Interrupted),
            Some(Some(Reply::Failed(why))) => Err(ReplyError::Reset(why)),
            Some(Some(reply)) => Ok(reply),
        }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.link.with(|streams| streams.forget(self.stream));
    }
}
