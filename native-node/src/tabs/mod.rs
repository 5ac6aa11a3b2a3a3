//! The tabs of a node: peers whose bytes live in a browser, reached through the node alone.
//!
//! A tab comes with a session and goes with it. Its URL follows from its secret ([`TabId`]), so it is the same again after
//! the tab was reloaded, or the node was started anew, and nothing is kept on a disk. A tab that is away is listed no more at
//! once, and remembered for [`HOLDER_RETURN`]: transfers wait for it and go on.
//!
//! Its files are in the [`Host`](shared::Host), as our own are. Reading them is `source`'s.

mod offer;
mod tab;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use shared::PeerUrl;
use shared::bridge::TabId;
use shared::limits::{HOLDER_RETURN, TABS};

use crate::link::Link;
use crate::lock::LockExt;
use crate::node::Node;
use offer::Totals;

pub use tab::Tab;

/// All tabs of a node, those that are away for a moment included.
#[derive(Debug, Default)]
pub struct Tabs {
    known: Mutex<BTreeMap<TabId, Arc<Tab>>>,
    totals: Totals,
}

/// One session of a tab: the right to speak for it, until the next comes.
#[derive(Debug)]
pub struct TabSession {
    node: Arc<Node>,
    tab: Arc<Tab>,
    number: u64,
}

impl Tabs {
    /// The tab of this id, if it is here or just went away.
    #[must_use]
    pub fn find(&self, id: TabId) -> Option<Arc<Tab>> {
        self.known().get(&id).cloned()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<TabId, Arc<Tab>>> {
        self.known.locked()
    }
}

/// A tab comes, or comes back. A session that it had before is closed. None where there are too many tabs already.
pub(crate) fn enter(node: &Arc<Node>, id: TabId, name: Option<String>, link: Link) -> Option<TabSession> {
    let url = id.url_at(node.url())?;
    let mut known = node.tabs().known();
    if known.len() >= TABS && !known.contains_key(&id) {
        tracing::warn!(TABS, "there are as many tabs as there may be; one more has no address");
        return None;
    }
    let tab = known.entry(id).or_insert_with(|| {
        node.with_host(|host, _| host.add_peer(url.clone()));
        Arc::new(Tab::new(id, url, node.new_ticket_owner()))
    });
    let number = tab.come(name, link);
    // What sessions before it offered is not listed any more, and remembered until it offers something itself.
    node.with_host(|host, now| host.set_away(now, tab.url(), true));
    let stay = TabSession { node: Arc::clone(node), tab: Arc::clone(tab), number };
    drop(known);
    node.peers_changed();
    Some(stay)
}

impl TabSession {
    /// Whose it is.
    #[must_use]
    pub fn tab(&self) -> &Arc<Tab> {
        &self.tab
    }

    /// The person calls the tab otherwise from now on.
    pub(crate) fn rename(&self, name: Option<String>) {
        if self.tab.is_session(self.number) {
            self.tab.rename(name);
            self.node.peers_changed();
        }
    }
}

/// The tab is away, unless another session speaks for it by now.
impl Drop for TabSession {
    fn drop(&mut self) {
        let (node, tab, number) = (Arc::clone(&self.node), Arc::clone(&self.tab), self.number);
        {
            let _known = node.tabs().known();
            if !tab.go(number) {
                return;
            }
            node.with_host(|host, now| host.set_away(now, tab.url(), true));
        }
        node.peers_changed();
        // Without a runtime the program is ending, and nobody waits.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(HOLDER_RETURN).await;
                forget(&node, &tab, number);
            });
        }
    }
}

/// Forgets a tab that did not come back.
fn forget(node: &Node, tab: &Tab, number: u64) {
    let mut known = node.tabs().known();
    if tab.leave(number) {
        known.remove(&tab.id());
        tab.withdraw_all(&node.tabs().totals);
        node.with_host(|host, _| host.remove_peer(tab.url()));
    }
}

/// Which of our peers is posted to at this path: a tab's, be it here or not, or the node itself.
pub(crate) fn asked_at(node: &Node, path: &str) -> PeerUrl {
    TabId::of_path(path).and_then(|id| id.url_at(node.url())).unwrap_or_else(|| node.url().clone())
}
