//! Ports for what has to be told one: a server that cannot say which it got, or one that is to come back where it was.

use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux gives out by itself (32768 and up, `ip_local_port_range`): whoever binds port 0 meanwhile,
/// and whoever connects, never gets one of these.
const PORTS: Range<u16> = 12_000..32_000;

/// A port of 127.0.0.1 that is free for TCP and UDP, and that nobody else in this process is told.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Another run of these tests beside this one begins elsewhere.
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count)).expect("less than a u16");
    (0..count)
        .map(|_| PORTS.start + begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % count)
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok())
        .expect("a free port")
}
