//! Servers of files over plain HTTP.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Others, quiet};
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};

/// One that listens on 127.0.0.1.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) process: Running,
    /// Where it was started, and what it keeps.
    #[expect(dead_code, reason = "held so that it is there")]
    folder: TempDir,
}

/// How a server is told to serve a folder on a port.
pub(crate) type Serve = fn(&Others, &Path, u16) -> Option<Command>;

/// A server that may not be there: its name, and how it is started.
pub(crate) const DUFS: (&str, Serve) = ("dufs", dufs);
pub(crate) const MINISERVE: (&str, Serve) = ("miniserve", miniserve);
pub(crate) const COPYPARTY: (&str, Serve) = ("copyparty", copyparty);
pub(crate) const PYTHON: (&str, Serve) = ("`python -m http.server`", python);

/// The same, when they let everybody write.
pub(crate) const DUFS_TAKING: (&str, Serve) = ("dufs", dufs_taking);
pub(crate) const MINISERVE_TAKING: (&str, Serve) = ("miniserve", miniserve_taking);
pub(crate) const COPYPARTY_TAKING: (&str, Serve) = ("copyparty", copyparty_taking);

impl Server {
    /// Starts one and waits until it listens. `None` where it is not installed.
    pub(crate) fn start((name, serve): (&str, Serve), others: &Others, share: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut command = serve(others, share, port)?;
        command.env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        if command.get_current_dir().is_none() {
            command.current_dir(folder.path());
        }
        let process = Running::new(command.spawn().expect(name));
        let address = format!("127.0.0.1:{port}");
        wait_for("a server to listen", Duration::from_secs(30), || TcpStream::connect(&address).ok());
        Some(Self { address, process, folder })
    }
}

fn copyparty(others: &Others, share: &Path, port: u16) -> Option<Command> {
    copyparty_that(others, share, port, "r")
}

fn copyparty_taking(others: &Others, share: &Path, port: u16) -> Option<Command> {
    copyparty_that(others, share, port, "rw")
}

fn copyparty_that(others: &Others, share: &Path, port: u16, may: &str) -> Option<Command> {
    let mut command = others.program("copyparty");
    command.args(["-i", "127.0.0.1", "-q", "-p", &port.to_string(), "-v", &format!("{}::{may}", share.display())]);
    Some(command)
}

/// The web server that comes with Python.
fn python(others: &Others, share: &Path, port: u16) -> Option<Command> {
    let mut command = others.program("python");
    command.current_dir(share).args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
    Some(command)
}

fn dufs(others: &Others, share: &Path, port: u16) -> Option<Command> {
    let mut command = quiet(others.optional("dufs")?);
    // Without a format it writes no log.
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--log-format", ""]).arg(share);
    Some(command)
}

fn miniserve(others: &Others, share: &Path, port: u16) -> Option<Command> {
    let mut command = quiet(others.optional("miniserve")?);
    command.args(["--interfaces", "127.0.0.1", "--port", &port.to_string()]).arg(share);
    Some(command)
}

fn dufs_taking(others: &Others, share: &Path, port: u16) -> Option<Command> {
    let mut command = dufs(others, share, port)?;
    command.arg("--allow-upload");
    Some(command)
}

fn miniserve_taking(others: &Others, share: &Path, port: u16) -> Option<Command> {
    let mut command = miniserve(others, share, port)?;
    // A value of its own, or the folder would be taken for it.
    command.arg("--upload-files=/");
    Some(command)
}
