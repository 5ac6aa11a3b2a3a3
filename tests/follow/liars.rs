//! A node that is followed and lies costs itself its place among those that are, and nobody else anything.

use std::sync::Arc;

use libtest_mimic::Trial;
use shared::bridge::{Changes, Message, Row};
use shared::limits::{REPLICA_BYTES, REPLICA_NODE_DIVISOR, ROWS_PER_RECORD};

use super::evil::{LIVE, Liar, Lie};
use super::{PATIENCE, Searcher, serve, wait_until_followed};
use crate::harness::node::Node;
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::tree;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("follow::nonsense_is_not_followed", nonsense),
        test("follow::a_catalog_without_end_fills_no_memory", without_end),
        test("follow::what_can_be_no_file_is_left_out", no_files),
    ]
}

/// A node that knows a good one and some liars.
struct Site {
    node: Node,
    good: Node,
    liars: Vec<Arc<Liar>>,
    searcher: Searcher,
    shares: [tempfile::TempDir; 2],
    // Keeps the liars going.
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    fn new(lies: Vec<Lie>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shares = [tree(&[("own.txt", b"1")]), tree(&[("good.txt", b"2")])];
        let liars: Vec<_> = lies.into_iter().map(|lie| Liar::listening(&runtime, lie)).collect();
        let good = serve(shares[1].path(), &["--port", "0"]);
        let urls = liars.iter().map(|liar| &liar.url).chain([&good.url]);
        let joins = urls.flat_map(|url| ["--join", url.as_str()]);
        let node = serve(shares[0].path(), &["--port", "0"].into_iter().chain(joins).collect::<Vec<_>>());
        let searcher = Searcher::at(&node);
        wait_until_followed(&node, &good.url, 1);
        Self { node, good, liars, searcher, shares, _runtime: runtime }
    }

    fn liar(&self) -> &Liar {
        &self.liars[0]
    }

    /// The others are as well as ever, and liars are asked when they must be.
    fn must_be_well(&self, what: &str) {
        self.liars.iter().for_each(|liar| self.searcher.wait_for("", &liar.url, &[LIVE]));
        let found = self.searcher.search("");
        assert_eq!(found.names(&self.good.url), ["good.txt"], "{what}: {found:?}");
        assert_eq!(found.names(&self.node.url), ["own.txt"], "{what}: {found:?}");
        assert!(found.failed.is_empty(), "{what}: {found:?}");
    }
}

fn file(path: &str) -> Row {
    Row { path: path.into(), size: Some(1), modified: Some(1), id: None, executable: None }
}

fn whole(paths: &[&str]) -> Changes {
    let put = paths.iter().map(|path| file(path)).collect();
    Changes { whole: true, put, to: Some(5), ..Changes::default() }
}

fn nonsense() {
    let one_after = |second: Changes| -> Vec<Message> { vec![whole(&["lie.txt"]).into(), second.into()] };
    let change = |from, to| Changes { from, to, put: vec![file("lie 2.txt")], ..Changes::default() };
    let of = |of: &str| Changes { of: of.into(), ..whole(&["lie.txt"]) };
    let many: Vec<_> = (0..=ROWS_PER_RECORD).map(|number| file(&number.to_string())).collect();
    let peers = (0..5_000).map(|number: u32| of(&format!("/peer/{number:020x}")).into());
    let lies = [
        ("a revision that does not follow", one_after(change(4, Some(6)))),
        ("a revision again", one_after(change(5, Some(5)))),
        ("a revision back", one_after(change(5, Some(1)))),
        ("no revision", one_after(change(5, None))),
        ("a change of nothing", vec![change(0, Some(1)).into()]),
        ("a whole of something", one_after(Changes { from: 5, ..whole(&[]) })),
        ("another node's", one_after(of("http://127.0.0.1:1"))),
        ("another path", one_after(of("/peer/../x"))),
        ("too many rows", one_after(Changes { put: many, ..whole(&[]) })),
        ("more tabs than there may be", peers.collect()),
        ("something else", vec![whole(&["lie.txt"]).into(), shared::bridge::Address { url: "u".into() }.into()]),
    ];
    let told = lies.iter().map(|(_, lie)| {
        let lie = lie.clone();
        let tell: Lie = Arc::new(move |number| lie.get(usize::try_from(number).unwrap()).cloned());
        tell
    });
    let site = Site::new(told.collect());
    for ((what, _), liar) in lies.iter().zip(&site.liars) {
        wait_for(what, PATIENCE, || (*liar.ended.lock().unwrap() > 0).then_some(()));
    }
    site.must_be_well("nonsense");
}

fn without_end() {
    let long = vec!["x".repeat(250); 15].join("/");
    let name = move |number: u64| format!("{number:012}/{long}");
    let endless = move |number: u64| {
        let put = (0..64).map(|row| file(&name(64 * number + row))).collect();
        Some(Changes { whole: number == 0, put, ..Changes::default() }.into())
    };
    let site = Site::new(vec![Arc::new(endless)]);
    site.node.forget_peak_memory();
    let before = site.node.peak_memory();
    wait_for("the liar to be left alone", 4 * PATIENCE, || (*site.liar().ended.lock().unwrap() > 0).then_some(()));
    let grown = site.node.peak_memory().saturating_sub(before);
    eprintln!("names without end: {} MiB more", grown >> 20);
    assert!(grown < (REPLICA_BYTES / REPLICA_NODE_DIVISOR + (64 << 20)) as u64, "{grown} bytes");
    site.must_be_well("names without end");
    // By the node and by the good one, which has heard of it.
    assert!(*site.liar().followers.lock().unwrap() <= 2, "it is asked again in ten minutes");

    // The same few without end: a whole that never is.
    let same = |number: u64| Some(Changes { whole: number == 0, put: vec![file("same")], ..Changes::default() }.into());
    let site = Site::new(vec![Arc::new(same)]);
    wait_for("it to be followed", PATIENCE, || (*site.liar().followers.lock().unwrap() > 0).then_some(()));
    site.node.forget_peak_memory();
    let before = site.node.peak_memory();
    for _ in 0..50 {
        site.must_be_well("the same without end");
    }
    let grown = site.node.peak_memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
    std::fs::write(site.shares[1].path().join("good 2.txt"), "").unwrap();
    site.searcher.wait_for("good", &site.good.url, &["good 2.txt", "good.txt"]);
}

fn no_files() {
    let long = "x".repeat(300);
    let names = ["../../etc/passwd", "/etc/passwd", "a\0b", "", "a//b", "c:\\x", &long, "fine.txt"];
    let changes = Changes { gone: vec!["..".into(), "never was".into()], ..whole(&names) };
    let sizeless = Changes {
        from: 5,
        to: Some(6),
        put: vec![Row { size: None, ..file("sizeless") }, Row { modified: None, ..file("timeless") }],
        ..Changes::default()
    };
    let site = Site::new(vec![Arc::new(move |number| match number {
        0 => Some(changes.clone().into()),
        1 => Some(sizeless.clone().into()),
        2 => Some(Changes { of: format!("/peer/{:020x}", 1), left: true, ..Changes::default() }.into()),
        _ => None,
    })]);
    wait_until_followed(&site.node, &site.liar().url, 1);
    let found = site.searcher.search("");
    assert_eq!(found.names(&site.liar().url), ["fine.txt"], "{found:?}");
    assert_eq!((found.names(&site.good.url), found.failed.len()), (vec!["good.txt"], 0), "{found:?}");
}
