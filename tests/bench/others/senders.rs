//! Programs that move files from one machine to another: magic-wormhole, sendme, and `tar` into `nc`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::Others;
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};

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
        let wormhole = self.others.folder.join("wormhole");
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

/// sendme (iroh) that has one path to give, in a network of its own: it tells the world, and the router, where it is.
pub(crate) struct Sendme {
    program: PathBuf,
    ticket: String,
    sender: Running,
    /// Where it keeps what it has.
    #[expect(dead_code, reason = "held so that it is there")]
    folder: TempDir,
}

/// No relay, no other address than that of loopback.
const LOOPBACK: [&str; 6] =
    ["--no-progress", "--relay", "disabled", "--magic-ipv4-addr", "127.0.0.1:0", "--magic-ipv6-addr=[::1]:0"];

impl Sendme {
    /// Starts it; when this returns it has hashed all and waits. `None` where it is not installed.
    pub(crate) fn share(others: &Others, path: &Path) -> Option<Self> {
        let program = others.optional("sendme")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
        command.arg(&program).arg("send").args(LOOPBACK).args(["--ticket-type", "addresses"]).arg(path);
        command.current_dir(folder.path()).env("HOME", folder.path());
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut sender = Running::new(command.spawn().expect("unshare"));
        let ticket = wait_for("a ticket of sendme", Duration::from_secs(120), || {
            assert!(sender.is_running(), "sendme ended: {}", sender.error_text());
            let text = sender.output_text();
            let rest = text.split_once("sendme receive ")?.1;
            Some(rest.split_once('\n')?.0.trim().to_owned())
        });
        Some(Self { program, ticket, sender, folder })
    }

    /// Receives it in a folder: a command that ends when all is there, and on the disk.
    pub(crate) fn receive(&self, into: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--preserve-credentials", "--net", "--target", &self.sender.id().to_string()]);
        command.args(["sh", "-c", "cd \"$1\" && shift && \"$@\" && sync -f .", "sh"]).arg(into);
        command.arg(&self.program).arg("receive").args(LOOPBACK).arg(&self.ticket).env("HOME", into);
        command
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
