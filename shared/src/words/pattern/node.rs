//! What a pattern says, whatever it was written in: the tree between the readers (Python's `re`, globs, words) and the engines.
//!
//! It holds what Python 2.7's `re` can say and nothing else. No matching happens here.

/// One alternative: nodes that follow each other.
pub(super) type Sequence = Vec<Node>;

/// What holds for a whole pattern, wherever in it the flag was written (as in Python 2.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `(?i)`
    pub(super) ignore_case: bool,
    /// `(?m)`: `^` and `$` also at line breaks.
    pub(super) multi_line: bool,
    /// `(?s)`: `.` is a line break too.
    pub(super) dot_all: bool,
    /// `(?x)`: blanks and comments in the pattern mean nothing. Only its reader needs it.
    pub(super) verbose: bool,
}

/// One element of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// This character.
    Literal(char),
    /// `.`
    Any,
    /// `[…]`, or `\d` and its like by themselves.
    Set { negated: bool, items: Vec<Item> },
    /// A place, of no width.
    At(Place),
    /// `(…)` with its number, `(?:…)` without.
    Group { number: Option<u32>, branches: Vec<Sequence> },
    /// `x{least,most}`.
    Repeat { body: Box<Node>, least: u32, most: Option<u32>, lazy: bool },
    /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`.
    Look { behind: bool, negated: bool, branches: Vec<Sequence> },
    /// `\1`, `(?P=name)`.
    Back(u32),
    /// `(?(1)yes|no)`.
    Either { group: u32, yes: Sequence, no: Sequence },
}

/// One member of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// From the first to the last, both included; one character is a range of itself.
    Range(char, char),
    /// `\d`, `\W` …: the letter after the backslash.
    Class(char),
}

/// A place in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `^`: the beginning, or that of a line.
    LineStart,
    /// `$`: the end, also before a last line break; or that of a line.
    LineEnd,
    /// `\A`
    Start,
    /// `\Z`: the very end.
    End,
    /// `\b`
    WordEdge,
    /// `\B`
    NoWordEdge,
}

impl Node {
    /// The fewest and the most characters that it matches, as Python counts them: a back-reference and a condition count for
    /// nothing there.
    pub(super) fn width(&self) -> (u64, u64) {
        match self {
            Self::Literal(_) | Self::Any | Self::Set { .. } => (1, 1),
            Self::At(_) | Self::Look { .. } | Self::Back(_) | Self::Either { .. } => (0, 0),
            Self::Group { branches, .. } => width(branches),
            Self::Repeat { body, least, most, .. } => {
                let (low, high) = body.width();
                let most = most.map_or(u64::MAX, u64::from);
                (low.saturating_mul(u64::from(*least)), high.saturating_mul(most))
            }
        }
    }
}

/// The same for alternatives.
pub(super) fn width(branches: &[Sequence]) -> (u64, u64) {
    let widths = branches.iter().map(|branch| {
        branch
            .iter()
            .map(Node::width)
            .fold((0_u64, 0_u64), |sum, one| (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1)))
    });
    widths.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or((0, 0))
}
