//! Files of a tab, fetched by those who know nothing of tabs.

use std::process::{Command, Output};

use libtest_mimic::Trial;
use shared::bridge::{Message, ResetCode, Ticket, Ticketed};

use super::{PASSWORD, SECRET, Site};
use crate::harness::node::run;
use crate::harness::original::Original;
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, made};
use crate::harness::tree::{assert_same, binary, content, text};
use crate::harness::{Trials, can_be_run, ok, stdout, test};

const MIB: u64 = 1 << 20;

pub(super) fn trials() -> Vec<Trial> {
    let original = Original::find();
    let curl = can_be_run("curl");
    let python = can_be_run("python3");
    let mut of_2004 = Trials::needing("the program of 2004 under Python 2.7", &original);
    of_2004.add("tabs::the_client_of_2004_fetches_from_a_tab", of_2004_fetches);
    let mut by_curl = Trials::needing("curl", &curl);
    by_curl.add("tabs::curl_fetches_by_ticket_and_resumes", |()| by_ticket());
    by_curl.add("tabs::large_file_of_a_tab_takes_little_memory", |()| large());
    let mut by_python = Trials::needing("Python 3", &python);
    by_python.add("tabs::python_3_lists_and_fetches", |()| python_3());
    [of_2004.into_vec(), by_curl.into_vec(), by_python.into_vec(), vec![test("tabs::our_own_get_fetches", own_get)]]
        .into_iter()
        .flatten()
        .collect()
}

impl Site {
    /// A URL by which the tab's file is downloaded.
    pub(super) fn ticket(&self, path: &str) -> String {
        let ticketed = self.mint(&self.tab.url(), path).expect("a ticket");
        format!("{}{}", self.node.url, ticketed.href)
    }

    pub(super) fn mint(&self, peer: &str, path: &str) -> Result<Ticketed, ResetCode> {
        let ticket = Ticket { peer: peer.to_owned(), path: path.to_owned(), preview: false };
        match self.tab.ask(ticket) {
            Ok((messages, _)) => match messages.as_slice() {
                [Message::Ticketed(ticketed)] => Ok(ticketed.clone()),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error.code().expect("a code")),
        }
    }

    /// curl in the folder for downloads.
    pub(super) fn curl(&self, arguments: &[&str]) -> Output {
        run(Command::new("curl")
            .current_dir(self.into.path())
            .args(["--silent", "--show-error", "--fail", "--max-time", "120"])
            .args(arguments))
    }

    pub(super) fn saved(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.into.path().join(name)).expect("a saved file")
    }

    /// Waits until the tab lists as many files.
    pub(super) fn wait_for_files(&self, count: usize) {
        let url = self.tab.url();
        wait_for("the tab's listing", std::time::Duration::from_secs(20), || {
            (self.names(&url).len() == count).then_some(())
        });
    }
}

fn of_2004_fetches(original: &Original) {
    let site = Site::new();
    let (short, long) = (text(1_000), text(3_000_000));
    site.tab.offer(&[
        ("short.txt", Content::bytes(short.clone())),
        ("long.txt", Content::bytes(long.clone())),
        ("empty.txt", Content::bytes("")),
        ("binary.dat", Content::bytes(binary(100_000))),
        ("d/deep.txt", Content::bytes("in a folder")),
    ]);
    site.wait_for_files(4);
    // It is told of the tab by the node, and asks both.
    let got = original.get(site.into.path(), PASSWORD, &site.node.url, "");
    ok(&got);
    let expected = [
        ("own.txt".to_owned(), b"the node's own".to_vec()),
        ("short.txt".to_owned(), short),
        ("long.txt".to_owned(), long),
        ("empty.txt".to_owned(), Vec::new()),
    ];
    assert_same(&content(site.into.path()), &expected.into());
}

fn own_get() {
    let site = Site::new();
    let files = [("t.txt", text(70_000)), ("b.bin", binary(700_000)), ("d/e/deep.bin", binary(10))];
    let offered: Vec<_> = files.iter().map(|(name, bytes)| (*name, Content::bytes(bytes.clone()))).collect();
    site.tab.offer(&offered);
    site.wait_for_files(2);
    ok(&crate::harness::node::get(&site.node.url, PASSWORD, "", site.into.path()));
    let mut expected: std::collections::BTreeMap<_, _> =
        files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    expected.insert("own.txt".to_owned(), b"the node's own".to_vec());
    assert_same(&content(site.into.path()), &expected);
}

fn python_3() {
    const PROGRAM: &str = "
import hmac, sys, xmlrpc.client
password, url = sys.argv[1:3]
token = hmac.new(password.encode(), url.encode(), 'md5').hexdigest()
f = xmlrpc.client.ServerProxy(url).f
print(f(token, 0, []))
print(f(token, 1, '[.]'))
for name in 'binary.dat', 'made.dat', 'plain.txt':
    content = f(token, 2, name)
    content = content.data if isinstance(content, xmlrpc.client.Binary) else content.encode()
    open(name, 'wb').write(content)
print(f('wrong', 1, ''))
";
    let site = Site::new();
    let (bytes, plain) = (binary(5_000_000), text(200_000));
    site.tab.offer(&[
        ("binary.dat", Content::bytes(bytes.clone())),
        // Nobody has looked into it.
        ("made.dat", Content::Made(3 * MIB + 5)),
        ("plain.txt", Content::bytes(plain.clone())),
    ]);
    site.wait_for_files(3);
    let url = site.tab.url();
    let mut python = Command::new("python3");
    let got = run(python.current_dir(site.into.path()).args(["-c", PROGRAM, PASSWORD, &url]));
    ok(&got);
    let expected = format!("['{url}', '{}']\n[['binary.dat', 'made.dat', 'plain.txt']]\nFalse\n", site.node.url);
    assert_eq!(stdout(&got), expected);
    assert!(site.saved("binary.dat") == bytes && site.saved("plain.txt") == plain);
    assert!(site.saved("made.dat") == made(0, (3 * MIB + 5) as usize));
}

fn by_ticket() {
    let site = Site::new();
    let bytes = binary(3_000_001);
    site.tab.offer(&[("odd näme.bin", Content::bytes(bytes.clone())), ("small", Content::bytes("small"))]);
    site.wait_for_files(2);
    let url = site.ticket("odd näme.bin");
    ok(&site.curl(&["-o", "whole", &url]));
    assert!(site.saved("whole") == bytes);
    ok(&site.curl(&["-r", "1000000-1999999", "-o", "part", &url]));
    assert!(site.saved("part") == bytes[1_000_000..2_000_000]);
    std::fs::write(site.into.path().join("begun"), &bytes[..123_457]).unwrap();
    ok(&site.curl(&["-C", "-", "-o", "begun", &url]));
    assert!(site.saved("begun") == bytes);
    let head = stdout(&site.curl(&["--head", &url]));
    assert!(head.contains("content-length: 3000001") && head.contains("accept-ranges: bytes"), "{head}");
    ok(&site.curl(&["-o", "small", &site.ticket("small")]));
    assert_eq!(site.saved("small"), b"small");
    assert!(
        site.tab.reads().iter().all(|read| read.reader.as_deref() == Some("127.0.0.1")),
        "the tab learns who reads"
    );
    // A ticket outlives the session that asked for it, and not the version of its file.
    let second = site.open("the same tab, reloaded", SECRET);
    second.offer(&[("odd näme.bin", Content::bytes(bytes.clone()))]);
    wait_for("the second session to speak for the tab", std::time::Duration::from_secs(20), || {
        (site.names(&second.url()) == ["odd näme.bin"]).then_some(())
    });
    ok(&site.curl(&["-o", "again", &url]));
    assert!(site.saved("again") == bytes);
    second.offer(&[("odd näme.bin", Content::bytes("other"))]);
    wait_for("the other version", std::time::Duration::from_secs(20), || {
        let got = site.curl(&["-o", "other", "-w", "%{http_code}", &url]);
        (stdout(&got) == "410").then_some(())
    });
}

fn large() {
    let site = Site::new();
    let size = 300 * MIB;
    site.tab.offer(&[("large.bin", Content::Made(size))]);
    site.wait_for_files(1);
    let url = site.ticket("large.bin");
    ok(&site.curl(&["-r", "0-999999", "-o", "first", &url]));
    site.node.forget_peak_memory();
    let before = site.node.peak_memory();
    let begun = std::time::Instant::now();
    ok(&site.curl(&["-o", "large.bin", &url]));
    let took = begun.elapsed();
    let growth = site.node.peak_memory().saturating_sub(before);
    eprintln!(
        "300 MiB from a tab to curl: {} KiB more, {:.0} MB/s",
        growth / 1024,
        size as f64 / 1e6 / took.as_secs_f64()
    );
    let got = std::fs::File::open(site.into.path().join("large.bin")).unwrap();
    assert_eq!(got.metadata().unwrap().len(), size);
    let mut got = std::io::BufReader::new(got);
    for at in (0..size).step_by(MIB as usize) {
        let mut piece = vec![0; MIB as usize];
        std::io::Read::read_exact(&mut got, &mut piece).unwrap();
        assert!(piece == made(at, MIB as usize), "at {at}");
    }
    assert!(growth < 4 * MIB, "{growth} bytes more");
}
