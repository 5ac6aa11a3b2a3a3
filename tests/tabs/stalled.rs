//! Very many readers of a tab's large files who take nothing: what waits for them is bounded, and others come through.

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
    vec![
        test("tabs::c22_stalled_readers_of_a_tab_hold_64_mib_at_most", || {
            let places = RELAYS_BYTES / RELAY_BYTES;
            stalled(READERS, places, places);
        }),
        test("tabs::c22_stalled_readers_of_one_file_hold_64_mib_at_most", || stalled(1, 3, READERS)),
    ]
}

/// All readers of so many files. So often the tab is read at once, and so many are answered at least.
fn stalled(files: usize, most: usize, answered: usize) {
    let site = Site::new();
    let names: Vec<_> = (0..files).map(|number| format!("large{number}.bin")).collect();
    let mut offered: Vec<_> = names.iter().map(|name| (name.as_str(), Content::Made(SIZE))).collect();
    offered.push(("small.bin", Content::Made(1_000_000)));
    site.tab.offer(&offered);
    site.wait_for_files(1 + files);
    let (large, small): (Vec<_>, _) = (names.iter().map(|name| site.ticket(name)).collect(), site.ticket("small.bin"));
    ok(&site.curl(&["-r", "0-999999", "-o", "first", &large[0]]));
    let before = site.tab.reads().len();
    site.node.forget_peak_memory();
    let memory = site.node.peak_memory();
    let readers: Vec<TcpStream> = (large.iter().cycle().take(READERS))
        .map(|url| {
            let path = url.strip_prefix(&site.node.url).unwrap();
            let mut stream = TcpStream::connect(site.node.address()).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", site.node.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let begun = || site.tab.reads().len() - before;
    wait_for("as many to be read as may be", Duration::from_secs(20), || (begun() >= most).then_some(()));
    let is_answered = |stream: &&TcpStream| stream.peek(&mut [0]).is_ok_and(|count| count > 0);
    wait_for("as many to be answered", Duration::from_secs(20), || {
        (readers.iter().filter(is_answered).count() >= answered).then_some(())
    });
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
