//! One content from several holders at once.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use super::{Got, Holder, MIB, begin, ls};
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::binary;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("two_and_three_holders_each_send_their_share", shares),
        test("holders_of_one_content_send_it_together_whatever_they_call_it", other_names),
        test("a_slow_and_a_dying_holder_cost_only_their_runs", slow_and_dying),
        test("large_files_of_a_slow_node_keep_nobody_elses_from_coming", slow_node),
    ]
}

/// Holders of the same content, all in one pool, each with so many bytes per second.
pub(super) fn pool(whole: &[u8], rates: &[u64]) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for rate in rates {
        let mut holder = Holder::prepare(&[("big.bin", whole)], *rate);
        match holders.first().map(|first| first.url().to_owned()) {
            Some(first) => holder.start(&["--join", &first]),
            None => holder.start(&[]),
        }
        holders.push(holder);
    }
    wait_for("all to be listed and hashed", Duration::from_secs(90), || {
        let rows = ls(holders[0].url());
        (rows.len() == rates.len() && rows.iter().all(|row| row["id"].is_string())).then_some(())
    });
    holders
}

/// The one file, from all who have it.
fn get(holders: &[Holder], whole: &[u8]) -> (Got, Duration) {
    let to = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let got = Got::get(holders[0].url(), to.path());
    let took = begun.elapsed();
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    (got, took)
}

fn shares() {
    let whole = binary(30 << 20);
    let rate = 5 * MIB / 2;
    let mut alone = Duration::ZERO;
    for count in 1..=3 {
        let holders = pool(&whole, &vec![rate; count]);
        let (got, took) = get(&holders, &whole);
        got.exits_with(0);
        if count == 1 {
            alone = took;
        }
        let from = got.from("big.bin");
        let ratio = alone.as_secs_f64() / took.as_secs_f64();
        eprintln!("{count} holders of 20 Mbit/s each: {took:.1?}, {ratio:.2} times as fast as one; {from:?}");
        assert_eq!(from.len(), count, "{}", got.words());
        assert!(from.values().all(|bytes| *bytes > 0) && from.values().sum::<u64>() == whole.len() as u64, "{from:?}");
    }
}

fn other_names() {
    let whole = binary(24 << 20);
    let one = Holder::of(&[("one.bin", &whole)], 4 * MIB);
    let mut other = Holder::prepare(&[("other.bin", &whole)], 4 * MIB);
    other.start(&["--join", one.url()]);
    wait_for("both to be listed and hashed", Duration::from_secs(90), || {
        let rows = ls(one.url());
        (rows.len() == 2 && rows.iter().all(|row| row["id"].is_string())).then_some(())
    });
    let passed = || one.proxy.passed() + other.proxy.passed();
    let (before, to) = (passed(), tempfile::tempdir().unwrap());
    let got = Got::get(one.url(), to.path());
    let passed = passed() - before;
    eprintln!("under two names: {passed} bytes passed of {}", whole.len());
    got.exits_with(0);
    assert_eq!(got.saved.keys().collect::<Vec<_>>(), ["one.bin", "other.bin"], "{}", got.words());
    for name in got.saved.keys() {
        got.is_verified(name);
        assert!(std::fs::read(to.path().join(name)).unwrap() == whole, "{name}");
    }
    // Whichever comes first comes from both, and the other is made from it.
    let (copied, fetched): (Vec<_>, Vec<_>) = got.saved.iter().partition(|(_, saved)| saved["kept"] == whole.len());
    assert_eq!((copied.len(), fetched.len()), (1, 1), "{}", got.words());
    let from = got.from(fetched[0].0);
    let sent = [&one, &other].map(|holder| from.get(holder.url()).copied().unwrap_or(0));
    assert!(sent.iter().all(|bytes| *bytes > 0) && sent.iter().sum::<u64>() == whole.len() as u64, "{from:?}");
    assert!(passed < whole.len() as u64 + 4 * MIB, "{passed} bytes");
}

fn slow_and_dying() {
    let whole = binary(24 << 20);
    let mut holders = pool(&whole, &[MIB / 4, 4 * MIB, 4 * MIB]);
    let (before, to) = (holders[2].proxy.passed(), tempfile::tempdir().unwrap());
    let getting = begin(holders[0].url(), to.path());
    wait_for("some of it", Duration::from_secs(60), || (holders[2].proxy.passed() - before > 4 * MIB).then_some(()));
    holders[2].kill();
    let got = Got::of(getting.wait(Duration::from_secs(200)));
    let from = got.from("big.bin");
    eprintln!("{from:?}");
    got.is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    let sent = |holder: &Holder| from.get(holder.url()).copied().unwrap_or(0);
    assert!(sent(&holders[1]) > sent(&holders[0]), "the slow one sends less: {from:?}");
}

fn slow_node() {
    let names = |of: &str| (0..8).map(|number| format!("{of} {number}.bin")).collect::<Vec<_>>();
    let (of_slow, of_fast) = (names("slow"), names("fast"));
    let bytes: Vec<_> = (0..16).map(|_| binary(2 << 20)).collect();
    let files = |names: &'_ [String], at: usize| -> Vec<(String, Vec<u8>)> {
        names.iter().cloned().zip(bytes[at..].iter().cloned()).collect()
    };
    let (slow, fast) = (files(&of_slow, 0), files(&of_fast, 8));
    let slow: Vec<(&str, &[u8])> = slow.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let fast: Vec<(&str, &[u8])> = fast.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let slow = Holder::of(&slow, 0);
    let mut fast = Holder::prepare(&fast, 0);
    fast.start(&["--join", slow.url()]);
    wait_for("both to be listed and hashed", Duration::from_secs(90), || {
        let rows = ls(slow.url());
        (rows.len() == 16 && rows.iter().all(|row| row["id"].is_string())).then_some(())
    });
    // From now on it sends next to nothing: before, its files took all places that the others gave back.
    slow.proxy.set_rate(MIB / 16);
    let to = tempfile::tempdir().unwrap();
    let getting = begin(slow.url(), to.path());
    wait_for("all of the fast one", Duration::from_secs(100), || {
        of_fast.iter().all(|name| to.path().join(name).exists()).then_some(())
    });
    let there = of_slow.iter().filter(|name| to.path().join(name).exists()).count();
    assert!(there < of_slow.len(), "it was slow");
    drop(getting.kill());
}
