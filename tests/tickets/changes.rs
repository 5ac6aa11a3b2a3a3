//! A file that changes or goes away while it is fetched: nobody takes a part for the whole, or two halves for one.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;

use super::Site;
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::binary;
use crate::harness::{Trials, ok, stdout};

/// What curl says when a transfer ended before its length was reached.
const PARTIAL: Option<i32> = Some(18);
const SIZE: u64 = 64 << 20;

pub(super) fn trials(curl: &Result<(), String>) -> Vec<Trial> {
    let mut trials = Trials::needing("curl", curl);
    trials.add("tickets::a_file_that_changes_under_way_is_cut", |()| {
        changes_under_way(|path| File::options().append(true).open(path).unwrap().write_all(b"x").unwrap());
        changes_under_way(|path| File::options().write(true).open(path).unwrap().set_len(SIZE / 2).unwrap());
        changes_under_way(|path| File::options().write(true).open(path).unwrap().write_all(b"x").unwrap());
    });
    trials.add("tickets::a_file_that_is_replaced_or_removed_is_sent_to_its_end", |()| {
        replaced_under_way(|path| std::fs::remove_file(path).unwrap());
        replaced_under_way(|path| {
            std::fs::write(path.with_file_name("new"), "new").unwrap();
            std::fs::rename(path.with_file_name("new"), path).unwrap();
        });
    });
    trials.add("tickets::a_file_written_anew_while_its_end_is_on_the_way_is_not_two_files_in_one", |()| {
        for left in [40, 30, 20, 10, 5, 3, 2] {
            written_anew(left << 20);
        }
    });
    trials.add("tickets::a_link_is_for_one_version", |()| one_version());
    trials.into_vec()
}

/// curl that reads the big file slowly, once some of it has come.
fn started(site: &Site, url: &str) -> Running {
    let mut curl = Command::new("curl");
    curl.current_dir(site.saved()).args([
        "--silent",
        "--show-error",
        "--fail",
        "--limit-rate",
        "24M",
        "--output",
        "a.bin",
        url,
    ]);
    let child = curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running::new(child.unwrap());
    wait_for("some of it to come", Duration::from_secs(10), || {
        assert!(running.is_running(), "{}", running.error_text());
        let got = std::fs::metadata(site.saved().join("a.bin")).map_or(0, |file| file.len());
        (got > 0).then(|| assert!(got < SIZE / 2, "{got} bytes came already"))
    });
    running
}

fn changes_under_way(change: impl Fn(&Path)) {
    let site = Site::new(&[]);
    site.sparse("a.bin", SIZE);
    let running = started(&site, &site.url("a.bin"));
    change(&site.share.path().join("a.bin"));
    let output = running.wait(Duration::from_secs(60));
    assert_eq!(output.status.code(), PARTIAL, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::metadata(site.saved().join("a.bin")).unwrap().len() < SIZE);
}

fn replaced_under_way(change: impl Fn(&Path)) {
    let site = Site::new(&[]);
    site.sparse("a.bin", SIZE);
    let running = started(&site, &site.url("a.bin"));
    change(&site.share.path().join("a.bin"));
    ok(&running.wait(Duration::from_secs(60)));
    assert_eq!(std::fs::metadata(site.saved().join("a.bin")).unwrap().len(), SIZE);
}

/// A reader pauses when so many bytes are left to be taken, and they are in all the queues on the way. Then somebody writes over
/// the file.
fn written_anew(left: u64) {
    let site = Site::new(&[]);
    site.sparse("a.bin", SIZE);
    let url = site.url("a.bin");
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "an answer");
    }
    let mut buffer = vec![0; 1 << 20];
    let mut taken = 0;
    while taken < SIZE - left {
        let most = buffer.len().min(usize::try_from(SIZE - left - taken).unwrap());
        let count = reader.read(&mut buffer[..most]).unwrap();
        assert!(count > 0, "{taken} bytes came");
        taken += count as u64;
    }
    // How much they hold is the kernel's business.
    let mut waiting = 0;
    wait_for("the queues to fill", Duration::from_secs(60), || {
        let before = std::mem::replace(&mut waiting, reader.get_ref().peek(&mut buffer).unwrap());
        (waiting == before && waiting > buffer.len() / 8).then_some(())
    });
    let mut file = File::options().write(true).open(site.share.path().join("a.bin")).unwrap();
    for _ in 0..SIZE >> 20 {
        file.write_all(&vec![1; 1 << 20]).unwrap();
    }
    let (mut anew, mut is_whole) = (0, false);
    while !is_whole {
        // A connection that breaks off is as good as one that ends too early.
        let count = reader.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            break;
        }
        taken += count as u64;
        anew += buffer[..count].iter().filter(|byte| **byte != 0).count();
        is_whole = taken == SIZE;
    }
    assert!(!is_whole || anew == 0, "{left} left: {anew} bytes of the whole are of another version");
}

fn one_version() {
    let site = Site::new(&[("a.bin", &binary(100_000))]);
    let url = site.url("a.bin");
    ok(&site.curl(&["--range", "0-49999", "--output", "a.bin", &url]));
    std::fs::write(site.share.path().join("a.bin"), binary(100_001)).unwrap();
    let resumed = site.curl(&["--continue-at", "-", "--output", "a.bin", "--write-out", "%{http_code}", &url]);
    assert_eq!((resumed.status.code(), stdout(&resumed)), (Some(22), "410".to_owned()));
    assert_eq!(std::fs::metadata(site.saved().join("a.bin")).unwrap().len(), 50_000);
    ok(&site.curl(&["--output", "a.bin", &site.url("a.bin")]));
    assert_eq!(std::fs::metadata(site.saved().join("a.bin")).unwrap().len(), 100_001);
}
