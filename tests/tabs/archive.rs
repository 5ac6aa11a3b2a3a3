//! One archive of files that are held in many places: the node, a tab, another node, a tab there and a peer of 2004.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Collect, Message, ResetCode, Ticket};

use super::{PASSWORD, Site};
use crate::harness::node::{Node, run};
use crate::harness::original::Original;
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::{Content, MODIFIED, Tab, made};
use crate::harness::tree::{assert_same, binary, content, text, tree};
use crate::harness::{Trials, ok, stdout, test};

const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn trials() -> Vec<Trial> {
    let there =
        |program: &str| Command::new(program).arg("--help").output().map(drop).map_err(|error| error.to_string());
    let unzip = there("curl").and(there("unzip"));
    let mut trials = Trials::needing("curl and unzip", &unzip);
    trials.add("tabs::one_zip_of_files_from_everywhere_is_resumed", |()| from_everywhere());
    trials.add("tabs::a_zip_whose_tab_leaves_is_cut", |()| cut());
    let tar = unzip.clone().and(there("tar"));
    let mut of_programs = Trials::needing("curl, unzip and tar", &tar);
    of_programs.add("tabs::an_archive_keeps_the_right_to_run_another_nodes_program", |()| programs());
    let original = Original::find().and_then(|original| unzip.clone().map(|()| original));
    let mut of_2004 = Trials::needing("the program of 2004, curl and unzip", &original);
    of_2004.add("tabs::a_zip_with_files_of_2004_comes_whole_or_not_at_all", with_2004);
    [
        trials.into_vec(),
        of_programs.into_vec(),
        of_2004.into_vec(),
        vec![test("tabs::what_cannot_be_collected_is_told_in_words", refused)],
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Site {
    fn collect(&self, name: &str, files: &[(&str, &str)]) -> Result<(String, u64), (ResetCode, String)> {
        let file =
            |(peer, path): &(&str, &str)| Ticket { peer: (*peer).to_owned(), path: (*path).to_owned(), preview: false };
        match self.tab.ask(Collect { name: name.to_owned(), files: files.iter().map(file).collect() }) {
            Ok((messages, _)) => match messages.as_slice() {
                [Message::Ticketed(it)] => Ok((format!("{}{}", self.node.url, it.href), it.version.size)),
                other => panic!("{other:?}"),
            },
            Err(error) => Err((error.code().expect("a code"), error.to_string())),
        }
    }

    /// As soon as all that hold them are known to the node.
    fn collected(&self, name: &str, files: &[(&str, &str)]) -> (String, u64) {
        wait_for("an archive", PATIENCE, || match self.collect(name, files) {
            Ok(collected) => Some(collected),
            Err((ResetCode::GONE | ResetCode::NOT_FOUND, _)) => None,
            Err(other) => panic!("{other:?}"),
        })
    }

    fn unzipped(&self, name: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
        let into = tempfile::tempdir().unwrap();
        let archive = self.into.path().join(name);
        ok(&run(Command::new("unzip").arg("-t").arg(&archive)));
        let mut unzip = Command::new("unzip");
        ok(&run(unzip.env("LC_ALL", "C.UTF-8").arg("-q").arg(&archive).arg("-d").arg(into.path())));
        content(into.path())
    }
}

fn from_everywhere() {
    let site = Site::new();
    let share = tree(&[("Far/far.bin", &binary(2_000_000)), ("own.txt", b"another node's own")]);
    let other = Node::serve(share.path(), PASSWORD, &["--join", &site.node.url]);
    let far_tab = Tab::open(&other.url, PASSWORD, "far tab", [9; 16]);
    let lines = text(300_000);
    site.tab.offer(&[("d/made.bin", Content::Made(3 * MIB + 5)), ("empty", Content::bytes(""))]);
    far_tab.offer(&[("\u{5e9}.txt", Content::bytes(lines.clone()))]);
    let (tab, far_url) = (site.tab.url(), far_tab.url());
    let files = [
        (site.node.url.as_str(), "own.txt"),
        (tab.as_str(), "d/made.bin"),
        (other.url.as_str(), "Far/far.bin"),
        (other.url.as_str(), "own.txt"),
        (far_url.as_str(), "\u{5e9}.txt"),
        (tab.as_str(), "empty"),
    ];
    let (url, size) = site.collected("every.zip", &files);
    ok(&site.curl(&["-o", "every.zip", &url]));
    let whole = std::fs::read(site.into.path().join("every.zip")).unwrap();
    assert_eq!(whole.len() as u64, size);
    let expected = [
        ("own.txt".to_owned(), b"the node's own".to_vec()),
        ("own (1).txt".to_owned(), b"another node's own".to_vec()),
        ("d/made.bin".to_owned(), made(0, (3 * MIB + 5) as usize)),
        ("Far/far.bin".to_owned(), binary(2_000_000)),
        ("\u{5e9}.txt".to_owned(), lines),
        ("empty".to_owned(), Vec::new()),
    ];
    assert_same(&site.unzipped("every.zip"), &expected.into());
    // Gone on with under a link that has seen nothing of it, and under one that has.
    for offset in [1, 10_000, 3 * MIB as usize, whole.len() - 2_100_000, whole.len() - 200] {
        for url in [site.collected("every.zip", &files).0, url.clone()] {
            std::fs::write(site.into.path().join("part.zip"), &whole[..offset]).unwrap();
            ok(&site.curl(&["-C", "-", "-o", "part.zip", &url]));
            assert!(std::fs::read(site.into.path().join("part.zip")).unwrap() == whole, "from {offset} on");
        }
    }
    // The times are those of the holders.
    let listed =
        stdout(&run(Command::new("zipinfo").env("TZ", "UTC").arg("-l").arg(site.into.path().join("every.zip"))));
    assert!(MODIFIED / 1_000_000_000 == 1_700_000_000 && listed.contains("23-Nov-14 22:13"), "{listed}");
}

/// What its owner may run there, its owner may run here; nobody is given more, and the times stay.
fn programs() {
    const CHANGED: u64 = 1_104_537_598;
    let site = Site::new();
    let files = [("run.sh", 0o755), ("mine.sh", 0o700), ("plain.txt", 0o644)];
    let share = tree(&files.map(|(name, _)| (name, b"#!/bin/sh\necho far\n".as_slice())));
    for (name, mode) in files {
        let path = share.path().join(name);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(CHANGED)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let other = Node::serve(share.path(), PASSWORD, &["--join", &site.node.url]);
    let wanted = files.map(|(name, _)| (other.url.as_str(), name));
    for (archive, take_apart) in [("far.zip", "unzip -q far.zip -d"), ("far.tar", "tar -xf far.tar -C")] {
        let (url, _) = site.collected(archive, &wanted);
        ok(&site.curl(&["-o", archive, &url]));
        let into = tempfile::tempdir().unwrap();
        let taken = format!("umask 022; exec {take_apart} '{}'", into.path().display());
        ok(&run(Command::new("sh").current_dir(site.into.path()).env("TZ", "UTC").args(["-c", &taken])));
        for (name, mode) in files {
            let facts = std::fs::metadata(into.path().join(name)).unwrap();
            let expected = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
            assert_eq!(
                (facts.mode() & 0o7777, facts.mtime()),
                (expected, CHANGED.cast_signed()),
                "{name} in {archive}"
            );
        }
    }
}

fn cut() {
    let mut site = Site::new();
    site.tab.offer(&[("made.bin", Content::Made(64 * MIB))]);
    let tab = site.tab.url();
    let (url, size) = site.collected("a.zip", &[(&site.node.url, "own.txt"), (&tab, "made.bin")]);
    let mut curl = Command::new("curl");
    curl.current_dir(site.into.path()).args(["-sS", "--fail", "--limit-rate", "16M", "-o", "a.zip", &url]);
    let running =
        Running::new(curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let there = || std::fs::metadata(site.into.path().join("a.zip")).map_or(0, |file| file.len());
    wait_for("some of it to come", PATIENCE, || (there() > MIB).then_some(()));
    site.tab.close();
    let output = running.wait(Duration::from_secs(60));
    // 18: a transfer ended before its length was reached.
    assert_eq!(output.status.code(), Some(18), "{}", String::from_utf8_lossy(&output.stderr));
    let had = std::fs::metadata(site.into.path().join("a.zip")).unwrap().len();
    assert!(had < size, "{had} of {size}");
}

fn with_2004(original: &Original) {
    let lines = b"a line of 2004\n".repeat(40_000);
    let share = tree(&[("old.txt", &lines), ("short.txt", b"short\n")]);
    let old = original.serve(share.path(), PASSWORD, &[]);
    let own = tree(&[("own.txt", b"the node's own")]);
    let node = Node::serve(own.path(), PASSWORD, &["--join", &old.url]);
    let tab = Tab::open(&node.url, PASSWORD, "Ada's tab", super::SECRET);
    let site = Site { node, tab, into: tempfile::tempdir().unwrap(), _share: own };
    site.tab.offer(&[("t.bin", Content::Made(100_000))]);
    let tab = site.tab.url();
    let files = [
        (old.url.as_str(), "old.txt"),
        (tab.as_str(), "t.bin"),
        (old.url.as_str(), "short.txt"),
        (site.node.url.as_str(), "own.txt"),
    ];
    let (url, size) = site.collected("mixed.zip", &files);
    ok(&site.curl(&["-D", "head", "-o", "mixed.zip", &url]));
    let head = String::from_utf8(std::fs::read(site.into.path().join("head")).unwrap()).unwrap();
    assert!(head.contains(&format!("content-length: {size}\r\n")), "{head}");
    // Nothing tells two versions of theirs apart, so no part is given as one of the whole.
    assert!(!head.contains("accept-ranges") && !head.contains("etag"), "{head}");
    let expected = [
        ("old.txt".to_owned(), lines),
        ("short.txt".to_owned(), b"short\n".to_vec()),
        ("t.bin".to_owned(), made(0, 100_000)),
        ("own.txt".to_owned(), b"the node's own".to_vec()),
    ];
    assert_same(&site.unzipped("mixed.zip"), &expected.into());
    // Another length: cut, however much has been sent.
    std::fs::write(share.path().join("short.txt"), "longer than before\n").unwrap();
    let got = site.curl(&["-o", "again.zip", &url]);
    assert_eq!(got.status.code(), Some(18), "{}", String::from_utf8_lossy(&got.stderr));
}

fn refused() {
    let site = Site::new();
    site.tab.offer(&[("t", Content::bytes("t"))]);
    site.wait_for_files(1);
    let nobody = format!("{}/peer/{}", site.node.url, "0".repeat(32));
    let (own, tab) = (site.node.url.as_str(), site.tab.url());
    let tab = tab.as_str();
    for (name, files, code, words) in [
        ("a.zip", vec![], ResetCode::BAD_REQUEST, "no file"),
        ("a.exe", vec![(own, "own.txt")], ResetCode::BAD_REQUEST, ".zip or .tar"),
        ("a.zip", vec![(own, "own.txt"), (own, "none.txt")], ResetCode::NOT_FOUND, "none.txt: the file is not there"),
        ("a.zip", vec![(tab, "t"), (tab, "gone")], ResetCode::NOT_FOUND, "gone: the file is not there"),
        ("a.zip", vec![(&nobody, "t")], ResetCode::GONE, "t: the peer that holds the file is not here"),
        ("a.zip", vec![(own, "../own.txt")], ResetCode::NOT_FOUND, "not there"),
        ("a.zip", vec![("no url", "t")], ResetCode::BAD_REQUEST, ""),
        ("a.zip", vec![(own, "own.txt"); 10_001], ResetCode::BAD_REQUEST, "at most 10000 files"),
    ] {
        let (said, text) = site.collect(name, &files).unwrap_err();
        assert_eq!(said, code, "{name}: {text}");
        assert!(text.contains(words), "{text}");
    }
    let (url, _) = site.collect("../a\u{202e}.zip", &vec![(own, "own.txt"); 10_000]).unwrap();
    assert!(url.ends_with("/..__a.zip") || url.ends_with("/.._a.zip"), "{url}");
}
