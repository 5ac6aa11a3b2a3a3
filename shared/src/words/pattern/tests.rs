//! Words and globs against plain implementations, what is refused, and what is sent to peers of 2004.

use proptest::prelude::*;

use super::*;

pub(super) fn words(text: &str) -> Pattern {
    Pattern::new(PatternKind::Words, text).unwrap()
}

pub(super) fn glob(text: &str) -> Pattern {
    Pattern::new(PatternKind::Glob, text).unwrap()
}

pub(super) fn regex(text: &str) -> Pattern {
    Pattern::new(PatternKind::Regex, text).unwrap()
}

#[test]
fn the_empty_pattern_finds_everything() {
    for kind in [PatternKind::Words, PatternKind::Glob, PatternKind::Regex] {
        let pattern = Pattern::new(kind, "").unwrap();
        assert!(pattern.matches("") && pattern.matches("a/b\n\u{202e}"));
        assert_eq!((pattern.kind(), pattern.text(), pattern.for_legacy_peers()), (kind, "", ""));
    }
    assert!(words("  ").matches("x"));
}

#[test]
fn words_are_found_anywhere_in_any_order_and_case() {
    for (text, name, found) in [
        ("holiday 2024", "2024/HOLIDAY.jpg", true),
        ("holiday 2024", "2023/holiday.jpg", false),
        ("lid", "holiday", true),
        ("a.b", "axb", false),
        ("(", "a(1)", true),
        ("ÉTÉ", "e\u{301}te\u{301}.txt", true),
        ("strasse", "Straße.png", true),
        ("σοφος", "ΣΟΦΟΣ", true),
        ("file", "ﬁle", true),
        ("a ab b", "xaby", true),
    ] {
        assert_eq!(words(text).matches(name), found, "{text} in {name}");
    }
}

#[test]
fn globs_match_a_whole_name_or_a_whole_path() {
    for (text, name, found) in [
        ("*.mp3", "a.MP3", true),
        ("*.mp3", "deep/in/a.mp3", true),
        ("*.mp3", "a.mp3.part", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("?.txt", "e\u{301}.txt", true),
        ("[a-c]x", "Bx", true),
        ("[!a-c]x", "bx", false),
        ("[]x]", "]", true),
        ("[!]]", "]", false),
        ("[]-a]", "^", true),
        ("*.{jpg,png}", "a.png", true),
        ("*.{jpg,p{n,s}g}", "a.psg", true),
        ("*.{jpg,}", "a.", true),
        ("{a}", "{a}", true),
        ("{a,b", "{a,b", true),
        ("[ab", "[ab", true),
        ("a.c", "abc", false),
        (r"\*", "*", true),
        (r"\*", "a", false),
        ("a\\", "a\\", true),
        ("*", "a\nb", true),
        ("music/*.mp3", "music/a.mp3", true),
        ("music/*.mp3", "music/x/a.mp3", false),
        ("music/**", "music/x/a.mp3", true),
        ("music/", "music/x/a.mp3", true),
        ("music/", "other/music/a.mp3", false),
        ("**/a.mp3", "a.mp3", true),
        ("**/a.mp3", "x/y/a.mp3", true),
        ("**/a.mp3", "x/ya.mp3", false),
        ("x/**/a", "x/a", true),
        ("x/**/a", "x/y/z/a", true),
        ("/a", "a", true),
        ("/a", "x/a", false),
        ("x[!a]y/z", "x/y/z", false),
    ] {
        assert_eq!(glob(text).matches(name), found, "{text} on {name}");
    }
}

#[test]
fn refusals_fit_one_line() {
    let of = |kind, text: &str| Pattern::new(kind, text).unwrap_err();
    assert_eq!(
        of(PatternKind::Regex, "a(b").to_string(),
        "not a regular expression: at character 2, this ( is never closed"
    );
    assert_eq!(of(PatternKind::Regex, &"a".repeat(1025)), PatternError::TooLong);
    assert_eq!(of(PatternKind::Regex, &"(".repeat(1000)), PatternError::TooDeep);
    assert_eq!(of(PatternKind::Glob, &["{a,".repeat(100), "}".repeat(100)].concat()), PatternError::TooDeep);
    assert_eq!(of(PatternKind::Glob, "[z-a]"), PatternError::Range);
    assert_eq!(of(PatternKind::Regex, "(?:a{1000}){1000}"), PatternError::TooLarge);
    let many: Vec<_> = (100..=100 + limits::PATTERN_WORDS).map(|n| n.to_string()).collect();
    assert_eq!(of(PatternKind::Words, &many.join(" ")), PatternError::TooManyWords);
    let largest = of(PatternKind::Regex, "(?:a{1000}){1000}").to_string();
    assert_eq!(largest, "the pattern takes too much memory; make its repetitions, like {1000}, smaller");
}

#[test]
fn c10_an_old_peer_is_asked_only_what_cannot_hang_it() {
    for harmless in [
        r"\.mp3$",
        "^(?:a|b).*\\.(mp3|ogg)$",
        ".*foo.*bar",
        "(abc)+",
        r"(\d\d)-\1",
        "(?=.*a)foo",
        "(?i)x",
        "^(a)?(?(1)b|c)",
        "a{2,5}b?",
    ] {
        assert_eq!(regex(harmless).for_legacy_peers(), harmless);
    }
    for risky in [
        "^(a+)+$",
        "(a|aa)+",
        "(a|a)*b",
        "(a?){30}",
        "(.*)(.*)(.*)x",
        "(?:a*b*)*",
        "(?=a)*",
        "(?:)*",
        r"(\b){9}",
        "(?:(?=a)a){70000}",
        "é",
        "a\tb",
        "([a-z]+\\.)*",
        "(?m)^.*a.*b.*c",
        "(a*?){2}",
        "(?:(?:x|y)z)+",
        "a{1,255}a{1,255}a{1,255}",
    ] {
        assert_eq!(regex(risky).for_legacy_peers(), "", "{risky}");
    }
    for (pattern, asked) in [
        (words("foo b.r"), "(?is)^(?=.*foo)(?=.*b\\.r)"),
        (words("naïve É"), "(?is)^(?=.*na)(?=.*ve)"),
        (words("a/b"), "(?is)^(?=.*a)(?=.*b)"),
        (glob("*.mp3"), "(?is)^(?=.*\\.mp3$)"),
        (glob("a*b"), "(?is)^(?=a)(?=.*b$)"),
        (glob("a b.txt"), "(?is)^(?=a\\ b\\.txt$)"),
        (glob("a?{b,c}[d]"), "(?is)^(?=a)"),
        (glob("**/x"), "(?is)^(?=.*x$)"),
        (glob("*"), ""),
        (glob("é*"), ""),
    ] {
        assert_eq!(pattern.for_legacy_peers(), asked, "{pattern:?}");
    }
}

/// A glob without brackets and braces, by the book.
fn glob_by_hand(glob: &[char], name: &[char]) -> bool {
    match glob {
        [] => name.is_empty(),
        ['*', rest @ ..] => {
            glob_by_hand(rest, name)
                || matches!(name, [first, behind @ ..] if *first != '/' && glob_by_hand(glob, behind))
        }
        ['?', rest @ ..] => matches!(name, [first, behind @ ..] if *first != '/' && glob_by_hand(rest, behind)),
        [one, rest @ ..] => matches!(name, [first, behind @ ..] if first == one && glob_by_hand(rest, behind)),
    }
}

proptest! {
    #[test]
    fn no_text_makes_reading_or_matching_panic(
        text in any::<String>(),
        odd in r"[()\[\]{}?*+|^$.\\PA-Z<=!:#&~,a-c0-9-]{0,24}",
        name in any::<String>(),
    ) {
        for kind in [PatternKind::Words, PatternKind::Glob, PatternKind::Regex] {
            for text in [&text, &odd] {
                match Pattern::new(kind, text) {
                    Ok(pattern) => {
                        let _ = pattern.matches(&name);
                        prop_assert!(pattern.for_legacy_peers().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                        if kind == PatternKind::Regex {
                            prop_assert!(["", text.as_str()].contains(&pattern.for_legacy_peers()));
                        }
                    }
                    Err(error) => prop_assert!(!error.to_string().contains('\n')),
                }
            }
        }
    }

    #[test]
    fn words_are_those_that_the_name_contains(text in "[abÉßσς. (]{0,6}", name in "[aAbBéeE\u{301}sSΣ. (/]{0,12}") {
        let folded = fold(&name);
        let expected = fold(&text).split_whitespace().all(|word| folded.contains(word));
        prop_assert_eq!(words(&text).matches(&name), expected);
    }

    #[test]
    fn globs_match_as_by_hand(text in "[ab?*.]{1,7}(/[ab?*]{1,3})?", name in "[aAbB.]{0,6}(/[ab]{0,3})?") {
        let text = text.replace("**", "*?").replace("**", "*?");
        let shown = if text.contains('/') { name.as_str() } else { name.rsplit('/').next().unwrap() };
        let of = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
        prop_assert_eq!(glob(&text).matches(&name), glob_by_hand(&of(&text), &of(shown)));
    }

    #[test]
    fn what_matches_is_in_the_answer_of_an_old_peer(
        text in r"[abAZ.*?{},\[\]!é/ \\+-]{1,8}",
        name in r"[abAZz.é {},\[\]!+-]{1,8}",
    ) {
        for kind in [PatternKind::Words, PatternKind::Glob] {
            if let Ok(pattern) = Pattern::new(kind, &text)
                && pattern.matches(&name)
            {
                // Python sees bytes there, each a character of its own.
                let seen: String = name.bytes().map(char::from).collect();
                prop_assert!(regex(pattern.for_legacy_peers()).matches(&seen), "{pattern:?} {:?}", pattern.for_legacy_peers());
            }
        }
    }
}
