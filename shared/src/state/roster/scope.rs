//! How far away a host is, and what somebody at one distance may make us dial.
//!
//! Whoever has the password can name any URL; without this a peer on the LAN could send our token to a service that listens
//! on our loopback, or to a cloud's metadata address. Names are judged by their text alone: a name that *resolves* to such an
//! address is the dialer's to refuse, with [`Scope::of_address`] and [`Scope::admits`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::PeerUrl;

/// How far away an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This machine.
    Loopback,
    /// The same cable, by a link-local address.
    LinkLocal,
    /// Anywhere else.
    Lan,
}

/// Where the clouds keep credentials, over IPv6 (AWS); over IPv4 it is 169.254.169.254.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

impl Scope {
    /// The scope of an address that a call came from, or that a name resolved to; none where no peer can be
    /// (unspecified, multicast, broadcast, reserved, or the metadata address of a cloud).
    #[must_use]
    pub fn of_address(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(v4) if v4.is_loopback() => Some(Self::Loopback),
            IpAddr::V4(v4) if v4 == METADATA_V4 => None,
            IpAddr::V4(v4) if v4.is_link_local() => Some(Self::LinkLocal),
            // 0/8 is "this host" on Linux; 224/4 is multicast; 240/4 is reserved, with broadcast at its end.
            IpAddr::V4(v4) if matches!(v4.octets(), [0 | 224.., ..]) => None,
            IpAddr::V4(_) => Some(Self::Lan),
            IpAddr::V6(v6) if v6 == Ipv6Addr::LOCALHOST => Some(Self::Loopback),
            IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() || v6 == METADATA_V6 => None,
            IpAddr::V6(v6) => match v6.segments() {
                // An IPv4 address in IPv6 clothes: mapped, compatible, or through NAT64.
                [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    Self::of_address(IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))))
                }
                [0xfe80..=0xfebf, ..] => Some(Self::LinkLocal),
                _ => Some(Self::Lan),
            },
        }
    }

    /// The scope of a URL's host, by its text; none where no peer can be.
    #[must_use]
    pub fn of_url(url: &PeerUrl) -> Option<Self> {
        let host = url.host().trim_end_matches('.');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Self::of_address(address);
        }
        let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        // Resolvers take 127.1, 0x7f000001 and 2130706433 for addresses; nobody writes them in good faith.
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        match last.as_str() {
            _ if numeric => None,
            "localhost" => Some(Self::Loopback),
            _ => Some(Self::Lan),
        }
    }

    /// Whether somebody at this distance may name something at that one, and be told of it: the LAN is everybody's, this
    /// machine and this cable are their own.
    #[must_use]
    pub fn admits(self, named: Self) -> bool {
        named == Self::Lan || named == self
    }

    /// Whether a URL that somebody at this distance named may be dialed.
    #[must_use]
    pub fn admits_url(self, url: &PeerUrl) -> bool {
        // Below 1024 live ssh, smtp and their kin, which should not see a POST; 80 is the one that expects it.
        (url.port() == 80 || url.port() >= 1024) && Self::of_url(url).is_some_and(|scope| self.admits(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_scope() {
        for (host, scope) in [
            ("127.0.0.1", Some(Scope::Loopback)),
            ("127.9.9.9", Some(Scope::Loopback)),
            ("127.0.0.1.", Some(Scope::Loopback)),
            ("localhost", Some(Scope::Loopback)),
            ("LOCALHOST.", Some(Scope::Loopback)),
            ("a.localhost", Some(Scope::Loopback)),
            ("[::1]", Some(Scope::Loopback)),
            ("[::ffff:127.0.0.1]", Some(Scope::Loopback)),
            ("169.254.7.7", Some(Scope::LinkLocal)),
            ("[fe80::1]", Some(Scope::LinkLocal)),
            ("192.168.1.7", Some(Scope::Lan)),
            ("8.8.8.8", Some(Scope::Lan)),
            ("[fd00::7]", Some(Scope::Lan)),
            ("box", Some(Scope::Lan)),
            ("box.local", Some(Scope::Lan)),
            ("localhost.example", Some(Scope::Lan)),
            ("169.254.169.254", None),
            ("[::ffff:169.254.169.254]", None),
            ("[64:ff9b::a9fe:a9fe]", None),
            ("[fd00:ec2::254]", None),
            ("0.0.0.0", None),
            ("[::]", None),
            ("255.255.255.255", None),
            ("224.0.0.251", None),
            ("[ff02::fb]", None),
            ("127.1", None),
            ("0x7f000001", None),
            ("2130706433", None),
            ("0177.0.0.1", None),
            ("...", None),
        ] {
            let url = PeerUrl::parse(&format!("http://{host}:9004")).unwrap();
            assert_eq!(Scope::of_url(&url), scope, "{host}");
        }
    }

    #[test]
    fn near_hosts_are_for_near_callers_and_low_ports_for_nobody() {
        use Scope::{Lan, LinkLocal, Loopback};
        for (from, text, may) in [
            (Loopback, "http://127.0.0.1:9004", true),
            (Lan, "http://127.0.0.1:9004", false),
            (LinkLocal, "http://localhost:9004", false),
            (LinkLocal, "http://[fe80::1]:9004", true),
            (Lan, "http://[fe80::1]:9004", false),
            (Loopback, "http://169.254.1.1:9004", false),
            (Loopback, "http://192.168.1.7:9004", true),
            (Lan, "http://192.168.1.7", true),
            (Lan, "http://192.168.1.7:22", false),
            (Lan, "http://192.168.1.7:25", false),
            (Lan, "http://192.168.1.7:443", false),
            (Loopback, "http://169.254.169.254", false),
        ] {
            assert_eq!(from.admits_url(&PeerUrl::parse(text).unwrap()), may, "{from:?} names {text}");
        }
    }
}
