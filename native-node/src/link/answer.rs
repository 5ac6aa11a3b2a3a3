//! The answer to one request of the other end, given chunk by chunk, as it has room for them.

use std::sync::Arc;

use bytes::Bytes;
use shared::bridge::{Message, Reset, ResetCode, cost};
use shared::limits::{CHUNK_BYTES, CREDIT_WITHIN};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Chunk, Signal};

/// Nobody wants this answer any more, or takes it, or the session is over: stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this any more")]
pub struct Unwanted;

/// How much of an answer the other end has room for.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// By cost, as permits.
    credit: Arc<Semaphore>,
    /// Cancelled once the answer is not wanted any more.
    over: CancellationToken,
}

impl Room {
    pub(super) fn new(credit: u64) -> Self {
        let credit = usize::try_from(credit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { credit: Arc::new(Semaphore::new(credit)), over: CancellationToken::new() }
    }

    pub(super) fn add(&self, cost: u32) {
        let most = Semaphore::MAX_PERMITS.saturating_sub(self.credit.available_permits());
        self.credit.add_permits(usize::try_from(cost).unwrap_or(most).min(most));
    }

    /// Waits until the answer is not wanted any more.
    pub(super) async fn closed(&self) {
        self.over.cancelled().await;
    }

    pub(super) fn close(&self) {
        self.credit.close();
        self.over.cancel();
    }
}

/// An answer to give. Dropped without [`Answer::end`], it tells the other end that there is none.
#[derive(Debug)]
pub struct Answer {
    stream: u32,
    room: Room,
    chunks: mpsc::Sender<Chunk>,
    signals: mpsc::UnboundedSender<Signal>,
    is_over: bool,
}

impl Answer {
    pub(super) fn new(
        stream: u32,
        room: Room,
        chunks: mpsc::Sender<Chunk>,
        signals: mpsc::UnboundedSender<Signal>,
    ) -> Self {
        Self { stream, room, chunks, signals, is_over: false }
    }

    /// Answers with a message, once there is room for it.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub async fn reply(&mut self, message: impl Into<Message>) -> Result<(), Unwanted> {
        let message = message.into();
        let encoded = message.encode();
        self.spend(encoded.len()).await?;
        self.push(Chunk::Reply(self.stream, message.kind(), encoded)).await
    }

    /// Answers with bytes, once there is room for them.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub async fn data(&mut self, mut bytes: Bytes) -> Result<(), Unwanted> {
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES));
            self.spend(chunk.len()).await?;
            self.push(Chunk::Data(self.stream, chunk)).await?;
        }
        Ok(())
    }

    /// That was all.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub async fn end(mut self) -> Result<(), Unwanted> {
        self.push(Chunk::End(self.stream)).await?;
        self.is_over = true;
        Ok(())
    }

    /// There is no answer, or not all of it.
    pub fn fail(mut self, code: ResetCode, text: impl Into<String>) {
        self.reset(Reset::new(code, text));
    }

    /// Waits until nobody wants it any more: for whoever waits for something else meanwhile.
    pub async fn unwanted(&self) {
        self.room.closed().await;
    }

    async fn spend(&self, payload: usize) -> Result<(), Unwanted> {
        let cost = u32::try_from(cost(payload)).map_err(|_| Unwanted)?;
        // Who takes nothing for so long is told by what is dropped then.
        let room = timeout(CREDIT_WITHIN, self.room.credit.acquire_many(cost)).await;
        room.map_err(|_| Unwanted)?.map_err(|_| Unwanted)?.forget();
        Ok(())
    }

    async fn push(&self, chunk: Chunk) -> Result<(), Unwanted> {
        self.chunks.send(chunk).await.map_err(|_| Unwanted)
    }

    fn reset(&mut self, why: Reset) {
        self.is_over = true;
        let _over = self.signals.send(Signal::Reset(self.stream, Box::new(why)));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.is_over {
            self.reset(Reset::new(ResetCode::OTHER, "the answer was broken off"));
        }
    }
}
