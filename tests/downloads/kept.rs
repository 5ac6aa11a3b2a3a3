//! What a file keeps of its original besides its bytes: its time, and whether it may be run.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use libtest_mimic::Trial;

use super::PASSWORD;
use crate::harness::node::{Node, get};
use crate::harness::tree::{assert_same, binary, content, text, tree};
use crate::harness::{ok, test};

pub(super) fn trials() -> Vec<Trial> {
    vec![test("get_keeps_times_and_the_right_to_run", keeps)]
}

/// Times in nanoseconds and permissions of all files below a folder.
fn facts(folder: &Path) -> BTreeMap<String, (i64, u32)> {
    let fact = |name: &String| {
        let facts = std::fs::metadata(folder.join(name)).unwrap();
        (name.clone(), (facts.mtime() * 1_000_000_000 + facts.mtime_nsec(), facts.mode() & 0o7777))
    };
    content(folder).keys().map(fact).collect()
}

fn keeps() {
    // Small enough for a batch, too large for one, and large enough for pieces.
    let (medium, large) = (text(500_000), binary(3_000_000));
    let files: [(&str, &[u8]); 6] = [
        ("small.txt", b"small"),
        ("tools/small.sh", b"#!/bin/sh\n"),
        ("medium.txt", &medium),
        ("tools/medium", &medium),
        ("large.bin", &large),
        ("tools/large", &large[1..]),
    ];
    let share = tree(&files);
    for (index, (path, _)) in files.iter().enumerate() {
        let path = share.path().join(path);
        // All with permissions that nobody gets from here but the right to run.
        let mode = if index % 2 == 1 { 0o4744 } else { 0o606 };
        let time = UNIX_EPOCH + Duration::new(1_104_537_598 + index as u64, 123_456_789);
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    ok(&get(&node.url, PASSWORD, "", into.path()));
    assert_same(&content(into.path()), &content(share.path()));
    // What a new file gets here, by whatever umask there is.
    std::fs::write(into.path().join("new"), "").unwrap();
    let plain = std::fs::metadata(into.path().join("new")).unwrap().mode() & 0o777;
    std::fs::remove_file(into.path().join("new")).unwrap();
    let (kept, shared) = (facts(into.path()), facts(share.path()));
    for (index, (path, _)) in files.iter().enumerate() {
        let mode = if index % 2 == 1 { plain | (plain & 0o444) >> 2 } else { plain };
        assert_eq!(kept[*path], (shared[*path].0, mode), "{path}");
    }
}
