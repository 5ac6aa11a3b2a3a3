//! What we hold of the catalog of a peer that we follow: a catalog of its own, whose revisions are the other's.

use super::telling::Update;
use crate::Catalog;

/// An update that does not follow from what was before: the peer is broken, or what it said was lost. What is held is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what it says does not follow from what it said before")]
pub struct Gap;

/// What is held of one peer's catalog.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Its own revision means nothing.
    catalog: Catalog,
    /// The revision all of it is of; none while the first whole is on its way.
    revision: Option<u64>,
    has_begun: bool,
}

impl Default for Replica {
    fn default() -> Self {
        Self { catalog: Catalog::unfollowed(), revision: None, has_begun: false }
    }
}

impl Replica {
    /// Takes an update over.
    ///
    /// # Errors
    /// [`Gap`]: then nothing of it was taken over.
    pub fn handle(&mut self, update: Update) -> Result<(), Gap> {
        let Update { whole, from, put, gone, to } = update;
        if whole {
            *self = Self { has_begun: true, ..Self::default() };
        }
        let follows = self.has_begun && from == self.revision.unwrap_or_default();
        // One that only ever promises a revision would be a whole without an end.
        let is_forward = match (self.revision, to) {
            (Some(held), Some(to)) => to > held,
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !(follows && is_forward) {
            return Err(Gap);
        }
        for path in gone {
            self.catalog.remove(&path);
        }
        for (path, entry) in put {
            // What it said of the file before is void with it.
            self.catalog.replace(path, entry);
        }
        self.revision = to.or(self.revision);
        Ok(())
    }

    /// The revision that all of it is of; none while it is not all there.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// The files.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

#[cfg(test)]
#[path = "replica_tests.rs"]
mod tests;
