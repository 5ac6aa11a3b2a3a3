//! Keys that meet, packets that are changed or repeated.

use super::*;

const NOW: Moment = Moment(1_000);

fn keys(drawn: u8, own: u8) -> Keys {
    Keys::new(PoolKey::new([drawn; 32]), [own; 16])
}

fn at() -> SocketAddr {
    "10.0.0.1:9004".parse().unwrap()
}

fn sealed(keys: &mut Keys, plain: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    keys.seal_for(NOW, at(), plain, |packet| packets.push(packet));
    packets
}

#[test]
fn a_packet_opens_once_and_unchanged() {
    let (mut a, mut b) = (keys(1, 1), keys(2, 2));
    let key = a.meet(NOW, None).clone();
    b.meet(NOW, Some(&key));
    let packet = sealed(&mut a, b"hello").remove(0);
    assert_eq!(packet.len(), 5 + OVERHEAD_BYTES);
    for place in 0..packet.len() {
        let mut changed = packet.clone();
        changed[place] ^= 1;
        assert!(b.open(NOW, &changed).is_none(), "byte {place}");
        assert!(b.open(NOW, &packet[..place]).is_none(), "cut at {place}");
    }
    assert_eq!(b.open(NOW, &packet).unwrap().bytes, b"\0hello");
    assert!(b.open(NOW, &packet).is_none(), "repeated");
    let later = sealed(&mut a, b"x").remove(0);
    for _ in 0..70 {
        assert!(b.open(NOW, &sealed(&mut a, b"y").remove(0)).is_some());
    }
    assert!(b.open(NOW, &later).is_none(), "too late to be told from a repeated one");
}

#[test]
fn packets_that_overtake_each_other_are_all_new() {
    let (mut a, mut b) = (keys(1, 1), keys(2, 2));
    let key = a.meet(NOW, None).clone();
    b.meet(NOW, Some(&key));
    let mut packets: Vec<_> = (0..60).map(|_| sealed(&mut a, b"x").remove(0)).collect();
    packets.reverse();
    assert!(packets.iter().all(|packet| b.open(NOW, packet).is_some()));
    assert!(packets.iter().all(|packet| b.open(NOW, packet).is_none()));
}

#[test]
fn of_two_keys_the_smaller_stays_and_who_uses_the_other_is_told() {
    let (mut a, mut b, mut other) = (keys(9, 1), keys(3, 2), keys(7, 3));
    // A and another are one pool, B is of a second one.
    let nine = a.meet(NOW, None).clone();
    other.meet(NOW, Some(&nine));
    b.meet(NOW, None);
    let three = b.meet(NOW, Some(&nine)).clone();
    assert_eq!(a.meet(NOW, Some(&three)), &PoolKey::new([3; 32]));
    // Of its packets the other can read the first, and then all.
    let packets = sealed(&mut a, b"x");
    assert_eq!(packets.len(), 2);
    assert!(other.open(NOW, &packets[1]).is_none());
    let told = other.open(NOW, &packets[0]).unwrap();
    assert_eq!(told.bytes[0], wire::NEW_KEY);
    // What the other still sends is read, for a while.
    let late = sealed(&mut other, b"late");
    assert!(a.open(NOW, &late[0]).unwrap().is_late);
    let later = NOW + limits::POOL_KEY_GRACE + std::time::Duration::from_secs(1);
    assert!(a.open(later, &sealed(&mut other, b"late")[0]).is_none());
    other.meet(NOW, Some(&PoolKey::new(told.bytes[1..].try_into().unwrap())));
    assert_eq!(other.open(NOW, &packets[1]).unwrap().bytes, b"\0x");
    assert!(!a.open(later, &sealed(&mut other, b"new").pop().unwrap()).unwrap().is_late);
    // A larger one changes nothing, and ever smaller ones only now and then.
    assert_eq!(a.meet(later, Some(&nine)), &three);
    assert_eq!(a.meet(later, Some(&PoolKey::new([2; 32]))), &PoolKey::new([2; 32]));
    assert_eq!(a.meet(later, Some(&PoolKey::new([1; 32]))), &PoolKey::new([2; 32]));
}
