//! One content that is offered under several names: it is fetched once, and for the others taken from what is here by then.
//!
//! Only large files of which their holder knows what they hold; what is taken is proved like what an earlier download left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use shared::{ContentId, SharedPath};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::{Download, Offered, large};
use crate::lock::LockExt;

/// What a file holds, as its holder says, and how many bytes that is: who lies about one of them keeps nobody waiting.
type Content = (ContentId, u64);

/// The turn at a content, and as what it is here once it is. Dropped, it is the next one's.
pub(super) type ContentTurn = OwnedMutexGuard<Option<SharedPath>>;

/// The contents of one download that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<HashMap<Content, Arc<AsyncMutex<Option<SharedPath>>>>>);

/// By what its copies are known; none where it is fetched by itself.
pub(super) fn content(file: &Offered) -> Option<Content> {
    file.id.zip(file.version.filter(large::is_large).map(|version| version.size))
}

impl Download<'_> {
    /// Waits until nobody else fetches what this file holds.
    pub(super) async fn turn(&self, file: &Offered) -> Option<ContentTurn> {
        Some(self.copies.of(content(file)?).lock_owned().await)
    }
}

impl Copies {
    /// A file that is to hold this was here before.
    pub(super) fn was_here(&self, content: Content, path: SharedPath) {
        // Somebody fetches it already: so it goes on.
        if let Ok(mut here) = self.of(content).try_lock() {
            here.get_or_insert(path);
        }
    }

    fn of(&self, content: Content) -> Arc<AsyncMutex<Option<SharedPath>>> {
        Arc::clone(self.0.locked().entry(content).or_default())
    }
}
