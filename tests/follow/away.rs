//! Who went away: its files are found as last seen by who asks for that, and by nobody else, until it is back.

use native_node::bridge::Named;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Answered, Changes, Exchange, Found, Message, Row, Search, SearchKind, SearchScope};
use shared::limits::REPLICA_BYTES;

use super::evil::{Liar, Lie};
use super::{PASSWORD, PATIENCE, Searcher, serve, wait_until_followed};
use crate::harness::node::{get, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, Tab};
use crate::harness::tree::tree;
use crate::harness::{stdout, test};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("follow::who_was_killed_is_found_as_last_seen_until_it_is_back", killed),
        test("follow::who_said_goodbye_is_found_as_last_seen", goodbye),
        test("follow::who_slept_is_found_as_last_seen_and_then_as_it_is", slept),
        test("follow::who_is_away_for_longest_makes_room_for_who_is_here", makes_room),
    ]
}

/// One peer's rows that came in one go: whose, the names, how long ago it was seen, what it is called.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    peer: String,
    names: Vec<String>,
    seen: Option<u64>,
    name: Option<String>,
}

impl Searcher {
    /// What is found, in the order in which it comes.
    fn told(&self, pattern: &str, away: Option<bool>) -> Vec<Told> {
        let (kind, scope) = (SearchKind::Words, SearchScope::Pool);
        let search = Search { kind, pattern: pattern.into(), scope, most: 0, away };
        let (messages, _) = self.0.ask(search).unwrap();
        let told = |message| match message {
            Message::Found(Found { peer, rows, last_seen_s: seen, name }) => {
                Some(Told { peer, names: rows.into_iter().map(|row| row.path).collect(), seen, name })
            }
            Message::Answered(Answered { error, .. }) => {
                assert_eq!(error, None);
                None
            }
            other => panic!("{other:?}"),
        };
        messages.into_iter().filter_map(told).collect()
    }

    /// Waits until what this peer had is told as last seen; answers all that is told then.
    fn wait_until_away(&self, peer: &str, pattern: &str) -> Vec<Told> {
        wait_for(&format!("{peer} to be away"), PATIENCE, || {
            let (kind, scope) = (SearchKind::Words, SearchScope::Pool);
            let search = Search { kind, pattern: pattern.into(), scope, most: 0, away: Some(true) };
            // Until it is given up it is asked as ever, and does not answer.
            let (messages, _) = self.0.ask(search).unwrap();
            let is_away = |message: &Message| matches!(message, Message::Found(found) if found.peer == peer && found.last_seen_s.is_some());
            messages.iter().any(is_away).then(|| self.told(pattern, Some(true)))
        })
    }
}

/// What `ls` says, and what it says of how it went.
fn ls(url: &str, more: &[&str]) -> String {
    let listed = run(tinyp2p(PASSWORD).args(["ls", url]).args(more));
    assert!(listed.status.success(), "{listed:?}");
    String::from_utf8(listed.stdout).unwrap()
}

fn killed() {
    let shares = [
        tree(&[("a.txt", b"1"), ("same.txt", b"everybody's")]),
        tree(&[("b.txt", b"22"), ("sub/c.txt", b"3"), ("same.txt", b"everybody's")]),
    ];
    let port = free_port().to_string();
    let named = ["--port", port.as_str(), "--name", "Ada"];
    let a = serve(shares[0].path(), &["--port", "0"]);
    let b = serve(shares[1].path(), &[&named[..], &["--join", &a.url]].concat());
    let (url, searcher) = (b.url.clone(), Searcher::at(&a));
    let tab = Tab::open(&b.url, PASSWORD, "Ada's tab", [9; 16]);
    tab.offer(&[("of-tab.txt", Content::bytes("tab"))]);
    wait_until_followed(&a, &url, 1);
    searcher.wait_for("", &url, &["b.txt", "same.txt", "sub/c.txt"]);
    searcher.wait_for("", &tab.url(), &["of-tab.txt"]);
    // The files must be known by their ids before it is gone.
    wait_for("ids", PATIENCE, || {
        let (listed, unknown) = (ls(&a.url, &["--json", "same"]), "\"id\":null");
        (listed.lines().count() == 2 && !listed.contains(unknown)).then_some(())
    });
    assert!(searcher.told("", Some(true)).iter().all(|told| told.seen.is_none()), "everybody is here");
    b.process.kill();

    // Behind those who are here, with all it had, and its tab with it.
    let told = searcher.wait_until_away(&url, "");
    let is_away: Vec<bool> = told.iter().map(|told| told.seen.is_some()).collect();
    assert_eq!(is_away, [false, true, true], "{told:?}");
    assert_eq!(told[0].peer, a.url);
    let of = |peer: &str| told.iter().find(|told| told.peer == peer).unwrap();
    assert_eq!(
        (&of(&url).names[..], of(&url).name.as_deref()),
        (&["b.txt", "same.txt", "sub/c.txt"].map(String::from)[..], Some("Ada"))
    );
    assert_eq!(of(&tab.url()).names, ["of-tab.txt"]);
    assert!(of(&url).seen.unwrap() <= PATIENCE.as_secs(), "{told:?}");
    // Who does not ask for it sees nothing of it, nor does anybody of 2004, nor is it listed.
    for away in [None, Some(false)] {
        let told = searcher.told("", away);
        assert_eq!(told.iter().map(|told| told.peer.as_str()).collect::<Vec<_>>(), [a.url.as_str()], "{told:?}");
    }
    let of_2004 = native_node::dial::LegacyDialer::new(Some(shared::Password::new(PASSWORD)));
    let peer = shared::PeerUrl::parse(&a.url).unwrap();
    let names = searcher.0.block_on(of_2004.names(&peer, Named::ByPerson, "")).unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    let listed = searcher.0.block_on(of_2004.exchange(&peer, Named::ByPerson, &[])).unwrap();
    assert!(!format!("{listed:?}").contains(&port), "{listed:?}");
    let (messages, _) = searcher
        .0
        .ask(Search {
            kind: SearchKind::Words,
            pattern: String::new(),
            scope: SearchScope::Here,
            most: 0,
            away: Some(true),
        })
        .unwrap();
    assert!(!format!("{messages:?}").contains("b.txt"), "{messages:?}");

    // The commands: by default they know nothing of it.
    assert_eq!(ls(&a.url, &[]), "a.txt\nsame.txt\n");
    let with_away = ls(&a.url, &["--away"]);
    let lines: Vec<_> = with_away.lines().collect();
    let is_seen = |line: &str, name: &str| line.starts_with(&format!("{name}  (last seen ")) && line.ends_with(" ago)");
    assert!(
        lines.len() == 5 && lines[0] == "a.txt" && is_seen(lines[1], "b.txt") && lines[3] == "same.txt",
        "{with_away}"
    );
    let long = ls(&a.url, &["--away", "-l"]);
    let of_b = long.lines().find(|line| line.ends_with("  b.txt")).unwrap();
    assert!(of_b.contains(&url) && of_b.contains("  last seen "), "{long}");
    assert!(long.lines().any(|line| line.ends_with("  a.txt") && line.contains("  here  ")), "{long}");
    for line in ls(&a.url, &["--away", "--json"]).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_here = line["peer"] == a.url;
        assert_eq!(line["last_seen_s"].as_u64().is_none(), is_here, "{line}");
        assert!(line["path"] != "same.txt" || is_here, "somebody who is here has the same: {line}");
    }
    assert!(!ls(&a.url, &["--json"]).contains("last_seen_s"));
    let into = tempfile::tempdir().unwrap();
    let got = get(&a.url, PASSWORD, r"\b[bc]\.txt$", into.path());
    let said = String::from_utf8(got.stderr).unwrap();
    assert!(
        got.status.code() == Some(1)
            && said.contains("nothing here matches; these 2 files are on peers that are away: Ada (last seen "),
        "{said}"
    );
    let nothing = get(&a.url, PASSWORD, "never was", into.path());
    assert_eq!(String::from_utf8(nothing.stderr).unwrap().trim(), "nothing matches");
    let json = run(tinyp2p(PASSWORD).args(["get", "--json", &a.url, "b.txt", "--to"]).arg(into.path()));
    let done: serde_json::Value = serde_json::from_str(stdout(&json).lines().last().unwrap()).unwrap();
    assert_eq!((&done["away"][0]["peer"], &done["away"][0]["files"]), (&url.as_str().into(), &1.into()), "{done}");
    assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 0);

    // Back at the same URL, another process with other files: what it has now, once, and nothing as last seen.
    std::fs::remove_file(shares[1].path().join("b.txt")).unwrap();
    let b = serve(shares[1].path(), &[&named[..], &["--join", &a.url]].concat());
    assert_eq!(b.url, url);
    wait_until_followed(&a, &url, 2);
    searcher.wait_for("", &url, &["same.txt", "sub/c.txt"]);
    let told = searcher.told("", Some(true));
    assert!(told.iter().all(|told| told.seen.is_none()), "{told:?}");
    assert_eq!(told.iter().filter(|told| told.peer == url).count(), 1, "{told:?}");
}

fn goodbye() {
    let shares = [tree(&[]), tree(&[("b.txt", b"22")]), tree(&[("c.txt", b"3")])];
    let a = serve(shares[0].path(), &["--port", "0"]);
    let b = serve(shares[1].path(), &["--port", "0", "--join", &a.url]);
    let c = serve(shares[2].path(), &["--port", "0", "--join", &a.url]);
    let searcher = Searcher::at(&a);
    let urls = [b.url.clone(), c.url.clone()];
    urls.iter().for_each(|url| wait_until_followed(&a, url, 1));
    for (node, url) in [b, c].into_iter().zip(&urls) {
        node.process.interrupt(Duration::from_secs(20));
        searcher.wait_until_away(url, "");
    }
    let mut names: Vec<_> = searcher.told("", Some(true)).into_iter().flat_map(|told| told.names).collect();
    names.sort();
    assert_eq!(names, ["b.txt", "c.txt"]);
    assert!(searcher.told("", None).is_empty());
    // It is not kept when we are started anew.
    let port = a.port().to_string();
    a.process.kill();
    let a = serve(shares[0].path(), &["--port", &port]);
    let searcher = Searcher::at(&a);
    assert!(searcher.told("", Some(true)).is_empty());
}

/// As a laptop that is closed: nothing is said, no connection ends, and the same process goes on later.
fn slept() {
    let shares = [tree(&[]), tree(&[("b.txt", b"22"), ("goes.txt", b"3")])];
    let a = serve(shares[0].path(), &["--port", "0"]);
    let b = serve(shares[1].path(), &["--port", "0", "--join", &a.url]);
    let searcher = Searcher::at(&a);
    wait_until_followed(&a, &b.url, 1);
    searcher.wait_for("", &b.url, &["b.txt", "goes.txt"]);
    b.process.freeze();
    let told = searcher.wait_until_away(&b.url, "");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].names, ["b.txt", "goes.txt"]);
    std::fs::remove_file(shares[1].path().join("goes.txt")).unwrap();
    b.process.wake();
    searcher.wait_for("", &b.url, &["b.txt"]);
    let told = searcher.told("", Some(true));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0].names[..], told[0].seen), (&["b.txt".to_owned()][..], None));
}

/// Nodes with so many names that two of them fit and three do not: of four in a row the last two are known, and no more memory is
/// taken than that of three.
fn makes_room() {
    const OF_ONE: usize = REPLICA_BYTES / 5 * 2;
    const FIRST: &str = "000000000000";
    let long = vec!["x".repeat(250); 15].join("/");
    let rows = OF_ONE / long.len();
    let lie: Lie = Arc::new(move |number| {
        let first = usize::try_from(number).unwrap() * 60;
        let row = |number: usize| Row {
            path: format!("{number:012}/{long}"),
            size: Some(1),
            modified: Some(1),
            id: None,
            executable: None,
        };
        let put: Vec<_> = (first..rows.min(first + 60)).map(row).collect();
        let is_last = first + 60 >= rows;
        (first < rows)
            .then(|| Changes { whole: first == 0, put, to: is_last.then_some(1), ..Changes::default() }.into())
    });
    let share = tree(&[]);
    let liars: Vec<_> = (0..4)
        .map(|_| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let liar = Liar::listening(&runtime, Arc::clone(&lie));
            (runtime, liar)
        })
        .collect();
    let node = serve(share.path(), &["--port", "0"]);
    let searcher = Searcher::at(&node);
    node.forget_peak_memory();
    let before = node.peak_memory();
    let mut urls = Vec::new();
    for (runtime, liar) in liars {
        let url = liar.url.clone();
        searcher.0.ask(Exchange { of: String::new(), tell: vec![url.clone()] }).unwrap();
        wait_until_followed(&node, &url, 1);
        let told = searcher.told(FIRST, Some(true));
        assert!(told.iter().any(|told| told.peer == url && told.seen.is_none() && told.names.len() == 1), "{told:?}");
        runtime.shutdown_background();
        searcher.wait_until_away(&url, FIRST);
        urls.push(url);
    }
    let told = searcher.told(FIRST, Some(true));
    let peers: Vec<_> = told.iter().map(|told| told.peer.clone()).collect();
    assert_eq!(peers.len(), 2, "{peers:?}");
    assert!(urls[2..].iter().all(|url| peers.contains(url)), "{peers:?} of {urls:?}");
    let grown = node.peak_memory().saturating_sub(before);
    eprintln!("four nodes, one after the other, of {} MiB of names each: {} MiB more", OF_ONE >> 20, grown >> 20);
    assert!(grown < (3 * OF_ONE + (64 << 20)) as u64, "{grown} bytes");
}
