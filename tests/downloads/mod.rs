//! Real downloads from a good node and an evil peer in one pool: the evil one costs only its own files.

mod endings;
mod kept;
mod names;
mod peers;

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::harness::evil::Evil;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::Running;
use crate::harness::tree::{binary, content, summary, text, tree};

const PASSWORD: &str = "correct horse";

pub(crate) fn trials() -> Vec<Trial> {
    [names::trials(), peers::trials(), endings::trials(), kept::trials()].into_iter().flatten().collect()
}

/// What the good node shares.
fn good_files() -> BTreeMap<String, Vec<u8>> {
    let files = [("good.txt", text(3000)), ("good.bin", binary(300_000)), ("folder/deep.txt", b"deep".to_vec())];
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// A good node, a folder to download into, and around that folder some others that nobody may touch.
struct Pool {
    good: Node,
    _share: TempDir,
    around: TempDir,
}

impl Pool {
    fn new() -> Self {
        Self::sharing(&good_files())
    }

    fn sharing(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let share = tree(&files);
        let good = Node::serve(share.path(), PASSWORD, &[]);
        let around = tree(&[("home/.bashrc", b"mine"), ("victim", b"mine")]);
        std::fs::create_dir(around.path().join("into")).unwrap();
        Self { good, _share: share, around }
    }

    fn to(&self) -> std::path::PathBuf {
        self.around.path().join("into")
    }

    /// `get` from the pool that the evil peer names; in a process group with pipes, not started yet.
    fn command(&self, evil: &Evil, more: &[&str]) -> Command {
        let mut command = tinyp2p(PASSWORD);
        command.args(["get", &evil.url, "--to"]).arg(self.to()).args(more);
        command.env("HOME", self.around.path().join("home")).current_dir(self.around.path());
        command
    }

    fn start(&self, evil: &Evil, more: &[&str]) -> Running {
        start(&mut self.command(evil, more))
    }

    fn get(&self, evil: &Evil, more: &[&str]) -> Got {
        self.got(self.start(evil, more).wait(Duration::from_secs(280)))
    }

    fn got(&self, output: Output) -> Got {
        assert_clean(&output);
        let files = content(&self.to());
        for name in files.keys() {
            assert!(!name.ends_with(".part"), "{name} is left behind");
        }
        let outside: Vec<_> = content(self.around.path()).into_iter().filter(|it| !it.0.starts_with("into/")).collect();
        let mine = |name: &str| (name.to_owned(), b"mine".to_vec());
        assert_eq!(outside, [mine("home/.bashrc"), mine("victim")], "only the folder that was named is written to");
        Got { output, files }
    }
}

/// How a download ended.
struct Got {
    output: Output,
    files: BTreeMap<String, Vec<u8>>,
}

impl Got {
    fn errors(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// All good files came and, beside them, `more`; the evil peer was named, and the exit code says that it failed.
    #[track_caller]
    fn costs_only(&self, evil: &Evil, more: &[(&str, &[u8])]) {
        let mut expected = good_files();
        expected.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
        let (found, wanted) = (summary(&self.files), summary(&expected));
        assert!(self.files == expected, "found {found:#?}\nwanted {wanted:#?}\n{}", self.errors());
        assert_eq!(self.output.status.code(), Some(1), "{}", self.errors());
        assert!(self.errors().contains(&evil.url), "the peer is named: {}", self.errors());
    }
}

/// Starts a command with its pipes read.
fn start(command: &mut Command) -> Running {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running::new(child.expect("it starts"))
}

/// Nothing that was printed does anything to a terminal (A11).
#[track_caller]
fn assert_clean(output: &Output) {
    for (what, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what} is UTF-8: {bytes:?}"));
        let bad =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!text.contains(bad), "{what} has a control character: {text:?}");
    }
}
