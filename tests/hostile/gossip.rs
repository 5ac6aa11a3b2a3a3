//! Callers who know the password and name peers that are none, or that are somebody else's service.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use super::names::Trace;
use super::victim::{GoodCaller, Victim};
use super::wire::{rpc, string, strings};
use crate::harness::{Trials, test};

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![test("hostile::c12_poisoned_gossip_is_neither_believed_nor_dialed_fast", || poisoning(None))];
    let can = Trace::can();
    let mut traced = Trials::needing("strace that may attach", &can);
    traced.add("hostile::c12_nobody_is_dialed_but_who_could_be_a_peer", |()| poisoning(Some("connect,sendto")));
    trials.extend(traced.into_vec());
    trials
}

/// With a trace of these calls, whom it dials is looked at, too.
fn poisoning(calls: Option<&str>) {
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let trace = calls.map(|calls| Trace::of(victim.node.process.id(), calls));
    // Somebody's web server, which is no peer and answers so.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bystander = listener.local_addr().unwrap();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            let _answered = stream.and_then(|mut it| {
                it.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:22/\r\nContent-Length: 0\r\n\r\n")
            });
        }
    });
    let many = strings((0..100_000).map(|number| format!("http://{bystander}/peer/{number}")));
    let refused = super::wire::ask(&victim.node, super::wire::post(&victim.node, victim.f(0, &many)));
    assert!(refused.is_none_or(|answer| answer.status == 413), "a body of {} bytes", many.len());
    let at_limit = strings((0..60_000).map(|_| ""));
    let answer = super::wire::ask(&victim.node, super::wire::post(&victim.node, victim.f(0, &at_limit))).unwrap();
    assert!(answer.status == 413 || answer.fault() == -32600, "{answer:?}");

    let port = bystander.port();
    let own = victim.node.port();
    let never: Vec<String> = vec![
        "http://169.254.169.254/".into(),
        "http://169.254.169.254:9004".into(),
        "http://[::ffff:169.254.169.254]:9004".into(),
        "http://[fd00:ec2::254]:9004".into(),
        "http://127.0.0.1:22".into(),
        "http://127.0.0.1:25".into(),
        "http://127.0.0.2:22/".into(),
        "http://0.0.0.0:9004".into(),
        format!("http://0:{port}"),
        format!("http://127.1:{port}"),
        format!("http://2130706433:{port}"),
        format!("http://0x7f000001:{port}"),
        "http://255.255.255.255:9004".into(),
        "http://224.0.0.251:9004".into(),
        format!("http://user:pw@127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("ftp://127.0.0.1:{port}"),
        "file:///etc/passwd".into(),
        "javascript:alert(1)".into(),
        format!("http://127.0.0.1:{port}/peer/a\nX: 1"),
        format!("http://127.0.0.1:{port}/?q"),
        format!("http://127.0.0.1:{port}#x"),
        "http://".into(),
        "".into(),
        "x".repeat(64 << 10),
        format!("http://127.0.0.1:{port}/{}", "y".repeat(64 << 10)),
        format!("http://localhost:{own}"),
        format!("http://127.0.0.1:{own}/"),
    ];
    let start = Instant::now();
    let answer = rpc(&victim.node, victim.f(0, &strings(&never)));
    assert!(answer.status == 200 && !answer.body.contains("fault"), "{answer:?}");
    let odd = "<array><data><value><int>1</int></value><value><nil/></value><value><struct/></value></data></array>";
    assert!(!rpc(&victim.node, victim.f(0, odd)).body.contains("fault"));
    for arg in [string("http://127.0.0.1:1"), "<nil/>".to_owned(), "<struct/>".to_owned(), "<int>5</int>".to_owned()] {
        assert_eq!(rpc(&victim.node, victim.f(0, &arg)).fault(), -32602);
    }
    for call in 0..50 {
        let urls = (0..1_000).map(|number| format!("http://{bystander}/peer/{call}-{number}"));
        let answer = rpc(&victim.node, victim.f(0, &strings(urls)));
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains(&bystander.to_string()), "named on unseen: {answer:?}");
    }
    let told = start.elapsed();
    std::thread::sleep(Duration::from_secs(8).saturating_sub(start.elapsed()));
    let seconds = start.elapsed().as_secs();
    let visits = visits.load(Ordering::Relaxed);
    eprintln!("50,000 URLs named within {told:?}: {visits} dials in {seconds} s");
    // Eight at once, then one a second.
    assert!((1..=8 + seconds as usize + 2).contains(&visits), "{visits} dials in {seconds} s");
    assert_eq!(victim.peers(), std::slice::from_ref(&victim.node.url), "only who answered is listed");
    if let Some(trace) = trace {
        let dialed: Vec<String> = trace.end().into_iter().filter(|line| line.contains("connect(")).collect();
        assert!(dialed.iter().any(|line| line.contains(&format!("htons({port})"))), "the trace sees dials: {dialed:?}");
        // That another name is its own it may find out by calling it.
        let may_be = [port, own].map(|port| format!("htons({port})"));
        let is_wrong = |line: &&String| line.contains("AF_INET") && !may_be.iter().any(|may_be| line.contains(may_be));
        let wrong: Vec<_> = dialed.iter().filter(is_wrong).collect();
        assert!(wrong.is_empty(), "dialed: {wrong:?}");
    }
    good.must_have_been_served("poisoned gossip");
    victim.must_be_well("poisoned gossip", 24 << 20);
}
