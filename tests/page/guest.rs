//! Another tab without a browser, which sends no faster than it is told: what takes long in reality is under way for as
//! long as a trial looks at it.

use tokio::task::block_in_place;

use super::PASSWORD;
use crate::harness::node::Node;
use crate::harness::tab::{Content, Tab};

/// It has a runtime of its own, so whatever is done with it is done beside the trial's.
pub(super) struct Guest(Option<Tab>);

impl Guest {
    /// Comes to a node and offers these files.
    pub(super) fn come(node: &Node, name: &str, files: &[(&str, Content)]) -> Self {
        block_in_place(|| {
            let secret = std::array::from_fn(|at| name.as_bytes().get(at).copied().unwrap_or(7));
            let tab = Tab::open(&node.url, PASSWORD, name, secret);
            tab.offer(files);
            let _its_address = tab.url();
            Self(Some(tab))
        })
    }

    /// Does something with it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Tab) -> T) -> T {
        block_in_place(|| work(self.0.as_ref().expect("it is here")))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        block_in_place(|| drop(self.0.take()));
    }
}
