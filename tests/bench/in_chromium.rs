//! Speed in a real Chromium, as ratios: `cargo bench --bench in-chromium`.
//!
//! Three ways of a file, each beside the plainest thing that does as much: a node's ticket beside nginx, the encrypted
//! session beside a bare WebSocket, a tab's file through the node to curl beside the browser's own reading of it. Both
//! sides run in the same browser in the same minute, alternating; medians. It needs Chromium with its driver, nginx and curl
//! (Debian: chromium, chromium-driver, nginx-light, curl) and says so where one is missing. `--rounds N` says how often (5),
//! `--only NAME` which contest. `huge` (10 GB held in a tab, once to curl and once to another tab's disk, with everybody's
//! memory) takes minutes and 10 GB of the disk, and is run only if it is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that meets the unexpected should stop right there"
)]

mod arguments;
#[path = "../harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
mod huge;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
mod measure;
mod nginx;
mod page;
mod ticket;
mod websocket;

use std::fs::File;
use std::io::Write;
use std::process::{Command, ExitCode};

use arguments::Arguments;
use harness::node::{Node, peak_memory};
use harness::tree;
use libtest_mimic::Failed;
use measure::{Row, Unit, alternate, mebibytes, run};
use nginx::Nginx;
use page::Page;
use tempfile::TempDir;
use ticket::ticket;

const PASSWORD: &str = "correct horse";
/// The file, in bytes: the most that a page collects over the session.
const SIZE: u64 = 256 << 20;

fn main() -> ExitCode {
    match measured() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("in-chromium: {}", why.message().unwrap_or("it failed without words"));
            ExitCode::FAILURE
        }
    }
}

fn measured() -> Result<(), Failed> {
    let names: Vec<_> = CONTESTS.iter().map(|(name, _)| *name).chain([HUGE]).collect();
    let arguments = Arguments::read(5, &names)?;
    for (program, package) in [("nginx", "nginx-light"), ("curl", "curl"), ("chromedriver", "chromium-driver")] {
        if Command::new(program).arg("-v").output().is_err() {
            return Err(format!("{program} is missing; on Debian: apt-get install {package}").into());
        }
    }
    if arguments.names(HUGE) {
        return huge::measure();
    }
    let site = Site::new()?;
    arguments.run("beside", CONTESTS, |contest| vec![contest(&site, arguments.rounds)]);
    println!("most memory of the node: {}", mebibytes(peak_memory(site.node.process.id())));
    Ok(())
}

type Contest = fn(&Site, usize) -> Row;

const HUGE: &str = "huge";

const CONTESTS: [(&str, Contest); 5] = [
    ("ticket", |site, rounds| {
        let work = "256 MiB by ticket, fetched to nowhere (beside nginx)";
        let (theirs, own) = (site.theirs("large.bin"), &site.ticket);
        let (nginx, node) = (site.theirs(""), &site.node.url);
        alternate(
            work,
            (Unit::Seconds, "≥ 0.9×"),
            rounds,
            || site.page.fetch(&nginx, &theirs),
            || site.page.fetch(node, own),
        )
    }),
    ("disk", |site, rounds| {
        let work = "256 MiB by ticket, downloaded to the disk (beside nginx)";
        let (theirs, own) = (site.theirs("large.bin"), &site.ticket);
        let (nginx, node) = (site.theirs(""), &site.node.url);
        alternate(
            work,
            (Unit::Seconds, "≥ 0.9×"),
            rounds,
            || site.page.download(&nginx, &theirs),
            || site.page.download(node, own),
        )
    }),
    ("session", |site, rounds| {
        let work = "256 MiB over the session into Blobs (beside a bare WebSocket to nowhere)";
        let bare = websocket::serve(SIZE);
        let (nginx, node) = (site.theirs(""), &site.node.url);
        alternate(
            work,
            (Unit::Seconds, "≥ 0.5×"),
            rounds,
            || site.page.receive(&nginx, &bare, false),
            || site.page.save(node),
        )
    }),
    ("blobs", |site, rounds| {
        let work = "the same (beside a bare WebSocket into Blobs)";
        let bare = websocket::serve(SIZE);
        let (nginx, node) = (site.theirs(""), &site.node.url);
        alternate(
            work,
            (Unit::Seconds, "–"),
            rounds,
            || site.page.receive(&nginx, &bare, true),
            || site.page.save(node),
        )
    }),
    ("lend", |site, rounds| {
        let work = "256 MiB of a tab to curl (beside slices of 4 MiB read in that tab)";
        let file = site.share.path().join("large.bin");
        let held = tempfile::tempdir().expect("a temporary folder");
        let given = held.path().join("held.bin");
        std::fs::copy(file, &given).expect("room on the disk");
        let url = site.page.hold(&site.node.url, &given);
        let ticket = ticket(&url, "held.bin");
        let curl = || run(Command::new("curl").args(["--fail", "--silent", "--output", "/dev/null", &ticket])).seconds;
        alternate(work, (Unit::Seconds, "≥ 0.8×"), rounds, || site.page.read_slices(), curl)
    }),
];

/// The same file served by both, and a browser.
struct Site {
    page: Page,
    node: Node,
    /// Address of the node's file.
    ticket: String,
    nginx: Nginx,
    share: TempDir,
}

impl Site {
    fn new() -> Result<Self, Failed> {
        let share = tree::tree(&[("index.html", b"<!doctype html><title>plain</title>")]);
        let mut large = File::create(share.path().join("large.bin"))?;
        let block = tree::binary(1 << 20);
        for _ in 0..SIZE / block.len() as u64 {
            large.write_all(&block)?;
        }
        large.sync_all()?;
        let node = Node::serve(share.path(), PASSWORD, &[]);
        let ticket = ticket(&node.url, "large.bin");
        Ok(Self { page: Page::open()?, node, ticket, nginx: Nginx::serve(share.path()), share })
    }

    fn theirs(&self, name: &str) -> String {
        format!("http://{}/{name}", self.nginx.address)
    }
}
