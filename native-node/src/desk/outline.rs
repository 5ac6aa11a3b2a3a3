//! What proves each piece of a file of our own. Of a tab's files nothing is known.

use std::sync::Arc;

use bytes::Bytes;
use shared::bridge::{Outline, Outlined, ResetCode};
use shared::limits::PIECE_BYTES;
use shared::{ContentId, PeerUrl, SharedPath};

use super::refusal::{Refusal, file, ours};
use super::session::Desk;
use crate::folder::{Known, ValuesAt};
use crate::http::on_another_thread;
use crate::link::Answer;
use crate::source::{SourceError, Version};

pub(super) async fn answer(desk: &Desk, asked: Outline, mut answer: Answer) {
    let outlined = tokio::select! {
        outlined = look(desk, asked) => outlined,
        () = answer.unwanted() => return,
    };
    match outlined {
        Ok((outlined, values)) => {
            if answer.reply(outlined).await.is_ok() {
                send(values, answer).await;
            }
        }
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

async fn look(desk: &Desk, asked: Outline) -> Result<(Outlined, Option<ValuesAt>), Refusal> {
    let (node, peer) = (Arc::clone(desk.node()), ours(desk.node(), &asked.of)?);
    let id = asked.id.map(ContentId);
    let path = match (asked.path.is_empty(), id) {
        (true, Some(id)) => holding(desk, &peer, id).await?,
        _ => file(&asked.path)?,
    };
    let entry = node.with_host(|host, _| host.entry(&peer, &path)).ok_or(SourceError::Missing)?;
    let version = Version { size: entry.size, modified: entry.modified };
    let is_other = asked.version.is_some_and(|wanted| Version::from(wanted) != version);
    if is_other || entry.id.is_some_and(|held| id.is_some_and(|id| id != held)) {
        return Err(SourceError::Changed.into());
    }
    let outlined = |id: Option<ContentId>, later| Outlined { version: version.into(), id: id.map(|id| id.0), later };
    if peer != *node.url() {
        return Ok((outlined(None, false), None));
    }
    // It reads a record from the disk.
    let known = tokio::task::spawn_blocking(move || node.contents().outline(&path, version)).await;
    Ok(match known.map_err(|_| SourceError::Interrupted)? {
        Known::Outline(id, values) => (outlined(Some(id), false), Some(values)),
        Known::Later => (outlined(None, true), None),
    })
}

/// A file of one of our peers with this content.
async fn holding(desk: &Desk, peer: &PeerUrl, id: ContentId) -> Result<SharedPath, Refusal> {
    let catalog = desk.node().with_host(|host, _| host.catalog(peer));
    let look = move || catalog.iter().find(|(_, entry)| entry.id == Some(id)).map(|(path, _)| path.to_path());
    let found = on_another_thread(look).await.map_err(|fault| Refusal::new(ResetCode::OTHER, fault.message))?;
    found.ok_or_else(|| SourceError::Missing.into())
}

/// Sends the values as they are read.
async fn send(values: Option<ValuesAt>, mut answer: Answer) {
    let mut next = values;
    while let Some(mut values) = next {
        let reading = tokio::task::spawn_blocking(move || values.read(PIECE_BYTES).map(|bytes| (bytes, values)));
        let Ok(Ok((bytes, rest))) = reading.await else {
            return answer.fail(ResetCode::OTHER, "the outline cannot be read");
        };
        next = Some(rest).filter(|_| !bytes.is_empty());
        if answer.data(Bytes::from(bytes)).await.is_err() {
            return;
        }
    }
    // Nobody waits any more is as good.
    let _unwanted = answer.end().await;
}
