//! Large files on bad networks, from holders that die, lie and change, to receivers that are killed: in the end the file is
//! right, or there is none; and what was there is not fetched again.

mod changed;
mod copies;
mod crowd;
mod crowd_strangers;
mod interrupted;
mod killed;
mod many;
mod mixed;
mod outline;
mod passed_on;
mod power;
mod put;
mod spoiled;
mod together;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::node::{Node, fresh_state, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};
use crate::harness::proxy::Proxy;
use crate::harness::tree::tree;

const PASSWORD: &str = "correct horse";
const MIB: u64 = 1 << 20;

pub(crate) fn trials() -> Vec<Trial> {
    [
        interrupted::trials(),
        killed::trials(),
        spoiled::trials(),
        changed::trials(),
        copies::trials(),
        many::trials(),
        mixed::trials(),
        outline::trials(),
        passed_on::trials(),
        together::trials(),
        power::trials(),
        put::trials(),
        crowd::trials(),
        crowd_strangers::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A node that shares a folder and is reached through a proxy only.
struct Holder {
    share: TempDir,
    /// What is shared, if that is another folder.
    elsewhere: Option<PathBuf>,
    port: u16,
    state: PathBuf,
    proxy: Proxy,
    node: Option<Node>,
}

impl Holder {
    /// Shares these files and has hashed them, with so many bytes per second to send; 0: as fast as it goes.
    fn of(files: &[(&str, &[u8])], rate: u64) -> Self {
        let mut holder = Self::prepare(files, rate);
        holder.start(&[]);
        holder.wait_for_ids();
        holder
    }

    /// The same, not started yet.
    fn prepare(files: &[(&str, &[u8])], rate: u64) -> Self {
        let (share, port) = (tree(files), free_port());
        let proxy = Proxy::to(&format!("127.0.0.1:{port}")).limit(rate);
        Self { share, elsewhere: None, port, state: fresh_state(), proxy, node: None }
    }

    /// Takes files, and is there: what is sent to it passes at so many bytes per second.
    fn taking(rate: u64) -> Self {
        Self::taking_into(None, rate)
    }

    /// The same, into this folder.
    fn taking_in(folder: &Path, rate: u64) -> Self {
        Self::taking_into(Some(folder.to_owned()), rate)
    }

    fn taking_into(elsewhere: Option<PathBuf>, rate: u64) -> Self {
        let (share, port) = (tree(&[]), free_port());
        let proxy = Proxy::of_callers_to(&format!("127.0.0.1:{port}")).limit(rate);
        let mut holder = Self { share, elsewhere, port, state: fresh_state(), proxy, node: None };
        holder.start(&["--drop-box"]);
        holder
    }

    fn url(&self) -> &str {
        &self.proxy.url
    }

    fn start(&mut self, more: &[&str]) {
        let mut command = tinyp2p(PASSWORD);
        command.env("TINYP2P_STATE", &self.state).args(["serve", "--bind", "127.0.0.1", "--json", "--port"]);
        command.arg(self.port.to_string()).args(["--url", self.url()]).args(more);
        command.arg(self.elsewhere.as_deref().unwrap_or(self.share.path()));
        self.node = Some(Node::start(&mut command));
    }

    /// As a crash does.
    fn kill(&mut self) {
        drop(self.node.take().map(|node| node.process.kill()));
    }

    /// Waits until it tells what all its files hold.
    fn wait_for_ids(&self) {
        wait_for("all files to be hashed", Duration::from_secs(60), || {
            let rows = ls(self.url());
            (!rows.is_empty() && rows.iter().all(|row| row["id"].is_string())).then_some(())
        });
    }
}

/// What a pool lists.
fn ls(url: &str) -> Vec<Value> {
    let output = run(tinyp2p(PASSWORD).args(["ls", "--json", url]));
    json(&output)
}

fn json(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Begins `get --json URL` into `to`.
fn begin(url: &str, to: &Path) -> Running {
    begin_with(tinyp2p(PASSWORD).args(["get", "--json", url, "--to"]).arg(to))
}

fn begin_with(command: &mut Command) -> Running {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running::new(child.expect("it starts"))
}

/// How a download went.
struct Got {
    output: Output,
    /// What was told of each saved file, by its name.
    saved: BTreeMap<String, Value>,
    /// The last word.
    done: Value,
}

impl Got {
    fn of(output: Output) -> Self {
        let lines = json(&output);
        let saved = lines.iter().filter(|line| line["event"] == "saved");
        let saved = saved.map(|line| (line["save_as"].as_str().unwrap().to_owned(), line.clone())).collect();
        let done = lines.last().cloned().unwrap_or_default();
        Self { output, saved, done }
    }

    /// `get --json URL` into `to`, to its end.
    fn get(url: &str, to: &Path) -> Self {
        Self::of(begin(url, to).wait(Duration::from_secs(280)))
    }

    fn words(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}\n{}", text(&self.output.stdout), text(&self.output.stderr))
    }

    #[track_caller]
    fn exits_with(&self, code: i32) -> &Self {
        assert_eq!(self.output.status.code(), Some(code), "{}", self.words());
        self
    }

    #[track_caller]
    fn is_verified(&self, name: &str) -> &Self {
        assert_eq!(self.saved[name]["verified"], true, "{}", self.words());
        self
    }

    /// Bytes of a file by the peer they came from.
    fn from(&self, name: &str) -> BTreeMap<String, u64> {
        let from = self.saved[name]["from"].as_object().unwrap();
        from.iter().map(|(peer, bytes)| (peer.clone(), bytes.as_u64().unwrap())).collect()
    }
}

/// Waits until what came of a file into an empty folder so far, still under another name, is at least so much.
fn wait_for_part(to: &Path, bytes: u64) {
    wait_for("a part of the file", Duration::from_secs(60), || {
        let parts = std::fs::read_dir(to).unwrap().flatten();
        let parts = parts.filter(|part| part.path().extension().is_some_and(|extension| extension == "part"));
        let most = parts.filter_map(|part| part.metadata().ok()).map(|part| part.len()).max();
        most.is_some_and(|most| most >= bytes).then_some(())
    });
}

/// Numbers without end that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}
