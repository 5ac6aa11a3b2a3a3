//! What a hostile pattern may cost: no hang, and nothing compiled beyond its bound. How fast searches are is a benchmark's
//! business; the limit here is far above anything but a hang.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test against hanging reads the clock")]

use std::time::{Duration, Instant};

use shared::{Pattern, PatternKind};

/// Exponential work is minutes or ages, whatever the machine; everything else is milliseconds.
const NO_HANG: Duration = Duration::from_secs(5);

fn in_time(what: &str, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    println!("{what}: {:?}", start.elapsed());
    assert!(start.elapsed() < NO_HANG, "{what} took {:?}", start.elapsed());
}

#[test]
fn c10_no_pattern_hangs() {
    const NAME: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    for (text, is_linear) in [("^(a+)+$", true), (r"^(?=(a+)+$)\1", false), (r"(a|aa)+\1$(?!x)", false)] {
        let pattern = Pattern::new(PatternKind::Regex, text).unwrap();
        assert_eq!(pattern.is_linear(), is_linear, "{text}");
        in_time(text, || assert!(!pattern.matches(NAME)));
    }
}

#[test]
fn c10_no_pattern_fills_the_memory_while_it_is_compiled() {
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
        in_time(bomb, || {
            // Some are refused and some are merely large; either is fine in no time.
            let _either = Pattern::new(PatternKind::Regex, bomb);
        });
    }
}
