//! What the system knows of connections, for tests that must know what a node has heard before they go on.

use std::collections::BTreeSet;

/// Connections at this port of 127.0.0.1 on which the node has something still to hear: it has not accepted them, or not
/// read all that was sent.
pub(crate) fn unheard(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the connections of this machine");
    // As the system writes 127.0.0.1 there.
    let node = format!("0100007F:{port:04X}");
    let mut callers = BTreeSet::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let [_, local, remote, state, queues, _, _, _, _, inode, ..] = columns.as_slice() else { continue };
        // 01 is ESTABLISHED.
        let Some((unsent, unread)) = queues.split_once(':').filter(|_| *state == "01") else { continue };
        let is_empty = |queue: &str| queue.bytes().all(|digit| digit == b'0');
        // A connection that nobody accepted has no inode yet.
        if *local == node && (!is_empty(unread) || *inode == "0") {
            callers.insert((*remote).to_owned());
        }
        if *remote == node && !is_empty(unsent) {
            callers.insert((*local).to_owned());
        }
    }
    callers.len()
}
