//! The answer to one request of the other end, given piece by piece, as it and the network have room for them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use shared::bridge::{Message, Reset, ResetCode};

use super::clock::{in_time, sleep};
use super::link::Link;
use super::streams::Unwanted;

/// How long a reader may take nothing before it is told to come again: a film that is paused, say.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often the network is asked whether it takes more, where nothing else tells.
const ROOM_CHECK: Duration = Duration::from_millis(20);

/// An answer to give. Dropped without [`Answer::end`], it tells the other end that there is none.
pub(crate) struct Answer {
    link: Link,
    stream: u32,
    is_over: bool,
}

impl Answer {
    pub(super) fn new(link: Link, stream: u32) -> Self {
        Self { link, stream, is_over: false }
    }

    /// Answers with a message.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub(crate) async fn reply(&mut self, message: impl Into<Message>) -> Result<(), Unwanted> {
        let message = message.into();
        self.room(message.encode().len()).await?;
        self.link.with(|streams| streams.mux().reply(self.stream, &message)).map_err(|_| Unwanted)
    }

    /// Answers with bytes, at most a piece of them.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub(crate) async fn data(&mut self, bytes: &[u8]) -> Result<(), Unwanted> {
        self.room(bytes.len()).await?;
        self.link.with(|streams| streams.mux().data(self.stream, bytes)).map_err(|_| Unwanted)
    }

    /// That was all.
    pub(crate) fn end(mut self) {
        self.is_over = true;
        // Nobody who is gone already misses it.
        let _gone = self.link.with(|streams| streams.mux().end(self.stream));
    }

    /// There is no answer, or not all of it.
    pub(crate) fn fail(mut self, why: &Reset) {
        self.reset(why);
    }

    /// Waits until so many bytes may be sent.
    async fn room(&self, bytes: usize) -> Result<(), Unwanted> {
        let room = async {
            loop {
                let mut check = pin!(sleep(ROOM_CHECK));
                let asked = poll_fn(|cx| {
                    let has_room = self.link.has_room();
                    match self.link.with(|streams| streams.poll_room(self.stream, bytes, has_room, cx)) {
                        Poll::Ready(room) => Poll::Ready(Some(room)),
                        // Only the network has no voice of its own.
                        Poll::Pending if !has_room => check.as_mut().poll(cx).map(|()| None),
                        Poll::Pending => Poll::Pending,
                    }
                });
                if let Some(room) = asked.await {
                    return room;
                }
            }
        };
        in_time(PATIENCE, room).await.unwrap_or(Err(Unwanted))
    }

    fn reset(&mut self, why: &Reset) {
        self.is_over = true;
        self.link.with(|streams| streams.mux().reset(self.stream, why));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.is_over {
            self.reset(&Reset::new(ResetCode::OTHER, "the answer was broken off"));
        }
    }
}
