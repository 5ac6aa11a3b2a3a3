//! One socket for each of our interfaces and each version of IP: what is said on one network is not heard on another.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use shared::Moment;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::schedule::{Answers, Questions};
use super::{Ears, delay};
use crate::discover::interfaces::Interface;

/// Where multicast DNS is spoken (RFC 6762, section 3).
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Nobody between us may have passed it on (RFC 6762, section 11).
const TTL: u32 = 255;

/// An interface, and a version of IP on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::discover) struct LinkId {
    /// As the system calls the interface.
    pub(in crate::discover) name: String,
    pub(in crate::discover) is_v6: bool,
}

impl LinkId {
    pub(super) fn of(interface: &Interface) -> Self {
        Self { name: interface.name.clone(), is_v6: interface.address.is_ipv6() }
    }
}

/// A network that we speak on.
#[derive(Debug)]
pub(super) struct Link {
    socket: UdpSocket,
    group: SocketAddr,
    /// By which of our addresses it was joined.
    pub(super) joined: IpAddr,
    /// Where others reach us on it.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) questions: Questions,
    pub(super) answers: Answers,
    pub(super) ears: Ears,
}

impl Link {
    /// Joins the group on an interface.
    ///
    /// # Errors
    /// The system does not let us: another program has the port for itself, or nothing can be sent to many there.
    pub(super) fn new(now: Moment, interface: &Interface, addresses: Vec<IpAddr>) -> io::Result<Self> {
        let (socket, group) = match interface.address {
            IpAddr::V4(address) => (socket_v4(address)?, SocketAddr::from((GROUP_V4, PORT))),
            IpAddr::V6(_) => {
                let group = SocketAddrV6::new(GROUP_V6, PORT, 0, interface.index);
                (socket_v6(interface.index)?, SocketAddr::from(group))
            }
        };
        let socket = UdpSocket::from_std(socket.into())?;
        let (questions, mut answers) = (Questions::new(now, delay()), Answers::default());
        answers.announce(now);
        Ok(Self { socket, group, joined: interface.address, addresses, questions, answers, ears: Ears::Nobody })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Says something to all.
    ///
    /// # Errors
    /// There is no way there at the moment.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        match self.socket.try_send_to(packet, self.group) {
            // A queue that is full: it is said again, or asked for again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent.map(drop),
        }
    }
}

fn socket_v4(address: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    bind(&socket, SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))?;
    socket.join_multicast_v4(&GROUP_V4, &address)?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_ttl_v4(TTL)?;
    // Otherwise it hears what other sockets of this machine have joined.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    Ok(socket)
}

fn socket_v6(index: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    bind(&socket, SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)))?;
    socket.join_multicast_v6(&GROUP_V6, index)?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(TTL)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v6(false)?;
    Ok(socket)
}

/// Beside whoever else speaks it on this machine (RFC 6762, section 15.1).
fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}
