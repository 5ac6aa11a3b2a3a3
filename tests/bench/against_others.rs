//! Files from one machine to another beside programs of today, as ratios: `cargo bench --bench against-others`.
//!
//! Both on the same machine in the same minute, alternating, and all of it on the disk at the end (`sync -f` is part of what the
//! others take). Ours is a node and `tinyp2p get`: encrypted, verified, and the password proved at each start. It needs what
//! `tests/bench/others.sh` installs. `--rounds N` says how often (5), `--only NAME` which contest.
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
#[allow(dead_code, reason = "the other benchmarks use the rest")]
mod measure;
mod others;
mod ticket;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use arguments::Arguments;
use harness::node::{Node, program};
use harness::process::wait_for;
use harness::tree;
use measure::{Row, Unit, alternate, run};
use others::{Copyparty, HttpServer, Others, Wormhole, tar_through_nc};
use tempfile::TempDir;
use ticket::ticket;

const PASSWORD: &str = "correct horse";
/// Of the one large file, in bytes.
const LARGE: u64 = 1 << 30;
/// Files of the folder, and how large each is, in bytes.
const FILES: (usize, usize) = (10_000, 4 << 10);
/// Names that are searched.
const NAMES: usize = 1_000_000;

type Contest = fn(&Others, usize) -> Vec<Row>;

const CONTESTS: [(&str, Contest); 5] =
    [("large", large), ("folder", folder), ("http", http), ("requests", requests), ("million", million)];

fn main() -> ExitCode {
    let arguments = Arguments::read(5, &CONTESTS.map(|(name, _)| name));
    let (arguments, others) = match arguments.and_then(|arguments| Ok((arguments, Others::find()?))) {
        Ok(found) => found,
        Err(wrong) => {
            eprintln!("against-others: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let mut rows = Vec::new();
    for (name, contest) in CONTESTS {
        if arguments.has(name) {
            eprintln!("{name} …");
            rows.extend(contest(&others, arguments.rounds));
        }
    }
    println!("| work | beside | tinyp2p | ratio (lowest–highest) | mark |\n|---|--:|--:|--:|--:|");
    for row in rows {
        println!("{row}");
    }
    ExitCode::SUCCESS
}

/// One large file, from disk to disk.
fn large(others: &Others, rounds: usize) -> Vec<Row> {
    let share = one_file(LARGE);
    let node = identified(share.path());
    let wormhole = Wormhole::start(others);
    let (work, mut number) = ("1 GiB to disk; magic-wormhole, its servers on the same machine", 0);
    let theirs = || {
        number += 1;
        let into = tempfile::tempdir().expect("a folder");
        let seconds = run(wormhole.send(number, &share.path().join("large"), &into.path().join("large"))).seconds;
        assert_eq!(into.path().join("large").metadata().expect("the file").len(), LARGE);
        seconds
    };
    let mut rows = vec![alternate(work, (Unit::Seconds, "≥ 3×"), rounds, theirs, || get(&node))];
    let bare = || {
        let into = tempfile::tempdir().expect("a folder");
        run(tar_through_nc(share.path(), into.path())).seconds
    };
    rows.push(alternate("1 GiB to disk; `tar | nc`, in clear", (Unit::Seconds, ""), rounds, bare, || get(&node)));
    rows
}

/// Many small files, from disk to disk.
fn folder(others: &Others, rounds: usize) -> Vec<Row> {
    let (count, size) = FILES;
    let share = tempfile::tempdir().expect("a folder");
    for number in 0..count {
        let folder = share.path().join(format!("folder {:02}", number / 200));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{number:05}.bin")), tree::binary(size)).expect("a file");
    }
    let node = identified(share.path());
    // Kept to the end: ext4 passes over inodes that were deleted within the last minutes, one by one, for each new file.
    let mut kept = Vec::new();
    let mut into = || {
        let into = tempfile::tempdir().expect("a folder");
        let path = into.path().to_owned();
        kept.push(into);
        path
    };
    let work = |beside: &str| format!("10,000 files of 4 KiB to disk; {beside}");
    let mine = |into: &Path| {
        let seconds =
            run(program().env("TINYP2P_PASSWORD", PASSWORD).args(["get", &node.url, "--to"]).arg(into)).seconds;
        must_have(into, count);
        seconds
    };
    let [a, b] = [(); 2].map(|()| (0..rounds).map(|_| [into(), into()]).collect::<Vec<_>>());
    let (mut theirs, mut ours) = (a.iter().map(|[into, _]| into), a.iter().map(|[_, into]| into));
    let tar = alternate(
        &work("`tar | nc`, in clear"),
        (Unit::Seconds, "≥ 0.5×"),
        rounds,
        || {
            let into = theirs.next().expect("a folder");
            let seconds = run(tar_through_nc(share.path(), into)).seconds;
            must_have(into, count);
            seconds
        },
        || mine(ours.next().expect("a folder")),
    );
    let copyparty = Copyparty::serve(others, share.path());
    let mut list = String::new();
    for number in 0..count {
        let path = format!("folder%20{:02}/{number:05}.bin", number / 200);
        writeln!(list, "url = \"http://{}/{path}\"\noutput = \"{number:05}.bin\"", copyparty.address).expect("a text");
    }
    let settings = tempfile::tempdir().expect("a folder");
    let list_file = settings.path().join("list");
    std::fs::write(&list_file, list).expect("a file");
    let (mut theirs, mut ours) = (b.iter().map(|[into, _]| into), b.iter().map(|[_, into]| into));
    let curl = alternate(
        &work("16 at once by `curl --parallel` from copyparty, in clear"),
        (Unit::Seconds, "≥ 3×"),
        rounds,
        || {
            let into = theirs.next().expect("a folder");
            let mut command = Command::new("sh");
            command.args(["-c", "cd \"$2\" && curl -sS --parallel --parallel-max 16 -K \"$1\" && sync -f .", "sh"]);
            let seconds = run(command.arg(&list_file).arg(into)).seconds;
            must_have(into, count);
            seconds
        },
        || mine(ours.next().expect("a folder")),
    );
    vec![tar, curl]
}

/// A plain download.
fn http(others: &Others, rounds: usize) -> Vec<Row> {
    let share = one_file(LARGE);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let ours = ticket(&node.url, "large");
    let curl = |url: &str| run(Command::new("curl").args(["--fail", "--silent", "--output", "/dev/null", url])).seconds;
    let (copyparty, python) = (Copyparty::serve(others, share.path()), HttpServer::serve(others, share.path()));
    [("copyparty", &copyparty.address), ("`python -m http.server`", &python.address)]
        .map(|(name, address)| {
            let theirs = format!("http://{address}/large");
            let work = format!("1 GiB with curl to nowhere; {name}");
            alternate(&work, (Unit::Seconds, "≥ 1×"), rounds, || curl(&theirs), || curl(&ours))
        })
        .into()
}

/// A small file, again and again.
fn requests(others: &Others, rounds: usize) -> Vec<Row> {
    let share = tree::tree(&[("small", &tree::binary(4 << 10))]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let ours = ticket(&node.url, "small");
    let copyparty = Copyparty::serve(others, share.path());
    let theirs = format!("http://{}/small", copyparty.address);
    let wrk = |url: &str| {
        let output = Command::new("wrk").args(["-t1", "-c64", "-d3s", url]).output().expect("wrk");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    let work = "a file of 4 KiB, 64 connections of wrk; copyparty";
    vec![alternate(work, (Unit::Rate, "≥ 2.5×"), rounds, || wrk(&theirs), || wrk(&ours))]
}

/// A pool with a million names: how long a search takes, and what a name costs.
fn million(_: &Others, rounds: usize) -> Vec<Row> {
    let share = tempfile::tempdir().expect("a folder");
    for number in 0..NAMES {
        let folder = share.path().join(format!("an album of songs {:03}", number / 1_000));
        if number % 1_000 == 0 {
            std::fs::create_dir(&folder).expect("a folder");
        }
        File::create(folder.join(format!("a song {number:07}.ogg"))).expect("a file");
    }
    let empty = tempfile::tempdir().expect("a folder");
    let before = Node::serve(empty.path(), PASSWORD, &[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let search = |pattern: &str| {
        let mut command = program();
        command.env("TINYP2P_PASSWORD", PASSWORD).args(["ls", &node.url, pattern]);
        command.output().expect("it runs").stdout
    };
    wait_for("the node to know all files", Duration::from_secs(300), || (!search("0999999").is_empty()).then_some(()));
    let mut rows = Vec::new();
    for (work, pattern) in [
        ("a literal", "0123456"),
        ("an ending", r"99999\.ogg$"),
        ("a class", r"[0-4]{6}7"),
        ("nothing", "no song has this name"),
    ] {
        let seconds = (0..rounds).map(|_| {
            let start = Instant::now();
            search(pattern);
            start.elapsed().as_secs_f64()
        });
        let best = seconds.fold(f64::MAX, f64::min);
        let shown = format!("{:.0} ms", best * 1e3);
        let work = format!("search 1,000,000 names, {work}; `ls`, its start included, best");
        rows.push(Row::new(&work, "–".into(), shown, String::new(), "≤ 0.3 s CPU"));
    }
    let each = (memory(&node) - memory(&before)) / NAMES as u64;
    rows.push(Row::new("memory of a node for each of them", "–".into(), format!("{each} B"), String::new(), "≤ 200 B"));
    rows
}

/// What a node takes at the moment, in bytes.
fn memory(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// A node that has hashed all it shares, so that everything is verified.
fn identified(share: &Path) -> Node {
    let node = Node::serve(share, PASSWORD, &[]);
    wait_for("all files to be hashed", Duration::from_secs(120), || {
        let mut command = program();
        command.env("TINYP2P_PASSWORD", PASSWORD).args(["ls", &node.url, "--json"]);
        let listed = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
        let files = || listed.lines().filter(|line| line.contains("\"path\""));
        (files().count() > 0 && files().all(|line| line.contains("\"id\":\""))).then_some(())
    });
    node
}

/// Seconds that our client takes for all that a node has.
fn get(node: &Node) -> f64 {
    let into = tempfile::tempdir().expect("a folder");
    let mut command = program();
    command.env("TINYP2P_PASSWORD", PASSWORD).args(["get", &node.url, "--to"]).arg(into.path());
    let seconds = run(command).seconds;
    assert_eq!(into.path().join("large").metadata().expect("the file").len(), LARGE);
    seconds
}

fn one_file(size: u64) -> TempDir {
    let share = tempfile::tempdir().expect("a folder");
    let mut file = File::create(share.path().join("large")).expect("a file");
    let block = tree::binary(1 << 20);
    for _ in 0..size / block.len() as u64 {
        file.write_all(&block).expect("room on the disk");
    }
    file.sync_all().expect("it is written");
    share
}

/// So many files, wherever below the folder.
fn must_have(folder: &Path, count: usize) {
    fn files(folder: &Path) -> usize {
        let entries = folder.read_dir().expect("the folder").flatten();
        entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }
    assert_eq!(files(folder), count, "not all arrived in {}", folder.display());
}
