//! A folder of 100,000 names, searched: by the server alone, and with each side's own client, its start included.

use std::process::Command;
use std::time::{Duration, Instant};

use shared::Call;

use crate::harness::node::{Node, program, tinyp2p};
use crate::harness::original::Original;
use crate::harness::process::wait_for;
use crate::measure::{Row, Unit, alternate, run};
use crate::{PASSWORD, raw};

const NAMES: usize = 100_000;
/// Found by [`FEW`].
const FOUND: usize = 10;
const FEW: &str = r"-0000\d\.txt$";
const MARK: (Unit, &str) = (Unit::Seconds, "≥ 20×");

pub(crate) fn contest(original: &Original, rounds: usize) -> Vec<Row> {
    let share = tempfile::tempdir().expect("a temporary folder");
    for number in 0..NAMES {
        std::fs::File::create(share.path().join(format!("a file of the group-{number:05}.txt"))).expect("a file");
    }
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    raw::teach(&server.url);
    // An old client is only told of what has been looked into: then nothing goes on in the background any more.
    wait_for("the node to know all files", Duration::from_secs(60), || {
        let names = by_xmlrpclib(original, &node.url).output().expect("it runs").stdout;
        (names.iter().filter(|byte| **byte == b'\n').count() == NAMES).then_some(())
    });

    let alone = |url: &str, pattern: &str, found| {
        let (names, seconds) = list(url, pattern);
        assert_eq!(names, found, "{url} {pattern}");
        seconds
    };
    let mut rows = Vec::new();
    for (work, pattern, found) in [
        ("search 100,000 names, 10 found; servers alone", FEW, FOUND),
        ("list 100,000 names, all found; servers alone", r"\.txt$", NAMES),
    ] {
        let theirs = || alone(&server.url, pattern, found);
        rows.push(alternate(work, MARK, rounds, theirs, || alone(&node.url, pattern, found)));
    }
    let empty = tempfile::tempdir().expect("a temporary folder");
    rows.push(alternate(
        "search 100,000 names, none found; each with its own client",
        MARK,
        rounds,
        || run(original.client(empty.path(), PASSWORD, &server.url, "nothing has this name")).seconds,
        || run(as_in_2004(&node.url, "nothing has this name").current_dir(empty.path())).seconds,
    ));
    rows.push(alternate(
        "list 100,000 names, all found; `xmlrpclib` and `tinyp2p ls`",
        (Unit::Seconds, ""),
        rounds,
        || run(by_xmlrpclib(original, &server.url)).seconds,
        || run(tinyp2p(PASSWORD).args(["ls", &node.url, r"\.txt$"])).seconds,
    ));
    rows
}

/// How many names a search finds, and how many seconds it takes.
fn list(url: &str, pattern: &str) -> (usize, f64) {
    let start = Instant::now();
    let answer = raw::ask(url, &Call::List(pattern.to_owned())).expect("an answer");
    let seconds = start.elapsed().as_secs_f64();
    (raw::strings(&answer), seconds)
}

fn as_in_2004(url: &str, pattern: &str) -> Command {
    let mut command = program();
    command.args([PASSWORD, "client", url, pattern]);
    command
}

/// What the original's client does to list: it cannot only list.
fn by_xmlrpclib(original: &Original, url: &str) -> Command {
    let mut command = Command::new(original.interpreter());
    let program = "import sys, hmac, xmlrpclib\n\
                   url, password, pattern = sys.argv[1:]\n\
                   names = xmlrpclib.ServerProxy(url).f(hmac.new(password, url).hexdigest(), 1, pattern)[0]\n\
                   print '\\n'.join(names)";
    command.args(["-c", program, url, PASSWORD, r"\.txt$"]);
    command
}
