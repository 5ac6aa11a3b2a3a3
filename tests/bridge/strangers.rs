//! What can be sent before the password is proved, and how many can try at once.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use shared::bridge::HandshakeError;

use super::caller::{Caller, destination, secret};
use super::on_runtime;
use crate::harness::test;
use crate::harness::tree::tree;
use crate::hostile::victim::{GoodCaller, PASSWORD, Victim};
use crate::hostile::wire::{Wire, ask, at_best, request};

/// The node's deadline for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(4);

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: tp2\r\n";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("bridge::c20_a_thousand_unfinished_handshakes_delay_nobody", unfinished),
        test("bridge::c17_frames_that_no_caller_sends_end_the_connection", frames),
        test("bridge::c17_floods_end_before_the_handshakes_deadline", floods),
        test("bridge::c18_a_mebibyte_of_headers_is_refused_at_once", many_headers),
    ]
}

/// Strangers from 127.0.0.`hosts`, `each` of each, and how many were let in; the others were told to come later.
async fn let_in(victim: &Victim, hosts: std::ops::Range<u8>, each: usize) -> Vec<Caller> {
    let mut within = Vec::new();
    for host in hosts {
        for _ in 0..each {
            match Caller::from(&victim.node, host, &[("sec-websocket-protocol", "tp2")]).await {
                Ok(caller) => within.push(caller),
                Err(refused) => {
                    assert_eq!(refused.status, 503, "{refused:?}");
                    assert!(refused.retry_after.is_some());
                }
            }
        }
    }
    within
}

fn unfinished() {
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    on_runtime(async {
        let secret = secret(PASSWORD);
        let start = Instant::now();
        let mut of_one = let_in(&victim, 2..3, 1_000).await;
        assert_eq!(of_one.len(), 8, "of one address");
        let mut honest = Caller::of(&victim.node).await;
        honest.prove(&secret, &destination(&victim.node)).await.session();
        let mut of_all = let_in(&victim, 3..23, 50).await;
        assert_eq!(of_all.len(), 56, "with those of one address, 64");
        eprintln!("2,000 strangers: {:?}", start.elapsed());
        assert!(start.elapsed() < HANDSHAKE, "or the first of them have given their places back");
        // Whoever has a session keeps it, and nobody waits for the dead for ever.
        for stranger in of_one.iter_mut().chain(&mut of_all) {
            assert!(stranger.next().await.is_ok(), "M0");
            assert!(stranger.next().await.is_err());
        }
        assert!(start.elapsed() < 2 * HANDSHAKE + LATE, "{:?}", start.elapsed());
        honest.say(Vec::new()).await;
        // The node hears out whom it sent away, for a second.
        let asked = Instant::now();
        let mut honest = loop {
            match Caller::from(&victim.node, 2, &[("sec-websocket-protocol", "tp2")]).await {
                Ok(honest) => break honest,
                Err(refused) => assert!(asked.elapsed() < LATE, "{refused:?}"),
            }
        };
        honest.prove(&secret, &destination(&victim.node)).await.session();
    });
    good.must_have_been_served("a thousand unfinished handshakes");
    victim.must_be_well("a thousand unfinished handshakes", 24 << 20);
}

/// A frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Upgrades, says this, and waits until the node ends it.
fn say(victim: &Victim, bytes: &[u8]) {
    let mut wire = Wire::to(&victim.node);
    wire.say(request(&victim.node, "GET /bridge HTTP/1.1", UPGRADE, "")).unwrap();
    assert_eq!(wire.answer().unwrap().status, 101);
    // It may have heard enough before it heard it all.
    let _taken = wire.say(bytes);
    wire.wait_for_end();
}

/// A node whose log tells how handshakes fail.
fn talkative() -> Victim {
    Victim::sharing(tree(&[]), &["-v"])
}

/// Handshakes failed by what was said in them, and none by the end of its time.
#[track_caller]
fn was_never_late(victim: &Victim) {
    let said = victim.node.process.error_text();
    assert!(said.contains("a handshake failed") && !said.contains(&HandshakeError::Late.to_string()), "{said}");
}

fn frames() {
    let victim = talkative();
    let long = |bytes: [u8; 8]| [&[0x82, 0xff], &bytes[..], &[0; 4]].concat();
    let mut with_text_inside = frame(0x02, b"half");
    with_text_inside.extend(frame(0x81, b"text"));
    for (what, bytes) in [
        ("a frame of 4,097 bytes, only announced", vec![0x82, 0x80 | 126, 0x10, 0x01, 0, 0, 0, 0]),
        ("a frame of 1 MiB, only announced", long((1_u64 << 20).to_be_bytes())),
        ("a frame of 2^63 bytes", long((1_u64 << 63).to_be_bytes())),
        ("a frame of 2^64 - 1 bytes", long(u64::MAX.to_be_bytes())),
        ("fragments of more than 4,096 bytes together", [frame(0x02, &[0; 4000]), frame(0x00, &[0; 97])].concat()),
        ("a text", frame(0x81, b"hello")),
        ("a message that is none of the handshake", frame(0x82, &[0; 100])),
        ("an empty message", frame(0x82, b"")),
        ("a frame without a mask", vec![0x82, 0x03, 1, 2, 3]),
        ("a reserved bit, as if something were packed", frame(0xc2, b"x")),
        ("a reserved kind", frame(0x83, b"x")),
        ("a reserved control", frame(0x8b, b"x")),
        ("a ping in pieces", frame(0x09, b"x")),
        ("a ping of 126 bytes", frame(0x89, &[0; 126])),
        ("a continuation of nothing", frame(0x80, b"x")),
        ("a text within a message", with_text_inside),
        ("a close", frame(0x88, &[])),
        ("a close of one byte", frame(0x88, &[3])),
        ("no WebSocket at all", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
    ] {
        eprintln!("{what}");
        say(&victim, &bytes);
    }
    was_never_late(&victim);
    victim.must_be_well("frames", 8 << 20);
}

fn floods() {
    let victim = talkative();
    let good = GoodCaller::of(&victim);
    for bytes in [
        // Pings, pongs, pieces of one byte, and empty ones.
        frame(0x89, &[0; 100]).repeat(10_000),
        frame(0x8a, &[]).repeat(100_000),
        [frame(0x02, b"x"), frame(0x00, b"x").repeat(100_000)].concat(),
        [frame(0x02, b""), frame(0x00, b"").repeat(100_000)].concat(),
    ] {
        for _ in 0..50 {
            say(&victim, &bytes);
        }
    }
    was_never_late(&victim);
    good.must_have_been_served("floods");
    victim.must_be_well("floods", 8 << 20);
}

fn many_headers() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    for (what, headers) in [
        ("one header", format!("{UPGRADE}X: {}\r\n", "a".repeat(1 << 20))),
        ("many headers", format!("{UPGRADE}{}", "X: 0123456789\r\n".repeat(70_000))),
        ("one subprotocol", UPGRADE.replace("tp2", &"tp2, ".repeat(200_000))),
    ] {
        let asking = || ask(node, request(node, "GET /bridge HTTP/1.1", &headers, "")).map(|answer| answer.status);
        let (ends, took) = at_best(asking);
        assert!(ends.iter().all(|status| matches!(status, None | Some(431))), "{what}: {ends:?}");
        assert!(took < Duration::from_millis(500), "{what}: {took:?}");
    }
    victim.must_be_well("headers", 4 << 20);
}
