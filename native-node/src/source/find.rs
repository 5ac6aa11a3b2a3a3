//! Finds a file where it is held, and opens it there: the one place that knows who holds what.
//!
//! It finds our own files. Those of other peers are `NotHere` until there is a way to them.

use std::ops::Range;

use shared::SharedPath;

use super::{Place, Source, SourceError, Version, Wanted};
use crate::folder::{OpenError, OpenedFile};
use crate::node::Node;

/// A file that was found, in the version that was wanted, not read yet.
#[derive(Debug)]
pub struct Found {
    version: Version,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Own(OpenedFile),
}

/// Finds a file and opens it.
///
/// # Errors
/// Anything but [`SourceError::Busy`]; [`SourceError::Changed`] where there is only another version of it.
pub async fn find(node: &Node, wanted: &Wanted) -> Result<Found, SourceError> {
    if wanted.peer != *node.url() {
        return Err(SourceError::NotHere);
    }
    let opened = open_own(node, &wanted.path).await?;
    if opened.version() != wanted.version {
        return Err(SourceError::Changed);
    }
    Ok(Found { version: opened.version(), held: Held::Own(opened) })
}

/// The version that there is of a file of our own.
///
/// # Errors
/// [`SourceError::Missing`], or [`SourceError::Interrupted`] when the node is ending.
pub async fn look_at_own(node: &Node, path: &SharedPath) -> Result<Version, SourceError> {
    Ok(open_own(node, path).await?.version())
}

impl Found {
    /// The version that was found.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Begins to read a part of it, as soon as there is a place for one more reader.
    ///
    /// # Errors
    /// [`SourceError::Busy`] if there is none for too long.
    pub async fn read(self, node: &Node, part: Range<u64>) -> Result<Source, SourceError> {
        let place = Place::take(node, part.end.saturating_sub(part.start)).await?;
        Ok(match self.held {
            Held::Own(opened) => Source::own(opened, part, place),
        })
    }
}

async fn open_own(node: &Node, path: &SharedPath) -> Result<OpenedFile, SourceError> {
    let (share, path) = (node.share(), path.clone());
    if let Some(opened) = share.open_file_at_once(&path) {
        return Ok(opened);
    }
    let opening = tokio::task::spawn_blocking(move || share.open_file(&path));
    // Why it cannot be opened stays in our log.
    opening.await.map_err(|_| SourceError::Interrupted)?.map_err(|error: OpenError| {
        tracing::info!(%error, "a listed file cannot be served");
        SourceError::Missing
    })
}
