//! Putting files at a node that takes them, from a command: hashed, told of, and then given to the node as it fetches them.
//!
//! ```text
//! named ─► hash ─► Put, some files at a time ─► the node asks back ─► Lender: Read, ReadMany, Outline
//!                    └◄ Kept, for each file
//! ```
//! The node fetches as everybody does who downloads: proved, resumed, in groups durable before it says so. A session that
//! breaks is opened again, and what is not kept yet is told of again; the node goes on with what it has of that.

mod hash;
mod lender;
mod named;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use shared::bridge::{self, Kept, Message, ResetCode, Side};
use shared::limits::{PUT_FILES, PUT_PATH_BYTES};
use shared::{PeerUrl, Printable, SharedPath};
use tokio_util::sync::CancellationToken;

use crate::dial::{CallError, Dialer, Start, hello_of_command};
use crate::download::{Missed, Observer, Provenance, Report, SavedFile};
use crate::folder::{FolderError, LeftOut, OpenError};
use crate::link::{Link, LinkError, Reply};
use crate::lock::LockExt;
use lender::{Lender, Lent};
use named::{Named, named};

/// Lists of files that the node fetches at once, while the next is hashed.
const LISTS: usize = 3;
/// Bytes of one list, unless it is of one file: so that the first is on its way soon.
const LIST_BYTES: u64 = 64 << 20;
/// For how long a node that went away is called again.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long one that is there may fetch nothing: others may have their turn, or it reads what an earlier try left.
const STUCK: Duration = Duration::from_secs(6 * 60 * 60);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it is waited before the node is called again.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// Why nothing can be put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It is not there, or may not be read.
    #[error("{0:?} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is a pipe, or the like.
    #[error("{0:?} cannot be put: {1}")]
    NoFile(PathBuf, OpenError),
    /// It has no name that a file could have elsewhere.
    #[error(
        "{0:?} has no name that can be told to others (it must be UTF-8, without control characters and backslashes)"
    )]
    NoName(PathBuf),
    /// A folder that cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There are no files in it.
    #[error("there is no file to put")]
    Nothing,
    /// The node cannot be asked.
    #[error("{0}: {1}")]
    Node(PeerUrl, CallError),
    /// The node says why not.
    #[error("{0}: {1}")]
    Refused(PeerUrl, String),
}

/// Files that are to be put, and how the node is answered meanwhile.
pub struct Putting {
    files: Vec<Named>,
    left_out: LeftOut,
    lender: Arc<Lender>,
}

impl Putting {
    /// Looks at what these arguments name. Reads the disk.
    ///
    /// # Errors
    /// See [`PutError`].
    pub fn of(arguments: &[PathBuf]) -> Result<Self, PutError> {
        let (files, left_out) = named(arguments)?;
        if files.is_empty() {
            return Err(PutError::Nothing);
        }
        Ok(Self { files, left_out, lender: Arc::default() })
    }

    /// How a dialer is to begin its sessions, so that the node at the other end can fetch what is put.
    #[must_use]
    pub fn start(&self) -> Start {
        let lender = Arc::clone(&self.lender);
        Arc::new(move |opened, _| {
            let (link, _driven) = Link::start(opened.session, opened.socket, Side::Initiator, Arc::clone(&lender));
            if !link.say_first(hello_of_command()) {
                link.close();
            }
            Some(link)
        })
    }

    /// Puts all of it at the node, over the sessions of a dialer that begins them as [`Putting::start`] says.
    ///
    /// # Errors
    /// That the node cannot be asked, or takes no files; everything else is in the [`Report`].
    pub async fn run(
        self,
        dialer: &Dialer,
        node: &PeerUrl,
        observer: Arc<dyn Observer>,
        shutdown: &CancellationToken,
    ) -> Result<Report, PutError> {
        let lender = self.lender;
        lender.tell(node.clone(), Arc::clone(&observer));
        let bytes = self.files.iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.entry.size));
        let run = Run { dialer, node, observer, lender, report: Mutex::default(), gone: OnceLock::new() };
        let all = async {
            takes(dialer, node).await?;
            run.observer.offered(node, self.files.len(), Some(bytes));
            run.left_out(self.left_out);
            let lists = futures_util::stream::iter(lists(self.files));
            let hashed = lists.map(|list| run.hash(list, shutdown)).buffered(1);
            hashed.map(|list| run.put(list)).buffer_unordered(LISTS).for_each(async |()| {}).await;
            Ok(())
        };
        let ended = shutdown.run_until_cancelled(all).await;
        let report = std::mem::take(&mut *run.report.locked());
        // Sessions and threads that have not ended yet know it, too.
        run.observer.over();
        dialer.links().close();
        match ended {
            Some(Err(error)) => Err(error),
            Some(Ok(())) => Ok(report),
            None => Ok(Report { interrupted: true, ..report }),
        }
    }
}

/// Whether this node takes files.
///
/// # Errors
/// [`PutError::Node`], or [`PutError::Refused`] with what it says.
pub async fn takes(dialer: &Dialer, node: &PeerUrl) -> Result<(), PutError> {
    let cannot = |error: CallError| match error {
        CallError::LegacyOff | CallError::NoBridge => {
            let words = "it speaks the protocol of 2004, if any, and that takes no files";
            PutError::Refused(node.clone(), words.into())
        }
        error => PutError::Node(node.clone(), error),
    };
    dialer.links().typed(node);
    let link = dialer.link(node).await.map_err(cannot)?;
    let asked = link.ask(bridge::Put { files: Vec::new() }, 0).await;
    let mut replies = asked.map_err(|error| cannot(error.into()))?;
    match replies.next().await {
        Ok(_) => Ok(()),
        Err(LinkError::Failed(why)) if why.code == ResetCode::UNKNOWN => {
            Err(PutError::Refused(node.clone(), "it is of an earlier version, which takes no files".into()))
        }
        Err(LinkError::Failed(why)) => {
            Err(PutError::Refused(node.clone(), Printable::short(&why.text, 200).to_string()))
        }
        Err(error) => Err(cannot(error.into())),
    }
}

/// Puts files together that are told of at once.
fn lists(files: Vec<Named>) -> Vec<Vec<Named>> {
    let mut lists = Vec::new();
    let (mut list, mut bytes, mut path_bytes) = (Vec::new(), 0_u64, 0);
    for file in files {
        let (size, length) = (file.entry.size, file.path.as_str().len());
        let is_full =
            list.len() == PUT_FILES || bytes.saturating_add(size) > LIST_BYTES || path_bytes + length > PUT_PATH_BYTES;
        if is_full && !list.is_empty() {
            lists.push(std::mem::take(&mut list));
            (bytes, path_bytes) = (0, 0);
        }
        bytes = bytes.saturating_add(size);
        path_bytes += length;
        list.push(file);
    }
    lists.push(list);
    lists.retain(|list| !list.is_empty());
    lists
}

/// Files that are being put.
struct Run<'a> {
    dialer: &'a Dialer,
    node: &'a PeerUrl,
    observer: Arc<dyn Observer>,
    lender: Arc<Lender>,
    report: Mutex<Report>,
    /// Why the node is given up, once it is: each further list would only wait as long again.
    gone: OnceLock<String>,
}

/// Why a list of files is not with the node yet.
enum Broken {
    /// It may be another time.
    ForNow(String),
    ForGood(String),
}

impl Run<'_> {
    /// Reads all of these through.
    async fn hash(&self, list: Vec<Named>, stop: &CancellationToken) -> Vec<Arc<Lent>> {
        let mut hashed = Vec::with_capacity(list.len());
        for (path, outcome) in hash::hashed(list, &self.observer, stop).await {
            match outcome {
                Ok(lent) => hashed.push(Arc::new(lent)),
                Err(why) => self.missed(&path, &why),
            }
        }
        hashed
    }

    /// Has the node fetch these, however often the way to it breaks.
    async fn put(&self, list: Vec<Arc<Lent>>) {
        let mut left: BTreeMap<String, Arc<Lent>> =
            list.iter().map(|lent| (lent.file.path.to_string(), Arc::clone(lent))).collect();
        self.lender.lend(list.iter().cloned());
        let mut since = Instant::now();
        let why = loop {
            if let Some(why) = self.gone.get().filter(|_| !left.is_empty()) {
                break why.clone();
            }
            if left.is_empty() {
                break String::new();
            }
            let (before, begun) = (self.lender.last(), Instant::now());
            match self.try_to_put(&mut left).await {
                Ok(()) => break "the node said nothing of it".to_owned(),
                Err(Broken::ForNow(why)) => {
                    // It was there, be it that it did nothing but wait for its turn.
                    if self.lender.last() > before || begun.elapsed() > PATIENCE {
                        since = Instant::now();
                    }
                    if since.elapsed() > PATIENCE {
                        break self.gone.get_or_init(|| why).clone();
                    }
                    left.values().for_each(|lent| self.lender.comes_again(lent));
                    tokio::time::sleep(CALL_AGAIN).await;
                }
                Err(Broken::ForGood(why)) => break why,
            }
        };
        for lent in left.values() {
            self.lender.comes_again(lent);
            self.missed(&lent.file.path, &why);
        }
        list.iter().for_each(|lent| self.lender.take_back(lent));
    }

    async fn try_to_put(&self, left: &mut BTreeMap<String, Arc<Lent>>) -> Result<(), Broken> {
        let link = self.dialer.link(self.node).await.map_err(|error| match error {
            // Whoever has the password once has it still.
            CallError::Unreachable(_) | CallError::Silent | CallError::Dial(_) if !error.is_refusal() => {
                Broken::ForNow(error.to_string())
            }
            error => Broken::ForGood(error.to_string()),
        })?;
        let files = left.values().map(|lent| offered(lent)).collect();
        let asked = link.ask(bridge::Put { files }, 0).await;
        // It is told as it happens: what is watched is whether the node asks for anything.
        let mut replies = asked.map_err(|error| broken(&error))?.without_deadline();
        loop {
            let reply = tokio::select! {
                reply = replies.next() => reply,
                () = self.stuck() => {
                    link.close();
                    let why = self.gone.get_or_init(|| "the node fetches nothing any more".into());
                    return Err(Broken::ForGood(why.clone()));
                }
            };
            match reply.map_err(|error| broken(&error))? {
                Some(Reply::Message(Message::Kept(kept), _)) => {
                    if let Some(lent) = left.remove(&kept.path) {
                        self.lender.heard();
                        self.kept(&lent, &kept);
                    }
                }
                Some(_) => return Err(Broken::ForGood("what it says makes no sense".into())),
                None => return Ok(()),
            }
        }
    }

    /// Waits until the node got nothing for too long.
    async fn stuck(&self) {
        let (mut last, mut since) = (self.lender.last(), Instant::now());
        while since.elapsed() < STUCK {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.lender.last();
            if now > last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    /// The node says what became of a file.
    fn kept(&self, lent: &Lent, kept: &Kept) {
        self.lender.take_back(lent);
        let path = &lent.file.path;
        let save_as = kept.save_as.as_deref().and_then(|path| SharedPath::parse(path).ok());
        match (&kept.error, save_as) {
            (Some(why), _) => {
                self.lender.comes_again(lent);
                self.missed(path, &Printable::short(why, 300).to_string());
            }
            (None, _) if kept.was_here == Some(true) => {
                // It may have come in part, while another's came whole.
                self.lender.comes_again(lent);
                self.observer.kept(path, lent.version.size);
                self.report.locked().already_here += 1;
            }
            (None, save_as) => {
                let save_as = save_as.unwrap_or_else(|| path.clone());
                let before = kept.from_before.unwrap_or_default().min(lent.version.size);
                self.observer.kept(path, before);
                let how =
                    Provenance { verified: kept.verified.unwrap_or_default(), kept: before, ..Provenance::default() };
                let (name, bytes) = (path.as_str(), lent.version.size);
                self.observer.saved(&SavedFile { name, path, save_as: &save_as, peer: self.node, bytes, how: &how });
                let mut report = self.report.locked();
                report.saved += 1;
                report.bytes += bytes;
                report.unverified += usize::from(!how.verified);
            }
        }
    }

    /// What of the folders cannot be put at all.
    fn left_out(&self, left_out: LeftOut) {
        let count = usize::try_from(left_out.unnamable.saturating_add(left_out.unreadable)).unwrap_or(usize::MAX);
        if count > 0 {
            let missed = Missed { peer: self.node.clone(), file: None, reason: left_out.to_string(), count };
            self.observer.missed(&missed);
            self.report.locked().missed.push(missed);
        }
    }

    fn missed(&self, path: &SharedPath, why: &str) {
        let file = Some(Printable(path.as_str()).to_string());
        let missed = Missed { peer: self.node.clone(), file, reason: why.to_owned(), count: 1 };
        self.observer.missed(&missed);
        self.report.locked().missed.push(missed);
    }
}

fn broken(error: &LinkError) -> Broken {
    match error {
        LinkError::Interrupted | LinkError::Silent | LinkError::Slow => Broken::ForNow(error.to_string()),
        LinkError::Failed(why) if why.code == ResetCode::BUSY => Broken::ForNow(error.to_string()),
        LinkError::Failed(_) | LinkError::Senseless => Broken::ForGood(error.to_string()),
    }
}

fn offered(lent: &Lent) -> bridge::Offered {
    let source = (lent.file.path.to_string(), lent.version.size, lent.version.modified);
    bridge::Offered {
        id: lent.outline.as_ref().map(|outline| outline.id().0),
        executable: lent.file.entry.executable.then_some(true),
        ..bridge::Offered::new(source.0, source.1, source.2)
    }
}
