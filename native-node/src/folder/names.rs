//! What an unfinished file is called. Only text in, text out.

use shared::{OWN_PREFIX, cut, is_own_name};

/// Bytes of the wanted name that an unfinished file shows, so that a person who finds one knows what it was.
const PART_SHOWS: usize = 64;

/// How the name of every unfinished file ends.
const PART: &str = ".part";

/// The name of an unfinished file: short whatever it will be called (A12). The number is random, so that it cannot be guessed
/// (A6), or follows from what the file will hold, so that it is found again.
pub(super) fn part_name(name: &str, number: u64) -> String {
    format!("{OWN_PREFIX}.{}.{number:016x}{PART}", cut(name, PART_SHOWS))
}

/// Whether it is the name of an unfinished file.
pub(super) fn is_part(name: &str) -> bool {
    is_own_name(name) && name.ends_with(PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_part_names_fit_whatever_the_length() {
        for name in ["é".repeat(127), "x".repeat(255), format!("a.{}", "b".repeat(253))] {
            let part = part_name(&name, u64::MAX);
            assert!(part.len() <= 255 && is_part(&part) && is_own_name(&part), "{part}");
        }
        assert!(!is_part("a.part") && !is_part(".tinyp2p.log"));
    }
}
