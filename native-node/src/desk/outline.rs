//! What proves each piece of a file, whoever holds it: of our own from what was hashed, of another's as its holder says.
//!
//! What a holder says is passed on, bounded, and proved by nobody on the way: it counts for nothing with whoever asked before
//! it leads to the content's id.

use std::sync::Arc;

use bytes::Bytes;
use shared::bridge::{Message, Outline, Outlined, ResetCode};
use shared::limits::{CHUNK_BYTES, HOLDER_RETURN, STREAM_WINDOW_BYTES};
use shared::transfer::{MOST_PIECES, Value, pieces_of};
use shared::{ContentId, PeerUrl, SharedPath};

use super::refusal::{Refusal, anybody, file, ours};
use super::session::Desk;
use crate::folder::{Known, ValuesAt};
use crate::link::{Answer, LinkError, Replies, Reply};
use crate::node::Node;
use crate::search_pool::on_another_thread;
use crate::source::{Holder, ReadPermit, SourceError, Version, said};

/// The values, wherever they are.
enum Values {
    /// None are needed, or known.
    None,
    Own(ValuesAt),
    /// So many bytes of them at most, which pass through.
    Elsewhere(Replies, usize, ReadPermit),
}

pub(super) async fn answer(desk: &Desk, asked: Outline, mut answer: Answer) {
    let outlined = tokio::select! {
        outlined = look(desk, asked) => outlined,
        () = answer.unwanted() => return,
    };
    let (outlined, values) = match outlined {
        Ok(outlined) => outlined,
        Err(refusal) => return answer.fail(refusal.code, refusal.words),
    };
    if answer.reply(outlined).await.is_err() {
        return;
    }
    match values {
        Values::None => {
            // Nobody waits any more is as good.
            let _unwanted = answer.end().await;
        }
        Values::Own(values) => send(values, answer).await,
        Values::Elsewhere(replies, most, _place) => pass_on(replies, most, answer).await,
    }
}

async fn look(desk: &Desk, asked: Outline) -> Result<(Outlined, Values), Refusal> {
    let node = desk.node();
    let peer = match &asked.peer {
        None => ours(node, &asked.of)?,
        Some(url) => {
            desk.may_ask_others()?;
            anybody(url)?
        }
    };
    match Holder::of(node, &peer)? {
        Holder::Own => own(desk, &peer, asked).await,
        holder @ Holder::Tab(_) => of_tab(desk, &peer, &holder, asked).await,
        holder @ Holder::Node(_) => ask(node, &holder, asked).await,
        Holder::Legacy(_) => Err(SourceError::Missing.into()),
    }
}

async fn own(desk: &Desk, peer: &PeerUrl, asked: Outline) -> Result<(Outlined, Values), Refusal> {
    let (path, version, _) = listed(desk, peer, &asked).await?;
    let node = Arc::clone(desk.node());
    // It reads a record from the disk.
    let known = tokio::task::spawn_blocking(move || node.contents().outline(&path, version)).await;
    let outlined = |id: Option<ContentId>, later| Outlined { version: version.into(), id: id.map(|id| id.0), later };
    Ok(match known.map_err(|_| SourceError::Interrupted)? {
        Known::Outline(id, values) => (outlined(Some(id), false), Values::Own(values)),
        Known::Later => (outlined(None, true), Values::None),
    })
}

/// Of a tab's file the id may be known here; what is more the tab is asked for.
async fn of_tab(desk: &Desk, peer: &PeerUrl, holder: &Holder, asked: Outline) -> Result<(Outlined, Values), Refusal> {
    let (path, version, id) = listed(desk, peer, &asked).await?;
    if id.is_some() && pieces_of(version.size) == 1 {
        let outlined = Outlined { version: version.into(), id: id.map(|id| id.0), later: false };
        return Ok((outlined, Values::None));
    }
    let (path, version) = (path.as_str().to_owned(), Some(version.into()));
    ask(desk.node(), holder, Outline { path, version, ..asked }).await
}

/// The file of one of our peers that is meant, its version, and what it holds as far as that is known.
async fn listed(
    desk: &Desk,
    peer: &PeerUrl,
    asked: &Outline,
) -> Result<(SharedPath, Version, Option<ContentId>), Refusal> {
    let id = asked.id.map(ContentId);
    let path = match (asked.path.is_empty(), id) {
        (true, Some(id)) => holding(desk, peer, id).await?,
        _ => file(&asked.path)?,
    };
    let entry = desk.node().with_host(|host, _| host.entry(peer, &path)).ok_or(SourceError::Missing)?;
    let version = Version::from(&entry);
    let is_other = asked.version.is_some_and(|wanted| Version::from(wanted) != version);
    if is_other || entry.id.is_some_and(|held| id.is_some_and(|id| id != held)) {
        return Err(SourceError::Changed.into());
    }
    Ok((path, version, entry.id))
}

/// A file of one of our peers with this content.
async fn holding(desk: &Desk, peer: &PeerUrl, id: ContentId) -> Result<SharedPath, Refusal> {
    let catalog = desk.node().with_host(|host, _| host.catalog(peer));
    let look = move || catalog.iter().find(|(_, entry)| entry.id == Some(id)).map(|(path, _)| path.to_path());
    let found = on_another_thread(look).await.map_err(Refusal::from)?;
    found.ok_or_else(|| SourceError::Missing.into())
}

/// Asks somebody else who holds the file.
async fn ask(node: &Node, holder: &Holder, asked: Outline) -> Result<(Outlined, Values), Refusal> {
    let (version, id) = (asked.version, asked.id);
    // What it sends waits here for who asked: up to a window of it, of which the permit counts both halves.
    let place = ReadPermit::relay(node, u64::from(STREAM_WINDOW_BYTES) / 2).await?;
    let asked = Outline { of: holder.path(), peer: None, ..asked };
    let answered = async {
        let link = holder.link(node).await?;
        let mut replies = link.ask(asked, 0).await.map_err(said)?.within(HOLDER_RETURN);
        match replies.message().await {
            Ok(Message::Outlined(outlined)) => Ok(Some((outlined, replies))),
            // Of an earlier version.
            Err(error) if error.code() == Some(ResetCode::UNKNOWN) => Ok(None),
            Ok(_) => Err(said(LinkError::Senseless)),
            Err(error) => Err(said(error)),
        }
    };
    let Some((outlined, replies)) = answered.await? else {
        let version = version.ok_or(SourceError::Missing)?;
        return Ok((Outlined { version, id: None, later: false }, Values::None));
    };
    let is_other = version.is_some_and(|wanted| wanted != outlined.version)
        || id.is_some_and(|wanted| outlined.id.is_some_and(|id| id != wanted));
    if is_other {
        return Err(SourceError::Changed.into());
    }
    let values = usize::try_from(pieces_of(outlined.version.size)).unwrap_or(usize::MAX).min(MOST_PIECES);
    Ok((outlined, Values::Elsewhere(replies, values * size_of::<Value>(), place)))
}

/// Passes on what a holder sends.
async fn pass_on(mut replies: Replies, most: usize, mut answer: Answer) {
    let mut left = most;
    loop {
        let next = tokio::select! {
            next = replies.next() => next,
            () = answer.unwanted() => return,
        };
        match next {
            Ok(Some(Reply::Data(record))) if record.payload().len() <= left => {
                left -= record.payload().len();
                if answer.data(Bytes::copy_from_slice(record.payload())).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                let _unwanted = answer.end().await;
                return;
            }
            Ok(Some(_)) => return answer.fail(ResetCode::OTHER, "the holder sends something else than an outline"),
            Err(error) => {
                let Refusal { code, words } = said(error).into();
                return answer.fail(code, words);
            }
        }
    }
}

/// Sends our own values as they are read.
async fn send(values: ValuesAt, mut answer: Answer) {
    let mut next = Some(values);
    while let Some(mut values) = next {
        let reading = tokio::task::spawn_blocking(move || values.read(CHUNK_BYTES).map(|bytes| (bytes, values)));
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
