//! Very many readers of a tab's large file who take nothing: what waits for them is bounded, and others come through.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use libtest_mimic::Trial;
use shared::limits::{RELAY_BYTES, RELAYS_BYTES};

use super::Site;
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, made};
use crate::harness::{ok, test};

const READERS: usize = 150;
const SIZE: u64 = 1 << 30;

pub(super) fn trials() -> Vec<Trial> {
    vec![test("tabs::c22_stalled_readers_of_a_tab_hold_64_mib_at_most", stalled)]
}

fn stalled() {
    let site = Site::new();
    site.tab.offer(&[("large.bin", Content::Made(SIZE)), ("small.bin", Content::Made(1_000_000))]);
    site.wait_for_files(2);
    let (large, small) = (site.ticket("large.bin"), site.ticket("small.bin"));
    ok(&site.curl(&["-r", "0-999999", "-o", "first", &large]));
    let before = site.tab.reads().len();
    site.node.forget_peak_memory();
    let memory = site.node.peak_memory();
    let path = large.strip_prefix(&site.node.url).unwrap();
    let readers: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut stream = TcpStream::connect(site.node.address()).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", site.node.address()).unwrap();
            stream
        })
        .collect();
    let most = RELAYS_BYTES / RELAY_BYTES;
    let begun = || site.tab.reads().len() - before;
    wait_for("as many to be read as may be", Duration::from_secs(20), || (begun() >= most).then_some(()));
    // What the tab sends now only waits: it has sent all that it may once nothing more of it comes.
    let sent = || usize::MAX - site.tab.has_left();
    let mut last = sent();
    wait_for("the tab to have sent what it may", Duration::from_secs(20), || {
        std::thread::sleep(Duration::from_millis(300));
        let is_same = last == sent();
        last = sent();
        is_same.then_some(())
    });
    let growth = site.node.peak_memory().saturating_sub(memory);
    eprintln!("{READERS} readers who take nothing: {} are served, {} MiB more", begun(), growth >> 20);
    assert_eq!(begun(), most, "the others wait for their turn");
    assert!(growth <= (RELAYS_BYTES + RELAYS_BYTES / 4) as u64, "{growth} bytes more");
    drop(readers);
    ok(&site.curl(&["-o", "small", &small]));
    assert!(site.saved("small") == made(0, 1_000_000));
}
