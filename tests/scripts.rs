//! What scripts rely on: the keys of `--json`, exit codes, and what happens where nobody reads.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::harness::evil::{Evil, silence};
use crate::harness::node::{Node, get, program, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::Tab;
use crate::harness::tree::{content, tree};
use crate::harness::{ok, stdout, test};

const PASSWORD: &str = "correct horse battery";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("serve_goes_on_where_its_output_cannot_be_written", full_disk),
        test("get_and_ls_fail_where_their_output_cannot_be_written", full_disk_of_results),
        test("every_line_of_json_has_the_keys_that_are_documented", keys),
        test("every_line_of_peers_has_the_keys_that_are_documented", keys_of_peers),
        test("nothing_that_matches_a_pattern_is_exit_code_1", nothing_matches),
        test("what_is_here_but_different_is_said_and_left", different),
        test("files_that_cannot_be_called_so_here_are_told_by_both_names", names_made_safe),
        test("ctrl_c_tells_of_each_file_that_is_on_the_disk", interrupted),
        test("no_file_is_larger_than_the_person_said", largest),
        test("an_invite_is_enough_to_get_what_there_is", invite),
        test("completions_know_every_command", completions),
    ]
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn full_disk() {
    let share = tree(&[("a.txt", b"a")]);
    for more in [&[][..], &["--json"], &["--qr"]] {
        let mut command = tinyp2p(PASSWORD);
        command.args(["serve", "--bind", "127.0.0.1", "--port", "0"]).args(more).arg(share.path());
        let child = command.stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let mut serving = Running::new(child);
        wait_for("a word about it", Duration::from_secs(20), || {
            assert!(serving.is_running(), "{}", serving.error_text());
            serving.error_text().contains("standard output cannot be written").then_some(())
        });
        let output = serving.interrupt(Duration::from_secs(10));
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        assert_eq!(errors(&output).matches("cannot be written").count(), 1, "{}", errors(&output));
    }
    // Whoever reads the first line only has no error.
    let mut command = tinyp2p(PASSWORD);
    let port = free_port().to_string();
    command.args(["serve", "--bind", "127.0.0.1", "--port", &port]).arg(share.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let serving = Running::new(child);
    wait_for("it to serve", Duration::from_secs(20), || {
        let listed = run(tinyp2p(PASSWORD).args(["ls", &format!("127.0.0.1:{port}")]));
        stdout(&listed).contains("a.txt").then_some(())
    });
    assert_eq!(serving.interrupt(Duration::from_secs(10)).status.code(), Some(0));
}

fn full_disk_of_results() {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    for command in [&["get"][..], &["get", "--json"], &["ls"], &["ls", "--json"], &["peers"]] {
        let into = tempfile::tempdir().unwrap();
        let mut command_line = tinyp2p(PASSWORD);
        command_line.args(command).arg(&node.url).current_dir(into.path());
        let child = command_line.stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Running::new(child).wait(Duration::from_secs(60));
        assert_eq!(output.status.code(), Some(1), "{command:?}: {}", errors(&output));
        assert!(errors(&output).contains("No space left"), "{command:?}: {}", errors(&output));
    }
}

/// Fails unless the lines of this event have these keys and no others; answers the first.
#[track_caller]
fn has_keys(lines: &[Value], event: &str, keys: &str) -> Value {
    let of_event: Vec<&Value> = lines.iter().filter(|line| line["event"] == event).collect();
    let expected: BTreeSet<&str> = keys.split(' ').chain(["event"]).collect();
    for line in &of_event {
        let found: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, expected, "{line}");
    }
    (*of_event.first().unwrap_or_else(|| panic!("no {event} in {lines:?}"))).clone()
}

/// README.md has the same in a table.
fn keys() {
    const DONE: &str = "dry_run files size already_here differs missed interrupted unverified unfinished away";
    let share = tree(&[("a:b.txt", b"abc"), ("changed.txt", b"theirs")]);
    let mut command = program();
    command.env_remove("TINYP2P_PASSWORD").args(["serve", "--json", "--bind", "127.0.0.1", "--port", "0"]);
    let node = Node::start(command.arg(share.path()));
    let listening: Vec<Value> =
        node.process.output_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let made = has_keys(&listening, "listening", "url urls name password")["password"].as_str().unwrap().to_owned();
    let given = Node::serve(share.path(), &made, &["--no-discovery"]);
    let listening: Value = serde_json::from_str(given.process.output_text().lines().next().unwrap()).unwrap();
    has_keys(&[listening], "listening", "url urls name");

    let into = tree(&[("changed.txt", b"mine")]);
    let getting = |more: &[&str]| {
        let output = run(tinyp2p(&made).args(["get", "--json", &node.url]).args(more).arg("--to").arg(into.path()));
        (lines(&output), output.status.code())
    };
    let (planned, code) = getting(&["-n"]);
    assert_eq!(code, Some(0), "{planned:?}");
    has_keys(&planned, "offered", "peer files size");
    let file = has_keys(&planned, "planned", "path save_as peer size");
    assert_eq!((&file["path"], &file["save_as"], &file["size"]), (&"a:b.txt".into(), &"a_b.txt".into(), &3.into()));
    let differs = has_keys(&planned, "differs", "path save_as peer reason");
    assert_eq!((&differs["path"], &differs["reason"]), (&"changed.txt".into(), &"another size".into()));
    assert_eq!(has_keys(&planned, "done", DONE)["dry_run"], true);
    let (missed, code) = getting(&["--max-file-size", "2"]);
    assert_eq!(code, Some(1), "{missed:?}");
    assert_eq!(has_keys(&missed, "missed", "path peer reason count")["path"], "a:b.txt");
    let (got, code) = getting(&[]);
    assert_eq!(code, Some(0), "{got:?}");
    let file = has_keys(&got, "saved", "path save_as peer size verified kept from");
    assert_eq!((&file["path"], &file["save_as"], &file["size"]), (&"a:b.txt".into(), &"a_b.txt".into(), &3.into()));
    let done = has_keys(&got, "done", DONE);
    assert_eq!((&done["dry_run"], &done["files"], &done["size"]), (&false.into(), &1.into(), &3.into()), "{done}");
    assert_eq!((&done["already_here"], &done["differs"]), (&1.into(), &1.into()), "{done}");

    for line in lines(&run(tinyp2p(&made).args(["ls", "--json", &node.url]))) {
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = if line["path"] == "a:b.txt" {
            &["id", "modified", "path", "peer", "save_as", "size"]
        } else {
            &["id", "modified", "path", "peer", "size"]
        };
        assert_eq!(keys, expected, "{line}");
    }
    for command in [["get", "--json"], ["ls", "--json"], ["peers", "--json"]] {
        let output = run(tinyp2p("wrong").args(command).arg(&node.url));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let failed = has_keys(&lines(&output), "failed", "reason");
        assert!(failed["reason"].as_str().unwrap().contains("refuses the password"), "{failed}");
    }
}

fn keys_of_peers() {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let open = Tab::open(&node.url, PASSWORD, "Ada's tab", [7; 16]);
    let tab = open.url();
    let dead = format!("http://127.0.0.1:{}", free_port());
    let old = Evil::listing(&[&node.url, &tab, &dead], &[], |_, _| {});
    let output = run(tinyp2p(PASSWORD).args(["peers", "--json", &old.url]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = lines(&output);
    for (url, kind) in [(&old.url, Some("2004")), (&node.url, Some("node")), (&tab, Some("tab")), (&dead, None)] {
        let of_peer: Vec<_> = told.iter().filter(|line| line["url"] == url.as_str()).collect();
        let [line] = of_peer.as_slice() else { panic!("{url}: {told:?}") };
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        if let Some(kind) = kind {
            assert_eq!(keys, ["kind", "milliseconds", "name", "url"], "{line}");
            assert!(line["kind"] == kind && line["milliseconds"].is_u64(), "{line}");
        } else {
            assert_eq!(keys, ["error", "url"], "{line}");
        }
    }
    assert_eq!(told.len(), 4, "{told:?}");
    ok(&run(tinyp2p(PASSWORD).args(["peers", "--json", &node.url])));
}

fn nothing_matches() {
    let (share, empty) = (tree(&[("a.txt", b"a")]), tree(&[]));
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    for command in [&["get"][..], &["get", "--json"], &["get", "-n"], &["ls"], &["ls", "--json"]] {
        let asked = |url: &str, pattern: &[&str]| {
            run(tinyp2p(PASSWORD).args(command).arg(url).args(pattern).current_dir(into.path()))
        };
        let nothing = asked(&node.url, &["zzz"]);
        assert_eq!(nothing.status.code(), Some(1), "{command:?}: {nothing:?}");
        // Already here is not nothing.
        ok(&asked(&node.url, &["txt"]));
        ok(&asked(&node.url, &["txt"]));
    }
    let node = Node::serve(empty.path(), PASSWORD, &[]);
    ok(&get(&node.url, PASSWORD, "", into.path()));
    ok(&run(tinyp2p(PASSWORD).args(["ls", &node.url])));
}

fn different() {
    let share = tree(&[("folder.txt", b"x"), ("link.txt", b"x"), ("same.txt", b"same"), ("size.txt", b"longer")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    ok(&get(&node.url, PASSWORD, "same", into.path()));
    std::fs::create_dir(into.path().join("folder.txt")).unwrap();
    symlink("nowhere", into.path().join("link.txt")).unwrap();
    std::fs::write(into.path().join("size.txt"), b"short").unwrap();
    let output = get(&node.url, PASSWORD, "", into.path());
    ok(&output);
    let said = errors(&output);
    for line in ["(no file): folder.txt", "(no file): link.txt", "(another size): size.txt"] {
        assert!(said.contains(&format!("already here under that name, but different {line}\n")), "{said}");
    }
    assert_eq!(said.lines().last(), Some("nothing new, 4 already here, 3 of them different"), "{said}");
    assert_eq!(std::fs::read(into.path().join("size.txt")).unwrap(), b"short");
}

fn names_made_safe() {
    let share = tree(&[("a:b.txt", b"abc")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let list = |more: &[&str]| run(tinyp2p(PASSWORD).args(["ls", &node.url]).args(more));
    for found in [list(&[]), list(&["a:b"])] {
        ok(&found);
        assert_eq!(stdout(&found), "a:b.txt\n");
    }
    assert!(stdout(&list(&["--long"])).ends_with("  a:b.txt\n"));
    let into = tempfile::tempdir().unwrap();
    let got = get(&node.url, PASSWORD, "a:b", into.path());
    ok(&got);
    assert_eq!(stdout(&got), "a_b.txt  3 B  (from a:b.txt)\n");
}

fn interrupted() {
    let names: Vec<String> = (0..4_000).map(|number| format!("{number}.txt")).collect();
    let share = tree(&names.iter().map(|name| (name.as_str(), &b"some bytes"[..])).collect::<Vec<_>>());
    let node = Node::serve(share.path(), PASSWORD, &[]);
    // One file of another peer never comes, so it cannot end before it is told to.
    let evil = Evil::listing(&[&node.url], &[b"never.txt"], |_, stream| silence(stream));
    let into = tempfile::tempdir().unwrap();
    let mut command = tinyp2p(PASSWORD);
    command.args(["get", "--json", &evil.url, "--to"]).arg(into.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let getting = Running::new(child);
    wait_for("the first file", Duration::from_secs(60), || getting.output_text().contains("saved").then_some(()));
    let output = getting.interrupt(Duration::from_secs(60));
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    let told = lines(&output);
    let saved: BTreeSet<&str> =
        told.iter().filter(|line| line["event"] == "saved").map(|line| line["save_as"].as_str().unwrap()).collect();
    let here = content(into.path());
    assert_eq!(here.keys().map(String::as_str).collect::<BTreeSet<_>>(), saved);
    let done = told.last().unwrap();
    assert_eq!((&done["files"], &done["interrupted"]), (&saved.len().into(), &true.into()), "{done}");
}

fn largest() {
    let share = tree(&[("large.bin", &[7; 2049]), ("small.bin", &[7; 2048])]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    let output = run(tinyp2p(PASSWORD).args(["get", "--max-file-size", "2k", &node.url, "--to"]).arg(into.path()));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output).contains("missed: large.bin"), "{}", errors(&output));
    assert_eq!(content(into.path()).into_keys().collect::<Vec<_>>(), ["small.bin"]);
}

fn invite() {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), "six words, say", &[]);
    let listing = |typed: &str| run(program().env_remove("TINYP2P_PASSWORD").args(["ls", typed]));
    let listed = listing(&format!("{}/#six%20words%2C%20say", node.url));
    ok(&listed);
    assert_eq!(stdout(&listed), "a.txt\n");
    assert!(errors(&listed).contains("can be read by everybody"), "{}", errors(&listed));
    let wrong = listing("http://no host/#six%20words");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!errors(&wrong).contains("six") && errors(&wrong).contains("no host"), "{}", errors(&wrong));
}

fn completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(program().args(["completions", shell]));
        ok(&output);
        for word in ["serve", "peers", "max-file-size"] {
            assert!(stdout(&output).contains(word), "{shell}");
        }
    }
    let bash =
        Command::new("bash").args(["-n", "-c"]).arg(stdout(&run(program().args(["completions", "bash"])))).output();
    if let Ok(bash) = bash {
        assert!(bash.status.success(), "{}", errors(&bash));
    }
}
