//! What tests stand on. It starts and stops things and asserts nothing about tinyp2p itself.

pub(crate) mod alone;
pub(crate) mod aside;
pub(crate) mod between;
pub(crate) mod browser;
pub(crate) mod capture;
pub(crate) mod disk;
pub(crate) mod evil;
pub(crate) mod frames;
pub(crate) mod node;
pub(crate) mod original;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod sockets;
pub(crate) mod tab;
pub(crate) mod tree;
mod trials;

pub(crate) use trials::{Trials, can_be_run, ok, stdout, test};

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

/// The folder of the whole workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A folder under cargo's target folder, for what a test leaves behind to be looked at.
pub(crate) fn target(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// This machine's own address on its way out. Nothing is sent.
pub(crate) fn lan_address() -> Result<Ipv4Addr, String> {
    let way_out = || {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(("192.0.2.1", 9))?;
        socket.local_addr()
    };
    match way_out().map(|address| address.ip()) {
        Ok(IpAddr::V4(address)) if !address.is_loopback() => Ok(address),
        other => Err(format!("{other:?}")),
    }
}
