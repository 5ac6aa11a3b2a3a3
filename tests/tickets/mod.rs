//! Files over plain HTTP by ticket, with the programs that people use for them: no password, no XML-RPC, one URL.

mod archive;
mod changes;
mod curl;
mod load;
mod put;

use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::Trial;
use shared::xmlrpc::{Value, read_reply, write_call};
use shared::{Fault, Password, PeerUrl};
use tempfile::TempDir;

use crate::harness::node::{Node, run, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::tree::tree;
use crate::harness::{can_be_run, ok};

const PASSWORD: &str = "correct horse";

pub(crate) fn trials() -> Vec<Trial> {
    let curl = can_be_run("curl");
    [archive::trials(&curl), curl::trials(&curl), changes::trials(&curl), put::trials(&curl), load::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// What a node answers, or its fault.
fn call(url: &str, call: &[u8]) -> Result<Value, Fault> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), call).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--data-binary"]);
    let got = run(curl.arg(format!("@{}", file.path().display())).arg(url));
    ok(&got);
    read_reply(&got.stdout).expect("an answer")
}

/// A node that shares some files, and a folder to download into.
struct Site {
    node: Node,
    share: TempDir,
    into: TempDir,
    token: String,
}

impl Site {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let share = tree(files);
        let node = Node::serve(share.path(), PASSWORD, &[]);
        let token = Password::new(PASSWORD).token(&PeerUrl::parse(&node.url).unwrap()).reveal().to_owned();
        Self { node, share, into: tempfile::tempdir().unwrap(), token }
    }

    /// Most memory so far, from now on. Preparing the password takes 19 MiB for a moment, and a session waits for that.
    fn memory_from_now_on(&self) -> u64 {
        ok(&run(tinyp2p(PASSWORD).args(["ls", &self.node.url])));
        self.node.forget_peak_memory();
        self.node.peak_memory()
    }

    /// A URL for a file, which is in the share by now or soon.
    fn url(&self, path: &str) -> String {
        wait_for("the file to be listed", std::time::Duration::from_secs(10), || match self.ask(&self.token, path) {
            Ok(Value::String(url)) => Some(url),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        })
    }

    /// `tinyp2p.ticket(token, path)`, or its fault.
    fn ask(&self, token: &str, path: &str) -> Result<Value, Fault> {
        call(&self.node.url, &write_call("tinyp2p.ticket", &[token.into(), path.into()]))
    }

    fn saved(&self) -> &Path {
        self.into.path()
    }

    /// curl in the folder for downloads.
    fn curl(&self, arguments: &[&str]) -> Output {
        run(Command::new("curl")
            .current_dir(self.saved())
            .args(["--silent", "--show-error", "--fail", "--max-time", "120"])
            .args(arguments))
    }

    /// Writes a file of nothing but zeros that takes no place on the disk.
    fn sparse(&self, name: &str, size: u64) {
        std::fs::File::create(self.share.path().join(name)).unwrap().set_len(size).unwrap();
    }
}
