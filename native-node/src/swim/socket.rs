//! Datagrams out and in. Whatever is lost is lost: the membership lives with that.

use std::net::{IpAddr, SocketAddr};

use shared::limits::MEMBERS_PACKET_BYTES;
use tokio::net::UdpSocket;

/// Most datagrams taken at once, before something else has its turn.
const AT_ONCE: usize = 64;

pub(super) struct Datagrams {
    socket: UdpSocket,
    is_v6: bool,
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket) -> Self {
        let is_v6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
        Self { socket, is_v6 }
    }

    /// Waits until there is something to take.
    pub(super) async fn readable(&self) {
        if self.socket.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes what is there.
    pub(super) fn take(&self, mut each: impl FnMut(&[u8])) {
        // One byte more than is allowed, so that what is too long is seen to be.
        let mut packet = [0; MEMBERS_PACKET_BYTES + 1];
        for _ in 0..AT_ONCE {
            // An error is no news of ours: that somebody does not listen, mostly. The next call waits, or fails the same.
            let Ok((length, _)) = self.socket.try_recv_from(&mut packet) else { return };
            each(packet.get(..length).unwrap_or_default());
        }
    }

    /// Sends, or not.
    pub(super) fn send(&self, to: SocketAddr, packet: &[u8]) {
        let to = match to.ip() {
            IpAddr::V4(v4) if self.is_v6 => SocketAddr::new(v4.to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        if let Err(error) = self.socket.try_send_to(packet, to) {
            tracing::trace!(%to, %error, "a datagram was not sent");
        }
    }
}
