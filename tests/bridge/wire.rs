//! What a network of modern nodes shows to whoever listens to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::Read;
use shared::{Password, PeerUrl};

use super::caller::secret;
use crate::harness::alone::alone;
use crate::harness::aside::{aside, fetch, opened};
use crate::harness::capture::{Capture, Seen};
use crate::harness::node::{Node, run, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, Tab};
use crate::harness::tree::{assert_same, binary, content, tree};
use crate::harness::{ok, stdout};

/// Long and like nothing else, so that it is found where it is and nowhere else.
const PASSWORD: &str = "zebra-Quagga-okapi-1907";
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![alone("bridge::d10_a_network_of_modern_nodes_shows_nothing_on_the_wire", nothing_on_the_wire)]
}

/// Names and bytes that are found nowhere by chance.
fn files() -> [(&'static str, Vec<u8>); 4] {
    let words = |text: &str| text.repeat(3_000).into_bytes();
    [
        ("first-marmot.txt", words("the marmots of the first node whistle; ")),
        ("folder-narwhal/second-walrus.bin", binary(700_000)),
        ("third-lemming.txt", b"the lemming of the third node is small".to_vec()),
        ("tab-axolotl.txt", words("what a tab holds of axolotls, page after page; ")),
    ]
}

fn nothing_on_the_wire() {
    let mut capture = Capture::start();
    let [first, second, third, of_tab] = files();
    let shares = [&first, &second, &third].map(|(name, bytes)| tree(&[(*name, bytes.as_slice())]));
    let node = |number: usize, join: &[&str]| {
        let name = format!("node-capybara-{number}");
        let more: Vec<&str> = join.iter().flat_map(|url| ["--join", *url]).chain(["--name", &name]).collect();
        Node::serve(shares[number].path(), PASSWORD, &more)
    };
    let a = node(0, &[]);
    let b = node(1, &[&a.url]);
    let c = node(2, &[&b.url]);
    let tab = Tab::open(&a.url, PASSWORD, "tab-wombat", [7; 16]);
    tab.offer(&[(of_tab.0, Content::bytes(of_tab.1.clone()))]);
    let reader = Tab::open(&c.url, PASSWORD, "tab-numbat", [8; 16]);

    // Gossip: everybody hears of everybody.
    let nodes = [&a, &b, &c];
    let all: Vec<String> = nodes.iter().map(|node| node.url.clone()).chain([tab.url()]).collect();
    for node in nodes {
        wait_for("everybody to be known to everybody", PATIENCE, || {
            let output = run(tinyp2p(PASSWORD).args(["peers", "--json", &node.url]));
            let said = stdout(&output);
            (output.status.success() && all.iter().all(|url| said.contains(&format!("\"{url}\"")))).then_some(())
        });
    }
    let listed = run(tinyp2p(PASSWORD).args(["ls", "--long", &a.url, "marmot walrus"]));
    assert_eq!(listed.status.code(), Some(1), "nothing is called so: {listed:?}");
    let into = tempfile::tempdir().unwrap();
    let got = run(tinyp2p(PASSWORD).args(["get", &b.url, "", "--to"]).arg(into.path()));
    ok(&got);
    let whole: BTreeMap<_, _> = files().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    assert_same(&content(into.path()), &whole);
    // A tab reads what a tab at another node holds.
    wait_for("one tab to hear of the other", PATIENCE, || {
        reader.peers().iter().any(|(url, ..)| *url == tab.url()).then_some(())
    });
    let read = Read {
        peer: Some(tab.url()),
        of: String::new(),
        path: of_tab.0.to_owned(),
        from: 0,
        length: None,
        version: None,
        reader: None,
        aside: None,
    };
    assert!(reader.ask(read.clone()).unwrap().1 == of_tab.1);
    // … and beside its session.
    let asked = reader.begin(Read { aside: Some(aside(1)), ..read });
    let body = into.path().join("body");
    wait_for("it to be sent", PATIENCE, || fetch(&c.url, &aside(1), &body).status.success().then_some(()));
    assert!(opened(&std::fs::read(&body).unwrap(), &aside(1)) == (of_tab.1, true));
    reader.rest(asked).unwrap();

    let seen = capture.seen();
    let secrets = secrets(&nodes, &[tab.url(), reader.url()]);
    for (what, bytes) in &secrets {
        assert!(!seen.has(bytes), "whoever listens sees {what}");
    }
    let sessions = seen.flows.iter().filter(|flow| flow.bytes.starts_with(b"GET /bridge ")).count();
    let passed: usize = whole.values().map(Vec::len).sum();
    eprintln!("{} bytes of {} connections, {sessions} sessions", seen.bytes(), seen.flows.len() / 2);
    // It was all seen: what is no secret, under its mask too, and no fewer bytes than the files have.
    assert!(sessions >= 8 && seen.bytes() > passed, "{sessions} sessions, {} bytes", seen.bytes());
    assert!(seen.has(format!("{}/bridge", a.address()).as_bytes()) && seen.has(b"websocket-protocol: tp2\r\n"));

    // The very same looks see all of it in a call of 2004.
    control(&a, into.path());
    let seen = capture.seen();
    for what in ["the token of the first node", "a call of 2004", "a name", "a content"] {
        assert!(secrets.iter().any(|(of, bytes)| of.starts_with(what) && seen.has(bytes)), "{what} is not seen");
    }
    assert!(!seen.has(PASSWORD.as_bytes()), "no call of 2004 has the password itself");
    must_be_wire_of(&seen, &a);
}

/// What nobody who listens may see, each with what it is.
fn secrets(nodes: &[&Node; 3], tabs: &[String; 2]) -> Vec<(String, Vec<u8>)> {
    let derived = secret(PASSWORD).derived();
    let hex: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut secrets = vec![
        ("the key of what was read aside".to_owned(), aside(1).key().to_vec()),
        ("the password".to_owned(), PASSWORD.as_bytes().to_vec()),
        ("the key derived from the password".to_owned(), derived.to_vec()),
        ("the same as text".to_owned(), hex.into_bytes()),
        ("a call of 2004".to_owned(), b"methodCall".to_vec()),
        ("an answer of 2004".to_owned(), b"methodResponse".to_vec()),
        ("what was searched for".to_owned(), b"marmot walrus".to_vec()),
    ];
    for (name, bytes) in files() {
        secrets.push((format!("a name: {name}"), name.rsplit('/').next().unwrap().into()));
        for at in [0, (bytes.len() - 24) / 2, bytes.len() - 24] {
            secrets.push((format!("a content: {name}, at {at}"), bytes[at..at + 24].to_vec()));
        }
    }
    secrets.push(("a folder".to_owned(), b"folder-narwhal".to_vec()));
    for name in ["node-capybara", "tab-wombat", "tab-numbat"] {
        secrets.push((format!("what a peer is called: {name}"), name.into()));
    }
    let password = Password::new(PASSWORD);
    let of_nodes = ["first", "second", "third"].into_iter().zip(nodes.map(|node| node.url.clone()));
    for (who, url) in of_nodes.chain(["a tab's", "another tab's"].into_iter().zip(tabs.clone())) {
        let local = url.replace("127.0.0.1", "localhost");
        for url in [url, local] {
            for spelling in [url.clone(), format!("{url}/"), format!("{url}/RPC2")] {
                let token = password.token(&PeerUrl::parse(&spelling).unwrap());
                secrets.push((format!("the token of the {who} node, {spelling}"), token.reveal().into()));
            }
        }
    }
    secrets
}

/// A listing and a file as a client of 2004 asks for them.
fn control(node: &Node, into: &Path) {
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(&node.url).unwrap());
    let file: String = files()[0].0.to_owned();
    for (number, argument) in [(1, ""), (2, file.as_str())] {
        let call = shared::xmlrpc::write_call(
            "f",
            &[token.reveal().into(), shared::xmlrpc::Value::Int(number), argument.into()],
        );
        let body = into.join("call.xml");
        std::fs::write(&body, call).unwrap();
        let got = post(&node.url, &body);
        ok(&got);
        assert!(stdout(&got).contains("marmot"), "{}", stdout(&got));
    }
}

fn post(url: &str, body: &Path) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "20", "--data-binary"]).stderr(Stdio::piped());
    run(curl.arg(format!("@{}", body.display())).arg(url))
}

/// What was seen went to a node's port.
fn must_be_wire_of(seen: &Seen, node: &Node) {
    let calls = seen.flows.iter().filter(|flow| flow.to == node.port() && flow.bytes.starts_with(b"POST /")).count();
    assert_eq!(calls, 2);
}
