//! The bytes of a file, whoever holds it.

use std::time::Duration;

use shared::bridge::{Aside, Read, ResetCode, TabId};
use shared::limits::CHUNK_BYTES;

use super::refusal::{Refusal, anybody, file, ours};
use super::session::Desk;
use crate::link::Answer;
use crate::source::{self, Reading, Source};

/// How long a tab may take to come for what it asked for: its browser has few connections for one address.
const FETCH_PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn answer(desk: &Desk, mut read: Read, answer: Answer) {
    let aside = read.aside.take();
    let is_passed_on = read.peer.is_some() || TabId::of_path(&read.of).is_some();
    let opening = async {
        let place = desk.place_to_read(is_passed_on).await?;
        Ok::<_, Refusal>((open(desk, read).await?, place))
    };
    let opened = tokio::select! {
        opened = opening => opened,
        () = answer.unwanted() => return,
    };
    match opened {
        Ok((source, _place)) => match aside {
            Some(aside) => send_aside(desk, &aside, source, answer).await,
            None => source::send(source, answer, |_| {}).await,
        },
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

async fn open(desk: &Desk, read: Read) -> Result<Source, Refusal> {
    let Read { peer, of, path, from, length, version, reader, aside: _ } = read;
    // Who asks for what is ours asks others itself: a node must (hop limit 1), a command does.
    let alone = peer.is_none();
    let peer = match peer {
        None => ours(desk.node(), &of)?,
        Some(url) => {
            desk.may_ask_others()?;
            anybody(&url)?
        }
    };
    let (path, version, reader) = (file(&path)?, version.map(Into::into), desk.reader(reader.as_deref()));
    Ok(source::open(desk.node(), Reading { peer, path, from, length, version, reader, alone }).await?)
}

/// Sends all of it beside the session, to whoever fetches it there, or says in the session why not.
async fn send_aside(desk: &Desk, aside: &Aside, mut source: Source, mut answer: Answer) {
    let Some(mut waiting) = desk.node().asides().wait(aside.id()) else {
        return answer.fail(ResetCode::BUSY, "too much is fetched beside sessions at the moment");
    };
    if answer.reply(source.header()).await.is_err() {
        return;
    }
    let fetched = tokio::select! {
        fetched = tokio::time::timeout(FETCH_PATIENCE, waiting.fetched()) => fetched.ok().flatten(),
        () = answer.unwanted() => return,
    };
    let Some(parts) = fetched else {
        return answer.fail(ResetCode::BUSY, "nobody came for the file");
    };
    let mut leaving = aside.leaving();
    let sent = async {
        while let Some(mut bytes) = source.next().await.map_err(Some)? {
            while !bytes.is_empty() {
                let part = leaving.data(&bytes.split_to(bytes.len().min(CHUNK_BYTES))).map_err(|_| None)?;
                parts.send(part.into()).await.map_err(|_| None)?;
            }
        }
        parts.send(leaving.end().map_err(|_| None)?.into()).await.map_err(|_| None)
    };
    let sent = tokio::select! {
        sent = sent => sent,
        () = answer.unwanted() => return,
    };
    match sent {
        Ok(()) => drop(answer.end().await),
        Err(Some(why)) => source::broken_off(answer, &why),
        Err(None) => answer.fail(ResetCode::BUSY, "whoever fetched the file went away"),
    }
}
