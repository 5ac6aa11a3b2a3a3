//! What came back: small answers read whole, and everything that can be wrong with one.

use std::error::Error as _;

use http::Response;
use hyper::body::Incoming;
use shared::xmlrpc::{self, ReplyError, Value};
use shared::{Fault, Printable, SharedPath};

use super::arriving::Arriving;

/// Why a call to a peer came to nothing, in words for the person who made it.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or one that broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// A deadline passed.
    #[error("it does not answer")]
    Silent,
    /// Its answer ended too early.
    #[error("its answer broke off: {0}")]
    Broken(String),
    /// Its answer comes so slowly that it might as well not.
    #[error("it sends almost nothing: no byte for 10 s, or less than 16 KiB in 30 s")]
    Slow,
    /// The token was wrong.
    #[error("it refuses the password (or knows itself by another URL; see its --alias)")]
    Refused,
    /// It answered with a fault.
    #[error("it answers: {}", Printable::short(&.0.message, 200))]
    Fault(Fault),
    /// It was not called: tokens are shown to nobody.
    #[error("it was not called: the protocol of 2004 is off (--legacy off)")]
    LegacyOff,
    /// It speaks something else.
    #[error("it is no tinyp2p peer: {0}")]
    NotAPeer(String),
}

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

/// One file that a modern node found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is in the peer's share.
    pub path: SharedPath,
    /// Length in bytes, as the peer's catalog has it.
    pub size: u64,
    /// Last change in seconds since 1970-01-01 UTC.
    pub modified: i64,
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

/// The files in the answer to a multicall: for each a value alone in an array, or the struct of a fault.
pub(super) fn contents(value: Value, asked: usize) -> Result<Vec<Option<Vec<u8>>>, CallError> {
    match value {
        Value::Array(answers) if answers.len() == asked => Ok(answers.into_iter().map(content).collect()),
        _ => Err(CallError::NotAPeer("it does not answer each of several calls".into())),
    }
}

fn content(answer: Value) -> Option<Vec<u8>> {
    let Value::Array(mut alone) = answer else { return None };
    match (alone.pop()?, alone.is_empty()) {
        (Value::String(text), true) => Some(text.into_bytes()),
        (Value::Bytes(bytes), true) => Some(bytes),
        _ => None,
    }
}

/// The files in the answer to a search. One entry that is not as it should be makes the whole answer suspect.
pub(super) fn found(value: Value) -> Result<Vec<Found>, CallError> {
    let files = match value {
        Value::Bool(false) => return Err(CallError::Refused),
        Value::Array(files) => files,
        _ => return Err(CallError::NotAPeer("a search is answered with a list".into())),
    };
    let number = |file: &Value, name| match file.member(name)? {
        Value::Double(number) => Some(*number),
        _ => None,
    };
    let one = |file: Value| {
        let path = SharedPath::parse(file.member("path")?.as_str()?).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts from a double saturate")]
        let (size, modified) = (number(&file, "size")? as u64, number(&file, "modified")? as i64);
        Some(Found { path, size, modified })
    };
    let bad = || CallError::NotAPeer("it lists a file whose name or size cannot be".into());
    files.into_iter().map(|file| one(file).ok_or_else(bad)).collect()
}
