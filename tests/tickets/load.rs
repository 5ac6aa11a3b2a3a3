//! Large files and many readers: memory stays flat whatever is asked for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use libtest_mimic::Trial;

use super::Site;
use crate::harness::test;

const GIB: u64 = 1 << 30;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("tickets::a_gibibyte_takes_a_few_mebibytes", gibibyte),
        test("tickets::many_stalled_readers_hold_little_memory", stalled),
    ]
}

/// Sends a request for a URL of the node.
fn ask(site: &Site, url: &str, more: &str) -> TcpStream {
    let path = url.strip_prefix(&site.node.url).expect("a URL of the node");
    let mut stream = TcpStream::connect(site.node.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}\r\n", site.node.address()).unwrap();
    stream
}

fn gibibyte() {
    let site = Site::new(&[]);
    site.sparse("a.bin", GIB);
    let url = site.url("a.bin");
    let before = site.memory_from_now_on();
    for (more, expected) in [("", GIB), ("Range: bytes=1000-\r\n", GIB - 1000)] {
        let mut stream = ask(&site, &url, more);
        let mut piece = vec![0; 1 << 20];
        let (mut head, mut body) = (Vec::new(), 0);
        loop {
            let count = stream.read(&mut piece).unwrap();
            if count == 0 {
                break;
            }
            if body > 0 {
                assert!(piece[..count].iter().all(|byte| *byte == 0));
                body += count as u64;
                continue;
            }
            head.extend_from_slice(&piece[..count]);
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                body = (head.len() - end - 4) as u64;
            }
        }
        assert_eq!(body, expected, "{}", String::from_utf8_lossy(&head[..head.len().min(500)]));
    }
    let growth = site.node.peak_memory().saturating_sub(before);
    eprintln!("two times 1 GiB by ticket: {} KiB more", growth / 1024);
    assert!(growth < 4 << 20, "{growth} bytes more");
}

fn stalled() {
    const READERS: usize = 64;
    let site = Site::new(&[]);
    site.sparse("a.bin", GIB);
    let url = site.url("a.bin");
    let before = site.memory_from_now_on();
    let mut readers: Vec<TcpStream> = (0..READERS).map(|_| ask(&site, &url, "")).collect();
    // Each has begun, and its node has filled all that it may fill.
    for reader in &mut readers {
        let mut first = vec![0; 64 << 10];
        reader.read_exact(&mut first).unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200 "));
    }
    let growth = site.node.peak_memory().saturating_sub(before);
    eprintln!("{READERS} stalled readers: {} KiB each", growth / 1024 / READERS as u64);
    assert!(growth < 48 << 20, "{growth} bytes more");
    // One more is served at once, beside them.
    let mut small = Vec::new();
    ask(&site, &url, "Range: bytes=0-999\r\n").read_to_end(&mut small).unwrap();
    assert!(small.starts_with(b"HTTP/1.1 206 "));
}
