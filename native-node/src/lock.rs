//! Locks of data that stays whole whatever happens to who holds them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Taking a lock that no panic makes useless: nothing here leaves data half changed between two statements that could panic,
/// and a node that answers nobody because one task died serves nobody.
pub(crate) trait LockExt<T> {
    /// Waits for the lock.
    fn locked(&self) -> MutexGuard<'_, T>;
}

impl<T> LockExt<T> for Mutex<T> {
    fn locked(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
