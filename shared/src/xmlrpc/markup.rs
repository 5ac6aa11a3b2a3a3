//! XML cut anywhere into pieces, to tags and text, with bounded memory: the letters of the content reader's language.
//!
//! Knows no element and checks no nesting. quick-xml wants whole events, and the one that matters here is as long as a
//! file. Comments and instructions vanish; a document type is refused.

use memchr::{memchr, memchr2, memchr3};

use super::chars::resolve_reference;
use super::reply::ReplyError;
use crate::limits;

/// What the next bytes of a document are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'b> {
    /// Text as it stands in the document.
    Text(&'b [u8]),
    /// What a reference stands for.
    Character(char),
    /// A whole tag, without its angle brackets.
    Tag(Vec<u8>),
    /// Nothing that is complete yet, or nothing that matters.
    Nothing,
}

/// The place in one document, between two pieces of it.
#[derive(Debug, Default)]
pub(super) struct Markup {
    state: State,
    /// The tag or reference that has begun and not ended.
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After `<`, before it is clear what it opens.
    Open,
    Tag {
        quote: Option<u8>,
    },
    Section(Section),
    Reference,
}

/// A comment, an instruction or CDATA: it ends with `need` times `mark` and `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Section {
    mark: u8,
    need: u8,
    seen: u8,
    is_text: bool,
}

impl Markup {
    /// Whether neither a tag nor a reference nor a section is open.
    pub(super) fn is_in_text(&self) -> bool {
        self.state == State::Text
    }

    /// Appends text up to the next tag or unusual reference, and answers how many bytes of `rest` that was.
    ///
    /// Only a faster way than [`next`](Self::next), for where text is all that matters.
    pub(super) fn copy_text(&self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        if !self.is_in_text() {
            return 0;
        }
        let mut tail = rest;
        loop {
            let (text, mark) = tail.split_at(memchr2(b'<', b'&', tail).unwrap_or(tail.len()));
            out.extend_from_slice(text);
            let (byte, after) = match mark {
                [b'&', b'l', b't', b';', after @ ..] => (b'<', after),
                [b'&', b'g', b't', b';', after @ ..] => (b'>', after),
                [b'&', b'a', b'm', b'p', b';', after @ ..] => (b'&', after),
                [b'&', b'#', b'1', b'3', b';', after @ ..] => (b'\r', after),
                _ => return rest.len() - mark.len(),
            };
            out.push(byte);
            tail = after;
        }
    }

    /// Takes the next token from `rest`, which is not empty, and says how many bytes of it that took.
    ///
    /// None are taken only if the next call will take some.
    pub(super) fn next<'b>(&mut self, rest: &'b [u8]) -> Result<(usize, Token<'b>), ReplyError> {
        match self.state {
            State::Text => Ok(self.text(rest)),
            State::Open => self.open(rest),
            State::Tag { quote } => self.tag(rest, quote),
            State::Section(section) => Ok(self.section(rest, section)),
            State::Reference => self.reference(rest),
        }
    }

    fn text<'b>(&mut self, rest: &'b [u8]) -> (usize, Token<'b>) {
        let (text, mark) = rest.split_at(memchr2(b'<', b'&', rest).unwrap_or(rest.len()));
        if !text.is_empty() {
            return (text.len(), Token::Text(text));
        }
        self.held.clear();
        self.state = if mark.starts_with(b"&") { State::Reference } else { State::Open };
        (1, Token::Nothing)
    }

    /// Keeps part of a tag or reference whose end is still to come.
    fn hold(&mut self, bytes: &[u8], most: usize) -> Result<(), ReplyError> {
        if self.held.len() + bytes.len() > most {
            return Err(ReplyError::Malformed("a tag or reference in it does not end".into()));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn reference<'b>(&mut self, rest: &'b [u8]) -> Result<(usize, Token<'b>), ReplyError> {
        let end = memchr(b';', rest);
        let (name, _) = rest.split_at(end.unwrap_or(rest.len()));
        self.hold(name, limits::XML_REFERENCE_BYTES)?;
        let Some(end) = end else { return Ok((rest.len(), Token::Nothing)) };
        self.state = State::Text;
        let character = std::str::from_utf8(&self.held).ok().and_then(resolve_reference);
        match character {
            Some(character) => Ok((end + 1, Token::Character(character))),
            None => Err(ReplyError::Malformed("a reference in it stands for no character".into())),
        }
    }

    /// One byte after `<` at a time: there are few.
    fn open<'b>(&mut self, rest: &'b [u8]) -> Result<(usize, Token<'b>), ReplyError> {
        const COMMENT: &[u8] = b"!--";
        const CDATA: &[u8] = b"![CDATA[";
        self.held.extend(rest.first());
        let section = |mark, need, is_text| State::Section(Section { mark, need, seen: 0, is_text });
        self.state = match self.held.as_slice() {
            b"?" => section(b'?', 1, false),
            COMMENT => section(b'-', 2, false),
            CDATA => section(b']', 2, true),
            begun if COMMENT.starts_with(begun) || CDATA.starts_with(begun) => State::Open,
            [b'!', ..] => return Err(ReplyError::Malformed("it has a document type".into())),
            [b'>', ..] => return Err(ReplyError::Malformed("it has a tag without a name".into())),
            // Looked at again as part of the tag, for it could be a quote.
            _ => {
                self.held.clear();
                self.state = State::Tag { quote: None };
                return Ok((0, Token::Nothing));
            }
        };
        Ok((1, Token::Nothing))
    }

    fn tag<'b>(&mut self, rest: &'b [u8], quote: Option<u8>) -> Result<(usize, Token<'b>), ReplyError> {
        let found = match quote {
            Some(quote) => memchr(quote, rest),
            None => memchr3(b'>', b'"', b'\'', rest),
        };
        let (before, after) = rest.split_at(found.unwrap_or(rest.len()));
        self.hold(before, limits::REPLY_PREFIX_BYTES)?;
        match after.first() {
            None => Ok((rest.len(), Token::Nothing)),
            Some(b'>') if quote.is_none() => {
                self.state = State::Text;
                Ok((before.len() + 1, Token::Tag(std::mem::take(&mut self.held))))
            }
            Some(&mark) => {
                self.hold(&[mark], limits::REPLY_PREFIX_BYTES)?;
                self.state = State::Tag { quote: if quote.is_none() { Some(mark) } else { None } };
                Ok((before.len() + 1, Token::Nothing))
            }
        }
    }

    fn section<'b>(&mut self, rest: &'b [u8], section: Section) -> (usize, Token<'b>) {
        let Section { mark, need, seen, is_text } = section;
        let text = |text: &'b [u8]| if is_text && !text.is_empty() { Token::Text(text) } else { Token::Nothing };
        if seen == 0 {
            let (inside, after) = rest.split_at(memchr(mark, rest).unwrap_or(rest.len()));
            if after.is_empty() {
                return (rest.len(), text(inside));
            }
            self.state = State::Section(Section { seen: 1, ..section });
            return (inside.len() + 1, text(inside));
        }
        match rest.first() {
            Some(b'>') if seen == need => self.state = State::Text,
            Some(&byte) if byte == mark && seen < need => {
                self.state = State::Section(Section { seen: seen + 1, ..section });
            }
            // One more mark than the end needs: the first of them was text.
            Some(&byte) if byte == mark => return (1, text(b"]")),
            _ => {
                self.state = State::Section(Section { seen: 0, ..section });
                return (0, text(b"]]".get(..usize::from(seen)).unwrap_or_default()));
            }
        }
        (1, Token::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags in brackets, everything else as its characters.
    fn read(document: &str, piece: usize) -> Result<String, ReplyError> {
        let (mut markup, mut read) = (Markup::default(), String::new());
        for mut rest in document.as_bytes().chunks(piece) {
            while !rest.is_empty() {
                let (used, token) = markup.next(rest)?;
                rest = &rest[used..];
                match token {
                    Token::Text(text) => read += std::str::from_utf8(text).unwrap(),
                    Token::Character(character) => read.push(character),
                    Token::Tag(tag) => read += &format!("[{}]", std::str::from_utf8(&tag).unwrap()),
                    Token::Nothing => {}
                }
            }
        }
        assert!(markup.is_in_text(), "all of {document:?} is complete");
        Ok(read)
    }

    #[test]
    fn borders_change_nothing() {
        for (document, is) in [
            ("<a>x</a >", "[a]x[/a ]"),
            ("<a b='>' c=\"'>\"/>", "[a b='>' c=\"'>\"/]"),
            ("<a/>&lt;&#13;&#x41;&amp;lt;", "[a/]<\rA&lt;"),
            ("x<!-->--- -- >-->y<?p ?? >?>z", "xyz"),
            ("<![CDATA[<a>&lt;]]]>", "<a>&lt;]"),
            ("<![CDATA[]]>|<![CDATA[]>]]>|<![CDATA[]]x]x]]]]>", "|]>|]]x]x]]"),
        ] {
            for piece in 1..=document.len() {
                assert_eq!(read(document, piece).unwrap(), is, "pieces of {piece}");
            }
        }
    }

    #[test]
    fn text_is_copied_up_to_what_is_not_plain() {
        let mut out = Vec::new();
        assert_eq!(Markup::default().copy_text(b"a&lt;&gt;&amp;&#13;b&#10;c", &mut out), 20);
        assert_eq!(out, b"a<>&\rb");
        assert_eq!(Markup::default().copy_text(b"&am", &mut out), 0);
    }

    #[test]
    fn what_is_no_markup_is_an_error() {
        for document in ["<!DOCTYPE a>", "<![x", "<!-x", "<>", "&nbsp;", "&;", "&#xD800;", "&aaaaaaaaaaaaaaaaaaaaa"] {
            for piece in 1..=document.len() {
                assert!(read(document, piece).is_err(), "{document}");
            }
        }
    }
}
