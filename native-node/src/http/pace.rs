//! A socket that gives up on a reader that stopped reading.
//!
//! hyper has a deadline for a request's head and none for an answer that nobody takes. Without one, every stalled download
//! holds its buffers and its task for as long as the other end cares to keep the connection open.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a reader may take next to nothing.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// Fewer bytes than this taken in one window means the reader is gone, or wishes us to think it is there.
pub(super) const LEAST_BYTES: usize = 16 << 10;

/// A stream whose writes fail once the other end takes less than [`LEAST_BYTES`] in a window of time.
pub(crate) struct Paced<S> {
    stream: S,
    window: Duration,
    /// Runs only while a write waits.
    deadline: Pin<Box<Sleep>>,
    waiting: bool,
    taken: usize,
}

impl<S> Paced<S> {
    /// Watches over `stream` with windows of this length.
    pub(crate) fn new(stream: S, window: Duration) -> Self {
        Self { stream, window, deadline: Box::pin(tokio::time::sleep(window)), waiting: false, taken: 0 }
    }

    /// Counts what a write did, and turns one that waits too long into an error.
    fn watch(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(count)) => {
                self.taken = self.taken.saturating_add(count);
                if self.taken >= LEAST_BYTES {
                    self.waiting = false;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                if !self.waiting {
                    self.waiting = true;
                    self.taken = 0;
                    self.deadline.as_mut().reset(Instant::now() + self.window);
                }
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end stopped reading")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once everything is written: nothing waits any more, and the next answer has a window of its own.
        self.waiting = false;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_write() {
        let (near, _far) = tokio::io::duplex(1 << 10);
        let error = Paced::new(near, Duration::from_secs(10)).write_all(&[7; 1 << 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_between_two_answers_is_no_stall() {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let mut paced = Paced::new(near, Duration::from_secs(10));
        let mut bytes = [0; 2_000];
        for _ in 0..2 {
            let (written, read) = tokio::join!(paced.write_all(&[7; 2_000]), far.read_exact(&mut bytes));
            written.unwrap();
            read.unwrap();
            paced.flush().await.unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_keeps_reading_is_served() {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 1 << 10];
            let mut total = 0;
            while let Ok(count @ 1..) = far.read(&mut bytes).await {
                total += count;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            total
        });
        let mut paced = Paced::new(near, Duration::from_secs(10));
        paced.write_all(&[7; 1 << 18]).await.unwrap();
        drop(paced);
        assert_eq!(reader.await.unwrap(), 1 << 18);
    }
}
