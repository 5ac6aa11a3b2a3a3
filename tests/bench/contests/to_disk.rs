//! From the disk of one machine to the disk of another.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{LARGE, get, identified, left_out, one_file, seconds};
use crate::harness::node::Node;
use crate::harness::tree;
use crate::measure::{Row, Unit, alternate, run};
use crate::others::Others;
use crate::others::http::{COPYPARTY, DUFS, Serve, Server};
use crate::others::senders::{Sendme, Wormhole, tar_through_nc};
use crate::others::syncthing::Syncthing;

/// Files of the folder, and how large each is, in bytes.
const FILES: (usize, usize) = (10_000, 4 << 10);

const LARGE_WORK: &str = "1 GiB to disk";
const SMALL_WORK: &str = "10,000 files of 4 KiB to disk";
const TAR: &str = "`tar | nc`, in clear";

/// One large file.
pub(super) fn large(others: &Others, rounds: usize) -> Vec<Row> {
    let mut large = Work::large();
    let file = large.share.path().join("large");
    let wormhole = Wormhole::start(others);
    let mut number = 0;
    let work = "magic-wormhole, its servers on the same machine";
    let mut rows = vec![large.beside(work, "≥ 3×", rounds, |into| {
        number += 1;
        seconds(&mut wormhole.send(number, &file, &into.join("large")))
    })];
    let share = large.share.path().to_owned();
    rows.push(large.beside(TAR, "", rounds, |into| seconds(&mut tar_through_nc(&share, into))));
    rows
}

/// Many small files.
pub(super) fn folder(others: &Others, rounds: usize) -> Vec<Row> {
    let mut small = Work::small();
    let share = small.share.path().to_owned();
    let mut rows = vec![small.beside(TAR, "≥ 0.5×", rounds, |into| seconds(&mut tar_through_nc(&share, into)))];
    rows.extend([COPYPARTY, DUFS].map(|server| small.by_curl(others, server, rounds)));
    rows
}

/// Both kinds of work beside sendme.
pub(super) fn sendme(others: &Others, rounds: usize) -> Vec<Row> {
    [(Work::large as fn() -> Work, "large", "≥ 3×"), (Work::small, "", "")]
        .map(|(work, path, mark)| {
            let mut work = work();
            let beside = "sendme (iroh) without a relay, hashed before";
            let Some(sendme) = Sendme::share(others, &work.share.path().join(path)) else {
                return work.left_out(beside, mark);
            };
            work.beside(beside, mark, rounds, |into| seconds(&mut sendme.receive(into)))
        })
        .into()
}

/// Both kinds of work beside Syncthing.
pub(super) fn syncthing(others: &Others, rounds: usize) -> Vec<Row> {
    [Work::large as fn() -> Work, Work::small]
        .map(|work| {
            let mut work = work();
            let beside = "Syncthing, hashed and connected before";
            let Some(syncthing) = Syncthing::share(others, work.share.path(), work.files) else {
                return work.left_out(beside, "");
            };
            work.beside(beside, "", rounds, |into| syncthing.receive(into))
        })
        .into()
}

/// Both kinds of work beside croc: not measured so far, because it comes through Go's module proxy alone, and could be tried on
/// no machine that this was written on. Its lines stand there all the same.
pub(super) fn croc(_: &Others, _: usize) -> Vec<Row> {
    eprintln!("LEFT OUT: what is beside croc; tests/bench/others.sh says why");
    [LARGE_WORK, SMALL_WORK]
        .map(|work| left_out(&format!("{work}; croc, its relay on the same machine"), "≥ 3×"))
        .into()
}

/// What is to be moved, and a node that shares it.
struct Work {
    name: &'static str,
    share: TempDir,
    files: usize,
    bytes: u64,
    node: Node,
    /// What was received so far. Kept to the end: ext4 passes over inodes that were deleted within the last minutes, one by
    /// one, for each new file.
    received: Vec<TempDir>,
}

impl Work {
    fn large() -> Self {
        let share = one_file();
        let node = identified(share.path());
        Self { name: LARGE_WORK, share, files: 1, bytes: LARGE, node, received: Vec::new() }
    }

    fn small() -> Self {
        let (files, size) = FILES;
        let share = tempfile::tempdir().expect("a folder");
        for number in 0..files {
            let path = share.path().join(small_name(number));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, tree::binary(size)).expect("a file");
        }
        let node = identified(share.path());
        let bytes = files as u64 * size as u64;
        Self { name: SMALL_WORK, share, files, bytes, node, received: Vec::new() }
    }

    /// Theirs into a folder, ours into another, in turns.
    fn beside(&mut self, beside: &str, mark: &str, rounds: usize, mut theirs: impl FnMut(&Path) -> f64) -> Row {
        let folders: Vec<[PathBuf; 2]> = (0..rounds).map(|_| [self.empty(), self.empty()]).collect();
        let (mut a, mut b) = (folders.iter().map(|[a, _]| a), folders.iter().map(|[_, b]| b));
        let row = alternate(
            &self.work(beside),
            (Unit::Seconds, mark),
            rounds,
            || {
                let into = a.next().expect("a folder");
                let seconds = theirs(into);
                self.must_be_in(into);
                seconds
            },
            || {
                let into = b.next().expect("a folder");
                let seconds = get(&self.node, into);
                self.must_be_in(into);
                seconds
            },
        );
        if self.files == 1 {
            self.received.clear();
        }
        row
    }

    /// Beside a web server and curl, which fetches sixteen at once.
    fn by_curl(&mut self, others: &Others, server: (&str, Serve), rounds: usize) -> Row {
        let (beside, mark) = (format!("16 at once by `curl --parallel` from {}, in clear", server.0), "≥ 3×");
        let Some(server) = Server::start(server, others, self.share.path()) else {
            return self.left_out(&beside, mark);
        };
        let mut list = String::new();
        for number in 0..self.files {
            let path = small_name(number).replace(' ', "%20");
            writeln!(list, "url = \"http://{}/{path}\"\noutput = \"{number:05}.bin\"", server.address).expect("a text");
        }
        let settings = tempfile::tempdir().expect("a folder");
        let list_file = settings.path().join("list");
        std::fs::write(&list_file, list).expect("a file");
        self.beside(&beside, mark, rounds, |into| {
            let script = "cd \"$2\" && curl -sS --fail --parallel --parallel-max 16 -K \"$1\" && sync -f .";
            run(Command::new("sh").args(["-c", script, "sh"]).arg(&list_file).arg(into)).seconds
        })
    }

    fn work(&self, beside: &str) -> String {
        format!("{}; {beside}", self.name)
    }

    fn left_out(&self, beside: &str, mark: &str) -> Row {
        left_out(&self.work(beside), mark)
    }

    fn empty(&mut self) -> PathBuf {
        let into = tempfile::tempdir().expect("a folder");
        let path = into.path().to_owned();
        self.received.push(into);
        path
    }

    /// All is there, wherever below the folder; what a program put beside it does not count.
    fn must_be_in(&self, folder: &Path) {
        fn sizes(folder: &Path, found: &mut Vec<u64>) {
            for entry in folder.read_dir().expect("the folder").flatten() {
                let path = entry.path();
                let name = entry.file_name();
                if path.is_dir() {
                    sizes(&path, found);
                } else if name == "large" || path.extension().is_some_and(|ending| ending == "bin") {
                    found.push(entry.metadata().expect("a file").len());
                }
            }
        }
        let mut found = Vec::new();
        sizes(folder, &mut found);
        let all = (found.len(), found.iter().sum::<u64>());
        assert_eq!(all, (self.files, self.bytes), "not all arrived in {}", folder.display());
    }
}

fn small_name(number: usize) -> String {
    format!("folder {:02}/{number:05}.bin", number / 200)
}
