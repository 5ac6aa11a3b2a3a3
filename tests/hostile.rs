//! Hostile input at a real node, over raw sockets: a fault or a closed connection in time, memory flat, others served.
//!
//! Names begin with the threat they test. What only one crate needs to judge (names, patterns, XML) is tested there as
//! well; here the question is whether the whole program holds.

mod gossip;
mod http;
mod names;
mod search;
mod slow;
pub(crate) mod victim;
pub(crate) mod wire;
mod xml;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    // The slowest first: the others run beside it.
    let rooms = [slow::trials(), gossip::trials(), search::trials(), names::trials(), xml::trials(), http::trials()];
    rooms.into_iter().flatten().collect()
}
