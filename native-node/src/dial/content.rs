//! A file as it comes out of a peer's answer, piece by piece.

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use shared::bridge::{Message, Record};
use shared::xmlrpc::{ContentOutcome, ContentReader};

use super::CallError;
use super::arriving::Arriving;
use crate::link::{LinkError, Replies, Reply};
use crate::source::Version;

/// How much of an answer of 2004 may pass without a byte of content in it, in bytes: white space has no end.
const EMPTY: usize = 1 << 20;

/// The content in one answer. Nothing of it is held but the piece at hand.
#[derive(Debug)]
pub struct ContentStream {
    from: From,
    at_most: Option<u64>,
    version: Option<Version>,
}

#[derive(Debug)]
enum From {
    Bridge {
        replies: Replies,
        /// Bytes still to come, as announced.
        left: u64,
    },
    Of2004 {
        body: Arriving,
        /// Taken when the answer has ended.
        reader: Option<ContentReader>,
        /// Bytes of the answer since the last content.
        empty: usize,
    },
}

impl ContentStream {
    pub(super) fn of_2004(response: Response<Incoming>) -> Self {
        let announced = response.headers().contains_key(CONTENT_LENGTH);
        let body = Arriving::new(response.into_body());
        let at_most = if announced { body.length() } else { None };
        Self { from: From::Of2004 { body, reader: Some(ContentReader::new()), empty: 0 }, at_most, version: None }
    }

    pub(super) async fn of_bridge(mut replies: Replies) -> Result<Self, CallError> {
        let Message::File(file) = replies.message().await? else { return Err(LinkError::Senseless.into()) };
        let version = Some(file.version.into());
        Ok(Self { from: From::Bridge { replies, left: file.length }, at_most: Some(file.length), version })
    }

    /// The version that these bytes are of, where the peer says.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// A bound on the content's length in bytes, where the peer announced the length of its answer: every byte of content
    /// takes at least one byte there, and both protocols hold the peer to it.
    #[must_use]
    pub fn at_most(&self) -> Option<u64> {
        self.at_most
    }

    /// The next piece of content, where it was received; [`None`] at the end, as in [`ContentStream::next`].
    ///
    /// # Errors
    /// See [`CallError`]. What came before an error is not the whole file.
    pub async fn next_bytes(&mut self) -> Result<Option<Bytes>, CallError> {
        match &mut self.from {
            From::Bridge { replies, left } => Ok(next_record(replies, left).await?.map(Bytes::from_owner)),
            From::Of2004 { body, reader, empty } => {
                let mut piece = Vec::new();
                Ok(next_text(body, reader, empty, &mut piece).await?.then(|| piece.into()))
            }
        }
    }

    /// Puts the next piece of content at the end of `piece`. False at the end, once the whole answer was seen to be good.
    ///
    /// # Errors
    /// See [`CallError`]. What came before an error is not the whole file.
    pub async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, CallError> {
        match &mut self.from {
            From::Bridge { replies, left } => {
                let record = next_record(replies, left).await?;
                record.as_ref().inspect(|record| piece.extend_from_slice(record.payload()));
                Ok(record.is_some())
            }
            From::Of2004 { body, reader, empty } => next_text(body, reader, empty, piece).await,
        }
    }
}

async fn next_record(replies: &mut Replies, left: &mut u64) -> Result<Option<Record>, CallError> {
    match replies.next().await? {
        Some(Reply::Data(record)) => {
            *left = left.checked_sub(record.payload().len() as u64).ok_or(LinkError::Senseless)?;
            Ok(Some(record))
        }
        None if *left == 0 => Ok(None),
        _ => Err(LinkError::Senseless.into()),
    }
}

async fn next_text(
    body: &mut Arriving,
    reader: &mut Option<ContentReader>,
    empty: &mut usize,
    piece: &mut Vec<u8>,
) -> Result<bool, CallError> {
    let before = piece.len();
    while let Some(reading) = reader {
        match body.next().await? {
            Some(chunk) => {
                reading.push(&chunk, piece)?;
                if piece.len() > before {
                    *empty = 0;
                    return Ok(true);
                }
                *empty += chunk.len();
                if *empty > EMPTY {
                    return Err(CallError::NotAPeer("its answer goes on and on without content".into()));
                }
            }
            None => match reader.take().map(ContentReader::finish) {
                Some(outcome) => match outcome? {
                    ContentOutcome::Content => {}
                    ContentOutcome::Refused => return Err(CallError::Refused),
                    ContentOutcome::Fault(fault) => return Err(CallError::Fault(fault)),
                },
                None => break,
            },
        }
    }
    Ok(false)
}
