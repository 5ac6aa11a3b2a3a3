//! Programs of today beside which files are moved: magic-wormhole, copyparty, and `tar` into `nc`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};

/// Where `others.sh` installs what comes from PyPI.
pub(crate) struct Others(PathBuf);

impl Others {
    /// What is installed.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let bin = target.join("bench-others/bin");
        let missing = ["wormhole", "twist", "copyparty"].into_iter().find(|name| !bin.join(name).exists());
        missing.map_or(Ok(Self(bin)), |name| Err(format!("{name} is missing; run tests/bench/others.sh first")))
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join(name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// The two servers of magic-wormhole, on this machine alone.
pub(crate) struct Wormhole<'o> {
    others: &'o Others,
    mailbox: String,
    transit: String,
    /// Its programs leave files where they are started, and two of them keep a database.
    folder: TempDir,
    #[expect(dead_code, reason = "held so that they are there")]
    servers: [Running; 2],
}

impl<'o> Wormhole<'o> {
    pub(crate) fn start(others: &'o Others) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [mailbox, transit] = [free_port(), free_port()];
        let serve = |words: [&str; 2], port: u16| {
            let mut command = others.program("twist");
            command
                .current_dir(folder.path())
                .arg(words[0])
                .args([words[1], &format!("tcp:{port}:interface=127.0.0.1")]);
            let server = Running::new(command.spawn().expect("twist"));
            wait_for("it to listen", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
            server
        };
        let servers = [serve(["wormhole-mailbox", "--port"], mailbox), serve(["transitrelay", "--port"], transit)];
        let (mailbox, transit) = (format!("ws://127.0.0.1:{mailbox}/v1"), format!("tcp:127.0.0.1:{transit}"));
        Self { others, mailbox, transit, folder, servers }
    }

    /// Sends a file, or a folder, and receives it under `to`: a command that ends when both have, and all is on the disk.
    pub(crate) fn send(&self, number: usize, from: &Path, to: &Path) -> Command {
        let wormhole = self.others.0.join("wormhole");
        let mut command = Command::new("sh");
        command.current_dir(self.folder.path()).env("HOME", self.folder.path()).args([
            "-c",
            "\"$1\" --relay-url \"$2\" --transit-helper \"$3\" send --hide-progress --code \"$4\" \"$5\" & \
             \"$1\" --relay-url \"$2\" --transit-helper \"$3\" receive --hide-progress --accept-file -o \"$6\" \"$4\" && \
             wait $! && sync -f \"$6\"",
            "sh",
        ]);
        command.arg(wormhole).args([&self.mailbox, &self.transit, &format!("{number}-bench-code")]).args([from, to]);
        command
    }
}

/// copyparty, reading only.
pub(crate) struct Copyparty {
    pub(crate) address: String,
    #[expect(dead_code, reason = "held so that it is there")]
    folder: TempDir,
    #[expect(dead_code, reason = "held so that it is there")]
    server: Running,
}

impl Copyparty {
    pub(crate) fn serve(others: &Others, share: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut command = others.program("copyparty");
        command.current_dir(folder.path()).env("XDG_CONFIG_HOME", folder.path()).args(["-i", "127.0.0.1", "-q"]);
        command.args(["-p", &port.to_string(), "-v", &format!("{}::r", share.display())]);
        let server = Running::new(command.spawn().expect("copyparty"));
        let address = format!("127.0.0.1:{port}");
        wait_for("copyparty to listen", Duration::from_secs(30), || TcpStream::connect(&address).ok());
        Self { address, folder, server }
    }
}

/// The web server that comes with Python.
pub(crate) struct HttpServer {
    pub(crate) address: String,
    #[expect(dead_code, reason = "held so that it is there")]
    server: Running,
}

impl HttpServer {
    pub(crate) fn serve(others: &Others, share: &Path) -> Self {
        let port = free_port();
        let mut command = others.program("python");
        command.current_dir(share).args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
        let server = Running::new(command.spawn().expect("python"));
        let address = format!("127.0.0.1:{port}");
        wait_for("it to listen", Duration::from_secs(10), || TcpStream::connect(&address).ok());
        Self { address, server }
    }
}

/// `tar` on both sides and a bare connection between: as little as it can be. It ends when all is on the disk.
pub(crate) fn tar_through_nc(from: &Path, to: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "nc -N -l 127.0.0.1 \"$3\" </dev/null | tar -xf - -C \"$2\" & \
         until tar -cf - -C \"$1\" . | nc -N 127.0.0.1 \"$3\" 2>/dev/null; do sleep 0.01; done; \
         wait $! && sync -f \"$2\"",
        "sh",
    ]);
    command.args([from, to]).arg(free_port().to_string());
    command
}
