//! When two texts count as the same name: on disks that take no notice of case, and to a person who searches.
//!
//! No rule of one file system is followed exactly. They differ, and each changes with its version of Unicode; to take two names
//! for one where a disk would not costs a number behind a name, the reverse costs a file.

use unicode_normalization::UnicodeNormalization;

/// A key by which names are compared: equal for names that some disk takes for one, and for texts that a person takes for one.
///
/// Case is folded and compatibility forms are unified (NFKC): `A.txt` and `a.txt`, `é` in one or two characters, `ﬁ` and `fi`,
/// `ß` and `ss`. A key is for comparing only: it can hold characters that the name has not, even a `/`.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Upper case before lower unifies what has several lower forms (ß ss, ς σ). Folding can undo normalization and the reverse,
    // so go on until nothing changes; three rounds are more than any character of Unicode needs (tested).
    let mut folded = fold_once(text);
    for _ in 0..3 {
        let next = fold_once(&folded);
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

fn fold_once(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a9_names_that_a_disk_takes_for_one_have_one_key() {
        for (one, other) in [
            ("A.txt", "a.TXT"),
            ("\u{e9}", "e\u{301}"),
            ("É", "e\u{301}"),
            ("ﬁle", "FILE"),
            ("straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("ΟΔΟΣ", "οδοσ"),
            ("\u{212a}", "k"),
            ("ｆｕｌｌ", "full"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("é", "e"), ("a b", "ab"), ("a.txt", "a_txt")] {
            assert_ne!(fold(one), fold(other));
        }
    }

    #[test]
    fn folding_a_character_twice_changes_nothing() {
        // All that has case or a compatibility form; the rest of Unicode only takes time.
        for character in ('\u{80}'..='\u{1ffff}').chain('\u{2f800}'..='\u{2fa1f}') {
            let folded = fold(character.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&folded), folded, "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in any::<String>()) {
            let key = fold(&text);
            prop_assert_eq!(fold(&key), key);
        }
    }
}
