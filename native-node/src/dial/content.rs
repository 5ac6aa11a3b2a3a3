//! A file as it comes out of a peer's answer, piece by piece.

use http::Response;
use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use shared::xmlrpc::{ContentOutcome, ContentReader};

use super::CallError;
use super::arriving::Arriving;

/// How much of an answer may pass without a byte of content in it, in bytes: white space has no end.
const EMPTY: usize = 1 << 20;

/// The content in one answer. Nothing of it is held but the piece at hand.
#[derive(Debug)]
pub struct ContentStream {
    body: Arriving,
    /// Taken when the answer has ended.
    reader: Option<ContentReader>,
    at_most: Option<u64>,
    /// Bytes of the answer since the last content.
    empty: usize,
}

impl ContentStream {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        let announced = response.headers().contains_key(CONTENT_LENGTH);
        let body = Arriving::new(response.into_body());
        let at_most = if announced { body.length() } else { None };
        Self { body, reader: Some(ContentReader::new()), at_most, empty: 0 }
    }

    /// A bound on the content's length in bytes, where the peer announced the length of its answer: every byte of content
    /// takes at least one byte there, and HTTP holds the peer to it.
    #[must_use]
    pub fn at_most(&self) -> Option<u64> {
        self.at_most
    }

    /// Puts the next piece of content at the end of `piece`. False at the end, once the whole answer was seen to be good.
    ///
    /// # Errors
    /// See [`CallError`]. What came before an error is not the whole file.
    pub async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, CallError> {
        let before = piece.len();
        while let Some(reader) = &mut self.reader {
            match self.body.next().await? {
                Some(chunk) => {
                    reader.push(&chunk, piece)?;
                    if piece.len() > before {
                        self.empty = 0;
                        return Ok(true);
                    }
                    self.empty += chunk.len();
                    if self.empty > EMPTY {
                        return Err(CallError::NotAPeer("its answer goes on and on without content".into()));
                    }
                }
                None => match self.reader.take().map(ContentReader::finish) {
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
}
