//! Names that would lead out of the folder, onto another file, or into somebody's terminal.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use libtest_mimic::Trial;

use super::{Pool, assert_clean, good_files};
use crate::harness::evil::{Evil, answer, fault, http, send, string};
use crate::harness::node::{Node, get, run, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::tree::{assert_same, binary, content, tree};
use crate::harness::{ok, stdout, test};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("a2_no_name_leads_out_of_the_folder", no_name_leads_out),
        test("a2_a_modern_listing_that_leads_out_is_refused_whole", modern_listing),
        test("a3_what_is_here_is_never_replaced", never_replaced),
        test("a3_what_appears_meanwhile_is_never_replaced", appears_meanwhile),
        test("a6_links_are_never_written_through", links),
        test("a9_names_that_are_one_on_some_disks_become_two_files", twins),
        test("a11_nothing_a_peer_says_reaches_the_terminal", terminal),
        test("a12_long_names_are_cut_and_keep_their_extension", long_names),
        test("names_that_are_saved_alike_are_all_saved", saved_alike),
        test("different_files_of_one_name_at_several_peers_are_all_saved", one_name),
    ]
}

fn serve(_: &str, stream: &mut std::net::TcpStream) {
    send(stream, &answer(&string(b"evil")));
}

fn no_name_leads_out() {
    let pool = Pool::new();
    let huge = vec![b'x'; 1 << 20];
    let bad: [&[u8]; 13] = [
        b"../../x",
        b"../victim",
        b"/abs",
        b"a/b",
        b"..",
        b".",
        b"",
        b"~/.bashrc",
        b"nul\0nul",
        b"..\\..\\x",
        b"C:\\x",
        b"\xff\xfe.txt",
        &huge,
    ];
    let names: Vec<&[u8]> = bad.into_iter().chain([b"~".as_slice(), b"fine.txt"]).collect();
    let evil = Evil::listing(&[&pool.good.url], &names, serve);
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[("fine.txt", b"evil"), ("~", b"evil")]);
    let errors = got.errors();
    let refused = errors.lines().filter(|line| line.contains("refused")).collect::<Vec<_>>();
    assert_eq!(refused.len(), bad.len(), "each is refused: {errors}");
    assert!(refused.iter().all(|line| line.contains(&evil.url)), "{errors}");
    for shown in ["../../x", "/abs", "a/b", "~/.bashrc", "nul\\u{0}nul", "xxx…", "\\xff\\xfe.txt"] {
        assert!(errors.contains(shown), "{shown} is named: {errors}");
    }
}

fn modern_listing() {
    let pool = Pool::new();
    for path in ["../victim", "/abs", "a/../../victim", "a//b", "..", "a\\..\\b"] {
        let entry = format!(
            "<array><data><value><struct><member><name>path</name><value>{path}</value></member>\
             <member><name>size</name><value><double>4</double></value></member>\
             <member><name>modified</name><value><double>1</double></value></member></struct></value></data></array>"
        );
        let knows = answer(&crate::harness::evil::strings(&[pool.good.url.as_bytes()]));
        let evil = Evil::answering(move |asked, stream| match asked {
            crate::harness::evil::Asked::Exchange => send(stream, &knows),
            crate::harness::evil::Asked::Other(_) => send(stream, &answer(entry.as_bytes())),
            _ => serve("", stream),
        });
        pool.get(&evil, &[]).costs_only(&evil, &[]);
    }
}

fn never_replaced() {
    let pool = Pool::new();
    std::fs::write(pool.to().join("good.txt"), b"my own").unwrap();
    let evil = Evil::listing(&[&pool.good.url], &[b"good.txt", b"more.txt"], serve);
    let got = pool.get(&evil, &[]);
    assert_eq!(got.output.status.code(), Some(0), "{}", got.errors());
    assert_eq!(got.files["good.txt"], b"my own");
    assert_eq!(got.files["more.txt"], b"evil");
    assert_eq!(got.files.len(), good_files().len() + 1);
    assert!(got.errors().contains("1 already here"), "{}", got.errors());
}

/// Content that waits until the test has put a file of that name into the folder.
fn appears_meanwhile() {
    let pool = Pool::new();
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let evil = Evil::listing(&[&pool.good.url], &[b"race.txt"], move |_, stream| {
        let whole = answer(&string(&[b'e'; 100_000]));
        let (half, rest) = whole.split_at(whole.len() / 2);
        send(stream, half);
        begun.send(()).unwrap();
        may_go.lock().unwrap().recv().unwrap();
        send(stream, rest);
    });
    let getting = pool.start(&evil, &[]);
    has_begun.recv_timeout(Duration::from_secs(30)).unwrap();
    std::fs::write(pool.to().join("race.txt"), b"my own").unwrap();
    go.send(()).unwrap();
    let output = getting.wait(Duration::from_secs(60));
    let got = pool.got(output);
    assert_eq!(got.output.status.code(), Some(0), "{}", got.errors());
    assert_eq!(got.files["race.txt"], b"my own");
    assert_eq!(got.files["race (1).txt"], [b'e'; 100_000]);
    assert!(stdout(&got.output).contains("race (1).txt"), "{:?}", got.output);
}

fn links() {
    let pool = Pool::new();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, pool.to().join(name)).unwrap();
    link("../victim", "evil.txt");
    link("../missing", "dangling.txt");
    link("../victim", "other.txt.part");
    link("..", "folder");
    let evil = Evil::listing(&[&pool.good.url], &[b"evil.txt", b"dangling.txt", b"other.txt", b"victim"], serve);
    let output = pool.start(&evil, &[]).wait(Duration::from_secs(60));
    assert_clean(&output);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "folder/deep.txt cannot be saved through a link: {errors}");
    assert!(errors.contains("would have to be a folder"), "{errors}");
    assert_eq!(std::fs::read(pool.around.path().join("victim")).unwrap(), b"mine");
    assert!(!pool.around.path().join("missing").exists() && !pool.around.path().join("deep.txt").exists());
    assert!(pool.to().join("evil.txt").is_symlink() && pool.to().join("dangling.txt").is_symlink());
    for (name, bytes) in [("other.txt", "evil"), ("victim", "evil")] {
        assert_eq!(std::fs::read_to_string(pool.to().join(name)).unwrap(), bytes);
    }
}

/// Symptom: of three files of one peer whose names become the same, `get` saved one, and its exit code was 0.
fn saved_alike() {
    let files = ["a:b", "a?b", "a_b", "a_b (2)", "Vol. 1./cover", "Vol. 1/cover"];
    let share = tree(&files.map(|name| (name, name.as_bytes())));
    let node = Node::serve(share.path(), super::PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    let all = || {
        let output = get(&node.url, super::PASSWORD, "", into.path());
        ok(&output);
        (content(into.path()), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (saved, words) = all();
    let mut held: Vec<_> = saved.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    held.sort();
    let mut wanted = files;
    wanted.sort_unstable();
    assert_eq!(held, wanted, "{:?}\n{words}", saved.keys());
    for name in ["a_b", "a_b (1)", "Vol. 1/cover", "Vol. 1/cover (1)"] {
        assert!(saved.contains_key(name), "{name}: {:?}", saved.keys());
    }
    // Nothing is fetched again, and no name gets a number more.
    let (again, words) = all();
    assert_same(&again, &saved);
    assert!(words.contains("6 already here"), "{words}");
}

/// Symptom: of different files that two peers call alike, `get` saved one, and its exit code was 0.
fn one_name() {
    let (one, other) = (binary(3_000_000), binary(3_000_001));
    let shares = [
        tree(&[("report.txt", b"one"), ("big", &one)]),
        tree(&[("report.txt", b"two"), ("big", &other[1..])]),
        // A further holder of what the first has.
        tree(&[("report.txt", b"one"), ("big", &one)]),
    ];
    let first = Node::serve(shares[0].path(), super::PASSWORD, &[]);
    let serve = |share: &tempfile::TempDir| Node::serve(share.path(), super::PASSWORD, &["--join", &first.url]);
    let _others = [serve(&shares[1]), serve(&shares[2])];
    wait_for("all files to be hashed", Duration::from_secs(60), || {
        let rows = stdout(&run(tinyp2p(super::PASSWORD).args(["ls", "--json", &first.url])));
        (rows.lines().count() == 6 && rows.lines().all(|row| row.contains("\"id\":\""))).then_some(())
    });
    let into = tempfile::tempdir().unwrap();
    let all = || {
        let output = get(&first.url, super::PASSWORD, "", into.path());
        ok(&output);
        (content(into.path()), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (saved, words) = all();
    assert_eq!(saved.keys().collect::<Vec<_>>(), ["big", "big (1)", "report (1).txt", "report.txt"], "{words}");
    let held = |one: &str, other: &str, is: [&[u8]; 2]| {
        let both = [saved[one].as_slice(), saved[other].as_slice()];
        both == is || both == [is[1], is[0]]
    };
    assert!(held("report.txt", "report (1).txt", [b"one", b"two"]));
    assert!(held("big", "big (1)", [&one, &other[1..]]));
    // Whoever answers first, all of them are here.
    for _ in 0..3 {
        let (again, words) = all();
        assert_same(&again, &saved);
        assert!(words.contains("4 already here"), "{words}");
    }
}

fn twins() {
    let pool = Pool::new();
    let names: [&[u8]; 4] = [b"GOOD.TXT", "caf\u{e9}.txt".as_bytes(), "cafe\u{301}.txt".as_bytes(), b"good.txt"];
    let evil = Evil::listing(&[&pool.good.url], &names, serve);
    let got = pool.get(&evil, &[]);
    assert_eq!(got.output.status.code(), Some(0), "{}", got.errors());
    // Which of two gets the bare name depends on who came first; that both are there does not.
    let of = |start: &str| got.files.keys().filter(|it| it.to_lowercase().starts_with(start)).count();
    assert_eq!((of("good"), of("caf")), (3, 2), "{:?}", got.files.keys());
    assert!(got.files.contains_key("folder/deep.txt"));
    let folded = |name: &String| shared::fold(name);
    let mut different: Vec<_> = got.files.keys().map(folded).collect();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), got.files.len(), "{:?}", got.files.keys());
}

/// Escape, 8-bit CSI, window title, carriage return, bell, backspace, line break, right-to-left override.
const TRICKS: &str = "\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}]52;c;eA==\u{7}\u{9b}1A\u{9d}x\r\u{8}\n\u{7f}\u{202e}gpj.exe";

fn terminal() {
    let pool = Pool::new();
    let name = format!("trick{TRICKS}");
    let traversal = format!("../{TRICKS}");
    let names: [&[u8]; 5] = [name.as_bytes(), traversal.as_bytes(), b"\x9b1A\xff", b"faulty", b"reasoned"];
    let content = |name: &str, stream: &mut std::net::TcpStream| match name {
        "faulty" => send(stream, &fault(TRICKS)),
        "reasoned" => send(stream, &http("500 \u{1b}[2J\u{9b}x", "X: \u{1b}[2J\r\n", b"")),
        _ => serve(name, stream),
    };
    let evil = Evil::listing(&[&pool.good.url, &format!("http://127.0.0.1:1/{TRICKS}")], &names, content);
    for more in [[].as_slice(), &["--json"], &["-n"], &["-v", "-v"]] {
        let got = pool.get(&evil, more);
        assert_eq!(got.output.status.code(), Some(1), "{more:?}: {}", got.errors());
        assert!(got.files.len() >= good_files().len() || more == ["-n"]);
    }
    for command in [["ls", &evil.url, "--long"], ["ls", &evil.url, "--json"], ["peers", &evil.url, "--json"]] {
        let output = run(tinyp2p(super::PASSWORD).args(command));
        assert_clean(&output);
        if command[2] == "--json" {
            for line in stdout(&output).lines() {
                assert!(line.is_ascii(), "{line}");
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
    }
    // A pool that is nothing but tricks.
    let fatal = Evil::answering(|_, stream| send(stream, &fault(TRICKS)));
    let got = pool.get(&fatal, &[]);
    assert_eq!(got.output.status.code(), Some(1), "{}", got.errors());
    assert!(got.errors().contains("\\u{1b}"), "the trick is shown: {}", got.errors());
}

fn long_names() {
    let pool = Pool::new();
    let name = |length: usize| format!("{}.txt", "n".repeat(length - 4)).into_bytes();
    // 200 characters are 400 bytes.
    let wide = format!("{}.txt", "ü".repeat(200)).into_bytes();
    let fits = name(255);
    let evil =
        Evil::listing(&[&pool.good.url], &[&fits, &name(256), &name(4096), &wide, "ü".repeat(127).as_bytes()], serve);
    let got = pool.get(&evil, &[]);
    let fits = String::from_utf8(fits).unwrap();
    got.costs_only(&evil, &[(&fits, b"evil"), (&"ü".repeat(127), b"evil")]);
    // Again, with the name taken: a number must fit, too.
    std::fs::remove_file(pool.to().join("good.txt")).unwrap();
    let again = pool.get(&evil, &[]);
    again.costs_only(&evil, &[(&fits, b"evil"), (&"ü".repeat(127), b"evil")]);
}
