//! Names: which are this program's own, what an unfinished file is called, and when two names are one too many.
//!
//! Only text in, text out; whether a name is safe at all was decided by [`SharedPath`].

use shared::{SharedPath, limits};
use unicode_normalization::UnicodeNormalization;

/// How every name begins that this program makes for itself. Such names are never listed, served or saved (A14).
const OURS: &str = ".tinyp2p";

/// Bytes of the wanted name that an unfinished file shows, so that a person who finds one knows what it was.
const PART_SHOWS: usize = 64;

/// Bytes up to which what follows the last dot is an extension, kept when a number is added.
const EXTENSION_BYTES: usize = 32;

/// Whether a single name is one of this program's own.
pub(super) fn is_ours(name: &str) -> bool {
    // Upper case too: on a disk that ignores case it would open the same file.
    name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}

/// How the name of every unfinished file ends.
const PART: &str = ".part";

/// The name of an unfinished file: short whatever it will be called (A12). The number is random, so that it cannot be guessed
/// (A6), or follows from what the file will hold, so that it is found again.
pub(super) fn part_name(name: &str, number: u64) -> String {
    format!("{OURS}.{}.{number:016x}{PART}", prefix(name, PART_SHOWS))
}

/// Whether it is the name of an unfinished file.
pub(super) fn is_part(name: &str) -> bool {
    is_ours(name) && name.ends_with(PART)
}

/// `path` with ` (number)` before its extension; `None` where that is no path any more.
pub(super) fn numbered(path: &SharedPath, number: u32) -> Option<SharedPath> {
    let name = path.file_name();
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    };
    let tail = format!(" ({number}){extension}");
    let stem = prefix(stem, limits::NAME_BYTES.saturating_sub(tail.len()));
    let folder = path.as_str().get(..path.as_str().len() - name.len())?;
    SharedPath::parse(&format!("{folder}{stem}{tail}")).ok()
}

/// What two names share that some file system takes for one: normalised (NFC) and without case (A9).
///
/// Upper-casing before lower-casing is how the standard library folds `ß` with `ss` and `ﬁ` with `fi`.
pub(super) fn folded(name: &str) -> String {
    name.nfc().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

/// The longest start of `text` that has at most `most` bytes.
fn prefix(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        for (given, expected) in [
            ("a.txt", "a (1).txt"),
            ("d.d/a", "d.d/a (1)"),
            ("d/.profile", "d/.profile (1)"),
            ("a.tar.gz", "a.tar (1).gz"),
        ] {
            assert_eq!(numbered(&path(given), 1).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn a12_numbered_and_part_names_fit_whatever_the_length() {
        for name in
            ["é".repeat(127), "x".repeat(255), format!("{}.txt", "€".repeat(83)), format!("a.{}", "b".repeat(253))]
        {
            let longest = numbered(&path(&name), 12_345).unwrap();
            assert!(longest.file_name().len() <= 255 && longest.file_name().contains("(12345)"), "{longest}");
            assert!(part_name(&name, u64::MAX).len() <= 255);
        }
        assert!(numbered(&path(&format!("{}.txt", "€".repeat(83))), 1).unwrap().as_str().ends_with("€ (1).txt"));
    }

    #[test]
    fn a14_our_own_names_are_known_in_any_case() {
        assert!(is_ours(&part_name("a", 1)) && is_ours(".tinyp2p") && is_ours(".TinyP2P-state"));
        assert!(!is_ours("tinyp2p.py") && !is_ours(".tiny") && !is_ours("é"));
    }

    #[test]
    fn a9_names_that_some_disk_takes_for_one_fold_alike() {
        for (one, other) in [("A.txt", "a.TXT"), ("\u{e9}", "e\u{301}"), ("ﬁn", "FIN"), ("STRASSE", "straße")] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("a"), folded("á"));
    }
}
