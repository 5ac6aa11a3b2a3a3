//! A search of a pool of two nodes with a million names: `cargo bench --bench pool-search`, `--tabs N` for N times 100,000.
//!
//! The names are offers of tabs, so nothing is on a disk. The node without tabs searches what it holds of the other, or asks
//! it: the same search sent to the other directly is what asking it live would take, without the way between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that meets the unexpected should stop right there"
)]

#[path = "../harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;

use std::time::{Duration, Instant};

use harness::node::{Node, tinyp2p};
use harness::process::wait_for;
use harness::tab::{Tab, hello};
use native_node::link::Reply;
use shared::bridge::{Message, Offer, Offered, Role, Search, SearchKind, SearchScope};

const PASSWORD: &str = "correct horse";
const NAMES_OF_TAB: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(600);
const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let tabs = arguments.iter().position(|word| word == "--tabs").map_or(10, |at| arguments[at + 1].parse().unwrap());
    let shares = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut serve = tinyp2p(PASSWORD);
    serve.env("TINYP2P_LOG", "native_node=debug").args(["serve", "--bind", "127.0.0.1", "--port", "0", "--json"]);
    let holder = Node::start(serve.arg(shares[0].path()));
    let searched = Node::serve(shares[1].path(), PASSWORD, &["--join", &holder.url]);
    let before = resident(searched.process.id());
    let held: Vec<_> = (0..tabs).map(|number| offer(&holder, number)).collect();
    let at_searched = Tab::introduce(&searched.url, PASSWORD, hello(Role::Command, "searcher", None));
    let at_holder = Tab::introduce(&holder.url, PASSWORD, hello(Role::Command, "searcher", None));
    let all = tabs * NAMES_OF_TAB;
    let begun = Instant::now();
    wait_for("all names to be found", PATIENCE, || {
        let (_, _, found) = search(&at_searched, "", SearchScope::Pool);
        (found == all).then_some(())
    });
    println!("{all} names, known at the other node after {:?} or less", begun.elapsed());
    // What is asked live as long as not all is known would be measured as well.
    std::thread::sleep(Duration::from_secs(5));
    let grown = resident(searched.process.id()).saturating_sub(before);
    println!("memory of the other node: {} MiB more, {} bytes a name", grown >> 20, grown / all as u64);
    for (what, words, count) in [("ten", "0004242", tabs.min(10)), ("none", "no such thing", 0)] {
        for (how, tab, scope) in [("held", &at_searched, SearchScope::Pool), ("asked", &at_holder, SearchScope::Here)] {
            let mut rounds: Vec<_> = (0..ROUNDS).map(|_| search(tab, words, scope)).collect();
            assert!(rounds.iter().all(|(_, _, found)| *found == count), "{rounds:?}");
            rounds.sort();
            let (first, last, _) = rounds[ROUNDS / 2];
            println!("{what} found, {how}: first after {first:?}, over after {last:?}");
        }
    }
    holder.process.freeze();
    let (first, last, found) = search(&at_searched, "0004242", SearchScope::Pool);
    println!("with the holder stopped: {found} found, first after {first:?}, over after {last:?}");
    drop(held);
}

/// A tab that offers as many names as it may.
fn offer(node: &Node, number: usize) -> Tab {
    let tab = Tab::open(&node.url, PASSWORD, "names", [u8::try_from(number).unwrap() + 1; 16]);
    let names: Vec<_> = (0..NAMES_OF_TAB).collect();
    for some in names.chunks(5_000) {
        let offered =
            |at: &usize| Offered::new(format!("pictures of the summer/{number:02}/a picture {at:07}.jpeg"), 1, 1);
        tab.say(Offer { all: some[0] == 0, add: some.iter().map(offered).collect(), remove: Vec::new() });
    }
    tab
}

/// A search: when its first rows came, when it was over, how many rows there were.
fn search(tab: &Tab, words: &str, scope: SearchScope) -> (Duration, Duration, usize) {
    let search = Search { kind: SearchKind::Words, pattern: words.into(), scope, most: 0, away: None };
    let begun = Instant::now();
    let mut replies = tab.begin(search).within(PATIENCE);
    let (mut first, mut found) = (None, 0);
    tab.block_on(async {
        while let Some(reply) = replies.next().await.unwrap() {
            if let Reply::Message(Message::Found(rows), _) = reply {
                first.get_or_insert_with(|| begun.elapsed());
                found += rows.rows.len();
            }
        }
    });
    let last = begun.elapsed();
    (first.unwrap_or(last), last, found)
}

/// What a process has in memory, in bytes.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
