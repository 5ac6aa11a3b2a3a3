//! Reads what a person types into a search box: words, and file globs as shells know them.
//!
//! Both become the same tree as a regular expression, of folded text ([`fold`]): case and spelling of accents never matter. There
//! are no errors of syntax but one: a bracket or brace that is not closed is a character like any other.

use super::PatternError;
use super::node::{Item, Node, Sequence};
use crate::{fold, limits};

/// Reads words, each of which must occur somewhere in a path.
pub(super) fn words(text: &str) -> Result<Vec<Sequence>, PatternError> {
    let folded = fold(text);
    let mut words: Vec<_> = folded.split_whitespace().collect();
    // The longest is the rarest: tried first, it decides about most names alone. What occurs in another word needs no look.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        if !kept.iter().any(|longer| longer.contains(word)) {
            kept.push(word);
        }
    }
    if kept.len() > limits::PATTERN_WORDS {
        return Err(PatternError::TooManyWords);
    }
    Ok(kept.into_iter().map(|word| word.chars().map(Node::Literal).collect()).collect())
}

/// Reads a glob, which must match a whole file name, or a whole path where it has a `/`.
///
/// `*` and `?` do not match a `/`, `**` does, and `**/` also matches nothing; `[a-z]`, `[!a-z]`, `{one,other}`; a backslash takes
/// the next character as it is. A `/` at the beginning is the share, one at the end all that is below a folder.
pub(super) fn glob(text: &str) -> Result<Sequence, PatternError> {
    let mut folded = fold(text);
    if folded.ends_with('/') {
        folded.push_str("**");
    }
    let characters: Vec<char> = folded.strip_prefix('/').unwrap_or(&folded).chars().collect();
    sequence(&characters, 0)
}

/// Whether a glob is about paths and not about names.
pub(super) fn is_of_paths(text: &str) -> bool {
    fold(text).contains('/')
}

fn sequence(mut rest: &[char], depth: u32) -> Result<Sequence, PatternError> {
    if depth > limits::PATTERN_NEST {
        return Err(PatternError::TooDeep);
    }
    let mut nodes = Sequence::new();
    while let Some((first, mut after)) = rest.split_first() {
        match first {
            '*' if after.first() == Some(&'*') => {
                let stars = after.iter().take_while(|c| **c == '*').count();
                after = after.get(stars..).unwrap_or_default();
                let starts_a_part = nodes.last().is_none_or(|node| *node == Node::Literal('/'));
                match after.strip_prefix(&['/']) {
                    Some(below) if starts_a_part => {
                        after = below;
                        let folder = vec![any_number_of(anything()), Node::Literal('/')];
                        let folder = Node::Group { number: None, branches: vec![folder] };
                        nodes.push(Node::Repeat { body: Box::new(folder), least: 0, most: Some(1), lazy: false });
                    }
                    _ => nodes.push(any_number_of(anything())),
                }
            }
            '*' => nodes.push(any_number_of(but_slash())),
            '?' => nodes.push(but_slash()),
            '[' => match after.iter().skip(1 + usize::from(after.first() == Some(&'!'))).position(|c| *c == ']') {
                Some(_) => (after, nodes) = set(after, nodes)?,
                None => nodes.push(Node::Literal('[')),
            },
            '{' => match alternatives(after) {
                Some((parts, behind)) => {
                    let branches = parts.into_iter().map(|part| sequence(part, depth + 1)).collect::<Result<_, _>>()?;
                    nodes.push(Node::Group { number: None, branches });
                    after = behind;
                }
                None => nodes.push(Node::Literal('{')),
            },
            '\\' => match after.split_first() {
                Some((escaped, behind)) => {
                    nodes.push(Node::Literal(*escaped));
                    after = behind;
                }
                None => nodes.push(Node::Literal('\\')),
            },
            other => nodes.push(Node::Literal(*other)),
        }
        rest = after;
    }
    Ok(nodes)
}

/// Reads a set up to its `]`, which is known to be there, and puts it behind the nodes.
fn set(mut rest: &[char], mut nodes: Sequence) -> Result<(&[char], Sequence), PatternError> {
    let mut items = Vec::new();
    let negated = matches!(rest.first(), Some('!' | '^'));
    rest = rest.get(usize::from(negated)..).unwrap_or_default();
    loop {
        rest = match rest {
            [']', behind @ ..] if !items.is_empty() => {
                if negated {
                    items.push(Item::Range('/', '/'));
                }
                nodes.push(Node::Set { negated, items });
                return Ok((behind, nodes));
            }
            [low, '-', high, behind @ ..] if *high != ']' => {
                if low > high {
                    return Err(PatternError::Range);
                }
                items.push(Item::Range(*low, *high));
                behind
            }
            [one, behind @ ..] => {
                items.push(Item::Range(*one, *one));
                behind
            }
            // Only `[]-]x` and its like get here: the bracket found was a member.
            [] => return Err(PatternError::Range),
        };
    }
}

/// What stands in braces, cut at its commas, and what follows them; `None` where no brace closes or nothing is to choose.
fn alternatives(text: &[char]) -> Option<(Vec<&[char]>, &[char])> {
    let (mut parts, mut begin, mut depth, mut escaped) = (Vec::new(), 0, 0_u32, false);
    for (index, character) in text.iter().enumerate() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(text.get(begin..index)?);
                begin = index + 1;
                if *character == '}' {
                    return (parts.len() > 1).then_some((parts, text.get(begin..)?));
                }
            }
            _ => {}
        }
    }
    None
}

fn any_number_of(node: Node) -> Node {
    Node::Repeat { body: Box::new(node), least: 0, most: None, lazy: false }
}

fn anything() -> Node {
    Node::Any
}

fn but_slash() -> Node {
    Node::Set { negated: true, items: vec![Item::Range('/', '/')] }
}
