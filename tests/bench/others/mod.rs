//! Programs of today beside which files are moved, as `tests/bench/others.sh` installs them.

pub(crate) mod http;
pub(crate) mod senders;
pub(crate) mod syncthing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where they are.
pub(crate) struct Others {
    /// Those from PyPI and crates.io.
    folder: PathBuf,
}

/// What comes from PyPI, and is to be had wherever Python is.
const MUST: [&str; 3] = ["wormhole", "twist", "copyparty"];

impl Others {
    /// What is installed.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let others = Self { folder: target.join("bench-others/bin") };
        let missing = MUST.into_iter().find(|name| !others.folder.join(name).exists());
        missing.map_or(Ok(others), |name| Err(format!("{name} is missing; run tests/bench/others.sh first")))
    }

    /// A program that cannot be had everywhere: in that folder, or else on the path. Without it, says so.
    pub(crate) fn optional(&self, name: &str) -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::iter::once(self.folder.clone()).chain(std::env::split_paths(&paths));
        let found = places.find_map(|place| Some(place.join(name)).filter(|path| path.is_file()));
        if found.is_none() {
            eprintln!("LEFT OUT: what is beside {name}, which is not installed; tests/bench/others.sh says why");
        }
        found
    }

    fn program(&self, name: &str) -> Command {
        quiet(self.folder.join(name))
    }
}

fn quiet(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
