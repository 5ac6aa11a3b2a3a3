//! Our own program, run as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::process::{Running, wait_for};

/// A running `tinyp2p serve` on a free port of 127.0.0.1; ended when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) process: Running,
}

impl Node {
    /// Shares `dir`.
    pub(crate) fn serve(dir: &Path, password: &str, more: &[&str]) -> Self {
        let serve = ["serve", "--bind", "127.0.0.1", "--port", "0", "--json"];
        let mut command = tinyp2p(password);
        command.args(serve).args(more).arg(dir);
        Self::start(&mut command)
    }

    /// Starts a prepared `serve --json` and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Running::new(child.expect("the node starts"));
        let line = wait_for("the node to listen", Duration::from_secs(20), || {
            assert!(process.is_running(), "the node died while it started: {}", process.error_text());
            process.output_text().lines().next().map(str::to_owned).filter(|line| line.ends_with('}'))
        });
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        Self { url: line["url"].as_str().expect("its url").to_owned(), process }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("an http URL")
    }

    /// The same without the scheme's prefix, as a number.
    pub(crate) fn port(&self) -> u16 {
        self.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// Whether it lists a peer.
    pub(crate) fn lists(&self, password: &str, url: &str) -> bool {
        let output = run(tinyp2p(password).args(["peers", "--json", &self.url]));
        let text = String::from_utf8(output.stdout).expect("JSON is text");
        assert!(text.contains(&format!("\"{}\"", self.url)), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text.contains(&format!("\"{url}\""))
    }

    /// From now on, [`Node::peak_memory`] is about what comes.
    pub(crate) fn forget_peak_memory(&self) {
        // 5: see proc_pid_clear_refs(5).
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").expect("the process is ours");
    }

    /// Most memory it has used so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        peak_memory(self.process.id())
    }
}

/// Most memory a running process has used so far, in bytes.
pub(crate) fn peak_memory(id: u32) -> u64 {
    peak_memory_in(&std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs"))
}

/// The same from the text of its `/proc/PID/status`.
pub(crate) fn peak_memory_in(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

/// The program. What it remembers, it remembers in a folder of its own: a port of 127.0.0.1 is somebody else tomorrow.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinyp2p"));
    command.env("TINYP2P_STATE", fresh_state()).env_remove("TINYP2P_LOG");
    command
}

/// A folder that does not exist yet.
pub(crate) fn fresh_state() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("state").join(format!("{}-{number}", std::process::id()))
}

/// The program, with the password where no other process can see it.
pub(crate) fn tinyp2p(password: &str) -> Command {
    let mut command = program();
    command.env("TINYP2P_PASSWORD", password);
    command
}

/// Runs a command of ours to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running::new(child.expect("it starts")).wait(Duration::from_secs(300))
}

/// `tinyp2p get URL PATTERN --to DIR`, to its end.
pub(crate) fn get(url: &str, password: &str, pattern: &str, to: &Path) -> Output {
    run(tinyp2p(password).args(["get", url, pattern, "--to"]).arg(to))
}

/// `tinyp2p PASSWORD client URL PATTERN` in `dir`, to its end.
pub(crate) fn get_as_in_2004(url: &str, password: &str, pattern: &str, dir: &Path) -> Output {
    run(program().current_dir(dir).args([password, "client", url, pattern]))
}
