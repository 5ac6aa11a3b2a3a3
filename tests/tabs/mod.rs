//! Tabs as peers, at a real node: what they offer is found and fetched by everybody, and what happens when they go.

mod archive;
mod aside;
mod away;
mod class;
mod crowd;
mod fetch;
mod neighbours;
mod requests;
mod shares;
mod stalled;

use libtest_mimic::Trial;
use native_node::bridge::Named;
use native_node::dial::LegacyDialer;
use shared::{Password, PeerUrl};
use tempfile::TempDir;

use crate::harness::node::Node;
use crate::harness::tab::Tab;
use crate::harness::tree::tree;

const PASSWORD: &str = "correct horse";
const SECRET: [u8; 16] = [7; 16];

pub(crate) fn trials() -> Vec<Trial> {
    [
        archive::trials(),
        aside::trials(),
        away::trials(),
        stalled::trials(),
        class::trials(),
        crowd::trials(),
        neighbours::trials(),
        fetch::trials(),
        requests::trials(),
        shares::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A node that shares some files, with one tab.
struct Site {
    node: Node,
    tab: Tab,
    into: TempDir,
    _share: TempDir,
}

impl Site {
    fn new() -> Self {
        let share = tree(&[("own.txt", b"the node's own")]);
        let node = Node::serve(share.path(), PASSWORD, &[]);
        let tab = Tab::open(&node.url, PASSWORD, "Ada's tab", SECRET);
        Self { node, tab, into: tempfile::tempdir().unwrap(), _share: share }
    }

    fn open(&self, name: &str, secret: [u8; 16]) -> Tab {
        Tab::open(&self.node.url, PASSWORD, name, secret)
    }

    /// What the peer at a URL lists to whoever calls it the 2004 way.
    fn names(&self, url: &str) -> Vec<String> {
        let names = self.tab.block_on(dialer().names(&peer(url), Named::ByPerson, "")).expect("a listing");
        names
            .into_iter()
            .map(|name| if let shared::xmlrpc::Name::Text(name) = name { name } else { panic!() })
            .collect()
    }

    /// Whom the peer at a URL lists.
    fn listed(&self, url: &str) -> Vec<String> {
        self.tab.block_on(dialer().exchange(&peer(url), Named::ByPerson, &[])).expect("an exchange").expect("a list")
    }
}

/// As whoever knows nothing but 2004.
fn dialer() -> LegacyDialer {
    LegacyDialer::new(Some(Password::new(PASSWORD)))
}

fn peer(url: &str) -> PeerUrl {
    PeerUrl::parse(url).unwrap()
}
