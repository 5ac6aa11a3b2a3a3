//! What a command that downloads gives to others who fetch the same: pieces that are there and proved, and nothing else.
//!
//! ```text
//! Swarm ─► share: a content on its way ──► Shared ◄─ Visitor: which pieces, and their bytes
//!   ├─ listen: once somebody else fetches the same, at the address that the node knows us by
//!   └─ dial:   another receiver ───────────► Link, asked and asking
//! ```
//! Whoever comes has proved the password, by the same handshake and under the same limits as at a node. All of it ends with
//! the command.

mod content;
mod listen;
mod visit;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::bridge::Side;
use shared::{ContentId, PeerUrl};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::bridge::{self, DialError, Door, Identity, Named, Opened};
use crate::dial::hello_of_command;
use crate::folder::LastingPart;
use crate::link::{Ended, Link};
use crate::lock::LockExt;
use content::Content;
use visit::Visitor;

pub(crate) use content::Shared;

/// Parts that are being sent at once, to all together: each holds a piece of a record.
const READS: usize = 32;
/// Other receivers that called and wait to be asked back.
const MET: usize = 16;
/// Addresses of ours that are listened at: a machine with more networks is none that anybody carries.
const LISTENERS: usize = 4;
/// How long the end of a command may wait for those who read a piece.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Least time between two looks whether somebody does.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one command shares while it downloads. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Swarm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    /// Its random id as text.
    id: String,
    door: Door,
    begun: Instant,
    contents: Mutex<BTreeMap<ContentId, Arc<Content>>>,
    /// Where it listens, by address; none where it cannot.
    listeners: Mutex<BTreeMap<IpAddr, Option<u16>>>,
    reads: Semaphore,
    shutdown: CancellationToken,
}

/// Another receiver of the same content that called.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) link: Link,
    pub(crate) address: SocketAddr,
}

impl Swarm {
    /// Shares nothing yet, and listens nowhere.
    pub(crate) fn new(identity: Identity) -> Self {
        Self(Arc::new(Inner {
            id: identity.id().to_string(),
            identity,
            door: Door::default(),
            begun: Instant::now(),
            contents: Mutex::default(),
            listeners: Mutex::default(),
            reads: Semaphore::new(READS),
            shutdown: CancellationToken::new(),
        }))
    }

    /// Shares a content that is on its way into `part`, from now on and for as long as what is answered lives; and tells of
    /// others who fetch it and call. None where it is shared already.
    pub(crate) fn share(
        &self,
        id: ContentId,
        size: u64,
        part: &Arc<LastingPart>,
    ) -> Option<(Shared, mpsc::Receiver<Met>)> {
        let (met, at_met) = mpsc::channel(MET);
        let mut contents = self.contents();
        if contents.contains_key(&id) {
            return None;
        }
        let content = Arc::new(Content::new(size, Arc::clone(part), met));
        contents.insert(id, Arc::clone(&content));
        Some((Shared::new(self.clone(), id, content), at_met))
    }

    /// The port that is listened at on this address of ours, from now on. None where that cannot be: the address may be that of
    /// a router in between.
    pub(crate) fn listen(&self, address: IpAddr) -> Option<u16> {
        let mut listeners = self.0.listeners.locked();
        if let Some(port) = listeners.get(&address) {
            return *port;
        }
        if listeners.len() >= LISTENERS {
            return None;
        }
        let port = listen::begin(self, address).inspect_err(|error| tracing::debug!(%address, %error, "cannot listen"));
        *listeners.entry(address).or_insert(port.ok())
    }

    /// Calls another receiver; what it asks is answered.
    pub(crate) async fn dial(&self, url: &PeerUrl) -> Result<Link, DialError> {
        let opened = bridge::connect(&self.0.identity, url, Named::ByPeer).await?;
        let (link, _, _driven) = self.begin(opened, Side::Initiator);
        Ok(link)
    }

    /// Begins a session. The other end has HELLO to hear before anything else, as everywhere.
    fn begin(&self, opened: Opened, side: Side) -> (Link, Arc<Visitor>, tokio::task::JoinHandle<Ended>) {
        let Opened { session, socket, address } = opened;
        let visitor = |link: &Link| Arc::new(Visitor::new(self.clone(), link.clone(), address));
        let (link, visitor, ended) = Link::start_with(session, socket, side, visitor);
        if !link.say_first(hello_of_command()) {
            link.close();
        }
        (link, visitor, ended)
    }

    /// Ends a session that we opened, once nobody reads there, or soon.
    pub(crate) fn leave(&self, link: Link) {
        tokio::spawn(async move {
            let quiet = async {
                while !link.is_quiet() && !link.is_closed() {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let _in_time = tokio::time::timeout(SETTLE, quiet).await;
            link.close();
        });
    }

    /// Waits a moment for those who read a piece to have it whole.
    pub(crate) async fn settle(&self) {
        let all = u32::try_from(READS).unwrap_or(u32::MAX);
        // Who is slower has it elsewhere.
        let _in_time = tokio::time::timeout(SETTLE, self.0.reads.acquire_many(all)).await;
    }

    /// Listens no more, and ends all sessions that others opened.
    pub(crate) fn close(&self) {
        self.0.shutdown.cancel();
    }

    fn content(&self, id: &ContentId) -> Option<Arc<Content>> {
        self.contents().get(id).cloned()
    }

    fn contents(&self) -> MutexGuard<'_, BTreeMap<ContentId, Arc<Content>>> {
        self.0.contents.locked()
    }
}
