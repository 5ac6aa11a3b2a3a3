//! Several files as one archive over plain HTTP, taken apart by the programs that people have.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::Fault;
use shared::xmlrpc::{Value, read_reply, write_call};

use super::Site;
use crate::harness::node::run;
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::{assert_same, binary, content, text};
use crate::harness::{Trials, ok, stdout};

/// What curl says when a transfer ended before its length was reached.
const PARTIAL: Option<i32> = Some(18);

pub(super) fn trials(curl: &Result<(), String>) -> Vec<Trial> {
    let there = |program: &str, argument: &str| {
        Command::new(program).arg(argument).output().map(drop).map_err(|error| format!("{program}: {error}"))
    };
    let python = curl.clone().and(there("python3", "--version"));
    let mut trials = Trials::needing("curl and Python 3", &python);
    trials.add("tickets::a_zip_and_a_tar_are_what_is_shared", |()| what_is_shared());
    trials.add("tickets::an_archive_is_resumed_anywhere", |()| resumes());
    trials.add("tickets::an_archive_of_a_file_that_changes_is_cut", |()| changes());
    trials.add("tickets::an_archive_has_one_version_and_is_asked_for_rightly", |()| one_version());
    trials.add("tickets::a_large_archive_takes_a_few_mebibytes", |()| memory());
    let mut all = trials.into_vec();
    for (program, argument) in [("unzip", "-v"), ("tar", "--version"), ("bsdtar", "--version")] {
        let needed = curl.clone().and(there(program, argument));
        let mut with = Trials::needing(&format!("curl and {program}"), &needed);
        with.add(&format!("tickets::{program}_takes_archives_apart"), move |()| taken_apart_by(program));
        all.extend(with.into_vec());
    }
    all
}

impl Site {
    /// `tinyp2p.ticket(token, paths, name)`, or its fault.
    fn collect(&self, paths: &[&str], name: &str) -> Result<Value, Fault> {
        let paths = paths.iter().map(|path| Value::from(*path)).collect();
        let call = write_call("tinyp2p.ticket", &[self.token.as_str().into(), Value::Array(paths), name.into()]);
        let asked = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(asked.path(), call).unwrap();
        let got = self.curl(&["--data-binary", &format!("@{}", asked.path().display()), &self.node.url]);
        ok(&got);
        read_reply(&got.stdout).expect("an answer")
    }

    /// The URL of an archive of these.
    fn archive(&self, paths: &[&str], name: &str) -> String {
        match self.collect(paths, name) {
            Ok(Value::String(url)) => url,
            other => panic!("{other:?}"),
        }
    }

    /// All of an archive.
    fn whole(&self, url: &str) -> Vec<u8> {
        let got = self.curl(&["--include", url]);
        ok(&got);
        let end = got.stdout.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(got.stdout[..end].to_vec()).unwrap().to_lowercase();
        let length = format!("content-length: {}\r\n", got.stdout.len() - end);
        assert!(head.contains(&length), "{head}");
        got.stdout[end..].to_vec()
    }
}

/// A folder with names, sizes and times of every kind; one file may be run.
fn odd() -> (Site, BTreeMap<String, Vec<u8>>) {
    let large = binary(3_000_001);
    let lines = text(70_000);
    let long = ["long name"; 20].join(" ");
    let files: [(&str, &[u8]); 9] = [
        ("plain.txt", b"plain"),
        ("empty", b""),
        ("Music/\u{1f389} party.mp3", &large),
        ("Music/\u{5e9}\u{5dc}\u{5d5}\u{5dd}.txt", &lines),
        ("Music/say 'hi' & go.txt", b"quotes"),
        ("Music/deep/er/and deeper/empty too", b""),
        ("Music/run.sh", b"#!/bin/sh\necho run\n"),
        ("100%.txt", b"percent"),
        (&long, b"long"),
    ];
    let site = Site::new(&files);
    let times = [1_104_537_598, 86_400, 2_000_000_000];
    for (index, (path, _)) in files.iter().enumerate() {
        let file = File::options().write(true).open(site.share.path().join(path)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(times[index % 3])).unwrap();
    }
    set_mode(&site.share.path().join("Music/run.sh"), 0o755);
    site.url("100%.txt");
    let shared = content(site.share.path());
    (site, shared)
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Times, in seconds, and whether its owner may run it, of all files below a folder.
fn facts(folder: &Path) -> BTreeMap<String, (u64, bool)> {
    use std::os::unix::fs::MetadataExt;
    let fact = |name: &String| {
        let facts = std::fs::metadata(folder.join(name)).unwrap();
        (name.clone(), (facts.mtime().try_into().unwrap(), facts.mode() & 0o100 != 0))
    };
    content(folder).keys().map(fact).collect()
}

fn what_is_shared() {
    let (site, shared) = odd();
    let script = "
import io, json, sys, tarfile, zipfile
data = sys.stdin.buffer.read()
said = {}
if sys.argv[1].endswith('.zip'):
    whole = zipfile.ZipFile(io.BytesIO(data))
    assert whole.testzip() is None
    for it in whole.infolist():
        assert it.compress_type == 0 and it.flag_bits == 0x808, it
        said[it.filename] = [whole.read(it).hex(), oct(it.external_attr >> 16), list(it.date_time)]
else:
    whole = tarfile.open(fileobj=io.BytesIO(data))
    for it in whole:
        assert it.isreg(), it
        said[it.name] = [whole.extractfile(it).read().hex(), oct(0o100000 | it.mode), it.mtime]
json.dump(said, sys.stdout)
";
    for name in ["all.zip", "all.tar"] {
        let url = site.archive(&["/"], name);
        assert!(url.ends_with(name), "{url}");
        let whole = site.whole(&url);
        let mut python = Command::new("python3");
        python.args(["-c", script, name]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let feeding = std::thread::spawn(move || to.write_all(&whole));
        let said = child.wait_with_output().unwrap();
        feeding.join().unwrap().unwrap();
        ok(&said);
        let said: BTreeMap<String, (String, String, serde_json::Value)> = serde_json::from_slice(&said.stdout).unwrap();
        let found = said.iter().map(|(name, (hex, ..))| (name.clone(), bytes(hex))).collect();
        assert_same(&found, &shared);
        let modes: Vec<_> = said.iter().map(|(name, (_, mode, _))| (name.as_str(), mode.as_str())).collect();
        for (name, mode) in modes {
            assert_eq!(mode, if name == "Music/run.sh" { "0o100755" } else { "0o100644" }, "{name}");
        }
        let (_, _, time) = &said["plain.txt"];
        let expected = if name == "all.zip" {
            serde_json::json!([2004, 12, 31, 23, 59, 58])
        } else {
            serde_json::json!(1_104_537_598)
        };
        assert_eq!(*time, expected);
    }
    // One folder, and some files by name: in the order of the wish, and a name that comes twice gets a number.
    let url = site.archive(&["Music/", "plain.txt", "plain.txt"], "a \"b\".zip");
    let head = stdout(&site.curl(&["--head", &url]));
    assert!(head.contains("filename=\"a _b_.zip\""), "{head}");
    assert!(head.contains("content-type: application/zip\r\n"), "{head}");
    std::fs::write(site.saved().join("some.zip"), site.whole(&url)).unwrap();
    let names = run(Command::new("python3")
        .args(["-c", "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))"])
        .arg(site.saved().join("some.zip")));
    ok(&names);
    let names = stdout(&names);
    let names: Vec<&str> = names.lines().collect();
    let mut expected: Vec<&str> = shared.keys().map(String::as_str).filter(|name| name.starts_with("Music/")).collect();
    expected.extend(["plain.txt", "plain (1).txt"]);
    assert_eq!(names, expected);
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A program of people's takes them apart: all bytes, times and permissions.
fn taken_apart_by(program: &str) {
    let (site, shared) = odd();
    let original = facts(site.share.path());
    for name in if program == "unzip" { &["all.zip"][..] } else { &["all.tar"] } {
        let into = tempfile::tempdir().unwrap();
        let archive = site.saved().join(name);
        std::fs::write(&archive, site.whole(&site.archive(&["/"], name))).unwrap();
        let mut command = Command::new(program);
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        let taken = match program {
            "unzip" => {
                let tested = run(Command::new("unzip").arg("-t").arg(&archive));
                ok(&tested);
                assert!(stdout(&tested).contains("No errors detected"), "{}", stdout(&tested));
                command.arg("-q").arg(&archive).arg("-d").arg(into.path())
            }
            _ => command.arg("-xf").arg(&archive).arg("-C").arg(into.path()),
        };
        ok(&run(taken));
        assert_same(&content(into.path()), &shared);
        assert_eq!(facts(into.path()), original, "{program} of {name}");
    }
    if program == "bsdtar" {
        // From a pipe it has only what stands before each file.
        let into = tempfile::tempdir().unwrap();
        let url = site.archive(&["/"], "all.zip");
        let piped = format!("curl -sS --fail '{url}' | bsdtar -xf - -C '{}'", into.path().display());
        ok(&run(Command::new("sh").env("LC_ALL", "C.UTF-8").args(["-c", &piped])));
        assert_same(&content(into.path()), &shared);
    }
}

fn resumes() {
    let (site, _) = odd();
    for name in ["all.zip", "all.tar"] {
        let whole = site.whole(&site.archive(&["/"], name));
        let size = whole.len();
        // Offsets all over it, the same each time: into heads, contents, what follows them and the end. A ticket of its own
        // for each has seen nothing of what stands before.
        let mut state = 2_004_u64;
        let mut offsets = vec![1, size - 1, size - 22, size - 400];
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            offsets.push(usize::try_from(state >> 33).unwrap() % size);
        }
        let kept = site.archive(&["/"], name);
        for (index, offset) in offsets.into_iter().enumerate() {
            let url = if index % 2 == 0 { site.archive(&["/"], name) } else { kept.clone() };
            std::fs::write(site.saved().join(name), &whole[..offset]).unwrap();
            let arguments =
                ["--continue-at", "-", "--output", name, "--write-out", "%{http_code} %{size_download}", &url];
            let got = site.curl(&arguments);
            ok(&got);
            assert_eq!(stdout(&got), format!("206 {}", size - offset));
            assert!(std::fs::read(site.saved().join(name)).unwrap() == whole, "{name} from {offset} on");
            let end = (offset + 70_000).min(size);
            let got = site.curl(&["--range", &format!("{offset}-{}", end - 1), &url]);
            ok(&got);
            assert!(got.stdout == whole[offset..end], "{name}: {offset}..{end}");
        }
    }
}

fn changes() {
    const SIZE: u64 = 64 << 20;
    let site = Site::new(&[("a.txt", b"first"), ("z.txt", b"last")]);
    site.sparse("b.bin", SIZE);
    site.url("b.bin");
    type Change = fn(&Path);
    // While it is sent, and before it is come to.
    let under_way: [(&str, Change); 2] = [
        ("b.bin", |path| File::options().append(true).open(path).unwrap().write_all(b"x").unwrap()),
        ("z.txt", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (changed, change) in under_way {
        let url = site.archive(&["/"], "all.zip");
        let running = started(&site, &url);
        change(&site.share.path().join(changed));
        let output = running.wait(Duration::from_secs(60));
        assert_eq!(output.status.code(), PARTIAL, "{changed}: {}", String::from_utf8_lossy(&output.stderr));
        // Gone on with there, it is told in words.
        if changed == "b.bin" {
            let at = std::fs::metadata(site.saved().join("all.zip")).unwrap().len();
            let got = site.curl(&["--range", &format!("{at}-"), "--write-out", "%{http_code}", &url]);
            assert_eq!((got.status.code(), stdout(&got)), (Some(22), "410".to_owned()));
        }
        std::fs::remove_file(site.saved().join("all.zip")).unwrap();
    }
}

/// curl that reads an archive slowly, once some of it has come.
fn started(site: &Site, url: &str) -> Running {
    let mut curl = Command::new("curl");
    curl.current_dir(site.saved());
    curl.args(["--silent", "--show-error", "--fail", "--limit-rate", "24M", "--output", "all.zip", url]);
    let child = curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running::new(child.unwrap());
    wait_for("some of it to come", Duration::from_secs(10), || {
        assert!(running.is_running(), "{}", running.error_text());
        let got = std::fs::metadata(site.saved().join("all.zip")).map_or(0, |file| file.len());
        (got > 0).then(|| assert!(got < 32 << 20, "{got} bytes came already"))
    });
    running
}

fn one_version() {
    let site = Site::new(&[("a.txt", b"text"), ("d/b.txt", b"more"), (".hidden", b"secret")]);
    site.url("a.txt");
    let tag = |url: &str| {
        let head = stdout(&site.curl(&["--head", url])).to_lowercase();
        assert!(head.contains("accept-ranges: bytes\r\n"), "{head}");
        head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
    };
    let code = |arguments: &[&str]| {
        stdout(&site.curl(&[arguments, &["--output", "x", "--write-out", "%{http_code}"]].concat()))
    };
    let first = site.archive(&["/"], "all.zip");
    // The same files are the same archive under any link; others are not.
    assert_eq!(tag(&first), tag(&site.archive(&["/"], "other.zip")));
    assert_eq!(code(&["--header", &format!("If-None-Match: {}", tag(&first)), &first]), "304");
    assert_eq!(code(&["--range", "5-", "--header", &format!("If-Range: {}", tag(&first)), &first]), "206");
    assert_eq!(code(&["--range", "5-", "--header", "If-Range: \"other\"", &first]), "200");
    assert_eq!(code(&["--range", "99999-", &first]), "416");
    for other in [site.archive(&["a.txt"], "all.zip"), site.archive(&["/"], "all.tar")] {
        assert_ne!(tag(&first), tag(&other));
    }
    std::fs::write(site.share.path().join("a.txt"), "texts").unwrap();
    assert_ne!(tag(&first), tag(&site.archive(&["/"], "all.zip")));
    // What cannot be had is no archive, and what is hidden is not in one.
    for (paths, name) in [
        (&["none"][..], "a.zip"),
        (&[".hidden"], "a.zip"),
        (&["../a.txt"], "a.zip"),
        (&["a.txt", "none"], "a.zip"),
        (&["none/"], "a.zip"),
        (&[], "a.zip"),
        (&["a.txt"], "a.rar"),
        (&["a.txt"], ""),
    ] {
        let fault = site.collect(paths, name).unwrap_err();
        assert_eq!(fault.code, Fault::APPLICATION, "{paths:?} {name}: {}", fault.message);
    }
    let whole = String::from_utf8_lossy(&site.whole(&site.archive(&["/"], "all.zip"))).into_owned();
    assert!(!whole.contains("hidden") && !whole.contains("secret"));
}

fn memory() {
    let site = Site::new(&[]);
    for name in ["a.bin", "b.bin"] {
        site.sparse(name, 400 << 20);
        site.url(name);
    }
    let url = site.archive(&["/"], "all.zip");
    let before = site.memory_from_now_on();
    let got: Output = site.curl(&["--output", "/dev/null", "--write-out", "%{size_download} %{speed_download}", &url]);
    ok(&got);
    let growth = site.node.peak_memory().saturating_sub(before);
    eprintln!("800 MiB as a zip, bytes and bytes a second: {}; {} KiB more", stdout(&got), growth / 1024);
    assert!(growth < 6 << 20, "{growth} bytes more");
}
