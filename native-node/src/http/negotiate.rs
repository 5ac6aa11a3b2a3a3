//! What a caller takes, and what it has already: lists in headers (RFC 9110, sections 8.8.3 and 12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName};

/// How much the caller likes a coding, in thousandths; `any` for what it does not name. 0 is a refusal or silence.
fn weight(headers: &HeaderMap, coding: &str) -> (Option<u16>, Option<u16>) {
    let mut any = None;
    for line in headers.get_all(ACCEPT_ENCODING) {
        for choice in line.to_str().unwrap_or_default().split(',') {
            let (name, weight) = choice.split_once(';').unwrap_or((choice, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            // A float becomes an integer by saturation: whatever was sent, this is 0 to 1000.
            let weight = (weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u16;
            match name.trim() {
                name if name.eq_ignore_ascii_case(coding) => return (Some(weight), any),
                "*" => any = Some(weight),
                _ => {}
            }
        }
    }
    (None, any)
}

/// How much the caller likes a coding, in thousandths, by name or as one of all; 0 is a refusal or silence.
pub(crate) fn liking(headers: &HeaderMap, coding: &str) -> u16 {
    let (named, any) = weight(headers, coding);
    named.or(any).unwrap_or(0)
}

/// Whether the caller takes a coding by its very name.
pub(super) fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    weight(headers, coding).0.is_some_and(|weight| weight > 0)
}

/// Whether a list of tags has this one in it, each as `read` has it. No tag has a comma inside.
pub(crate) fn has_tag(headers: &HeaderMap, name: &HeaderName, tag: &str, read: impl Fn(&str) -> &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|known| known == "*" || read(known) == tag)
}

/// A tag as it is compared weakly: `W/` makes no difference.
pub(crate) fn weakly(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepting(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_coding_is_taken_from_who_names_it() {
        for taken in [&["gzip"][..], &["deflate, GZIP;q=0.5"], &["br", "gzip"], &["*;q=0, gzip; q=0.001"]] {
            assert!(accepts(&accepting(taken), "gzip"), "{taken:?}");
        }
        for refused in [&[][..], &[""], &["identity"], &["gzipped"], &["gzip;q=0"], &["*"], &["br, gzip; q=0.0000"]] {
            assert!(!accepts(&accepting(refused), "gzip"), "{refused:?}");
        }
    }
}
