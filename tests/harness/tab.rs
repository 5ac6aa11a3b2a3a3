//! A tab without a browser: a real session at a real node, and files that exist only in here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use native_node::bridge::{Identity, Named, Opened, connect};
use native_node::link::{Answer, Ended, Handler, Link, LinkError, Replies, Reply};
use shared::bridge::{
    self, File, Hello, Message, Offer, Offered, OfferedForm, Outlined, Peers, Read, ResetCode, Role, Side, Version,
};
use shared::transfer::{Outline, Outlining, PIECE_BYTES};
use shared::xmlrpc::Inspector;
use shared::{Form, Password, PeerUrl};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::process::wait_for;

/// Time of every file in a tab.
pub(crate) const MODIFIED: i64 = 1_700_000_000_123_456_789;
/// Longer than any deadline of a node.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes of one file.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Arc<Vec<u8>>),
    /// So many, each told from its place, held nowhere.
    Made(u64),
}

impl Content {
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Arc::new(bytes.into()))
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Made(size) => *size,
        }
    }

    /// A piece of it.
    pub(crate) fn piece(&self, from: u64, length: usize) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes[usize::try_from(from).unwrap()..][..length].to_vec(),
            Self::Made(_) => made(from, length),
        }
    }

    fn form(&self) -> Option<OfferedForm> {
        let Self::Bytes(bytes) = self else { return None };
        let mut inspector = Inspector::new();
        inspector.push(bytes);
        match inspector.finish() {
            Form::Plain { escaped } => Some(OfferedForm::Plain { escaped }),
            Form::Text { escaped } => Some(OfferedForm::Text { escaped }),
            Form::Binary => Some(OfferedForm::Binary),
            Form::Unknown => None,
        }
    }
}

/// Bytes told from their place: every eight say where they are.
pub(crate) fn made(from: u64, length: usize) -> Vec<u8> {
    let start = from / 8;
    let skipped = usize::try_from(from % 8).unwrap();
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 16);
    let mut word = start;
    while bytes.len() < skipped + length {
        bytes.extend_from_slice(&word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        word += 1;
    }
    bytes.drain(..skipped);
    bytes.truncate(length);
    bytes
}

/// What a tab holds and hears: the same for all its sessions.
#[derive(Debug)]
pub(crate) struct Held {
    files: Mutex<BTreeMap<String, Content>>,
    /// What it says of what they hold.
    promised: Mutex<BTreeMap<String, Outline>>,
    /// Whether it sends other values than those of the outline.
    lies_of_values: AtomicBool,
    /// What it was told, the last of each.
    address: Mutex<Option<String>>,
    peers: Mutex<Option<Peers>>,
    /// Reads that came in.
    reads: Mutex<Vec<Read>>,
    /// How many of them are not over.
    under_way: AtomicUsize,
    /// Bytes that may still be sent.
    may_send: Semaphore,
}

impl Held {
    fn content(&self, path: &str) -> Option<Content> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    async fn read(&self, read: Read, mut answer: Answer) -> Option<()> {
        let _under_way = UnderWay::begin(&self.under_way);
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).push(read.clone());
        let Some(content) = self.content(&read.path) else {
            answer.fail(ResetCode::NOT_FOUND, "no such file in this tab");
            return None;
        };
        let version = Version { size: content.size(), modified: MODIFIED };
        if read.version.is_some_and(|wanted| wanted != version) {
            answer.fail(ResetCode::CHANGED, "another version");
            return None;
        }
        let length = (version.size - read.from).min(read.length.unwrap_or(u64::MAX));
        answer.reply(File::new(version, length)).await.ok()?;
        let (mut at, end) = (read.from, read.from + length);
        while at < end {
            let piece = usize::try_from((end - at).min(256 << 10)).unwrap();
            self.may_send.acquire_many(u32::try_from(piece).unwrap()).await.ok()?.forget();
            answer.data(content.piece(at, piece).into()).await.ok()?;
            at += piece as u64;
        }
        answer.end().await.ok()
    }

    async fn outline(&self, asked: bridge::Outline, mut answer: Answer) -> Option<()> {
        let promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner).get(&asked.path).cloned();
        let Some(outline) = promised else {
            answer.fail(ResetCode::UNKNOWN, "a tab does not know how");
            return None;
        };
        let version = Version { size: outline.size(), modified: MODIFIED };
        answer.reply(Outlined { version, id: Some(outline.id().0), later: false }).await.ok()?;
        let mut values = outline.values().as_flattened().to_vec();
        if self.lies_of_values.load(Ordering::Relaxed) {
            values[3] ^= 1;
        }
        answer.data(values.into()).await.ok()?;
        answer.end().await.ok()
    }
}

/// One more, until it is dropped, however that comes about.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handler for Held {
    fn said(&self, message: Message) {
        match message {
            Message::Address(address) => *self.address.lock().unwrap() = Some(address.url),
            Message::Peers(peers) => *self.peers.lock().unwrap() = Some(peers),
            _ => {}
        }
    }

    async fn asked(self: Arc<Self>, request: Message, answer: Answer) {
        match request {
            Message::Read(read) => self.read(read, answer).await,
            Message::Outline(asked) => self.outline(asked, answer).await,
            _ => {
                answer.fail(ResetCode::UNKNOWN, "a tab does not know how");
                None
            }
        };
    }
}

/// A tab. Dropped, it is closed as a crash does it.
#[derive(Debug)]
pub(crate) struct Tab {
    runtime: Runtime,
    identity: Identity,
    node: PeerUrl,
    hello: Option<Hello>,
    pub(crate) held: Arc<Held>,
    link: Option<(Link, JoinHandle<Ended>)>,
}

impl Tab {
    /// Opens a tab at a node, with this secret, and waits for its URL.
    pub(crate) fn open(node: &str, password: &str, name: &str, secret: [u8; 16]) -> Self {
        Self::introduce(node, password, hello(Role::Tab, name, Some(secret.to_vec())))
    }

    /// Opens a session and says nothing.
    pub(crate) fn without_a_word(node: &str, password: &str) -> Self {
        Self::begun(node, password, None)
    }

    /// Opens a session as anybody.
    pub(crate) fn introduce(node: &str, password: &str, hello: Hello) -> Self {
        Self::begun(node, password, Some(hello))
    }

    fn begun(node: &str, password: &str, hello: Option<Hello>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let identity = runtime.block_on(Identity::new(&Password::new(password), false)).unwrap();
        let held = Held {
            files: Mutex::default(),
            promised: Mutex::default(),
            lies_of_values: AtomicBool::new(false),
            address: Mutex::default(),
            peers: Mutex::default(),
            reads: Mutex::default(),
            under_way: AtomicUsize::new(0),
            may_send: Semaphore::new(Semaphore::MAX_PERMITS),
        };
        let node = PeerUrl::parse(node).unwrap();
        let mut tab = Self { runtime, identity, node, hello, held: Arc::new(held), link: None };
        tab.connect();
        tab
    }

    /// Opens a session, in place of one that there may be.
    pub(crate) fn connect(&mut self) {
        self.crash();
        *self.held.address.lock().unwrap() = None;
        let held = Arc::clone(&self.held);
        self.link = Some(self.runtime.block_on(async {
            let opened = connect(&self.identity, &self.node, Named::ByPerson).await.expect("a session");
            let Opened { session, socket, .. } = opened;
            let (link, ended) = Link::start(session, socket, Side::Initiator, held);
            if let Some(hello) = self.hello.clone() {
                link.say(hello).await.expect("it hears");
            }
            (link, ended)
        }));
        let secret = self.hello.as_ref().and_then(|hello| hello.tab.as_ref());
        if secret.is_some_and(|secret| secret.len() >= 16) {
            self.url();
        }
    }

    /// Ends the session without a word.
    pub(crate) fn crash(&mut self) {
        if let Some((_, driving)) = self.link.take() {
            driving.abort();
        }
    }

    /// Ends the session as a page does that is left.
    pub(crate) fn close(&mut self) {
        if let Some((link, _)) = self.link.take() {
            link.close();
            self.runtime.block_on(link.closed());
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link.as_ref().expect("a session").0
    }

    /// The URL that the node gave it.
    pub(crate) fn url(&self) -> String {
        wait_for("the tab's address", PATIENCE, || self.held.address.lock().unwrap().clone())
    }

    /// Whom it was told of last: URLs with names and numbers of files.
    pub(crate) fn peers(&self) -> Vec<(String, Option<String>, Option<u64>)> {
        let peers = self.held.peers.lock().unwrap().clone();
        let peers = peers.into_iter().flat_map(|peers| peers.peers);
        peers.map(|peer| (peer.url, peer.name, peer.files)).collect()
    }

    /// Whether its node holds what a peer shares, as of what it was told last.
    pub(crate) fn is_followed(&self, peer: &str) -> bool {
        let peers = self.held.peers.lock().unwrap().clone();
        peers.is_some_and(|peers| peers.peers.iter().any(|told| told.url == peer && told.revision.is_some()))
    }

    /// What it was asked to read.
    pub(crate) fn reads(&self) -> Vec<Read> {
        self.held.reads.lock().unwrap().clone()
    }

    /// How many reads it answers at this moment.
    pub(crate) fn under_way(&self) -> usize {
        self.held.under_way.load(Ordering::Relaxed)
    }

    /// Holds these from now on, and nothing else, and says so.
    pub(crate) fn offer(&self, files: &[(&str, Content)]) {
        let files: BTreeMap<_, _> = files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect();
        let offered = files.iter().map(|(path, content)| Offered {
            form: content.form(),
            ..Offered::new(path.clone(), content.size(), MODIFIED)
        });
        let offer = Offer { all: true, add: offered.collect(), remove: Vec::new() };
        *self.held.files.lock().unwrap() = files;
        self.say(offer);
    }

    /// Offers one more file, which holds these bytes as it says; what it sends are those others.
    pub(crate) fn promise(&self, path: &str, promised: &[u8], sent: &[u8]) -> Outline {
        let mut outlining = Outlining::default();
        promised.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
        let outline = outlining.finish();
        self.held.promised.lock().unwrap().insert(path.to_owned(), outline.clone());
        self.held.files.lock().unwrap().insert(path.to_owned(), Content::bytes(sent));
        let (size, id) = (promised.len() as u64, Some(outline.id().0));
        let offered = Offered { id, ..Offered::new(path.to_owned(), size, MODIFIED) };
        self.say(Offer { all: false, add: vec![offered], remove: Vec::new() });
        outline
    }

    /// From now on what it says proves its pieces is something else.
    pub(crate) fn lies_of_values(&self) {
        self.held.lies_of_values.store(true, Ordering::Relaxed);
    }

    pub(crate) fn say(&self, message: impl Into<Message>) {
        self.runtime.block_on(self.link().say(message)).expect("the node hears");
    }

    /// Sends no more than so many bytes of files from now on, until it is told otherwise.
    pub(crate) fn may_send(&self, bytes: usize) {
        self.held.may_send.forget_permits(Semaphore::MAX_PERMITS);
        self.held.may_send.add_permits(bytes);
    }

    /// Sends a little more every second, so that nobody who waits for a file gives up, however slow the machine is.
    pub(crate) fn trickles(&self) {
        let held = Arc::clone(&self.held);
        self.runtime.spawn(async move {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            loop {
                seconds.tick().await;
                held.may_send.add_permits(256 << 10);
            }
        });
    }

    /// Bytes that it may still send.
    pub(crate) fn has_left(&self) -> usize {
        self.held.may_send.available_permits()
    }

    /// Asks, and waits for all of the answer: messages, then bytes.
    pub(crate) fn ask(&self, request: impl Into<Message>) -> Result<(Vec<Message>, Vec<u8>), LinkError> {
        self.runtime.block_on(async { all(self.link().ask(request, 0).await?.within(PATIENCE)).await })
    }

    /// Begins to ask.
    pub(crate) fn begin(&self, request: impl Into<Message>) -> Replies {
        self.runtime.block_on(self.link().ask(request, 0)).expect("a session")
    }

    /// Waits for all of what was begun.
    pub(crate) fn rest(&self, replies: Replies) -> Result<(Vec<Message>, Vec<u8>), LinkError> {
        self.runtime.block_on(all(replies.within(PATIENCE)))
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Who somebody says it is.
pub(crate) fn hello(role: Role, name: &str, tab: Option<Vec<u8>>) -> Hello {
    Hello { role, name: name.to_owned(), program: "test".to_owned(), url: None, tab }
}

async fn all(mut replies: Replies) -> Result<(Vec<Message>, Vec<u8>), LinkError> {
    let (mut messages, mut bytes) = (Vec::new(), Vec::new());
    while let Some(reply) = replies.next().await? {
        match reply {
            Reply::Message(message, _) => messages.push(message),
            Reply::Data(record) => bytes.extend_from_slice(record.payload()),
            other => panic!("{other:?}"),
        }
    }
    Ok((messages, bytes))
}
