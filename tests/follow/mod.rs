//! Catalogs that nodes follow, and the sessions that stand for it: what is found by them, and what the evil make of them.

mod away;
mod broken;
mod evil;
mod liars;
mod pair;
mod pool;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Answered, Found, Message, Role, Row, Search, SearchKind, SearchScope};

use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::tab::{Tab, hello};

const PASSWORD: &str = "correct horse";
/// For what takes moments, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn trials() -> Vec<Trial> {
    [liars::trials(), broken::trials(), pool::trials(), pair::trials(), away::trials()].into_iter().flatten().collect()
}

/// A node that says in its log whom it follows.
pub(crate) fn serve(dir: &Path, more: &[&str]) -> Node {
    let mut serve = tinyp2p(PASSWORD);
    serve.env("TINYP2P_LOG", "native_node=debug").args(["serve", "--bind", "127.0.0.1", "--json"]).args(more);
    Node::start(serve.arg(dir))
}

/// Waits until `node` knows all that the node at `peer` shares, so many times since it was started.
pub(crate) fn wait_until_followed(node: &Node, peer: &str, times: usize) {
    let is_said = |line: &str| line.contains("all it shares is known here") && line.contains(peer);
    wait_for(&format!("{peer} to be followed by {}", node.url), PATIENCE, || {
        (node.process.error_text().lines().filter(|line| is_said(line)).count() >= times).then_some(())
    });
}

/// What a search of the pool found.
#[derive(Debug, Default)]
struct Pool {
    /// By the URL of the peer.
    rows: BTreeMap<String, Vec<Row>>,
    /// Who did not answer, and why.
    failed: BTreeMap<String, String>,
    answered: BTreeSet<String>,
}

impl Pool {
    fn names(&self, peer: &str) -> Vec<&str> {
        self.rows.get(peer).into_iter().flatten().map(|row| row.path.as_str()).collect()
    }
}

/// Somebody who searches the pool at a node.
struct Searcher(Tab);

impl Searcher {
    fn at(node: &Node) -> Self {
        Self::calling(&node.url)
    }

    fn calling(url: &str) -> Self {
        Self(Tab::introduce(url, PASSWORD, hello(Role::Command, "searcher", None)))
    }

    fn search(&self, words: &str) -> Pool {
        let search =
            Search { kind: SearchKind::Words, pattern: words.into(), scope: SearchScope::Pool, most: 0, away: None };
        let mut pool = Pool::default();
        for message in self.0.ask(search).unwrap().0 {
            match message {
                Message::Found(Found { peer, rows, .. }) => pool.rows.entry(peer).or_default().extend(rows),
                Message::Answered(Answered { peer, error, .. }) => {
                    assert!(pool.answered.insert(peer.clone()), "{peer} answers twice");
                    pool.failed.extend(error.map(|error| (peer, error)));
                }
                other => panic!("{other:?}"),
            }
        }
        pool
    }

    /// Searches until this peer has exactly these names.
    fn wait_for(&self, words: &str, peer: &str, names: &[&str]) {
        let mut last = Pool::default();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(&format!("{peer} to have {names:?}"), PATIENCE, || {
                last = self.search(words);
                (last.names(peer) == names && last.answered.contains(peer)).then_some(())
            });
        }));
        assert!(found.is_ok(), "{peer} should have {names:?}: {last:?}");
    }
}
