//! Plain downloads beside nginx, as ratios: `cargo bench --bench against-nginx`.
//!
//! The same file on the same machine in the same minute, alternating, in memory already: nginx with sendfile and without a
//! log, a node by ticket. It needs nginx and wrk (Debian: nginx-light, wrk) and says so where one is missing. `--rounds N`
//! says how often (7), `--only NAME` which contest.
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
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod measure;
mod nginx;
mod ticket;

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::time::Instant;

use arguments::Arguments;
use harness::node::{Node, peak_memory};
use harness::tree;
use measure::{Row, Unit, alternate, mebibytes, run};
use nginx::Nginx;
use tempfile::TempDir;
use ticket::ticket;

const PASSWORD: &str = "correct horse";
const LARGE: u64 = 1 << 30;
const SMALL: usize = 4 << 10;

fn main() -> ExitCode {
    let arguments = match Arguments::read(7, &CONTESTS.map(|(name, _)| name)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("against-nginx: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("curl", "curl")] {
        if Command::new(program).arg("-v").output().is_err() {
            eprintln!("against-nginx: {program} is missing; on Debian: apt-get install {package}");
            return ExitCode::FAILURE;
        }
    }
    let site = Site::new();
    arguments.run("nginx", CONTESTS, |contest| vec![contest(&site, arguments.rounds)]);
    println!("most memory of the node: {}", mebibytes(peak_memory(site.node.process.id())));
    ExitCode::SUCCESS
}

type Contest = fn(&Site, usize) -> Row;

const CONTESTS: [(&str, Contest); 4] = [
    ("whole", |site, rounds| {
        let work = "1 GiB to a socket that is read";
        alternate(work, (Unit::Seconds, "≥ 1.2×"), rounds, || read(&site.theirs("large"), 0), || read(&site.large, 0))
    }),
    ("range", |site, rounds| {
        let work = "the same from byte 1,000,000 on (Range)";
        let from = 1_000_000;
        alternate(
            work,
            (Unit::Seconds, "≥ 1.2×"),
            rounds,
            || read(&site.theirs("large"), from),
            || read(&site.large, from),
        )
    }),
    ("curl", |site, rounds| {
        let curl =
            |url: &str| run(Command::new("curl").args(["--fail", "--silent", "--output", "/dev/null", url])).seconds;
        let work = "1 GiB with curl to nowhere";
        alternate(work, (Unit::Seconds, "≥ 1.2×"), rounds, || curl(&site.theirs("large")), || curl(&site.large))
    }),
    ("small", |site, rounds| {
        let work = "a file of 4 KiB, 64 connections of wrk";
        alternate(work, (Unit::Rate, "≥ 0.8×"), rounds, || wrk(&site.theirs("small")), || wrk(&site.small))
    }),
];

/// The same folder served by both.
struct Site {
    node: Node,
    /// URLs of the node's two files.
    large: String,
    small: String,
    nginx: Nginx,
    #[expect(dead_code, reason = "held so that it is there")]
    share: TempDir,
}

impl Site {
    fn new() -> Self {
        let share = tree::tree(&[("small", &tree::binary(SMALL))]);
        let mut large = File::create(share.path().join("large")).expect("a file");
        let block = tree::binary(1 << 20);
        for _ in 0..LARGE / block.len() as u64 {
            large.write_all(&block).expect("room on the disk");
        }
        large.sync_all().expect("it is written");
        let node = Node::serve(share.path(), PASSWORD, &[]);
        let [large, small] = ["large", "small"].map(|name| ticket(&node.url, name));
        Self { node, large, small, nginx: Nginx::serve(share.path()), share }
    }

    fn theirs(&self, name: &str) -> String {
        format!("http://{}/{name}", self.nginx.address)
    }
}

/// Seconds until all from this byte on was read.
fn read(url: &str, from: u64) -> f64 {
    let (address, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut piece = vec![0; 1 << 20];
    let start = Instant::now();
    let mut stream = TcpStream::connect(address).expect("it listens");
    let range = if from > 0 { format!("Range: bytes={from}-\r\n") } else { String::new() };
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{range}\r\n").expect("it reads");
    let mut all = 0;
    while let count @ 1.. = stream.read(&mut piece).expect("it sends") {
        all += count as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    let head = all - (LARGE - from);
    assert!((100..2000).contains(&head), "all of it came: {all} bytes");
    seconds
}

/// Requests per second.
fn wrk(url: &str) -> f64 {
    let output = Command::new("wrk").args(["-t1", "-c64", "-d4s", url]).output().expect("wrk");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"))
}
