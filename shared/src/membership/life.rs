//! One life of one node: who a member is.
//!
//! A node that is started again is the same node, by its URL, in a new life: what was said of the one before is not about it.
//! Most URLs are `http://` and an IPv4 address, so such a node takes 24 bytes here and 13 on the wire.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use sha2::{Digest, Sha512};

use crate::{PeerUrl, Scope};

/// A node from its start to its end: its URL, where it takes datagrams, and when it was started.
#[derive(Clone, PartialEq, Eq)]
pub struct Life {
    place: Place,
    /// Milliseconds since 1970-01-01 UTC by its own clock, 48 bits: of two lives the later counts.
    started: u64,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    /// Its URL is `http://` and this.
    Plain(SocketAddrV4),
    Other(Arc<Other>),
}

#[derive(PartialEq, Eq)]
struct Other {
    key: u128,
    address: SocketAddr,
    url: PeerUrl,
}

/// Largest time of a start.
pub(super) const STARTED_MAX: u64 = (1 << 48) - 1;

impl Life {
    /// The life of the node at `url` that began at `started`, in milliseconds since 1970-01-01 UTC, and takes datagrams at
    /// `address`.
    #[must_use]
    pub fn new(url: &PeerUrl, address: SocketAddr, started: u64) -> Self {
        let started = started.min(STARTED_MAX);
        let place = match address {
            SocketAddr::V4(v4) if plain(url) == Some(v4) => Place::Plain(v4),
            _ => Place::Other(Arc::new(Other { key: Self::key_of_url(url), address, url: url.clone() })),
        };
        Self { place, started }
    }

    /// Its URL; none for port 0, which no URL has.
    #[must_use]
    pub fn url(&self) -> Option<PeerUrl> {
        match &self.place {
            Place::Plain(address) => PeerUrl::parse(&format!("http://{address}")).ok(),
            Place::Other(other) => Some(other.url.clone()),
        }
    }

    /// Where it takes datagrams.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match &self.place {
            Place::Plain(address) => SocketAddr::V4(*address),
            Place::Other(other) => other.address,
        }
    }

    pub(super) fn started(&self) -> u64 {
        self.started
    }

    /// The same node in a life that began then.
    pub(super) fn born_again(&self, started: u64) -> Self {
        Self { place: self.place.clone(), started: started.min(STARTED_MAX) }
    }

    /// Its URL, where that does not follow from its address.
    pub(super) fn named(&self) -> Option<&PeerUrl> {
        match &self.place {
            Place::Plain(_) => None,
            Place::Other(other) => Some(&other.url),
        }
    }

    /// Which node it is a life of: the same for the same URL, and for no other that anybody could find.
    pub(super) fn key(&self) -> u128 {
        match &self.place {
            Place::Plain(address) => key_of_plain(*address),
            Place::Other(other) => other.key,
        }
    }

    /// The key of a node with this URL, wherever it takes datagrams.
    pub(super) fn key_of_url(url: &PeerUrl) -> u128 {
        plain(url).map_or_else(|| key_of(url), key_of_plain)
    }

    /// Whether a node at that distance has to do with it: both are on this machine, or both on the LAN. What is near is
    /// nobody else's business, and no port where a datagram could do harm is written to.
    pub(super) fn is_within(&self, scope: Scope) -> bool {
        let address = self.address();
        let port = address.port() == 80 || address.port() >= 1024;
        port && is_of(address.ip(), scope) && self.named().is_none_or(|url| scope.admits_url(url))
    }
}

fn is_of(address: IpAddr, scope: Scope) -> bool {
    Scope::of_address(address) == Some(scope)
}

/// The address in a URL that is `http://` and this, as it is written.
fn plain(url: &PeerUrl) -> Option<SocketAddrV4> {
    let text = url.as_str().strip_prefix("http://")?;
    text.parse::<SocketAddrV4>().ok().filter(|address| address.to_string() == text)
}

fn key_of_plain(address: SocketAddrV4) -> u128 {
    u128::from(address.ip().to_bits()) << 16 | u128::from(address.port())
}

fn key_of(url: &PeerUrl) -> u128 {
    let hash = Sha512::new().chain_update(b"tinyp2p member\0").chain_update(url.as_str()).finalize();
    let key = hash.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
    // The highest bit keeps it apart from the plain ones.
    key | 1 << 127
}

impl foca::Identity for Life {
    type Addr = u128;

    fn addr(&self) -> u128 {
        self.key()
    }

    fn renew(&self) -> Option<Self> {
        (self.started < STARTED_MAX).then(|| self.born_again(self.started + 1))
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.started >= adversary.started
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.address(), self.started)
    }
}
