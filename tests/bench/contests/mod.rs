//! The contests, and what they share: folders, nodes and our client.

mod footprint;
mod plain;
mod to_disk;
mod upload;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::PASSWORD;
use crate::harness::node::{Node, program};
use crate::harness::process::wait_for;
use crate::harness::tree;
use crate::measure::{Row, run};
use crate::others::Others;

/// What runs so many rounds, and tells what it saw.
pub(crate) type Contest = fn(&Others, usize) -> Vec<Row>;

/// All of them by name.
pub(crate) const CONTESTS: [(&str, Contest); 12] = [
    ("large", to_disk::large),
    ("folder", to_disk::folder),
    ("sendme", to_disk::sendme),
    ("syncthing", to_disk::syncthing),
    ("croc", to_disk::croc),
    ("upload", upload::large),
    ("http", plain::http),
    ("requests", plain::requests),
    ("idle", footprint::idle),
    ("streams", footprint::streams),
    ("start", footprint::start),
    ("million", footprint::million),
];

/// Of the one large file, in bytes.
const LARGE: u64 = 1 << 30;

/// A line for what could not be measured here.
fn left_out(work: &str, mark: &str) -> Row {
    Row::new(work, "left out: not installed".into(), "–".into(), String::new(), mark)
}

/// A node that has hashed all it shares, so that everything is verified.
fn identified(share: &Path) -> Node {
    let node = Node::serve(share, PASSWORD, &[]);
    wait_for("all files to be hashed", Duration::from_secs(120), || {
        let mut command = program();
        command.env("TINYP2P_PASSWORD", PASSWORD).args(["ls", &node.url, "--json"]);
        let listed = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
        let files = || listed.lines().filter(|line| line.contains("\"path\""));
        (files().count() > 0 && files().all(|line| line.contains("\"id\":\""))).then_some(())
    });
    node
}

/// Seconds that our client takes for all that a node has.
fn get(node: &Node, into: &Path) -> f64 {
    run(program().env("TINYP2P_PASSWORD", PASSWORD).args(["get", &node.url, "--to"]).arg(into)).seconds
}

/// A share of one large file, `large`.
fn one_file() -> TempDir {
    let share = tempfile::tempdir().expect("a folder");
    let mut file = File::create(share.path().join("large")).expect("a file");
    let block = tree::binary(1 << 20);
    for _ in 0..LARGE / block.len() as u64 {
        file.write_all(&block).expect("room on the disk");
    }
    file.sync_all().expect("it is written");
    share
}

/// A share of so many files, a thousand in each folder, made by `write`.
fn many_files(count: usize, write: impl Fn(&Path)) -> TempDir {
    let share = tempfile::tempdir().expect("a folder");
    for number in 0..count {
        let folder = share.path().join(format!("an album of songs {:03}", number / 1_000));
        if number % 1_000 == 0 {
            std::fs::create_dir(&folder).expect("a folder");
        }
        write(&folder.join(format!("a song {number:07}.ogg")));
    }
    share
}

/// Bytes that a process takes in memory at the moment.
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Seconds of a command.
fn seconds(command: &mut Command) -> f64 {
    run(command).seconds
}
