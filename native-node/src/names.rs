//! Under which names this node can be called: its addresses, its host name, and what its owner adds.
//!
//! A token is good for one spelling of a URL. Whoever types `http://mybox.local:9004` sends another token than who types the
//! address, and both mean us. Only names that are certainly ours count, or a peer elsewhere could pass on tokens made for it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use shared::bridge::Destination;
use shared::{PeerUrl, Scope};

use crate::bridge;
use crate::lock::LockExt;

/// The header by which a node says that it is one of ours, and which: a random id per process, so that a node that dials
/// another name of its own notices. Its presence also tells a modern node from one of 2004.
pub const NODE_HEADER: &str = "tinyp2p-node";

/// How long a look at the machine's interfaces is good for; they come and go with the network.
const REFRESH: Duration = Duration::from_secs(15);

/// The names of one listening node.
#[derive(Debug)]
pub struct OwnNames {
    port: u16,
    bound: IpAddr,
    /// Host names, lower case.
    names: BTreeSet<String>,
    /// Host and port in the URL that its owner gave it, lower case. The port may be another one than ours.
    told: Option<(String, u16)>,
    addresses: Mutex<(Option<Instant>, Vec<IpAddr>)>,
}

impl OwnNames {
    /// The names of a node that listens on `bound`, with those its owner gave it (`--alias`, `--url`).
    #[must_use]
    pub fn new(bound: SocketAddr, aliases: impl IntoIterator<Item = String>, url: Option<&PeerUrl>) -> Self {
        let told = url.map(|url| url.host().to_owned());
        let mut names: BTreeSet<String> =
            aliases.into_iter().chain(told).map(|alias| alias.to_ascii_lowercase()).collect();
        names.insert("localhost".to_owned());
        if let Some(host) = gethostname::gethostname().to_str().map(str::to_ascii_lowercase) {
            names.insert(format!("{host}.local"));
            names.insert(host);
        }
        let told = url.map(|url| (url.host().to_ascii_lowercase(), url.port()));
        Self { port: bound.port(), bound: bound.ip(), names, told, addresses: Mutex::default() }
    }

    /// Whether a `Host` header may name us: any address (there may be a router in between), and our own names.
    #[must_use]
    pub fn may_be_asked_as(&self, host: &str) -> bool {
        let Ok(url) = PeerUrl::parse(&format!("http://{host}")) else { return false };
        url.host().parse::<IpAddr>().is_ok() || self.has_name(url.host())
    }

    /// The spellings of our own URL that a call may have meant, from its `Host` header and the path it was posted to.
    #[must_use]
    pub fn called(&self, host: Option<&str>, path: &str) -> Vec<PeerUrl> {
        let Some(base) = host.and_then(|host| PeerUrl::parse(&format!("http://{host}")).ok()) else {
            return Vec::new();
        };
        if !self.is_ours(&base) {
            return Vec::new();
        }
        // `/RPC2` is also where clients post to a URL that has no path at all.
        let bare = (path == "/RPC2").then(|| base.clone());
        bare.into_iter().chain(PeerUrl::parse(&format!("{base}{path}")).ok()).collect()
    }

    /// Whether a caller of the bridge that dialed this means us. Only names that are certainly ours count: any member knows
    /// the password, and could pass on to us what a caller proves to another.
    #[must_use]
    pub fn is_dialed_as(&self, destination: &Destination) -> bool {
        let Some(authority) = destination.as_str().strip_suffix(bridge::PATH) else { return false };
        let Ok(url) = PeerUrl::parse(&format!("http://{authority}")) else { return false };
        let is_told = self.told.as_ref().is_some_and(|(host, port)| host == url.host() && *port == url.port());
        url.path().is_empty() && (is_told || self.is_ours(&url))
    }

    /// Every URL under which this node can be reached from this machine or its networks, best first.
    #[must_use]
    pub fn urls(&self) -> Vec<PeerUrl> {
        let addresses = if self.bound.is_unspecified() { self.addresses() } else { vec![self.bound] };
        addresses.into_iter().filter_map(|address| url_of(SocketAddr::new(address, self.port))).collect()
    }

    /// Whether this host and port are ours.
    fn is_ours(&self, url: &PeerUrl) -> bool {
        let listens = || url.host().parse().is_ok_and(|address| self.listens_on(address));
        url.port() == self.port && (self.has_name(url.host()) || listens())
    }

    fn has_name(&self, host: &str) -> bool {
        self.names.contains(&host.to_ascii_lowercase())
    }

    fn listens_on(&self, address: IpAddr) -> bool {
        address == self.bound || (self.bound.is_unspecified() && self.addresses().contains(&address))
    }

    /// This machine's addresses: LAN before loopback, IPv4 before IPv6.
    fn addresses(&self) -> Vec<IpAddr> {
        let mut known = self.addresses.locked();
        if known.0.is_none_or(|looked| looked.elapsed() > REFRESH) {
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            let mut found: Vec<IpAddr> = interfaces
                .into_iter()
                .map(|interface| interface.ip())
                // A link-local IPv6 address is of no use without its zone, which no URL here can carry.
                .filter(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()))
                .filter(|address| self.bound.is_ipv6() || address.is_ipv4())
                .collect();
            if found.is_empty() {
                found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
            }
            found.sort_by_key(|address| {
                (address.is_loopback(), address.is_ipv6(), Scope::of_address(*address) != Some(Scope::Lan))
            });
            found.dedup();
            *known = (Some(Instant::now()), found);
        }
        known.1.clone()
    }
}

/// The URL of a peer at this address.
#[must_use]
pub fn url_of(address: SocketAddr) -> Option<PeerUrl> {
    PeerUrl::parse(&format!("http://{address}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> OwnNames {
        OwnNames::new("127.0.0.1:9004".parse().unwrap(), ["Files.Example".to_owned()], None)
    }

    fn called(host: &str, path: &str) -> Vec<String> {
        names().called(Some(host), path).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_call_is_matched_to_the_spelling_it_used() {
        assert_eq!(called("localhost:9004", "/RPC2"), ["http://localhost:9004", "http://localhost:9004/RPC2"]);
        assert_eq!(called("127.0.0.1:9004", "/"), ["http://127.0.0.1:9004/"]);
        assert_eq!(called("FILES.example:9004", "/"), ["http://FILES.example:9004/"]);
    }

    #[test]
    fn d4_a_token_made_for_somebody_else_is_never_taken() {
        // Else a hostile server could pass on to us what callers proved to it.
        for foreign in ["evil.example:9004", "localhost:9005", "10.9.8.7:9004", "localhost", "127.0.0.1.evil:9004", "@"]
        {
            assert!(called(foreign, "/RPC2").is_empty(), "{foreign}");
        }
        assert!(names().called(None, "/RPC2").is_empty());
    }

    #[test]
    fn d4_a_call_of_the_bridge_made_for_somebody_else_is_never_taken() {
        let told = PeerUrl::parse("http://Outside.example:8080").unwrap();
        let names = OwnNames::new("10.1.2.3:9004".parse().unwrap(), ["Box.local".to_owned()], Some(&told));
        let is_ours = |dialed: &str| names.is_dialed_as(&dialed.parse().unwrap());
        for ours in [
            "10.1.2.3:9004/bridge",
            "localhost:9004/bridge",
            "BOX.local:9004/bridge",
            "outside.example:8080/bridge",
            "outside.example:9004/bridge",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for foreign in [
            "10.1.2.3:9004",
            "10.1.2.3:9004/",
            "10.1.2.3:9004/bridge/",
            "10.1.2.3:9004/x/bridge",
            "10.1.2.3:9004/bridge?x",
            "10.1.2.3:9005/bridge",
            "10.1.2.3/bridge",
            "10.1.2.4:9004/bridge",
            "127.0.0.1:9004/bridge",
            "box.local:8080/bridge",
            "box.local.evil.example:9004/bridge",
            "eve@box.local:9004/bridge",
            "http://box.local:9004/bridge",
            "0.0.0.0:9004/bridge",
            "/bridge",
            "/bridge/bridge",
        ] {
            assert!(!is_ours(foreign), "{foreign}");
        }
        let everywhere = OwnNames::new("0.0.0.0:80".parse().unwrap(), [], None);
        let is_ours = |dialed: &str| everywhere.is_dialed_as(&dialed.parse().unwrap());
        assert!(is_ours("127.0.0.1/bridge") && is_ours("localhost:80/bridge"));
        assert!(!is_ours("8.8.8.8/bridge") && !is_ours("localhost:81/bridge"));
    }

    #[test]
    fn b8_a_rebound_name_is_not_ours() {
        for host in ["evil.com:8000", "127.0.0.1.evil.com", "localhost.evil.com", "a b", ""] {
            assert!(!names().may_be_asked_as(host), "{host:?}");
        }
        for host in ["127.0.0.1:1", "[::1]:9004", "192.168.7.7", "LOCALHOST:9004", "files.example"] {
            assert!(names().may_be_asked_as(host), "{host:?}");
        }
    }

    #[test]
    fn a_node_bound_to_one_address_is_reached_there_only() {
        assert_eq!(names().urls(), [PeerUrl::parse("http://127.0.0.1:9004").unwrap()]);
    }
}
