//! What CPython 2.7.18 made of patterns, recorded: which of these names `re.search` finds, and which patterns `re.compile` refuses.

use crate::{Pattern, PatternKind};

const NAMES: [&str; 19] = [
    "readme.txt",
    "README.TXT",
    "a{b}.txt",
    "x-1.mp3",
    "song-2.mp3",
    "[draft].doc",
    "a&&b",
    "a--b",
    "tab\tname",
    "note\n",
    "two\nlines",
    "aa-aa",
    "ab-ba",
    "foo_bar.tar.gz",
    "12-34",
    "^caret",
    "a]b",
    "#hash tag",
    "z",
];

#[rustfmt::skip]
const FOUND: &[(&str, &[&str])] = &[
    (r"\.mp3$", &["x-1.mp3", "song-2.mp3"]),
    (r"txt", &["readme.txt", "a{b}.txt"]),
    (r"(?i)txt$", &["readme.txt", "README.TXT", "a{b}.txt"]),
    (r"^a", &["a{b}.txt", "a&&b", "a--b", "aa-aa", "ab-ba", "a]b"]),
    (r"\Atwo", &["two\nlines"]),
    (r"note$", &["note\n"]),
    (r"note\Z", &[]),
    (r"two$", &[]),
    (r"(?m)two$", &["two\nlines"]),
    (r"(?m)^lines", &["two\nlines"]),
    (r"two.lines", &[]),
    (r"(?s)two.lines", &["two\nlines"]),
    (r"e$\n", &["note\n"]),
    (r"a{", &["a{b}.txt"]),
    (r"a{b}", &["a{b}.txt"]),
    (r"{b", &["a{b}.txt"]),
    (r"a{2}-", &["aa-aa"]),
    (r"a{,2}-a", &["aa-aa"]),
    (r"a{1,}\-", &["a--b", "aa-aa"]),
    (r"{}", &[]),
    (r"x{,}z", &["foo_bar.tar.gz", "z"]),
    (r"[]]", &["[draft].doc", "a]b"]),
    (r"[^]a-z.]", &["README.TXT", "a{b}.txt", "x-1.mp3", "song-2.mp3", "[draft].doc", "a&&b", "a--b", "tab\tname", "note\n", "two\nlines", "aa-aa", "ab-ba", "foo_bar.tar.gz", "12-34", "^caret", "#hash tag"]),
    (r"[[]", &["[draft].doc"]),
    (r"[a[]d", &["readme.txt", "[draft].doc"]),
    (r"[&&]", &["a&&b"]),
    (r"[a&&b]{4}", &["a&&b"]),
    (r"[-a]-b", &["a--b"]),
    (r"[\w-]{5}", &["readme.txt", "README.TXT", "song-2.mp3", "[draft].doc", "two\nlines", "aa-aa", "ab-ba", "foo_bar.tar.gz", "12-34", "^caret"]),
    (r"[~~]", &[]),
    (r"[\055]", &["x-1.mp3", "song-2.mp3", "a--b", "aa-aa", "ab-ba", "12-34"]),
    (r"[\b]", &[]),
    (r"\055", &["x-1.mp3", "song-2.mp3", "a--b", "aa-aa", "ab-ba", "12-34"]),
    (r"\x2d", &["x-1.mp3", "song-2.mp3", "a--b", "aa-aa", "ab-ba", "12-34"]),
    (r"\0", &[]),
    (r"(\d)\055", &["12-34"]),
    (r"\141\141", &["aa-aa"]),
    (r"(?#a comment\) still)tar", &["foo_bar.tar.gz"]),
    (r"foo(?#)_bar", &["foo_bar.tar.gz"]),
    (r"(a)(a)-\1\2", &["aa-aa"]),
    (r"^(..)-\1$", &["aa-aa"]),
    (r"(?P<x>a.)-(?P=x)", &["aa-aa"]),
    (r"^(a)?(?(1)[]&-]|x)", &["x-1.mp3", "a&&b", "a--b", "a]b"]),
    (r"(?P<p>\[)?draft(?(p)\])\.", &["[draft].doc"]),
    (r"(?=.*\.gz)foo", &["foo_bar.tar.gz"]),
    (r"^(?!.*\.)", &["a&&b", "a--b", "tab\tname", "note\n", "two\nlines", "aa-aa", "ab-ba", "12-34", "^caret", "a]b", "#hash tag", "z"]),
    (r"(?<=song-)\d", &["song-2.mp3"]),
    (r"(?<!song)-\d", &["x-1.mp3", "12-34"]),
    (r"^(?=.*a)(?=.*b)(?!.*-)", &["a{b}.txt", "a&&b", "tab\tname", "foo_bar.tar.gz", "a]b"]),
    (r"(?x) foo _ bar  # a comment", &["foo_bar.tar.gz"]),
    (r"foo (?x)_bar", &["foo_bar.tar.gz"]),
    (r"(?x)[#] h a", &["#hash tag"]),
    (r"\#hash\ tag", &["#hash tag"]),
    (r"^\^", &["^caret"]),
    (r"\_bar", &["foo_bar.tar.gz"]),
    (r"\e", &["readme.txt", "tab\tname", "note\n", "two\nlines", "^caret"]),
    (r"(?Lu)\w\Z", &["readme.txt", "README.TXT", "a{b}.txt", "x-1.mp3", "song-2.mp3", "[draft].doc", "a&&b", "a--b", "tab\tname", "two\nlines", "aa-aa", "ab-ba", "foo_bar.tar.gz", "12-34", "^caret", "a]b", "#hash tag", "z"]),
    (r"x*", &NAMES),
    (r"(?:ab|a)+-b", &["ab-ba"]),
    (r"(ab|a)-(?:ba|b)$", &["ab-ba"]),
    (r"a.*?b.*?a$", &["ab-ba"]),
    (r"\bbar", &[]),
    (r"bar\b", &["foo_bar.tar.gz"]),
    (r"foo\B.", &["foo_bar.tar.gz"]),
    (r"(?=a$|z)", &["aa-aa", "ab-ba", "foo_bar.tar.gz", "z"]),
];

#[rustfmt::skip]
const REFUSED: &[&str] = &[
    r"[a--]-b", r"*", r"a**", r"(", r")", r"[", r"[]", r"[z-a]", r"[\d-z]", r"a{2,1}", "\\", r"\1", r"(\1)", r"(?P<1>a)", r"(?P<a>.)(?P<a>.)", r"(?P=q)", r"(?<=a*)b", r"(?<n>a)", r"(?i:a)", r"(?>a)", r"a++", r"^*", r"\x4", r"\8", r"(?#", r"(?(1)a|b|c)", r"(?z)", r"[\9]", r"a{99999999999}",
];

#[test]
fn finds_what_python_finds() {
    for (pattern, expected) in FOUND {
        let pattern = Pattern::new(PatternKind::Regex, pattern).unwrap();
        let found: Vec<_> = NAMES.into_iter().filter(|name| pattern.matches(name)).collect();
        assert_eq!(found, *expected, "{pattern:?}");
    }
}

#[test]
fn refuses_what_python_refuses_and_says_why_in_one_line() {
    for pattern in REFUSED {
        let message = Pattern::new(PatternKind::Regex, pattern).unwrap_err().to_string();
        assert!(message.starts_with("not a regular expression: at character "), "{pattern}: {message}");
        assert!(message.len() < 130 && !message.contains('\n'), "{message}");
    }
}
