//! Reads a pattern in the syntax of Python 2.7's `re`, which is what every peer of 2004 reads.
//!
//! Rust's engines read another syntax: to them `a{`, `\055`, `[[]`, `(?#…)` and `\Z` are errors, and `[a&&b]` means something
//! else. So nothing of what a person typed reaches an engine: it is read here by Python's rules, with Python's idea of what is
//! an error, and written anew in `write.rs`. Not taken over: `(?L)` and `(?u)` change nothing here; a reference to a group inside a
//! look-behind is refused (Python takes it, warns, and matches something else), and so is a condition on a group that comes later.

use super::node::{Flags, Node, Place, Sequence, width};
use super::{PatternError, escape};
use crate::limits;

/// Reads a whole pattern.
pub(super) fn read(text: &str) -> Result<(Vec<Sequence>, Flags), PatternError> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, ..Reader::default() };
    let mut branches = reader.whole()?;
    if reader.flags.verbose {
        // The flag holds for what came before it, too; Python reads everything again.
        reader = Reader { tokens: &tokens, flags: reader.flags, ..Reader::default() };
        branches = reader.whole()?;
    }
    Ok((branches, reader.flags))
}

/// One character of a pattern, or a backslash with the character after it: Python takes these two for one everywhere, even in
/// comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Plain(char),
    Escaped(char),
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, PatternError> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut characters = text.chars().enumerate();
    while let Some((index, character)) = characters.next() {
        let token = match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => Token::Escaped(escaped),
                None => return Err(PatternError::at(index, "a backslash ends the pattern; to find one, write two")),
            },
            plain => Token::Plain(plain),
        };
        tokens.push((index, token));
    }
    Ok(tokens)
}

#[derive(Default)]
pub(super) struct Reader<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    flags: Flags,
    depth: u32,
    /// How many groups have begun, and which of them are still open.
    groups: u32,
    open: Vec<u32>,
    names: Vec<(String, u32)>,
    look_behinds: u32,
}

type Read<T> = Result<T, PatternError>;

impl Reader<'_> {
    fn whole(&mut self) -> Read<Vec<Sequence>> {
        let branches = self.branches()?;
        // Only a closing parenthesis ends the branches before the end.
        if self.peek().is_some() { self.fail("this ) closes nothing") } else { Ok(branches) }
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.next).map(|(_, token)| *token)
    }

    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.peek();
        self.next += usize::from(token.is_some());
        token
    }

    /// Takes the next character if it is this one.
    pub(super) fn eat(&mut self, character: char) -> bool {
        let found = self.peek() == Some(Token::Plain(character));
        self.next += usize::from(found);
        found
    }

    /// Takes at most `most` characters for as long as they are such.
    pub(super) fn eat_while(&mut self, most: usize, accept: impl Fn(char) -> bool) -> String {
        let mut eaten = String::new();
        while let Some(Token::Plain(character)) = self.peek()
            && accept(character)
            && eaten.len() < most
        {
            eaten.push(character);
            self.next += 1;
        }
        eaten
    }

    /// How many groups have begun, and whether this one may be referred to.
    pub(super) fn is_closed_group(&self, group: u32) -> bool {
        (1..=self.groups).contains(&group) && !self.open.contains(&group)
    }

    pub(super) fn in_look_behind(&self) -> bool {
        self.look_behinds > 0
    }

    /// An error at the next character.
    pub(super) fn fail<T>(&self, what: &'static str) -> Read<T> {
        self.fail_at(self.next, what)
    }

    /// An error at the token before the next.
    pub(super) fn fail_before<T>(&self, what: &'static str) -> Read<T> {
        self.fail_at(self.next.saturating_sub(1), what)
    }

    fn fail_at<T>(&self, token: usize, what: &'static str) -> Read<T> {
        let after_last = self.tokens.last().map_or(0, |(index, _)| index + 1);
        Err(PatternError::at(self.tokens.get(token).map_or(after_last, |(index, _)| *index), what))
    }

    fn branches(&mut self) -> Read<Vec<Sequence>> {
        let mut branches = vec![self.sequence()?];
        while self.eat('|') {
            branches.push(self.sequence()?);
        }
        Ok(branches)
    }

    fn sequence(&mut self) -> Read<Sequence> {
        let mut nodes = Sequence::new();
        loop {
            let token = match self.peek() {
                None | Some(Token::Plain('|' | ')')) => return Ok(nodes),
                Some(token) => token,
            };
            self.next += 1;
            match token {
                Token::Plain(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') if self.flags.verbose => {}
                Token::Plain('#') if self.flags.verbose => {
                    while !matches!(self.take(), None | Some(Token::Plain('\n'))) {}
                }
                Token::Plain('[') => nodes.push(escape::set(self)?),
                Token::Plain('*') => self.repeat(&mut nodes, 0, None)?,
                Token::Plain('+') => self.repeat(&mut nodes, 1, None)?,
                Token::Plain('?') => self.repeat(&mut nodes, 0, Some(1))?,
                Token::Plain('{') => match self.counts()? {
                    Some((least, most)) => self.repeat(&mut nodes, least, most)?,
                    None => nodes.push(Node::Literal('{')),
                },
                Token::Plain('.') => nodes.push(Node::Any),
                Token::Plain('^') => nodes.push(Node::At(Place::LineStart)),
                Token::Plain('$') => nodes.push(Node::At(Place::LineEnd)),
                Token::Plain('(') => {
                    self.depth += 1;
                    if self.depth > limits::PATTERN_NEST {
                        return Err(PatternError::TooDeep);
                    }
                    nodes.extend(self.parenthesis()?);
                    self.depth -= 1;
                }
                Token::Plain(character) => nodes.push(Node::Literal(character)),
                Token::Escaped(character) => nodes.push(escape::outside(self, character)?),
            }
        }
    }

    /// What follows a `{`, if it is a count; otherwise the brace is a character like any other.
    fn counts(&mut self) -> Read<Option<(u32, Option<u32>)>> {
        let start = self.next;
        if self.peek() == Some(Token::Plain('}')) {
            return Ok(None);
        }
        let low = self.eat_while(usize::MAX, |c| c.is_ascii_digit());
        let high = if self.eat(',') { self.eat_while(usize::MAX, |c| c.is_ascii_digit()) } else { low.clone() };
        if !self.eat('}') {
            self.next = start;
            return Ok(None);
        }
        let number = |digits: &str| match digits.parse::<u32>() {
            Ok(number) if number < u32::MAX => Ok(Some(number)),
            _ if digits.is_empty() => Ok(None),
            _ => self.fail_at(start, "this repetition is too large"),
        };
        let (least, most) = (number(&low)?.unwrap_or(0), number(&high)?);
        if most.is_some_and(|most| most < least) {
            return self.fail_at(start, "this repetition runs from more to less");
        }
        Ok(Some((least, most)))
    }

    /// Makes the last node repeat.
    fn repeat(&mut self, nodes: &mut Sequence, least: u32, most: Option<u32>) -> Read<()> {
        let body = match nodes.pop() {
            None | Some(Node::At(_)) => return self.fail_before("there is nothing before this to repeat"),
            Some(Node::Repeat { .. }) => {
                return self.fail_before("this repeats a repetition; put the first one in parentheses");
            }
            Some(body) => Box::new(body),
        };
        nodes.push(Node::Repeat { body, least, most, lazy: self.eat('?') });
        Ok(())
    }

    /// What follows a `(`, to its `)`. Comments and flags leave no node.
    fn parenthesis(&mut self) -> Read<Option<Node>> {
        let start = self.next.saturating_sub(1);
        if !self.eat('?') {
            return self.group(start, None).map(Some);
        }
        match self.take() {
            Some(Token::Plain(':')) => {
                let branches = self.branches()?;
                self.close(start)?;
                Ok(Some(Node::Group { number: None, branches }))
            }
            Some(Token::Plain('#')) => {
                while !matches!(self.peek(), None | Some(Token::Plain(')'))) {
                    self.next += 1;
                }
                self.close(start)?;
                Ok(None)
            }
            Some(Token::Plain('P')) if self.eat('<') => {
                let name = self.name('>')?;
                if self.names.iter().any(|(known, _)| *known == name) {
                    return self.fail_at(start, "a group of this name was there before");
                }
                self.group(start, Some(name)).map(Some)
            }
            Some(Token::Plain('P')) if self.eat('=') => {
                let name = self.name(')')?;
                if self.in_look_behind() {
                    return self.fail_at(start, "a look-behind cannot refer to a group");
                }
                self.named(start, &name).map(|group| Some(Node::Back(group)))
            }
            Some(Token::Plain(kind @ ('=' | '!'))) => self.look(start, false, kind == '!').map(Some),
            Some(Token::Plain('<')) => match self.take() {
                Some(Token::Plain(kind @ ('=' | '!'))) => self.look(start, true, kind == '!').map(Some),
                _ => self.fail_at(start, "after (?< comes = or !; a named group is (?P<name>…)"),
            },
            Some(Token::Plain('(')) => self.either(start).map(Some),
            Some(Token::Plain(flag)) if self.flag(flag) => {
                while let Some(Token::Plain(flag)) = self.peek()
                    && self.flag(flag)
                {
                    self.next += 1;
                }
                if !self.eat(')') {
                    return self.fail("only the flags i, m, s and x, and then ), can stand here");
                }
                Ok(None)
            }
            _ => self.fail_at(start, "Python knows no group that begins like this"),
        }
    }

    /// Sets a flag; answers whether there is one of this letter.
    fn flag(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.flags.ignore_case = true,
            'm' => self.flags.multi_line = true,
            's' => self.flags.dot_all = true,
            'x' => self.flags.verbose = true,
            'L' | 'u' | 't' => {}
            _ => return false,
        }
        true
    }

    fn close(&mut self, start: usize) -> Read<()> {
        if self.eat(')') { Ok(()) } else { self.fail_at(start, "this ( is never closed") }
    }

    fn group(&mut self, start: usize, name: Option<String>) -> Read<Node> {
        self.groups += 1;
        let number = self.groups;
        self.names.extend(name.map(|name| (name, number)));
        self.open.push(number);
        let branches = self.branches()?;
        self.close(start)?;
        self.open.pop();
        Ok(Node::Group { number: Some(number), branches })
    }

    fn look(&mut self, start: usize, behind: bool, negated: bool) -> Read<Node> {
        self.look_behinds += u32::from(behind);
        let branches = self.branches()?;
        self.close(start)?;
        self.look_behinds -= u32::from(behind);
        let (least, most) = width(&branches);
        if behind && least != most {
            return self.fail_at(start, "a look-behind needs a fixed length");
        }
        Ok(Node::Look { behind, negated, branches })
    }

    /// `(?(group)yes|no)`
    fn either(&mut self, start: usize) -> Read<Node> {
        let digits = self.eat_while(usize::MAX, |c| c.is_ascii_digit());
        let group = if digits.is_empty() {
            let name = self.name(')')?;
            self.named(start, &name)?
        } else if self.eat(')') {
            digits.parse().unwrap_or(u32::MAX)
        } else {
            return self.fail("a group's number or name, and then ), belongs here");
        };
        if group == 0 || group > self.groups {
            return self.fail_at(start, "there is no such group before this");
        }
        if self.in_look_behind() {
            return self.fail_at(start, "a look-behind cannot refer to a group");
        }
        let yes = self.sequence()?;
        let no = if self.eat('|') { self.sequence()? } else { Sequence::new() };
        if self.peek() == Some(Token::Plain('|')) {
            return self.fail("a condition has at most two branches");
        }
        self.close(start)?;
        Ok(Node::Either { group, yes, no })
    }

    /// A group's name, and the character after it.
    fn name(&mut self, end: char) -> Read<String> {
        let name = self.eat_while(usize::MAX, |c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !self.eat(end) {
            return self.fail("a group's name is made of letters, digits and _, and begins with no digit");
        }
        Ok(name)
    }

    fn named(&self, start: usize, name: &str) -> Read<u32> {
        match self.names.iter().find(|(known, _)| known == name) {
            Some((_, number)) => Ok(*number),
            None => self.fail_at(start, "there is no group of this name before this"),
        }
    }
}
