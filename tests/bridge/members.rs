//! What somebody who has the password may send: as little as a stranger can it fill the memory or stop the others.

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::Trial;
use shared::bridge::{Exchange, Kind, Message, Read, ReadMany, Role, Session};
use shared::limits::{RECORD_OVERHEAD_BYTES, RECORD_PAYLOAD_BYTES};
use tokio_tungstenite::tungstenite::Message as Frames;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::caller::{Caller, destination, secret};
use super::on_runtime;
use crate::harness::node::tinyp2p;
use crate::harness::process::{Running, wait_for};
use crate::harness::sockets::unheard;
use crate::harness::tab::hello;
use crate::harness::tree::binary;
use crate::harness::{ok, test};
use crate::hostile::victim::{GoodCaller, PASSWORD, Victim};

/// The longest message that a session takes, in bytes.
const LONGEST: usize = RECORD_PAYLOAD_BYTES + RECORD_OVERHEAD_BYTES;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("bridge::c17_a_member_fills_no_memory_and_stops_nobody", members),
        test("bridge::c17_who_takes_nothing_of_what_they_ask_for_leaves_places_to_others", stalled),
    ]
}

/// A session with the node.
async fn member(victim: &Victim) -> (Caller, Session) {
    let mut caller = Caller::of(&victim.node).await;
    let session = caller.prove(&secret(PASSWORD), &destination(&victim.node)).await.session();
    (caller, session)
}

fn piece(bytes: Vec<u8>, code: Data, is_last: bool) -> Frames {
    Frames::Frame(Frame::message(bytes, OpCode::Data(code), is_last))
}

/// Whether the node ends the session; it need not take all that is sent.
async fn is_ended(caller: &mut Caller) -> bool {
    let end = async { while let Ok(_record) = caller.next().await {} };
    tokio::time::timeout(Duration::from_secs(60), end).await.is_ok()
}

fn members() {
    let victim = Victim::with(&[("a.txt", b"a")]);
    let good = GoodCaller::of(&victim);
    on_runtime(async {
        // A message one byte too long; one that is not over when it has as many; one in pieces of a byte.
        let (mut caller, _) = member(&victim).await;
        caller.say(vec![0; LONGEST + 1]).await;
        assert!(is_ended(&mut caller).await);
        let (mut caller, _) = member(&victim).await;
        let _gone = caller.socket.send(piece(vec![0; LONGEST], Data::Binary, false)).await;
        let _gone = caller.socket.send(piece(vec![0], Data::Continue, false)).await;
        assert!(is_ended(&mut caller).await);
        let (mut caller, _) = member(&victim).await;
        let start = Instant::now();
        let mut code = Data::Binary;
        for _ in 0..=LONGEST {
            if caller.socket.feed(piece(vec![0], code, false)).await.is_err() {
                break;
            }
            code = Data::Continue;
        }
        let _gone = caller.socket.flush().await;
        assert!(is_ended(&mut caller).await);
        eprintln!("a mebibyte in pieces of one byte: ended after {:?}", start.elapsed());

        // Pings whose answers nobody reads, as many as it takes of them.
        let (mut caller, _) = member(&victim).await;
        let flood = async {
            for _ in 0..200_000 {
                if caller.socket.feed(Frames::Ping(vec![0; 125].into())).await.is_err() {
                    break;
                }
            }
        };
        let _stuck = tokio::time::timeout(Duration::from_secs(5), flood).await;
        let (mut sink, _) = caller.socket.split();
        let _gone = tokio::time::timeout(Duration::from_secs(1), sink.flush()).await;

        // Questions whose answers nobody takes: the session ends before all of them are heard.
        let (mut caller, mut session) = member(&victim).await;
        let question = Message::from(Exchange { of: String::new(), tell: Vec::new() });
        let asking = async {
            for number in 0..50_000_u32 {
                let record = session.sealer.seal(question.kind(), 2 * number + 1, &question.encode()).unwrap();
                if caller.socket.feed(Frames::binary(record)).await.is_err() {
                    return true;
                }
            }
            caller.socket.flush().await.is_err()
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), asking).await;
        assert!(matches!(ended, Ok(true)), "the session ends: {ended:?}");
    });
    good.must_have_been_served("members without manners");
    victim.must_be_well("members without manners", 24 << 20);
}

fn stalled() {
    let victim = Victim::with(&[("a.txt", b"a"), ("b.txt", b"b"), ("big.bin", &binary(32 << 20))]);
    let _caller = on_runtime(async {
        let (mut caller, mut session) = member(&victim).await;
        let read = Read {
            peer: None,
            of: String::new(),
            path: "big.bin".into(),
            from: 0,
            length: None,
            version: None,
            reader: None,
            aside: None,
        };
        let batch = Message::from(ReadMany { of: String::new(), paths: vec!["a.txt".into()] });
        let mut said = vec![(0, Message::from(hello(Role::Command, "Eve", None))), (1, read.into())];
        said.extend((0..64).map(|number| (3 + 2 * number, batch.clone())));
        for (number, (stream, message)) in said.into_iter().enumerate() {
            let record = session.sealer.seal(message.kind(), stream, &message.encode()).unwrap();
            caller.say(record).await;
            if number == 1 {
                // All of it may come, and none is taken.
                let credit = session.sealer.seal(Kind::CREDIT, 1, &(1_u32 << 30).to_le_bytes()).unwrap();
                caller.say(credit).await;
            }
        }
        caller
    });
    let node = &victim.node;
    wait_for("all of that to be heard", Duration::from_secs(60), || (unheard(node.port()) == 0).then_some(()));
    let to = tempfile::tempdir().unwrap();
    let mut get = tinyp2p(PASSWORD);
    get.args(["get", &node.url, "txt", "--to"]).arg(to.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Symptom: whoever else wanted files waited 30 s for each of their batches.
    ok(&Running::new(get.spawn().unwrap()).wait(Duration::from_secs(20)));
    assert!(to.path().join("a.txt").exists() && to.path().join("b.txt").exists());
}
