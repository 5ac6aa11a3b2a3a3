//! The program of 2004, run unmodified under Python 2.7 as a real peer.
//!
//! Its text is not part of this project: it is looked for beside it, or where `TINYP2P_INTEROP` points.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::ports::free_port;
use super::process::{Running, wait_for};
use super::workspace;

/// Where the original and its interpreter are.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    python: PathBuf,
    script: PathBuf,
}

impl Original {
    /// Looks for both; the error says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        static FOUND: OnceLock<Result<Original, String>> = OnceLock::new();
        FOUND.get_or_init(look).clone()
    }

    /// The folder of recorded vectors and the original.
    pub(crate) fn folder() -> PathBuf {
        std::env::var_os("TINYP2P_INTEROP").map_or_else(|| workspace().join("../shared/interop"), PathBuf::from)
    }

    /// Starts it as a server of `dir` and waits until it serves. It cannot say which port it got, so it is told one.
    pub(crate) fn serve(&self, dir: &Path, password: &str, others: &[&str]) -> OriginalServer {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let server = self.command(dir, password).args(["server", "127.0.0.1", &port.to_string()]).args(others).spawn();
        let mut server = Running::new(server.expect("the original starts"));
        wait_for("the original to serve", Duration::from_secs(20), || {
            assert!(server.is_running(), "the original died while it started: {}", server.error_text());
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        OriginalServer { url, server }
    }

    /// Runs it as a client in `dir`, to its end.
    pub(crate) fn get(&self, dir: &Path, password: &str, url: &str, pattern: &str) -> Output {
        let client = self.client(dir, password, url, pattern).spawn();
        Running::new(client.expect("the original starts")).wait(Duration::from_secs(120))
    }

    /// The command that is its client in `dir`.
    pub(crate) fn client(&self, dir: &Path, password: &str, url: &str, pattern: &str) -> Command {
        let mut command = self.command(dir, password);
        command.args(["client", url, pattern]);
        command
    }

    /// Its Python 2.7, for other programs.
    pub(crate) fn interpreter(&self) -> &Path {
        &self.python
    }

    fn command(&self, dir: &Path, password: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(password).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A running original; ended when dropped.
#[derive(Debug)]
pub(crate) struct OriginalServer {
    pub(crate) url: String,
    server: Running,
}

impl OriginalServer {
    /// Whether it is still there: an original dies of what it does not understand.
    pub(crate) fn is_running(&mut self) -> bool {
        self.server.is_running()
    }

    /// Stops it without ending it: its socket takes calls, and nobody answers.
    pub(crate) fn freeze(&self) {
        self.server.freeze();
    }

    /// Most memory it has used so far, in bytes.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) fn peak_memory(&self) -> u64 {
        super::node::peak_memory(self.server.id())
    }
}

fn look() -> Result<Original, String> {
    let script = Original::folder().join("tinyp2p.py");
    if !script.is_file() {
        return Err("the program of 2004 is not here; point TINYP2P_INTEROP at the folder that has tinyp2p.py".into());
    }
    let script = script.canonicalize().map_err(|error| error.to_string())?;
    let named = std::env::var_os("TINYP2P_PYTHON27").map(PathBuf::from);
    let home = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let kept = home.and_then(|home| std::fs::read_dir(home.join("versions")).ok()).into_iter().flatten().flatten();
    let candidates = named
        .into_iter()
        .chain(["python2.7".into(), "python2".into()])
        .chain(kept.map(|version| version.path().join("bin/python2.7")));
    for python in candidates {
        let version = Command::new(&python).args(["-c", "import sys; print(sys.version_info[:2] == (2, 7))"]).output();
        if version.is_ok_and(|output| output.stdout == b"True\n") {
            return Ok(Original { python, script });
        }
    }
    Err("no Python 2.7 is here; point TINYP2P_PYTHON27 at one".into())
}
