//! Handshakes as they should not go: D1 to D6 of tests/THREATS.md, and the wrong password.

use proptest::prelude::*;

use super::*;
use crate::limits::HANDSHAKE_MESSAGE_BYTES;

/// Runs one handshake of which message `number` is changed, and asserts that no end that got changed bytes, directly or by
/// way of the other's answer, has a session. Returns the two errors.
fn tampered(number: usize, change: impl Fn(&mut Vec<u8>)) -> (Result<(), HandshakeError>, Result<(), HandshakeError>) {
    let (mut i, mut r) = (dials(1), accepts(2));
    let ends = run(&mut i, &mut r, &mut |at, mut message| {
        if at == number {
            change(&mut message);
        }
        Some(message)
    });
    assert!(i.finish().is_err(), "message {number}");
    // The initiator alone sees M4: the responder was done when it sent it.
    assert_eq!(r.finish().is_ok(), number == 4, "message {number}");
    ends
}

#[test]
fn a_wrong_password_is_one_error_and_one_guess() {
    let mut i = dials_with(secret(10), 1);
    let mut r = accepts(2);
    let ends = run(&mut i, &mut r, &mut |_, message| Some(message));
    assert_eq!(ends, (Ok(()), Err(HandshakeError::NotConfirmed)));
    assert!(ends.1.unwrap_err().is_wrong_guess());
    assert!(i.proof_is_out(), "the listener had a guess");
    assert_eq!(r.poll_message(), None, "and the initiator gets nothing to test");
    assert_eq!(i.finish().unwrap_err(), HandshakeError::Unfinished);
    assert_eq!(r.finish().unwrap_err(), HandshakeError::NotConfirmed);
}

#[test]
fn a_responder_that_does_not_know_the_password_is_found_out() {
    // It answers M3 with anything, since it cannot check it.
    for m4 in [[0; 32], [0xff; 32]] {
        let ends = tampered(4, |message| *message = m4.to_vec());
        assert_eq!(ends.0, Err(HandshakeError::NotConfirmed));
    }
    // Nor does it help to send back the proof it was given.
    let messages = transcript(dials(1), accepts(2));
    assert_eq!(tampered(4, |m4| m4.clone_from(&messages[3])).0, Err(HandshakeError::NotConfirmed));
}

#[test]
fn until_m3_a_responder_sends_the_same_lengths_whatever_the_password() {
    let lengths = |byte| transcript(dials_with(secret(byte), 1), accepts(2)).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(9)[..4], lengths(10)[..4]);
}

#[test]
fn d1_a_replayed_session_fails() {
    let messages = transcript(dials(1), accepts(2));
    // To a responder: another nonce, so M3 is the wrong proof.
    let mut r = accepts(3);
    assert_ne!(r.poll_message().unwrap(), messages[0]);
    assert_eq!(r.handle_message(&messages[1], START), Ok(()));
    assert!(r.poll_message().is_some());
    assert_eq!(r.handle_message(&messages[3], START), Err(HandshakeError::NotConfirmed));
    assert_eq!(r.poll_message(), None);
    // To an initiator: M4 is the wrong proof.
    let mut i = dials(4);
    assert_eq!(i.handle_message(&messages[0], START), Ok(()));
    assert!(i.poll_message().is_some());
    assert_eq!(i.handle_message(&messages[2], START), Ok(()));
    assert!(i.poll_message().is_some());
    assert_eq!(i.handle_message(&messages[4], START), Err(HandshakeError::NotConfirmed));
}

#[test]
fn d2_every_flipped_bit_of_every_message_fails() {
    let messages = transcript(dials(1), accepts(2));
    for (number, message) in messages.iter().enumerate() {
        for bit in 0..message.len() * 8 {
            let (at_i, at_r) = tampered(number, |message| message[bit / 8] ^= 1 << (bit % 8));
            assert!(at_i.is_err() || at_r.is_err(), "message {number}, bit {bit}");
        }
    }
}

#[test]
fn a_connection_cut_at_any_byte_gives_no_session() {
    let messages = transcript(dials(1), accepts(2));
    for (number, message) in messages.iter().enumerate() {
        // The network loses this message and all after it.
        let (mut i, mut r) = (dials(1), accepts(2));
        let ends = run(&mut i, &mut r, &mut |at, message| (at != number).then_some(message));
        assert_eq!(ends, (Ok(()), Ok(())), "a cut is nobody's error");
        assert_eq!(i.finish().unwrap_err(), HandshakeError::Unfinished);
        assert_eq!(r.finish().is_ok(), number == 4);
        // Or somebody delivers the piece as if it were whole.
        for cut in 0..message.len() {
            let (at_i, at_r) = tampered(number, |message| message.truncate(cut));
            let end = if number % 2 == 0 { at_i } else { at_r };
            assert_eq!(end, Err(HandshakeError::Malformed), "message {number} cut at {cut}");
        }
    }
}

#[test]
fn d3_a_call_that_comes_back_is_refused() {
    // Dialed ourselves, through a proxy that changes nothing.
    let (mut i, mut r) = (dials(1), accepts_as(ID_I, "ada.local:8000", 2));
    let ends = run(&mut i, &mut r, &mut |_, message| Some(message));
    assert_eq!(ends, (Err(HandshakeError::OwnId), Ok(())));
    // A responder sees it too, should the initiator not look.
    let m1 = transcript(dials(1), accepts(2)).swap_remove(1);
    let mut r = accepts_as(ID_I, "ada.local:8000", 2);
    let _ = r.poll_message();
    assert_eq!(r.handle_message(&m1, START), Err(HandshakeError::OwnId));
    // And with another id put into M0 the proofs differ.
    let (mut i, mut r) = (dials(1), accepts_as(ID_I, "ada.local:8000", 2));
    let ends = run(&mut i, &mut r, &mut |at, mut message| {
        match at {
            0 => message[12] ^= 1,
            1 => message[6] ^= 1,
            _ => {}
        }
        Some(message)
    });
    assert_eq!(ends.1, Err(HandshakeError::NotConfirmed));
    // An initiator that hears its own messages.
    let mut i = dials(1);
    let mut r = accepts(2);
    i.handle_message(&r.poll_message().unwrap(), START).unwrap();
    let m1 = i.poll_message().unwrap();
    assert_eq!(i.handle_message(&m1, START), Err(HandshakeError::Malformed));
}

#[test]
fn an_echoed_share_and_proof_are_refused() {
    let mut i = dials(1);
    i.handle_message(&accepts(2).poll_message().unwrap(), START).unwrap();
    let m1 = i.poll_message().unwrap();
    i.handle_message(&m1[m1.len() - 32..], START).unwrap();
    let m3 = i.poll_message().unwrap();
    assert_eq!(i.handle_message(&m3, START), Err(HandshakeError::NotConfirmed));
}

#[test]
fn d4_a_call_passed_on_to_another_member_is_refused() {
    let (mut i, mut r) = (dials(1), accepts_as(InstanceId([3; 16]), "eve.local:8000", 2));
    let ends = run(&mut i, &mut r, &mut |_, message| Some(message));
    assert_eq!(ends.1, Err(HandshakeError::Destination));
    assert_eq!(r.poll_message(), None);
    // With the destination changed to fit, the proofs differ.
    let (mut i, mut r) = (dials(1), accepts_as(InstanceId([3; 16]), "eve.local:8000", 2));
    let ends = run(&mut i, &mut r, &mut |at, mut message| {
        if at == 1 {
            message[39..42].copy_from_slice(b"eve");
        }
        Some(message)
    });
    assert_eq!(ends.1, Err(HandshakeError::NotConfirmed));
}

#[test]
fn d5_edited_versions_suites_and_flags_fail() {
    let confirm = Err(HandshakeError::NotConfirmed);
    // M0: versions, suites, flags. What still leaves our own version and suite is noticed by the proof.
    assert_eq!(tampered(0, |m0| m0[4] = 0).1, confirm);
    assert_eq!(tampered(0, |m0| m0[5] = 9).1, confirm);
    assert_eq!(tampered(0, |m0| m0[6] |= 4).1, confirm);
    assert_eq!(tampered(0, |m0| m0[8] ^= 1).1, confirm, "2004 on");
    assert_eq!(tampered(0, |m0| m0[8] ^= 2).1, confirm, "TLS on");
    assert_eq!(tampered(0, |m0| m0[4] = 2).0, Err(HandshakeError::Version { min: 2, max: 1 }));
    assert_eq!(tampered(0, |m0| m0[6] = 0).0, Err(HandshakeError::Suite));
    // M1: what was chosen, flags, the reserved bytes.
    assert_eq!(tampered(1, |m1| m1[0] = 0).1, Err(HandshakeError::Version { min: 0, max: 0 }));
    assert_eq!(tampered(1, |m1| m1[1] = 2).1, Err(HandshakeError::Suite));
    assert_eq!(tampered(1, |m1| m1[2] ^= 1).1, confirm);
    assert_eq!(tampered(1, |m1| m1[2] ^= 2).1, confirm);
    assert_eq!(tampered(1, |m1| m1[5] ^= 0x80).1, confirm, "a flag of later versions");
    assert_eq!(tampered(1, |m1| m1[39 + 14] = 1).1, Err(HandshakeError::Malformed));
}

#[test]
fn d6_impossible_points_abort() {
    for point in INVALID {
        let (at_i, at_r) = tampered(1, |m1| {
            m1.truncate(39 + 14 + 2);
            m1.extend(hex(point));
        });
        assert_eq!((at_i, at_r), (Ok(()), Err(HandshakeError::Point)), "{point}");
        let (at_i, _) = tampered(2, |m2| *m2 = hex(point));
        assert_eq!(at_i, Err(HandshakeError::Point), "{point}");
    }
}

#[test]
fn a_stranger_may_send_4_kib() {
    for number in 0..5 {
        for (length, error) in [(4096, HandshakeError::Malformed), (4097, HandshakeError::TooLong(4097))] {
            let (at_i, at_r) = tampered(number, |message| message.resize(length, 0));
            assert_eq!(if number % 2 == 0 { at_i } else { at_r }, Err(error));
        }
    }
    assert_eq!(HANDSHAKE_MESSAGE_BYTES, 4096);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_message_at_any_step_is_refused(number in 0..5_usize, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let ends = tampered(number, |message| message.clone_from(&bytes));
        prop_assert!(ends.0.is_err() || ends.1.is_err());
    }

    #[test]
    fn any_message_of_a_right_length_is_refused(number in 0..5_usize, bytes in any::<[u8; 32]>()) {
        // The fields before it stay: this is the share or the proof.
        let ends = tampered(number, |message| {
            let at = message.len() - 32;
            message[at..].copy_from_slice(&bytes);
        });
        prop_assert!(ends.0.is_err() || ends.1.is_err());
    }
}
