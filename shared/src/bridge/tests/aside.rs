//! What leaves beside a session arrives as it was, or not at all.

use proptest::prelude::*;

use super::*;

fn aside() -> Aside {
    Aside::new(&std::array::from_fn(|at| at as u8))
}

/// What opens of a body that comes in chunks of these lengths, over and over, until an error.
fn opened(body: &[u8], lengths: &[usize]) -> (Vec<Record>, Option<OpenError>) {
    let mut arriving = Arriving::new(*aside().key());
    let (mut rest, mut records) = (body, Vec::new());
    for length in lengths.iter().cycle() {
        let (mut chunk, after) = rest.split_at(rest.len().min(*length));
        while !chunk.is_empty() {
            let room = arriving.room();
            let (now, later) = chunk.split_at(chunk.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            match arriving.filled(now.len()) {
                Ok(record) => records.extend(record),
                Err(why) => return (records, Some(why)),
            }
            chunk = later;
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    (records, None)
}

fn body(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut leaving = aside().leaving();
    let parts: Vec<_> = payloads.iter().map(|payload| leaving.data(payload).unwrap()).collect();
    [parts.concat(), leaving.end().unwrap()].concat()
}

#[test]
fn the_body_is_pinned() {
    // The same from Python's `cryptography` 48: ChaCha20Poly1305(16 … 47), nonces of 4 zeros and the counter.
    let expected = super::super::tests::hex(BODY);
    assert_eq!(body(&[b"some text".to_vec()]), expected);
}

const BODY: &str = "1e0000000c1a1412ee018ee9794a3e7e73b96eb2481a9c92847ef7747b2df53f248d\
    150000006665478a5ab29cb5e67b1df9ef01073d50739e6317";

proptest! {
    #[test]
    fn it_arrives_in_whatever_chunks(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        lengths in prop::collection::vec(1..200_usize, 1..5),
    ) {
        let (records, error) = opened(&body(&payloads), &lengths);
        prop_assert_eq!(error, None);
        let (last, data) = records.split_last().unwrap();
        prop_assert_eq!(last.kind, Kind::END);
        prop_assert!(data.iter().all(|record| record.kind == Kind::DATA));
        let came: Vec<_> = data.iter().map(|record| record.payload().to_vec()).collect();
        prop_assert_eq!(came, payloads);
    }

    #[test]
    fn a_bit_that_flips_is_found_and_a_cut_has_no_end(at in 0..100_usize, bit in 0..8_u8) {
        let whole = body(&[vec![1; 30], vec![2; 20]]);
        let at = at % whole.len();
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        let ended = |records: &[Record]| records.iter().any(|record| record.kind == Kind::END);
        // One that makes a record longer has it wait for what never comes.
        let (records, _) = opened(&flipped, &[7]);
        prop_assert!(!ended(&records));
        let (records, error) = opened(&whole[..at], &[7]);
        prop_assert!(!ended(&records) && error.is_none());
    }
}

#[test]
fn no_record_is_longer_than_a_record_can_be() {
    for length in [0, 20, (RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES + 1) as u32, u32::MAX] {
        let (records, error) = opened(&length.to_le_bytes(), &[4]);
        assert!(records.is_empty() && error.is_some(), "{length}");
    }
    assert_eq!(
        aside().leaving().data(&vec![0; RECORD_PAYLOAD_BYTES + 1]),
        Err(SealError::TooLong(RECORD_PAYLOAD_BYTES + 1))
    );
}

#[test]
fn a_path_leads_to_one_id_and_the_key_is_not_shown() {
    let aside = aside();
    assert_eq!(aside.path(), "/aside/000102030405060708090a0b0c0d0e0f");
    assert_eq!(AsideId::of_path(&aside.path()), Some(aside.id()));
    for path in
        ["/aside/", "/aside/00", "/aside/000102030405060708090A0B0C0D0E0F", "/asid/000102030405060708090a0b0c0d0e0f"]
    {
        assert_eq!(AsideId::of_path(path), None, "{path}");
    }
    assert_eq!(format!("{aside:?}"), "Aside(AsideId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]))");
}
