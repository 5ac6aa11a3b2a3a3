//! Sizes, ages, speeds and counts as a person reads them, in each language.
//!
//! All of it is arithmetic of whole numbers: floating point would bring kilobytes of formatting into the page.

use super::words::Plural;
use super::{Language, fill, fill_two};

/// How old something is, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub u64);

/// Says sizes, times and counts in one language.
#[derive(Debug, Clone, Copy)]
pub struct Measures(pub Language);

const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];

impl Measures {
    /// A whole number, its digits in groups of three.
    #[must_use]
    pub fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() * 4 / 3);
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(self.0.marks().1);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// A text with a number in it.
    #[must_use]
    pub fn count(self, text: &Plural, number: u64) -> String {
        fill(self.form(text, number), &self.number(number))
    }

    /// A text with two numbers in it; the second decides its form.
    #[must_use]
    pub fn count_of(self, text: &Plural, number: u64, of: u64) -> String {
        fill_two(self.form(text, of), &self.number(number), &self.number(of))
    }

    fn form(self, text: &Plural, number: u64) -> &'static str {
        if self.0.is_one(number) { text.one } else { text.other }
    }

    /// A size in bytes, in three digits.
    #[must_use]
    pub fn size(self, bytes: u64) -> String {
        if bytes < 1000 {
            return [&bytes.to_string(), "B"].join("\u{a0}");
        }
        let mut unit = UNITS.iter();
        let (mut name, mut divisor) = (unit.next(), 1000_u64);
        // 999.5 kB would be shown as 1000.
        while bytes / divisor >= 1000 || (bytes + divisor / 2) / divisor >= 1000 {
            let Some(next) = unit.next() else { break };
            (name, divisor) = (Some(next), divisor * 1000);
        }
        let tenths = bytes.saturating_add(divisor / 20) / (divisor / 10);
        let number = if tenths < 100 {
            let mut number = (tenths / 10).to_string();
            number.push(self.0.marks().0);
            number.push_str(&(tenths % 10).to_string());
            number
        } else {
            self.number(bytes.saturating_add(divisor / 2) / divisor)
        };
        [number.as_str(), name.copied().unwrap_or_default()].join("\u{a0}")
    }

    /// How long ago something was.
    #[must_use]
    pub fn ago(self, age: Age) -> String {
        let words = self.0.words();
        let forms = [
            &words.seconds_ago,
            &words.minutes_ago,
            &words.hours_ago,
            &words.days_ago,
            &words.months_ago,
            &words.years_ago,
        ];
        if age.0 < 5 { words.just_now.to_owned() } else { self.largest_unit(age.0, forms) }
    }

    /// How long something takes or has been.
    #[must_use]
    pub fn span(self, seconds: u64) -> String {
        let words = self.0.words();
        let forms = [&words.seconds, &words.minutes, &words.hours, &words.days, &words.months, &words.years];
        self.largest_unit(seconds, forms)
    }

    fn largest_unit(self, seconds: u64, forms: [&Plural; 6]) -> String {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let [second, minute, hour, day, month, year] = forms;
        let (form, number) = match seconds {
            0..MINUTE => (second, seconds),
            MINUTE..HOUR => (minute, seconds / MINUTE),
            HOUR..DAY => (hour, seconds / HOUR),
            _ if seconds < 60 * DAY => (day, seconds / DAY),
            _ if seconds < 730 * DAY => (month, seconds / (30 * DAY)),
            _ => (year, seconds / (365 * DAY)),
        };
        self.count(form, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: Measures = Measures(Language::English);
    const GERMAN: Measures = Measures(Language::German);

    #[test]
    fn sizes_have_three_digits_and_one_unit() {
        for (bytes, english, german) in [
            (0, "0 B", "0 B"),
            (999, "999 B", "999 B"),
            (1_000, "1.0 kB", "1,0 kB"),
            (9_949, "9.9 kB", "9,9 kB"),
            (9_951, "10 kB", "10 kB"),
            (999_499, "999 kB", "999 kB"),
            (999_500, "1.0 MB", "1,0 MB"),
            (300_000_000, "300 MB", "300 MB"),
            (12_345_678_901_234, "12 TB", "12 TB"),
            (u64::MAX, "18,446 PB", "18.446 PB"),
        ] {
            assert_eq!(ENGLISH.size(bytes).replace('\u{a0}', " "), english);
            assert_eq!(GERMAN.size(bytes).replace('\u{a0}', " "), german);
        }
    }

    #[test]
    fn counts_and_ages_have_the_form_of_their_number() {
        let files = &Language::German.words().files;
        assert_eq!(GERMAN.count(files, 1), "1 Datei");
        assert_eq!(GERMAN.count(files, 123_456), "123.456 Dateien");
        for (seconds, english, german) in [
            (0, "just now", "gerade eben"),
            (59, "59 s ago", "vor 59 s"),
            (3_600, "1 hour ago", "vor 1 Stunde"),
            (2 * 86_400, "2 days ago", "vor 2 Tagen"),
            (100 * 86_400, "3 months ago", "vor 3 Monaten"),
            (800 * 86_400, "2 years ago", "vor 2 Jahren"),
        ] {
            assert_eq!((ENGLISH.ago(Age(seconds)), GERMAN.ago(Age(seconds))), (english.into(), german.into()));
        }
    }
}
