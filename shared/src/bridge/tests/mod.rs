//! Both ends in one test, over a link that does what the network and its owner like to do.

mod attacks;
mod exchange;

use super::*;
use crate::Moment;

/// Bytes from hexadecimal digits.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    assert_eq!(digits.len() % 2, 0);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// What must abort a run: the draft's two, then encodings that RFC 9496 (appendix A.2) forbids: not canonical, negative,
/// not a square.
pub(super) const INVALID: &[&str] = &[
    "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
];

const START: Moment = Moment(1000);
const ID_I: InstanceId = InstanceId([0x1a; 16]);
const ID_R: InstanceId = InstanceId([0x2b; 16]);

fn secret(byte: u8) -> Secret {
    Secret::of_bytes([byte; 32])
}

fn randomness(first: u8) -> Randomness {
    Randomness::from_bytes(std::array::from_fn(|at| first.wrapping_add(at as u8)))
}

/// An initiator that dialed `ada.local:8000`; `seed` is its randomness.
fn dials(seed: u8) -> Initiator {
    dials_with(secret(9), seed)
}

fn dials_with(secret: Secret, seed: u8) -> Initiator {
    Initiator::new(&secret, ID_I, Flags::LEGACY, "ada.local:8000".parse().unwrap(), randomness(seed), START)
}

/// A responder that is `ada.local:8000`.
fn accepts(seed: u8) -> Responder {
    accepts_as(ID_R, "ada.local:8000", seed)
}

fn accepts_as(own: InstanceId, name: &'static str, seed: u8) -> Responder {
    let names: OwnNames = Box::new(move |dialed| dialed.as_str() == name);
    Responder::new(&secret(9), own, Flags::LEGACY.with(Flags::TLS), names, randomness(seed), START)
}

/// What the network does with message number 0 to 4: passes it on, changed or not, or loses it.
type Link<'a> = &'a mut dyn FnMut(usize, Vec<u8>) -> Option<Vec<u8>>;

/// Runs a handshake until both are done or stuck, and returns how each end took its last message.
fn run(
    i: &mut Initiator,
    r: &mut Responder,
    link: Link<'_>,
) -> (Result<(), HandshakeError>, Result<(), HandshakeError>) {
    let (mut at_i, mut at_r) = (Ok(()), Ok(()));
    for number in 0..5 {
        let from_r = number % 2 == 0;
        let Some(message) = (if from_r { r.poll_message() } else { i.poll_message() }) else { break };
        let Some(message) = link(number, message) else { break };
        if from_r {
            at_i = i.handle_message(&message, START);
        } else {
            at_r = r.handle_message(&message, START);
        }
    }
    (at_i, at_r)
}

/// A handshake that nobody disturbs.
fn sessions(mut i: Initiator, mut r: Responder) -> (Session, Session) {
    assert_eq!(run(&mut i, &mut r, &mut |_, message| Some(message)), (Ok(()), Ok(())));
    (i.finish().unwrap(), r.finish().unwrap())
}

/// The five messages of such a handshake.
fn transcript(mut i: Initiator, mut r: Responder) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let _ = run(&mut i, &mut r, &mut |_, message| {
        messages.push(message.clone());
        Some(message)
    });
    messages
}
