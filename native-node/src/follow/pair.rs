//! Two nodes that dialed each other keep one session of the two, the same at both ends: the one that the end with the smaller
//! id dialed. The other end asks over that one too, and closes its own.
//!
//! Whoever called us may say of itself what it likes, its id included. So a session that we accepted is used to ask a URL
//! only after whoever answers at that URL, in the session we dialed, has shown that it is the other end of both: a value
//! that follows from the keys of the two sessions together, which nobody else knows, nor can get for another pair of them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shared::PeerUrl;
use shared::bridge::{InstanceId, Proof};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::link::Link;
use crate::lock::LockExt;
use crate::node::Node;

/// How often one session is asked after: the first time its other end may not know yet that it stands.
const TRIES: u32 = 3;
/// Time between two of these.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Most proofs that are looked at, and made: sessions that one node opened with another.
const MOST: usize = 8;
/// How often a session that is left is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether of two sessions the one that `dialer` dialed is kept, and not the one that `other` did.
fn is_kept(dialer: InstanceId, other: InstanceId) -> bool {
    dialer < other
}

/// Nodes that opened a session with us, as they say.
#[derive(Debug)]
pub(crate) struct Callers {
    links: Mutex<Vec<Link>>,
    changed: watch::Sender<()>,
}

impl Default for Callers {
    fn default() -> Self {
        Self { links: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Callers {
    fn links(&self) -> MutexGuard<'_, Vec<Link>> {
        self.links.locked()
    }

    /// Sessions whose other end says that it is this one.
    fn of(&self, id: InstanceId) -> Vec<Link> {
        self.links().iter().filter(|link| link.other_end() == id && !link.is_closed()).cloned().collect()
    }
}

/// A caller, for as long as its session stands.
#[derive(Debug)]
pub(crate) struct Entered {
    node: Arc<Node>,
    link: Link,
}

impl Entered {
    /// A node has opened this session with us.
    pub(crate) fn new(node: Arc<Node>, link: Link) -> Self {
        node.callers().links().push(link.clone());
        node.callers().changed.send_replace(());
        Self { node, link }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.node.callers().links().retain(|link| !link.is_same(&self.link));
    }
}

/// For whoever asks over `asked`: proofs of the sessions that we opened with it.
pub(crate) fn proofs(node: &Node, asked: &Link) -> Vec<Proof> {
    let links = node.dialer().links().dialed_to(asked.other_end());
    links.iter().filter(|link| !link.is_same(asked)).take(MOST).map(|link| Proof(link.proof(asked))).collect()
}

/// Sessions that were accepted and asked after, and how often.
#[derive(Debug, Default)]
pub(super) struct Tried(Vec<(Link, u32)>);

impl Tried {
    /// Whether the node at `url` is asked over another session from now on: one of those accepted which is to be kept, and
    /// for which there is a proof among `same`, which came over `link`.
    pub(super) async fn changes_over(&mut self, node: &Node, url: &PeerUrl, link: &Link, same: &[Proof]) -> bool {
        for accepted in candidates(node, link) {
            let proof = accepted.proof(link);
            if same.iter().take(MOST).any(|said| said.0 == proof) {
                tracing::debug!(peer = %url, "one session serves both ways from now on");
                node.dialer().links().adopt(url, accepted).await;
                tokio::spawn(leave(link.clone()));
                return true;
            }
            self.count(&accepted);
        }
        false
    }

    fn count(&mut self, accepted: &Link) {
        self.0.retain(|(link, _)| !link.is_closed());
        match self.0.iter_mut().find(|(link, _)| link.is_same(accepted)) {
            Some((_, count)) => *count += 1,
            None => self.0.push((accepted.clone(), 1)),
        }
    }

    /// Waits until there is a session that might be kept instead of `link`, and was not asked after too often.
    pub(super) async fn another(&self, node: &Node, link: &Link) {
        let mut changed = node.callers().changed.subscribe();
        loop {
            changed.mark_unchanged();
            let count =
                |accepted: &Link| self.0.iter().find(|(link, _)| link.is_same(accepted)).map_or(0, |(_, count)| *count);
            let least = candidates(node, link).iter().map(count).min().filter(|count| *count < TRIES);
            match least {
                Some(0) => return,
                Some(_) => return sleep(TRY_EVERY).await,
                // It cannot end: it lives in the node.
                None => {
                    let _changed = changed.changed().await;
                }
            }
        }
    }
}

/// Sessions that would be kept instead of this one, were it certain who is at their other end.
fn candidates(node: &Node, link: &Link) -> Vec<Link> {
    let (ours, theirs) = (node.identity().id(), link.other_end());
    if !link.is_dialed() || !is_kept(theirs, ours) {
        return Vec::new();
    }
    let mut accepted = node.callers().of(theirs);
    accepted.truncate(MOST);
    accepted
}

/// Closes a session that is not used any more, once all that was asked over it is answered.
async fn leave(link: Link) {
    let mut quiet = 0;
    while quiet < 2 && !link.is_closed() {
        sleep(LOOK_EVERY).await;
        quiet = if link.is_quiet() { quiet + 1 } else { 0 };
    }
    link.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_keep_the_same_session() {
        let (a, b) = (InstanceId([1; 16]), InstanceId([2; 16]));
        assert!(is_kept(a, b) && !is_kept(b, a));
        assert!(!is_kept(a, a), "one with the same id is ourselves");
    }
}
