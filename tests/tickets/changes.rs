//! A file that changes or goes away while it is fetched: nobody takes a part for the whole, or two halves for one.

use std::fs::File;
use std::io::Write;
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
