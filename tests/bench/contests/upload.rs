//! From a person's disk into a server's folder.

use std::path::Path;
use std::process::Command;

use super::{LARGE, left_out, one_file, seconds};
use crate::PASSWORD;
use crate::harness::node::{Node, program};
use crate::measure::{Row, Unit, alternate};
use crate::others::Others;
use crate::others::http::{COPYPARTY_TAKING, DUFS_TAKING, MINISERVE_TAKING, Serve, Server};

/// A server that takes files, and how `curl` gives it the file `$1`, being reached at `$2`.
const TAKING: [((&str, Serve), &str); 3] = [
    (DUFS_TAKING, "curl -sS --fail -o /dev/null -T \"$1\" \"http://$2/large\""),
    (MINISERVE_TAKING, "curl -sS --fail -o /dev/null -F \"path=@$1\" \"http://$2/upload?path=/\""),
    (COPYPARTY_TAKING, "curl -sS --fail -o /dev/null -T \"$1\" \"http://$2/large\""),
];

/// One large file: theirs in clear, ours encrypted and proved; both on the disk in the end.
pub(super) fn large(others: &Others, rounds: usize) -> Vec<Row> {
    let mine = one_file();
    let file = mine.path().join("large");
    TAKING
        .map(|(server, upload)| {
            let (work, mark) = (format!("1 GiB put at a server, to disk; curl to {}, in clear", server.0), "≥ 1×");
            let (theirs, ours) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
            let Some(server) = Server::start(server, others, theirs.path()) else {
                return left_out(&work, mark);
            };
            let node = Node::serve(ours.path(), PASSWORD, &["--drop-box"]);
            let theirs = || {
                let script = format!("{upload} && sync -f \"$3\"");
                let mut command = Command::new("sh");
                command.args(["-c", &script, "sh"]).arg(&file).arg(&server.address).arg(theirs.path());
                let seconds = seconds(&mut command);
                take_away(theirs.path());
                seconds
            };
            let ours = || {
                let mut command = program();
                command.env("TINYP2P_PASSWORD", PASSWORD).args(["put", &node.url]).arg(&file);
                let seconds = seconds(&mut command);
                take_away(ours.path());
                seconds
            };
            alternate(&work, (Unit::Seconds, mark), rounds, theirs, ours)
        })
        .into()
}

/// It came whole, and is gone before the next.
fn take_away(folder: &Path) {
    let came = folder.join("large");
    assert_eq!(came.metadata().expect("the file").len(), LARGE);
    std::fs::remove_file(came).expect("it is there");
}
