//! From a person's disk into a server's folder.

use std::path::Path;
use std::process::Command;

use super::{LARGE, left_out, one_file, seconds};
use crate::PASSWORD;
use crate::harness::node::{Node, program};
use crate::measure::{Row, Unit, alternate};
use crate::others::Others;
use crate::others::http::{COPYPARTY_TAKING, DUFS_TAKING, MINISERVE_TAKING, Serve, Server};
use crate::ticket::address;

/// A server that takes files, and how `curl` gives it the file `$1`, being reached at `$2`.
const TAKING: [((&str, Serve), &str); 3] = [
    (DUFS_TAKING, "curl -sS --fail -o /dev/null -T \"$1\" \"http://$2/large\""),
    (MINISERVE_TAKING, "curl -sS --fail -o /dev/null -F \"path=@$1\" \"http://$2/upload?path=/\""),
    (COPYPARTY_TAKING, "curl -sS --fail -o /dev/null -T \"$1\" \"http://$2/large\""),
];
/// Ours is on the disk when it answers.
const OURS: &str = "curl -sS --fail -o /dev/null -T \"$1\" \"$2\"";
const MARK: &str = "≥ 1×";

/// One large file, on the disk in the end: theirs in clear, and ours by `curl` in clear, too, or encrypted and proved.
pub(super) fn large(others: &Others, rounds: usize) -> Vec<Row> {
    let mine = one_file();
    let file = mine.path().join("large");
    let against = |(server, upload): ((&str, Serve), &str)| {
        let work = |ours: &str| format!("1 GiB put at a server, to disk; curl to {}, in clear; {ours}", server.0);
        let (theirs, ours) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let works = ["ours by `curl`, too", "ours by `put`, encrypted and proved"].map(work);
        let Some(server) = Server::start(server, others, theirs.path()) else {
            return works.map(|work| left_out(&work, MARK));
        };
        let node = Node::serve(ours.path(), PASSWORD, &["--drop-box"]);
        let url = address(&node.url, "tinyp2p.drop_box", &[]);
        let timed = |mut command: Command, folder: &Path| {
            let seconds = seconds(&mut command);
            take_away(folder);
            seconds
        };
        let by_curl = |upload: &str, to: &str, folder: &Path| {
            let mut command = Command::new("sh");
            command.args(["-c", upload, "sh"]).arg(&file).arg(to).arg(folder);
            timed(command, folder)
        };
        let synced = format!("{upload} && sync -f \"$3\"");
        let put = || {
            let mut command = program();
            command.env("TINYP2P_PASSWORD", PASSWORD).args(["put", &node.url]).arg(&file);
            timed(command, ours.path())
        };
        let [clear, sealed] = works;
        let theirs = || by_curl(&synced, &server.address, theirs.path());
        [
            alternate(&clear, (Unit::Seconds, MARK), rounds, theirs, || by_curl(OURS, &url, ours.path())),
            alternate(&sealed, (Unit::Seconds, MARK), rounds, theirs, put),
        ]
    };
    TAKING.into_iter().flat_map(against).collect()
}

/// It came whole, and is gone before the next.
fn take_away(folder: &Path) {
    let came = folder.join("large");
    assert_eq!(came.metadata().expect("the file").len(), LARGE);
    std::fs::remove_file(came).expect("it is there");
}
