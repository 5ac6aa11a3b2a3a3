//! Two nodes with a session between them: the tabs of one are found and read through the other.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use native_node::dial::Way;
use native_node::node::Node;
use native_node::run::{Config, bind, prepare};
use shared::bridge::{Answered, Found, Message, Read, ResetCode, Search, SearchKind, SearchScope, Ticket};
use shared::{MemberState, Password};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{PASSWORD, peer};
use crate::harness::node::{fresh_state, run};
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, Tab, made};
use crate::harness::tree::tree;
use crate::harness::{ok, test};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("tabs::a_tab_finds_and_reads_what_a_tab_at_another_node_holds", through),
        test("tabs::a_tab_at_another_node_is_listed_as_soon_as_it_is_found", listed),
        test("tabs::a_node_that_cannot_be_asked_is_told_of_and_delays_nobody", unreachable),
        test("tabs::a_broken_session_to_a_node_is_no_end", broken),
    ]
}

/// Two nodes in this process, the second joined to the first, each with a tab.
struct Two {
    nodes: [Arc<Node>; 2],
    tabs: [Tab; 2],
    /// Each ends one of the nodes.
    ends: [CancellationToken; 2],
    /// Keep the nodes going, each its own.
    runtimes: [Option<Runtime>; 2],
    _shares: [TempDir; 2],
}

impl Two {
    fn new() -> Self {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let runtimes = [runtime(), runtime()];
        let shares = [tree(&[("first.txt", b"of the first")]), tree(&[("second.txt", b"of the second")])];
        let ends = [CancellationToken::new(), CancellationToken::new()];
        let serve = |runtime: &Runtime, share: &TempDir, join: Option<&Node>, end: &CancellationToken| {
            let config = Config {
                state: Some(fresh_state()),
                join: join.map(|node| node.url().clone()).into_iter().collect(),
                ..Config::new(Password::new(PASSWORD), share.path())
            };
            runtime.block_on(async {
                let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let prepared = prepare(config, listener).await.unwrap();
                let node = Arc::clone(prepared.node());
                tokio::spawn(prepared.run(end.clone()));
                node
            })
        };
        let first = serve(&runtimes[0], &shares[0], None, &ends[0]);
        let second = serve(&runtimes[1], &shares[1], Some(&first), &ends[1]);
        let tabs = [(&first, 1), (&second, 2)]
            .map(|(node, secret)| Tab::open(node.url().as_str(), PASSWORD, &format!("tab {secret}"), [secret; 16]));
        let two = Self { nodes: [first, second], tabs, ends, runtimes: runtimes.map(Some), _shares: shares };
        two.tabs[0].offer(&[("made.bin", Content::Made(5 << 20))]);
        let lists = |url: &str| two.tabs[1].peers().iter().any(|(listed, ..)| listed == url);
        wait_for("the first's tab to be listed by the second", PATIENCE, || lists(&two.tabs[0].url()).then_some(()));
        two
    }

    /// A search of everybody by the second's tab: who has what, and who does not answer.
    fn search(&self) -> (Vec<(String, String)>, Vec<Answered>) {
        let search =
            Search { kind: SearchKind::Words, pattern: String::new(), scope: SearchScope::Pool, most: 0, away: None };
        let (mut rows, mut answered) = (Vec::new(), Vec::new());
        for message in self.tabs[1].ask(search).unwrap().0 {
            match message {
                Message::Found(Found { peer, rows: some, .. }) => {
                    rows.extend(some.into_iter().map(|row| (peer.clone(), row.path)));
                }
                Message::Answered(of_one) => answered.push(of_one),
                other => panic!("{other:?}"),
            }
        }
        rows.sort();
        answered.sort_by(|a, b| a.peer.cmp(&b.peer));
        (rows, answered)
    }

    fn read(&self) -> Read {
        let (of, path) = (String::new(), "made.bin".to_owned());
        let peer = Some(self.tabs[0].url());
        Read { peer, of, path, from: 0, length: None, version: None, reader: None, aside: None }
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        self.ends.iter().for_each(CancellationToken::cancel);
    }
}

fn through() {
    let two = Two::new();
    wait_for("the first to say who it is", PATIENCE, || two.nodes[1].known_peers().of(two.nodes[0].url()));
    let (rows, answered) = two.search();
    let mut expected = vec![
        (two.nodes[0].url().to_string(), "first.txt".to_owned()),
        (two.nodes[1].url().to_string(), "second.txt".to_owned()),
        (two.tabs[0].url(), "made.bin".to_owned()),
    ];
    expected.sort();
    assert_eq!(rows, expected);
    assert!(answered.len() == 3 && answered.iter().all(|of_one| of_one.error.is_none()), "{answered:?}");
    assert!(two.tabs[1].ask(two.read()).unwrap().1 == made(0, 5 << 20));
    let last = two.tabs[0].reads().pop().unwrap();
    assert_eq!(last.reader.as_deref(), Some("tab 2"), "who reads is told all the way");
    let ticket = Ticket { peer: two.tabs[0].url(), path: "made.bin".into(), preview: false };
    let (messages, _) = two.tabs[1].ask(ticket).unwrap();
    let [Message::Ticketed(ticketed)] = messages.as_slice() else { panic!("{messages:?}") };
    let url = format!("{}{}", two.nodes[1].url(), ticketed.href);
    let got = run(std::process::Command::new("curl").args(["-sS", "--fail", "-r", "1000-1999", &url]));
    ok(&got);
    assert!(got.stdout == made(1_000, 1_000));
    let missing = Read { path: "nothing".into(), ..two.read() };
    assert_eq!(two.tabs[1].ask(missing).unwrap_err().code(), Some(ResetCode::NOT_FOUND));
    // The session serves both ways.
    wait_for("the first node's name to be told", PATIENCE, || {
        let first = two.tabs[1].peers().into_iter().find(|(url, ..)| *url == two.nodes[0].url().as_str());
        first?.1.filter(|name| *name == two.nodes[0].name())
    });
}

/// Symptom: what a tab shared was found at the other node at once, and the tab was listed there up to twelve seconds later.
fn listed() {
    let two = Two::new();
    let mut late = Tab::open(two.nodes[0].url().as_str(), PASSWORD, "late", [3; 16]);
    late.offer(&[("late.bin", Content::Made(1))]);
    let (url, row) = (peer(&late.url()), (late.url(), "late.bin".to_owned()));
    wait_for("its file to be found", PATIENCE, || two.search().0.contains(&row).then_some(()));
    assert_ne!(two.nodes[1].state_of(&url), None, "it is asked whether it is there");
    wait_for("it to be listed", PATIENCE, || two.tabs[1].peers().iter().find(|(listed, ..)| *listed == row.0).cloned());
    late.close();
    wait_for("it to be gone", PATIENCE, || (two.nodes[1].state_of(&url) == Some(MemberState::Gone)).then_some(()));
    assert!(!two.search().0.contains(&row));
}

fn unreachable() {
    let mut two = Two::new();
    // Its connections go at once, as those of a program that is killed.
    two.runtimes[0].take().unwrap().shutdown_background();
    let tab = two.tabs[0].url();
    // What the second holds of it is found for as long as their session stands, which is moments.
    wait_for("it to be noticed", PATIENCE, || {
        let (rows, answered) = two.search();
        assert!(rows.contains(&(two.nodes[1].url().to_string(), "second.txt".to_owned())), "{rows:?}");
        answered.into_iter().find(|of_one| of_one.peer == tab).unwrap().error
    });
    assert_eq!(two.tabs[1].ask(two.read()).unwrap_err().code(), Some(ResetCode::GONE));
    assert!(two.tabs[1].block_on(two.nodes[1].dialer().link(&peer(&tab))).is_err());
}

fn broken() {
    let two = Two::new();
    two.tabs[0].may_send(3 << 20);
    let replies = two.tabs[1].begin(two.read());
    wait_for("three mebibytes to be sent", PATIENCE, || (two.tabs[0].has_left() == 0).then_some(()));
    // The next is dialed when it is missed.
    let runtime = two.runtimes[1].as_ref().unwrap();
    let way = runtime.block_on(two.nodes[1].dialer().links().way(two.nodes[0].url())).unwrap();
    let Way::Bridge(link) = way else { panic!("{way:?}") };
    link.close();
    two.tabs[0].may_send(100 << 20);
    let (_, bytes) = two.tabs[1].rest(replies).unwrap();
    assert!(bytes == made(0, 5 << 20));
}
