//! The bytes of a file, whoever holds it.

use shared::bridge::{File, Read, ResetCode};

use super::refusal::{Refusal, anybody, file, ours};
use super::session::Desk;
use crate::link::Answer;
use crate::source::{self, Reading, Source};

pub(super) async fn answer(desk: &Desk, read: Read, answer: Answer) {
    let opened = tokio::select! {
        opened = open(desk, read) => opened,
        () = answer.unwanted() => return,
    };
    match opened {
        Ok(source) => send(source, answer).await,
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

async fn open(desk: &Desk, read: Read) -> Result<Source, Refusal> {
    let Read { peer, of, path, from, length, version, reader } = read;
    let peer = match peer {
        None => ours(desk.node(), &of)?,
        Some(url) => {
            desk.may_ask_others()?;
            anybody(&url)?
        }
    };
    let (path, version, reader) = (file(&path)?, version.map(Into::into), desk.reader(reader.as_deref()));
    Ok(source::open(desk.node(), Reading { peer, path, from, length, version, reader }).await?)
}

/// Sends all of it, or says why it ends before its end.
async fn send(mut source: Source, mut answer: Answer) {
    let executable = source.is_executable().then_some(true);
    let file = File { executable, ..File::new(source.version().into(), source.left()) };
    if answer.reply(file).await.is_err() {
        return;
    }
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            () = answer.unwanted() => return,
        };
        match next {
            Ok(Some(bytes)) => {
                if answer.data(bytes).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                // Nobody waits any more is as good.
                let _unwanted = answer.end().await;
                return;
            }
            Err(why) => {
                tracing::info!(%why, "a file could not be sent to its end");
                let Refusal { code, words } = why.into();
                // What was sent is no use to anybody: it must not look as if there never was such a file.
                let code = if code == ResetCode::NOT_FOUND { ResetCode::CHANGED } else { code };
                return answer.fail(code, words);
            }
        }
    }
}
