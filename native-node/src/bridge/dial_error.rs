//! Why a dial came to no session, in words for the person, and what that means for the next one.

use std::time::Duration;

use shared::Printable;
use shared::bridge::HandshakeError;

use super::talk::TalkError;
use super::{CLOSE_DESTINATION, CLOSE_REFUSED, CLOSE_TOO_MANY_GUESSES};

/// How long to wait where a peer wants us to wait and does not say how long.
pub(super) const RETRY: Duration = Duration::from_secs(30);

/// Why a dial came to no session.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// There is HTTP, and no bridge: a peer of 2004, or no peer at all.
    #[error("it does not speak the bridge (HTTP {status})")]
    NoBridge {
        /// What it answered.
        status: u16,
    },
    /// Something else answers there, which is no peer of 2004 either.
    #[error("it is no tinyp2p peer: {0}")]
    Foreign(String),
    /// No connection, or none that lasted until an answer came; or it has no room now.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It was shown our proof and says that it is wrong.
    #[error("it refuses the password")]
    Refused,
    /// Its own proof is wrong: whoever listens there does not know the password.
    #[error("it cannot prove the password")]
    NotProved,
    /// The URL leads back to this process.
    #[error("this address leads back to this very program")]
    Myself,
    /// It does not go by the name in the URL, or somebody passes our call on to it.
    #[error("the node there does not go by that name; give it the name with --alias or --url")]
    Destination,
    /// It looks at no password of ours before some time has passed.
    #[error("too many wrong passwords came from this address; it wants to be left alone for {} s", .retry_after.as_secs())]
    TooManyGuesses {
        /// How long to wait.
        retry_after: Duration,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// One of the two is too old for the other, or the other does not follow the protocol.
    #[error("{error}")]
    Handshake {
        /// What is wrong.
        error: HandshakeError,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// The connection ended in the middle of the handshake.
    #[error("it ended the connection before the password was proved: {reason}")]
    Broken {
        /// Why, escaped.
        reason: String,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl DialError {
    /// Whether whoever listens there has had a guess at the password by this: see [`DialBackoff`](super::DialBackoff).
    #[must_use]
    pub fn is_attempt_used(&self) -> bool {
        match self {
            Self::Refused | Self::NotProved => true,
            Self::TooManyGuesses { proof_is_out, .. }
            | Self::Handshake { proof_is_out, .. }
            | Self::Broken { proof_is_out, .. } => *proof_is_out,
            Self::NoBridge { .. }
            | Self::Foreign(_)
            | Self::Unreachable(_)
            | Self::Myself
            | Self::Destination
            | Self::Randomness(_) => false,
        }
    }

    pub(super) fn foreign(text: impl ToString) -> Self {
        Self::Foreign(Printable::short(&text.to_string(), 200).to_string())
    }

    pub(super) fn unreachable(text: impl ToString) -> Self {
        Self::Unreachable(Printable::short(&text.to_string(), 200).to_string())
    }

    /// What ended a handshake. What the other end says is believed only where it fits: before our proof it cannot be wrong.
    pub(super) fn of_talk(error: TalkError, proof_is_out: bool) -> Self {
        match error {
            TalkError::Handshake(HandshakeError::OwnId) => Self::Myself,
            TalkError::Handshake(HandshakeError::NotConfirmed) => Self::NotProved,
            TalkError::Handshake(error) => Self::Handshake { error, proof_is_out },
            TalkError::Closed(Some(CLOSE_REFUSED)) if proof_is_out => Self::Refused,
            TalkError::Closed(Some(CLOSE_DESTINATION)) if !proof_is_out => Self::Destination,
            TalkError::Closed(Some(CLOSE_TOO_MANY_GUESSES)) => {
                Self::TooManyGuesses { retry_after: RETRY, proof_is_out }
            }
            error => Self::Broken { reason: Printable::short(&error.to_string(), 200).to_string(), proof_is_out },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_after_the_proof_is_a_guess_used() {
        let errors = || {
            [
                TalkError::Closed(None),
                TalkError::Closed(Some(CLOSE_REFUSED)),
                TalkError::Closed(Some(CLOSE_DESTINATION)),
                TalkError::Closed(Some(CLOSE_TOO_MANY_GUESSES)),
                TalkError::NotBinary,
                HandshakeError::Late.into(),
                HandshakeError::Malformed.into(),
                HandshakeError::TooLong(5_000).into(),
            ]
        };
        for error in errors() {
            assert!(DialError::of_talk(error, true).is_attempt_used());
        }
        for error in errors() {
            let error = DialError::of_talk(error, false);
            assert!(!error.is_attempt_used(), "{error}");
        }
        assert!(DialError::of_talk(HandshakeError::NotConfirmed.into(), true).is_attempt_used());
    }
}
