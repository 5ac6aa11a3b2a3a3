//! What a node itself takes: memory, and time to begin.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{LARGE, left_out, many_files, memory, one_file};
use crate::PASSWORD;
use crate::harness::node::{Node, peak_memory, program, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};
use crate::harness::tree;
use crate::measure::{Row, Unit, alternate};
use crate::others::Others;
use crate::others::http::{MINISERVE, Server};
use crate::ticket::ticket;

/// Names that are searched.
const NAMES: usize = 1_000_000;
/// Files of a share that a server starts with.
const FILES: usize = 100_000;
/// Downloads at the same time.
const STREAMS: usize = 64;
/// How long a server is left alone before it is idle.
const IDLE: Duration = Duration::from_secs(2);

/// Memory of one that has answered, and has nothing to do.
pub(super) fn idle(others: &Others, rounds: usize) -> Vec<Row> {
    let small = tree::tree(&[("small", &tree::binary(4 << 10))]);
    let many = many_files(FILES, |path| std::fs::write(path, b"a song").expect("a file"));
    [("one file", &small, "≥ 0.67×"), ("100,000 files", &many, "")]
        .map(|(name, share, mark)| {
            let work = format!("memory when idle, {name} shared; miniserve");
            if Server::start(MINISERVE, others, share.path()).is_none() {
                return left_out(&work, mark);
            }
            let theirs = || settled(&first_answer(&mut miniserve(others, share.path()).expect("it is there")).1);
            let ours = || settled(&first_answer(&mut tinyp2p_serve(share.path())).1);
            alternate(&work, (Unit::Bytes, mark), rounds, theirs, ours)
        })
        .into()
}

/// Bytes of memory when nothing has changed for a while: we hash in the background, and that ends.
fn settled(process: &Running) -> f64 {
    let busy = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("it runs");
        // utime and stime, in ticks: see proc_pid_stat(5).
        let fields = stat.rsplit_once(") ").expect("its name").1.split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().expect("ticks")).sum::<u64>()
    };
    let mut before = busy();
    wait_for("a server to have nothing to do", Duration::from_secs(300), || {
        std::thread::sleep(IDLE);
        let now = busy();
        (now <= std::mem::replace(&mut before, now) + 1).then_some(())
    });
    memory(process.id()) as f64
}

/// Most memory while many read at once, each slower than it could be sent.
pub(super) fn streams(others: &Others, rounds: usize) -> Vec<Row> {
    let share = one_file();
    let (work, mark) = ("most memory for 64 downloads of 1 GiB at once, 4 MB/s each; miniserve", "≤ 64 MiB");
    if Server::start(MINISERVE, others, share.path()).is_none() {
        return vec![left_out(work, mark)];
    }
    let theirs = || {
        let server = Server::start(MINISERVE, others, share.path()).expect("it is there");
        download_at_once(&format!("http://{}/large", server.address));
        peak_memory(server.process.id()) as f64
    };
    let ours = || {
        let node = Node::serve(share.path(), PASSWORD, &[]);
        let url = ticket(&node.url, "large");
        // Until it is hashed, that is what is measured.
        settled(&node.process);
        node.forget_peak_memory();
        download_at_once(&url);
        node.peak_memory() as f64
    };
    vec![alternate(work, (Unit::Bytes, mark), rounds, theirs, ours)]
}

/// Some seconds of many downloads, all of which must still be going on.
fn download_at_once(url: &str) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", &STREAMS.to_string()]);
    command.args(["--limit-rate", "4M", "--max-time", "10", "--write-out", "%{size_download} %{exitcode}\n"]);
    for _ in 0..STREAMS {
        command.args(["--output", "/dev/null", url]);
    }
    let said = command.stdin(Stdio::null()).output().expect("curl").stdout;
    let said = String::from_utf8(said).expect("text");
    // 28: its time was over.
    let sizes = said.lines().filter_map(|line| line.strip_suffix(" 28")?.parse::<u64>().ok());
    let on_their_way = sizes.filter(|size| (1..LARGE).contains(size)).count();
    assert_eq!(on_their_way, STREAMS, "not all were on their way: {said}");
}

/// From the start of a program until it answers a browser.
pub(super) fn start(others: &Others, rounds: usize) -> Vec<Row> {
    let share = many_files(FILES, |path| std::fs::write(path, b"a song").expect("a file"));
    let (work, mark) = ("start to first answer, 100,000 files shared; miniserve", "≤ 50 ms");
    if miniserve(others, share.path()).is_none() {
        return vec![left_out(work, mark)];
    }
    let theirs = || first_answer(&mut miniserve(others, share.path()).expect("it is there")).0;
    let ours = || first_answer(&mut tinyp2p_serve(share.path())).0;
    vec![alternate(work, (Unit::Seconds, mark), rounds, theirs, ours)]
}

/// A prepared server, and the port it will listen on.
struct Prepared(Command, u16);

fn miniserve(others: &Others, share: &Path) -> Option<Prepared> {
    let port = free_port();
    Some(Prepared(MINISERVE.1(others, share, port)?, port))
}

fn tinyp2p_serve(share: &Path) -> Prepared {
    let port = free_port();
    let mut command = tinyp2p(PASSWORD);
    command.args(["serve", "--bind", "127.0.0.1", "--json", "--port", &port.to_string()]).arg(share);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Prepared(command, port)
}

/// Seconds until it answers `GET /` well.
fn first_answer(Prepared(command, port): &mut Prepared) -> (f64, Running) {
    let start = Instant::now();
    let mut process = Running::new(command.spawn().expect("it starts"));
    loop {
        assert!(process.is_running() && start.elapsed() < Duration::from_secs(60), "{command:?} does not answer");
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", *port)) {
            write!(stream, "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers with text");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            return (start.elapsed().as_secs_f64(), process);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// A pool with a million names: how long a search takes, and what a name costs.
pub(super) fn million(_: &Others, rounds: usize) -> Vec<Row> {
    let share = many_files(NAMES, |path| {
        File::create(path).expect("a file");
    });
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
    let each = (memory(node.process.id()) - memory(before.process.id())) / NAMES as u64;
    rows.push(Row::new("memory of a node for each of them", "–".into(), format!("{each} B"), String::new(), "≤ 200 B"));
    rows
}
