//! Patterns made to take for ever, or all the memory, to compile or to match.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use super::victim::{GoodCaller, Victim};
use super::wire::{Wire, call, rpc, string};
use crate::harness::process::wait_for;
use crate::harness::sockets::unheard;
use crate::harness::test;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("hostile::c10_patterns_that_never_end_end", never_ending),
        test("hostile::c10_hundreds_of_costly_searches_delay_no_download", hundreds),
    ]
}

/// Names on which careless patterns take for ever.
fn share(count: usize) -> tempfile::TempDir {
    let share = tempfile::tempdir().unwrap();
    for number in 0..count {
        std::fs::write(share.path().join(format!("{}{number:04}!", "a".repeat(200))), "x").unwrap();
    }
    std::fs::write(share.path().join("wanted.txt"), "wanted").unwrap();
    share
}

fn never_ending() {
    let victim = Victim::sharing(share(300), &[]);
    wait_for("all files", Duration::from_secs(10), || (victim.names().len() == 301).then_some(()));
    let good = GoodCaller::of(&victim);
    for pattern in [
        "^(a+)+$",
        "^(a|a)*$",
        "^(a|aa)+$",
        "(.*)*x",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(?=(a+)+$)x",
        r"^(a+)+\1$",
        r"(a*)*(?<!b)\1x",
        "(?=.*)(?=.*)(?=.*)(?=.*)(?=.*)x",
        "(?:a{1000}){1000}",
        "(((a{100}){100}){100}){100}",
        r"\w{1000}{1000}",
        r"(?i)\w{500}",
        r"(?i)[\w\d\s]{900}",
        "a{4294967296}",
        "a{99999999999999999999}",
        &"(".repeat(1000),
        &format!("{}{}", "(".repeat(500), ")".repeat(500)),
        &"(?:".repeat(300),
        &"a?".repeat(500),
        &"[".repeat(1000),
        &"|".repeat(1000),
        &"(?i)".repeat(250),
        &"x".repeat(1025),
        &"x".repeat(900_000),
        r"\",
        "(?P<n>",
        r"(?P=n)",
        r"\777",
        "(?(1)a|b)",
        "*",
        "[z-a]",
        "\u{202e}\u{0}",
    ] {
        for (method, params) in [
            ("f", vec![string(&victim.token), "<int>1</int>".to_owned(), string(pattern)]),
            ("tinyp2p.search", vec![string(&victim.token), string("regex"), string(pattern)]),
            ("tinyp2p.search", vec![string(&victim.token), string("glob"), string(pattern)]),
            ("tinyp2p.search", vec![string(&victim.token), string("words"), string(pattern)]),
        ] {
            let start = Instant::now();
            let params: Vec<&str> = params.iter().map(String::as_str).collect();
            let answer = rpc(&victim.node, call(method, &params));
            let took = start.elapsed();
            assert_eq!(answer.status, 200, "{answer:?}");
            let shown = pattern.get(..30).unwrap_or(pattern);
            if took > Duration::from_millis(300) {
                eprintln!("{method} {shown:?}: {took:?}");
            }
            assert!(took < Duration::from_secs(12), "{method} {shown:?} took {took:?}");
        }
    }
    good.must_have_been_served("patterns that never end");
    victim.must_be_well("patterns that never end", 32 << 20);
}

fn hundreds() {
    let victim = Victim::sharing(share(1_000), &[]);
    wait_for("all files", Duration::from_secs(10), || (victim.names().len() == 1_001).then_some(()));
    let good = GoodCaller::of(&victim);
    let node = &victim.node;
    let costly = super::wire::post(node, victim.f(1, &string(r"(a*)*(?<!b)\1x")));
    let searching_one = || {
        let mut wire = Wire::to(node);
        wire.say(&costly).unwrap();
        wire
    };
    let mut searching: Vec<Wire> = (0..600).map(|_| searching_one()).collect();
    wait_for("many of them to be heard", Duration::from_secs(120), || {
        (searching.len().saturating_sub(unheard(node.port())) >= 100).then_some(())
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let start = Instant::now();
        let before = searching_one();
        let answer = rpc(node, victim.f(2, &string("wanted.txt")));
        assert!(answer.body.contains("<string>wanted</string>"), "{answer:?}");
        slowest = slowest.max(start.elapsed());
        assert!(!before.is_answered(), "a download waits for no search that was asked for before it");
        searching.push(before);
    }
    eprintln!("600 costly searches: the slowest of 20 downloads meanwhile took {slowest:?}");
    drop(searching);
    good.must_have_been_served("600 costly searches");
    victim.must_be_well("600 costly searches", 64 << 20);
}
