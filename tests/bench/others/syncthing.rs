//! Two Syncthings that know each other, and nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Others, quiet};
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};

/// No transfer may take longer.
const DEADLINE: Duration = Duration::from_secs(600);
/// Between two questions whether all is there, so that the questions cost nothing worth measuring.
const PAUSE: Duration = Duration::from_millis(50);
/// Of its REST interface. It listens on 127.0.0.1 alone, for minutes.
const KEY: &str = "a-key-for-the-bench";

/// One that has a folder with all in it hashed, and the identity of one that is to receive it.
pub(crate) struct Syncthing {
    #[expect(dead_code, reason = "held so that it is there, and first, so that it ends before its files do")]
    running: Daemon,
    program: PathBuf,
    sender: Home,
    receiver: Identity,
    files: usize,
}

impl Syncthing {
    /// Starts the sender and waits until it has hashed its `files` files. `None` where it is not installed.
    pub(crate) fn share(others: &Others, share: &Path, files: usize) -> Option<Self> {
        let program = others.optional("syncthing")?;
        let (sender, receiver) = (Identity::new(&program), Identity::new(&program));
        let sender = Home::new(sender);
        sender.configure(share, &receiver.id, "dynamic", false);
        let running = Daemon::start(&program, &sender);
        wait_for("Syncthing to hash the folder", Duration::from_secs(300), || {
            std::thread::sleep(PAUSE);
            sender.has(files).then_some(())
        });
        Some(Self { running, program, sender, receiver, files })
    }

    /// Seconds until all is there, and on the disk. The receiver is new, runs, and has its connection: it only has to begin.
    pub(crate) fn receive(&self, into: &Path) -> f64 {
        let home = Home::new(self.receiver.again());
        home.configure(into, &self.sender.identity.id, &format!("tcp://127.0.0.1:{}", self.sender.port), true);
        let running = Daemon::start(&self.program, &home);
        wait_for("the two Syncthings to meet", Duration::from_secs(60), || {
            let connections = home.ask("GET", "/rest/system/connections", "")?;
            connections["connections"][&self.sender.identity.id]["connected"].as_bool()?.then_some(())
        });
        rustix::fs::sync();
        let start = Instant::now();
        home.ask("PATCH", "/rest/config/folders/bench", r#"{"paused":false}"#);
        wait_for("Syncthing to receive all", DEADLINE, || {
            std::thread::sleep(PAUSE);
            home.has(self.files).then_some(())
        });
        let written = Command::new("sync").arg("-f").arg(into).status().expect("sync");
        let seconds = start.elapsed().as_secs_f64();
        assert!(written.success(), "sync: {written}");
        drop(running);
        seconds
    }
}

/// A key pair, and the device's id.
struct Identity {
    folder: TempDir,
    id: String,
}

impl Identity {
    fn new(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = quiet(program);
        command.arg("generate").arg(format!("--home={}", folder.path().display())).env("HOME", folder.path());
        assert!(command.status().expect("syncthing").success(), "syncthing generates its key");
        let configuration = std::fs::read_to_string(folder.path().join("config.xml")).expect("its configuration");
        let id = configuration.split_once("<device id=\"").and_then(|(_, rest)| rest.split_once('"'));
        Self { id: id.expect("its own device").0.to_owned(), folder }
    }

    /// The same one, which remembers nothing.
    fn again(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).expect("a copy");
        }
        Self { folder, id: self.id.clone() }
    }
}

/// An identity with its ports: where it listens for others, and for us.
struct Home {
    identity: Identity,
    port: u16,
    rest: u16,
}

impl Home {
    fn new(identity: Identity) -> Self {
        Self { identity, port: free_port(), rest: free_port() }
    }

    /// One folder, shared with one device; nothing outside of this machine is spoken to. At normal priority, as ours.
    fn configure(&self, folder: &Path, other: &str, address: &str, paused: bool) {
        let Self { identity: Identity { id, .. }, port, rest } = self;
        let folder = folder.display();
        let configuration = format!(
            r#"<configuration version="35">
            <folder id="bench" label="bench" path="{folder}" type="sendreceive" rescanIntervalS="3600"
                fsWatcherEnabled="true" fsWatcherDelayS="1"><filesystemType>basic</filesystemType>
                <device id="{id}"></device><device id="{other}"></device><paused>{paused}</paused></folder>
            <device id="{id}" name="here"><address>dynamic</address></device>
            <device id="{other}" name="there"><address>{address}</address></device>
            <gui enabled="true" tls="false"><address>127.0.0.1:{rest}</address><apikey>{KEY}</apikey></gui>
            <options><listenAddress>tcp://127.0.0.1:{port}</listenAddress>
                <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
                <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><startBrowser>false</startBrowser>
                <urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
                <crashReportingEnabled>false</crashReportingEnabled><setLowPriority>false</setLowPriority></options>
            </configuration>"#
        );
        std::fs::write(self.identity.folder.path().join("config.xml"), configuration).expect("its configuration");
    }

    /// Whether all files there are to be are here.
    fn has(&self, files: usize) -> bool {
        let status = self.ask("GET", "/rest/db/status?folder=bench", "").unwrap_or_default();
        let count = |name: &str| status[name].as_u64().unwrap_or(u64::MAX);
        let all = [count("globalFiles"), count("localFiles")] == [files as u64; 2];
        all && count("needTotalItems") == 0 && status["state"] == "idle"
    }

    /// What its REST interface answers, if it answers well. HTTP/1.0, so that the body is what follows the head.
    fn ask(&self, method: &str, path: &str, body: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.rest)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let (rest, length) = (self.rest, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{rest}\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|status| *status == "200")?;
        Some(serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

/// A running one.
struct Daemon(Option<Running>);

impl Daemon {
    fn start(program: &Path, home: &Home) -> Self {
        let folder = home.identity.folder.path();
        let mut command = quiet(program);
        command.args(["serve", "--no-browser", "--no-restart"]).arg(format!("--home={}", folder.display()));
        command.current_dir(folder).env("HOME", folder).env("STNOUPGRADE", "1");
        let daemon = Self(Some(Running::new(command.spawn().expect("syncthing"))));
        wait_for("Syncthing to answer", Duration::from_secs(60), || home.ask("GET", "/rest/system/ping", ""));
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked, not killed: the process that does the work would outlive the one that watches it.
        self.0.take().map(|process| process.interrupt(Duration::from_secs(30)));
    }
}
