//! What people and scripts see: bars on a terminal, plain lines elsewhere, JSON where it is asked for.
//!
//! Results go to standard output, everything about them to standard error. What came from a peer is escaped here, once.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use shared::{PeerUrl, Printable, SharedPath};

use super::bars::Bars;
use super::get::{Gone, GonePeer};
use super::qr;
use crate::download::{DownloadError, Missed, Observer, Offered, Report, SavedFile};
use crate::node::Node;
use crate::put::PutError;
use crate::run::NodeError;

/// What is said where nobody has anything that was asked for.
pub(super) const NOTHING: &str = "nothing matches";
/// Most peers that are named in one line.
const GONE_NAMED: usize = 5;

/// Why a command ended badly, in words.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was asked for something that cannot be meant.
    Usage(String),
    /// It could not do what it was asked.
    Failed(String),
    /// The person ended it.
    Interrupted,
}

impl Failure {
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
            Self::Interrupted => ExitCode::from(super::INTERRUPTED),
        }
    }
}

impl Failure {
    /// The node at this URL cannot be asked.
    fn of_node(url: &PeerUrl, error: &impl fmt::Display) -> Self {
        // Typed without a port, as people do who saw it in a browser.
        let has_no_port = url.port() == 80 && !url.authority().ends_with(":80");
        let hint = format!(" (this URL means port 80; a node listens on {} unless told otherwise)", super::PORT);
        Self::Failed(format!("{error}{}", if has_no_port { &hint } else { "" }))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
            Self::Interrupted => f.write_str("interrupted"),
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
        match &error {
            DownloadError::Pool(url, _) => Self::of_node(url, &error),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<PutError> for Failure {
    fn from(error: PutError) -> Self {
        match &error {
            PutError::Node(url, _) => Self::of_node(url, &error),
            PutError::Refused(..) => Self::Failed(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

/// Says that a node listens, where, and what to do with it.
pub(super) fn announce(node: &Node, made: Option<&str>, is_found: bool) {
    let mut text = format!("{} shares {}\n\n", Printable(node.name()), node.folder().display());
    if let Some(made) = made {
        text += &format!("  password   {made}\n             (made just now; tell it to your people)\n\n");
    }
    text += &format!("  address    {}\n", node.url());
    for other in node.names().urls().iter().filter(|other| *other != node.url()) {
        text += &format!("             {other}\n");
    }
    text += "             (open it in any browser, or:)\n";
    text += &format!("  get all    tinyp2p get {}\n", node.url());
    // Whoever joins is asked for the password.
    text += &if is_found {
        "  join       tinyp2p serve --ask      (anywhere on this network)\n".to_owned()
    } else {
        format!("  join       tinyp2p serve --join {}\n", node.url())
    };
    if node.drop_box().is_some() {
        text += &match node.can_be_written() {
            true => format!("  drop box   tinyp2p put {} FILE…      (whoever has the password may)\n", node.url()),
            false => "  drop box   none: this program may not write to the folder; change its permissions\n".to_owned(),
        };
    }
    say(text);
}

/// Shows a link to the camera of a phone.
pub(super) fn show_code(link: &str) {
    match qr::drawn(link, io::stdout().is_terminal()) {
        Some(code) => say(code),
        None => note("no QR code: the address is too long for one"),
    }
}

/// The same for a script.
pub(super) fn announce_json(node: &Node, made: Option<&str>) {
    let urls: Vec<String> = node.names().urls().iter().map(ToString::to_string).collect();
    let mut line = json!({ "event": "listening", "url": node.url().as_str(), "urls": urls, "name": node.name() });
    if let (Some(made), Some(fields)) = (made, line.as_object_mut()) {
        fields.insert("password".to_owned(), json!(made));
    }
    say(ascii(&line));
}

/// For a script: that a command could not do what it was asked.
pub(super) fn tell_failure(failure: &Failure) {
    say(ascii(&json!({ "event": "failed", "reason": failure.to_string() })));
}

/// The last word on a download, and its exit code. That nothing is there is a failure where something in particular was asked
/// for, as scripts know it of `grep`.
pub(super) fn conclude(report: &Report, gone: &Gone, json: bool, asked_for_everything: bool) -> ExitCode {
    let is_well = report.missed.is_empty() && (asked_for_everything || !report.is_nothing());
    conclude_at("here", report, gone, json, is_well)
}

/// The last word on what was put at a node, and its exit code.
pub(super) fn conclude_put(report: &Report, json: bool) -> ExitCode {
    conclude_at("there", report, &Gone::default(), json, report.missed.is_empty())
}

fn conclude_at(place: &str, report: &Report, gone: &Gone, json: bool, is_well: bool) -> ExitCode {
    if json {
        let away = gone.peers.iter().map(|GonePeer { peer, last_seen, count }| {
            json!({
                "peer": peer.as_str(), "name": last_seen.name, "files": count, "last_seen_s": last_seen.seconds,
            })
        });
        say(ascii(&json!({
            "event": "done", "dry_run": report.dry_run, "files": report.saved, "size": report.bytes,
            "already_here": report.already_here, "differs": report.differing, "missed": missed_files(report),
            "interrupted": report.interrupted, "unverified": report.unverified, "unfinished": report.unfinished,
            "away": away.collect::<Vec<_>>(),
        })));
    } else if gone.files > 0 {
        note(gone_line(gone));
    } else {
        note(summary(place, report));
    }
    match (report.interrupted, is_well) {
        (true, _) => ExitCode::from(super::INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    }
}

/// How it went, in one line: `12 files, 1.30 GiB, 3 already here, 1 missed`.
fn summary(place: &str, report: &Report) -> String {
    let missed = missed_files(report);
    let mut parts = Vec::new();
    match report.saved {
        0 if report.is_nothing() => return NOTHING.to_owned(),
        0 => parts.push("nothing new".to_owned()),
        saved => parts.push(offer(saved, (report.bytes > 0).then_some(report.bytes))),
    }
    if report.already_here > 0 {
        parts.push(format!("{} already {place}", HumanCount(report.already_here as u64)));
    }
    if report.differing > 0 {
        parts.push(format!("{} of them different", HumanCount(report.differing as u64)));
    }
    if missed > 0 {
        parts.push(format!("{} missed", HumanCount(missed as u64)));
    }
    if report.unverified > 0 {
        parts.push(format!("{} could not be verified", files(report.unverified)));
    }
    let parts = parts.join(", ");
    let left = match report.unfinished {
        0 if report.interrupted && place == "there" => "; run the same command again to go on".to_owned(),
        0 if report.interrupted => "; what was not complete is removed".to_owned(),
        0 => String::new(),
        left => format!("; {} unfinished: run the same command again to go on", files(left)),
    };
    match (report.interrupted, report.dry_run) {
        (true, _) => format!("interrupted: {parts}{left}"),
        (false, true) => format!("{parts}; this was a dry run, nothing was saved"),
        (false, false) => format!("{parts}{left}"),
    }
}

/// What matches at nobody who is here: `nothing here matches; these 2 files are on peers that are away: Ada (last seen …)`.
fn gone_line(gone: &Gone) -> String {
    let peer = |GonePeer { peer, last_seen, .. }: &GonePeer| {
        let name = last_seen.name.clone().unwrap_or_else(|| peer.to_string());
        format!("{} ({})", Printable(&name), self::last_seen(last_seen.seconds))
    };
    let mut peers: Vec<String> = gone.peers.iter().take(GONE_NAMED).map(peer).collect();
    let more = gone.peers.len() - peers.len();
    if more > 0 {
        peers.push(format!("{} more", HumanCount(more as u64)));
    }
    let (these, are) = if gone.files == 1 { ("this", "is") } else { ("these", "are") };
    let (files, peers) = (files(gone.files), peers.join(", "));
    format!("nothing here matches; {these} {files} {are} on peers that are away: {peers}")
}

/// When somebody was there that is not any more: `last seen 5 min ago`.
pub(super) fn last_seen(seconds: u64) -> String {
    match seconds {
        0..60 => format!("last seen {seconds} s ago"),
        60..3_600 => format!("last seen {} min ago", seconds / 60),
        3_600..7_200 => "last seen 1 hour ago".to_owned(),
        _ => format!("last seen {} hours ago", seconds / 3_600),
    }
}

fn files(count: usize) -> String {
    format!("{} {}", HumanCount(count as u64), if count == 1 { "file" } else { "files" })
}

fn missed_files(report: &Report) -> usize {
    report.missed.iter().map(|missed| missed.count).sum()
}

/// Whether a line of results could not be printed.
static IS_UNPRINTED: AtomicBool = AtomicBool::new(false);

/// Prints a line of results. Whoever reads us through `head` has seen enough, which is no error; a full disk is one, told
/// once, and by the exit code.
pub(super) fn say(line: impl fmt::Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}")
        && error.kind() != io::ErrorKind::BrokenPipe
        && !IS_UNPRINTED.swap(true, Ordering::Relaxed)
    {
        note(format_args!("tinyp2p: standard output cannot be written: {error}"));
    }
}

/// Whether a line of results is missing where they were to go.
pub(super) fn is_unprinted() -> bool {
    IS_UNPRINTED.load(Ordering::Relaxed)
}

/// Prints a line about the results, for a person; where nobody can be told, nothing is.
pub(super) fn note(line: impl fmt::Display) {
    let _unread = writeln!(io::stderr(), "{line}");
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
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: Option<u64>) {
        say(ascii(&json!({ "event": "offered", "peer": peer.as_str(), "files": files, "size": bytes })));
    }
    fn begun(&self, _: &SharedPath, _: &PeerUrl, _: Option<u64>) {}
    fn moved(&self, _: &SharedPath, _: u64) {}
    fn kept(&self, _: &SharedPath, _: u64) {}
    fn given_up(&self, _: &SharedPath) {}
    fn planned(&self, file: &Offered, save_as: &SharedPath, peer: &PeerUrl) {
        say(ascii(&json!({
            "event": "planned", "path": file.name, "save_as": save_as.as_str(), "peer": peer.as_str(), "size": file.size,
        })));
    }
    fn differs(&self, file: &Offered, peer: &PeerUrl, how: &str) {
        say(ascii(&json!({
            "event": "differs", "path": file.name, "save_as": file.path.as_str(), "peer": peer.as_str(), "reason": how,
        })));
    }
    fn saved(&self, saved: &SavedFile<'_>) {
        let SavedFile { name, save_as, peer, bytes, how, .. } = saved;
        let from: serde_json::Map<_, _> =
            how.from.iter().map(|(peer, bytes)| (peer.to_string(), json!(bytes))).collect();
        say(ascii(&json!({
            "event": "saved", "path": name, "save_as": save_as.as_str(), "peer": peer.as_str(), "size": bytes,
            "verified": how.verified, "kept": how.kept, "from": from,
        })));
    }
    fn missed(&self, missed: &Missed) {
        let line = json!({
            "event": "missed", "peer": missed.peer.as_str(), "path": missed.file, "reason": missed.reason,
            "count": missed.count,
        });
        say(ascii(&line));
    }
}

/// One plain line per file.
struct Lines;

impl Observer for Lines {
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: Option<u64>) {
        if files > 0 {
            note(format_args!("{peer}: {}", offer(files, bytes)));
        }
    }
    fn begun(&self, _: &SharedPath, _: &PeerUrl, _: Option<u64>) {}
    fn moved(&self, _: &SharedPath, _: u64) {}
    fn kept(&self, _: &SharedPath, _: u64) {}
    fn given_up(&self, _: &SharedPath) {}
    fn planned(&self, file: &Offered, save_as: &SharedPath, _: &PeerUrl) {
        say(planned_line(file, save_as));
    }
    fn differs(&self, file: &Offered, _: &PeerUrl, how: &str) {
        note(differs_line(file, how));
    }
    fn saved(&self, saved: &SavedFile<'_>) {
        say(saved_line(saved));
    }
    fn waited_for(&self, peer: &PeerUrl) {
        note(waited_for_line(peer));
    }
    fn missed(&self, missed: &Missed) {
        note(missed_line(missed));
    }
}

fn offer(files: usize, bytes: Option<u64>) -> String {
    let bytes = bytes.map(|bytes| format!(", {}", HumanBytes(bytes))).unwrap_or_default();
    format!("{}{bytes}", self::files(files))
}

pub(super) fn waited_for_line(peer: &PeerUrl) -> String {
    format!("{peer} cannot be reached any more; it is waited for, a minute at most")
}

pub(super) fn planned_line(file: &Offered, save_as: &SharedPath) -> String {
    let size = file.size.map_or_else(|| "?".to_owned(), bytes);
    format!("{}  {size}{}", Printable(save_as.as_str()), from(&file.name, &file.path))
}

pub(super) fn differs_line(file: &Offered, how: &str) -> String {
    format!("already here under that name, but different ({how}): {}", Printable(file.path.as_str()))
}

/// What its holder calls a file that is saved under a name made safe.
fn from(name: &str, path: &SharedPath) -> String {
    if name == path.as_str() { String::new() } else { format!("  (from {})", Printable(name)) }
}

pub(super) fn saved_line(saved: &SavedFile<'_>) -> String {
    let from = from(saved.name, saved.path);
    let renamed = if saved.path == saved.save_as { "" } else { "  (another name was taken)" };
    let kept = match saved.how.kept {
        0 => String::new(),
        kept => format!("  ({} were here already)", HumanBytes(kept)),
    };
    format!("{}  {}{from}{renamed}{kept}", Printable(saved.save_as.as_str()), HumanBytes(saved.bytes))
}

pub(super) fn missed_line(missed: &Missed) -> String {
    let reason = Printable(&missed.reason);
    let count = if missed.count > 1 { format!("{} files, ", HumanCount(missed.count as u64)) } else { String::new() };
    match &missed.file {
        Some(file) => format!("missed: {file} from {}: {reason}", missed.peer),
        None => format!("missed: {count}{}: {reason}", missed.peer),
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::download::LastSeen;

    #[test]
    fn a11_json_shows_no_control_character() {
        let line = ascii(&json!("a\u{1b}[2J\u{9b}\u{202e}\u{7f}é😀"));
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), "a\u{1b}[2J\u{9b}\u{202e}\u{7f}é😀");
    }

    #[test]
    fn when_somebody_was_seen_is_said_in_one_unit() {
        let said =
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 hour"), (86_400, "24 hours")];
        for (seconds, words) in said {
            assert_eq!(last_seen(seconds), format!("last seen {words} ago"));
        }
    }

    #[test]
    fn what_is_only_on_peers_that_are_away_is_said_with_their_names() {
        let gone = |name: Option<&str>, seconds| GonePeer {
            peer: PeerUrl::parse("http://10.0.0.7:9004").unwrap(),
            last_seen: LastSeen { seconds, name: name.map(Into::into) },
            count: 1,
        };
        let one = Gone { peers: vec![gone(Some("Ada"), 300)], files: 1 };
        assert_eq!(
            gone_line(&one),
            "nothing here matches; this 1 file is on peers that are away: Ada (last seen 5 min ago)"
        );
        let many = Gone { peers: (0..8).map(|_| gone(None, 7_200)).collect(), files: 2_000 };
        let line = gone_line(&many);
        assert!(
            line.starts_with("nothing here matches; these 2,000 files are on peers that are away: http://"),
            "{line}"
        );
        assert!(line.ends_with("(last seen 2 hours ago), 3 more"), "{line}");
    }
}
