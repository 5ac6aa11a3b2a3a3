//! Rounds, medians and the table. It knows nothing of what is measured.

use std::borrow::BorrowMut;
use std::fmt;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::node::peak_memory_in;

/// No single run may take longer: the original needs half a minute for the largest, 10 GB of a tab some minutes.
const DEADLINE: Duration = Duration::from_secs(600);

/// What is measured, and which way is better.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// Less is better.
    Seconds,
    /// Calls per second; more is better.
    Rate,
    /// Memory; less is better.
    #[allow(dead_code, reason = "not every benchmark measures it in turns")]
    Bytes,
}

/// One line of the table.
pub(crate) struct Row {
    work: String,
    original: String,
    ours: String,
    ratio: String,
    mark: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, original, ours, ratio, mark } = self;
        write!(f, "| {work} | {original} | {ours} | {ratio} | {mark} |")
    }
}

impl Row {
    /// A line of anything.
    pub(crate) fn new(work: &str, original: String, ours: String, ratio: String, mark: &str) -> Self {
        Self { work: work.into(), original, ours, ratio, mark: mark.into() }
    }

    /// Adds a remark to what was done.
    pub(crate) fn with_remark(mut self, remark: &str) -> Self {
        self.work.push_str(remark);
        self
    }
}

/// Runs the two alternately; medians, and the median of the ratios of each round.
pub(crate) fn alternate(
    work: &str,
    (unit, mark): (Unit, &str),
    rounds: usize,
    mut original: impl FnMut() -> f64,
    mut ours: impl FnMut() -> f64,
) -> Row {
    let (mut by_original, mut by_ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (theirs, our) = (original(), ours());
        let ratio = match unit {
            Unit::Seconds | Unit::Bytes => theirs / our,
            Unit::Rate => our / theirs,
        };
        eprintln!("  {work}, round {round}: {}, {}, {}×", shown(unit, theirs), shown(unit, our), times(ratio));
        by_original.push(theirs);
        by_ours.push(our);
        ratios.push(ratio);
    }
    let (lowest, highest) =
        (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0., f64::max));
    Row::new(
        work,
        shown(unit, median(by_original)),
        shown(unit, median(by_ours)),
        format!("**{}×** ({}–{})", times(median(ratios)), times(lowest), times(highest)),
        mark,
    )
}

/// A ratio, more exactly where it is close to one.
fn times(ratio: f64) -> String {
    if ratio < 2. { format!("{ratio:.2}") } else { format!("{ratio:.1}") }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds if value < 1. => format!("{:.1} ms", value * 1e3),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Rate => format!("{value:.0}/s"),
        Unit::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
    }
}

/// Bytes for people.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// What one run of a command took.
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// Most memory it used, in bytes, as last seen.
    pub(crate) peak_memory: u64,
}

/// Runs a command to its end, which must be a good one. What others still have to write to the disk is written first.
pub(crate) fn run(mut command: impl BorrowMut<Command>) -> Run {
    let command = command.borrow_mut();
    rustix::fs::sync();
    let mut said = tempfile::tempfile().expect("a temporary file");
    let output = || Stdio::from(said.try_clone().expect("another handle"));
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn().expect("it starts");
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_memory = 0;
    let mut polls = 0_u32;
    let status = loop {
        if let Some(status) = child.try_wait().expect("its status") {
            break status;
        }
        if start.elapsed() > DEADLINE {
            let _ended = child.kill();
            let _reaped = child.wait();
            panic!("{command:?} took longer than {DEADLINE:?}");
        }
        if polls % 16 == 15 {
            // A process that is just ending has no such line.
            let status = std::fs::read_to_string(&status_file).unwrap_or_default();
            if status.contains("VmHWM:") {
                peak_memory = peak_memory_in(&status);
            }
        }
        polls += 1;
        std::thread::sleep(Duration::from_micros(500));
    };
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        let mut text = String::new();
        let _read = said.rewind().and_then(|()| said.read_to_string(&mut text));
        panic!("{command:?}: {status}\n{text}");
    }
    Run { seconds, peak_memory }
}
