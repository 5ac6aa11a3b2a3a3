//! Three nodes: each searches what it holds of the others.

use libtest_mimic::Trial;
use shared::bridge::Role;

use super::{PASSWORD, Searcher, serve, wait_until_followed};
use crate::harness::evil::Evil;
use crate::harness::node::{run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::tab::{Content, Tab, hello};
use crate::harness::tree::tree;
use crate::harness::{stdout, test};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("follow::what_stopped_nodes_and_their_tabs_share_is_found_all_the_same", stopped),
        test("follow::a_node_that_was_killed_and_started_anew_is_told_apart_from_what_it_was", started_anew),
    ]
}

fn stopped() {
    let shares = [
        tree(&[("a.txt", b"1"), ("sub/old.txt", b"22"), ("changes.txt", b"1")]),
        tree(&[("b.txt", b"333")]),
        tree(&[]),
    ];
    let a = serve(shares[0].path(), &["--port", "0"]);
    let b = serve(shares[1].path(), &["--port", "0", "--join", &a.url]);
    let of_2004 = Evil::listing(&[&a.url], &[b"of-2004.txt"], |_, _| {});
    let c = serve(shares[2].path(), &["--port", "0", "--join", &a.url, "--join", &of_2004.url]);
    let tab = Tab::open(&a.url, PASSWORD, "a tab", [9; 16]);
    let searcher = Searcher::at(&c);
    wait_until_followed(&c, &a.url, 1);
    wait_until_followed(&c, &b.url, 1);

    // What changes is found soon.
    std::fs::write(shares[0].path().join("new.txt"), "new").unwrap();
    std::fs::write(shares[0].path().join("changes.txt"), "changed").unwrap();
    std::fs::remove_file(shares[0].path().join("sub/old.txt")).unwrap();
    tab.offer(&[("of-tab.txt", Content::bytes("tab")), ("withdrawn.txt", Content::bytes("x"))]);
    let names = ["a.txt", "changes.txt", "new.txt"];
    searcher.wait_for("", &a.url, &names);
    searcher.wait_for("", &tab.url(), &["of-tab.txt", "withdrawn.txt"]);
    tab.offer(&[("of-tab.txt", Content::bytes("tab"))]);
    searcher.wait_for("", &tab.url(), &["of-tab.txt"]);
    searcher.wait_for("", &b.url, &["b.txt"]);
    searcher.wait_for("", &of_2004.url, &["of-2004.txt"]);

    // Nobody can be asked from here on but the peer of 2004.
    a.process.freeze();
    b.process.freeze();
    let found = searcher.search("");
    assert_eq!(found.names(&a.url), names, "{found:?}");
    assert_eq!(found.names(&tab.url()), ["of-tab.txt"], "{found:?}");
    assert_eq!(found.names(&b.url), ["b.txt"], "{found:?}");
    assert_eq!(found.names(&of_2004.url), ["of-2004.txt"], "{found:?}");
    assert!(found.failed.is_empty(), "{found:?}");
    let sizes: Vec<_> = found.rows[&a.url].iter().map(|row| row.size).collect();
    assert_eq!(sizes, [Some(1), Some(7), Some(3)]);
    assert!(found.rows[&a.url].iter().all(|row| row.modified.is_some()));
    assert_eq!(searcher.search("of-").rows.len(), 2, "a search, not a list");
    // `ls` asks the one node it is given.
    let listed = run(tinyp2p(PASSWORD).args(["ls", "--json", &c.url]));
    let lines = stdout(&listed);
    assert!(listed.status.success(), "{listed:?}");
    for (peer, path) in
        [(&a.url, "new.txt"), (&tab.url(), "of-tab.txt"), (&b.url, "b.txt"), (&of_2004.url, "of-2004.txt")]
    {
        let is_this = |line: &str| line.contains(&format!("{peer:?}")) && line.contains(&format!("{path:?}"));
        assert_eq!(lines.lines().filter(|line| is_this(line)).count(), 1, "{path} of {peer}: {lines}");
    }
    // A node does not ask what others hold of a third (hop limit 1), and a command does not follow.
    let neighbour = Tab::introduce(&c.url, PASSWORD, hello(Role::Node, "a node", None));
    let here = shared::bridge::Search {
        kind: shared::bridge::SearchKind::Words,
        pattern: String::new(),
        scope: shared::bridge::SearchScope::Here,
        most: 0,
        away: None,
    };
    let (messages, _) = neighbour.ask(here).unwrap();
    assert!(!format!("{messages:?}").contains("a.txt"), "{messages:?}");
    assert!(searcher.0.ask(shared::bridge::Follow::default()).is_err());
}

fn started_anew() {
    let shares = [tree(&[("stays.txt", b"1"), ("goes.txt", b"2")]), tree(&[("b.txt", b"3")])];
    let port = free_port().to_string();
    let a = serve(shares[0].path(), &["--port", &port]);
    let b = serve(shares[1].path(), &["--port", "0", "--join", &a.url]);
    let searcher = Searcher::at(&b);
    wait_until_followed(&b, &a.url, 1);
    let url = a.url.clone();
    a.process.kill();
    // As many changes as its first look had brought about: by its revision alone it looks the same.
    std::fs::remove_file(shares[0].path().join("goes.txt")).unwrap();
    std::fs::write(shares[0].path().join("comes.txt"), "4").unwrap();
    let a = serve(shares[0].path(), &["--port", &port]);
    assert_eq!(a.url, url);
    wait_until_followed(&b, &url, 2);
    searcher.wait_for("", &url, &["comes.txt", "stays.txt"]);
    a.process.freeze();
    let found = searcher.search("");
    assert_eq!((found.names(&url), found.failed.len()), (vec!["comes.txt", "stays.txt"], 0), "{found:?}");
}
