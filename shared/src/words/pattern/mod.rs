//! What a person looks for: words, a glob, or a regular expression as Python 2.7 understands it.
//!
//! All three are read into one tree (`python.rs`, `glob.rs` → `node.rs`), which is written anew for an engine (`write.rs`): crate
//! `regex`, whose time grows with a name's length only, or, where the pattern looks around or refers back, `fancy-regex` with a
//! bound on its steps. `legacy_peer.rs` decides what a peer of 2004 may be asked,
//! `sieve.rs` looks through many names at once. Not done here: ranking, and searching in content.

mod escape;
mod glob;
mod legacy_peer;
mod node;
mod python;
mod sieve;
mod write;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use self::node::{Flags, Node, Place, Sequence};
pub(crate) use self::sieve::Sieve;
use crate::{fold, limits};

/// How the text of a pattern is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// Words, all of which must occur somewhere in the path, in any order.
    Words,
    /// `*.mp3`, `{a,b}?[0-9]`, `music/**`: the whole file name, or the whole path where there is a `/`.
    Glob,
    /// A regular expression of Python 2.7, to be found anywhere: what peers of 2004 send.
    Regex,
}

/// A pattern, ready to match names. Cheap to clone.
///
/// Words and globs take no notice of case, nor of how an accent is spelled ([`fold`]). A regular expression takes the name as it is;
/// in it, `\w`, `\d`, `\s` and `(?i)` follow Unicode and `.` is a character: the program of 2004 counted bytes there.
#[derive(Clone)]
pub struct Pattern {
    kind: PatternKind,
    text: Box<str>,
    engine: Engine,
    for_legacy_peers: Box<str>,
    /// Made when it is first wanted; clones share it.
    sieve: Arc<OnceLock<Option<Sieve>>>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Python's `re` would not take it either.
    #[error("not a regular expression: at character {position}, {what}")]
    Syntax {
        /// Where, in characters from 1.
        position: usize,
        /// What is wrong there, to follow a comma.
        what: &'static str,
    },
    /// A range like `[z-a]` in a glob.
    #[error("the glob has a range in brackets that does not run from a character to a later one")]
    Range,
    /// Longer than [`limits::PATTERN_BYTES`].
    #[error("the pattern is longer than {} bytes", limits::PATTERN_BYTES)]
    TooLong,
    /// More than [`limits::PATTERN_WORDS`] words.
    #[error("more than {} words; leave some out", limits::PATTERN_WORDS)]
    TooManyWords,
    /// More parentheses or braces in each other than [`limits::PATTERN_NEST`].
    #[error("the pattern is nested more than {} deep", limits::PATTERN_NEST)]
    TooDeep,
    /// Larger when compiled than [`limits::PATTERN_COMPILED_BYTES`]: a repetition of something large.
    #[error("the pattern takes too much memory; make its repetitions, like {{1000}}, smaller")]
    TooLarge,
    /// Python could run it, our engines cannot.
    #[error("the pattern combines look-around, references and repetitions in a way that cannot be run here")]
    Unsupported,
}

impl PatternError {
    fn at(index: usize, what: &'static str) -> Self {
        Self::Syntax { position: index + 1, what }
    }
}

#[derive(Clone)]
enum Engine {
    Everything,
    /// On the name as it is.
    Linear(regex::Regex),
    /// On the name as it is, with a bound on the steps.
    Backtracking(fancy_regex::Regex),
    /// On the folded path: all of them.
    Words(Vec<regex::Regex>),
    /// On the folded file name, or the folded path.
    Glob {
        regex: regex::Regex,
        of_paths: bool,
    },
}

impl Pattern {
    /// Reads a pattern. The empty text finds everything, whatever its kind.
    ///
    /// # Errors
    /// A [`PatternError`] to be shown to whoever typed it. Nothing in it needs more than one line.
    pub fn new(kind: PatternKind, text: &str) -> Result<Self, PatternError> {
        if text.len() > limits::PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        let (engine, for_legacy_peers) = match kind {
            _ if text.is_empty() => (Engine::Everything, String::new()),
            PatternKind::Words => {
                let words = glob::words(text)?;
                let regexes: Result<Vec<_>, _> = words.iter().map(|word| folded(word.clone())).collect();
                let engine = if words.is_empty() { Engine::Everything } else { Engine::Words(regexes?) };
                (engine, legacy_peer::required(&words, false))
            }
            PatternKind::Glob => {
                let glob = glob::glob(text)?;
                let whole = [vec![Node::At(Place::Start)], glob.clone(), vec![Node::At(Place::End)]].concat();
                let engine = Engine::Glob { regex: folded(whole)?, of_paths: glob::is_of_paths(text) };
                (engine, legacy_peer::required(&[glob], true))
            }
            PatternKind::Regex => {
                let (branches, flags) = python::read(text)?;
                let written = write::write(&branches, flags);
                let engine = if written.backtracks {
                    Engine::Backtracking(backtracking(&written.text)?)
                } else {
                    Engine::Linear(linear(&written.text)?)
                };
                let harmless = legacy_peer::is_harmless(text, &branches, flags);
                (engine, if harmless { text.to_owned() } else { String::new() })
            }
        };
        Ok(Self { kind, text: text.into(), engine, for_legacy_peers: for_legacy_peers.into(), sieve: Arc::default() })
    }

    /// How its text was read.
    #[must_use]
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// The text as it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it finds the name, or path.
    ///
    /// A regular expression that gives up after [`limits::PATTERN_BACKTRACKS`] steps has not found it.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.engine {
            Engine::Everything => true,
            Engine::Linear(regex) => regex.is_match(name),
            Engine::Backtracking(regex) => regex.is_match(name).unwrap_or(false),
            Engine::Words(regexes) => {
                let name = fold_unless_ascii(name);
                regexes.iter().all(|regex| regex.is_match(&name))
            }
            Engine::Glob { regex, of_paths: true } => regex.is_match(&fold_unless_ascii(name)),
            Engine::Glob { regex, of_paths: false } => {
                let file_name = name.rsplit('/').next().unwrap_or_default();
                regex.is_match(&fold_unless_ascii(file_name))
            }
        }
    }

    /// What looks through many names at once for it, where that can be had.
    pub(crate) fn sieve(&self) -> Option<&Sieve> {
        self.sieve.get_or_init(|| Sieve::of(self)).as_ref()
    }

    /// Whether the time for a name grows with its length only. Otherwise one name can take some milliseconds of somebody
    /// malicious's making: run a long listing where it delays nobody.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        !matches!(self.engine, Engine::Backtracking(_))
    }

    /// What to ask a peer of 2004 for: a pattern that its Python understands and cannot hang on.
    ///
    /// It finds whatever this pattern finds, and often more: filter the answer with [`Pattern::matches`]. The empty text asks for
    /// everything. (Two kinds of names are missed: those that Unicode spells unusually, like `ﬁle` for the word `file`; and such as
    /// are not ASCII, by a regular expression with a class or a `.` that must match exactly one of their characters, which are
    /// several bytes there.)
    #[must_use]
    pub fn for_legacy_peers(&self) -> &str {
        &self.for_legacy_peers
    }
}

/// Compiles a sequence to be run on folded text, and on ASCII text as it is.
fn folded(sequence: Sequence) -> Result<regex::Regex, PatternError> {
    let flags = Flags { ignore_case: true, dot_all: true, ..Flags::default() };
    linear(&write::write(&[sequence], flags).text)
}

/// ASCII, as most names are, is left to the engine's own idea of case.
fn fold_unless_ascii(name: &str) -> Cow<'_, str> {
    if name.is_ascii() { Cow::Borrowed(name) } else { Cow::Owned(fold(name)) }
}

fn linear(text: &str) -> Result<regex::Regex, PatternError> {
    regex::RegexBuilder::new(text)
        .size_limit(limits::PATTERN_COMPILED_BYTES)
        // Ours was held to PATTERN_NEST; the engine counts each repetition, sequence and alternative as well.
        .nest_limit(limits::PATTERN_NEST * 8)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            _ => PatternError::Unsupported,
        })
}

fn backtracking(text: &str) -> Result<fancy_regex::Regex, PatternError> {
    fancy_regex::RegexBuilder::new(text)
        .backtrack_limit(limits::PATTERN_BACKTRACKS)
        .delegate_size_limit(limits::PATTERN_COMPILED_BYTES)
        .delegate_dfa_size_limit(limits::PATTERN_COMPILED_BYTES)
        .max_prog_size(limits::PATTERN_COMPILED_BYTES / 64)
        // Rewriting of patterns, in which nearly every release mends a wrong result; such patterns are too rare to need it.
        .optimize(false)
        .seek(false)
        .build()
        .map_err(|error| match error {
            fancy_regex::Error::CompileError(error) => match *error {
                fancy_regex::CompileError::InnerError(_)
                | fancy_regex::CompileError::DfaBuildError(..)
                | fancy_regex::CompileError::PatternTooComplex => PatternError::TooLarge,
                _ => PatternError::Unsupported,
            },
            _ => PatternError::Unsupported,
        })
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.kind, self.text)
    }
}
