//! The networks this machine is on.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use if_addrs::IfAddr;

/// How long a look at the machine's interfaces is good for.
const REFRESH: Duration = Duration::from_secs(5);

/// Those over which a node that listens there can be reached, looked at now and then.
#[derive(Debug)]
pub(super) struct Networks {
    bound: IpAddr,
    looked: Option<Instant>,
    networks: Vec<Network>,
}

impl Networks {
    pub(super) fn new(bound: IpAddr) -> Self {
        Self { bound, looked: None, networks: Vec::new() }
    }

    /// Whether an address is on one of them.
    pub(super) fn have(&mut self, address: IpAddr) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() > REFRESH) {
            (self.looked, self.networks) = (Some(Instant::now()), ours(self.bound));
        }
        self.networks.iter().any(|network| network.has(address))
    }
}

/// A network that an interface of ours belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    mask: IpAddr,
}

/// Those over which a node that listens there can be reached, and whose addresses a URL can carry.
fn ours(bound: IpAddr) -> Vec<Network> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let network = |interface: if_addrs::Interface| {
        let is_bound = bound.is_unspecified() || interface.ip() == bound;
        let (address, mask) = match interface.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.netmask.into()),
            IfAddr::V6(v6) => (v6.ip.into(), v6.netmask.into()),
        };
        (is_bound && !is_out_of_place(address)).then_some(Network { address, mask })
    };
    interfaces.into_iter().filter_map(network).collect()
}

/// Our own machine, or an address that means nothing without the name of an interface.
fn is_out_of_place(address: IpAddr) -> bool {
    address.is_loopback() || matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

impl Network {
    /// Whether this address is on it.
    fn has(self, address: IpAddr) -> bool {
        let is_same = match (self.address, self.mask, address) {
            (IpAddr::V4(ours), IpAddr::V4(mask), IpAddr::V4(theirs)) => {
                ours.to_bits() & mask.to_bits() == theirs.to_bits() & mask.to_bits()
            }
            (IpAddr::V6(ours), IpAddr::V6(mask), IpAddr::V6(theirs)) => {
                ours.to_bits() & mask.to_bits() == theirs.to_bits() & mask.to_bits()
            }
            _ => false,
        };
        is_same && !is_out_of_place(address) && !address.is_multicast() && !address.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_not_dialed_whoever_says_so() {
        let network =
            |address: &str, mask: &str| Network { address: address.parse().unwrap(), mask: mask.parse().unwrap() };
        let lan = network("192.168.1.7", "255.255.255.0");
        let wide = network("fd00:1::7", "ffff:ffff:ffff:ffff::");
        let has = |network: Network, address: &str| network.has(address.parse().unwrap());
        assert!(has(lan, "192.168.1.200") && has(wide, "fd00:1::8"));
        for elsewhere in ["192.168.2.1", "8.8.8.8", "127.0.0.1", "fd00:1::8", "::1", "0.0.0.0", "224.0.0.251"] {
            assert!(!has(lan, elsewhere), "{elsewhere}");
        }
        for elsewhere in ["fd00:2::1", "fe80::1", "::1", "192.168.1.8", "ff02::fb"] {
            assert!(!has(wide, elsewhere), "{elsewhere}");
        }
        // An interface that says to reach everything.
        let all = network("10.0.0.1", "0.0.0.0");
        assert!(!has(all, "127.0.0.1") && !has(all, "224.0.0.251"));
    }

    #[test]
    fn the_networks_of_this_machine_are_never_loopback() {
        assert!(ours("0.0.0.0".parse().unwrap()).iter().all(|network| !network.address.is_loopback()));
        assert_eq!(ours("127.0.0.1".parse().unwrap()), []);
    }
}
