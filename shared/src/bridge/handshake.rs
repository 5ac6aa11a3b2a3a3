//! What both ends of a handshake have in common: turns, the deadline, what can go wrong, and what comes out.

use std::fmt;
use std::mem;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::keys::{Exporter, Keys};
use super::names::{Destination, Flags, InstanceId};
use super::seal::{Opener, Sealer};
use crate::Moment;
use crate::limits::{HANDSHAKE_MESSAGE_BYTES, HANDSHAKE_TIME};

/// Why a handshake failed. The connection is of no more use: close it, and say nothing on it about the reason.
///
/// Both ends keep the first error and repeat it; nothing can be sent after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The other end's proof is wrong: it has another password or another network name, or somebody changed a message on
    /// the way. Which of them cannot be told apart, by design.
    #[error("wrong password (or somebody changed what was sent)")]
    NotConfirmed,
    /// These bytes are no message of the handshake; whoever sent them speaks something else, or cut them off.
    #[error("the other end does not speak the bridge rightly")]
    Malformed,
    /// More than [`HANDSHAKE_MESSAGE_BYTES`]; the number is how many there were.
    #[error("a message of {0} bytes came before the password was proved; {HANDSHAKE_MESSAGE_BYTES} are possible")]
    TooLong(usize),
    /// No version in common; ours is [`BRIDGE_VERSION`](super::BRIDGE_VERSION).
    #[error(
        "the other end speaks version {min} to {max} of the bridge, which this program does not: one of the two is too old"
    )]
    Version {
        /// Lowest version of the other end.
        min: u8,
        /// Highest version of the other end.
        max: u8,
    },
    /// No suite in common.
    #[error("the other end knows none of this program's ways to encrypt: one of the two is too old")]
    Suite,
    /// The other end has our own [`InstanceId`]: the call came back to us.
    #[error("this address leads back to this very program")]
    OwnId,
    /// The initiator dialed a name that is not ours: a wrong address, or somebody passes its call on to us.
    #[error("the call was meant for another node, or this node does not know the name it was called by")]
    Destination,
    /// The other end's share is no point to compute with; no honest program sends such a one.
    #[error("the other end sent an impossible key")]
    Point,
    /// Not done within [`HANDSHAKE_TIME`].
    #[error("the other end took too long to prove the password")]
    Late,
    /// A message came when it was our turn, or after the last one.
    #[error("the other end sent a message when none was due")]
    Unexpected,
    /// Not an error of the other end: [`Initiator::finish`](super::Initiator::finish) or
    /// [`Responder::finish`](super::Responder::finish) came before the last message was received and sent.
    #[error("the connection ended before the password was proved")]
    Unfinished,
}

impl HandshakeError {
    /// Whether the other end tried a password and it was the wrong one: what guess limits count at a responder.
    #[must_use]
    pub fn is_wrong_guess(self) -> bool {
        self == Self::NotConfirmed
    }
}

/// The randomness of one handshake: 48 bytes from the system's source, for one handshake only. Wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct Randomness {
    pub(super) nonce: [u8; 16],
    pub(super) scalar: [u8; 32],
}

impl Randomness {
    /// Takes 48 bytes that nobody else has seen and nobody uses again: 16 for the session's id, 32 for the key exchange.
    /// Two handshakes with the same bytes give the password's secret away to whoever sees both.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 48]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut random = Self { nonce: [0; 16], scalar: [0; 32] };
        random.nonce.iter_mut().chain(&mut random.scalar).zip(bytes.iter()).for_each(|(to, from)| *to = *from);
        random
    }
}

/// The other end of a session, as it said itself and the proof covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id, random per process.
    pub id: InstanceId,
    /// What it says about itself.
    pub flags: Flags,
    /// The version both speak.
    pub version: u8,
    /// The suite both speak.
    pub suite: u8,
    /// The name the initiator dialed: ours at the responder, the other's at the initiator.
    pub destination: Destination,
}

/// Two ends that have proved the password to each other. The parts serve separately: sending and receiving are often
/// different tasks.
#[derive(Debug)]
pub struct Session {
    /// For what we send.
    pub sealer: Sealer,
    /// For what we receive.
    pub opener: Opener,
    /// For secrets bound to this session.
    pub exporter: Exporter,
    /// Who the other end is.
    pub peer: Peer,
}

impl Session {
    /// The initiator's end.
    pub(super) fn initiator(keys: Keys, peer: Peer) -> Self {
        let (sealer, opener) = (Sealer::new(keys.records_initiator), Opener::new(keys.records_responder));
        Self { sealer, opener, exporter: keys.exporter, peer }
    }

    /// The responder's end.
    pub(super) fn responder(keys: Keys, peer: Peer) -> Self {
        let (sealer, opener) = (Sealer::new(keys.records_responder), Opener::new(keys.records_initiator));
        Self { sealer, opener, exporter: keys.exporter, peer }
    }
}

/// `sid` of CPace: the responder's half, then the initiator's.
pub(super) fn session_id(responder: &[u8; 16], initiator: &[u8; 16]) -> [u8; 32] {
    let mut sid = [0; 32];
    sid.iter_mut().zip(responder.iter().chain(initiator)).for_each(|(to, from)| *to = *from);
    sid
}

/// `CI` of CPace: the protocol, and who has which part in it.
pub(super) fn channel_identifier() -> Vec<u8> {
    super::cpace::lv_cat(&[b"tinyp2p/2", b"I", b"R"])
}

/// Where an end goes from one step.
pub(super) enum Next<S> {
    /// Waits for a further message, at this step.
    Wait(S),
    /// Everything is proved.
    Done(Box<Session>),
    /// Failed, for good.
    Failed(HandshakeError),
}

/// One end's side of the talk, whatever its steps `S` are: takes turns, watches the time, keeps the first error.
pub(super) struct Talk<S> {
    state: Next<S>,
    outbox: Option<Vec<u8>>,
    deadline: Moment,
}

impl<S> Talk<S> {
    /// Begins at `now`, with a message to send where this end speaks first.
    pub(super) fn new(step: S, first: Option<Vec<u8>>, now: Moment) -> Self {
        Self { state: Next::Wait(step), outbox: first, deadline: now + HANDSHAKE_TIME }
    }

    /// Takes a message to `answer`, which gives the next step and what to send.
    pub(super) fn handle_message(
        &mut self,
        message: &[u8],
        now: Moment,
        answer: impl FnOnce(S, &[u8]) -> Result<(Next<S>, Option<Vec<u8>>), HandshakeError>,
    ) -> Result<(), HandshakeError> {
        self.handle_timeout(now)?;
        let step = match mem::replace(&mut self.state, Next::Failed(HandshakeError::Unexpected)) {
            Next::Wait(step) if self.outbox.is_none() => step,
            _ => return self.fail(HandshakeError::Unexpected),
        };
        if message.len() > HANDSHAKE_MESSAGE_BYTES {
            return self.fail(HandshakeError::TooLong(message.len()));
        }
        match answer(step, message) {
            Ok((state, outbox)) => {
                self.state = state;
                self.outbox = outbox;
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }

    /// Fails if the time is over before the handshake is.
    pub(super) fn handle_timeout(&mut self, now: Moment) -> Result<(), HandshakeError> {
        match self.state {
            Next::Wait(_) if now >= self.deadline => self.fail(HandshakeError::Late),
            Next::Wait(_) | Next::Done(_) => Ok(()),
            Next::Failed(error) => Err(error),
        }
    }

    fn fail(&mut self, error: HandshakeError) -> Result<(), HandshakeError> {
        self.state = Next::Failed(error);
        self.outbox = None;
        Err(error)
    }

    pub(super) fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.outbox.take()
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        matches!(self.state, Next::Wait(_)).then_some(self.deadline)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, Next::Done(_)) && self.outbox.is_none()
    }

    pub(super) fn finish(self) -> Result<Session, HandshakeError> {
        match self.state {
            Next::Done(session) if self.outbox.is_none() => Ok(*session),
            Next::Failed(error) => Err(error),
            Next::Wait(_) | Next::Done(_) => Err(HandshakeError::Unfinished),
        }
    }
}

impl<S> fmt::Debug for Talk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            Next::Wait(_) => "waiting",
            Next::Done(_) => "done",
            Next::Failed(_) => "failed",
        })
    }
}
