//! Downloads that are interrupted at either end, and go on.

use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;

use super::{Got, Holder, MIB, begin, wait_for_part};
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::{binary, content};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("a_download_that_was_interrupted_says_so_and_goes_on", interrupted),
        test("a_holder_that_is_started_anew_costs_a_moment", holder_started_anew),
        test("a_file_that_is_not_hashed_yet_comes_all_the_same", not_hashed_yet),
        test("what_cannot_be_trusted_of_a_part_is_fetched_again", damaged_part),
        test("what_came_of_a_file_that_is_away_for_a_moment_is_gone_on_with", away_for_a_moment),
        test("two_downloads_into_one_folder_fetch_a_large_file_once", two_downloads),
    ]
}

/// What is in the folder is the whole file, or an unfinished one with another name, or nothing.
#[track_caller]
fn assert_nothing_wrong(to: &Path, whole: &[u8]) -> bool {
    let left = content(to);
    for (name, bytes) in &left {
        let is_part = name.starts_with(".tinyp2p.") && name.ends_with(".part");
        assert!(is_part || (name == "big.bin" && bytes == whole), "{name} of {} bytes", bytes.len());
    }
    assert!(left.len() <= 1, "{:?}", left.keys());
    left.contains_key("big.bin")
}

fn interrupted() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 0);
    let to = tempfile::tempdir().unwrap();
    holder.proxy.may_pass(18 * MIB);
    let getting = begin(holder.url(), to.path());
    wait_for_part(to.path(), 14 * MIB);
    let got = Got::of(getting.interrupt(Duration::from_secs(60)));
    holder.proxy.may_pass(u64::MAX);
    got.exits_with(130);
    assert_eq!((&got.done["unfinished"], &got.done["interrupted"]), (&1.into(), &true.into()), "{}", got.words());
    assert!(!assert_nothing_wrong(to.path(), &whole));
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("big.bin");
    let kept = got.saved["big.bin"]["kept"].as_u64().unwrap();
    assert!(kept >= 8 * MIB, "{kept} bytes were kept: {}", got.words());
    assert_eq!(kept + got.from("big.bin").values().sum::<u64>(), whole.len() as u64, "{}", got.words());
    assert!(assert_nothing_wrong(to.path(), &whole));
    // A person is told in words.
    let again = tempfile::tempdir().unwrap();
    let mut command = crate::harness::node::tinyp2p(super::PASSWORD);
    holder.proxy.may_pass(18 * MIB);
    let getting = super::begin_with(command.args(["get", holder.url(), "--to"]).arg(again.path()));
    wait_for_part(again.path(), 8 * MIB);
    let output = getting.interrupt(Duration::from_secs(60));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("1 file unfinished: run the same command again to go on"), "{words}");
}

fn holder_started_anew() {
    let whole = binary(32 << 20);
    let mut holder = Holder::of(&[("big.bin", &whole)], 8 * MIB);
    let to = tempfile::tempdir().unwrap();
    let before = holder.proxy.passed();
    let getting = begin(holder.url(), to.path());
    for round in 1..=2 {
        let so_far = round * 10 * MIB;
        wait_for("more of it", Duration::from_secs(60), || (holder.proxy.passed() - before > so_far).then_some(()));
        holder.kill();
        holder.start(&[]);
    }
    let got = Got::of(getting.wait(Duration::from_secs(120)));
    got.exits_with(0).is_verified("big.bin");
    assert!(assert_nothing_wrong(to.path(), &whole));
    let again = (holder.proxy.passed() - before).saturating_sub(whole.len() as u64);
    assert!(again <= 5 * MIB, "{again} bytes too many");
}

/// A node that was just started: nothing proves the bytes, and that is told; or it is hashed meanwhile, and they are proved.
fn not_hashed_yet() {
    let (whole, small) = (binary(24 << 20), binary(1000));
    let mut holder = Holder::prepare(&[("big.bin", &whole), ("small.bin", &small)], 0);
    holder.start(&[]);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0);
    let unverified = got.saved.values().filter(|saved| saved["verified"] == false).count();
    assert_eq!(got.done["unverified"], unverified, "{}", got.words());
    assert_eq!(std::fs::read(to.path().join("big.bin")).unwrap(), whole);
    // A slow way leaves time for the hash: the file is at rest after two seconds, and is asked for.
    let mut holder = Holder::prepare(&[("big.bin", &whole)], 4 * MIB);
    holder.start(&[]);
    let to = tempfile::tempdir().unwrap();
    Got::get(holder.url(), to.path()).exits_with(0).is_verified("big.bin");
    assert!(assert_nothing_wrong(to.path(), &whole));
}

/// As after a power cut: parts of what was written are not what was written.
fn damaged_part() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 0);
    let to = tempfile::tempdir().unwrap();
    holder.proxy.may_pass(18 * MIB);
    let getting = begin(holder.url(), to.path());
    wait_for_part(to.path(), 14 * MIB);
    drop(getting.kill());
    holder.proxy.may_pass(u64::MAX);
    let name = content(to.path()).into_keys().next().unwrap();
    let mut bytes = std::fs::read(to.path().join(&name)).unwrap();
    assert!(bytes.len() as u64 >= 12 * MIB, "{}", bytes.len());
    bytes[(5 << 20) + 17] ^= 1;
    bytes[7 << 20..][..4096].fill(0);
    std::fs::write(to.path().join(&name), bytes).unwrap();
    let start = holder.proxy.passed();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("big.bin");
    assert!(assert_nothing_wrong(to.path(), &whole));
    let kept = got.saved["big.bin"]["kept"].as_u64().unwrap();
    assert!((10 * MIB..=22 * MIB).contains(&kept), "{kept}");
    assert!(holder.proxy.passed() - start >= 2 * MIB, "the two damaged pieces came again");
}

/// Symptom: a file that was not at its holder for a moment had everything deleted that had come of it.
fn away_for_a_moment() {
    let whole = binary(48 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 8 * MIB);
    let (to, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in(holder.share.path()).unwrap());
    let (here, away) = (holder.share.path().join("big.bin"), elsewhere.path().join("away.bin"));
    let start = holder.proxy.passed();
    let getting = begin(holder.url(), to.path());
    wait_for("some of it", Duration::from_secs(30), || (holder.proxy.passed() - start > 12 * MIB).then_some(()));
    std::fs::rename(&here, &away).unwrap();
    let got = Got::of(getting.wait(Duration::from_secs(120)));
    got.exits_with(1);
    assert!(!assert_nothing_wrong(to.path(), &whole));
    assert_eq!(got.done["unfinished"], 1, "{}", got.words());
    std::fs::rename(&away, &here).unwrap();
    holder.wait_for_ids();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("big.bin");
    assert!(assert_nothing_wrong(to.path(), &whole));
    let kept = got.saved["big.bin"]["kept"].as_u64().unwrap();
    assert!(kept >= 8 * MIB, "{kept} bytes were kept: {}", got.words());
}

/// Symptom: the second of them fetched and saved all of it once more, under another name.
fn two_downloads() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 8 * MIB);
    let to = tempfile::tempdir().unwrap();
    let start = holder.proxy.passed();
    let first = begin(holder.url(), to.path());
    wait_for("some of it", Duration::from_secs(30), || (holder.proxy.passed() - start > 4 * MIB).then_some(()));
    let second = begin(holder.url(), to.path());
    let (first, second) =
        (Got::of(first.wait(Duration::from_secs(120))), Got::of(second.wait(Duration::from_secs(120))));
    first.exits_with(0).is_verified("big.bin");
    second.exits_with(0);
    assert_eq!((&second.done["files"], &second.done["already_here"]), (&0.into(), &1.into()), "{}", second.words());
    assert!(assert_nothing_wrong(to.path(), &whole));
    let again = (holder.proxy.passed() - start).saturating_sub(whole.len() as u64);
    assert!(again <= 5 * MIB, "{again} bytes too many");
}
