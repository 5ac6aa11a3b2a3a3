//! Plain HTTP, to nowhere.

use std::process::Command;

use super::{left_out, one_file, seconds};
use crate::PASSWORD;
use crate::harness::node::Node;
use crate::harness::tree;
use crate::measure::{Row, Unit, alternate};
use crate::others::Others;
use crate::others::http::{COPYPARTY, DUFS, MINISERVE, PYTHON, Server};
use crate::ticket::ticket;

/// A download of one large file.
pub(super) fn http(others: &Others, rounds: usize) -> Vec<Row> {
    let share = one_file();
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let ours = ticket(&node.url, "large");
    let curl = |url: &str| seconds(Command::new("curl").args(["--fail", "--silent", "--output", "/dev/null", url]));
    [COPYPARTY, PYTHON, DUFS, MINISERVE]
        .map(|server| {
            let (work, mark) = (format!("1 GiB with curl to nowhere; {}", server.0), "≥ 1×");
            let Some(server) = Server::start(server, others, share.path()) else {
                return left_out(&work, mark);
            };
            let theirs = format!("http://{}/large", server.address);
            alternate(&work, (Unit::Seconds, mark), rounds, || curl(&theirs), || curl(&ours))
        })
        .into()
}

/// A small file, again and again.
pub(super) fn requests(others: &Others, rounds: usize) -> Vec<Row> {
    let share = tree::tree(&[("small", &tree::binary(4 << 10))]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let ours = ticket(&node.url, "small");
    [COPYPARTY, DUFS, MINISERVE]
        .map(|server| {
            let (work, mark) = (format!("a file of 4 KiB, 64 connections of wrk; {}", server.0), "≥ 2.5×");
            let Some(server) = Server::start(server, others, share.path()) else {
                return left_out(&work, mark);
            };
            let theirs = format!("http://{}/small", server.address);
            alternate(&work, (Unit::Rate, mark), rounds, || wrk(&theirs), || wrk(&ours))
        })
        .into()
}

/// Requests per second, all of them answered well.
fn wrk(url: &str) -> f64 {
    let output = Command::new("wrk").args(["-t1", "-c64", "-d3s", url]).output().expect("wrk");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("Non-2xx"), "{said}");
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"))
}
