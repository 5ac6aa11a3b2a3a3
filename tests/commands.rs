//! The command line as people and scripts meet it: passwords, exit codes, sentences, lines of JSON.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::harness::evil::Evil;
use crate::harness::node::{Node, get, get_as_in_2004, program, run, tinyp2p};
use crate::harness::original::Original;
use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::{content, tree};
use crate::harness::{Trials, ok, stdout, test};

const PASSWORD: &str = "correct horse battery";

pub(crate) fn trials() -> Vec<Trial> {
    let original = Original::find();
    let mut trials = Trials::needing("the program of 2004 under Python 2.7", &original);
    trials.add("commands_know_a_mixed_pool", mixed_pool);
    let mut trials = trials.into_vec();
    trials.extend([
        test("d12_the_password_is_never_an_argument", not_in_arguments),
        test("passwords_come_from_a_file_or_are_missed_in_words", password_sources),
        test("a_wrong_password_is_a_sentence", wrong_password),
        test("usage_errors_are_sentences_and_2", usage_errors),
        test("get_json_parses_line_by_line", get_json),
        test("a_dry_run_writes_nothing", dry_run),
        test("ls_lists_and_ls_long_tells_more", ls),
        test("a_taken_port_is_the_next_one_or_an_error", ports),
        test("serve_says_what_it_cannot_do", serve_errors),
        test("serve_says_that_nobody_is_there_to_be_joined", nobody_to_join),
        test("serve_announces_itself_once_with_six_words", announcement),
        test("the_last_line_of_a_download_sums_it_up", summary_line),
        test("servers_and_clients_are_called_as_in_2004", as_in_2004),
    ]);
    trials
}

fn bare() -> Command {
    let mut command = tinyp2p("");
    command.env_remove("TINYP2P_PASSWORD");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails unless the command ended with `code` and one of its sentences has all of `says`.
#[track_caller]
fn ends(command: &mut Command, code: i32, says: &[&str]) {
    let output = run(command);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    for text in says {
        assert!(errors.contains(text), "{text:?} is missing in: {errors}");
    }
    assert!(!errors.contains("panicked") && !errors.contains("Os {"), "{errors}");
}

fn not_in_arguments() {
    let (silent, asked) = Evil::silent();
    let mut command = tinyp2p(PASSWORD);
    let child = command.args(["get", &silent.url, "--to", "/nonexistent"]).stdin(Stdio::null()).spawn().unwrap();
    let running = Running::new(child);
    asked.recv_timeout(Duration::from_secs(20)).expect("it has begun");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains("correct horse"));
    for help in [["get", "--help"], ["serve", "--help"], ["ls", "--help"], ["peers", "--help"]] {
        assert!(!stdout(&run(bare().args(help))).contains("--password "), "{help:?}");
    }
    // As in 2004 it works, with a warning.
    ends(program().args(["pw", "client", "http://127.0.0.1:1", "x"]), 1, &["can be read by everybody"]);
}

fn password_sources() {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let files = tree(&[
        ("good", format!("{PASSWORD}\nnotes").as_bytes()),
        ("crlf", format!("{PASSWORD}\r\n").as_bytes()),
        ("empty", b""),
        ("binary", b"\xff\xfe"),
    ]);
    let with = |name: &str| {
        let mut command = bare();
        command.args(["ls", &node.url, "--password-file"]).arg(files.path().join(name));
        command
    };
    for good in ["good", "crlf"] {
        let listed = run(&mut with(good));
        ok(&listed);
        assert_eq!(stdout(&listed), "a.txt\n");
    }
    ends(&mut with("empty"), 2, &["password", "empty"]);
    ends(&mut with("binary"), 2, &["binary"]);
    ends(&mut with("missing"), 2, &["missing"]);
    ends(bare().args(["ls", &node.url]), 2, &["no password", "TINYP2P_PASSWORD", "--password-file"]);
    ends(tinyp2p("").args(["ls", &node.url]), 2, &["password", "empty"]);
    ends(bare().args(["serve", "--join", &node.url]).arg(share.path()), 2, &["no password"]);
}

fn wrong_password() {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    for command in [["get", &node.url, "--to"], ["ls", &node.url, ""], ["peers", &node.url, ""]] {
        let mut wrong = tinyp2p("wrong");
        wrong.args(command.iter().filter(|word| !word.is_empty()));
        if command[0] == "get" {
            wrong.arg(into.path());
        }
        ends(&mut wrong, 1, &[&node.url, "refuses the password"]);
    }
    assert!(content(into.path()).is_empty());
}

fn usage_errors() {
    let url = "http://127.0.0.1:1";
    ends(tinyp2p("x").args(["get", url, "(unclosed"]), 2, &["not a regular expression"]);
    ends(tinyp2p("x").args(["ls", url, "[z-a]"]), 2, &["not a regular expression"]);
    // Before a password is missed, or anybody looked for.
    ends(program().args(["get", "lan", "(unclosed"]), 2, &["not a regular expression"]);
    ends(program().args(["ls", "lan", "(unclosed"]), 2, &["not a regular expression"]);
    ends(tinyp2p("x").args(["get", "ftp://a:1"]), 2, &["ftp://a:1", "http://"]);
    ends(tinyp2p("x").args(["get", "ftp://a:1"]), 2, &["\"lan\""]);
    ends(tinyp2p("x").args(["get", url, "*.pdf"]), 2, &["not a regular expression", "--glob"]);
    // Without http:// a node is meant, at the port that nodes try first.
    ends(tinyp2p("x").args(["ls", "127.0.0.1:1"]), 1, &["http://127.0.0.1:1: "]);
    ends(tinyp2p("x").args(["get", url, "--max-file-size", "many"]), 2, &["many", "1024"]);
    ends(tinyp2p("x").args(["ls", "http://a:1:2"]), 2, &["http://a:1:2"]);
    ends(tinyp2p("x").args(["serve", "--url", "nonsense"]), 2, &["nonsense"]);
    ends(tinyp2p("x").args(["get"]), 2, &["URL"]);
    ends(tinyp2p("x").args(["get", url, "x", "--glob", "--words"]), 2, &["--words"]);
    ends(program().args(["pw", "client", "nonsense", "x"]), 2, &["nonsense"]);
    for unfinished in [&["hunter2", "server", "192.168.1.7"][..], &["hunter2", "client"]] {
        let said = errors(&run(program().args(unfinished)));
        assert!(said.contains("usage: tinyp2p PASSWORD ") && !said.contains("hunter2"), "{said}");
        ends(program().args(unfinished), 2, &[unfinished[1]]);
    }
    let help = run(bare().arg("--help"));
    ok(&help);
    for said in ["130 interrupted", "TINYP2P_LOG", "TINYP2P_STATE"] {
        assert!(stdout(&help).contains(said), "{said}");
    }
}

fn get_json() {
    let share = tree(&[("a.txt", b"a"), ("f/b.txt", b"bb")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    let output = run(tinyp2p(PASSWORD).args(["get", &node.url, "--json", "--to"]).arg(into.path()));
    ok(&output);
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let events = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((events("offered"), events("saved"), events("missed"), events("done")), (1, 2, 0, 1), "{lines:?}");
    let done = lines.last().unwrap();
    assert_eq!((&done["files"], &done["size"], &done["already_here"]), (&2.into(), &3.into(), &0.into()), "{done}");
}

fn dry_run() {
    let share = tree(&[("a.txt", b"a"), ("f/b.txt", b"bb")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let around = tempfile::tempdir().unwrap();
    let to = around.path().join("new");
    for json in [false, true] {
        let mut command = tinyp2p(PASSWORD);
        command.args(["get", "-n", &node.url, "--to"]).arg(&to).args(json.then_some("--json"));
        let output = run(&mut command);
        ok(&output);
        assert!(stdout(&output).contains("a.txt") && stdout(&output).contains("f/b.txt"), "{output:?}");
        assert!(!stdout(&output).contains("saved\""), "nothing is saved: {output:?}");
        assert!(!to.exists(), "not even the folder");
    }
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("a.txt"), b"mine").unwrap();
    let output = run(tinyp2p(PASSWORD).args(["get", "-n", &node.url, "--to"]).arg(&to));
    ok(&output);
    assert!(!stdout(&output).contains("a.txt") && stdout(&output).contains("f/b.txt"), "{output:?}");
    assert_eq!(content(&to).into_keys().collect::<Vec<_>>(), ["a.txt"]);
}

fn ls() {
    let share = tree(&[("a.txt", b"a"), ("f/b.bin", &[0; 5000])]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let list = |more: &[&str]| {
        let output = run(tinyp2p(PASSWORD).args(["ls", &node.url]).args(more));
        ok(&output);
        stdout(&output)
    };
    assert_eq!(list(&[]), "a.txt\nf/b.bin\n");
    assert_eq!(list(&["txt$"]), "a.txt\n");
    assert_eq!(list(&["*.bin", "--glob"]), "f/b.bin\n");
    assert_eq!(list(&["BIN b", "--words"]), "f/b.bin\n");
    let long = list(&["--long"]);
    assert!(long.contains("4.88 KiB") && long.contains(&node.url) && long.lines().count() == 2, "{long}");
    for line in list(&["--json"]).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["size"].is_u64() && line["modified"].is_i64() && line["peer"] == node.url.as_str(), "{line}");
    }
}

fn mixed_pool(original: &Original) {
    let (old, new, into) = (tree(&[("old.txt", b"old")]), tree(&[("new.txt", b"new")]), tempfile::tempdir().unwrap());
    let node = Node::serve(new.path(), PASSWORD, &[]);
    let mut server = original.serve(old.path(), PASSWORD, &[&node.url]);
    let peers = wait_for("both to know each other", Duration::from_secs(20), || {
        let output = run(tinyp2p(PASSWORD).args(["peers", &node.url]));
        (stdout(&output).lines().count() == 2).then_some(stdout(&output))
    });
    assert!(peers.contains(&format!("{}  node", node.url)), "{peers}");
    assert!(peers.contains(&format!("{}  2004", server.url)), "{peers}");
    let json = run(tinyp2p(PASSWORD).args(["peers", "--json", &node.url]));
    for line in stdout(&json).lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let long = run(tinyp2p(PASSWORD).args(["ls", "--long", &node.url]));
    ok(&long);
    assert!(stdout(&long).lines().any(|line| line.contains("old.txt") && line.contains('?')), "{}", stdout(&long));
    ok(&get(&node.url, PASSWORD, "", into.path()));
    assert_eq!(content(into.path()).into_keys().collect::<Vec<_>>(), ["new.txt", "old.txt"]);
    assert!(server.is_running(), "the original survived all of it");
}

/// Argument for argument, in the current directory.
fn as_in_2004() {
    let serve = |dir: &Path, others: &[&str]| {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = program();
        command.current_dir(dir).args([PASSWORD, "server", "127.0.0.1", &port.to_string()]).args(others);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut server = Running::new(child);
        wait_for("it to serve", Duration::from_secs(60), || {
            assert!(server.is_running(), "{}", server.error_text());
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        (url, server)
    };
    let (one, other, into) = (tree(&[("a.txt", b"one")]), tree(&[("b.txt", b"other")]), tempfile::tempdir().unwrap());
    let (url, first) = serve(one.path(), &[]);
    let (_, second) = serve(other.path(), &[&url]);
    wait_for("both files", Duration::from_secs(60), || {
        (stdout(&run(tinyp2p(PASSWORD).args(["ls", &url]))) == "a.txt\nb.txt\n").then_some(())
    });
    ok(&get_as_in_2004(&url, PASSWORD, r"^[ab]\.txt$", into.path()));
    let expected =
        [("a.txt", "one"), ("b.txt", "other")].map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(content(into.path()), expected.into());
    for server in [first, second] {
        let output = server.interrupt(Duration::from_secs(60));
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    }
}

fn ports() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = tinyp2p(PASSWORD);
    ends(command.args(["serve", "--bind", "127.0.0.1", "--port", &port]).arg(dir.path()), 1, &[&port, "in use"]);
    let classic = || program();
    ends(classic().current_dir(dir.path()).args(["pw", "server", "127.0.0.1", &port]), 1, &[&port, "in use"]);
    // Whoever else is on 9004, one of two that name no port must go elsewhere.
    let serve = || Node::start(tinyp2p(PASSWORD).args(["serve", "--bind", "127.0.0.1", "--json"]).arg(dir.path()));
    let (one, other) = (serve(), serve());
    assert_ne!(one.port(), other.port());
    assert!((9004..9024).contains(&one.port()) && (9004..9024).contains(&other.port()), "{one:?} {other:?}");
}

fn serve_errors() {
    let dir = tree(&[("file", b"x")]);
    let serve = |more: &[&str]| {
        let mut command = tinyp2p(PASSWORD);
        command.arg("serve").args(more);
        command
    };
    ends(&mut serve(&["/nonexistent/folder"]), 1, &["/nonexistent/folder"]);
    ends(serve(&[]).arg(dir.path().join("file")), 1, &["file"]);
    ends(serve(&["--bind", "192.0.2.1"]).arg(dir.path()), 1, &["192.0.2.1"]);
    ends(serve(&["--bind", "nonsense"]).arg(dir.path()), 2, &["nonsense"]);
    ends(serve(&["--port", "70000"]).arg(dir.path()), 2, &["70000"]);
    let classic = |host: &str, port: &str| {
        let mut command = program();
        command.current_dir(dir.path()).args(["pw", "server", host, port]);
        command
    };
    ends(&mut classic("192.0.2.1", "9001"), 1, &["192.0.2.1"]);
    ends(&mut classic("no.such.host.invalid", "9001"), 2, &["no.such.host.invalid"]);
    ends(&mut classic("127.0.0.1", "port"), 2, &["port"]);
}

fn nobody_to_join() {
    let (dir, port) = (tree(&[]), free_port());
    let url = format!("http://127.0.0.1:{port}");
    let joining = Node::serve(dir.path(), PASSWORD, &["--join", &url]);
    let said = || joining.process.error_text();
    let warning = format!("{url} cannot be joined: ");
    wait_for("a word about it", Duration::from_secs(30), || said().contains(&warning).then_some(()));
    let mut command = tinyp2p(PASSWORD);
    command.args(["serve", "--json", "--bind", "127.0.0.1", "--port", &port.to_string()]).arg(dir.path());
    let _joined = Node::start(&mut command);
    wait_for("a word that it is there", Duration::from_secs(60), || said().contains("is here").then_some(()));
    assert_eq!(said().matches(&warning).count(), 1, "{}", said());
}

fn announcement() {
    let dir = tree(&[("a.txt", b"a")]);
    for json in [None, Some("--json")] {
        let mut command = bare();
        command.args(["serve", "--bind", "127.0.0.1", "--port", "0", "-v", "-v"]).args(json).arg(dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let running = Running::new(child);
        let said = wait_for("the announcement", Duration::from_secs(20), || {
            let said = format!("{}{}", running.output_text(), running.error_text());
            (said.contains("password") && said.contains("http://127.0.0.1:")).then_some(said)
        });
        let words =
            said.split(['"', ' ', '\n']).find(|word| word.matches('-').count() == 5).expect("six words").to_owned();
        let url = said.split(['"', ' ', '\n']).find(|word| word.starts_with("http://127.0.0.1:")).unwrap().to_owned();
        let listed = run(tinyp2p(&words).args(["ls", &url]));
        ok(&listed);
        assert_eq!(stdout(&listed), "a.txt\n");
        let output = running.interrupt(Duration::from_secs(10));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let all = format!("{}{}", stdout(&output), errors(&output));
        assert_eq!(all.matches(&words).count(), 1, "printed once: {all}");
        if json.is_none() {
            assert!(stdout(&output).contains(&format!("tinyp2p get {url}")), "{output:?}");
            assert!(stdout(&output).contains(&format!("tinyp2p serve --join {url}")), "{output:?}");
            assert!(stdout(&output).lines().all(|line| line.chars().count() <= 100), "{output:?}");
        }
    }
}

fn summary_line() {
    let share = tree(&[("a.txt", b"a"), ("b.txt", b"bb")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    // Files that were just written are hashed once they are at rest; until then nothing proves them.
    wait_for("both files to be hashed", Duration::from_secs(30), || {
        let listed = run(tinyp2p(PASSWORD).args(["ls", &node.url, "--json"]));
        (String::from_utf8_lossy(&listed.stdout).matches("\"id\":\"").count() == 2).then_some(())
    });
    let into = tempfile::tempdir().unwrap();
    let last = |pattern: &str| {
        let output = get(&node.url, PASSWORD, pattern, into.path());
        assert_eq!(output.status.success(), pattern != "zzz", "{output:?}");
        errors(&output).lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(last("a"), "1 file, 1 B");
    assert_eq!(last(""), "1 file, 2 B, 1 already here");
    assert_eq!(last(""), "nothing new, 2 already here");
    assert_eq!(last("zzz"), "nothing matches");
}
