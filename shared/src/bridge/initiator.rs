//! The end that dials.

use subtle::ConstantTimeEq;

use super::cpace::{Run, Side};
use super::greeting::{Greeting, Opening};
use super::handshake::{HandshakeError, Next, Peer, Randomness, Session, Talk, channel_identifier, session_id};
use super::keys::{Key, Keys, transcript_hash};
use super::names::{Destination, Flags, InstanceId};
use super::secret::Secret;
use crate::Moment;

/// The dialing end of one handshake: M0 in, M1 out, M2 in, M3 out, M4 in.
///
/// After every message fed in, [`Initiator::poll_message`] until it is [`None`]; then feed in the next.
#[derive(Debug)]
pub struct Initiator {
    talk: Talk<Step>,
    sent: u8,
}

enum Step {
    /// Waits for M0.
    Greeting { secret: Secret, own: InstanceId, flags: Flags, destination: Destination, random: Randomness },
    /// Waits for M2.
    Share { run: Run, m0: Vec<u8>, m1: Vec<u8>, peer: Peer },
    /// Waits for M4.
    Proof { keys: Keys, expected: Key, peer: Peer },
}

impl Initiator {
    /// Begins a handshake on a connection that was opened to `destination`, at `now`; `own` is the process's own id,
    /// `flags` what it says about itself.
    #[must_use]
    pub fn new(
        secret: &Secret,
        own: InstanceId,
        flags: Flags,
        destination: Destination,
        random: Randomness,
        now: Moment,
    ) -> Self {
        let step = Step::Greeting { secret: secret.clone(), own, flags, destination, random };
        Self { talk: Talk::new(step, None, now), sent: 0 }
    }

    /// Takes a message from the responder.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The handshake has failed then, for good.
    pub fn handle_message(&mut self, message: &[u8], now: Moment) -> Result<(), HandshakeError> {
        self.talk.handle_message(message, now, |step, message| match step {
            Step::Greeting { secret, own, flags, destination, random } => {
                greeted(&secret, own, flags, destination, &random, message)
            }
            Step::Share { run, m0, m1, peer } => shared(run, &m0, &m1, peer, message),
            Step::Proof { keys, expected, peer } => proved(keys, &expected, peer, message),
        })
    }

    /// Tells that it is `now`; to be called at [`Initiator::poll_timeout`].
    ///
    /// # Errors
    /// [`HandshakeError::Late`] if the time for the handshake is over, or the error it failed with before.
    pub fn handle_timeout(&mut self, now: Moment) -> Result<(), HandshakeError> {
        self.talk.handle_timeout(now)
    }

    /// The next message to send, as one binary message.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        let message = self.talk.poll_message();
        self.sent = self.sent.saturating_add(u8::from(message.is_some()));
        message
    }

    /// When to call [`Initiator::handle_timeout`]; [`None`] once done or failed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.talk.poll_timeout()
    }

    /// Whether the responder has proved the password: then [`Initiator::finish`], and further messages are records.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.talk.is_done()
    }

    /// Whether our proof was sent. From then on whoever listens at the other end has had one guess at the password, even
    /// if it only hangs up: a dialer counts every handshake that fails after this, whatever the error.
    #[must_use]
    pub fn proof_is_out(&self) -> bool {
        // M1, then M3.
        self.sent >= 2
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

/// M0 to M1.
fn greeted(
    secret: &Secret,
    own: InstanceId,
    flags: Flags,
    destination: Destination,
    random: &Randomness,
    m0: &[u8],
) -> Answer {
    let greeting = Greeting::parse(m0).ok_or(HandshakeError::Malformed)?;
    if greeting.id == own {
        return Err(HandshakeError::OwnId);
    }
    let (version, suite) = greeting.choose()?;
    let peer = Peer { id: greeting.id, flags: greeting.flags, version, suite, destination: destination.clone() };
    let opening = Opening { version, suite, flags, id: own, nonce: random.nonce, destination };
    let sid = session_id(&greeting.nonce, &random.nonce);
    let run = Run::new(secret.prs(), &channel_identifier(), sid, &random.scalar);
    let mut m1 = opening.encode();
    m1.extend_from_slice(run.share());
    Ok((Next::Wait(Step::Share { run, m0: m0.to_vec(), m1: m1.clone(), peer }), Some(m1)))
}

/// M2 to M3.
fn shared(run: Run, m0: &[u8], m1: &[u8], peer: Peer, m2: &[u8]) -> Answer {
    let theirs: &[u8; 32] = m2.try_into().map_err(|_| HandshakeError::Malformed)?;
    let (data, ours) = m1.split_last_chunk().ok_or(HandshakeError::Malformed)?;
    let (a, b) = (Side { share: ours, data }, Side { share: theirs, data: m0 });
    let isk = run.finish(theirs, &a, &b).ok_or(HandshakeError::Point)?;
    let keys = Keys::new(transcript_hash(m0, m1, m2), &isk);
    let proof = keys.initiator_proof();
    let expected = keys.responder_proof(&proof);
    Ok((Next::Wait(Step::Proof { keys, expected, peer }), Some(proof.to_vec())))
}

/// M4 to the session.
fn proved(keys: Keys, expected: &Key, peer: Peer, m4: &[u8]) -> Answer {
    let proof: &[u8; 32] = m4.try_into().map_err(|_| HandshakeError::Malformed)?;
    if !bool::from(expected.ct_eq(proof)) {
        return Err(HandshakeError::NotConfirmed);
    }
    Ok((Next::Done(Box::new(Session::initiator(keys, peer))), None))
}
