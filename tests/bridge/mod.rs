//! The bridge's door at a real node: who gets in, who does not, and what strangers can do to it meanwhile.
//!
//! Names begin with the threat they test. The handshake alone, every bit of it, is tested where it is written.

mod between;
mod caller;
mod callers;
mod dialer;
mod legacy;
mod members;
mod strangers;
mod wire;

use std::future::Future;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    // The slowest first.
    let rooms = [
        strangers::trials(),
        between::trials(),
        dialer::trials(),
        callers::trials(),
        members::trials(),
        wire::trials(),
        legacy::trials(),
    ];
    rooms.into_iter().flatten().collect()
}

/// Runs what is asynchronous to its end, on a runtime of its own.
fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}
