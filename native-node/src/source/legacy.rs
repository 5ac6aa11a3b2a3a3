//! Files of peers of 2004, whose length nobody says.
//!
//! They answer a whole file as one XML document, so its length is known once all of it has come. What a reader is given must
//! be announced in full before its first byte, and a stranger's file is neither kept in memory nor put on our disk. So a
//! longer file comes twice: once to be counted, once to be passed on; one that has another length by then is an error.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use shared::{PeerUrl, Printable, SharedPath};

use super::find::Reading;
use super::{Feeder, ReadPermit, Source, SourceError, Version, cut};
use crate::dial::{CallError, ContentStream};
use crate::node::Node;

/// What is kept while it is counted, in bytes: most files of 2004 are texts, and these come once.
const KEPT: usize = 256 << 10;
/// Longest file that is waited for, in bytes. An original holds three times as much in memory to send it.
const LONGEST: u64 = 4 << 30;

/// A file that was counted.
#[derive(Debug)]
pub(super) enum Counted {
    Kept(Bytes),
    Long(u64),
}

impl Counted {
    /// Nothing but its length tells a version of it.
    pub(super) fn version(&self) -> Version {
        let size = match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Long(size) => *size,
        };
        Version { size, modified: 0 }
    }
}

/// Lets a file come, to know its length.
pub(super) async fn count(node: &Node, peer: &PeerUrl, path: &SharedPath) -> Result<Counted, SourceError> {
    // As much as is kept, and what comes meanwhile.
    let _place = ReadPermit::relay(node, 2 * KEPT as u64).await?;
    let mut content = fetch(node, peer, path).await?;
    let (mut kept, mut count) = (Vec::new(), 0_u64);
    let mut piece = Vec::new();
    while content.next(&mut piece).await.map_err(|why| said(&why))? {
        count = count.saturating_add(piece.len() as u64);
        if count > LONGEST {
            return Err(SourceError::Failed("it is longer than is taken from a peer of 2004".into()));
        }
        if count <= KEPT as u64 {
            kept.extend_from_slice(&piece);
        } else {
            kept = Vec::new();
        }
        piece.clear();
    }
    Ok(if count <= KEPT as u64 { Counted::Kept(kept.into()) } else { Counted::Long(count) })
}

/// What is wanted of what was kept.
pub(super) fn part_of(kept: &Bytes, reading: &Reading) -> Source {
    let version = Version { size: kept.len() as u64, modified: 0 };
    let bytes = cut(kept.clone(), 0, &reading.range(version.size));
    let (feeder, source) = Source::arriving(version, bytes.len() as u64, ReadPermit::small());
    tokio::spawn(feeder.pour(async move |feeder: &Feeder| feeder.give(bytes).await));
    source
}

/// Reads a part of a file of this version. What stands before it comes too, and is thrown away.
pub(super) async fn read(
    node: &Arc<Node>,
    peer: &PeerUrl,
    path: &SharedPath,
    version: Version,
    part: Range<u64>,
) -> Result<Source, SourceError> {
    let place = ReadPermit::relay(node, version.size).await?;
    let content = fetch(node, peer, path).await?;
    let (feeder, source) = Source::arriving(version, part.end - part.start, place);
    tokio::spawn(feeder.pour(async move |feeder: &Feeder| pour(content, version.size, part, feeder).await));
    Ok(source)
}

async fn pour(mut content: ContentStream, size: u64, part: Range<u64>, feeder: &Feeder) -> Result<(), SourceError> {
    let (mut at, mut piece) = (0_u64, Vec::new());
    while feeder.wanted().await && content.next(&mut piece).await.map_err(|why| said(&why))? {
        let (before, bytes) = (at, Bytes::from(std::mem::take(&mut piece)));
        at = at.saturating_add(bytes.len() as u64);
        if at > size {
            return Err(SourceError::Changed);
        }
        let wanted = cut(bytes, before, &part);
        if !wanted.is_empty() {
            feeder.give(wanted).await?;
        }
    }
    if at == size { Ok(()) } else { Err(SourceError::Changed) }
}

async fn fetch(node: &Node, peer: &PeerUrl, path: &SharedPath) -> Result<ContentStream, SourceError> {
    node.dialer().fetch(peer, path.as_str()).await.map_err(|why| said(&why))
}

fn said(error: &CallError) -> SourceError {
    match error {
        CallError::Fault(_) => SourceError::Missing,
        error => SourceError::Failed(Printable::short(&error.to_string(), 200).to_string()),
    }
}
