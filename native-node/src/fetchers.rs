//! Who fetches which content at this moment: told to each other, so that they can share what they have so far.
//!
//! A receiver is known by the address that its session comes from, and is asked for no more than a port: so nobody can have
//! others call an address that is not its own. Who is told of whom follows from how near both are, as with peers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use shared::limits::{SWARM_CONTENTS, SWARM_FETCHERS, SWARM_FETCHERS_OF_ONE};
use shared::{ContentId, PeerUrl, Scope};
use tokio::sync::watch;

use crate::link::Link;
use crate::lock::LockExt;
use crate::names::url_of;

/// Contents by what is known of them; the size too is the asker's word.
type Key = (ContentId, u64);

/// All of them. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetchers(Arc<Mutex<BTreeMap<Key, Fetched>>>);

/// One content that somebody fetches.
#[derive(Debug, Default)]
struct Fetched {
    numbers: u64,
    fetchers: BTreeMap<u64, Fetcher>,
    changed: watch::Sender<()>,
    /// How many look on, those included for whom there was no room.
    onlookers: usize,
}

#[derive(Debug)]
struct Fetcher {
    link: Link,
    scope: Scope,
    address: SocketAddr,
    /// Where it can be called.
    url: Option<PeerUrl>,
}

/// One stream of a receiver: it is known for as long as this lives.
#[derive(Debug)]
pub(crate) struct FetcherGuard {
    fetchers: Fetchers,
    key: Key,
    /// None where there was no room: it is told, and nobody is told of it.
    number: Option<u64>,
    link: Link,
    scope: Scope,
    changed: watch::Receiver<()>,
}

/// Who else fetches the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Others {
    pub(crate) count: u32,
    pub(crate) at: Vec<PeerUrl>,
}

impl Fetchers {
    /// Somebody in this session fetches a content of so many bytes, and can be called at `port`. None where its address is none
    /// or there is no room for another content.
    pub(crate) fn enter(&self, key: Key, link: Link, address: SocketAddr, port: Option<u16>) -> Option<FetcherGuard> {
        let ip = address.ip().to_canonical();
        let scope = Scope::of_address(ip)?;
        let mut contents = self.lock();
        if contents.len() >= SWARM_CONTENTS && !contents.contains_key(&key) {
            return None;
        }
        let fetched = contents.entry(key).or_default();
        fetched.onlookers += 1;
        let of_one = fetched.fetchers.values().filter(|other| other.address.ip() == ip).count();
        let is_room =
            fetched.fetchers.len() < SWARM_FETCHERS && (of_one < SWARM_FETCHERS_OF_ONE || scope == Scope::Loopback);
        let number = is_room.then(|| {
            fetched.numbers += 1;
            // Below 1024 listens no command, but maybe something that should not be called by everybody.
            let url = port.filter(|port| *port >= 1024).and_then(|port| url_of(SocketAddr::new(ip, port)));
            let address = SocketAddr::new(ip, address.port());
            fetched.fetchers.insert(fetched.numbers, Fetcher { link: link.clone(), scope, address, url });
            fetched.changed.send_replace(());
            fetched.numbers
        });
        let changed = fetched.changed.subscribe();
        drop(contents);
        Some(FetcherGuard { fetchers: self.clone(), key, number, link, scope, changed })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Fetched>> {
        self.0.locked()
    }
}

impl FetcherGuard {
    /// Who else fetches the same now, as far as this one may know of them.
    pub(crate) fn others(&mut self) -> Others {
        self.changed.mark_unchanged();
        let contents = self.fetchers.lock();
        let all = contents.get(&self.key).into_iter().flat_map(|fetched| fetched.fetchers.values());
        // A receiver that tells its port has two streams for a moment.
        let others = all.filter(|other| !other.link.is_same(&self.link) && self.scope.admits(other.scope));
        let mut told = Others::default();
        let mut sessions: Vec<&Link> = Vec::new();
        for other in others {
            if !sessions.iter().any(|link| link.is_same(&other.link)) {
                sessions.push(&other.link);
                told.count += 1;
            }
            told.at.extend(other.url.clone());
        }
        told.at.sort();
        told.at.dedup();
        told
    }

    /// Waits until somebody comes or goes.
    pub(crate) async fn changed(&mut self) {
        // The sender is in the register for as long as this is.
        let _changed = self.changed.changed().await;
    }
}

impl Drop for FetcherGuard {
    fn drop(&mut self) {
        let mut contents = self.fetchers.lock();
        let Some(fetched) = contents.get_mut(&self.key) else { return };
        fetched.onlookers = fetched.onlookers.saturating_sub(1);
        if let Some(number) = self.number {
            fetched.fetchers.remove(&number);
            fetched.changed.send_replace(());
        }
        if fetched.onlookers == 0 {
            contents.remove(&self.key);
        }
    }
}
