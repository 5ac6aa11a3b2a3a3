//! Bytes that somebody else holds, as they come in: a bounded way from the conversation with that peer to a [`Source`].
//!
//! The last piece is kept back until the feeder says that it was the last and that all is well: a reader who was given
//! every byte that was announced would take the file for whole.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::mpsc;

#[cfg(doc)]
use super::Source;
use super::SourceError;

/// How many pieces a feeder may be ahead of the reader. Together with the one being sent these are the two that a stream
/// may hold.
pub const PIECES_AHEAD: usize = 1;

/// What the feeder says.
type Said = Result<Option<Bytes>, SourceError>;

/// The near end of a file that is held elsewhere. Dropped before the end of [`Feeder::pour`], the file is interrupted.
#[derive(Debug)]
pub struct Feeder {
    said: mpsc::Sender<Said>,
}

impl Feeder {
    /// Waits until a piece is wanted: the moment to ask the other end for it. False once nobody reads any more.
    pub async fn wanted(&self) -> bool {
        self.said.reserve().await.is_ok()
    }

    /// Gives the next piece, as soon as it is wanted.
    ///
    /// # Errors
    /// [`SourceError::Interrupted`] once nobody reads any more.
    pub async fn give(&self, bytes: Bytes) -> Result<(), SourceError> {
        self.said.send(Ok(Some(bytes))).await.map_err(|_| SourceError::Interrupted)
    }

    /// Gives all that `giving` gives, and then says that it was all, or why no more comes. It is dropped where it waits once
    /// nobody reads any more.
    pub async fn pour(self, giving: impl AsyncFnOnce(&Self) -> Result<(), SourceError>) {
        let given = tokio::select! {
            given = giving(&self) => given,
            () = self.said.closed() => return,
        };
        // Nobody reads any more is as good.
        let _read = self.said.send(given.map(|()| None)).await;
    }
}

/// The far end: what a [`Source`] reads.
#[derive(Debug)]
pub(super) struct Arriving {
    said: mpsc::Receiver<Said>,
    /// Bytes still to come in.
    left: u64,
    /// The last piece, while its end is awaited.
    last: Option<Bytes>,
    is_over: bool,
}

pub(super) fn channel(length: u64) -> (Feeder, Arriving) {
    let (sender, said) = mpsc::channel(PIECES_AHEAD);
    (Feeder { said: sender }, Arriving { said, left: length, last: None, is_over: false })
}

impl Arriving {
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, SourceError>> {
        while !self.is_over {
            match ready!(self.said.poll_recv(cx)).unwrap_or(Err(SourceError::Interrupted)) {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                        return Poll::Ready(self.fail(SourceError::TooMuch));
                    };
                    self.left = left;
                    if left > 0 {
                        return Poll::Ready(Ok(Some(bytes)));
                    }
                    self.last = Some(bytes);
                }
                Ok(None) if self.left > 0 => return Poll::Ready(self.fail(SourceError::Changed)),
                Ok(None) => self.is_over = true,
                Err(why) => return Poll::Ready(self.fail(why)),
            }
        }
        Poll::Ready(Ok(self.last.take()))
    }

    /// After an error nothing comes, not even what was kept back.
    fn fail(&mut self, why: SourceError) -> Result<Option<Bytes>, SourceError> {
        self.is_over = true;
        self.last = None;
        self.said.close();
        Err(why)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{ReadPermit, Source, Version};
    use super::*;

    const VERSION: Version = Version { size: 10, modified: 7 };

    async fn read(mut source: Source) -> Result<Vec<u8>, SourceError> {
        let mut all = Vec::new();
        while let Some(bytes) = source.next().await? {
            all.extend_from_slice(&bytes);
        }
        assert_eq!(source.left(), 0);
        Ok(all)
    }

    #[tokio::test]
    async fn what_is_given_comes_out_in_order_and_then_the_end() {
        let (feeder, source) = Source::arriving(VERSION, 10, ReadPermit::small());
        let giving = feeder.pour(async |feeder: &Feeder| {
            for piece in [&b"01234"[..], b"", b"567", b"89"] {
                feeder.give(Bytes::copy_from_slice(piece)).await?;
            }
            Ok(())
        });
        let (all, ()) = tokio::join!(read(source), giving);
        assert_eq!(all.unwrap(), b"0123456789");
    }

    #[tokio::test]
    async fn nothing_is_a_file_too() {
        let (feeder, source) = Source::arriving(Version { size: 0, modified: 7 }, 0, ReadPermit::small());
        let (all, ()) = tokio::join!(read(source), feeder.pour(async |_: &Feeder| Ok(())));
        assert_eq!(all.unwrap(), b"");
    }

    #[tokio::test]
    async fn the_last_piece_is_kept_until_all_is_known_to_be_well() {
        for ending in ["dropped", "failed", "one more byte"] {
            let (feeder, mut source) = Source::arriving(VERSION, 10, ReadPermit::small());
            feeder.give(Bytes::from_static(b"01234")).await.unwrap();
            assert_eq!(source.next().await.unwrap().unwrap(), "01234");
            feeder.give(Bytes::from_static(b"56789")).await.unwrap();
            let waiting = tokio::time::timeout(Duration::from_millis(20), source.next());
            assert!(waiting.await.is_err(), "the end was not said yet");
            match ending {
                "dropped" => drop(feeder),
                "failed" => feeder.pour(async |_: &Feeder| Err(SourceError::Changed)).await,
                _ => feeder.give(Bytes::from_static(b"x")).await.unwrap(),
            }
            assert!(source.next().await.is_err(), "{ending}");
            assert_eq!(source.left(), 5, "{ending}");
            assert!(source.next().await.is_err(), "{ending}: it stays an error");
        }
    }

    #[tokio::test]
    async fn fewer_bytes_than_announced_are_an_error() {
        let (feeder, source) = Source::arriving(VERSION, 10, ReadPermit::small());
        let giving = feeder.pour(async |feeder: &Feeder| feeder.give(Bytes::from_static(b"01234")).await);
        let (all, ()) = tokio::join!(read(source), giving);
        assert!(matches!(all, Err(SourceError::Changed)));
    }

    #[tokio::test]
    async fn a_feeder_waits_for_its_reader_and_learns_of_its_end() {
        let (feeder, mut source) = Source::arriving(VERSION, 10, ReadPermit::small());
        for _ in 0..PIECES_AHEAD {
            feeder.give(Bytes::from_static(b"x")).await.unwrap();
        }
        let wanted = tokio::time::timeout(Duration::from_millis(20), feeder.wanted());
        assert!(wanted.await.is_err(), "nobody has taken a piece");
        source.next().await.unwrap();
        assert!(feeder.wanted().await);
        drop(source);
        assert!(!feeder.wanted().await);
    }
}
