//! One session for two nodes, whoever dialed; and nobody takes the place of somebody else in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use native_node::bridge::{Identity, Named, connect};
use native_node::link::Link;
use shared::bridge::{Hello, InstanceId, Message, Role, Side};
use shared::{Password, PeerUrl};

use super::evil::{Liar, call};
use super::{PASSWORD, PATIENCE, Searcher, serve, wait_until_followed};
use crate::harness::between::{Between, Way};
use crate::harness::node::Node;
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::tab::hello;
use crate::harness::test;
use crate::harness::tree::tree;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("follow::two_nodes_that_dial_each_other_keep_one_session", one_session),
        test("follow::who_calls_by_the_id_of_another_is_asked_nothing_in_its_place", impersonated),
    ]
}

/// Connections that nodes have with each other: those that stand at a port one of them listens on.
fn sessions(nodes: &[&Node]) -> usize {
    let ports: Vec<String> = nodes.iter().map(|node| format!(":{:04X}", node.port())).collect();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_one = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let local = words.next().unwrap_or_default();
        // 01: established, proc_net_tcp.txt.
        words.nth(1) == Some("01") && ports.iter().any(|port| local.ends_with(port.as_str()))
    };
    table.lines().filter(is_one).count()
}

fn one_session() {
    let shares = [tree(&[("a.txt", b"1")]), tree(&[("b.txt", b"2")])];
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    let urls = ports.clone().map(|port| format!("http://127.0.0.1:{port}"));
    let a = serve(shares[0].path(), &["--port", &ports[0], "--join", &urls[1]]);
    let b = serve(shares[1].path(), &["--port", &ports[1], "--join", &urls[0]]);
    let nodes = [&a, &b];
    let is_one = |what: &str| {
        wait_until_followed(&a, &b.url, 1);
        wait_until_followed(&b, &a.url, 1);
        wait_for(what, PATIENCE, || (sessions(&nodes) == 1).then_some(()));
    };
    is_one("one session");
    // It serves both ways, and stays one.
    std::fs::write(shares[0].path().join("a 2.txt"), "").unwrap();
    std::fs::write(shares[1].path().join("b 2.txt"), "").unwrap();
    {
        let (at_a, at_b) = (Searcher::at(&a), Searcher::at(&b));
        at_a.wait_for("", &b.url, &["b 2.txt", "b.txt"]);
        at_b.wait_for("", &a.url, &["a 2.txt", "a.txt"]);
    }
    is_one("the searchers to be gone");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(sessions(&nodes), 1);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The session that the node of the smaller id dialed is kept. Somebody who calls the other one by that id is not it.
fn impersonated() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let shares = [tree(&[("first.txt", b"1")]), tree(&[("first.txt", b"1")])];
    let betweens = [Between::new(), Between::new()];
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    for (between, port) in betweens.iter().zip(&ports) {
        between.lead_to(&format!("127.0.0.1:{port}"));
    }
    let [a, b] = [0, 1].map(|at| {
        let joins = ["--port", &ports[at], "--url", &betweens[at].url, "--join", &betweens[1 - at].url];
        serve(shares[at].path(), &joins)
    });
    wait_until_followed(&a, &b.url, 1);
    wait_until_followed(&b, &a.url, 1);
    let ids = [&a, &b].map(|node| runtime.block_on(id_of(&node.url)));
    // Ids are random: whose session is kept.
    let (victim, other) = if ids[1] < ids[0] { (0, 1) } else { (1, 0) };
    let nodes = [&a, &b];
    let liar = Liar::new(betweens[other].url.clone(), Arc::new(|_| None));
    let link = runtime.block_on(async {
        let (session, socket) = call(&format!("127.0.0.1:{}", ports[victim]), ids[other]).await;
        let (link, _) = Link::start(session, socket, Side::Initiator, Arc::clone(&liar));
        let said = Hello { url: Some(betweens[other].url.clone()), ..hello(Role::Node, "the other", None) };
        link.say(said).await.unwrap();
        link
    });
    let times = || {
        let log = nodes[victim].process.error_text();
        log.lines().filter(|line| line.contains("all it shares is known here")).count()
    };
    // Both sessions of the two break: the liar's is there before they dial again, and at first is the only one.
    let searcher = Searcher::calling(&format!("http://127.0.0.1:{}", ports[victim]));
    for (way, name) in [(Way::Reset, "second.txt"), (Way::Pass, "third.txt")] {
        let before = times();
        betweens[victim].will(way);
        betweens[other].will(Way::Pass);
        std::fs::write(shares[other].path().join(name), "").unwrap();
        wait_for("it to be followed again", PATIENCE, || (times() > before).then_some(()));
        wait_for(name, PATIENCE, || searcher.search("").names(&betweens[other].url).contains(&name).then_some(()));
        // As often as it may have asked after the liar's session, and longer.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let asked = liar.asked.lock().unwrap().clone();
            assert!(asked.is_empty(), "{asked:?}");
            assert!(!link.is_closed());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // What it would need nobody tells it: a proof that it gets is bound to its own session.
    let follow = Message::from(shared::bridge::Follow::default());
    let reply = runtime.block_on(async { link.ask(follow, 0).await.unwrap().message().await }).unwrap();
    let Message::Following(following) = reply else { panic!("{reply:?}") };
    assert!(following.same.len() <= 1, "{following:?}");
}

/// Who listens at a URL, as it says in the handshake.
async fn id_of(url: &str) -> InstanceId {
    let identity = Identity::new(&Password::new(PASSWORD), true).await.unwrap();
    let opened = connect(&identity, &PeerUrl::parse(url).unwrap(), Named::ByPerson).await.unwrap();
    opened.session.peer.id
}
