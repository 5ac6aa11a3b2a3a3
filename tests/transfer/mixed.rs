//! One content from tabs and nodes, as if they were the same; and a tab that promises what it does not send.

use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Found, Message, Outline, Outlined, ResetCode, Role, Search, SearchKind, SearchScope};
use shared::transfer::PIECE_BYTES;

use super::{Got, Holder, MIB, PASSWORD, begin, ls};
use crate::harness::process::wait_for;
use crate::harness::tab::{Tab, hello};
use crate::harness::test;
use crate::harness::tree::binary;

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("what_a_tab_holds_is_known_to_all", known_to_all),
        test("tab_and_node_send_one_content_and_each_takes_over_from_the_other", take_over),
        test("a_tab_that_sends_something_else_than_promised_is_found_out", liars),
    ]
}

/// A node that holds a file, another that joins it, and a tab of that.
pub(super) struct Site {
    pub(super) holder: Holder,
    pub(super) other: Holder,
    pub(super) tab: Tab,
}

impl Site {
    pub(super) fn new(whole: &[u8], rate: u64) -> Self {
        let holder = Holder::of(&[("big.bin", whole)], rate);
        let mut other = Holder::prepare(&[("small.bin", b"small")], rate);
        other.start(&["--join", holder.url()]);
        let tab = Tab::open(other.url(), PASSWORD, "tab", [9; 16]);
        Self { holder, other, tab }
    }

    /// Waits until so many files are listed with their ids.
    pub(super) fn wait_for_ids(&self, count: usize) {
        wait_for("all to be listed with their ids", PATIENCE, || {
            let rows = ls(self.holder.url());
            (rows.len() == count && rows.iter().all(|row| row["id"].is_string())).then_some(())
        });
    }
}

fn known_to_all() {
    let whole = binary(3 * PIECE_BYTES + 5);
    let site = Site::new(&whole, 0);
    let outline = site.tab.promise("film.bin", &whole, &whole);
    site.wait_for_ids(3);
    let ids: Vec<_> = ls(site.holder.url()).into_iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.iter().filter(|id| **id == outline.id().to_string()).count(), 2, "{ids:?}");

    // As a tab elsewhere sees it: in what its node holds of the other, and asked all the way.
    let elsewhere = Tab::open(site.holder.url(), PASSWORD, "elsewhere", [8; 16]);
    wait_for("the row with its id", PATIENCE, || {
        let search =
            Search { kind: SearchKind::Words, pattern: "film".into(), scope: SearchScope::Pool, most: 0, away: None };
        let found = elsewhere.ask(search).unwrap().0.into_iter().find_map(|message| match message {
            Message::Found(Found { peer, rows, .. }) => Some((peer, rows[0].id)),
            _ => None,
        });
        found.filter(|found| *found == (site.tab.url(), Some(outline.id().0)))
    });
    let asked = |id| Outline {
        of: String::new(),
        path: "film.bin".into(),
        version: None,
        id: Some(id),
        peer: Some(site.tab.url()),
    };
    let (messages, values) = elsewhere.ask(asked(outline.id().0)).unwrap();
    let [Message::Outlined(Outlined { id, later: false, .. })] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((*id, values.as_slice()), (Some(outline.id().0), outline.values().as_flattened()));
    assert_eq!(elsewhere.ask(asked([5; 32])).unwrap_err().code(), Some(ResetCode::CHANGED));
    // Hop limit 1.
    let node = Tab::introduce(site.holder.url(), PASSWORD, hello(Role::Node, "node", None));
    assert_eq!(node.ask(asked(outline.id().0)).unwrap_err().code(), Some(ResetCode::BAD_REQUEST));
}

fn take_over() {
    let whole = binary(24 << 20);
    let mut site = Site::new(&whole, 4 * MIB);
    site.tab.promise("big.bin", &whole, &whole);
    site.wait_for_ids(3);
    let to = tempfile::tempdir().unwrap();
    let before = site.other.proxy.passed();
    let getting = begin(site.holder.url(), to.path());
    wait_for("the tab to send some of it", PATIENCE, || (site.other.proxy.passed() - before > 3 * MIB).then_some(()));
    site.tab.close();
    let got = Got::of(getting.wait(Duration::from_secs(200)));
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    let from = got.from("big.bin");
    eprintln!("the tab was closed: {from:?}");
    assert!(from.len() == 2 && from[site.holder.url()] > 0, "{}", got.words());

    // The other way around.
    site.tab.connect();
    site.tab.promise("big.bin", &whole, &whole);
    site.wait_for_ids(3);
    let to = tempfile::tempdir().unwrap();
    let before = site.holder.proxy.passed();
    let getting = begin(site.other.url(), to.path());
    wait_for("the node to send some of it", PATIENCE, || (site.holder.proxy.passed() - before > 3 * MIB).then_some(()));
    site.holder.kill();
    let got = Got::of(getting.wait(Duration::from_secs(200)));
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    let from = got.from("big.bin");
    eprintln!("the node was killed: {from:?}");
    assert!(from.len() == 2 && from[&site.tab.url()] > 0, "{}", got.words());
}

fn liars() {
    let whole = binary(6 << 20);
    let mut flipped = whole.clone();
    flipped[5 << 20] ^= 4;
    let site = Site::new(&whole, 2 * MIB);
    site.tab.promise("big.bin", &whole, &flipped);
    site.wait_for_ids(3);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(site.holder.url(), to.path());
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    assert!(site.tab.reads().iter().any(|read| read.path == "big.bin"), "it was asked: {}", got.words());

    // Alone, and whether or not its values are those of what it promised.
    for lies_of_values in [false, true] {
        let site = Site::new(b"another", 0);
        if lies_of_values {
            site.tab.lies_of_values();
        }
        site.tab.promise("film.bin", &whole, &flipped);
        site.wait_for_ids(3);
        let to = tempfile::tempdir().unwrap();
        let got = Got::get(site.other.url(), to.path());
        assert!(!to.path().join("film.bin").exists(), "{}", got.words());
        assert!(got.words().contains("what it sends is not what it says the file holds"), "{}", got.words());
    }
}
