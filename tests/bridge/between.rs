//! Somebody between two programs, who wants them to speak as in 2004, or says again what was said before, or changes it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::{Password, PeerUrl};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::harness::between::{Between, From, Heard, Way};
use crate::harness::frames::frames;
use crate::harness::node::{Node, fresh_state, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::tree::{binary, content, tree};
use crate::harness::{ok, stdout, test};
use crate::hostile::victim::PASSWORD;

const PATIENCE: Duration = Duration::from_secs(60);
/// Messages of the handshake, in bytes, as they are in `bridge.md`; M1 has the destination besides.
const M0: usize = 44;
const M1: usize = 73;
const M2: usize = 32;
const M3: usize = 32;
const BINARY: u8 = 2;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("bridge::d2_d15_what_was_changed_or_cut_on_its_way_is_never_a_file", changed_content),
        test("bridge::d5_a_node_goes_on_refusing_a_downgrade", node_refuses),
        test("bridge::d5_commands_refuse_a_downgrade_of_who_spoke_the_bridge_once", commands_refuse),
        test("bridge::d5_edited_versions_suites_and_flags_end_the_handshake", edited),
        test("bridge::d1_a_session_said_again_to_a_node_is_refused", said_again_to_a_node),
        test("bridge::d1_a_session_said_again_to_a_caller_is_refused", said_again_to_a_caller),
    ]
}

/// A node that is known by the URL of somebody in between, and one person's memory of it.
struct Site {
    between: Between,
    node: Node,
    state: PathBuf,
    /// Where the node really listens.
    address: String,
    _share: TempDir,
}

impl Site {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let share = tree(files);
        let between = Between::new();
        let port = free_port().to_string();
        let mut serve = tinyp2p(PASSWORD);
        serve.args(["serve", "--bind", "127.0.0.1", "--port", &port, "--url", &between.url, "--json"]);
        let node = Node::start(serve.arg(share.path()));
        let address = format!("127.0.0.1:{port}");
        between.lead_to(&address);
        Self { between, node, state: fresh_state(), address, _share: share }
    }

    /// A command of ours with this person's memory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tinyp2p(PASSWORD);
        command.env("TINYP2P_STATE", &self.state).args(arguments);
        command
    }

    fn ls(&self) -> Output {
        run(&mut self.command(&["ls", &self.between.url]))
    }

    fn get(&self, to: &Path) -> Output {
        run(self.command(&["get", &self.between.url, "--to"]).arg(to))
    }

    /// Tokens of 2004 that a program could have sent here.
    fn tokens(&self) -> Vec<String> {
        let password = Password::new(PASSWORD);
        let urls = [&self.between.url, &format!("http://{}", self.address)];
        let spellings = urls.into_iter().flat_map(|url| [url.clone(), format!("{url}/"), format!("{url}/RPC2")]);
        spellings.map(|url| password.token(&PeerUrl::parse(&url).unwrap()).reveal().to_owned()).collect()
    }

    /// Whether a call of 2004, or a token, or any request but the bridge's, came by.
    fn old_call(&self) -> Option<String> {
        let tokens = self.tokens();
        self.between.heard().iter().find_map(|heard| {
            let text = String::from_utf8_lossy(&heard.from_caller).into_owned();
            let is_old = text.contains("methodCall")
                || tokens.iter().any(|token| text.contains(token))
                || !(text.is_empty() || text.starts_with("GET /bridge "));
            is_old.then_some(text)
        })
    }
}

fn no_bridge(status: &str) -> Way {
    // As an original does; nothing tells that it is a node.
    Way::Answer(format!("HTTP/1.0 {status}\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn commands_refuse() {
    let site = Site::new(&[("a.txt", b"of the node")]);
    let into = tempfile::tempdir().unwrap();
    // Whoever never met it would call it the old way: the looks below see that.
    site.between.will(no_bridge("501 Unsupported method ('GET')"));
    let stranger = run(tinyp2p(PASSWORD).args(["ls", &site.between.url]));
    assert!(!stranger.status.success());
    let call = site.old_call().expect("a call of 2004");
    assert!(call.contains("methodCall") && site.tokens().iter().any(|token| call.contains(token)), "{call}");

    site.between.will(Way::Pass);
    ok(&site.get(into.path()));
    assert_eq!(content(into.path()), BTreeMap::from([("a.txt".to_owned(), b"of the node".to_vec())]));
    assert_eq!(site.old_call(), None);
    let ways = ["501 Unsupported method ('GET')", "404 Not Found", "405 Method Not Allowed", "400 Bad Request"];
    for way in ways.map(no_bridge).into_iter().chain([Way::Reset, Way::Pass]) {
        site.between.will(way.clone());
        let elsewhere = tempfile::tempdir().unwrap();
        let mut peers = site.command(&["peers", &site.between.url]);
        for (what, output) in [("get", site.get(elsewhere.path())), ("ls", site.ls()), ("peers", run(&mut peers))] {
            let (said, code) = (stderr(&output) + &stdout(&output), output.status.code());
            assert_eq!(code, Some(i32::from(way != Way::Pass)), "{what}, {way:?}: {said}");
            if matches!(way, Way::Answer(_)) {
                let expected = "spoke the encrypted protocol before and now does not: somebody may be in between";
                assert!(said.contains(expected), "{what}, {way:?}: {said}");
                // And what to do where it is true.
                assert!(said.contains(&site.state.join("known-nodes").display().to_string()), "{said}");
            }
            if way == Way::Reset {
                assert!(said.contains("cannot be reached"), "{what}: {said}");
            }
        }
        let heard = site.between.heard();
        assert!(heard.len() >= 3, "{way:?}: all three came by");
        assert_eq!(site.old_call(), None, "{way:?}");
        // Both ways to the file: it is there where it is let through.
        assert_eq!(content(elsewhere.path()).len(), usize::from(way == Way::Pass));
    }
}

fn node_refuses() {
    let site = Site::new(&[("a.txt", b"a")]);
    let (share, state) = (tree(&[("b.txt", b"b")]), fresh_state());
    let start = || {
        let mut serve = tinyp2p(PASSWORD);
        serve.env("TINYP2P_STATE", &state);
        serve.args(["serve", "--bind", "127.0.0.1", "--port", "0", "--json", "--join", &site.between.url]);
        Node::start(serve.arg(share.path()))
    };
    let joined = |node: &Node| {
        wait_for("the two to know each other", PATIENCE, || {
            let peers = run(tinyp2p(PASSWORD).args(["peers", "--json", &node.url]));
            stdout(&peers).contains(&format!("\"{}\"", site.between.url)).then_some(())
        });
    };
    let other = start();
    joined(&other);
    // It is called again and again, by the node that knew it and by one that was started anew.
    let mut others = vec![other];
    for status in ["501 Unsupported method ('GET')", "404 Not Found"] {
        site.between.will(no_bridge(status));
        others.push(start());
        wait_for("it to be dialed again and again", PATIENCE, || (site.between.heard().len() >= 6).then_some(()));
        assert_eq!(site.old_call(), None, "{status}");
    }
    site.between.will(Way::Pass);
    joined(&others[2]);
    assert_eq!(site.old_call(), None);
}

fn edited() {
    let site = Site::new(&[("a.txt", b"a")]);
    ok(&site.ls());
    let clean = session(&site);
    let destination = frames(&clean.from_caller)[0].payload.len() - M1;
    // After the header of the frame, and a mask where the caller speaks.
    let m0 = |at: usize| (From::Node, 2 + at);
    let m1 = |at: usize| (From::Caller, 6 + at);
    for (what, (of, at), xor) in [
        ("the least version", m0(4), 1 ^ 2),
        ("a lower least version", m0(4), 1),
        ("the greatest version", m0(5), 1 ^ 9),
        ("a further suite", m0(6), 4),
        ("no suite", m0(6), 1),
        ("another suite", m0(7), 1),
        ("whether 2004 is on", m0(8), 1),
        ("whether TLS is on", m0(8), 2),
        ("a flag of later versions", m0(11), 0x80),
        ("the node's id", m0(12), 1),
        ("the chosen version", m1(0), 1 ^ 2),
        ("the chosen suite", m1(1), 3),
        ("the caller's 2004", m1(2), 1),
        ("the caller's TLS", m1(2), 2),
        ("a flag of the caller of later versions", m1(5), 0x80),
        ("a letter of the destination", m1(39), 1),
        ("the reserved bytes", m1(39 + destination), 1),
    ] {
        site.between.will(Way::Change(of, at, xor));
        let output = site.ls();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(!stdout(&output).contains("a.txt"), "{what}");
        assert_eq!(site.old_call(), None, "{what}");
        for heard in site.between.heard() {
            // At most the share and the proof; never a record.
            let lengths = |bytes: &[u8]| {
                let binary = frames(bytes).into_iter().filter(|frame| frame.opcode == BINARY);
                binary.map(|frame| frame.payload.len()).collect::<Vec<_>>()
            };
            let (caller, node) = (lengths(&heard.from_caller), lengths(&heard.to_caller));
            assert!([M1 + destination, M3].starts_with(&caller), "{what}: the caller went on: {caller:?}");
            assert!([M0, M2].starts_with(&node), "{what}: the node went on: {node:?}");
        }
        eprintln!("{what}: {}", said.trim());
    }
    site.between.will(Way::Pass);
    ok(&site.ls());
}

/// What passed in a whole session of `ls`.
fn session(site: &Site) -> Heard {
    site.between.will(Way::Pass);
    let listed = site.ls();
    ok(&listed);
    assert!(stdout(&listed).contains("a.txt"));
    let heard = site.between.heard().swap_remove(0);
    let messages = frames(&heard.from_caller).into_iter().filter(|frame| frame.opcode == BINARY).count();
    assert!(messages > 2, "records followed the handshake");
    heard
}

fn said_again_to_a_node() {
    let site = Site::new(&[("a.txt", b"a")]);
    let heard = session(&site);
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&site.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may have heard enough before it heard it all.
        let _taken = stream.write_all(&heard.from_caller);
        let mut answer = Vec::new();
        let _cut = stream.read_to_end(&mut answer);
        let said = frames(&answer);
        let before = frames(&heard.to_caller);
        let lengths: Vec<_> = said.iter().map(|frame| (frame.opcode, frame.payload.len())).collect();
        assert_eq!(lengths, [(BINARY, M0), (BINARY, M2), (8, 2)], "its share, and then its farewell");
        assert_eq!(said[2].payload, 4001_u16.to_be_bytes());
        assert!(said[0].payload != before[0].payload && said[1].payload != before[1].payload, "all of it is fresh");
    }
    let refused = || site.node.process.error_text().matches("has another password").count();
    wait_for("each to be in the log", PATIENCE, || (refused() == 3).then_some(()));
}

fn said_again_to_a_caller() {
    let site = Site::new(&[("a.txt", b"a")]);
    let heard = session(&site);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // All that the node said, with an answer to the caller's own key before it.
    let head = heard.to_caller.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let replayed = heard.to_caller[head..].to_vec();
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut came, mut piece) = (Vec::new(), [0; 4096]);
        while !came.windows(4).any(|four| four == b"\r\n\r\n") {
            let count = stream.read(&mut piece).unwrap();
            came.extend_from_slice(&piece[..count]);
        }
        let request = String::from_utf8(came.clone()).unwrap();
        let key = request.lines().find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key"));
        let key = derive_accept_key(key.unwrap().split_once(": ").unwrap().1.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: tp2\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &replayed].concat()).unwrap();
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            came.extend_from_slice(&piece[..count]);
        }
        came
    });
    let output = run(tinyp2p(PASSWORD).args(["ls", &url]));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("it cannot prove the password") && stdout(&output).is_empty(), "{said}");
    let came = frames(&listening.join().unwrap());
    let messages: Vec<_> = came.iter().filter(|frame| frame.opcode == BINARY).map(|it| it.payload.len()).collect();
    assert!(messages.len() == 2 && messages[1] == M3, "nothing follows its proof: {messages:?}");
}

fn changed_content() {
    const SIZE: usize = 300_000;
    let bytes = binary(SIZE);
    let site = Site::new(&[("large.bin", &bytes), ("small.txt", b"small")]);
    let mut refused = 0;
    let places = [150, 220, 300, 1_000, 70_000, 262_000, SIZE - 10, SIZE + 300].map(|at| (From::Node, at));
    let places = places.into_iter().chain([160, 200, 260, 330, 400].map(|at| (From::Caller, at)));
    for (of, at) in places.collect::<Vec<_>>() {
        for way in [Way::Change(of, at, 0x10), Way::Cut(of, at)] {
            site.between.will(way.clone());
            let into = tempfile::tempdir().unwrap();
            let output = site.get(into.path());
            let mut found = content(into.path());
            // What is not whole may be kept, under its own name.
            found.retain(|name, _| !name.ends_with(".part"));
            let whole = found.iter().all(|(name, got)| match name.as_str() {
                "large.bin" => *got == bytes,
                "small.txt" => got == b"small",
                _ => false,
            });
            assert!(whole, "{way:?}: {:?}", found.keys());
            let is_complete = found.len() == 2;
            assert_eq!(output.status.success(), is_complete, "{way:?}: {}", stderr(&output));
            assert_eq!(site.old_call(), None);
            refused += usize::from(!is_complete);
            eprintln!("{way:?}: {} of 2 files; {}", found.len(), stderr(&output).lines().last().unwrap_or_default());
        }
    }
    // Some of it came after all was said.
    assert!(refused >= 16, "{refused}");
    site.between.will(Way::Pass);
    let into = tempfile::tempdir().unwrap();
    ok(&site.get(into.path()));
    assert_eq!(content(into.path()).len(), 2);
}
