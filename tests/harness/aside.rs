//! What comes beside a session, as a page takes it in.

use std::path::Path;
use std::process::{Command, Output};

use shared::bridge::{Arriving, Aside, Kind};

use super::node::run;

/// One that nobody else has who gives another number.
pub(crate) fn aside(number: u8) -> Aside {
    Aside::new(&[number; 48])
}

/// Fetches it with curl.
pub(crate) fn fetch(node: &str, aside: &Aside, into: &Path) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--output"]).arg(into);
    run(curl.arg(format!("{node}{}", aside.path())))
}

/// The bytes that open, and whether they have their end.
pub(crate) fn opened(body: &[u8], aside: &Aside) -> (Vec<u8>, bool) {
    let (mut arriving, mut bytes, mut is_whole) = (Arriving::new(*aside.key()), Vec::new(), false);
    let mut rest = body;
    while !rest.is_empty() {
        assert!(!is_whole, "nothing follows the end");
        let room = arriving.room();
        let (now, later) = rest.split_at(rest.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        rest = later;
        match arriving.filled(now.len()).expect("it was sealed with this key") {
            Some(record) if record.kind == Kind::DATA => bytes.extend_from_slice(record.payload()),
            Some(record) => is_whole = record.kind == Kind::END,
            None => {}
        }
    }
    (bytes, is_whole)
}
