//! What a pattern may cost. Each test prints what it measured (`--nocapture`, `--release`).
#![allow(clippy::disallowed_methods, reason = "a test of speed reads the clock")]

use std::time::{Duration, Instant};

use super::tests::{glob, regex, words};
use super::*;

#[test]
fn c10_no_pattern_hangs_or_fills_the_memory() {
    let quick = |limit: u64, what: &str, run: &mut dyn FnMut()| {
        let begin = Instant::now();
        run();
        let took = begin.elapsed();
        println!("{what}: {took:?}");
        assert!(took < Duration::from_millis(limit), "{what} took {took:?}");
    };
    let hang = regex("^(a+)+$");
    assert!(hang.is_linear());
    quick(20, "^(a+)+$ on 28 characters", &mut || assert!(!hang.matches("aaaaaaaaaaaaaaaaaaaaaaaaaaa!")));
    let hang = regex(r"^(?=(a+)+$)\1");
    assert!(!hang.is_linear());
    quick(500, "the same with look-around", &mut || assert!(!hang.matches("aaaaaaaaaaaaaaaaaaaaaaaaaaa!")));
    for bomb in [
        "(?:a{1000}){1000}",
        r"(?:\w{1000}){3}",
        r"(?i)\w{500}",
        r"(?i)[^a]{500}\w{100}",
        r"(?:(?:(?:a{60}){60}){60}){60}",
        r"(?:(?=a{1000})){1000}(?:a{1000}){1000}",
        r"(?!x)(?:(?:(x)\1{60}){60}){60}",
        "(?:){4000000000}",
    ] {
        // Not compiled at all within 60 ms in a release; a debug build is some twenty times slower.
        quick(if cfg!(debug_assertions) { 2_000 } else { 60 }, bomb, &mut || {
            let _ = Pattern::new(PatternKind::Regex, bomb);
        });
    }
}

#[test]
fn a_listing_of_100_000_names_is_searched_in_a_moment() {
    let names: Vec<_> = (0..100_000).map(|n| format!("photos/2024-{:02}/holiday {n} by the sea.jpg", n % 12)).collect();
    for (pattern, limit) in [
        (regex("7777 by"), 10),
        (regex(r"\.mp3$"), 10),
        (regex(r"(?i)SEA\.jpg"), 20),
        (words("sea 7777"), 20),
        (glob("*7777*.jpg"), 100),
        (regex("(?=.*7777)sea"), 300),
    ] {
        let mut best = Duration::MAX;
        let mut found = 0;
        for _ in 0..3 {
            let begin = Instant::now();
            found = names.iter().filter(|name| pattern.matches(name)).count();
            best = best.min(begin.elapsed());
        }
        println!("{pattern:?}: {found} of {} in {best:?}", names.len());
        // Five times what was measured, since other work shares the machine.
        assert!(cfg!(debug_assertions) || best < Duration::from_millis(limit * 5), "{pattern:?}: {best:?}");
    }
}
