//! What a tab reads beside its session: sealed, once, and gone with the session.

use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{File, Message, Read, ResetCode, Version};

use super::Site;
use crate::harness::aside::{aside, fetch, opened};
use crate::harness::node::run;
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, MODIFIED, made};
use crate::harness::{ok, stdout, test};

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("tabs::what_is_read_aside_comes_sealed_and_once", once),
        test("tabs::what_is_read_aside_ends_with_its_session_and_not_as_if_it_were_whole", cut),
    ]
}

fn read(site: &Site, path: &str, from: u64, number: u8) -> Read {
    Read {
        peer: Some(if path == "own.txt" { site.node.url.clone() } else { site.tab.url() }),
        of: String::new(),
        path: path.to_owned(),
        from,
        length: None,
        version: None,
        reader: None,
        aside: Some(aside(number)),
    }
}

fn once() {
    let site = Site::new();
    let size = 3_000_000;
    site.tab.offer(&[("large.bin", Content::Made(size))]);
    site.wait_for_files(1);
    let reader = site.open("reader", [9; 16]);
    let body = site.into.path().join("body");
    for (number, path, from, expected) in [
        (1, "own.txt", 0, b"the node's own".to_vec()),
        (2, "large.bin", 0, made(0, 3_000_000)),
        (3, "large.bin", 1_048_576, made(1_048_576, 3_000_000 - 1_048_576)),
        (4, "large.bin", size, Vec::new()),
    ] {
        let asked = reader.begin(read(&site, path, from, number));
        let fetched = wait_for(path, PATIENCE, || {
            let fetched = fetch(&site.node.url, &aside(number), &body);
            // Nobody knows of it until the session was heard.
            fetched.status.success().then_some(fetched)
        });
        ok(&fetched);
        assert!(opened(&std::fs::read(&body).unwrap(), &aside(number)) == (expected.clone(), true), "{path}");
        let (messages, bytes) = reader.rest(asked).unwrap();
        let [Message::File(File { version: Version { size: whole, modified }, length, .. })] = messages.as_slice()
        else {
            panic!("{messages:?}")
        };
        assert_eq!((*length, bytes.len()), (expected.len() as u64, 0), "the session has none of it");
        assert!(path == "own.txt" || (*whole, *modified) == (size, MODIFIED));
        let again = fetch(&site.node.url, &aside(number), &body);
        assert!(String::from_utf8_lossy(&again.stderr).contains("404"), "{again:?}");
    }
    // Two cannot wait for the same.
    let mut first = reader.begin(read(&site, "own.txt", 0, 5));
    reader.block_on(first.next()).unwrap();
    assert_eq!(reader.ask(read(&site, "own.txt", 0, 5)).unwrap_err().code(), Some(ResetCode::BUSY));
    // Who only asks for the head takes it from nobody.
    let mut curl = Command::new("curl");
    let looked = run(curl.args(["--silent", "--head"]).arg(format!("{}{}", site.node.url, aside(5).path())));
    assert!(stdout(&looked).contains(" 405 "), "{looked:?}");
    ok(&fetch(&site.node.url, &aside(5), &body));
    reader.rest(first).unwrap();
}

fn cut() {
    let site = Site::new();
    site.tab.offer(&[("large.bin", Content::Made(1 << 30))]);
    site.wait_for_files(1);
    let mut reader = site.open("reader", [9; 16]);
    let body = site.into.path().join("body");
    let _asked = reader.begin(read(&site, "large.bin", 0, 1));
    let mut curl = wait_for("it to be there", PATIENCE, || {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--limit-rate", "4M", "--max-time", "60", "--output"]).arg(&body);
        curl.arg(format!("{}{}", site.node.url, aside(1).path())).stderr(Stdio::null());
        let mut curl = curl.spawn().unwrap();
        let came = || std::fs::metadata(&body).is_ok_and(|body| body.len() > 0);
        while !came() {
            if curl.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        Some(curl)
    });
    reader.crash();
    curl.wait().unwrap();
    let (bytes, is_whole) = opened(&std::fs::read(&body).unwrap(), &aside(1));
    assert!(!is_whole && bytes == made(0, bytes.len()), "{} bytes", bytes.len());
    assert!(!bytes.is_empty() && bytes.len() < 1 << 29, "it ended soon: {} bytes", bytes.len());
}
