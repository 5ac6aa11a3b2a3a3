//! All tests that need a node, a browser or the whole workspace, as one program.
//!
//! Each module brings its trials. There is no `#[test]` here, so that a trial can say at run time that it was left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop right there"
)]

mod bridge;
mod commands;
mod discover;
mod downloads;
mod follow;
mod foreign;
mod harness;
mod hostile;
mod interop;
mod page;
mod scripts;
mod swim;
mod tabs;
mod terminal;
mod tickets;
mod tidy;
mod transfer;
mod xmlrpc_vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    if !harness::alone::is_inside() {
        // What earlier runs remembered; none is no fault.
        let _gone = std::fs::remove_dir_all(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    // Trials mostly wait: for a deadline, for a browser, for a network to notice something.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.test_threads.get_or_insert(2 * cores);
    let trials = [
        tidy::trials(),
        interop::trials(),
        commands::trials(),
        scripts::trials(),
        terminal::trials(),
        discover::trials(),
        downloads::trials(),
        follow::trials(),
        foreign::trials(),
        bridge::trials(),
        hostile::trials(),
        swim::trials(),
        tickets::trials(),
        transfer::trials(),
        page::trials(),
        tabs::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}
