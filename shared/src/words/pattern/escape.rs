//! Reads what follows a backslash and what stands in brackets, by the rules of Python 2.7.
//!
//! The rules differ between the two places (`\b` is an edge of a word outside and a backspace inside, `\1` a group or a
//! character), which is why they are here side by side.

use super::PatternError;
use super::node::{Item, Node, Place};
use super::python::{Reader, Token};

const BAD_RANGE: &str = "this range in brackets does not run from a character to a later one";
const BAD_HEX: &str = "after \\x come two hexadecimal digits";

/// An escape outside brackets; the backslash and the character after it have been taken.
pub(super) fn outside(reader: &mut Reader<'_>, escaped: char) -> Result<Node, PatternError> {
    Ok(match escaped {
        'A' => Node::At(Place::Start),
        'Z' => Node::At(Place::End),
        'b' => Node::At(Place::WordEdge),
        'B' => Node::At(Place::NoWordEdge),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => Node::Set { negated: false, items: vec![Item::Class(escaped)] },
        'x' => Node::Literal(hex(reader)?),
        '0' => Node::Literal(octal(&reader.eat_while(2, is_octal))),
        '1'..='9' => return back(reader, escaped),
        other => Node::Literal(control(other).unwrap_or(other)),
    })
}

/// `\1` to `\99`, unless three octal digits make it a character.
fn back(reader: &mut Reader<'_>, first: char) -> Result<Node, PatternError> {
    let mut digits = String::from(first);
    digits.push_str(&reader.eat_while(1, |c| c.is_ascii_digit()));
    if digits.len() == 2
        && digits.chars().all(is_octal)
        && let Some(Token::Plain(third)) = reader.peek()
        && is_octal(third)
    {
        reader.take();
        digits.push(third);
        return Ok(Node::Literal(octal(&digits)));
    }
    let group = digits.parse().unwrap_or(u32::MAX);
    if !reader.is_closed_group(group) {
        return reader.fail_before("there is no such closed group before this");
    }
    if reader.in_look_behind() {
        return reader.fail_before("a look-behind cannot refer to a group");
    }
    Ok(Node::Back(group))
}

/// A set; its `[` has been taken.
pub(super) fn set(reader: &mut Reader<'_>) -> Result<Node, PatternError> {
    let negated = reader.eat('^');
    let mut items = Vec::new();
    loop {
        // The first `]` is a member; there are no empty sets.
        if !items.is_empty() && reader.eat(']') {
            return Ok(Node::Set { negated, items });
        }
        let first = member(reader)?;
        if !reader.eat('-') {
            items.push(first);
        } else if reader.eat(']') {
            items.extend([first, Item::Range('-', '-')]);
            return Ok(Node::Set { negated, items });
        } else {
            match (first, member(reader)?) {
                (Item::Range(low, _), Item::Range(high, _)) if low <= high => items.push(Item::Range(low, high)),
                _ => return reader.fail_before(BAD_RANGE),
            }
        }
    }
}

/// One member of a set: a character, or a class like `\d`.
fn member(reader: &mut Reader<'_>) -> Result<Item, PatternError> {
    let character = match reader.take() {
        None => return reader.fail("these brackets are never closed; to find a [, write \\["),
        Some(Token::Plain(plain)) => plain,
        Some(Token::Escaped(class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W'))) => return Ok(Item::Class(class)),
        Some(Token::Escaped('b')) => '\x08',
        Some(Token::Escaped('x')) => hex(reader)?,
        Some(Token::Escaped(digit @ '0'..='7')) => {
            let rest = reader.eat_while(2, is_octal);
            octal(&format!("{digit}{rest}"))
        }
        Some(Token::Escaped('8' | '9')) => return reader.fail_before("this is no octal digit"),
        Some(Token::Escaped(other)) => control(other).unwrap_or(other),
    };
    Ok(Item::Range(character, character))
}

fn is_octal(character: char) -> bool {
    matches!(character, '0'..='7')
}

/// The character of up to three octal digits; as in Python, the ninth bit is lost.
fn octal(digits: &str) -> char {
    let value = u32::from_str_radix(digits, 8).unwrap_or(0);
    u8::try_from(value & 0xff).map_or('\0', char::from)
}

fn hex(reader: &mut Reader<'_>) -> Result<char, PatternError> {
    let digits = reader.eat_while(2, |c| c.is_ascii_hexdigit());
    match u8::from_str_radix(&digits, 16) {
        Ok(byte) if digits.len() == 2 => Ok(char::from(byte)),
        _ => reader.fail_before(BAD_HEX),
    }
}

fn control(letter: char) -> Option<char> {
    Some(match letter {
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        _ => return None,
    })
}
