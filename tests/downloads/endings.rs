//! Downloads that end early: by the person, by a crash, by a full disk.

use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use rustix::process::Signal;

use super::{PASSWORD, Pool, assert_clean, good_files, start};
use crate::harness::disk::SmallDisk;
use crate::harness::evil::{Evil, answer, drip, send, string};
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::{binary, content, names, tree};
use crate::harness::{Trials, test};

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        test("ctrl_c_keeps_what_is_complete_and_nothing_else", ctrl_c),
        test("two_signals_at_one_moment_are_one", two_signals),
        test("ctrl_c_while_nothing_comes_ends_at_once", ctrl_c_while_silent),
        test("a_crash_leaves_no_partial_file_under_a_final_name", crash),
        test("a_folder_that_cannot_be_written_is_named", read_only),
    ];
    let disk = SmallDisk::can_be();
    let mut mounted = Trials::needing("root, for a small disk to fill", &disk);
    mounted.add("a_full_disk_is_named_and_keeps_what_is_complete", |()| full_disk());
    trials.extend(mounted.into_vec());
    trials
}

/// An evil peer with one file that begins well and never ends.
fn never_ending(pool: &Pool) -> Evil {
    Evil::listing(&[&pool.good.url], &[b"never.bin"], |_, stream| {
        let whole = answer(&string(&[b'x'; 4 << 20]));
        send(stream, &whole[..2 << 20]);
        drip(stream, b"x", Duration::from_millis(5));
    })
}

/// Waits until the good files are there and the never ending one has begun to be written.
fn wait_for_both(pool: &Pool, getting: &mut Running) {
    wait_for("the good files and a part", Duration::from_secs(30), || {
        assert!(getting.is_running(), "it ended: {}", getting.error_text());
        let there = names(&pool.to());
        let complete = good_files().keys().all(|name| there.contains(name));
        (complete && there.iter().any(|name| name.ends_with(".part"))).then_some(())
    });
}

fn ctrl_c() {
    let pool = Pool::new();
    let evil = never_ending(&pool);
    let mut getting = pool.start(&evil, &[]);
    wait_for_both(&pool, &mut getting);
    let output = getting.interrupt(Duration::from_secs(60));
    let got = pool.got(output);
    assert_eq!(got.output.status.code(), Some(130), "{}", got.errors());
    assert_eq!(got.files, good_files());
    assert!(got.errors().contains("interrupted") && got.errors().contains("3 files"), "{}", got.errors());
}

/// Symptom: who was logged out, which systemd tells by two signals, had unfinished files left, and was told of none.
fn two_signals() {
    let pool = Pool::new();
    let evil = never_ending(&pool);
    let mut getting = pool.start(&evil, &[]);
    wait_for_both(&pool, &mut getting);
    getting.freeze();
    getting.send(Signal::TERM);
    getting.send(Signal::INT);
    getting.wake();
    let got = pool.got(getting.wait(Duration::from_secs(60)));
    assert_eq!(got.output.status.code(), Some(130), "{}", got.errors());
    assert_eq!(got.files, good_files());
    assert!(got.errors().contains("interrupted") && got.errors().contains("3 files"), "{}", got.errors());
}

fn ctrl_c_while_silent() {
    let pool = Pool::new();
    let (tell, content_asked) = std::sync::mpsc::channel();
    let listing = Evil::listing(&[], &[b"x"], move |_, stream| {
        // Nobody listens any more once the test is over.
        let _over = tell.send(());
        crate::harness::evil::silence(stream);
    });
    for (evil, asked) in [Evil::silent(), (listing, content_asked)] {
        let getting = pool.start(&evil, &[]);
        asked.recv_timeout(Duration::from_secs(20)).expect("it waits for an answer");
        let output = getting.interrupt(Duration::from_secs(60));
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(names(&pool.to()).is_empty());
    }
    // Listing, too, ends when it is told to.
    let (silent, asked) = Evil::silent();
    for command in ["ls", "peers"] {
        let listing = start(tinyp2p(PASSWORD).args([command, &silent.url]));
        asked.recv_timeout(Duration::from_secs(20)).expect("it waits for an answer");
        assert_eq!(listing.interrupt(Duration::from_secs(60)).status.code(), Some(130), "{command}");
    }
}

fn crash() {
    let pool = Pool::new();
    let evil = never_ending(&pool);
    let mut getting = pool.start(&evil, &[]);
    wait_for_both(&pool, &mut getting);
    drop(getting.kill());
    let mut left = content(&pool.to());
    let parts: Vec<_> = left.keys().filter(|name| name.ends_with(".part")).cloned().collect();
    assert_eq!(parts.len(), 1, "{parts:?}");
    assert!(parts[0].starts_with(".tinyp2p.never.bin."), "{parts:?}");
    left.remove(&parts[0]);
    assert_eq!(left, good_files());
    // The next run finds its way.
    let output = crate::harness::node::get(&pool.good.url, PASSWORD, "", &pool.to());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

fn read_only() {
    let pool = Pool::new();
    for to in ["/proc/tinyp2p", "/dev/null/x"] {
        let output = crate::harness::node::get(&pool.good.url, PASSWORD, "", Path::new(to));
        assert_clean(&output);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(to.trim_end_matches("/x")), "{errors}");
    }
}

fn full_disk() {
    let disk = SmallDisk::mount().unwrap();
    let small = binary(100_000);
    let share = tree(&[("a.bin", &small), ("b.bin", &small), ("huge.bin", &binary(6 << 20))]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let output = crate::harness::node::get(&node.url, PASSWORD, "", disk.path());
    assert_clean(&output);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let folder = disk.path().to_string_lossy().into_owned();
    assert!(errors.contains("no space is left") && errors.contains(&folder), "{errors}");
    assert!(names(disk.path()).iter().eq(["a.bin", "b.bin"]), "{errors}");
    assert_eq!(std::fs::read(disk.path().join("a.bin")).unwrap(), small);
}
