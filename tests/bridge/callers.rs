//! Callers with and without the password.

use std::net::Ipv4Addr;
use std::time::Duration;

use libtest_mimic::Trial;
use native_node::bridge::{DialError, Identity, Named, connect};
use shared::bridge::{Ending, Kind};
use shared::{Password, PeerUrl};

use super::caller::{Caller, NotUpgraded, destination, secret};
use super::on_runtime;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::tree::tree;
use crate::harness::{Trials, lan_address, test};
use crate::hostile::victim::{PASSWORD, Victim};
use crate::hostile::wire::{ask, call, request, rpc, string};

pub(super) fn trials() -> Vec<Trial> {
    let address = lan_address();
    let mut trials = Trials::needing("an address that others could call", &address);
    trials.add("bridge::d7_who_guesses_from_elsewhere_is_told_to_wait", |address| guesses_from_elsewhere(*address));
    let mut trials = trials.into_vec();
    trials.extend([
        test("bridge::the_right_password_opens_a_session", right_password),
        test("bridge::d7_a_wrong_password_is_closed_with_4001_and_counted", wrong_password),
        test("bridge::d3_a_caller_that_sends_back_what_it_hears_gets_nothing", echo),
        test("bridge::d4_a_name_that_is_not_the_nodes_is_closed_with_4002", wrong_destination),
        test("bridge::b7_upgrades_of_other_sites_are_refused", other_sites),
        test("bridge::requests_that_are_no_upgrade_are_told_so", no_upgrade),
        test("bridge::a_node_that_ends_says_goodbye_to_sessions", goodbye),
    ]);
    trials
}

fn guesses_from_elsewhere(address: Ipv4Addr) {
    let share = tree(&[("a.txt", b"a")]);
    let mut command = tinyp2p(PASSWORD);
    command
        .args(["serve", "--no-discovery", "--bind", &address.to_string(), "--port", "0", "--json"])
        .arg(share.path());
    let node = Node::start(&mut command);
    let token = |password: &str| Password::new(password).token(&PeerUrl::parse(&node.url).unwrap());
    let list =
        |password: &str| rpc(&node, call("f", &[&string(token(password).reveal()), "<int>1</int>", &string("")]));
    let caller = async || Caller::from_address(&node, address, &[("sec-websocket-protocol", "tp2")]).await;
    on_runtime(async {
        // What is right costs nothing, however often.
        let right = secret(PASSWORD);
        for _ in 0..20 {
            assert!(list(PASSWORD).body.contains("a.txt"));
            caller().await.unwrap().prove(&right, &destination(&node)).await.session();
        }
        // Tokens of 2004 and the bridge are one limit.
        let wrong = secret("wrong");
        for _ in 0..3 {
            assert!(list("wrong").is_refusal());
        }
        let mut late = caller().await.unwrap();
        for _ in 0..2 {
            assert_eq!(caller().await.unwrap().prove(&wrong, &destination(&node)).await.code(), Some(4001));
        }
        let refused = caller().await.err().unwrap();
        let seconds: u64 = refused.retry_after.as_deref().unwrap().parse().unwrap();
        assert!(refused.status == 429 && (25..=30).contains(&seconds), "{refused:?}");
        // Nor is the right password looked at, by whichever way it comes.
        assert_eq!(late.prove(&right, &destination(&node)).await.code(), Some(4003));
        assert!(list(PASSWORD).is_refusal());
        let identity = Identity::new(&Password::new(PASSWORD), true).await.unwrap();
        let error = connect(&identity, &PeerUrl::parse(&node.url).unwrap(), Named::ByPerson).await.unwrap_err();
        let DialError::TooManyGuesses { retry_after, proof_is_out: false } = error else { panic!("{error:?}") };
        assert!(retry_after <= Duration::from_secs(30));
    });
}

fn right_password() {
    let victim = Victim::with(&[]);
    on_runtime(async {
        let secret = secret(PASSWORD);
        for name in [destination(&victim.node), format!("localhost:{}/bridge", victim.node.port())] {
            let mut caller = Caller::of(&victim.node).await;
            let mut session = caller.prove(&secret, &name).await.session();
            assert!(session.peer.flags.contains(shared::bridge::Flags::LEGACY));
            let bye = session.sealer.bye().unwrap();
            caller.say(bye).await;
            let mut next = async || session.opener.open(caller.next().await.unwrap()).unwrap().kind;
            assert_eq!([next().await, next().await], [Kind::HELLO, Kind::BYE]);
            assert!(caller.next().await.is_err());
            assert_eq!(session.opener.handle_close(), Ending::Bye);
        }
    });
    victim.must_be_well("two sessions", 8 << 20);
}

fn wrong_password() {
    let victim = Victim::with(&[]);
    on_runtime(async {
        let wrong = secret("wrong horse");
        for _ in 0..10 {
            let mut caller = Caller::of(&victim.node).await;
            assert_eq!(caller.prove(&wrong, &destination(&victim.node)).await.code(), Some(4001));
        }
        // Who runs programs on this machine need not guess, and is not kept waiting.
        let mut caller = Caller::of(&victim.node).await;
        caller.prove(&secret(PASSWORD), &destination(&victim.node)).await.session();
    });
    wait_for("each of them in the log", Duration::from_secs(5), || {
        (victim.node.process.error_text().matches("has another password").count() == 10).then_some(())
    });
    assert!(!victim.node.process.error_text().contains("horse"));
}

fn echo() {
    let victim = Victim::with(&[]);
    on_runtime(async {
        let mut caller = Caller::of(&victim.node).await;
        let m0 = caller.next().await.unwrap();
        caller.say(m0).await;
        assert_eq!(caller.next().await, Err(None));
    });
}

fn wrong_destination() {
    let victim = Victim::with(&[]);
    on_runtime(async {
        let secret = secret(PASSWORD);
        let port = victim.node.port();
        for foreign in [
            format!("10.9.8.7:{port}/bridge"),
            format!("127.0.0.1:{}/bridge", port ^ 1),
            format!("eve.local:{port}/bridge"),
            victim.node.address().to_owned(),
            format!("{}/", destination(&victim.node)),
        ] {
            let mut caller = Caller::of(&victim.node).await;
            assert_eq!(caller.prove(&secret, &foreign).await.code(), Some(4002), "{foreign}");
        }
    });
}

fn other_sites() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let (address, port) = (node.address(), node.port());
    on_runtime(async {
        let with = async |name: &'static str, value: &str| {
            Caller::from(node, 1, &[("sec-websocket-protocol", "tp2"), (name, value)]).await
        };
        for foreign in [
            "http://evil.example".to_owned(),
            "null".to_owned(),
            String::new(),
            format!("https://{address}"),
            format!("http://{address}.evil.example"),
            format!("http://127.0.0.1:{}", port ^ 1),
            format!("http://localhost:{port}"),
        ] {
            let refused = with("origin", &foreign).await.err();
            assert_eq!(refused, Some(NotUpgraded { status: 403, retry_after: None }), "{foreign}");
        }
        for host in ["evil.com:8000".to_owned(), format!("127.0.0.1.evil.com:{port}"), format!("evil@{address}")] {
            assert_eq!(with("host", &host).await.err().map(|it| it.status), Some(421), "{host}");
        }
        assert_eq!(with("sec-fetch-site", "cross-site").await.err().map(|it| it.status), Some(403));
        // Our own page, and a program; both still have to prove the password.
        with("origin", &format!("http://{address}")).await.unwrap().next().await.unwrap();
        Caller::of(node).await.next().await.unwrap();
    });
}

fn no_upgrade() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let proper = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Protocol", "tp2"),
    ];
    let with = |name: &str, value: Option<&str>| {
        let headers = proper.iter().filter_map(|(known, usual)| {
            let value = if *known == name { value? } else { usual };
            Some(format!("{known}: {value}\r\n"))
        });
        ask(node, request(node, "GET /bridge HTTP/1.1", &headers.collect::<String>(), "")).unwrap()
    };
    assert_eq!(with("", None).status, 101);
    assert_eq!(with("Connection", Some("keep-alive, Upgrade")).status, 101);
    assert_eq!(with("Sec-WebSocket-Protocol", Some("other, tp2")).status, 101);
    for (name, value, status) in [
        ("Connection", None, 426),
        ("Connection", Some("close"), 426),
        ("Upgrade", None, 426),
        ("Upgrade", Some("h2c"), 426),
        ("Sec-WebSocket-Version", None, 426),
        ("Sec-WebSocket-Version", Some("8"), 426),
        ("Sec-WebSocket-Key", None, 400),
        ("Sec-WebSocket-Key", Some("eA=="), 400),
        ("Sec-WebSocket-Protocol", None, 400),
        ("Sec-WebSocket-Protocol", Some("tp3"), 400),
    ] {
        let answer = with(name, value);
        assert_eq!(answer.status, status, "{name} {value:?}: {answer:?}");
        assert!(answer.body.ends_with('\n') && answer.body.len() > 20, "in words: {answer:?}");
        let head = answer.head.to_lowercase();
        assert_eq!(status == 426, head.contains("upgrade: websocket") || head.contains("version: 13"), "{answer:?}");
    }
    for (line, status) in
        [("POST /bridge HTTP/1.1", 405), ("GET /bridge/ HTTP/1.1", 404), ("GET /bridge HTTP/1.0", 400)]
    {
        assert_eq!(ask(node, request(node, line, "", "")).unwrap().status, status, "{line}");
    }
    victim.must_be_well("no upgrades", 4 << 20);
}

fn goodbye() {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    on_runtime(async {
        let mut caller = Caller::of(&node).await;
        let mut stranger = Caller::of(&node).await;
        let mut session = caller.prove(&secret(PASSWORD), &destination(&node)).await.session();
        stranger.next().await.unwrap();
        let ending = tokio::task::spawn_blocking(move || node.process.interrupt(Duration::from_secs(20)));
        let mut next = async || session.opener.open(caller.next().await.unwrap()).unwrap().kind;
        assert_eq!([next().await, next().await], [Kind::HELLO, Kind::BYE]);
        assert!(stranger.next().await.is_err());
        assert!(ending.await.unwrap().status.success());
    });
}
