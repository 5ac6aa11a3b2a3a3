//! A file of which it is known what it holds, over the session: each piece of it is proved before it is kept, and may come from
//! any holder. One that sends something else is given up, and the next goes on where that was found out.

use std::rc::Rc;
use std::time::Duration;

use shared::bridge::{Message, Outline, ResetCode};
use shared::limits::PIECE_BYTES;
use shared::{ContentId, PeerUrl};

use super::fetch::{BUSY_WAIT, FetchError, PATIENCE, Partial, TRIES, WINDOW, header, read};
use super::save::Wanted;
use super::{Tab, reason, taken};
use crate::event::{Event, SaveEvent};
use crate::model::{MOST_IN_MEMORY, Reason};
use crate::pool::Source;
use crate::wire::{Checked, Link, Piece, Proof, Reply, ReplyError, sleep};

/// How long a holder may take to say what proves the pieces.
const OUTLINE_PATIENCE: Duration = Duration::from_secs(10);
/// Most holders that are asked for it.
const ASKED: usize = 4;
/// Bytes of what proves one piece.
const VALUE_BYTES: u64 = 32;

/// Why one holder's bytes are not all there.
enum Broken {
    Reply(ReplyError),
    /// It holds something else by now.
    Changed,
    /// It sent something else.
    Lied,
    /// Nothing can be proved any more.
    NoWorker,
}

impl From<ReplyError> for Broken {
    fn from(why: ReplyError) -> Self {
        Self::Reply(why)
    }
}

impl Tab {
    /// Fetches a file, on from where it broke off before. None where nothing can be proved: nobody knows what it holds, or
    /// what proves that.
    pub(super) async fn fetch_proved(
        &self,
        link: &Link,
        wanted: &Wanted,
        progress: &impl Fn(u64),
    ) -> Option<Result<Partial, FetchError>> {
        let (id, sources) = (wanted.id, &wanted.sources);
        let begun = self.partials.borrow().iter().find(|(of, _)| *of == id).map(|(_, partial)| partial.proof.clone());
        let proof = match begun {
            // What was begun without goes on without.
            Some(proof) => proof?,
            None => {
                let proof = self.proof(link, wanted).await?;
                let partial = Partial { proof: Some(Rc::clone(&proof)), ..Partial::default() };
                self.partials.borrow_mut().push((id, partial));
                proof
            }
        };
        let mut last = Reason::NoSource;
        for source in sources {
            for _ in 0..TRIES {
                match self.proved_from(link, id, &proof, source, progress).await {
                    Ok(()) => return Some(taken(&self.partials, &id).ok_or(FetchError::Interrupted)),
                    Err(Broken::Reply(ReplyError::Interrupted)) => return Some(Err(FetchError::Interrupted)),
                    Err(Broken::NoWorker) => {
                        drop(taken(&self.partials, &id));
                        return None;
                    }
                    Err(Broken::Lied) => {
                        self.tell(Event::Save(SaveEvent::GivenUp { id, peer: source.peer.clone() }));
                        last = Reason::Lied;
                        break;
                    }
                    Err(Broken::Changed) => {
                        last = Reason::NoSource;
                        break;
                    }
                    Err(Broken::Reply(why)) => {
                        last = reason(&why);
                        match why.code() {
                            Some(ResetCode::BUSY) => sleep(BUSY_WAIT).await,
                            _ => break,
                        }
                    }
                }
            }
        }
        drop(taken(&self.partials, &id));
        Some(Err(FetchError::Failed(last)))
    }

    async fn proved_from(
        &self,
        link: &Link,
        id: u32,
        proof: &Proof,
        source: &Source,
        progress: &impl Fn(u64),
    ) -> Result<(), Broken> {
        let mut at = self.with_partial(id, |partial| Ok(partial.parts.bytes()))?;
        progress(at);
        // Its version is of no interest: whatever proves to be right is.
        let mut replies = link.ask(read(source, at, None), WINDOW).map_err(ReplyError::from)?;
        let header = header(replies.next(PATIENCE).await?, at)?;
        if header.version.size != proof.size() || header.length != proof.size() - at {
            return Err(Broken::Changed);
        }
        let mut piece = Piece::at(at, proof.size());
        loop {
            let reply = replies.next(PATIENCE).await?;
            let mut rest = match &reply {
                Reply::Data(record) => record.payload(),
                Reply::Ended if at == proof.size() => return self.is_proved(proof, &piece).await,
                _ => return Err(ReplyError::Strange.into()),
            };
            while !rest.is_empty() {
                if at == proof.size() {
                    return Err(ReplyError::Strange.into());
                }
                rest = piece.take(rest);
                let Some(whole) = piece.whole() else { continue };
                match proof.check(at, whole).await {
                    Checked::True(bytes) => {
                        at = self.with_partial(id, |partial| {
                            partial.parts.push_piece(&bytes);
                            Ok(partial.parts.bytes())
                        })?;
                        progress(at);
                    }
                    Checked::False => return Err(Broken::Lied),
                    Checked::Unknown => return Err(Broken::NoWorker),
                }
                piece = Piece::at(at, proof.size());
            }
        }
    }

    /// At the end of a file: of one of no bytes nothing was looked at yet.
    async fn is_proved(&self, proof: &Proof, last: &Piece) -> Result<(), Broken> {
        let Some(nothing) = last.whole().filter(|_| proof.size() == 0) else { return Ok(()) };
        match proof.check(0, nothing).await {
            Checked::True(_) => Ok(()),
            Checked::False => Err(Broken::Lied),
            Checked::Unknown => Err(Broken::NoWorker),
        }
    }

    /// What proves the pieces of a file, from the first holder that knows.
    async fn proof(&self, link: &Link, wanted: &Wanted) -> Option<Rc<Proof>> {
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
    let (peer, path) = (Some(PeerUrl::as_str(&source.peer).to_owned()), source.path.clone());
    let request = Outline { of: String::new(), path, version: None, id: Some(content.0), peer };
    let mut replies = link.ask(request, 0)?;
    match replies.next(OUTLINE_PATIENCE).await? {
        Reply::Message(Message::Outlined(outlined)) if outlined.id == Some(content.0) => {}
        _ => return Err(ReplyError::Strange),
    }
    let most = size.div_ceil(PIECE_BYTES as u64) * VALUE_BYTES;
    let mut values = Vec::new();
    loop {
        match replies.next(OUTLINE_PATIENCE).await? {
            Reply::Data(record) if (values.len() + record.payload().len()) as u64 <= most => {
                values.extend_from_slice(record.payload());
            }
            Reply::Ended => return Ok(values),
            _ => return Err(ReplyError::Strange),
        }
    }
}
