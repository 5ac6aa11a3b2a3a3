//! A source as the answer to a request in a session.

use shared::bridge::{File, ResetCode};

use super::{Source, SourceError};
use crate::link::Answer;

impl Source {
    /// What is said before its bytes.
    pub(crate) fn header(&self) -> File {
        let executable = self.is_executable().then_some(true);
        File { executable, ..File::new(self.version().into(), self.left()) }
    }
}

/// Sends all of it, or says why it ends before its end; `sent` is told how many bytes, after each piece.
pub(crate) async fn send(mut source: Source, mut answer: Answer, sent: impl Fn(u64)) {
    if answer.reply(source.header()).await.is_err() {
        return;
    }
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            () = answer.unwanted() => return,
        };
        match next {
            Ok(Some(bytes)) => {
                let length = bytes.len() as u64;
                if answer.data(bytes).await.is_err() {
                    return;
                }
                sent(length);
            }
            Ok(None) => {
                // Nobody waits any more is as good.
                let _unwanted = answer.end().await;
                return;
            }
            Err(why) => return broken_off(answer, &why),
        }
    }
}

/// Says why an answer ends before its end.
pub(crate) fn broken_off(answer: Answer, why: &SourceError) {
    tracing::info!(%why, "a file could not be sent to its end");
    // What was sent is no use to anybody: it must not look as if there never was such a file.
    let code = match why.code() {
        ResetCode::NOT_FOUND => ResetCode::CHANGED,
        code => code,
    };
    answer.fail(code, why.to_string());
}
