//! Holders whose files change, and holders whose bytes are not what they say.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;
use serde_json::Value;

use super::{Got, Holder, MIB, PASSWORD, begin, begin_with, ls, wait_for_part};
use crate::harness::node::tinyp2p;
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::{binary, content};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("bytes_that_are_not_the_contents_are_no_file", lying),
        test("a_lying_holder_is_named_and_an_honest_one_makes_the_file_whole", lying_beside_honest),
        test("a_small_file_that_is_not_what_was_hashed_is_no_file", lying_small),
        test("a_file_that_changed_meanwhile_is_never_mixed", changed),
        test("a_file_that_grew_beyond_what_is_wanted_is_not_fetched", grown),
    ]
}

/// Other bytes, with the same length and time: whoever has hashed it takes it for what that was.
pub(super) fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let time = std::fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    // In place, so that nothing else tells either.
    std::io::Write::write_all(&mut File::options().write(true).open(path).unwrap(), &bytes).unwrap();
    set_time(path, time);
}

fn set_time(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What a holder lists with the time that its file has now.
fn rows_of_now(holder: &Holder, name: &str) -> Vec<Value> {
    let modified = std::fs::metadata(holder.share.path().join(name)).unwrap().modified().unwrap();
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    // Not through its proxy, which may let nothing pass.
    let rows = ls(&format!("http://127.0.0.1:{}", holder.port)).into_iter();
    rows.filter(|row| row["path"] == name && row["modified"] == seconds).collect()
}

/// Waits until a holder lists the time that its file has: what it saw in between is behind it.
fn wait_for_time(holder: &Holder, name: &str) {
    wait_for("the change to be seen and hashed", Duration::from_secs(60), || {
        rows_of_now(holder, name).iter().any(|row| row["id"].is_string()).then_some(())
    });
}

/// A holder that has hashed a file which then, with the node stopped, got other bytes and the same facts.
fn liar(whole: &[u8]) -> Holder {
    let mut holder = Holder::of(&[("big.bin", whole)], 0);
    holder.kill();
    // All but the first two pieces, somewhere.
    let change = |bytes: &mut Vec<u8>| bytes.iter_mut().skip(2 << 20).step_by(500_000).for_each(|byte| *byte ^= 1);
    rewrite(&holder.share.path().join("big.bin"), change);
    // What was changed a moment ago is looked at once it is at rest, and then found in the notes.
    holder.start(&[]);
    holder.wait_for_ids();
    holder
}

fn lying() {
    let whole = binary(12 << 20);
    let holder = liar(&whole);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(1);
    assert!(content(to.path()).is_empty(), "{:?}", content(to.path()).keys());
    let words = got.words();
    assert!(
        words.contains("what it sends is not what it says the file holds") && words.contains(holder.url()),
        "{words}"
    );
}

fn lying_beside_honest() {
    let whole = binary(12 << 20);
    let liar = liar(&whole);
    let mut honest = Holder::prepare(&[("big.bin", &whole)], 2 * MIB);
    honest.start(&["--join", liar.url()]);
    honest.wait_for_ids();
    wait_for("both to be listed", Duration::from_secs(60), || (ls(liar.url()).len() == 2).then_some(()));
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(liar.url(), to.path());
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    let named = format!("\"peer\":\"{}\",\"reason\":\"what it sends", liar.url());
    got.exits_with(1);
    assert!(got.words().contains(&named), "{}", got.words());
}

fn lying_small() {
    let whole = binary(300_000);
    let tiny = binary(300);
    let mut holder = Holder::of(&[("middle.bin", &whole), ("tiny.bin", &tiny), ("good.bin", b"good")], 0);
    let honest = Got::get(holder.url(), tempfile::tempdir().unwrap().path());
    assert_eq!(honest.exits_with(0).done["unverified"], 0, "{}", honest.words());
    holder.kill();
    for name in ["middle.bin", "tiny.bin"] {
        rewrite(&holder.share.path().join(name), |bytes| bytes[100] ^= 1);
    }
    holder.start(&[]);
    holder.wait_for_ids();
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(1);
    assert_eq!(content(to.path()).into_keys().collect::<Vec<_>>(), ["good.bin"], "{}", got.words());
}

fn changed() {
    let (old, new) = (binary(24 << 20), vec![7; 24 << 20]);
    let holder = Holder::of(&[("big.bin", &old)], 0);
    let to = tempfile::tempdir().unwrap();
    holder.proxy.may_pass(12 * MIB);
    let getting = begin(holder.url(), to.path());
    wait_for_part(to.path(), 8 * MIB);
    wait_for("the last byte that may pass", Duration::from_secs(60), || holder.proxy.is_stopped().then_some(()));
    // In the midst of it, with the same length.
    std::fs::write(holder.share.path().join("big.bin"), &new).unwrap();
    holder.proxy.may_pass(u64::MAX);
    let got = Got::of(getting.wait(Duration::from_secs(120)));
    got.exits_with(0);
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == new, "all of it is new: {}", got.words());
    assert_eq!(content(to.path()).len(), 1, "{:?}", content(to.path()).keys());
    // And between two downloads, the first of which was interrupted.
    let to = tempfile::tempdir().unwrap();
    wait_for_time(&holder, "big.bin");
    holder.proxy.may_pass(12 * MIB);
    let getting = begin(holder.url(), to.path());
    wait_for_part(to.path(), 8 * MIB);
    drop(getting.kill());
    holder.proxy.may_pass(u64::MAX);
    std::fs::write(holder.share.path().join("big.bin"), &old).unwrap();
    wait_for_time(&holder, "big.bin");
    Got::get(holder.url(), to.path()).exits_with(0).is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == old);
}

fn grown() {
    let holder = Holder::of(&[("big.bin", &binary(6 << 20))], 0);
    let (to, before) = (tempfile::tempdir().unwrap(), holder.proxy.passed());
    holder.proxy.may_pass(3 * MIB);
    let mut get = tinyp2p(PASSWORD);
    let getting = begin_with(get.args(["get", "--json", "--max-file-size", "8M", holder.url(), "--to"]).arg(to.path()));
    wait_for("the last byte that may pass", Duration::from_secs(60), || holder.proxy.is_stopped().then_some(()));
    std::fs::write(holder.share.path().join("big.bin"), binary(40 << 20)).unwrap();
    holder.proxy.may_pass(u64::MAX);
    let got = Got::of(getting.wait(Duration::from_secs(120)));
    got.exits_with(1);
    assert!(got.words().contains("larger than --max-file-size by now"), "{}", got.words());
    let passed = holder.proxy.passed() - before;
    assert!(content(to.path()).is_empty() && passed < 16 * MIB, "{passed} bytes");
}
