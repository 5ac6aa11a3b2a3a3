//! The order of names as a person expects it: case aside, and numbers by their value (`track 2` before `track 10`).
//!
//! It knows no language's alphabet: the browser's collation would cost a call into JavaScript for each comparison.

use std::cmp::Ordering;

/// The first bytes of a name's place in the order. Where two are equal, [`compare`] decides.
///
/// Numbers have no place in it, because their first digit says nothing of their value.
pub(crate) fn head(name: &str) -> u64 {
    let mut bytes = [0_u8; 8];
    let mut filled = 0;
    'name: for character in name.chars() {
        // Behind the first digit only the whole name decides.
        let is_digit = character.is_ascii_digit();
        let character = if is_digit { '0' } else { lower(character) };
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            let Some(place) = bytes.get_mut(filled) else { break 'name };
            *place = byte;
            filled += 1;
        }
        if is_digit {
            break;
        }
    }
    u64::from_be_bytes(bytes)
}

/// Which of two names comes first. Names that differ are never equal.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (digits, others) = (digits(left), digits(right));
        if !digits.is_empty() && !others.is_empty() {
            match by_value(digits, others) {
                Ordering::Equal => {
                    left = left.get(digits.len()..).unwrap_or_default();
                    right = right.get(others.len()..).unwrap_or_default();
                    continue;
                }
                differ => return differ,
            }
        }
        let (mut ones, mut others) = (left.chars(), right.chars());
        match (ones.next(), others.next()) {
            (None, None) => return one.cmp(other),
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(a), Some(b)) => match lower(a).cmp(&lower(b)) {
                Ordering::Equal => (left, right) = (ones.as_str(), others.as_str()),
                differ => return differ,
            },
        }
    }
}

fn digits(text: &str) -> &str {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn by_value(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// The lower case of a character, where it is one character.
fn lower(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    character.to_lowercase().next().unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_the_order_a_person_expects() {
        let order = ["", " a", "-", "01 a", "1 b", "2", "10", "A", "a", "a1", "a2b", "a10", "Ab", "b", "Ä", "日本"];
        for pair in order.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            assert!(head(pair[0]) <= head(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn names_that_differ_only_in_case_or_zeros_still_have_an_order() {
        assert_ne!(compare("a", "A"), Ordering::Equal);
        assert_ne!(compare("a01", "a1"), Ordering::Equal);
        assert_eq!(compare("a1", "a1"), Ordering::Equal);
    }
}
