//! Bytes that tabs fetch beside their sessions: who read something in a session waits here for whoever fetches it over HTTP.
//!
//! See [`shared::bridge::Aside`]. What is waited for belongs to a request of a session, and is gone with it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use shared::bridge::AsideId;
use tokio::sync::{mpsc, oneshot};

use crate::lock::LockExt;

/// Most that may be waited for at once, by all sessions together.
const MOST: usize = 256;
/// How many parts of a body may wait for its reader.
const PARTS: usize = 2;

/// All that is waited for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asides(Arc<Mutex<BTreeMap<AsideId, oneshot::Sender<mpsc::Sender<Bytes>>>>>);

impl Asides {
    /// Waits for whoever fetches this. None where somebody waits for that already, or too many do for something.
    pub(crate) fn wait(&self, id: AsideId) -> Option<Waiting> {
        let mut all = self.lock();
        let has_room = all.len() < MOST;
        match all.entry(id) {
            Entry::Vacant(place) if has_room => {
                let (tell, told) = oneshot::channel();
                place.insert(tell);
                Some(Waiting { id, told, asides: self.clone() })
            }
            _ => None,
        }
    }

    /// The parts of a body, for the first who comes. What ends without its sealed end is not whole.
    pub(crate) fn fetch(&self, id: AsideId) -> Option<mpsc::Receiver<Bytes>> {
        let waiting = self.lock().remove(&id)?;
        let (give, parts) = mpsc::channel(PARTS);
        waiting.send(give).ok().map(|()| parts)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AsideId, oneshot::Sender<mpsc::Sender<Bytes>>>> {
        self.0.locked()
    }
}

/// A body that nobody has come for.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: AsideId,
    told: oneshot::Receiver<mpsc::Sender<Bytes>>,
    asides: Asides,
}

impl Waiting {
    /// Waits until somebody comes. Answers where to put the parts.
    pub(crate) async fn fetched(&mut self) -> Option<mpsc::Sender<Bytes>> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.asides.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> AsideId {
        AsideId::of_path(&format!("/aside/{number:032x}")).unwrap()
    }

    #[tokio::test]
    async fn who_comes_first_gets_it_and_nobody_else() {
        let asides = Asides::default();
        let mut waiting = asides.wait(id(1)).unwrap();
        assert!(asides.wait(id(1)).is_none(), "somebody waits for that");
        assert!(asides.fetch(id(2)).is_none());
        let mut parts = asides.fetch(id(1)).unwrap();
        assert!(asides.fetch(id(1)).is_none());
        waiting.fetched().await.unwrap().send(Bytes::from_static(b"part")).await.unwrap();
        assert_eq!(parts.recv().await.unwrap(), "part");
        assert_eq!(parts.recv().await, None);
    }

    #[test]
    fn nothing_is_left_of_who_does_not_wait_any_more_and_no_more_than_so_many_wait() {
        let asides = Asides::default();
        drop(asides.wait(id(0)).unwrap());
        assert!(asides.fetch(id(0)).is_none());
        let all: Vec<_> = (0..MOST).map(|number| asides.wait(id(number)).unwrap()).collect();
        assert!(asides.wait(id(MOST)).is_none());
        drop(all);
        assert!(asides.lock().is_empty());
    }
}
