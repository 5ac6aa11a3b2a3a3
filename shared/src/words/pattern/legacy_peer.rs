//! What may be asked of a peer of 2004: patterns its Python understands and cannot hang on.
//!
//! Such a peer serves one caller at a time, and its `re` goes back and tries again without limit: `^(a+)+$` on a name of 28
//! letters stops it for good. Answers may hold more than was asked for (they are filtered again by us), never less; so whenever
//! in doubt, ask for everything. A peer's names are bytes there, hence only ASCII is ever sent.

use super::node::{Flags, Node, Place, Sequence};

/// The longest name that a file system holds, and so the most places at which something can begin.
const PLACES: u64 = 255;
/// Most ways to try one name. Two `.*` unanchored stay below, three do not.
const WAYS: u64 = 20_000_000;
/// What the oldest Python takes as a count, and as a number of groups.
const COUNT: u32 = 65_534;
const GROUPS: u32 = 99;

/// Whether a peer may be sent this pattern as it was typed.
pub(super) fn is_harmless(text: &str, branches: &[Sequence], flags: Flags) -> bool {
    let anchored = |branch: &Sequence| matches!(branch.first(), Some(Node::At(place)) if *place == Place::Start || (*place == Place::LineStart && !flags.multi_line));
    let starts = if branches.iter().all(anchored) { 1 } else { PLACES };
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && ways(branches).is_some_and(|ways| ways.saturating_mul(starts) <= WAYS)
}

/// In how many ways at most can one of these match from one place; `None` for too many to tell.
fn ways(branches: &[Sequence]) -> Option<u64> {
    branches.iter().try_fold(0_u64, |sum, branch| Some(sum.saturating_add(ways_in_turn(branch)?)))
}

fn ways_in_turn(nodes: &[Node]) -> Option<u64> {
    nodes.iter().try_fold(1_u64, |product, node| Some(product.saturating_mul(ways_of(node)?)))
}

fn ways_of(node: &Node) -> Option<u64> {
    match node {
        Node::Literal(_) | Node::Any | Node::Set { .. } | Node::At(_) | Node::Back(_) => Some(1),
        Node::Group { number: Some(number), .. } if *number > GROUPS => None,
        Node::Group { branches, .. } | Node::Look { branches, .. } => ways(branches),
        Node::Either { yes, no, .. } => Some(ways_in_turn(yes)?.saturating_add(ways_in_turn(no)?)),
        Node::Repeat { least, most, .. } if *least > COUNT || most.is_some_and(|most| most > COUNT) => None,
        Node::Repeat { body, least: 0, most: Some(1), .. } => Some(ways_of(body)?.saturating_add(1)),
        // A choice that is repeated, or nothing that is repeated: the number of ways grows without bound.
        Node::Repeat { body, .. } if body.width().0 == 0 || ways_of(body)? > 1 => None,
        Node::Repeat { least, most, .. } => {
            let most = most.map_or(PLACES, u64::from).min(PLACES);
            Some(most.saturating_sub(u64::from(*least)) + 1)
        }
    }
}

/// A pattern that finds at least the names in which each of these sequences occurs in full: what is plain text in them is
/// looked for, each run by itself. `whole` tells that a sequence is the whole name, so that its ends are the name's ends.
///
/// It begins with `^` and holds nothing but one look-ahead after the other, so Python goes through a name once for each.
pub(super) fn required(sequences: &[Sequence], whole: bool) -> String {
    let mut text = String::new();
    for sequence in sequences {
        let mut rest = sequence.as_slice();
        while let Some(start) = rest.iter().position(is_plain) {
            let at_start = whole && start == 0 && rest.len() == sequence.len();
            let tail = rest.get(start..).unwrap_or_default();
            let end = tail.iter().position(|node| !is_plain(node)).unwrap_or(tail.len());
            let (run, after) = tail.split_at(end);
            text.push_str(if at_start { "(?=" } else { "(?=.*" });
            for node in run {
                if let Node::Literal(character) = node {
                    if !character.is_ascii_alphanumeric() {
                        text.push('\\');
                    }
                    text.push(*character);
                }
            }
            text.push_str(if whole && after.is_empty() { "$)" } else { ")" });
            rest = after;
        }
    }
    if text.is_empty() { text } else { format!("(?is)^{text}") }
}

/// Whether a node is a character that is the same byte in every spelling of a name. The `/` is not: old names are flat.
fn is_plain(node: &Node) -> bool {
    matches!(node, Node::Literal(' '..='.' | '0'..='~'))
}
