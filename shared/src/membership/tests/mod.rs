//! The exact bytes of what members say, and what becomes of bytes that nobody says.

use proptest::prelude::*;

use super::*;
use crate::bridge::{Members, MembersTold};

fn url(text: &str) -> PeerUrl {
    PeerUrl::parse(text).unwrap()
}

fn life(last: u8) -> Life {
    Life::new(&url(&format!("http://10.0.0.{last}:9004")), SocketAddr::from(([10, 0, 0, last], 9004)), 1_000)
}

fn swim(last: u8) -> Swim {
    let chance = Chance { seed: last.into(), key: PoolKey::new([last; 32]), own: [last; 16] };
    Swim::new(life(last), chance)
}

/// One comparison, from the one to the other.
fn compare(now: Moment, from: &mut Swim, with: &mut Swim) -> usize {
    let (mut comparison, mut rounds) = (Comparison::default(), 0);
    while let Some(ask) = from.ask(&comparison) {
        let told = with.handle_ask(now, &ask);
        from.handle_told(now, &mut comparison, &told);
        rounds += 1;
    }
    rounds
}

/// Delivers all packets among these, until there are none.
fn deliver(now: Moment, all: &mut [Swim]) {
    loop {
        let mut packets = Vec::new();
        for swim in all.iter_mut() {
            packets.extend(std::iter::from_fn(|| swim.poll_send()));
        }
        if packets.is_empty() {
            return;
        }
        for (to, packet) in packets {
            all.iter_mut()
                .filter(|swim| swim.foca.identity().address() == to)
                .for_each(|it| it.handle_packet(now, &packet));
        }
    }
}

fn joined(count: u8) -> Vec<Swim> {
    let now = Moment(1);
    let mut all: Vec<_> = (1..=count).map(swim).collect();
    for place in 1..all.len() {
        let (first, rest) = all.split_at_mut(place);
        compare(now, &mut rest[0], &mut first[0]);
        rest[0].handle_timer(now);
        deliver(now, &mut all);
        let (first, rest) = all.split_at_mut(place);
        compare(now, &mut rest[0], &mut first[0]);
    }
    all
}

#[test]
fn two_that_met_in_a_session_hear_each_other() {
    let all = joined(2);
    assert!(all.iter().all(|swim| swim.count() == 1));
    assert_eq!(all[0].keys.current(), Some(&PoolKey::new([1; 32])), "who is asked draws the key");
    assert_eq!(all[1].keys.current(), all[0].keys.current());
}

#[test]
fn a_newcomer_is_told_of_all_and_equals_do_not_talk_long() {
    let mut all = joined(9);
    assert_eq!(all[8].count(), 8);
    assert!(all[8].has(&url("http://10.0.0.5:9004")) && !all[8].has(&url("http://10.0.0.9:9004")));
    let (first, rest) = all.split_at_mut(8);
    assert_eq!(compare(Moment(2), &mut rest[0], &mut first[0]), 1);
}

#[test]
fn who_leaves_is_down_at_once_and_who_returns_is_up() {
    let now = Moment(5);
    let mut all = joined(3);
    for swim in &mut all {
        while swim.poll_event().is_some() {}
    }
    all[2].leave(now);
    deliver(now, &mut all);
    assert_eq!(all[0].poll_event(), Some(Event::Down(url("http://10.0.0.3:9004"))));
    assert_eq!((all[0].count(), all[1].count()), (1, 1));
    // Its clock was set back: the others know a later life of it.
    let again = Life::new(&url("http://10.0.0.3:9004"), "10.0.0.3:9004".parse().unwrap(), 7);
    all[2] = Swim::new(again, Chance { seed: 1, key: PoolKey::new([0; 32]), own: [33; 16] });
    let (first, rest) = all.split_at_mut(2);
    compare(now, &mut rest[0], &mut first[0]);
    for _ in 0..3 {
        all[2].handle_timer(now + limits::MEMBERS_ANNOUNCE_EVERY);
        deliver(now, &mut all);
        let (first, rest) = all.split_at_mut(2);
        compare(now, &mut rest[0], &mut first[0]);
    }
    assert_eq!((all[0].count(), all[2].count()), (2, 2));
}

#[test]
fn nobody_from_elsewhere_is_taken_in() {
    let mut all = joined(2);
    for (text, address) in [
        ("http://127.0.0.1:9004", "127.0.0.1:9004"),
        ("http://10.0.0.7:9004", "127.0.0.1:9004"),
        ("http://10.0.0.7:22", "10.0.0.7:22"),
        ("http://localhost:9004", "10.0.0.7:9004"),
        ("http://10.0.0.7:9004", "169.254.169.254:9004"),
    ] {
        let stranger = Life::new(&url(text), address.parse().unwrap(), 1);
        let mut members = Vec::new();
        wire::write_member(&Member::new(stranger, 0, State::Alive), &mut members);
        let ask = Members { members, parts: u64::MAX, ..all[1].ask(&Comparison::default()).unwrap() };
        all[0].handle_ask(Moment(2), &ask);
        assert_eq!(all[0].count(), 1, "{text} at {address}");
    }
}

#[test]
fn no_more_members_than_the_limit() {
    let mut all = joined(2);
    for from in 0..20_u32 {
        let mut members = Vec::new();
        for number in 0..1_024 {
            let address = SocketAddr::from((std::net::Ipv4Addr::from(0x0A01_0000 + from * 1_024 + number), 9004));
            let life = Life::new(&url(&format!("http://{address}")), address, 1);
            wire::write_member(&Member::new(life, 0, State::Alive), &mut members);
        }
        let ask = Members { members, parts: 0, ..all[1].ask(&Comparison::default()).unwrap() };
        all[0].handle_ask(Moment(2), &ask);
    }
    assert!(all[0].count() <= limits::MEMBERS, "{}", all[0].count());
    assert!(all[0].count() > limits::MEMBERS - 1_100);
    // And those who are known are still heard.
    all[1].leave(Moment(3));
    deliver(Moment(3), &mut all);
    assert!(!all[0].has(&url("http://10.0.0.2:9004")));
}

#[test]
fn a_url_is_one_node_wherever_it_takes_datagrams() {
    let elsewhere = Life::new(&url("http://10.0.0.1:9004"), "10.0.0.9:9004".parse().unwrap(), 1_000);
    assert_eq!(elsewhere.key(), life(1).key());
    assert!(elsewhere != life(1));
    assert_ne!(Life::key_of_url(&url("http://10.0.0.1:9004/")), life(1).key());
    assert_eq!(elsewhere.url(), life(1).url());
}

#[test]
fn a_member_is_these_bytes() {
    let mut bytes = Vec::new();
    wire::write_member(&Member::new(life(1), 2, State::Suspect), &mut bytes);
    assert_eq!(bytes, [4, 10, 0, 0, 1, 0x23, 0x2C, 0, 0, 0, 0, 3, 0xE8, 0, 2, 1]);
    bytes.clear();
    let named = Life::new(&url("http://box:9004"), "[fd00::7]:9004".parse().unwrap(), 5);
    wire::write_life(&named, &mut bytes);
    let mut expected = vec![6 | 8, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x23, 0x2C, 15];
    expected.extend_from_slice(b"http://box:9004");
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 5]);
    assert_eq!(bytes, expected);
    assert_eq!(wire::read_life(&mut bytes.as_slice()), Ok(named));
}

proptest! {
    #[test]
    fn any_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_300), kind in 0..3_u8) {
        let mut all = joined(2);
        all[0].handle_packet(Moment(2), &bytes);
        // What somebody with the key says.
        let now = Moment(2);
        let mut plain = vec![kind];
        plain.extend_from_slice(&bytes);
        all[0].handle_opened(now, &bytes, kind == 1);
        let ask = Members { key: None, digest: 7, parts: u64::MAX, members: bytes.clone() };
        let told = all[0].handle_ask(now, &ask);
        let told = MembersTold { digests: vec![1; bytes.len() % 70], me: bytes.clone(), members: bytes.clone(), ..told };
        let mut comparison = Comparison::default();
        all[0].handle_told(now, &mut comparison, &told);
        all[0].handle_told(now, &mut comparison, &told);
        prop_assert!(all[0].ask(&comparison).is_none_or(|ask| ask.members.len() <= limits::MEMBERS_TOLD_BYTES));
    }

    #[test]
    fn a_packet_with_one_byte_changed_inside_is_no_reason_to_panic(place in 0..60_usize, byte in any::<u8>()) {
        let now = Moment(2_000);
        let mut all = joined(3);
        all[1].handle_timer(now);
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        while let Some((_, packet)) = all[1].poll_send() {
            if let Some(opened) = all[0].keys.open(now, &packet) {
                first = opened.bytes;
            }
            rest.push(packet);
        }
        prop_assume!(!first.is_empty());
        if let Some(at) = first.get_mut(1 + place) {
            *at = byte;
        }
        all[0].handle_opened(now, &first[1..], false);
        all[0].handle_timer(now);
    }
}
