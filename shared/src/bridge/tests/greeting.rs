//! M0 and M1 byte for byte, what is refused, and that parsers take anything.

use proptest::prelude::*;

use super::*;
use crate::bridge::tests::hex;

fn greeting() -> Greeting {
    Greeting::ours(Flags::LEGACY, InstanceId([0x11; 16]), [0x22; 16])
}

fn opening() -> Opening {
    Opening {
        version: 1,
        suite: 1,
        flags: Flags::TLS,
        id: InstanceId([0x33; 16]),
        nonce: [0x44; 16],
        destination: "ada:8000".parse().unwrap(),
    }
}

#[test]
fn m0_is_44_bytes() {
    let bytes = greeting().encode();
    assert_eq!(
        bytes,
        hex(concat!(
            "54503200",
            "01",
            "01",
            "0200",
            "01000000",
            "11111111111111111111111111111111",
            "22222222222222222222222222222222"
        ))
    );
    assert_eq!(bytes.len(), 44);
    assert_eq!(Greeting::parse(&bytes), Some(greeting()));
}

#[test]
fn m1_before_its_share_is_41_bytes_and_the_destination() {
    let bytes = opening().encode();
    assert_eq!(
        bytes,
        hex(concat!(
            "01",
            "01",
            "02000000",
            "33333333333333333333333333333333",
            "44444444444444444444444444444444",
            "08",
            "6164613a38303030",
            "0000"
        ))
    );
    assert_eq!(bytes.len(), 41 + 8);
    assert_eq!(Opening::parse(&bytes), Some(opening()));
}

#[test]
fn another_length_is_no_message() {
    let (m0, m1) = (greeting().encode(), opening().encode());
    for cut in 0..m0.len() {
        assert_eq!(Greeting::parse(&m0[..cut]), None);
    }
    for cut in 0..m1.len() {
        assert_eq!(Opening::parse(&m1[..cut]), None);
    }
    assert_eq!(Greeting::parse(&[m0, vec![0]].concat()), None);
    assert_eq!(Opening::parse(&[m1, vec![0]].concat()), None);
}

#[test]
fn the_reserved_bytes_are_zero_and_the_destination_is_in_lower_case() {
    let mut bytes = opening().encode();
    *bytes.last_mut().unwrap() = 1;
    assert_eq!(Opening::parse(&bytes), None);
    let mut bytes = opening().encode();
    bytes[39] = b'A';
    assert_eq!(Opening::parse(&bytes), None);
}

#[test]
fn the_highest_common_version_and_a_common_suite_are_chosen() {
    let offer = |version_min, version_max, suites| Greeting { version_min, version_max, suites, ..greeting() }.choose();
    assert_eq!(offer(1, 1, 2), Ok((1, 1)));
    assert_eq!(offer(0, 9, 0xffff), Ok((1, 1)), "a later responder");
    assert_eq!(offer(2, 9, 2), Err(HandshakeError::Version { min: 2, max: 9 }));
    assert_eq!(offer(0, 0, 2), Err(HandshakeError::Version { min: 0, max: 0 }));
    assert_eq!(offer(9, 0, 2), Err(HandshakeError::Version { min: 9, max: 0 }));
    assert_eq!(offer(1, 1, 0xfffd), Err(HandshakeError::Suite));
}

#[test]
fn a_choice_that_was_not_offered_is_refused() {
    assert_eq!(opening().check_choice(), Ok(()));
    assert_eq!(Opening { version: 2, ..opening() }.check_choice(), Err(HandshakeError::Version { min: 2, max: 2 }));
    assert_eq!(Opening { suite: 2, ..opening() }.check_choice(), Err(HandshakeError::Suite));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        // What is read is written back as it came: one spelling for each meaning.
        if let Some(read) = Greeting::parse(&bytes) {
            prop_assert_eq!(read.encode(), bytes.clone());
        }
        if let Some(read) = Opening::parse(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn any_greeting_survives(tail in any::<[u8; 40]>()) {
        let bytes = [&MAGIC[..], &tail].concat();
        prop_assert_eq!(Greeting::parse(&bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn any_opening_survives(head in any::<[u8; 38]>(), name in "[a-z0-9.:/\\[\\]-]{1,255}") {
        let bytes = [&head[..], &[name.len() as u8], name.as_bytes(), &[0, 0]].concat();
        prop_assert_eq!(Opening::parse(&bytes).unwrap().encode(), bytes);
    }
}
