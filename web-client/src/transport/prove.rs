//! What proves the pieces of a file that is to be saved: asked of its holders, one after the other.

use std::rc::Rc;
use std::time::Duration;

use shared::ContentId;
use shared::bridge::{Message, Outline};
use shared::limits::PIECE_BYTES;

use super::Tab;
use super::save::Wanted;
use crate::model::MOST_IN_MEMORY;
use crate::pool::Source;
use crate::wire::{Link, Proof, Reply, ReplyError};

/// How long a holder may take to say it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most holders that are asked.
const ASKED: usize = 4;
/// Bytes of what proves one piece.
const VALUE_BYTES: u64 = 32;

impl Tab {
    /// From the first holder that knows; none where nobody does, or it is not known what the file holds. What was begun goes
    /// on as it began.
    pub(super) async fn proof(&self, link: &Link, wanted: &Wanted) -> Option<Rc<Proof>> {
        if self.has_begun(wanted.id) {
            return self.proof_of(wanted.id);
        }
        let size = wanted.size.filter(|size| *size <= MOST_IN_MEMORY)?;
        let (content, worker) = (wanted.content?, self.worker()?);
        if size <= PIECE_BYTES as u64 {
            return Proof::of(worker, content, size, &[]).await.map(Rc::new);
        }
        for source in wanted.sources.iter().take(ASKED) {
            if let Ok(values) = outline(link, source, content, size).await
                && let Some(proof) = Proof::of(Rc::clone(&worker), content, size, &values).await
            {
                return Some(Rc::new(proof));
            }
        }
        None
    }
}

/// What a holder says proves the pieces of a content of so many bytes.
async fn outline(link: &Link, source: &Source, content: ContentId, size: u64) -> Result<Vec<u8>, ReplyError> {
    let (peer, path) = (Some(source.peer.as_str().to_owned()), source.path.clone());
    let request = Outline { of: String::new(), path, version: None, id: Some(content.0), peer };
    let mut replies = link.ask(request, 0)?;
    match replies.next(PATIENCE).await? {
        Reply::Message(Message::Outlined(outlined)) if outlined.id == Some(content.0) => {}
        _ => return Err(ReplyError::Strange),
    }
    let most = size.div_ceil(PIECE_BYTES as u64) * VALUE_BYTES;
    let mut values = Vec::new();
    loop {
        match replies.next(PATIENCE).await? {
            Reply::Data(record) if (values.len() + record.payload().len()) as u64 <= most => {
                values.extend_from_slice(record.payload());
            }
            Reply::Ended => return Ok(values),
            _ => return Err(ReplyError::Strange),
        }
    }
}
