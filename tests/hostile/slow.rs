//! Those who take their time, or all the connections there are.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Resource, getrlimit, setrlimit};

use super::victim::{GoodCaller, Victim};
use super::wire::{Wire, call, post, request, string, strings};
use crate::harness::process::wait_for;
use crate::harness::sockets::unheard;
use crate::harness::test;

/// The node's deadline for a request's head, and for a connection that asks nothing.
const HEAD: Duration = Duration::from_secs(10);
/// Its deadline for a whole body.
const BODY: Duration = Duration::from_secs(20);
/// How long it waits for a reader who takes nothing.
const STALL: Duration = Duration::from_secs(30);
/// How much later than a deadline a busy machine may be.
const LATE: Duration = Duration::from_secs(4);
/// Far more than anything here takes that has no deadline of its own.
const PATIENCE: Duration = Duration::from_secs(120);
/// Connections it holds at once where it may have 64 descriptors: half of them.
const PLACES: usize = 32;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("hostile::c1_c2_slow_and_silent_sockets_are_closed_in_time", slow_sockets),
        test("hostile::c1_thousands_of_slow_sockets_delay_nobody", thousands),
        test("hostile::c3_large_bodies_that_never_end_hold_little_memory", large_bodies),
        test("hostile::c21_out_of_descriptors_it_recovers", out_of_descriptors),
        test("hostile::c21_it_asks_for_all_the_descriptors_there_are", asks_for_descriptors),
        test("hostile::c21_it_ends_when_asked_to_while_it_is_full", ends_while_full),
        test("hostile::c21_more_callers_than_descriptors_wait_their_turn", more_callers_than_descriptors),
    ]
}

/// Does one thing to a node that takes long, beside the others.
fn beside<'s>(scope: &'s std::thread::Scope<'s, '_>, name: &'s str, deadline: Duration, wire: Slow<'s>) {
    scope.spawn(move || {
        let start = Instant::now();
        wire();
        let took = start.elapsed();
        eprintln!("{name}: ended after {took:.1?}");
        assert!(took >= deadline && took <= deadline + LATE, "{name} took {took:?}, not {deadline:?}");
    });
}

type Slow<'s> = Box<dyn FnOnce() + Send + 's>;

fn slow_sockets() {
    let victim = Victim::with(&[("small.txt", b"small")]);
    let big = std::fs::File::create(victim.folder().join("big.bin")).unwrap();
    big.set_len(1 << 30).unwrap();
    wait_for("the big file to be listed", Duration::from_secs(10), || {
        victim.names().contains(&"big.bin".to_owned()).then_some(())
    });
    let good = GoodCaller::of(&victim);
    let node = &victim.node;
    let at_once = Duration::ZERO;
    std::thread::scope(|scope| {
        beside(scope, "a silent socket", HEAD, Box::new(|| _ = Wire::to(node).wait_for_end()));
        beside(
            scope,
            "half a head",
            HEAD,
            Box::new(|| {
                let mut wire = Wire::to(node);
                wire.say("POST /RPC2 HTTP/1.1\r\nHost: x\r\n").unwrap();
                wire.wait_for_end();
            }),
        );
        beside(scope, "a head of one byte a second", HEAD, Box::new(|| drip(Wire::to(node), "POST /RPC2 HTTP/1.1")));
        beside(
            scope,
            "silence after an answer",
            HEAD,
            Box::new(|| {
                let mut wire = Wire::to(node);
                wire.say(post(node, call("system.listMethods", &[]))).unwrap();
                assert_eq!(wire.answer().unwrap().status, 200);
                wire.wait_for_end();
            }),
        );
        for (name, coding, sent) in [
            ("a body of one byte a second", "Content-Length: 1000", "<?xml version='1.0'?><methodCall><methodName>"),
            ("a body that never comes", "Content-Length: 1000", ""),
            (
                "chunks of one byte a second",
                "Transfer-Encoding: chunked",
                "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n",
            ),
        ] {
            beside(
                scope,
                name,
                BODY,
                Box::new(move || {
                    let mut wire = Wire::to(node);
                    let head = format!("POST /RPC2 HTTP/1.1\r\nHost: {}\r\n{coding}\r\n\r\n", node.address());
                    wire.say(head).unwrap();
                    for byte in sent.bytes().take(18) {
                        wire.say([byte]).unwrap();
                        std::thread::sleep(Duration::from_secs(1));
                    }
                    assert_eq!(wire.answer().unwrap().status, 408);
                    wire.wait_for_end();
                }),
            );
        }
        beside(
            scope,
            "a body shorter than said",
            at_once,
            Box::new(|| {
                let mut wire = Wire::to(node);
                wire.say(format!("POST /RPC2 HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\nabc", node.address()))
                    .unwrap();
                wire.hang_up();
                assert!(wire.answer().is_none_or(|answer| answer.status == 400));
                wire.wait_for_end();
            }),
        );
        let fetch = post(node, victim.f(2, &string("big.bin")));
        for (name, a_second) in [("a reader who takes nothing", 0), ("a reader of a hundred bytes a second", 100)] {
            let fetch = fetch.clone();
            beside(scope, name, STALL, Box::new(move || read_slowly(node.address(), &fetch, a_second)));
        }
        let list = request(node, "GET / HTTP/1.1", "", "");
        beside(
            scope,
            "endless requests whose answers nobody reads",
            STALL,
            Box::new(move || {
                let mut stream = TcpStream::connect(node.address()).unwrap();
                stream.set_write_timeout(Some(STALL + 2 * LATE)).unwrap();
                let error = loop {
                    match stream.write_all(&list) {
                        Ok(()) => {}
                        Err(error) => break error,
                    }
                };
                assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error:?}");
            }),
        );
    });
    good.must_have_been_served("slow sockets");
    victim.must_be_well("slow sockets", 24 << 20);
}

/// Sends a byte a second until the node has had enough.
fn drip(mut wire: Wire, bytes: &str) {
    for byte in bytes.bytes() {
        if wire.say([byte]).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("still listened to after {} seconds", bytes.len());
}

/// Asks for something big and reads so many bytes of it a second, until the node closes the connection.
fn read_slowly(address: &str, fetch: &[u8], a_second: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(fetch).unwrap();
    let start = Instant::now();
    let mut piece = vec![0; a_second];
    // Whether the node closed it is seen without reading: a socket that was cut takes nothing more.
    while start.elapsed() < STALL + 2 * LATE {
        std::thread::sleep(Duration::from_secs(1));
        let read = if a_second == 0 { Ok(1) } else { stream.read(&mut piece) };
        if matches!(read, Ok(0) | Err(_)) || is_cut(&stream) {
            return;
        }
    }
    panic!("still served after {:?}", start.elapsed());
}

/// Whether the node let go of this connection, as the kernel sees its end: what was sent before may still be on its way.
fn is_cut(stream: &TcpStream) -> bool {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (near, far) = (port(stream.local_addr().unwrap()), port(stream.peer_addr().unwrap()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // 01 is ESTABLISHED.
    !columns.skip(1).any(|it| it[1].ends_with(&far) && it[2].ends_with(&near) && it[3] == "01")
}

fn thousands() {
    const SLOW: usize = 5_000;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let most = getrlimit(Resource::Nofile).current.map_or(SLOW, |most| usize::try_from(most).unwrap_or(SLOW));
    let count = SLOW.min(most / 3);
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let start = Instant::now();
    let mut slow: Vec<TcpStream> = (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(victim.node.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream.write_all(&b"POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "[..number % 40]).unwrap();
            stream
        })
        .collect();
    eprintln!("{count} slow sockets: connected within {:?}", start.elapsed());
    let memory = victim.growth();
    wait_for("every slow socket to be closed", HEAD + LATE, || {
        slow.retain_mut(|stream| !matches!(stream.read(&mut [0; 512]), Ok(0)) && !is_reset(stream));
        slow.is_empty().then_some(())
    });
    eprintln!("{count} slow sockets: closed after {:?}, {} KiB each", start.elapsed(), memory / 1024 / count as u64);
    good.must_have_been_served("thousands of slow sockets");
    victim.must_be_well("thousands of slow sockets", 128 << 20);
}

fn is_reset(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 512]), Err(error) if error.kind() != ErrorKind::WouldBlock)
}

fn more_callers_than_descriptors() {
    let victim = Victim::with_descriptors("64:64");
    let fetch = post(&victim.node, victim.f(2, &string("a.txt")));
    let asking = || {
        let mut wire = Wire::to(&victim.node);
        wire.say(&fetch).unwrap();
        wire
    };
    let is_served = |wire: &mut Wire| {
        let answer = wire.answer().expect("an answer");
        assert!(answer.status == 200 && answer.body.contains("<string>a</string>"), "{answer:?}");
    };
    // Those who were answered and stay take all the places there are.
    let mut first: Vec<Wire> = (0..PLACES).map(|_| asking()).collect();
    first.iter_mut().for_each(is_served);
    let waiting: Vec<Wire> = (0..200 - PLACES).map(|_| asking()).collect();
    assert!(unheard(victim.node.port()) > 0, "nobody has to wait");
    let start = Instant::now();
    drop(first);
    // Each gives its place to one who waits.
    waiting.into_iter().for_each(|mut wire| is_served(&mut wire));
    eprintln!("168 callers who waited at 64 descriptors: served within {:?}", start.elapsed());
    let said = victim.node.process.error_text();
    assert!(!said.contains("cannot accept"), "it accepts no more than it can hold: {said}");
    victim.must_be_well("more callers than descriptors", 8 << 20);
}

fn asks_for_descriptors() {
    let victim = Victim::with_descriptors("64:4096");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", victim.node.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("4096"), "{files}");
    victim.must_be_well("more descriptors", 4 << 20);
}

fn ends_while_full() {
    let victim = Victim::with_descriptors("64:64");
    let half_said = |_| {
        let mut wire = Wire::to(&victim.node);
        wire.say("POST /RPC2 HTTP/1.1\r\nHost: x\r\n").unwrap();
        wire
    };
    let inside: Vec<Wire> = (0..PLACES).map(half_said).collect();
    let outside: Vec<Wire> = (PLACES..100).map(|_| Wire::to(&victim.node)).collect();
    wait_for("it to be full", PATIENCE, || (unheard(victim.node.port()) <= outside.len()).then_some(()));
    let start = Instant::now();
    let ended = victim.node.process.interrupt(Duration::from_secs(60));
    eprintln!("asked to end while full: ended after {:?}", start.elapsed());
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() && said.contains("closing connections that did not finish"), "{ended:?}");
    drop((inside, outside));
}

fn large_bodies() {
    const SENDERS: usize = 400;
    /// So many bodies of that size the node takes at once.
    const LARGE_AT_ONCE: usize = 32;
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let node = &victim.node;
    let head = format!("POST /RPC2 HTTP/1.1\r\nHost: {}\r\nContent-Length: 1048576\r\n\r\n", node.address());
    let almost = head.into_bytes().into_iter().chain(std::iter::repeat_n(b' ', (1 << 20) - 1)).collect::<Vec<_>>();
    let mut senders: Vec<(TcpStream, &[u8])> = (0..SENDERS)
        .map(|_| {
            let stream = TcpStream::connect(node.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            (stream, almost.as_slice())
        })
        .collect();
    wait_for("as many bodies as it takes at once", PATIENCE, || {
        for (stream, rest) in &mut senders {
            // The node need not take it all.
            while let Ok(count @ 1..) = stream.write(rest) {
                *rest = &rest[count..];
            }
        }
        let whole = senders.iter().filter(|(_, rest)| rest.is_empty()).count();
        (whole >= LARGE_AT_ONCE && SENDERS.saturating_sub(unheard(node.port())) >= LARGE_AT_ONCE).then_some(())
    });
    drop(senders);
    let urls = (0..5_000).map(|number| format!("http://10.255.255.1:9004/peer/{number}/{}", "x".repeat(50)));
    let long = super::wire::rpc(node, victim.f(0, &strings(urls)));
    assert!(long.body.contains(&node.url), "{long:?}");
    good.must_have_been_served("large bodies that never end");
    victim.must_be_well("large bodies that never end", 96 << 20);
}

fn out_of_descriptors() {
    let victim = Victim::with_descriptors("256:256");
    // Everything below the limit is taken away while it runs: now accepting itself fails.
    let id = victim.node.process.id();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    let limit = |most: usize| {
        let set = Command::new("prlimit").args(["--pid", &id.to_string(), &format!("--nofile={most}:256")]).status();
        assert!(set.unwrap().success());
    };
    limit(open + 4);
    let waiting: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(victim.node.address()).unwrap()).collect();
    wait_for("an accept to fail", PATIENCE, || {
        victim.node.process.error_text().contains("cannot accept").then_some(())
    });
    // That it cannot open its folder then says nothing of the folder: nothing of it is taken off the list.
    let looks = || switches_of(id, "folder-watch");
    let before = looks();
    wait_for("it to look at its folder, again and again", PATIENCE, || (looks() >= before + 4).then_some(()));
    drop(waiting);
    let start = Instant::now();
    victim.must_answer();
    assert!(!victim.node.process.error_text().contains("is gone"), "{}", victim.node.process.error_text());
    eprintln!("out of descriptors: served {:?} after they were given back", start.elapsed());
    limit(256);
    victim.must_be_well("out of descriptors", 8 << 20);
}

/// How often a thread of a process has waited for something.
fn switches_of(process: u32, thread: &str) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let named =
        |task: &std::path::Path| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == thread);
    let task = tasks.map(|task| task.path()).find(|task| named(task)).expect("its thread");
    let status = std::fs::read_to_string(task.join("status")).unwrap();
    let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    switches.expect("its switches").trim().parse().unwrap()
}
