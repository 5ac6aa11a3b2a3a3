//! Files put into a drop box by `curl`, with nothing but a URL.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;
use shared::Password;
use shared::PeerUrl;
use shared::xmlrpc::{Value, write_call};
use tempfile::TempDir;

use super::PASSWORD;
use crate::harness::Trials;
use crate::harness::disk::SmallDisk;
use crate::harness::node::{Node, run};
use crate::harness::process::wait_for;
use crate::harness::tree::{assert_same, binary, content, names, tree};

pub(super) fn trials(curl: &Result<(), String>) -> Vec<Trial> {
    let mut trials = Trials::needing("curl", curl);
    trials.add("curl_puts_files_into_a_drop_box", |()| puts());
    trials.add("c25_a_url_of_a_drop_box_is_for_nothing_else", |()| nothing_else());
    trials.add("c25_what_may_not_be_put_is_refused_before_it_is_sent", |()| refused());
    trials.add("c25_a_file_that_breaks_off_on_its_way_into_a_drop_box_leaves_nothing", |()| broken_off());
    let disk = SmallDisk::can_be().and(curl.clone());
    let mut mounted = Trials::needing("root, for a small disk to fill, and curl", &disk);
    mounted.add("a_disk_that_fills_up_while_curl_puts_a_file_is_named", |()| full_disk());
    trials.into_vec().into_iter().chain(mounted.into_vec()).collect()
}

/// A node, its folder and a URL to put files at.
struct Site {
    node: Node,
    share: TempDir,
    url: String,
}

/// `tinyp2p.drop_box(token)` with the token of this password, or its fault.
fn ask(node: &Node, password: &str) -> Result<Value, shared::Fault> {
    let token = Password::new(password).token(&PeerUrl::parse(&node.url).unwrap());
    super::call(&node.url, &write_call("tinyp2p.drop_box", &[token.reveal().into()]))
}

fn url_of(node: &Node) -> String {
    match ask(node, PASSWORD) {
        Ok(Value::String(url)) => url,
        other => panic!("{other:?}"),
    }
}

impl Site {
    fn new(files: &[(&str, &[u8])], more: &[&str]) -> Self {
        let share = tree(files);
        let node = Node::serve(share.path(), PASSWORD, more);
        let url = url_of(&node);
        Self { node, share, url }
    }

    /// `curl -T FILE URL PATH`: its status and words.
    fn put(&self, file: &Path, path: &str, more: &[&str]) -> (u16, String) {
        put(&format!("{}{path}", self.url), file, more)
    }
}

fn put(url: &str, file: &Path, more: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--path-as-is", "--max-time", "60", "--write-out", "%{http_code}"]);
    let output = run(curl.args(more).arg("--upload-file").arg(file).arg(url));
    let said = String::from_utf8(output.stdout).unwrap();
    let (words, status) = said.split_at(said.len().checked_sub(3).expect("a status"));
    (status.parse().unwrap(), words.trim_end().to_owned())
}

fn puts() {
    let site = Site::new(&[("there.txt", b"theirs")], &["--drop-box"]);
    let mine = tree(&[("a.bin", &binary(5_000_001)), ("empty", b""), ("there.txt", b"mine"), ("ü b.txt", b"umlaut")]);
    let at = |name: &str| mine.path().join(name);
    // As `curl -T FILE URL/` does it, and by a path.
    assert_eq!(site.put(&at("a.bin"), "", &[]), (201, "a.bin".into()));
    assert_eq!(site.put(&at("empty"), "new/folder/nothing", &[]), (201, "new/folder/nothing".into()));
    assert_eq!(site.put(&at("ü b.txt"), "new/%C3%BC%20b.txt", &[]), (201, "new/ü b.txt".into()));
    // Nothing is replaced, and the same is not kept twice.
    assert_eq!(site.put(&at("there.txt"), "", &[]), (201, "there (1).txt".into()));
    assert_eq!(site.put(&at("there.txt"), "", &[]), (200, "there (1).txt".into()));
    assert_eq!(site.put(&at("a.bin"), "", &[]), (200, "a.bin".into()));
    let expected = [
        ("a.bin".to_owned(), binary(5_000_001)),
        ("new/folder/nothing".to_owned(), Vec::new()),
        ("new/ü b.txt".to_owned(), b"umlaut".to_vec()),
        ("there (1).txt".to_owned(), b"mine".to_vec()),
        ("there.txt".to_owned(), b"theirs".to_vec()),
    ];
    assert_same(&content(site.share.path()), &expected.into());
    // Everybody finds it.
    let into = tempfile::tempdir().unwrap();
    wait_for("the node to list all of it", Duration::from_secs(20), || {
        crate::harness::ok(&crate::harness::node::get(&site.node.url, PASSWORD, "", into.path()));
        (names(into.path()).len() == 5).then_some(())
    });
    assert_same(&content(into.path()), &content(site.share.path()));
}

fn nothing_else() {
    let site = Site::new(&[("a.txt", b"a")], &["--drop-box"]);
    let mine = tree(&[("b.txt", b"b")]);
    let file = mine.path().join("b.txt");
    // Of whoever does not know the password, and where no files are taken.
    assert_eq!(ask(&site.node, "another password"), Ok(Value::Bool(false)));
    let other = Node::serve(mine.path(), PASSWORD, &[]);
    assert!(ask(&other, PASSWORD).unwrap_err().message.contains("--drop-box"));
    let ticket = site.url.split('/').nth(4).unwrap();
    assert_eq!(put(&site.url.replace(ticket, &"0".repeat(32)), &file, &[]).0, 404);
    assert_eq!(put(&format!("{}/put/{ticket}/", other.url), &file, &[]).0, 404, "it is another node's");
    // Nothing can be fetched by it, and with a ticket for a file nothing put.
    let get = |url: String| {
        run(Command::new("curl").args(["--silent", "--write-out", "%{http_code}", "--max-time", "20", &url]))
    };
    assert!(get(format!("{}/get/{ticket}/a.txt", site.node.url)).stdout.ends_with(b"404"));
    assert!(get(format!("{}a.txt", site.url)).stdout.ends_with(b"405"));
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(&site.node.url).unwrap());
    let for_a_file =
        super::call(&site.node.url, &write_call("tinyp2p.ticket", &[token.reveal().into(), "a.txt".into()]));
    let Ok(Value::String(url)) = for_a_file else { panic!("{for_a_file:?}") };
    assert_eq!(put(&url.replace("/get/", "/put/"), &file, &[]).0, 404);
    assert_eq!(names(site.share.path()).into_iter().collect::<Vec<_>>(), ["a.txt"]);
}

fn refused() {
    let site = Site::new(&[("a.txt", b"a")], &["--drop-box", "--max-file-size", "1M"]);
    let mine = tree(&[("b.txt", b"b"), ("large.bin", &binary(3_000_000))]);
    let (small, large) = (mine.path().join("b.txt"), mine.path().join("large.bin"));
    let is = |got: (u16, String), status: u16, words: &str| {
        assert!(got.0 == status && got.1.contains(words), "{got:?}, not {status} {words:?}");
    };
    for path in ["%2e%2e/x", "x/../../y", "%2Fetc%2Fx", "a%00b", "%ff", "x/"] {
        let got = put(&format!("{}{path}", site.url), &small, &["--globoff"]);
        // curl adds the name of the file to what ends in a slash.
        if path == "x/" { assert_eq!(got, (201, "x/b.txt".into())) } else { is(got, 400, "name") }
    }
    is(site.put(&small, ".hidden", &[]), 403, "begins with a dot");
    is(site.put(&large, "", &[]), 413, "larger than what is taken");
    is(site.put(&small, "c", &["--header", "Content-Range: bytes 0-0/5"]), 400, "whole");
    is(site.put(&small, "c", &["--header", "Content-Encoding: gzip"]), 415, "as it is");
    is(site.put(&small, "c", &["--header", "Transfer-Encoding: chunked"]), 411, "Content-Length");
    is(site.put(&small, "c", &["--header", "Origin: http://evil.example"]), 403, "other sites");
    is(site.put(&small, "a.txt/below", &[]), 409, "would have to be a folder");
    let nameless = run(Command::new("curl").args(["--silent", "--request", "PUT", "--data", "x", &site.url]));
    assert!(String::from_utf8_lossy(&nameless.stdout).contains("the name of the file is missing"), "{nameless:?}");
    let limited = Site::new(&[("a.bin", &binary(300_000))], &["--drop-box=1M"]);
    is(limited.put(&large, "", &[]), 507, "as much as may be put here");
    // One after the other at once: what is saved counts, though it is not listed yet.
    let some = tree(&[("some.bin", &binary(400_000))]);
    is(limited.put(&some.path().join("some.bin"), "1", &[]), 201, "1");
    is(limited.put(&some.path().join("some.bin"), "2", &[]), 507, "as much as may be put here");
    assert_eq!(names(site.share.path()).into_iter().collect::<Vec<_>>(), ["a.txt", "x/b.txt"]);
    assert_eq!(names(limited.share.path()).len(), 2);
}

/// The head of a request that puts a file, and so much of its body.
fn begin(site: &Site, name: &str, announced: usize, sent: usize) -> TcpStream {
    let path = site.url.strip_prefix(&site.node.url).unwrap();
    let mut stream = TcpStream::connect(site.node.address()).unwrap();
    write!(stream, "PUT {path}{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: {announced}\r\n\r\n", site.node.address())
        .unwrap();
    stream.write_all(&binary(sent)).unwrap();
    stream
}

fn broken_off() {
    let site = Site::new(&[], &["--drop-box"]);
    let is_begun = |site: &Site| names(site.share.path()).iter().any(|name| name.ends_with(".part"));
    // Whoever says no more, and reads still, is told.
    let mut stream = begin(&site, "half.bin", 4 << 20, 2 << 20);
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _reset = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // Whoever is gone.
    let stream = begin(&site, "gone.bin", 4 << 20, 2 << 20);
    wait_for("it to be begun", Duration::from_secs(20), || is_begun(&site).then_some(()));
    drop(stream);
    wait_for("all of it to be gone", Duration::from_secs(20), || names(site.share.path()).is_empty().then_some(()));
    // A node that is killed: nothing has its final name.
    let _stream = begin(&site, "killed.bin", 4 << 20, 2 << 20);
    wait_for("it to be begun", Duration::from_secs(20), || is_begun(&site).then_some(()));
    drop(site.node.process.kill());
    assert!(!names(site.share.path()).contains("killed.bin"));
}

fn full_disk() {
    let disk = SmallDisk::of_mib(24).unwrap();
    let node = Node::serve(disk.path(), PASSWORD, &["--drop-box"]);
    let site = Site { url: url_of(&node), node, share: tree(&[]) };
    let mine = tree(&[("large.bin", &binary(12 << 20)), ("small.txt", b"small")]);
    // It fits when it is asked for, and not any more when it comes.
    let mut stream = begin(&site, "large.bin", 12 << 20, 2 << 20);
    wait_for("it to be begun", Duration::from_secs(20), || {
        names(disk.path()).iter().any(|name| name.ends_with(".part")).then_some(())
    });
    std::fs::write(disk.path().join("other.bin"), binary(18 << 20)).unwrap();
    // The node may close it before all is sent.
    let _refused = stream.write_all(&binary(12 << 20)[2 << 20..]);
    let mut answer = String::new();
    let _reset = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 507 "), "{answer}");
    let got = site.put(&mine.path().join("large.bin"), "", &[]);
    assert!(got.0 == 507 && got.1.contains("room"), "{got:?}");
    assert_eq!(names(disk.path()).into_iter().collect::<Vec<_>>(), ["other.bin"]);
    std::fs::remove_file(disk.path().join("other.bin")).unwrap();
    assert_eq!(site.put(&mine.path().join("large.bin"), "", &[]), (201, "large.bin".into()));
    assert!(content(disk.path())["large.bin"] == binary(12 << 20));
}
