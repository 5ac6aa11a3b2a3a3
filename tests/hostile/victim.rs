//! A node that is going to be mistreated, and the honest caller who must not notice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shared::{Password, PeerUrl};
use tempfile::TempDir;

use super::wire::{Wire, call, post, rpc, string, strings};
use crate::harness::node::{Node, fresh_state, run, tinyp2p};
use crate::harness::ok;
use crate::harness::tree::tree;

pub(crate) const PASSWORD: &str = "correct horse";

/// A node and the folder it shares.
pub(crate) struct Victim {
    pub(crate) node: Node,
    pub(crate) token: String,
    share: TempDir,
    memory: u64,
}

impl Victim {
    /// A node that shares these files.
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Self {
        Self::sharing(tree(files), &[])
    }

    /// A node that shares this folder.
    pub(crate) fn sharing(share: TempDir, more: &[&str]) -> Self {
        let node = Node::serve(share.path(), PASSWORD, more);
        Self::of(node, share)
    }

    /// A node that may have only so many open files: `SOFT:HARD`.
    pub(crate) fn with_descriptors(most: &str) -> Self {
        let share = tree(&[("a.txt", b"a")]);
        let mut command = std::process::Command::new("prlimit");
        command.arg(format!("--nofile={most}")).arg(tinyp2p(PASSWORD).get_program());
        command.env("TINYP2P_STATE", fresh_state());
        command.args(["serve", "--bind", "127.0.0.1", "--port", "0", "--json"]).arg(share.path());
        command.env("TINYP2P_PASSWORD", PASSWORD).env_remove("TINYP2P_LOG");
        Self::of(Node::start(&mut command), share)
    }

    fn of(node: Node, share: TempDir) -> Self {
        let url = PeerUrl::parse(&node.url).unwrap();
        let token = Password::new(PASSWORD).token(&url).reveal().to_owned();
        let mut victim = Self { node, token, share, memory: 0 };
        // Once around, so that what is made at the first call is not counted later.
        victim.must_answer();
        // Preparing the password takes 19 MiB for a moment, below which nothing would be seen; a session waits for that.
        ok(&run(tinyp2p(PASSWORD).args(["ls", &victim.node.url])));
        victim.node.forget_peak_memory();
        victim.memory = victim.node.peak_memory();
        victim
    }

    pub(crate) fn folder(&self) -> &Path {
        self.share.path()
    }

    /// `f(token, n, arg)`, the last as XML.
    pub(crate) fn f(&self, n: i32, arg: &str) -> String {
        call("f", &[&string(&self.token), &format!("<int>{n}</int>"), arg])
    }

    /// The names that it lists.
    pub(crate) fn names(&self) -> Vec<String> {
        texts(&rpc(&self.node, self.f(1, &string(""))).body)
    }

    /// The peers that it lists.
    pub(crate) fn peers(&self) -> Vec<String> {
        texts(&rpc(&self.node, self.f(0, &strings::<&str>([]))).body)
    }

    #[track_caller]
    pub(crate) fn must_answer(&self) {
        assert!(self.peers().contains(&self.node.url), "it still answers");
    }

    /// By how much its most memory grew since the start, in bytes.
    pub(crate) fn growth(&self) -> u64 {
        self.node.peak_memory().saturating_sub(self.memory)
    }

    /// It took it all: it answers, it did not panic, and its memory grew by no more than this.
    #[track_caller]
    pub(crate) fn must_be_well(mut self, what: &str, most_growth: u64) {
        self.must_answer();
        let growth = self.growth();
        eprintln!("{what}: the node's memory grew by {:.1} MiB", mebibytes(growth));
        assert!(self.node.process.is_running());
        let said = self.node.process.error_text();
        assert!(!said.contains("panicked"), "{said}");
        assert!(growth <= most_growth, "{what}: memory grew by {growth} bytes");
    }
}

#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The strings in an answer, as they are in XML.
fn texts(body: &str) -> Vec<String> {
    let ends = body.split("<string>").skip(1);
    ends.map(|rest| rest.split("</string>").next().unwrap().to_owned()).collect()
}

/// Calls `f(token, 0, [])` all the time, and is always answered.
pub(crate) struct GoodCaller {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl GoodCaller {
    /// On one connection, and for every tenth call on a new one.
    pub(crate) fn of(victim: &Victim) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let request = post(&victim.node, victim.f(0, &strings::<&str>([])));
        let own = victim.node.url.clone();
        let address = victim.node.address().to_owned();
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            let mut wire = None;
            while !until.load(Ordering::Relaxed) {
                let start = Instant::now();
                if times.len() % 10 == 0 {
                    wire = None;
                }
                let wire = wire.get_or_insert_with(|| Wire::at(&address));
                wire.say(&request).expect("a good caller is listened to");
                let answer = wire.answer().expect("a good caller is answered");
                assert!(answer.body.contains(&own), "{answer:?}");
                times.push(start.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            times
        });
        Self { is_over, thread }
    }

    /// Fails unless every call was answered within what a person would wait.
    #[track_caller]
    pub(crate) fn must_have_been_served(self, what: &str) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut times = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        times.sort_unstable();
        let at = |hundredth: usize| times[(times.len() - 1) * hundredth / 100];
        eprintln!(
            "{what}: a good caller meanwhile: {} calls, p50 {:?}, p99 {:?}, slowest {:?}",
            times.len(),
            at(50),
            at(99),
            at(100)
        );
        assert!(times.len() > 1 && at(100) < Duration::from_secs(10), "{what}: {times:?}");
    }
}
