//! What came of a call: every reason why it came to nothing, and what one node found.

use std::collections::BTreeMap;

use shared::bridge::{Answered, ResetCode, Row};
use shared::limits::TABS;
use shared::{Fault, PeerUrl, Printable};

use crate::bridge::DialError;
use crate::link::LinkError;

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
    /// It speaks something else.
    #[error("it is no tinyp2p peer: {0}")]
    NotAPeer(String),
    /// There was no session to be had.
    #[error(transparent)]
    Dial(DialError),
    /// The session gave no answer, or not all of it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It, or the node that was asked for it, says why.
    #[error("{0}")]
    Said(String),
    /// It spoke the bridge once and does not now.
    #[error(
        "it spoke the encrypted protocol before and now does not: somebody may be in between, so it is not called the old \
         way (if it really went back to 2004, remove its line from {0})"
    )]
    Downgrade(String),
    /// It is of 2004, and those are not called here.
    #[error("it speaks only the protocol of 2004, which is off here (--legacy on)")]
    LegacyOff,
    /// It is of 2004, and what was asked needs a modern node.
    #[error("it speaks only the protocol of 2004")]
    NoBridge,
    /// It was left alone after wrong answers.
    #[error("it could not prove the password before; it is left alone for now")]
    InDoubt,
}

impl CallError {
    /// Whether it has another password than we have, or cannot prove that it has one.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused | Self::InDoubt => true,
            Self::Dial(error) => matches!(error, DialError::Refused | DialError::NotProved),
            _ => false,
        }
    }

    /// Whether this concerns one file only, and says nothing about the peer.
    #[must_use]
    pub fn is_about_the_file(&self) -> bool {
        match self {
            Self::Fault(_) => true,
            Self::Link(error) => {
                matches!(error.code(), Some(ResetCode::NOT_FOUND | ResetCode::CHANGED | ResetCode::OTHER))
            }
            _ => false,
        }
    }

    /// Whether it cost a whole deadline.
    #[must_use]
    pub fn is_slowness(&self) -> bool {
        matches!(self, Self::Silent | Self::Slow | Self::Link(LinkError::Silent | LinkError::Slow))
    }
}

impl From<DialError> for CallError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Unreachable(why) => Self::Unreachable(why),
            DialError::Foreign(why) => Self::NotAPeer(why),
            error => Self::Dial(error),
        }
    }
}

/// What one node found, by peer: itself and its tabs.
#[derive(Debug, Default)]
pub struct HostFound {
    /// Rows by the path of the peer at that node; empty for the node itself.
    pub peers: BTreeMap<String, Vec<Row>>,
    /// Peers there that could not answer, by their paths, and why.
    pub failed: Vec<(String, String)>,
}

impl HostFound {
    /// What it says beyond the number of peers that a node can have is dropped.
    pub(super) fn add(&mut self, peer: &str, rows: Vec<Row>) {
        let path = path_of(peer);
        if self.peers.len() <= TABS || self.peers.contains_key(&path) {
            self.peers.entry(path).or_default().extend(rows);
        }
    }

    pub(super) fn answered(&mut self, answered: Answered) {
        if let Some(error) = answered.error.filter(|_| self.failed.len() < 1_000) {
            self.failed.push((path_of(&answered.peer), error));
        }
    }
}

/// Where at its node a peer is. What host the node calls itself by is its own view; we reached it by another maybe.
fn path_of(peer: &str) -> String {
    PeerUrl::parse(peer).map(|url| url.tab_path().to_owned()).unwrap_or_default()
}
