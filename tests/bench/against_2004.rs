//! Speed and memory beside the program of 2004, as ratios: `cargo bench --bench against-2004`.
//!
//! Both sides run in the same minute, one round of the one and then of the other, because on a shared machine only ratios
//! mean anything. Nothing is asserted about time: the marks are printed beside what was seen. `--rounds N` says how often
//! (5), `--only NAME` which contest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that meets the unexpected should stop right there"
)]

mod arguments;
mod calls;
mod files;
#[path = "../harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
mod listing;
mod measure;
mod memory;
mod raw;

use std::process::ExitCode;

use arguments::Arguments;
use harness::original::Original;
use measure::Row;

/// What both sides know.
const PASSWORD: &str = "correct horse";

type Contest = fn(&Original, usize) -> Vec<Row>;

const CONTESTS: [(&str, Contest); 6] = [
    ("calls", calls::contest),
    ("listing", listing::contest),
    ("text", files::text_contest),
    ("old-client", files::old_client_contest),
    ("small-files", files::small_files_contest),
    ("memory", memory::contest),
];

fn main() -> ExitCode {
    let arguments = Arguments::read(5, &CONTESTS.map(|(name, _)| name));
    let (arguments, original) = match arguments.and_then(|arguments| Ok((arguments, Original::find()?))) {
        Ok(found) => found,
        Err(missing) => {
            eprintln!("against-2004: {missing}");
            return ExitCode::FAILURE;
        }
    };
    arguments.run("tinyp2p.py of 2004", CONTESTS, |contest| contest(&original, arguments.rounds));
    ExitCode::SUCCESS
}
