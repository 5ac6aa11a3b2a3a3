//! What another receiver may ask in a session: which pieces there are of a content, and their bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use shared::ContentId;
use shared::bridge::{self, File, Message, Read, ResetCode, Swarming, Version};
use shared::limits::CHUNK_BYTES;
use shared::transfer::PIECE_BYTES;
use tokio::sync::Semaphore;

use super::content::Content;
use super::{Met, Swarm};
use crate::link::{Answer, Handler, Link, Unwanted};

/// Parts that one session is sent at once.
const READS: usize = 2;
/// Contents that one session asks after at once.
const CONTENTS: usize = 8;
/// Most bytes of one part.
const MOST_BYTES: u64 = 4 * PIECE_BYTES as u64;

/// The other end of one session.
#[derive(Debug)]
pub(super) struct Visitor {
    swarm: Swarm,
    link: Link,
    address: SocketAddr,
    /// Whether it asked after anything.
    has_asked: AtomicBool,
    reads: Semaphore,
    contents: Semaphore,
}

impl Visitor {
    pub(super) fn new(swarm: Swarm, link: Link, address: SocketAddr) -> Self {
        let (reads, contents) = (Semaphore::new(READS), Semaphore::new(CONTENTS));
        Self { swarm, link, address, has_asked: AtomicBool::new(false), reads, contents }
    }

    /// Whether it asked after a content that is here.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    async fn tell(&self, asked: bridge::Swarm, mut answer: Answer) {
        let id = ContentId(asked.id);
        let Some(content) = self.swarm.content(&id).filter(|content| content.size == asked.size) else {
            return answer.fail(ResetCode::NOT_FOUND, "that is not fetched here");
        };
        let Ok(_place) = self.contents.try_acquire() else {
            return answer.fail(ResetCode::BUSY, "too much at once");
        };
        self.has_asked.store(true, Ordering::Relaxed);
        // What it has of it may be of use here.
        content.met(Met { link: self.link.clone(), address: self.address });
        let telling = tokio::select! {
            told = tell_pieces(&content, &mut answer) => told,
            () = content.over() => Ok(()),
        };
        if telling.is_ok() {
            answer.fail(ResetCode::GONE, "it is not fetched here any more");
        }
    }

    async fn read(&self, read: Read, mut answer: Answer) {
        let content = ContentId::parse(&read.path).and_then(|id| self.swarm.content(&id));
        let content = content.filter(|_| read.peer.is_none() && read.of.is_empty());
        let Some(content) = content else {
            return answer.fail(ResetCode::NOT_FOUND, "only what is being fetched here is given");
        };
        let to = read.length.and_then(|length| read.from.checked_add(length)).unwrap_or(content.size);
        let part = read.from..to;
        let version = Version { size: content.size, modified: 0 };
        if read.version.is_some_and(|wanted| wanted != version) {
            return answer.fail(ResetCode::CHANGED, "that is another version");
        }
        if !content.has(part.clone()) || to > content.size || to - read.from > MOST_BYTES {
            return answer.fail(ResetCode::NOT_FOUND, "that is not here yet");
        }
        let places = async { (self.reads.acquire().await.ok(), self.swarm.0.reads.acquire().await.ok()) };
        let _places = tokio::select! {
            places = places => places,
            () = answer.unwanted() => return,
        };
        if answer.reply(File::new(version, to - read.from)).await.is_err() {
            return;
        }
        let mut at = read.from;
        while at < to {
            let length = usize::try_from(to - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            match read_at(&content, at, length).await {
                Some(bytes) => {
                    at += bytes.len() as u64;
                    if answer.data(bytes).await.is_err() {
                        return;
                    }
                }
                None => return answer.fail(ResetCode::GONE, "it is not here any more"),
            }
        }
        let _unwanted = answer.end().await;
    }
}

impl Handler for Visitor {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, request: Message, answer: Answer) {
        match request {
            Message::Swarm(asked) => self.tell(asked, answer).await,
            Message::Read(read) => self.read(read, answer).await,
            _ => answer.fail(ResetCode::NOT_FOUND, "a command shares nothing but pieces of what it fetches"),
        }
    }
}

/// Tells all pieces, and more as they come.
async fn tell_pieces(content: &Content, answer: &mut Answer) -> Result<(), Unwanted> {
    let (mut changes, mut told, mut told_coming) = (content.changes(), 0, None);
    loop {
        changes.mark_unchanged();
        loop {
            let (pieces, coming) = content.proved_after(told);
            // That there is nothing yet is said once.
            if pieces.is_empty() && told_coming.as_ref() == Some(&coming) {
                break;
            }
            told += pieces.len();
            told_coming = Some(coming.clone());
            answer.reply(Swarming { pieces, coming, ..Swarming::default() }).await?;
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| Unwanted)?,
            () = answer.unwanted() => return Err(Unwanted),
        }
    }
}

/// Exactly so many bytes; none where the file is given up or cannot be read.
async fn read_at(content: &Content, at: u64, length: usize) -> Option<Bytes> {
    let part = content.part()?;
    let reading = move || {
        let mut bytes = vec![0; length];
        (part.read_at(&mut bytes, at).ok()? == length).then(|| Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(reading).await.ok()?
}
