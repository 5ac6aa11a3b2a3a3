//! What answers the node while it fetches what is put there: those files, and nothing else of this machine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use shared::PeerUrl;
use shared::bridge::{self, Files, Message, Outlined, Read, ReadMany, ResetCode, Version};
use shared::limits::{BATCH_FILES, CHUNK_BYTES};
use shared::transfer::Outline;
use tokio::sync::Semaphore;

use super::named::Named;
use crate::download::Observer;
use crate::folder::read_small;
use crate::link::{Answer, Handler, Unwanted};
use crate::lock::LockExt;
use crate::source::{self, ReadPermit, Source, SourceError};

/// Reads that are answered at once; each holds two pieces.
const READS: usize = 32;
/// Batches that are.
const BATCHES: usize = 8;

/// A file that the node may read now.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) file: Named,
    /// Which version of it was hashed.
    pub(super) version: source::Version,
    /// None of what is too large for one.
    pub(super) outline: Option<Outline>,
    /// Whether a person was told that it is on its way.
    is_begun: AtomicBool,
}

impl Lent {
    pub(super) fn new(file: Named, version: source::Version, outline: Option<Outline>) -> Self {
        Self { file, version, outline, is_begun: AtomicBool::new(false) }
    }
}

/// All that the node may read now.
pub(super) struct Lender {
    files: Mutex<BTreeMap<String, Arc<Lent>>>,
    /// Who is told how it goes, and which node it is, once that is known.
    seen: OnceLock<(PeerUrl, Arc<dyn Observer>)>,
    /// How often the node got something.
    heard: AtomicU64,
    reads: Semaphore,
    batches: Semaphore,
}

impl Default for Lender {
    fn default() -> Self {
        Self {
            files: Mutex::default(),
            seen: OnceLock::new(),
            heard: AtomicU64::new(0),
            reads: Semaphore::new(READS),
            batches: Semaphore::new(BATCHES),
        }
    }
}

impl Lender {
    /// Tells from now on how it goes.
    pub(super) fn tell(&self, node: PeerUrl, observer: Arc<dyn Observer>) {
        // Once.
        let _told_before = self.seen.set((node, observer));
    }

    fn see(&self, what: impl FnOnce(&PeerUrl, &dyn Observer)) {
        if let Some((node, observer)) = self.seen.get() {
            what(node, observer.as_ref());
        }
    }

    /// These may be read from now on.
    pub(super) fn lend(&self, files: impl IntoIterator<Item = Arc<Lent>>) {
        self.files.locked().extend(files.into_iter().map(|lent| (lent.file.path.to_string(), lent)));
    }

    /// This may not any more.
    pub(super) fn take_back(&self, lent: &Lent) {
        self.files.locked().remove(lent.file.path.as_str());
    }

    /// It comes from the beginning again, if it does.
    pub(super) fn comes_again(&self, lent: &Lent) {
        if lent.is_begun.swap(false, Ordering::Relaxed) {
            self.see(|_, observer| observer.given_up(&lent.file.path));
        }
    }

    /// How often the node got something so far: it grows as long as all goes on.
    pub(super) fn last(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The node got something.
    pub(super) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    fn find(&self, path: &str) -> Result<Arc<Lent>, SourceError> {
        self.files.locked().get(path).cloned().ok_or(SourceError::Missing)
    }

    fn begin(&self, lent: &Lent) {
        if !lent.is_begun.swap(true, Ordering::Relaxed) {
            self.see(|node, observer| observer.begun(&lent.file.path, node, Some(lent.version.size)));
        }
    }

    fn moved(&self, lent: &Lent, bytes: u64) {
        self.heard();
        self.see(|_, observer| observer.moved(&lent.file.path, bytes));
    }

    async fn read(&self, read: Read, answer: Answer) {
        let place = tokio::select! {
            place = self.reads.acquire() => place,
            () = answer.unwanted() => return,
        };
        let opened = async {
            let lent = self.find(&read.path)?;
            let source = open(&lent, &read).await?;
            Ok::<_, SourceError>((lent, source))
        };
        match opened.await {
            Ok((lent, source)) => {
                // To ask how large it is is not to read it.
                if source.left() > 0 || lent.version.size == 0 {
                    self.begin(&lent);
                }
                source::send(source, answer, |bytes| self.moved(&lent, bytes)).await;
            }
            Err(why) => answer.fail(why.code(), why.to_string()),
        }
        drop(place);
    }

    async fn read_many(&self, read: ReadMany, mut answer: Answer) {
        if read.paths.len() > BATCH_FILES {
            return answer.fail(ResetCode::BAD_REQUEST, format!("at most {BATCH_FILES} files at once"));
        }
        let place = tokio::select! {
            place = self.batches.acquire() => place,
            () = answer.unwanted() => return,
        };
        let wanted: Vec<_> = read.paths.iter().map(|path| self.find(path).ok()).collect();
        let reading = {
            let wanted = wanted.clone();
            // As it was hashed, and no other.
            let open = |lent: Arc<Lent>| lent.file.open().ok().filter(|opened| opened.version() == lent.version);
            tokio::task::spawn_blocking(move || read_small(wanted.into_iter().map(|lent| open(lent?)))).await
        };
        let Ok((sizes, bytes)) = reading else { return };
        let sent = async {
            answer.reply(Files { sizes: sizes.clone() }).await?;
            answer.data(Bytes::from(bytes)).await?;
            answer.end().await
        };
        if sent.await.is_ok() {
            for (lent, size) in given(&wanted, &sizes) {
                self.begin(lent);
                self.moved(lent, u64::from(size));
            }
        }
        drop(place);
    }

    async fn outline(&self, asked: bridge::Outline, mut answer: Answer) -> Result<(), Unwanted> {
        let lent = match self.find(&asked.path) {
            Ok(lent) => lent,
            Err(why) => {
                answer.fail(why.code(), why.to_string());
                return Ok(());
            }
        };
        let version = Version::from(lent.version);
        if asked.version.is_some_and(|wanted| wanted != version) {
            answer.fail(ResetCode::CHANGED, SourceError::Changed.to_string());
            return Ok(());
        }
        let id = lent.outline.as_ref().map(|outline| outline.id().0);
        answer.reply(Outlined { version, id, later: false }).await?;
        let values = lent.outline.as_ref().map(Outline::values).unwrap_or_default();
        for some in values.chunks(CHUNK_BYTES / size_of::<shared::transfer::Value>()) {
            answer.data(Bytes::from(some.concat())).await?;
        }
        answer.end().await
    }
}

impl Handler for Lender {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, request: Message, answer: Answer) {
        match request {
            Message::Read(read) => self.read(read, answer).await,
            Message::ReadMany(read) => self.read_many(read, answer).await,
            // Nobody waits any more is as good.
            Message::Outline(asked) => drop(self.outline(asked, answer).await),
            _ => answer.fail(ResetCode::NOT_FOUND, "a command gives nothing but what it puts"),
        }
    }
}

/// The part of it that is wanted, of the version that was hashed and no other.
async fn open(lent: &Arc<Lent>, read: &Read) -> Result<Source, SourceError> {
    let is_wanted = read.version.is_none_or(|wanted| source::Version::from(wanted) == lent.version);
    if read.peer.is_some() || read.aside.is_some() || !is_wanted {
        return Err(SourceError::Changed);
    }
    let at_file = Arc::clone(lent);
    let opened = tokio::task::spawn_blocking(move || at_file.file.open()).await;
    let opened = opened.map_err(|_| SourceError::Interrupted)?.map_err(|_| SourceError::Missing)?;
    if opened.version() != lent.version {
        return Err(SourceError::Changed);
    }
    let from = read.from.min(opened.size);
    let to = from.saturating_add(read.length.unwrap_or(u64::MAX)).min(opened.size);
    Ok(Source::own(Arc::new(opened), from..to, ReadPermit::small()))
}

/// Those that were given, each with its own length.
fn given<'a, T>(wanted: &'a [Option<T>], sizes: &'a [Option<u32>]) -> impl Iterator<Item = (&'a T, u32)> {
    wanted.iter().zip(sizes).filter_map(|(wanted, size)| wanted.as_ref().zip(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: after one that was not given, progress counted each file with the length of the next.
    #[test]
    fn what_is_not_given_shifts_no_lengths() {
        let wanted = [Some("changed"), None, Some("a"), Some("b")];
        let given: Vec<_> = given(&wanted, &[None, None, Some(1), Some(2)]).collect();
        assert_eq!(given, [(&"a", 1), (&"b", 2)]);
    }
}
