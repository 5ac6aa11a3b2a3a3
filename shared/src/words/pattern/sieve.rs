//! A pattern made to look through many names at once, one on each line of a text.
//!
//! An engine has a price for each start, and only in a long text can it leap from one rare literal to the next. The lines
//! found may be too many, never too few: each is then looked at by itself.

use regex_syntax::hir::{Class, ClassBytesRange, ClassUnicodeRange, Hir, HirKind, Look, Repetition};
use regex_syntax::hir::{ClassBytes, ClassUnicode};

use super::{Engine, Pattern, linear};

/// Finds the lines that a [`Pattern`] may match.
pub(crate) struct Sieve {
    regex: regex::Regex,
    only_ascii: bool,
}

impl Sieve {
    /// The sieve of a pattern; none for one that cannot be had, or would let everything through.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        let (regex, start, only_ascii) = match &pattern.engine {
            Engine::Everything | Engine::Backtracking(_) => return None,
            Engine::Linear(regex) => (regex, Hir::look(Look::StartLF), false),
            // All must be there, and the longest is the rarest. What is not ASCII would have to be folded first.
            Engine::Words(words) => {
                (words.iter().max_by_key(|word| word.as_str().len())?, Hir::look(Look::StartLF), true)
            }
            Engine::Glob { regex, of_paths: true } => (regex, Hir::look(Look::StartLF), true),
            // A file's name begins anywhere in its path.
            Engine::Glob { regex, of_paths: false } => (regex, Hir::empty(), true),
        };
        let hir = regex_syntax::parse(regex.as_str()).ok()?;
        let regex = linear(&in_lines(&hir, &start)?.to_string()).ok()?;
        Some(Self { regex, only_ascii })
    }

    /// Whether it needs the names to be ASCII.
    pub(crate) fn only_ascii(&self) -> bool {
        self.only_ascii
    }

    /// A place in the next line that may match, from the start of a line on.
    pub(crate) fn find(&self, lines: &str, from: usize) -> Option<usize> {
        if from >= lines.len() {
            return None;
        }
        self.regex.shortest_match_at(lines, from).filter(|at| *at < lines.len())
    }
}

/// What matches in lines where `hir` matches in one of them by itself: no line has a line feed in it, and none is stepped
/// over. `start` stands for the beginning of a name. None for what knows other ends of lines.
fn in_lines(hir: &Hir, start: &Hir) -> Option<Hir> {
    let all = |parts: &[Hir]| parts.iter().map(|part| in_lines(part, start)).collect::<Option<Vec<_>>>();
    Some(match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(Look::Start) => start.clone(),
        HirKind::Look(Look::End) => Hir::look(Look::EndLF),
        HirKind::Look(Look::StartCRLF | Look::EndCRLF) => return None,
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Capture(capture) => in_lines(&capture.sub, start)?,
        HirKind::Concat(parts) => Hir::concat(all(parts)?),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)?),
        HirKind::Repetition(repetition) => {
            let sub = in_lines(&repetition.sub, start)?;
            // What can never match has no length.
            if repetition.min == 0 && sub.properties().minimum_len().is_none() {
                Hir::empty()
            } else {
                let Repetition { min, max, greedy, .. } = *repetition;
                Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub) })
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PatternKind;

    /// The lines that are let through and then match.
    fn found(pattern: &Pattern, lines: &str) -> Option<Vec<usize>> {
        let sieve = Sieve::of(pattern)?;
        let (mut found, mut start) = (Vec::new(), 0);
        while let Some(at) = sieve.find(lines, start) {
            let number = lines[..at].matches('\n').count();
            if pattern.matches(lines.lines().nth(number).unwrap()) {
                found.push(number);
            }
            start = at + lines[at..].find('\n').unwrap() + 1;
        }
        Some(found)
    }

    fn by_themselves(pattern: &Pattern, lines: &str) -> Vec<usize> {
        let matching = lines.lines().enumerate().filter(|(_, line)| pattern.matches(line));
        matching.map(|(number, _)| number).collect()
    }

    const NAMES: &str =
        "a.txt\nb.txt\na.txt.gz\ntxt\nA song.ogg\nmusic/a song.OGG\nx\ty\n.a\na a\n\u{b}z\nc.b\nlast.txt\n";

    #[test]
    fn every_kind_finds_in_lines_what_it_finds_by_itself() {
        for (kind, text) in [
            (PatternKind::Regex, r"\.txt$"),
            (PatternKind::Regex, r"^a"),
            (PatternKind::Regex, r"^\.?a.*t\Z"),
            (PatternKind::Regex, r"(?m)^txt$"),
            (PatternKind::Regex, r"(?i)SONG"),
            (PatternKind::Regex, r"t\s*b"),
            (PatternKind::Regex, r"[^a]b"),
            (PatternKind::Regex, r"\bsong\b"),
            (PatternKind::Regex, r"a\Wa|x\sy"),
            (PatternKind::Regex, r"txt\n"),
            (PatternKind::Regex, r"(?s)t.b"),
            (PatternKind::Regex, r"$"),
            (PatternKind::Regex, r"x*"),
            (PatternKind::Regex, r"\Aa.txt\Z"),
            (PatternKind::Words, "song a"),
            (PatternKind::Words, "OGG"),
            (PatternKind::Glob, "*.ogg"),
            (PatternKind::Glob, "a*"),
            (PatternKind::Glob, "music/*"),
            (PatternKind::Glob, "?.txt"),
        ] {
            let pattern = Pattern::new(kind, text).unwrap();
            let found = found(&pattern, NAMES).expect(text);
            assert_eq!(found, by_themselves(&pattern, NAMES), "{text}");
            assert!(!found.is_empty() || ["t\\s*b", "txt\\n", "(?s)t.b"].contains(&text), "{text}");
        }
    }

    #[test]
    fn what_goes_back_has_none() {
        assert!(Sieve::of(&Pattern::new(PatternKind::Regex, r"(a)\1").unwrap()).is_none());
        assert!(Sieve::of(&Pattern::new(PatternKind::Words, "").unwrap()).is_none());
    }

    proptest! {
        #[test]
        fn nothing_is_missed(
            text in r"(\^|\\A|\\b)?([ab.]|[^a]|\\s|\\W|\\n|a\*|\(a\|b\$\)|b\?|\[\^b\]|\(\^a\)\?){0,6}(\$|\\Z|\\b)?",
            names in prop::collection::vec("[ab \t.]{1,6}", 1..8),
        ) {
            let lines = names.concat_lines();
            if let Ok(pattern) = Pattern::new(PatternKind::Regex, &text)
                && let Some(found) = found(&pattern, &lines)
            {
                prop_assert_eq!(found, by_themselves(&pattern, &lines), "{:?}", text);
            }
        }
    }

    trait Lines {
        fn concat_lines(&self) -> String;
    }

    impl Lines for Vec<String> {
        fn concat_lines(&self) -> String {
            self.iter().flat_map(|name| [name.as_str(), "\n"]).collect()
        }
    }
}
