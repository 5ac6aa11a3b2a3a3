//! The networks this machine is on.

use std::net::IpAddr;

use if_addrs::IfAddr;

/// An address of ours, and the network it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    /// As the system calls the interface.
    pub(super) name: String,
    /// As the system counts it.
    pub(super) index: u32,
    pub(super) address: IpAddr,
    mask: IpAddr,
}

/// Those over which a node that listens at `bound` can be reached.
pub(super) fn look(bound: IpAddr) -> Vec<Interface> {
    let interface = |one: if_addrs::Interface| {
        let (address, mask): (IpAddr, IpAddr) = match one.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.netmask.into()),
            IfAddr::V6(v6) => (v6.ip.into(), v6.netmask.into()),
        };
        let is_ours = (bound.is_unspecified() || address == bound) && !address.is_loopback();
        is_ours.then(|| Interface { name: one.name, index: one.index.unwrap_or(0), address, mask })
    };
    if_addrs::get_if_addrs().unwrap_or_default().into_iter().filter_map(interface).collect()
}

/// Whether an address means nothing without the name of an interface.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

impl Interface {
    /// Whether who listens at `bound` is reached by this version of IP.
    pub(super) fn speaks_for(&self, bound: IpAddr) -> bool {
        bound.is_ipv6() || self.address.is_ipv4()
    }

    /// Whether a URL can carry its address.
    pub(super) fn is_for_urls(&self) -> bool {
        !is_link_local(self.address)
    }

    /// Whether this address is one of its network that a URL can carry.
    pub(super) fn reaches(&self, address: IpAddr) -> bool {
        let is_same = match (self.address, self.mask, address) {
            (IpAddr::V4(ours), IpAddr::V4(mask), IpAddr::V4(theirs)) => {
                ours.to_bits() & mask.to_bits() == theirs.to_bits() & mask.to_bits()
            }
            (IpAddr::V6(ours), IpAddr::V6(mask), IpAddr::V6(theirs)) => {
                ours.to_bits() & mask.to_bits() == theirs.to_bits() & mask.to_bits()
            }
            _ => false,
        };
        let is_out_of_place = address.is_loopback() || is_link_local(address);
        is_same && !is_out_of_place && !address.is_multicast() && !address.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_not_dialed_whoever_says_so() {
        let network = |address: &str, mask: &str| {
            let (address, mask) = (address.parse().unwrap(), mask.parse().unwrap());
            Interface { name: "lan".to_owned(), index: 2, address, mask }
        };
        let lan = network("192.168.1.7", "255.255.255.0");
        let wide = network("fd00:1::7", "ffff:ffff:ffff:ffff::");
        let has = |network: &Interface, address: &str| network.reaches(address.parse().unwrap());
        assert!(has(&lan, "192.168.1.200") && has(&wide, "fd00:1::8"));
        for elsewhere in ["192.168.2.1", "8.8.8.8", "127.0.0.1", "fd00:1::8", "::1", "0.0.0.0", "224.0.0.251"] {
            assert!(!has(&lan, elsewhere), "{elsewhere}");
        }
        for elsewhere in ["fd00:2::1", "fe80::1", "::1", "192.168.1.8", "ff02::fb"] {
            assert!(!has(&wide, elsewhere), "{elsewhere}");
        }
        // An interface that says to reach everything.
        let all = network("10.0.0.1", "0.0.0.0");
        assert!(!has(&all, "127.0.0.1") && !has(&all, "224.0.0.251"));
    }

    #[test]
    fn the_networks_of_this_machine_are_never_loopback() {
        assert!(look("0.0.0.0".parse().unwrap()).iter().all(|interface| !interface.address.is_loopback()));
        assert_eq!(look("127.0.0.1".parse().unwrap()), []);
    }
}
