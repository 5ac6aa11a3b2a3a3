//! Files through `f`, from a folder on one side to a folder on the other. Ours are durable when its client ends; the
//! original's may still be on their way to the disk.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::node::{Node, program};
use crate::harness::original::Original;
use crate::harness::tree;
use crate::measure::{Row, Unit, alternate, mebibytes, run};
use crate::{PASSWORD, raw};

/// The large text of [`text_contest`], in bytes.
const LARGE: usize = 256 << 20;
/// The text of [`old_client_contest`], in bytes.
const MIDDLE: usize = 64 << 20;
/// The files of [`small_files_contest`].
const SMALL: (usize, usize) = (1_000, 4 << 10);

pub(crate) fn text_contest(original: &Original, rounds: usize) -> Vec<Row> {
    let share = one_text(LARGE);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    raw::teach(&server.url);
    let mut peaks = (0, 0);
    let row = alternate(
        "256 MiB of text, each with its own client",
        (Unit::Seconds, "≥ 20×"),
        rounds,
        || {
            let into = Into::new(1, LARGE);
            let run = run(original.client(into.path(), PASSWORD, &server.url, ""));
            peaks.0 = run.peak_memory.max(peaks.0);
            run.seconds
        },
        || {
            let into = Into::new(1, LARGE);
            let run = run(ours(into.path(), &node.url));
            peaks.1 = run.peak_memory.max(peaks.1);
            run.seconds
        },
    );
    let memory = Row::new(
        "most memory at that: server, client",
        format!("{}, {}", mebibytes(server.peak_memory()), mebibytes(peaks.0)),
        format!("{}, {}", mebibytes(node.peak_memory()), mebibytes(peaks.1)),
        String::new(),
        "",
    );
    vec![row, memory]
}

pub(crate) fn old_client_contest(original: &Original, rounds: usize) -> Vec<Row> {
    let share = one_text(MIDDLE);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    raw::teach(&server.url);
    let get = |url: &str| {
        let into = Into::new(1, MIDDLE);
        run(original.client(into.path(), PASSWORD, url, "")).seconds
    };
    let work = "64 MiB of text to the original's client";
    vec![alternate(work, (Unit::Seconds, "≥ 1.4×"), rounds, || get(&server.url), || get(&node.url))]
}

pub(crate) fn small_files_contest(original: &Original, rounds: usize) -> Vec<Row> {
    let (count, size) = SMALL;
    let names: Vec<String> = (0..count).map(|number| format!("{number:04}.txt")).collect();
    let bytes = text(size);
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), bytes.as_slice())).collect();
    let share = tree::tree(&files);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    raw::teach(&server.url);
    // Kept to the end: ext4 passes over inodes that were deleted within the last minutes, one by one, for each new file.
    let folders: Vec<[Into; 2]> = (0..rounds).map(|_| [(); 2].map(|()| Into::new(count, size))).collect();
    let (mut theirs, mut mine) =
        (folders.iter().map(|[into, _]| into.path()), folders.iter().map(|[_, into]| into.path()));
    let contest = alternate(
        "1,000 files of 4 KiB, each with its own client",
        (Unit::Seconds, "≥ 20×"),
        rounds,
        || run(original.client(theirs.next().expect("a folder"), PASSWORD, &server.url, "")).seconds,
        || run(ours(mine.next().expect("a folder"), &node.url)).seconds,
    );
    // Argon2id is as slow as it is meant to be, and each start of a client runs it once.
    let nothing = || {
        let mut command = program();
        run(command.env("TINYP2P_PASSWORD", PASSWORD).args(["peers", &node.url])).seconds
    };
    let least = (0..rounds).map(|_| nothing()).fold(f64::MAX, f64::min);
    let least = format!("{:.1} ms", least * 1e3);
    vec![contest, Row::new("of which starting, and proving the password", "–".into(), least, String::new(), "")]
}

/// A share with one text of this many bytes.
pub(crate) fn one_text(size: usize) -> TempDir {
    tree::tree(&[("text.txt", &text(size))])
}

/// Lines of words in no order, so that it packs as text does (to a third), with now and then a character that XML must
/// escape, and without CR, which two originals lose between them.
fn text(size: usize) -> Vec<u8> {
    const WORDS: &str = "a again and answer any at book children city dog each evening everybody father file fox from \
        garden group has house if in is it jumps lazy letter little morning mother mountain night number of or other paper \
        people question read river road saved says shared so somebody that the then this to tree until was water window \
        with wrote x<y y&z";
    let words: Vec<&str> = WORDS.split(' ').collect();
    let random = tree::binary(size / 4 + 16);
    let mut text = Vec::with_capacity(size + 16);
    for (position, byte) in random.into_iter().cycle().enumerate() {
        if text.len() >= size {
            break;
        }
        text.extend_from_slice(words[usize::from(byte) % words.len()].as_bytes());
        text.push(if position % 12 == 11 { b'\n' } else { b' ' });
    }
    text.truncate(size);
    text
}

/// Our own client.
pub(crate) fn ours(into: &Path, url: &str) -> Command {
    let mut command = program();
    command.current_dir(into).env("TINYP2P_PASSWORD", PASSWORD).args(["get", url]);
    command
}

/// An empty folder to download into; dropped, it makes sure that all arrived.
pub(crate) struct Into {
    folder: TempDir,
    count: usize,
    size: usize,
}

impl Into {
    pub(crate) fn new(count: usize, size: usize) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), count, size }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Into {
    fn drop(&mut self) {
        let entries = self.folder.path().read_dir().expect("the folder").flatten();
        let sizes: Vec<u64> = entries.map(|entry| entry.metadata().expect("a file").len()).collect();
        let whole = sizes.iter().filter(|size| **size == self.size as u64).count();
        assert!(std::thread::panicking() || (sizes.len(), whole) == (self.count, self.count), "not all arrived");
    }
}
