//! The command line: what was typed becomes what it means, once, here.

mod bars;
mod caller;
mod classic;
mod doctor;
mod get;
mod legacy;
mod ls;
mod output;
mod password;
mod peers;
mod put;
mod qr;
mod serve;
mod whom;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
#[cfg(unix)]
use std::task::{Context, Poll};
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use shared::{PatternKind, PeerUrl};
use tokio_util::sync::CancellationToken;

use crate::download::Selection;
use output::Failure;

/// Share a folder with everybody who has the password, and get what they share.
#[derive(Debug, Parser)]
#[command(name = "tinyp2p", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    /// Say more about what happens (twice: everything).
    #[arg(short, long, global = true, display_order = 100, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// The port that nodes try first.
const PORT: u16 = 9004;

/// As a shell reports a command that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How long the end may wait for what cannot be called off.
const PATIENCE: Duration = Duration::from_secs(5);
/// What comes within this time after a signal is the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

const AFTER_HELP: &str = "\
The password is asked for, or taken from TINYP2P_PASSWORD or --password-file.

As in 2004, in the current directory, and with the password where others on this machine can see it:
  tinyp2p PASSWORD server HOST PORT [OTHERURL…]
  tinyp2p PASSWORD client SERVERURL PATTERN

TINYP2P_STATE: the folder for what is remembered between runs, ~/.local/state/tinyp2p or the like.
TINYP2P_LOG: what is said on standard error, as in debug or native_node=trace.
What --json prints is told in README.md.

Exit codes: 0 all done, 1 something failed and was named, or nothing matches PATTERN,
2 wrong usage, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Get(get::Get),
    Put(put::PutArguments),
    Ls(ls::Ls),
    Peers(peers::Peers),
    Doctor(doctor::Doctor),
    /// Print what has a shell complete these commands, for its start-up files.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether a script reads along.
    fn is_for_a_script(&self) -> bool {
        match self {
            Self::Serve(serve) => serve.json,
            Self::Get(get) => get.json,
            Self::Put(put) => put.json,
            Self::Ls(ls) => ls.json,
            Self::Peers(peers) => peers.json,
            Self::Doctor(doctor) => doctor.json,
            Self::Completions { .. } => false,
        }
    }
}

/// A pattern as typed: an expression unless a flag says otherwise, as in 2004.
#[derive(Debug, clap::Args)]
struct PatternArguments {
    /// What to look for: a regular expression as in Python, found anywhere in the name. Empty: everything.
    #[arg(default_value = "", hide_default_value = true)]
    pattern: String,
    /// PATTERN is a file pattern like '*.pdf'.
    #[arg(short, long, conflicts_with = "words")]
    glob: bool,
    /// PATTERN is a few words that must all occur, in any order and case.
    #[arg(short, long)]
    words: bool,
}

impl PatternArguments {
    fn kind(&self) -> PatternKind {
        match (self.glob, self.words) {
            (true, _) => PatternKind::Glob,
            (_, true) => PatternKind::Words,
            _ => PatternKind::Regex,
        }
    }

    fn wanted(&self) -> Result<Selection, Failure> {
        Selection::new(self.kind(), &self.pattern, true).map_err(|why| {
            let may_be_a_glob = self.kind() == PatternKind::Regex && self.pattern.contains(['*', '?']);
            Failure::Usage(if may_be_a_glob { format!("{why} (a file pattern? say --glob)") } else { why })
        })
    }

    /// Whether nothing in particular is looked for.
    fn is_everything(&self) -> bool {
        self.pattern.is_empty()
    }
}

/// Runs what the arguments say. The first is the program's own name.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let is_command = |word: &str| word == "help" || Arguments::command().find_subcommand(word).is_some();
    if let Some(classic) = classic::parse(&arguments, is_command) {
        start_log(0);
        return on_runtime(false, |shutdown| async { classic?.run(shutdown).await });
    }
    let Arguments { verbose, command } = Arguments::parse_from(arguments);
    start_log(verbose);
    on_runtime(command.is_for_a_script(), |shutdown| async {
        match command {
            Command::Serve(serve) => serve.run(shutdown).await,
            Command::Get(get) => get.run(shutdown).await,
            Command::Put(put) => put.run(shutdown).await,
            Command::Ls(ls) => unless(shutdown, ls.run()).await,
            Command::Peers(peers) => unless(shutdown, peers.run()).await,
            Command::Doctor(doctor) => unless(shutdown, doctor.run()).await,
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Arguments::command(), "tinyp2p", &mut script);
                output::say(String::from_utf8_lossy(&script));
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Reads a size for clap, in bytes.
fn size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with([*unit, unit.to_ascii_lowercase()]));
    let (number, shift) = unit.map_or((text, 0), |(_, shift)| (text.get(..text.len() - 1).unwrap_or_default(), *shift));
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or("a size is a number of bytes, or one with K, M, G or T behind it (1K is 1024)")
}

/// Reads a peer's URL for clap; its errors are sentences.
fn peer_url(text: &str) -> Result<PeerUrl, shared::UrlError> {
    PeerUrl::parse(text)
}

/// What only asks has nothing to tidy up when the person has seen enough.
async fn unless(
    shutdown: CancellationToken,
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    tokio::select! {
        ended = command => ended,
        () = shutdown.cancelled() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Runs a command until it ends, or until the person ends it. A second Ctrl-C does not wait for anything.
fn on_runtime<F, C>(is_for_a_script: bool, command: C) -> ExitCode
where
    C: FnOnce(CancellationToken) -> F,
    F: Future<Output = Result<ExitCode, Failure>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format_args!("tinyp2p: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let shutdown = CancellationToken::new();
    // Before anything is done: who ends it while it asks for a password has the terminal as it was.
    let signals = runtime.block_on(async { Signals::listen() });
    runtime.spawn(watch(signals, shutdown.clone()));
    let ended = runtime.block_on(command(shutdown));
    // Unfinished files are removed by then; a name that nobody resolves may take longer.
    runtime.shutdown_timeout(PATIENCE);
    match ended {
        Ok(_) if output::is_unprinted() => ExitCode::FAILURE,
        Ok(code) => code,
        Err(failure) => {
            if is_for_a_script {
                output::tell_failure(&failure);
            }
            output::note(format_args!("tinyp2p: {failure}"));
            failure.code()
        }
    }
}

async fn watch(mut signals: Signals, shutdown: CancellationToken) {
    signals.next().await;
    shutdown.cancel();
    // Who is logged out is told so in two ways at once (systemd: SIGTERM and SIGHUP).
    let same = async {
        loop {
            signals.next().await;
        }
    };
    let _over: Result<(), _> = tokio::time::timeout(SAME_SIGNAL, same).await;
    signals.next().await;
    std::process::exit(INTERRUPTED.into());
}

/// The ways in which a person or the system ends a command.
struct Signals {
    #[cfg(unix)]
    kinds: Vec<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    ctrl_c: Option<tokio::signal::windows::CtrlC>,
}

#[cfg(unix)]
impl Signals {
    /// Heard from now on. Within a runtime.
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let window_closed = (!is_to_outlive_its_window()).then(SignalKind::hangup);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(window_closed);
        Self { kinds: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    async fn next(&mut self) {
        // All are polled, or what came at the same moment would count once more.
        let poll = |cx: &mut Context<'_>| {
            let came = self.kinds.iter_mut().filter_map(|kind| kind.poll_recv(cx).is_ready().then_some(())).count();
            if came > 0 { Poll::Ready(()) } else { Poll::Pending }
        };
        std::future::poll_fn(poll).await;
    }
}

#[cfg(windows)]
impl Signals {
    /// Heard from now on. Within a runtime.
    fn listen() -> Self {
        Self { ctrl_c: tokio::signal::windows::ctrl_c().ok() }
    }

    async fn next(&mut self) {
        match &mut self.ctrl_c {
            Some(ctrl_c) => drop(ctrl_c.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether we were started to ignore that the terminal goes away, as by `nohup`: listening would end that. It is left alone
/// where nobody tells, outside of Linux.
#[cfg(unix)]
fn is_to_outlive_its_window() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1, SIGHUP, is the lowest bit; see proc_pid_status(5).
    ignored.is_none_or(|mask| mask & 1 == 1)
}

fn start_log(verbose: u8) {
    let default = match verbose {
        0 => "warn,native_node=info",
        1 => "info,native_node=debug",
        _ => "debug,native_node=trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TINYP2P_LOG").unwrap_or_else(|_| default.into());
    // See https://no-color.org.
    let is_without_colours = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // Fields hold what peers sent, already escaped: see shared::Printable.
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !is_without_colours)
        .with_target(false)
        .without_time()
        .try_init();
    // Only a test that runs two commands in one process meets a log that is there already.
    drop(started);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_have_a_unit() {
        let sizes = [("10", 10), ("3k", 3 << 10), ("10M", 10 << 20), ("2G", 2 << 30), ("1T", 1 << 40)];
        for (text, bytes) in sizes {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "1.5G", "10MB", "é", "99999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_flag_is_declared_consistently() {
        Arguments::command().debug_assert();
    }
}
