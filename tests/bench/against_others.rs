//! Files from one machine to another beside programs of today, as ratios: `cargo bench --bench against-others`.
//!
//! Both on the same machine in the same minute, alternating, and all of it on the disk at the end (`sync -f` is part of what the
//! others take). Ours is a node and `tinyp2p get`: encrypted, verified, and the password proved at each start. It needs what
//! `tests/bench/others.sh` installs; a program that is not to be had has a line that says so. `--rounds N` says how often (5),
//! `--only NAME` which contest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that meets the unexpected should stop right there"
)]

mod arguments;
mod contests;
#[path = "../harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
mod measure;
mod others;
mod ticket;

use std::process::ExitCode;

use arguments::Arguments;
use contests::CONTESTS;
use others::Others;

const PASSWORD: &str = "correct horse";

fn main() -> ExitCode {
    let arguments = Arguments::read(5, &CONTESTS.map(|(name, _)| name));
    let (arguments, others) = match arguments.and_then(|arguments| Ok((arguments, Others::find()?))) {
        Ok(found) => found,
        Err(wrong) => {
            eprintln!("against-others: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    arguments.run("beside", CONTESTS, |contest| contest(&others, arguments.rounds));
    ExitCode::SUCCESS
}
