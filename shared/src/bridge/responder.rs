//! The end that accepts.

use subtle::ConstantTimeEq;

use super::cpace::{Run, Side};
use super::greeting::{BARE_BYTES, Greeting, Opening};
use super::handshake::{HandshakeError, Next, Peer, Randomness, Session, Talk, channel_identifier, session_id};
use super::keys::{Keys, transcript_hash};
use super::names::{Destination, Flags, InstanceId};
use super::secret::Secret;
use crate::Moment;

/// Says whether a dialed name (`host:port/path`, lower case) is one of the responder's own.
pub type OwnNames = Box<dyn Fn(&Destination) -> bool + Send>;

/// The accepting end of one handshake: M0 out, M1 in, M2 out, M3 in, M4 out.
///
/// Whoever dials must prove the password first; until then nothing that is sent depends on it in a way that could be
/// tested. Before every message fed in, [`Responder::poll_message`] until it is [`None`].
#[derive(Debug)]
pub struct Responder {
    talk: Talk<Step>,
}

enum Step {
    /// Waits for M1.
    Opening { secret: Secret, own: InstanceId, names: OwnNames, random: Randomness, m0: Vec<u8> },
    /// Waits for M3.
    Proof { keys: Keys, peer: Peer },
}

impl Responder {
    /// Begins a handshake on a connection that was accepted at `now`; `own` is the process's own id, `flags` what it
    /// says about itself, `names` knows the names it may be called by.
    #[must_use]
    pub fn new(
        secret: &Secret,
        own: InstanceId,
        flags: Flags,
        names: OwnNames,
        random: Randomness,
        now: Moment,
    ) -> Self {
        let m0 = Greeting::ours(flags, own, random.nonce).encode();
        let step = Step::Opening { secret: secret.clone(), own, names, random, m0: m0.clone() };
        Self { talk: Talk::new(step, Some(m0), now) }
    }

    /// Takes a message from the initiator.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The handshake has failed then, for good, and nothing must be said about the reason.
    pub fn handle_message(&mut self, message: &[u8], now: Moment) -> Result<(), HandshakeError> {
        self.talk.handle_message(message, now, |step, message| match step {
            Step::Opening { secret, own, names, random, m0 } => opened(&secret, own, &names, &random, &m0, message),
            Step::Proof { keys, peer } => proved(keys, peer, message),
        })
    }

    /// Tells that it is `now`; to be called at [`Responder::poll_timeout`].
    ///
    /// # Errors
    /// [`HandshakeError::Late`] if the time for the handshake is over, or the error it failed with before.
    pub fn handle_timeout(&mut self, now: Moment) -> Result<(), HandshakeError> {
        self.talk.handle_timeout(now)
    }

    /// The next message to send, as one binary message.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.talk.poll_message()
    }

    /// When to call [`Responder::handle_timeout`]; [`None`] once done or failed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.talk.poll_timeout()
    }

    /// Whether the initiator has proved the password and M4 was taken to be sent: then [`Responder::finish`], and
    /// further messages are records.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.talk.is_done()
    }

    /// The session.
    ///
    /// # Errors
    /// [`HandshakeError::Unfinished`] if the handshake is not done, or the error it failed with.
    pub fn finish(self) -> Result<Session, HandshakeError> {
        self.talk.finish()
    }
}

type Answer = Result<(Next<Step>, Option<Vec<u8>>), HandshakeError>;

/// M1 to M2.
fn opened(secret: &Secret, own: InstanceId, names: &OwnNames, random: &Randomness, m0: &[u8], m1: &[u8]) -> Answer {
    let (data, theirs) = m1.split_last_chunk::<BARE_BYTES>().ok_or(HandshakeError::Malformed)?;
    let opening = Opening::parse(data).ok_or(HandshakeError::Malformed)?;
    opening.check_choice()?;
    if opening.id == own {
        return Err(HandshakeError::OwnId);
    }
    if !names(&opening.destination) {
        return Err(HandshakeError::Destination);
    }
    let sid = session_id(&random.nonce, &opening.nonce);
    let run = Run::new(secret.prs(), &channel_identifier(), sid, &random.scalar);
    let m2 = *run.share();
    let (a, b) = (Side { share: theirs, data }, Side { share: &m2, data: m0 });
    let isk = run.finish(theirs, &a, &b).ok_or(HandshakeError::Point)?;
    let keys = Keys::new(transcript_hash(m0, m1, &m2), &isk);
    let Opening { flags, id, version, suite, destination, .. } = opening;
    let peer = Peer { id, flags, version, suite, destination };
    Ok((Next::Wait(Step::Proof { keys, peer }), Some(m2.to_vec())))
}

/// M3 to M4 and the session.
fn proved(keys: Keys, peer: Peer, m3: &[u8]) -> Answer {
    let proof: &[u8; 32] = m3.try_into().map_err(|_| HandshakeError::Malformed)?;
    if !bool::from(keys.initiator_proof().ct_eq(proof)) {
        return Err(HandshakeError::NotConfirmed);
    }
    let m4 = keys.responder_proof(proof).to_vec();
    Ok((Next::Done(Box::new(Session::responder(keys, peer))), Some(m4)))
}
