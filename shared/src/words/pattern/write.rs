//! Writes a pattern's tree in the syntax of the engines, `regex` and `fancy-regex`, so that it means there what it means to Python.
//!
//! Every character that could have a meaning is written as `\x{..}`, so no engine can mistake one. Beyond ASCII the classes
//! `\w \d \s` and `(?i)` follow Unicode, as in Python 3: names are characters here, and to Python 2 they were bytes.

use std::fmt::Write;

use super::node::{Flags, Item, Node, Place, Sequence};

/// A pattern for an engine.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    /// Whether only an engine that goes back and tries again can run it.
    pub(super) backtracks: bool,
}

/// Writes alternatives.
pub(super) fn write(branches: &[Sequence], flags: Flags) -> Written {
    let mut writer = Writer { text: String::new(), flags, backtracks: false };
    if flags.ignore_case {
        writer.text.push_str("(?i)");
    }
    writer.branches(branches, true);
    Written { text: writer.text, backtracks: writer.backtracks }
}

struct Writer {
    text: String,
    flags: Flags,
    backtracks: bool,
}

impl Writer {
    /// `last`: nothing that has to match comes after this.
    fn branches(&mut self, branches: &[Sequence], last: bool) {
        for (index, branch) in branches.iter().enumerate() {
            if index > 0 {
                self.text.push('|');
            }
            self.sequence(branch, last);
        }
    }

    fn sequence(&mut self, nodes: &[Node], last: bool) {
        let mut nodes = nodes.iter().peekable();
        while let Some(node) = nodes.next() {
            let is_last = last && nodes.peek().is_none();
            self.node(node, is_last);
        }
    }

    fn node(&mut self, node: &Node, last: bool) {
        match node {
            Node::Literal(character) => self.character(*character),
            Node::Any => self.text.push_str(if self.flags.dot_all { "(?s:.)" } else { "[^\\n]" }),
            Node::Set { negated, items } => self.set(*negated, items),
            Node::At(place) => self.place(*place, last),
            Node::Group { number, branches } => {
                self.enclosed(if number.is_some() { "(" } else { "(?:" }, branches, last)
            }
            // An engine refuses to repeat what has no width. Looking more than once sees nothing new.
            Node::Repeat { body, least, lazy, .. } if is_look(body) => {
                self.text.push_str(if *least == 0 && *lazy { "(?:|" } else { "(?:" });
                self.node(body, false);
                self.text.push_str(if *least == 0 && !*lazy { "|)" } else { ")" });
            }
            Node::Repeat { body, least, most, lazy } => {
                self.text.push_str("(?:");
                self.node(body, false);
                let most = most.map(|most| most.to_string()).unwrap_or_default();
                // Writing to a String cannot fail, here and below.
                let _ = write!(self.text, "){{{least},{most}}}{}", if *lazy { "?" } else { "" });
            }
            Node::Look { behind, negated, branches } => {
                self.backtracks = true;
                let open = match (behind, negated) {
                    (false, false) => "(?=",
                    (false, true) => "(?!",
                    (true, false) => "(?<=",
                    (true, true) => "(?<!",
                };
                self.enclosed(open, branches, false);
            }
            Node::Back(group) => {
                self.backtracks = true;
                let _ = write!(self.text, "(?:\\{group})");
            }
            Node::Either { group, yes, no } => {
                self.backtracks = true;
                let _ = write!(self.text, "(?({group})");
                self.sequence(yes, false);
                self.text.push('|');
                self.sequence(no, false);
                self.text.push(')');
            }
        }
    }

    fn enclosed(&mut self, open: &str, branches: &[Sequence], last: bool) {
        self.text.push_str(open);
        self.branches(branches, last);
        self.text.push(')');
    }

    fn place(&mut self, place: Place, last: bool) {
        self.text.push_str(match place {
            Place::LineStart if self.flags.multi_line => "(?m:^)",
            Place::LineEnd if self.flags.multi_line => "(?m:$)",
            Place::LineStart | Place::Start => "\\A",
            Place::End => "\\z",
            // Python's `$` is also before a line break at the end, without taking it. Where nothing follows, taking it makes no
            // difference, and the fast engine will do.
            Place::LineEnd if last => "\\n?\\z",
            Place::LineEnd => {
                self.backtracks = true;
                "(?=\\n?\\z)"
            }
            Place::WordEdge => "\\b",
            Place::NoWordEdge => "\\B",
        });
    }

    fn set(&mut self, negated: bool, items: &[Item]) {
        self.text.push_str(if negated { "[^" } else { "[" });
        for item in items {
            match *item {
                Item::Class(letter) => self.text.extend(['\\', letter]),
                Item::Range(low, high) => {
                    self.character(low);
                    if low != high {
                        self.text.push('-');
                        self.character(high);
                    }
                }
            }
        }
        self.text.push(']');
    }

    fn character(&mut self, character: char) {
        if character.is_alphanumeric() {
            self.text.push(character);
        } else {
            let _ = write!(self.text, "\\x{{{:x}}}", u32::from(character));
        }
    }
}

/// Whether a node is a look-around, or nothing at all, with or without groups around it that do nothing.
fn is_look(node: &Node) -> bool {
    match node {
        Node::Look { .. } => true,
        Node::Group { number: None, branches } => match branches.as_slice() {
            [branch] => branch.len() < 2 && branch.iter().all(is_look),
            _ => false,
        },
        _ => false,
    }
}
