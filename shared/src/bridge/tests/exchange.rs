//! A handshake as it should go: its bytes, its turns, its deadline, and the session after it.

use super::*;
use crate::limits::HANDSHAKE_TIME;

#[test]
fn the_five_messages_are_these_bytes() {
    // Computed independently by a second implementation, in Python from RFC 9496 and the draft.
    let messages = transcript(dials(0x40), accepts(0x80));
    let expected = [
        "5450320001010200030000002b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b808182838485868788898a8b8c8d8e8f",
        "0101010000001a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a404142434445464748494a4b4c4d4e4f0e6164612e6c6f63616c3a3830303000009a5662024597c714a8f71524b7c7331bcbe115b8c1d65bb5293e7ff4f45b9410",
        "9ae877db56d598ecb885e416e4fc0f382c99314a99aa9d4f9987d46c5e1b6f20",
        "c98cbf0050f64be4ab169a55a79553fa84acc2d6aa386eb8c09fa06a678ebcc1",
        "65ca510ac30d7d6a85c1c8de476ee4cef38b4d9c34779f611b18907a26fb9255",
    ];
    assert_eq!(messages.len(), 5);
    for (message, expected) in messages.iter().zip(expected) {
        assert_eq!(*message, hex(expected));
    }
    assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), [44, 73 + 14, 32, 32, 32]);
}

#[test]
fn both_ends_have_one_session() {
    let (mut i, mut r) = sessions(dials(0x40), accepts(0x80));
    // The first record each way and an exported secret, from the same second implementation.
    let to_r = i.sealer.seal(Kind(2), 1, b"question").unwrap();
    let to_i = r.sealer.seal(Kind(2), 1, b"answer").unwrap();
    assert_eq!(to_r, hex("da773d4af12cb94c9cecda9ea6e0e32e4204f54bb24fb55e49ace75a64"));
    assert_eq!(to_i, hex("8d8865940e906783fadd2ae7c0da661e4291822d0a3cbfb19b738d"));
    assert_eq!(
        i.exporter.secret("test").as_slice(),
        hex("3fc5d89eb94741f760311165ba4630100c4c555e0c4df35ff01ee07a0897bad1")
    );
    assert_eq!(r.opener.open(to_r).unwrap().payload(), b"question");
    assert_eq!(i.opener.open(to_i).unwrap().payload(), b"answer");
    assert_eq!(i.exporter.secret("test"), r.exporter.secret("test"));
    assert_eq!((i.peer.id, i.peer.flags), (ID_R, Flags(3)));
    assert_eq!((r.peer.id, r.peer.flags), (ID_I, Flags(1)));
    for peer in [&i.peer, &r.peer] {
        assert_eq!((peer.version, peer.suite, peer.destination.as_str()), (1, 1, "ada.local:8000"));
    }
}

#[test]
fn an_own_record_sent_back_does_not_open() {
    let (mut i, _) = sessions(dials(1), accepts(2));
    let message = i.sealer.seal(Kind(2), 1, b"x").unwrap();
    assert_eq!(i.opener.open(message), Err(OpenError::Forged));
}

#[test]
fn two_sessions_have_nothing_in_common() {
    let (i, _) = sessions(dials(1), accepts(2));
    for (a, b) in [(1, 3), (4, 2), (4, 3)] {
        let (other, _) = sessions(dials(a), accepts(b));
        assert_ne!(other.exporter.secret("x"), i.exporter.secret("x"));
    }
}

#[test]
fn each_end_waits_for_its_turn() {
    let mut i = dials(1);
    assert_eq!(i.poll_message(), None, "the responder speaks first");
    let mut r = accepts(2);
    // Whoever speaks before M0 was sent cannot have heard it.
    assert_eq!(r.handle_message(b"", START), Err(HandshakeError::Unexpected));
    assert_eq!(r.poll_message(), None, "nothing is sent after an error");
    assert_eq!(r.handle_message(b"", START), Err(HandshakeError::Unexpected));
    assert_eq!(r.finish().unwrap_err(), HandshakeError::Unexpected);

    let (mut i, mut r) = (dials(1), accepts(2));
    assert_eq!(run(&mut i, &mut r, &mut |_, message| Some(message)), (Ok(()), Ok(())));
    assert!(i.is_done() && r.is_done());
    assert_eq!(i.handle_message(b"x", START), Err(HandshakeError::Unexpected));
    assert_eq!(i.finish().unwrap_err(), HandshakeError::Unexpected);
}

#[test]
fn the_last_proof_must_be_sent_before_the_session() {
    let (mut i, mut r) = (dials(1), accepts(2));
    i.handle_message(&r.poll_message().unwrap(), START).unwrap();
    r.handle_message(&i.poll_message().unwrap(), START).unwrap();
    i.handle_message(&r.poll_message().unwrap(), START).unwrap();
    assert!(!i.proof_is_out());
    let m3 = i.poll_message().unwrap();
    assert!(i.proof_is_out());
    r.handle_message(&m3, START).unwrap();
    assert!(!r.is_done(), "M4 is not sent yet");
    assert_eq!(r.finish().unwrap_err(), HandshakeError::Unfinished);
    assert!(!i.is_done());
    assert_eq!(i.finish().unwrap_err(), HandshakeError::Unfinished);
}

#[test]
fn a_handshake_has_ten_seconds() {
    assert_eq!(HANDSHAKE_TIME.as_secs(), 10);
    let end = START + HANDSHAKE_TIME;
    let just_before = Moment(end.0 - 1);
    let (mut i, mut r) = (dials(1), accepts(2));
    assert_eq!((i.poll_timeout(), r.poll_timeout()), (Some(end), Some(end)));
    assert_eq!((i.handle_timeout(just_before), r.handle_timeout(just_before)), (Ok(()), Ok(())));
    let m0 = r.poll_message().unwrap();
    assert_eq!(i.handle_message(&m0, just_before), Ok(()));
    let m1 = i.poll_message().unwrap();
    assert_eq!(r.handle_message(&m1, end), Err(HandshakeError::Late));
    assert_eq!(r.poll_message(), None);
    assert_eq!(r.poll_timeout(), None);
    assert_eq!(i.handle_timeout(end), Err(HandshakeError::Late));
    assert_eq!(i.handle_timeout(START), Err(HandshakeError::Late), "once late, always late");

    let (mut i, mut r) = (dials(1), accepts(2));
    assert_eq!(run(&mut i, &mut r, &mut |_, message| Some(message)), (Ok(()), Ok(())));
    assert_eq!((i.handle_timeout(end), r.handle_timeout(end)), (Ok(()), Ok(())), "done in time stays done");
    assert_eq!((i.poll_timeout(), r.poll_timeout()), (None, None));
}

#[test]
fn debug_shows_no_secret() {
    let (i, r) = (dials(1), accepts(2));
    assert_eq!(format!("{i:?} {r:?}"), "Initiator { talk: waiting, sent: 0 } Responder { talk: waiting }");
    let (i, _) = sessions(i, r);
    let shown = format!("{i:?}");
    assert!(shown.contains("sealer: Sealer(0 records)") && shown.contains("exporter: Exporter(…)"), "{shown}");
}

#[test]
fn a_session_cut_at_any_byte_gives_a_prefix_and_never_a_stream_that_looks_whole() {
    let mut to_r: Vec<_> = transcript(dials(1), accepts(2)).into_iter().skip(1).step_by(2).collect();
    let (mut i, _) = sessions(dials(1), accepts(2));
    let text = b"what the stream carries";
    to_r.extend(text.chunks(5).map(|chunk| i.sealer.seal(Kind(2), 1, chunk).unwrap()));
    to_r.push(i.sealer.end(1).unwrap());
    let until_end = to_r.concat().len();
    to_r.push(i.sealer.bye().unwrap());
    let all = to_r.concat().len();
    for cut in 0..=all {
        for piece_arrives in [false, true] {
            let mut r = accepts(2);
            let _ = r.poll_message();
            let (mut left, mut session, mut got, mut whole) = (cut, None::<Session>, Vec::new(), false);
            // The responder as long as it is one; then its session.
            let mut r = Some(r);
            for message in &to_r {
                if left < message.len() && (left == 0 || !piece_arrives) {
                    break;
                }
                let message = &message[..message.len().min(left)];
                left -= message.len();
                if let Some(session) = &mut session {
                    let Ok(record) = session.opener.open(message.to_vec()) else { break };
                    whole |= record.kind == Kind::END;
                    got.extend_from_slice(record.payload());
                } else if let Some(mut responder) = r.take() {
                    if responder.handle_message(message, START).is_err() {
                        break;
                    }
                    let _ = responder.poll_message();
                    if responder.is_done() {
                        session = responder.finish().ok();
                    } else {
                        r = Some(responder);
                    }
                }
            }
            assert!(text.starts_with(&got), "cut at {cut}");
            assert_eq!(whole, cut >= until_end, "cut at {cut}");
            assert!(!whole || got == text);
            if let Some(mut session) = session {
                assert_eq!(session.opener.handle_close() == Ending::Bye, cut == all, "cut at {cut}");
            }
        }
    }
}

#[test]
fn all_of_it_moves_between_threads() {
    fn moves<T: Send>() {}
    moves::<Initiator>();
    moves::<Responder>();
    moves::<Session>();
    moves::<Secret>();
}
