//! What came back from a peer of 2004: small answers, read whole.

use std::error::Error as _;

use http::Response;
use hyper::body::Incoming;
use shared::Printable;
use shared::xmlrpc::{self, ReplyError, Value};

use super::CallError;
use super::arriving::Arriving;

impl CallError {
    /// The innermost reason is the one that says something: "connection refused", not "client error".
    pub(super) fn unreachable(error: &hyper_util::client::legacy::Error) -> Self {
        let mut reason: &dyn std::error::Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        let parse =
            error.source().and_then(|source| source.downcast_ref::<hyper::Error>()).is_some_and(hyper::Error::is_parse);
        let text = Printable::short(&reason.to_string(), 200).to_string();
        if parse { Self::NotAPeer(text) } else { Self::Unreachable(text) }
    }
}

impl From<ReplyError> for CallError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Refused => Self::Refused,
            ReplyError::Truncated => Self::Broken(error.to_string()),
            _ => Self::NotAPeer(error.to_string()),
        }
    }
}

/// Reads a reply of at most `most` bytes, each piece of which must come in time.
pub(super) async fn value(response: Response<Incoming>, most: usize) -> Result<Value, CallError> {
    let mut body = Arriving::new(response.into_body());
    let mut document = Vec::new();
    while let Some(chunk) = body.next().await? {
        if document.len() + chunk.len() > most {
            return Err(CallError::NotAPeer("its answer is too long".into()));
        }
        document.extend_from_slice(&chunk);
    }
    // A listing of a million names takes a second to read: not on the reactor.
    let read = tokio::task::spawn_blocking(move || xmlrpc::read_reply(&document)).await;
    match read.map_err(|_| CallError::Broken("shutting down".into()))?? {
        Ok(value) => Ok(value),
        Err(fault) => Err(CallError::Fault(fault)),
    }
}
