//! Which paths of a catalog changed of late: who follows it and was away for a moment is told of these, not of all.

use std::collections::VecDeque;

use crate::SharedPath;
use crate::limits::{RECENT_BYTES, RECENT_CHANGES};

/// Changes that a catalog of no file remembers; each file it has adds one, as a list longer than the catalog is no use.
const LEAST_CHANGES: usize = 64;
/// Bytes of their paths, likewise; each file adds 128.
const LEAST_BYTES: usize = 16 << 10;
const BYTES_OF_FILE: usize = 128;

/// The last changes of one catalog, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    changes: VecDeque<(u64, SharedPath)>,
    bytes: usize,
    /// All that changed after this revision is known.
    floor: u64,
}

impl Recent {
    /// Nothing is known of what was before `revision`.
    pub(super) fn since(revision: u64) -> Self {
        Self { floor: revision, ..Self::default() }
    }

    /// Nothing is known, and nothing will be.
    pub(super) fn never() -> Self {
        Self::since(u64::MAX)
    }

    /// The same for a catalog that was emptied, which made `revision`.
    pub(super) fn cleared(&self, revision: u64) -> Self {
        Self::since(self.floor.max(revision))
    }

    /// A path has changed, which made `revision` of a catalog of so many files.
    pub(super) fn note(&mut self, revision: u64, path: &SharedPath, files: usize) {
        if self.floor == u64::MAX {
            return;
        }
        self.bytes += path.as_str().len();
        self.changes.push_back((revision, path.clone()));
        let most = files.saturating_add(LEAST_CHANGES).min(RECENT_CHANGES);
        let most_bytes = files.saturating_mul(BYTES_OF_FILE).saturating_add(LEAST_BYTES).min(RECENT_BYTES);
        while (self.changes.len() > most || self.bytes > most_bytes)
            && let Some((revision, path)) = self.changes.pop_front()
        {
            self.bytes -= path.as_str().len();
            self.floor = revision;
        }
    }

    /// What changed after `revision`, the oldest first, a path perhaps more than once; none where that is not known any more.
    pub(super) fn after(&self, revision: u64) -> Option<impl Iterator<Item = (u64, &SharedPath)>> {
        let from = self.changes.partition_point(|(changed, _)| *changed <= revision);
        (revision >= self.floor).then(|| self.changes.range(from..).map(|(revision, path)| (*revision, path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_known_to_be() {
        let path = |number: u64| SharedPath::parse(&format!("file {number}")).unwrap();
        let mut recent = Recent::since(7);
        assert!(recent.after(6).is_none());
        assert_eq!(recent.after(7).unwrap().count(), 0);
        for revision in 8..=100 {
            recent.note(revision, &path(revision), 0);
        }
        let first = 101 - LEAST_CHANGES as u64;
        assert!(recent.after(first - 2).is_none());
        assert_eq!(recent.after(first - 1).unwrap().count(), LEAST_CHANGES);
        assert_eq!(recent.after(99).unwrap().collect::<Vec<_>>(), [(100, &path(100))]);
        assert_eq!(recent.after(100).unwrap().count(), 0);
        // Long names: by their bytes.
        let long = SharedPath::parse(&vec!["x".repeat(200); 10].join("/")).unwrap();
        for revision in 101..200 {
            recent.note(revision, &long, 0);
        }
        assert!(recent.bytes <= LEAST_BYTES && recent.after(150).is_none() && recent.after(198).is_some());
        // More than its files a catalog remembers of no change, and never more than there may be.
        for revision in 200..2 * RECENT_CHANGES as u64 {
            recent.note(revision, &path(revision), usize::MAX);
        }
        assert_eq!(recent.changes.len(), RECENT_CHANGES);
    }
}
