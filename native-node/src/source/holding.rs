//! Who holds a certain content, and under which name.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use shared::bridge;
use shared::limits::STREAM_WINDOW_BYTES;
use shared::transfer::{Outline, PIECE_BYTES, pieces_of};
use shared::{Catalog, ContentId, PeerUrl, SharedPath};

use super::holder::Holder;
use super::relay::{PATIENCE, Relay, said};
use super::{SourceError, Version};
use crate::dial::{Outlined, outlined};
use crate::link::Replies;
use crate::node::Node;

/// What may be under way, in bytes: a piece, and what its records cost besides.
const WINDOW: u32 = STREAM_WINDOW_BYTES + (STREAM_WINDOW_BYTES >> 2);

/// Most pieces of a file that is proved: 32 GiB, whose outline is 1 MiB, which a peer makes us hold for each reader.
const MOST_RELAYED_PIECES: u64 = 1 << 15;

/// A file at somebody who can be asked for any part of it.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) holder: Holder,
    pub(super) path: SharedPath,
    pub(super) version: Version,
}

impl Holding {
    /// Whether what proves its pieces is little enough to be held.
    pub(super) fn can_be_proved(&self) -> bool {
        pieces_of(self.version.size) <= MOST_RELAYED_PIECES
    }

    /// What a file holds, as far as its peer has told, where this is the version that is wanted.
    pub(super) fn find(
        node: &Node,
        holder: &Holder,
        path: &SharedPath,
        wanted: Option<Version>,
    ) -> Option<(Self, ContentId)> {
        let entry = match holder {
            Holder::Tab(tab) => node.with_host(|host, _| host.entry(tab.url(), path)),
            Holder::Node(peer) => {
                let held = node.replicas().current(peer.authority());
                held.iter().find(|(url, _)| url == peer).and_then(|(_, catalog)| catalog.entry(path).copied())
            }
            Holder::Own | Holder::Legacy(_) => None,
        }?;
        let version = Version::from(&entry);
        let id = entry.id.filter(|_| wanted.is_none_or(|wanted| wanted == version))?;
        Some((Self { holder: holder.clone(), path: path.clone(), version }, id))
    }

    /// What proves the pieces, as this holder says; none where it does not know.
    pub(super) async fn outline(&self, node: &Node, id: ContentId) -> Result<Option<Outline>, SourceError> {
        let Self { holder, path, version } = self;
        if pieces_of(version.size) == 1 {
            return Outline::new(id, version.size, Vec::new()).map(Some).map_err(|_| SourceError::Lied);
        }
        let (of, path, wanted) = (holder.path(), path.as_str().to_owned(), Some((*version).into()));
        let asked = bridge::Outline { of, path, version: wanted, id: Some(id.0), peer: None };
        let replies = holder.link(node).await?.ask(asked, 0).await.map_err(said)?.within(PATIENCE);
        match outlined(replies, *version).await.map_err(said)? {
            Outlined::Known(outline) if outline.id() == id => Ok(Some(outline)),
            Outlined::Known(_) => Err(SourceError::Lied),
            Outlined::Later | Outlined::Never => Ok(None),
        }
    }

    /// Asks for all pieces of which there is something in this part, whose beginning is that of a piece.
    pub(super) async fn ask(&self, node: &Arc<Node>, reader: &str, part: Range<u64>) -> Result<Replies, SourceError> {
        let end = part.end.next_multiple_of(PIECE_BYTES as u64).min(self.version.size);
        let relay = Relay {
            node: Arc::clone(node),
            holder: self.holder.clone(),
            path: self.path.clone(),
            from: part.start,
            left: Some(end.saturating_sub(part.start)),
            version: Some(self.version),
            reader: reader.to_owned(),
            alone: true,
        };
        Ok(relay.ask(WINDOW).await?.0)
    }
}

/// Everybody else who has a content of this size.
pub(super) async fn others(node: &Arc<Node>, id: ContentId, size: u64, but: &[PeerUrl]) -> Vec<Holding> {
    let mut catalogs = node.with_host(|host, _| {
        let tabs = host.catalogs().filter(|(url, _)| *url != node.url());
        tabs.map(|(url, catalog)| (url.clone(), Arc::clone(catalog))).collect::<Vec<_>>()
    });
    // A node's tabs come with it.
    let nodes: BTreeSet<_> =
        node.with_host(|host, _| host.roster().live().map(|url| url.authority().to_owned()).collect());
    catalogs.extend(nodes.iter().flat_map(|authority| node.replicas().current(authority)));
    catalogs.retain(|(url, _)| !but.contains(url));
    // It looks at every name.
    let look = tokio::task::spawn_blocking(move || {
        let file = |catalog: &Catalog| {
            let held = catalog.iter().find(|(_, entry)| entry.id == Some(id) && entry.size == size);
            held.map(|(path, entry)| (path.to_path(), Version::from(entry)))
        };
        catalogs.into_iter().filter_map(|(peer, catalog)| Some((peer, file(&catalog)?))).collect::<Vec<_>>()
    });
    let found = look.await.unwrap_or_default().into_iter();
    let holding = |(peer, (path, version))| match Holder::of(node, &peer) {
        Ok(holder @ (Holder::Tab(_) | Holder::Node(_))) => Some(Holding { holder, path, version }),
        _ => None,
    };
    found.filter_map(holding).collect()
}
