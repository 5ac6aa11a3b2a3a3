//! What a request for a file of a known version means: all of it, a part, or nothing (RFC 9110, 13 and 14).
//!
//! An address by ticket means one version for ever, so its tag and its date are strong without further thought: whoever
//! holds a part of it from here holds a part of these very bytes.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use http::Method;
use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE,
};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use httpdate::HttpDate;

use super::negotiate::{has_tag, weakly};
use crate::source::Version;

/// By what a caller can tell a version.
#[derive(Debug)]
pub(super) struct Facts {
    size: u64,
    tag: String,
    modified: Option<HttpDate>,
}

/// What is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 200.
    Whole,
    /// 206, never of no bytes.
    Part(Range<u64>),
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    Unsatisfiable,
}

impl Facts {
    pub(super) fn new(version: Version) -> Self {
        let Version { size, modified } = version;
        Self::tagged(version, &format!("{size:x}-{modified:x}"))
    }

    /// The same, where more than the version tells it from others. A tag has no quotes and no commas.
    pub(super) fn tagged(Version { size, modified }: Version, tag: &str) -> Self {
        Self { size, tag: format!("\"{tag}\""), modified: date(modified) }
    }

    /// The `ETag`.
    pub(super) fn tag(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.tag).ok()
    }

    /// The `Last-Modified`; none for a time that HTTP cannot say or that has not come yet.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.modified?.to_string()).ok()
    }

    /// Weighs the conditions in the order that RFC 9110 gives them (13.2.2).
    pub(super) fn judge(&self, method: &Method, asked: &HeaderMap) -> Verdict {
        let later_than = |name| Some(self.modified? > date_of(asked, name)?);
        let is_met = if asked.contains_key(IF_MATCH) {
            has_tag(asked, &IF_MATCH, &self.tag, |tag| tag)
        } else {
            later_than(IF_UNMODIFIED_SINCE) != Some(true)
        };
        if !is_met {
            return Verdict::Failed;
        }
        let is_known = if asked.contains_key(IF_NONE_MATCH) {
            has_tag(asked, &IF_NONE_MATCH, &self.tag, weakly)
        } else {
            later_than(IF_MODIFIED_SINCE) == Some(false)
        };
        if is_known {
            return Verdict::NotModified;
        }
        // GET alone has ranges.
        if method == Method::GET && self.is_resumable(asked) { self.range(asked) } else { Verdict::Whole }
    }

    /// Whether the part that the caller has is one of this version: it says nothing of it, or the right thing.
    fn is_resumable(&self, asked: &HeaderMap) -> bool {
        let Some(known) = asked.get(IF_RANGE) else { return true };
        known.to_str().is_ok_and(|known| known.trim() == self.tag)
            || (self.modified.is_some() && date_of(asked, IF_RANGE) == self.modified)
    }

    fn range(&self, asked: &HeaderMap) -> Verdict {
        let mut lines = asked.get_all(RANGE).into_iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Verdict::Whole };
        let Some(Ok(ranges)) = line.to_str().ok().map(parse_range_header) else { return Verdict::Whole };
        // Some always ask for a range, and of nothing there is none.
        if self.size == 0 {
            return Verdict::Whole;
        }
        match ranges.validate(self.size).as_deref() {
            Ok([range]) => Verdict::Part(*range.start()..range.end() + 1),
            // Several parts in one answer: nobody has to be able to, and nobody needs it for a file.
            Ok(_) => Verdict::Whole,
            Err(RangeUnsatisfiableError::Unsatisfiable) => Verdict::Unsatisfiable,
            Err(_) => Verdict::Whole,
        }
    }
}

/// A time in nanoseconds as HTTP says it, in whole seconds.
fn date(modified: i64) -> Option<HttpDate> {
    // The year 10000, beyond which there is no way to write it.
    const END: u64 = 253_402_300_800;
    let seconds = u64::try_from(modified).ok()? / 1_000_000_000;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    (seconds < END && time <= SystemTime::now()).then(|| time.into())
}

/// A date that was sent; none where it is none, which is then as if it was not sent.
fn date_of(asked: &HeaderMap, name: HeaderName) -> Option<HttpDate> {
    asked.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, NotModified, Part, Unsatisfiable, Whole};
    use super::*;

    /// Ten bytes of 1994-11-06 08:49:37.5 UTC.
    const VERSION: Version = Version { size: 10, modified: 784_111_777_500_000_000 };
    const TAG: &str = "\"a-ae1b981da166f00\"";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn judge(asked: &[(&'static str, &str)]) -> Verdict {
        judge_as(&Method::GET, 10, asked)
    }

    fn judge_as(method: &Method, size: u64, asked: &[(&'static str, &str)]) -> Verdict {
        let asked =
            asked.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in asked {
            headers.append(name, value);
        }
        Facts::new(Version { size, ..VERSION }).judge(method, &headers)
    }

    #[test]
    fn a_version_is_told_by_its_tag_and_date() {
        let facts = Facts::new(VERSION);
        assert_eq!(facts.tag().unwrap(), format!("\"a-{:x}\"", VERSION.modified));
        assert_eq!(facts.last_modified().unwrap(), DATE);
        assert_eq!(TAG, facts.tag().unwrap());
    }

    #[test]
    fn times_that_http_cannot_say_are_not_said() {
        for modified in [-1, i64::MIN, i64::MAX] {
            let facts = Facts::new(Version { size: 1, modified });
            assert_eq!(facts.last_modified(), None, "{modified}");
            assert!(facts.tag().is_some());
        }
        assert_eq!(
            Facts::new(Version { size: 1, modified: 0 }).last_modified().unwrap(),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    #[test]
    fn one_range_is_one_part() {
        for (range, verdict) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-", Part(0..10)),
            ("bytes=3-5", Part(3..6)),
            ("bytes=9-", Part(9..10)),
            ("bytes=3-99", Part(3..10)),
            ("bytes=3-18446744073709551615", Part(3..10)),
            ("bytes=3-99999999999999999999999", Part(3..10)),
            ("bytes=-1", Part(9..10)),
            ("bytes=-10", Part(0..10)),
            ("bytes=-11", Part(0..10)),
            ("BYTES=3-5", Part(3..6)),
            ("bytes=3-5,", Part(3..6)),
            ("bytes=3-5, 10-", Part(3..6)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-20", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999-", Unsatisfiable),
            ("bytes=20-30, 40-", Unsatisfiable),
            ("bytes=0-1, 4-5", Whole),
            ("bytes=0-,0-,0-,0-", Whole),
            ("bytes=5-3", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1-2x", Whole),
            ("bytes 1-2", Whole),
            ("items=1-2", Whole),
        ] {
            assert_eq!(judge(&[("range", range)]), verdict, "{range}");
        }
        assert_eq!(judge(&[("range", "bytes=0-1"), ("range", "bytes=3-4")]), Whole);
        assert_eq!(judge_as(&Method::HEAD, 10, &[("range", "bytes=3-5")]), Whole);
        for range in ["bytes=0-", "bytes=-5", "bytes=-0", "bytes=3-5"] {
            assert_eq!(judge_as(&Method::GET, 0, &[("range", range)]), Whole, "of nothing: {range}");
        }
        assert_eq!(judge_as(&Method::GET, u64::MAX, &[("range", "bytes=1-")]), Part(1..u64::MAX));
    }

    #[test]
    fn a_part_is_added_only_to_the_same_version() {
        let resume = |known: &str| judge(&[("range", "bytes=4-"), ("if-range", known)]);
        for known in [TAG, DATE] {
            assert_eq!(resume(known), Part(4..10), "{known}");
        }
        for other in ["\"a-0\"", &format!("W/{TAG}"), BEFORE, AFTER, "", "*", "a-ae1b981da166f00"] {
            assert_eq!(resume(other), Whole, "{other}");
        }
        let ends = [("range", "bytes=10-"), ("if-range", TAG)];
        assert_eq!(judge(&ends), Unsatisfiable);
        assert_eq!(judge(&[("range", "bytes=10-"), ("if-range", AFTER)]), Whole);
    }

    #[test]
    fn who_has_it_is_not_sent_it_again() {
        for known in [TAG, &format!("W/{TAG}"), &format!("\"x\", {TAG}"), "*"] {
            assert_eq!(judge(&[("if-none-match", known)]), NotModified, "{known}");
        }
        assert_eq!(judge(&[("if-none-match", "\"x\""), ("if-none-match", TAG)]), NotModified);
        assert_eq!(judge(&[("if-none-match", "\"x\"")]), Whole);
        for (since, verdict) in [(BEFORE, Whole), (DATE, NotModified), (AFTER, NotModified), ("yesterday", Whole)] {
            assert_eq!(judge(&[("if-modified-since", since)]), verdict, "{since}");
        }
        // The tag decides where there is one, and both before the range.
        assert_eq!(judge(&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)]), Whole);
        assert_eq!(judge(&[("if-none-match", TAG), ("range", "bytes=3-")]), NotModified);
        assert_eq!(judge_as(&Method::HEAD, 10, &[("if-none-match", TAG)]), NotModified);
    }

    #[test]
    fn who_wants_only_this_version_gets_no_other() {
        for (known, verdict) in [
            (TAG, Whole),
            ("*", Whole),
            ("\"x\"", Failed),
            (&*format!("W/{TAG}"), Failed),
            (&*format!("\"x\",{TAG}"), Whole),
        ] {
            assert_eq!(judge(&[("if-match", known)]), verdict, "{known}");
        }
        for (since, verdict) in [(BEFORE, Failed), (DATE, Whole), (AFTER, Whole), ("never", Whole)] {
            assert_eq!(judge(&[("if-unmodified-since", since)]), verdict, "{since}");
        }
        assert_eq!(judge(&[("if-match", TAG), ("if-unmodified-since", BEFORE)]), Whole);
        assert_eq!(judge(&[("if-match", "\"x\""), ("if-none-match", TAG)]), Failed);
    }
}
