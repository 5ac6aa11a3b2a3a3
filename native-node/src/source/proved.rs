//! A file that passes through this node and of which it is known what it holds: each piece is proved before any of it is given
//! on, and where its holder goes away, or sends something else, whoever else has that content goes on.
//!
//! A piece is held in the records that it came in, which are hashed as they come. They keep their room in the session until
//! they are given on: no more is held than of a file that is not proved, but for a quarter of a piece and what proves it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use shared::bridge;
use shared::limits::STREAM_WINDOW_BYTES;
use shared::transfer::{Outline, PIECE_BYTES, PieceHashing, pieces_of};
use shared::{Catalog, ContentId, PeerUrl, SharedPath};

use super::find::Reading;
use super::holder::Holder;
use super::relay::{BREAKS, PATIENCE, Payload, Relay, said};
use super::{Feeder, Place, Source, SourceError, Version};
use crate::dial::{Outlined, outlined};
use crate::link::{LinkError, Replies, Reply};
use crate::node::Node;

/// What may be under way, in bytes: a piece, and what its records cost besides.
const WINDOW: u32 = STREAM_WINDOW_BYTES + (STREAM_WINDOW_BYTES >> 2);

/// Most pieces of a file that is proved: 32 GiB, whose outline is 1 MiB, which a peer makes us hold for each reader.
const MOST_PIECES: u64 = 1 << 15;

/// A file with that content.
#[derive(Debug, Clone)]
struct Holding {
    holder: Holder,
    path: SharedPath,
    version: Version,
}

/// What is read, and from whom at the moment.
#[derive(Debug)]
struct Proved {
    node: Arc<Node>,
    reader: String,
    outline: Outline,
    /// Which bytes are wanted.
    part: Range<u64>,
    /// Where the next piece begins.
    at: u64,
    from: Holding,
    replies: Replies,
    /// Of a record that goes on into the next piece.
    rest: Bytes,
    /// Sessions that broke without a piece.
    breaks: u32,
    /// Who is not asked again, unless nobody else is left.
    tried: Vec<PeerUrl>,
}

/// Begins to read, from whoever has it; none where nobody can prove anything of the file.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn open(node: &Arc<Node>, reading: &Reading, holder: Holder) -> Result<Option<Source>, SourceError> {
    let Some((version, id)) = content(node, &holder, reading) else { return Ok(None) };
    let from = reading.from.min(version.size);
    let part = from..from.saturating_add(reading.length.unwrap_or(u64::MAX)).min(version.size);
    if part.is_empty() || pieces_of(version.size) > MOST_PIECES {
        return Ok(None);
    }
    let place = Place::relay(node, part.end - part.start).await?;
    let at = part.start - part.start % PIECE_BYTES as u64;
    let mut tried = vec![reading.peer.clone()];
    let mut from = Holding { holder, path: reading.path.clone(), version };
    let (outline, replies) = loop {
        let begun = async {
            let Some(outline) = outline(node, &from, id).await? else { return Ok(None) };
            let replies = ask(node, &from, &reading.reader, at..part.end).await?;
            Ok(Some((outline, replies)))
        };
        match begun.await {
            Ok(Some(begun)) => break begun,
            Ok(None) => return Ok(None),
            Err(why) => from = another(node, id, version.size, &mut tried, why).await?,
        }
    };
    let (feeder, source) = Source::arriving(version, part.end - part.start, place);
    let (node, reader) = (Arc::clone(node), reading.reader.clone());
    let proved = Proved { node, reader, outline, part, at, from, replies, rest: Bytes::new(), breaks: 0, tried };
    tokio::spawn(proved.feed(feeder));
    Ok(Some(source))
}

/// What a file holds, as far as its peer has told, where this is the version that is wanted.
fn content(node: &Node, holder: &Holder, reading: &Reading) -> Option<(Version, ContentId)> {
    let Reading { peer, path, version: wanted, .. } = reading;
    let entry = match holder {
        Holder::Tab(tab) => node.with_host(|host, _| host.entry(tab.url(), path)),
        _ => {
            let held = node.replicas().current(peer.authority());
            held.iter().find(|(url, _)| url == peer).and_then(|(_, catalog)| catalog.entry(path).copied())
        }
    };
    let entry = entry?;
    let version = Version { size: entry.size, modified: entry.modified };
    entry.id.filter(|_| wanted.is_none_or(|wanted| wanted == version)).map(|id| (version, id))
}

/// What proves the pieces, as this holder says; none where it does not know.
async fn outline(node: &Node, from: &Holding, id: ContentId) -> Result<Option<Outline>, SourceError> {
    let Holding { holder, path, version } = from;
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

/// Asks a holder for all pieces of which there is something in this part.
async fn ask(node: &Arc<Node>, from: &Holding, reader: &str, part: Range<u64>) -> Result<Replies, SourceError> {
    let end = part.end.next_multiple_of(PIECE_BYTES as u64).min(from.version.size);
    let relay = Relay {
        node: Arc::clone(node),
        holder: from.holder.clone(),
        path: from.path.clone(),
        from: part.start,
        left: Some(end.saturating_sub(part.start)),
        version: Some(from.version),
        reader: reader.to_owned(),
    };
    Ok(relay.ask(WINDOW).await?.0)
}

/// Somebody else who has that content, and was not tried yet; there being none, `why` it was needed.
async fn another(
    node: &Arc<Node>,
    id: ContentId,
    size: u64,
    tried: &mut Vec<PeerUrl>,
    why: SourceError,
) -> Result<Holding, SourceError> {
    let mut catalogs = node.with_host(|host, _| {
        let tabs = host.catalogs().filter(|(url, _)| *url != node.url());
        tabs.map(|(url, catalog)| (url.clone(), Arc::clone(catalog))).collect::<Vec<_>>()
    });
    // A node's tabs come with it.
    let nodes: BTreeSet<_> =
        node.with_host(|host, _| host.roster().live().map(|url| url.authority().to_owned()).collect());
    catalogs.extend(nodes.iter().flat_map(|authority| node.replicas().current(authority)));
    catalogs.retain(|(url, _)| !tried.contains(url));
    // It looks at every name.
    let look = tokio::task::spawn_blocking(move || {
        let file = |catalog: &Catalog| {
            let held = catalog.iter().find(|(_, entry)| entry.id == Some(id) && entry.size == size);
            held.map(|(path, entry)| (path.to_path(), Version { size, modified: entry.modified }))
        };
        catalogs.into_iter().filter_map(|(peer, catalog)| Some((peer, file(&catalog)?))).collect::<Vec<_>>()
    });
    for (peer, (path, version)) in look.await.unwrap_or_default() {
        tried.push(peer.clone());
        if let Ok(holder @ (Holder::Tab(_) | Holder::Node(_))) = Holder::of(node, &peer) {
            tracing::info!(%peer, %why, "another holder goes on");
            return Ok(Holding { holder, path, version });
        }
    }
    Err(why)
}

impl Proved {
    async fn feed(mut self, feeder: Feeder) {
        tokio::select! {
            result = self.pour(&feeder) => match result {
                Ok(()) => feeder.finish().await,
                Err(why) => feeder.fail(why).await,
            },
            () = feeder.unwanted() => {}
        }
    }

    async fn pour(&mut self, feeder: &Feeder) -> Result<(), SourceError> {
        while self.at < self.part.end {
            if !feeder.wanted().await {
                return Err(SourceError::Interrupted);
            }
            let piece = match self.piece().await {
                Ok(piece) => piece,
                Err(why) => {
                    self.go_on_after(why).await?;
                    continue;
                }
            };
            self.breaks = 0;
            for (mut bytes, room) in piece {
                let before = self.part.start.saturating_sub(self.at).min(bytes.len() as u64);
                let after = self.part.end.saturating_sub(self.at).min(bytes.len() as u64);
                self.at += bytes.len() as u64;
                // Both are at most its length.
                bytes.truncate(after as usize);
                let bytes = bytes.split_off(before as usize);
                if !bytes.is_empty() && !feeder.give(bytes).await {
                    return Err(SourceError::Interrupted);
                }
                self.replies.release(room);
            }
        }
        Ok(())
    }

    /// The next piece, proved, in parts, each with the room that it keeps.
    async fn piece(&mut self) -> Result<Vec<(Bytes, usize)>, SourceError> {
        let mut left = (self.outline.size() - self.at).min(PIECE_BYTES as u64) as usize;
        let mut hashing = PieceHashing::new(self.at / PIECE_BYTES as u64);
        let mut parts = Vec::new();
        while left > 0 {
            let (mut bytes, room) = if self.rest.is_empty() {
                match self.replies.next().await {
                    Ok(Some(Reply::Data(record))) => (Bytes::from_owner(Payload(record)), self.replies.keep()),
                    Ok(None) => return Err(SourceError::Changed),
                    Ok(Some(_)) => return Err(said(LinkError::Senseless)),
                    Err(error) => return Err(said(error)),
                }
            } else {
                (std::mem::take(&mut self.rest), 0)
            };
            self.rest = bytes.split_off(left.min(bytes.len()));
            left -= bytes.len();
            hashing.push(&bytes);
            parts.push((bytes, room));
        }
        if self.outline.proves_hashed(&hashing) { Ok(parts) } else { Err(SourceError::Lied) }
    }

    /// Has somebody else go on from the next piece; there being nobody, whoever broke off, when it is back.
    async fn go_on_after(&mut self, why: SourceError) -> Result<(), SourceError> {
        self.rest = Bytes::new();
        let mut why = why;
        loop {
            let is_interrupted = matches!(why, SourceError::Interrupted);
            match another(&self.node, self.outline.id(), self.outline.size(), &mut self.tried, why).await {
                Ok(other) => self.from = other,
                Err(_) if is_interrupted && self.breaks < BREAKS => self.breaks += 1,
                Err(why) => return Err(why),
            }
            match ask(&self.node, &self.from, &self.reader, self.at..self.part.end).await {
                Ok(replies) => {
                    self.replies = replies;
                    return Ok(());
                }
                Err(error) => why = error,
            }
        }
    }
}
