//! One session for each node that we call, kept for as long as it is used, and the memory of who speaks the bridge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared::bridge::InstanceId;
use shared::{Moment, PeerUrl};

use super::CallError;
use crate::bridge::{self, DialBackoff, DialError, Doubt, Identity, KnownNodes, Named, Opened};
use crate::link::Link;
use crate::lock::LockExt;

/// A session that nobody used for so long is closed, unless it is to stand ([`Links::hold`]) or something is under way.
const IDLE: Duration = Duration::from_secs(150);
/// For how long a URL that answered as of 2004 is called so without being asked for the bridge again.
const LEGACY_FOR: Duration = Duration::from_secs(10 * 60);
/// Most nodes remembered here, with or without a session: several times what a roster holds.
const MOST: usize = 1_024;

/// Makes a link of a session that was opened with the node at a URL: whoever starts it says what the other end may ask of
/// us. None where this process is ending.
pub type Start = Arc<dyn Fn(Opened, &PeerUrl) -> Option<Link> + Send + Sync>;

/// How a URL can be called.
#[derive(Debug, Clone)]
pub enum Way {
    /// Over this session.
    Bridge(Link),
    /// As in 2004.
    Legacy,
}

/// The sessions we dialed. Clones share them.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

struct Inner {
    identity: Identity,
    known: KnownNodes,
    start: Start,
    begun: Instant,
    nodes: Mutex<Nodes>,
    /// Whether this process is ending.
    closed: AtomicBool,
    backoff: Mutex<DialBackoff>,
    /// Authorities that a person typed.
    typed: Mutex<BTreeSet<String>>,
}

/// What we have with each node, by authority.
#[derive(Debug)]
struct Nodes {
    slots: BTreeMap<String, Arc<Slot>>,
    tidied: Instant,
}

/// What we have with one node. Dialed by one task at a time; the others wait for what comes of it.
#[derive(Debug, Default)]
struct Slot {
    way: tokio::sync::Mutex<Option<(Way, Instant)>>,
    /// When it was found last that it cannot be reached, and why.
    unreachable: Mutex<Option<(String, Instant)>>,
    used: Mutex<Option<Instant>>,
    /// By how many it is to be kept.
    held: AtomicUsize,
}

/// The wish that a session with a node stands, once it is there.
#[derive(Debug)]
pub struct Held(Arc<Slot>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Links {
    /// No session yet.
    #[must_use]
    pub fn new(identity: Identity, known: KnownNodes, start: Start) -> Self {
        Self(Arc::new(Inner {
            identity,
            known,
            start,
            begun: Instant::now(),
            nodes: Mutex::new(Nodes { slots: BTreeMap::new(), tidied: Instant::now() }),
            closed: AtomicBool::new(false),
            backoff: Mutex::default(),
            typed: Mutex::default(),
        }))
    }

    /// Who this process is in every handshake.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// A person typed this URL: it may lead anywhere, and is tried again whatever came of it before.
    pub fn typed(&self, url: &PeerUrl) {
        self.0.typed.locked().insert(url.authority().to_owned());
        self.0.backoff.locked().forget(&node_of(url));
    }

    /// Who named a URL: how far its name may be trusted.
    #[must_use]
    pub fn named(&self, url: &PeerUrl) -> Named {
        if self.0.typed.locked().contains(url.authority()) { Named::ByPerson } else { Named::ByPeer }
    }

    /// The session with a URL's node, dialed if there is none.
    ///
    /// # Errors
    /// See [`CallError`]: there is none, and it must not be called the old way either.
    pub async fn way(&self, url: &PeerUrl) -> Result<Way, CallError> {
        let slot = self.slot(url.authority());
        let came = Instant::now();
        *slot.used.locked() = Some(came);
        let mut way = slot.way.lock().await;
        match &*way {
            Some((Way::Bridge(link), _)) if !link.is_closed() => return Ok(Way::Bridge(link.clone())),
            Some((Way::Legacy, since)) if since.elapsed() < LEGACY_FOR => return Ok(Way::Legacy),
            _ => *way = None,
        }
        // That was found out while this one waited: twenty who dial one after the other would each wait longer.
        if let Some((why, _)) = slot.unreachable.locked().as_ref().filter(|(_, at)| *at > came) {
            return Err(CallError::Unreachable(why.clone()));
        }
        let found = self.dial(url).await;
        if let Err(CallError::Unreachable(why)) = &found {
            *slot.unreachable.locked() = Some((why.clone(), Instant::now()));
        }
        let found = found?;
        *way = Some((found.clone(), Instant::now()));
        // Whoever ends all sessions did not wait for this one.
        if let Way::Bridge(link) = &found
            && self.0.closed.load(Ordering::SeqCst)
        {
            link.close();
        }
        Ok(found)
    }

    /// Whether there is a session with a URL's node.
    #[must_use]
    pub fn has(&self, url: &PeerUrl) -> bool {
        let slot = self.0.nodes.locked().slots.get(url.authority()).cloned();
        let way = slot.as_ref().and_then(|slot| slot.way.try_lock().ok());
        matches!(way.as_deref(), Some(Some((Way::Bridge(link), _))) if !link.is_closed())
    }

    /// Keeps the session with a URL's node for as long as what is answered lives, used or not. It is not dialed by this.
    #[must_use]
    pub fn hold(&self, url: &PeerUrl) -> Held {
        let slot = self.slot(url.authority());
        slot.held.fetch_add(1, Ordering::Relaxed);
        Held(slot)
    }

    /// Asks a URL's node over this session from now on, which somebody else opened. The caller knows for certain that it
    /// leads there.
    pub(crate) async fn adopt(&self, url: &PeerUrl, link: Link) {
        let slot = self.slot(url.authority());
        *slot.way.lock().await = Some((Way::Bridge(link), Instant::now()));
    }

    /// The sessions we opened with a process of this id.
    pub(crate) fn dialed_to(&self, id: InstanceId) -> Vec<Link> {
        let slots: Vec<_> = self.0.nodes.locked().slots.values().cloned().collect();
        let link = |slot: Arc<Slot>| match slot.way.try_lock().ok()?.as_ref()? {
            (Way::Bridge(link), _) => Some(link.clone()),
            (Way::Legacy, _) => None,
        };
        let links = slots.into_iter().filter_map(link);
        links.filter(|link| link.is_dialed() && link.other_end() == id && !link.is_closed()).collect()
    }

    /// Passes on what came of a call the old way. One that failed is no proof that the peer is still of 2004.
    pub(super) fn called_legacy<T>(&self, url: &PeerUrl, outcome: Result<T, CallError>) -> Result<T, CallError> {
        if outcome.is_err()
            && let Ok(mut way) = self.slot(url.authority()).way.try_lock()
        {
            *way = None;
        }
        outcome
    }

    /// Ends all sessions, those that are being opened, too.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        for (_, slot) in std::mem::take(&mut self.0.nodes.locked().slots) {
            if let Ok(way) = slot.way.try_lock()
                && let Some((Way::Bridge(link), _)) = &*way
            {
                link.close();
            }
        }
    }

    async fn dial(&self, url: &PeerUrl) -> Result<Way, CallError> {
        if self.0.closed.load(Ordering::SeqCst) {
            return Err(CallError::Unreachable("this program is ending".into()));
        }
        let node = node_of(url);
        let now = || Moment::default() + self.0.begun.elapsed();
        if self.0.backoff.locked().of(now(), &node) != Doubt::None {
            return Err(CallError::InDoubt);
        }
        match bridge::connect(&self.0.identity, &node, self.named(url)).await {
            Ok(opened) => {
                self.0.backoff.locked().forget(&node);
                self.0.known.remember(&node).await;
                let link = (self.0.start)(opened, &node);
                link.map(Way::Bridge).ok_or_else(|| CallError::Unreachable("this program is ending".into()))
            }
            Err(DialError::NoBridge { .. }) if self.0.known.is_known(&node) => {
                Err(CallError::Downgrade(self.0.known.place()))
            }
            Err(DialError::NoBridge { .. }) => Ok(Way::Legacy),
            Err(error) => {
                if error.is_attempt_used() {
                    self.0.backoff.locked().handle_wrong(now(), &node);
                }
                Err(error.into())
            }
        }
    }

    fn slot(&self, authority: &str) -> Arc<Slot> {
        let mut nodes = self.0.nodes.locked();
        let Nodes { slots, tidied } = &mut *nodes;
        if let Some(slot) = slots.get(authority) {
            // It is wanted now, whenever it was used.
            *slot.used.locked() = Some(Instant::now());
        }
        if !slots.contains_key(authority) || tidied.elapsed() > IDLE {
            tidy(slots);
            *tidied = Instant::now();
        }
        Arc::clone(slots.entry(authority.to_owned()).or_default())
    }
}

/// Closes sessions that nobody used of late, and forgets nodes where there are too many.
fn tidy(slots: &mut BTreeMap<String, Arc<Slot>>) {
    let used = |slot: &Slot| slot.used.locked().map_or(Duration::ZERO, |used| used.elapsed());
    let is_held = |slot: &Slot| slot.held.load(Ordering::Relaxed) > 0;
    let is_crowded = slots.len() >= MOST;
    slots.retain(|_, slot| {
        // Somebody dials it at this moment.
        let Ok(way) = slot.way.try_lock() else { return true };
        match &*way {
            Some((Way::Bridge(link), _)) if !link.is_closed() => {
                let keep = is_held(slot) || used(slot) < IDLE || !link.is_quiet();
                if !keep {
                    link.close();
                }
                keep
            }
            _ => is_held(slot) || (!is_crowded && used(slot) < LEGACY_FOR),
        }
    });
}

/// The node at a URL, whichever of its peers is meant.
fn node_of(url: &PeerUrl) -> PeerUrl {
    PeerUrl::parse(&format!("http://{}", url.authority())).unwrap_or_else(|_| url.clone())
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({} nodes)", self.0.nodes.locked().slots.len())
    }
}
