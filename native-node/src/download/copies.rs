//! One content that is offered under several names: it is fetched once, and for the others taken from what is here by then.
//!
//! Only large files of which their holder knows what they hold; what is taken is proved like what an earlier download left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use shared::{ContentId, SharedPath};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::lock::LockExt;

/// The turn at a content, and as what it is here once it is. Dropped, it is the next one's.
pub(super) type ContentTurn = OwnedMutexGuard<Option<SharedPath>>;

/// The contents of one download that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<HashMap<ContentId, Arc<AsyncMutex<Option<SharedPath>>>>>);

impl Copies {
    /// Waits until nobody else fetches this content.
    pub(super) async fn turn(&self, id: ContentId) -> ContentTurn {
        let content = self.content(id);
        content.lock_owned().await
    }

    /// A file that is to hold this was here before.
    pub(super) fn was_here(&self, id: ContentId, path: SharedPath) {
        // Somebody fetches it already: so it goes on.
        if let Ok(mut here) = self.content(id).try_lock() {
            here.get_or_insert(path);
        }
    }

    fn content(&self, id: ContentId) -> Arc<AsyncMutex<Option<SharedPath>>> {
        Arc::clone(self.0.locked().entry(id).or_default())
    }
}
