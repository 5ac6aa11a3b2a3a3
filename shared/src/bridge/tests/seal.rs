//! Records: their bytes, and that nothing but the right next one is opened.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::bridge::tests::hex;

const DATA: Kind = Kind(2);

fn pair() -> (Sealer, Opener) {
    starting_at(0)
}

fn starting_at(count: u64) -> (Sealer, Opener) {
    let lane = || Lane { key: Zeroizing::new([7; 32]), count };
    (Sealer { lane: lane(), closed: false }, Opener { lane: lane(), ended: None })
}

#[test]
fn records_are_these_bytes() {
    // The same from Python's `cryptography` 48: ChaCha20Poly1305(7 * 32), nonce 4 zeros and the counter.
    let (mut sealer, mut opener) = pair();
    let first = sealer.seal(DATA, 0x0102_0304, b"hello").unwrap();
    let second = sealer.end(5).unwrap();
    let third = sealer.bye().unwrap();
    assert_eq!(first, hex("35802a0e61036191ac1d41a2ba8a29786dd8e402bb6f0f84dde0"));
    assert_eq!(second, hex("bb563060258acbcb746d40a8b93f7563cc30df7a84"));
    assert_eq!(third, hex("97d553ffb215719c678b914596841a7d3dfd50af76"));
    assert_eq!(first.len(), 5 + RECORD_OVERHEAD_BYTES);
    let record = opener.open(first).unwrap();
    assert_eq!((record.kind, record.stream, record.payload()), (DATA, 0x0102_0304, &b"hello"[..]));
    assert_eq!(format!("{record:?}"), "Record(2, stream 16909060, 5 bytes)");
    let record = opener.open(second).unwrap();
    assert_eq!((record.kind, record.stream, record.payload()), (Kind::END, 5, &b""[..]));
    assert_eq!(opener.open(third).unwrap().kind, Kind::BYE);
    assert_eq!(opener.handle_close(), Ending::Bye);
}

#[test]
fn every_flipped_bit_of_100_records_closes() {
    let mut bits = 0_u32;
    for number in 0..100 {
        let payload = vec![number; usize::from(number % 7)];
        let (mut sealer, _) = starting_at(u64::from(number));
        let whole = sealer.seal(DATA, 1, &payload).unwrap();
        for bit in 0..whole.len() * 8 {
            let (_, mut opener) = starting_at(u64::from(number));
            let mut message = whole.clone();
            message[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opener.open(message), Err(OpenError::Forged));
            assert_eq!(opener.open(whole.clone()), Err(OpenError::Closed), "and the right one comes too late");
            assert_eq!(opener.handle_close(), Ending::Interrupted);
            bits += 1;
        }
    }
    assert!(bits > 16_000);
}

#[test]
fn every_cut_record_closes() {
    let (mut sealer, _) = pair();
    let whole = sealer.seal(DATA, 1, b"some text").unwrap();
    for cut in 0..whole.len() {
        let (_, mut opener) = pair();
        assert_eq!(opener.open(whole[..cut].to_vec()), Err(OpenError::Forged));
    }
    let (_, mut opener) = pair();
    assert_eq!(opener.open([whole, vec![0]].concat()), Err(OpenError::Forged));
}

#[test]
fn a_sealed_text_shorter_than_a_header_closes() {
    for length in 0..5 {
        let (mut sealer, mut opener) = pair();
        let (cipher, nonce) = sealer.lane.next().unwrap();
        let mut message = vec![0; length];
        let tag = cipher.encrypt_inout_detached(&nonce, b"", message.as_mut_slice().into()).unwrap();
        message.extend_from_slice(&tag);
        assert_eq!(opener.open(message), Err(OpenError::Forged));
    }
}

#[test]
fn replay_reorder_and_drop_close() {
    let messages = || {
        let (mut sealer, opener) = pair();
        ([b"a", b"b", b"c"].map(|text| sealer.seal(DATA, 1, text).unwrap()), opener)
    };
    for order in [&[0, 0][..], &[1], &[0, 2], &[0, 1, 0], &[2, 1, 0]] {
        let (all, mut opener) = messages();
        let last = order.len() - 1;
        for (place, &number) in order.iter().enumerate() {
            let result = opener.open(all[number].clone());
            if place == last || order[0] != 0 {
                assert!(result.is_err(), "{order:?}");
            } else {
                assert!(result.is_ok(), "{order:?}");
            }
        }
        assert_eq!(opener.handle_close(), Ending::Interrupted);
    }
}

#[test]
fn a_transfer_cut_after_any_record_is_interrupted() {
    // D15: eight records of data, END, BYE; cut after each.
    let (mut sealer, _) = pair();
    let mut messages: Vec<_> = (0..8).map(|number| sealer.seal(DATA, 3, &[number]).unwrap()).collect();
    messages.push(sealer.end(3).unwrap());
    messages.push(sealer.bye().unwrap());
    for cut in 0..=messages.len() {
        let (_, mut opener) = pair();
        let records: Vec<_> = messages[..cut].iter().map(|message| opener.open(message.clone()).unwrap()).collect();
        let whole = records.iter().any(|record| record.kind == Kind::END && record.stream == 3);
        assert_eq!(whole, cut > 8);
        assert_eq!(opener.handle_close(), if cut == 10 { Ending::Bye } else { Ending::Interrupted });
        assert_eq!(opener.open(messages[0].clone()), Err(OpenError::Closed), "closed is closed");
    }
}

#[test]
fn nothing_follows_a_bye() {
    let (mut sealer, mut opener) = pair();
    let bye = sealer.bye().unwrap();
    assert_eq!(sealer.seal(DATA, 1, b"x"), Err(SealError::Closed));
    assert_eq!(sealer.bye(), Err(SealError::Closed));
    assert_eq!(opener.open(bye.clone()).unwrap().kind, Kind::BYE);
    assert_eq!(opener.open(bye), Err(OpenError::Closed));
    assert_eq!(opener.handle_close(), Ending::Bye);
}

#[test]
fn a_payload_has_at_most_a_mebibyte() {
    let (mut sealer, mut opener) = pair();
    let most = vec![1; RECORD_PAYLOAD_BYTES];
    assert_eq!(sealer.seal(DATA, 1, &[&most[..], &[1]].concat()), Err(SealError::TooLong(RECORD_PAYLOAD_BYTES + 1)));
    let message = sealer.seal(DATA, 1, &most).unwrap();
    assert_eq!(opener.open(message).unwrap().payload(), most);
    let length = RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES + 1;
    assert_eq!(opener.open(vec![0; length]), Err(OpenError::TooLong(length)));
    assert_eq!(opener.open(vec![0; 21]), Err(OpenError::Closed));
}

#[test]
fn the_key_is_another_one_after_2_to_the_20_records() {
    assert_eq!(RECORDS_PER_KEY, 1 << 20);
    for boundary in [RECORDS_PER_KEY, 5 * RECORDS_PER_KEY] {
        let (mut sealer, mut opener) = starting_at(boundary - 1);
        let (before, after) = (sealer.seal(DATA, 1, b"a").unwrap(), sealer.seal(DATA, 1, b"b").unwrap());
        assert_eq!(sealer.lane.key, next_key(&[7; 32]));
        assert_ne!(*sealer.lane.key, [7; 32]);
        assert_eq!(opener.open(before).unwrap().payload(), b"a");
        // With the old key it does not open.
        let stale = ChaCha20Poly1305::new((&[7; 32]).into());
        let mut nonce = Nonce::default();
        nonce[4..].copy_from_slice(&boundary.to_le_bytes());
        let mut body = after[..after.len() - TAG_BYTES].to_vec();
        let tag = Tag::try_from(&after[after.len() - TAG_BYTES..]).unwrap();
        assert!(stale.decrypt_inout_detached(&nonce, b"", body.as_mut_slice().into(), &tag).is_err());
        assert_eq!(opener.open(after).unwrap().payload(), b"b");
        assert_eq!(opener.lane.key, sealer.lane.key);
    }
}

#[test]
fn no_nonce_comes_twice() {
    let (mut sealer, mut opener) = starting_at(u64::MAX);
    assert_eq!(sealer.seal(DATA, 1, b"x"), Err(SealError::Closed));
    assert_eq!(opener.open(vec![0; 30]), Err(OpenError::Forged));
}

proptest! {
    #[test]
    fn any_message_is_refused(message in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(pair().1.open(message).is_err());
    }

    #[test]
    fn any_record_comes_out_as_it_went_in(kind: u8, stream: u32, payload in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (mut sealer, mut opener) = pair();
        let record = opener.open(sealer.seal(Kind(kind), stream, &payload).unwrap()).unwrap();
        prop_assert_eq!((record.kind, record.stream, record.payload()), (Kind(kind), stream, &payload[..]));
    }
}
