//! The chromedriver process and everything it starts. It knows how to begin and how to end, and speaks no WebDriver.

use std::env;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};

/// What to do where there is no browser.
pub(super) const PACKAGES: &str = "Browser tests need Chromium and its driver: install the packages chromium and \
     chromium-driver (tests/install.sh does), or set TINYP2P_NO_BROWSER=1 to leave these tests out.";

/// How often it is started until it names its port: it takes a free one of IPv4 and ends where that of IPv6 is in use.
const STARTS: u32 = 5;

/// A running chromedriver; dropping it ends it and every Chromium it started.
pub(super) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts a driver on a free port, with `home` for its temporary files.
    pub(super) fn start(home: &Path) -> Result<Self, String> {
        if !["chromium", "chromium-browser", "google-chrome"].into_iter().any(is_installed) {
            return Err(format!("Chromium is not installed. {PACKAGES}"));
        }
        let mut last = String::new();
        for _ in 0..STARTS {
            match Self::attempt(home) {
                Ok(driver) => return Ok(driver),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn attempt(home: &Path) -> Result<Self, String> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: killing the driver alone leaves its browser running.
        let process = command.process_group(0).spawn();
        let process = process.map_err(|why| format!("chromedriver does not start: {why}. {PACKAGES}"))?;
        let mut driver = Self { process, port: 0 };
        let mut lines = BufReader::new(driver.process.stdout.take().ok_or("chromedriver has no output")?).lines();
        // "ChromeDriver was started successfully on port 12345."
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        driver.port = port.ok_or("chromedriver ended without naming its port")?;
        // A full pipe would stop the driver, so somebody reads it to its end.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(driver)
    }

    /// The group of all its processes.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(super) fn group(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Either may fail only because the process is gone, which is what is wanted.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
