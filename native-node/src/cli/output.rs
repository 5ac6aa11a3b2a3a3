//! What people and scripts see: bars on a terminal, plain lines elsewhere, JSON where it is asked for.
//!
//! Results go to standard output, everything about them to standard error. What came from a peer is escaped here, once.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use shared::{PeerUrl, Printable, SharedPath};

use crate::download::{DownloadError, Missed, Observer, Report};
use crate::node::Node;
use crate::run::NodeError;

/// Why a command ended badly, in words.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was asked for something that cannot be meant.
    Usage(String),
    /// It could not do what it was asked.
    Failed(String),
}

impl Failure {
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Pattern(_) => Self::Usage(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Says that a node listens, where, and what to do with it.
pub(super) fn announce(node: &Node, made: Option<&str>) {
    println!("{} shares {}", Printable(node.name()), node.folder().display());
    if let Some(made) = made {
        println!();
        println!("  password   {made}     (made just now; tell it to your people)");
    }
    println!();
    println!("  address    {}", node.url());
    for other in node.names().urls().iter().filter(|other| *other != node.url()) {
        println!("             {other}");
    }
    println!("  get all    tinyp2p get {}", node.url());
    println!();
}

/// The same for a script.
pub(super) fn announce_json(node: &Node) {
    let urls: Vec<String> = node.names().urls().iter().map(ToString::to_string).collect();
    let line = json!({ "event": "listening", "url": node.url().as_str(), "urls": urls, "name": node.name() });
    println!("{}", ascii(&line));
}

/// The last word on a download, and its exit code.
pub(super) fn conclude(report: &Report) -> ExitCode {
    if report.interrupted {
        eprintln!("interrupted; what was complete is saved, the rest left no trace");
        return ExitCode::from(130);
    }
    if report.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// JSON with everything beyond ASCII escaped, so that no name can play with the terminal that shows it.
pub(super) fn ascii(value: &serde_json::Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && !c.is_ascii_control() {
            line.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line
}

/// A size for people.
pub(super) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// A time in seconds since 1970 as this machine's date and minute; `?` for one that no calendar has.
pub(super) fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "?".to_owned(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// Shows how a download goes, in the way that fits where it is seen.
pub(super) fn observer(json: bool) -> Box<dyn Observer> {
    if json {
        Box::new(Json)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bars::new())
    } else {
        Box::new(Lines)
    }
}

/// One line of JSON per event.
struct Json;

impl Observer for Json {
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: u64) {
        println!("{}", ascii(&json!({ "event": "offered", "peer": peer.as_str(), "files": files, "bytes": bytes })));
    }
    fn begun(&self, _: &SharedPath, _: &PeerUrl, _: Option<u64>) {}
    fn moved(&self, _: &SharedPath, _: u64) {}
    fn saved(&self, path: &SharedPath, saved_as: &SharedPath, peer: &PeerUrl, bytes: u64) {
        let line = json!({
            "event": "saved", "path": path.as_str(), "saved_as": saved_as.as_str(), "peer": peer.as_str(), "bytes": bytes,
        });
        println!("{}", ascii(&line));
    }
    fn missed(&self, missed: &Missed) {
        let line = json!({
            "event": "missed", "peer": missed.peer.as_str(), "file": missed.file, "reason": missed.reason,
        });
        println!("{}", ascii(&line));
    }
}

/// One plain line per file.
struct Lines;

impl Observer for Lines {
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: u64) {
        if files > 0 {
            eprintln!("{peer}: {}", offer(files, bytes));
        }
    }
    fn begun(&self, _: &SharedPath, _: &PeerUrl, _: Option<u64>) {}
    fn moved(&self, _: &SharedPath, _: u64) {}
    fn saved(&self, path: &SharedPath, saved_as: &SharedPath, _: &PeerUrl, bytes: u64) {
        println!("{}", saved_line(path, saved_as, bytes));
    }
    fn missed(&self, missed: &Missed) {
        eprintln!("{}", missed_line(missed));
    }
}

fn offer(files: usize, bytes: u64) -> String {
    let files = HumanCount(files as u64);
    if bytes > 0 { format!("{files} files, {}", HumanBytes(bytes)) } else { format!("{files} files") }
}

fn saved_line(path: &SharedPath, saved_as: &SharedPath, bytes: u64) -> String {
    let renamed = if path == saved_as { "" } else { "  (another name was taken)" };
    format!("{}  {}{renamed}", Printable(saved_as.as_str()), HumanBytes(bytes))
}

fn missed_line(missed: &Missed) -> String {
    let reason = Printable(&missed.reason);
    match &missed.file {
        Some(file) => format!("missed: {file} from {}: {reason}", missed.peer),
        None => format!("missed: {}: {reason}", missed.peer),
    }
}

/// A bar for the whole, and one for each file that takes long enough to watch.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: Mutex<BTreeMap<SharedPath, ProgressBar>>,
}

/// Smaller files are done before anybody has read their bar, in bytes.
const WORTH_A_BAR: u64 = 8 << 20;

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{msg:24!} {bar:24.green/dim} {bytes:>11} {bytes_per_sec:>13} {eta:>5}"));
        total.set_message("0 files");
        total.enable_steady_tick(Duration::from_millis(200));
        Self { all, total, files: Mutex::default() }
    }

    fn end(&self, path: &SharedPath) {
        if let Some(bar) = self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(path) {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

impl Observer for Bars {
    fn offered(&self, _: &PeerUrl, files: usize, bytes: u64) {
        let known = self.total.length().unwrap_or_default();
        self.total.set_length(known + bytes);
        if files > 0 {
            self.total.set_message(format!("{} files", HumanCount(files as u64)));
        }
    }

    fn begun(&self, path: &SharedPath, _: &PeerUrl, size: Option<u64>) {
        if size.is_some_and(|size| size < WORTH_A_BAR) {
            return;
        }
        let bar = self.all.add(ProgressBar::new(size.unwrap_or_default()));
        bar.set_style(style("{msg:24!} {bar:24.cyan/dim} {bytes:>11} {bytes_per_sec:>13} {eta:>5}"));
        bar.set_message(Printable::short(path.as_str(), 24).to_string());
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), bar);
    }

    fn moved(&self, path: &SharedPath, bytes: u64) {
        self.total.inc(bytes);
        if let Some(bar) = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            bar.inc(bytes);
        }
    }

    fn saved(&self, path: &SharedPath, saved_as: &SharedPath, _: &PeerUrl, bytes: u64) {
        self.end(path);
        self.all.suspend(|| println!("{}", saved_line(path, saved_as, bytes)));
    }

    fn missed(&self, missed: &Missed) {
        if let Some(path) = missed.file.as_deref().and_then(|file| SharedPath::parse(file).ok()) {
            self.end(&path);
        }
        self.all.suspend(|| eprintln!("{}", missed_line(missed)));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_json_shows_no_control_character() {
        let line = ascii(&json!("a\u{1b}[2J\u{9b}\u{202e}\u{7f}é😀"));
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), "a\u{1b}[2J\u{9b}\u{202e}\u{7f}é😀");
    }
}
