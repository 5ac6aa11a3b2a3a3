//! The reply to a content call, of any size, in pieces cut anywhere, with bounded memory and byte for byte.
//!
//! A small machine for the one shape that such a reply has; everything else is an error as soon as it shows, text before
//! a typed value too: it was handed out already. Faults are small: they are kept and read with [`read_reply`].

use super::chars::{is_blank, is_space};
use super::decode64::{Damaged, Decode64};
use super::markup::{Markup, Token};
use super::reply::{ReplyError, read_reply};
use crate::{Fault, limits};

/// What a complete reply to a content call was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentOutcome {
    /// All of the content was handed out.
    Content,
    /// Boolean 0: the token was wrong.
    Refused,
    /// The server answered a fault.
    Fault(Fault),
}

/// Reads one reply: every piece in order, then [`finish`](Self::finish), without which nothing is known to be complete.
#[derive(Debug, Default)]
pub struct ContentReader {
    place: Place,
    markup: Markup,
    /// Everything before the content, or all of a fault; empty once content began.
    head: Vec<u8>,
    /// The text of a boolean, or white space after `<value>`: content only if no typed element follows.
    pending: Vec<u8>,
    base64: Decode64,
    is_refused: bool,
}

/// Where in the reply we are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Response,
    Params,
    Param,
    /// In `<value>`, and so far white space at most.
    Value,
    Untyped,
    String,
    Base64,
    Boolean,
    AfterTyped,
    AfterValue,
    AfterParam,
    AfterParams,
    End,
    /// In `<fault>`, which is only kept here.
    Fault,
}

impl Place {
    /// Whether this may still become a fault, or a reply that is too long for what it says.
    fn is_before_content(self) -> bool {
        matches!(self, Self::Start | Self::Response | Self::Params | Self::Param | Self::Value | Self::Boolean)
    }
}

impl ContentReader {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next piece of the reply and appends the content in it to `out`.
    ///
    /// # Errors
    /// A [`ReplyError`], after which the reader is of no more use and what it handed out is not to be trusted.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ReplyError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.place == Place::Fault {
                return self.keep(rest);
            }
            if matches!(self.place, Place::String | Place::Untyped) {
                let (_, after) = rest.split_at(self.markup.copy_text(rest, out));
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let was_before_content = self.place.is_before_content();
            let (used, token) = self.markup.next(rest)?;
            match token {
                Token::Text(text) => self.characters(text, out)?,
                Token::Character(character) => {
                    self.characters(character.encode_utf8(&mut [0; 4]).as_bytes(), out)?;
                }
                Token::Tag(tag) => self.element(&tag, out)?,
                Token::Nothing => {}
            }
            let (done, after) = rest.split_at(used);
            if self.place.is_before_content() || self.place == Place::Fault {
                self.keep(done)?;
            } else if was_before_content {
                self.head = Vec::new();
            }
            rest = after;
        }
        Ok(())
    }

    /// The reply is over.
    ///
    /// # Errors
    /// [`ReplyError::Truncated`] unless its `</methodResponse>` was there, whatever the transport says.
    pub fn finish(self) -> Result<ContentOutcome, ReplyError> {
        match self.place {
            Place::End if !self.markup.is_in_text() => Err(ReplyError::Truncated),
            Place::End if self.is_refused => Ok(ContentOutcome::Refused),
            Place::End => Ok(ContentOutcome::Content),
            Place::Fault => match read_reply(&self.head)? {
                Err(fault) => Ok(ContentOutcome::Fault(fault)),
                Ok(value) => Err(unexpected(value.kind())),
            },
            _ => Err(ReplyError::Truncated),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ReplyError> {
        if self.head.len() + bytes.len() > limits::REPLY_PREFIX_BYTES {
            return Err(ReplyError::TooLong);
        }
        self.head.extend_from_slice(bytes);
        Ok(())
    }

    /// Text wherever it stands, as bytes.
    fn characters(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ReplyError> {
        match self.place {
            Place::String | Place::Untyped => out.extend_from_slice(text),
            Place::Base64 => self.base64.push(text, out)?,
            Place::Boolean => self.pending.extend_from_slice(text),
            Place::Value => {
                self.pending.extend_from_slice(text);
                // White space without end is content too: nothing else would be sent before a type.
                if !is_blank(text) || self.pending.len() > limits::REPLY_PREFIX_BYTES / 2 {
                    self.place = Place::Untyped;
                    out.append(&mut self.pending);
                }
            }
            // A byte order mark, which may come in pieces.
            Place::Start if text.iter().all(|byte| is_space(*byte) || b"\xEF\xBB\xBF".contains(byte)) => {}
            _ if is_blank(text) => {}
            _ => return Err(malformed("text stands where only elements belong")),
        }
        Ok(())
    }

    /// A whole tag, without its angle brackets: an empty element is its start and its end.
    fn element(&mut self, tag: &[u8], out: &mut Vec<u8>) -> Result<(), ReplyError> {
        let is_empty = tag.ends_with(b"/");
        let name = tag.split(|&byte| is_space(byte)).next().unwrap_or_default();
        match name.strip_prefix(b"/") {
            Some(name) => self.end(name, out),
            None => {
                let name = name.strip_suffix(b"/").unwrap_or(name);
                self.start(name)?;
                if is_empty { self.end(name, out) } else { Ok(()) }
            }
        }
    }

    fn start(&mut self, name: &[u8]) -> Result<(), ReplyError> {
        self.place = match (self.place, name) {
            (Place::Start, b"methodResponse") => Place::Response,
            (Place::Response, b"params") => Place::Params,
            (Place::Response, b"fault") => Place::Fault,
            (Place::Params, b"param") => Place::Param,
            (Place::Param, b"value") => Place::Value,
            (Place::Value, b"string") => Place::String,
            (Place::Value, b"base64") => Place::Base64,
            (Place::Value, b"boolean") => Place::Boolean,
            (Place::Value, b"array") => return Err(unexpected("an array")),
            (Place::Value, b"struct") => return Err(unexpected("a struct")),
            (Place::Value, b"nil" | b"ex:nil") => return Err(unexpected("nil")),
            (Place::Value, b"int" | b"i4" | b"i8" | b"i1" | b"i2" | b"ex:i8" | b"double") => {
                return Err(unexpected("a number"));
            }
            (Place::Value, b"dateTime.iso8601") => return Err(unexpected("a date")),
            _ => return Err(malformed("an element does not belong where it stands")),
        };
        self.pending.clear();
        Ok(())
    }

    fn end(&mut self, name: &[u8], out: &mut Vec<u8>) -> Result<(), ReplyError> {
        self.place = match (self.place, name) {
            (Place::String, b"string") => Place::AfterTyped,
            (Place::Base64, b"base64") => {
                self.base64.finish()?;
                Place::AfterTyped
            }
            (Place::Boolean, b"boolean") => match self.pending.trim_ascii() {
                b"0" => {
                    self.is_refused = true;
                    Place::AfterTyped
                }
                _ => return Err(unexpected("a boolean")),
            },
            (Place::Value, b"value") => {
                out.append(&mut self.pending);
                Place::AfterValue
            }
            (Place::Untyped | Place::AfterTyped, b"value") => Place::AfterValue,
            (Place::AfterValue, b"param") => Place::AfterParam,
            (Place::AfterParam, b"params") => Place::AfterParams,
            (Place::AfterParams, b"methodResponse") => Place::End,
            _ => return Err(malformed("an element ends where it did not begin")),
        };
        Ok(())
    }
}

impl From<Damaged> for ReplyError {
    fn from(_: Damaged) -> Self {
        malformed("its base64 is damaged")
    }
}

fn malformed(why: &str) -> ReplyError {
    ReplyError::Malformed(why.to_owned())
}

fn unexpected(found: &'static str) -> ReplyError {
    ReplyError::Unexpected { expected: "the content of a file", found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::{Value, write_fault, write_response};
    use proptest::prelude::*;

    type Outcome = Result<(ContentOutcome, Vec<u8>), ReplyError>;

    fn read(reply: &[u8], piece: usize) -> Outcome {
        let (mut reader, mut out) = (ContentReader::new(), Vec::new());
        for chunk in reply.chunks(piece) {
            reader.push(chunk, &mut out)?;
        }
        Ok((reader.finish()?, out))
    }

    fn reply(value: &[u8]) -> Vec<u8> {
        let head = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n";
        [head.as_slice(), value, b"\n</param>\n</params>\n</methodResponse>\n"].concat()
    }

    fn content(bytes: &[u8]) -> Outcome {
        Ok((ContentOutcome::Content, bytes.to_vec()))
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        for (value, is) in [
            (b"<value><string>a&#1".as_slice().to_vec(), None),
            (
                b"<value><string>a&#13;\r\nb &lt;&amp;&gt;&quot;&apos;&#xe9;</string></value>".to_vec(),
                Some(b"a\r\r\nb <&>\"'\xc3\xa9".as_slice()),
            ),
            (b"<value>  un<!-- no --- -> -->typed </value>".to_vec(), Some(b"  untyped ")),
            (b"<value>\n <string a='/>' b=\"'\">x</string >\n</value>".to_vec(), Some(b"x")),
            (b"<value>  </value>".to_vec(), Some(b"  ")),
            (b"<value/>".to_vec(), Some(b"")),
            (b"<value><string/></value>".to_vec(), Some(b"")),
            (b"<value><base64 /></value>".to_vec(), Some(b"")),
            (b"<value><base64>\nAP/+\ngA==\n</base64></value>".to_vec(), Some(b"\x00\xff\xfe\x80")),
            (b"<value><string><![CDATA[<a>]]]&amp;]]]]><?x ?y? ?>b</string></value>".to_vec(), Some(b"<a>]]]&amp;]]b")),
            (b"<value><![CDATA[x]]></value>".to_vec(), Some(b"x")),
        ] {
            let reply = reply(&value);
            for piece in 1..reply.len() {
                match is {
                    Some(bytes) => assert_eq!(read(&reply, piece), content(bytes), "pieces of {piece}"),
                    None => assert!(read(&reply, piece).is_err(), "pieces of {piece}"),
                }
            }
        }
    }

    #[test]
    fn all_256_raw_bytes_survive() {
        let all: Vec<u8> = (0..=255).filter(|byte| !b"<&".contains(byte)).collect();
        let reply = reply(&[b"<value><string>", all.as_slice(), b"</string></value>"].concat());
        for piece in [1, 2, 7, 1000] {
            assert_eq!(read(&reply, piece), content(&all));
        }
    }

    #[test]
    fn cut_short_it_is_never_content() {
        for value in [
            b"<value><string>a&amp;b</string></value>".as_slice(),
            b"<value><base64>YWJj</base64></value>",
            b"<value>a</value>",
            b"<value><boolean>0</boolean></value>",
        ] {
            let whole = reply(value);
            for end in 0..whole.len() - 1 {
                assert_eq!(read(&whole[..end], 5), Err(ReplyError::Truncated), "cut at {end}");
            }
        }
        let fault = write_fault(&Fault::new(1, "no such file"));
        for end in 0..fault.len() - 1 {
            assert_eq!(read(&fault[..end], 5), Err(ReplyError::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn a_wrong_token_and_a_fault_are_outcomes() {
        let fault = Fault::new(1, "<type 'exceptions.IOError'>:[Errno 2] No such file or directory: 'x'");
        for piece in 1..50 {
            assert_eq!(read(&write_response(&false.into()), piece), Ok((ContentOutcome::Refused, vec![])));
            let outcome = read(&write_fault(&fault), piece);
            assert_eq!(outcome, Ok((ContentOutcome::Fault(fault.clone()), vec![])));
        }
    }

    #[test]
    fn c16_another_value_is_a_typed_error() {
        for (value, found) in [
            (Value::Bool(true), "a boolean"),
            (1.into(), "a number"),
            (Value::Nil, "nil"),
            (Value::Array(vec!["a".into()]), "an array"),
            (Value::Struct(vec![]), "a struct"),
            (Value::Double(1.0), "a number"),
        ] {
            assert_eq!(read(&write_response(&value), 9), Err(unexpected(found)));
        }
    }

    #[test]
    fn other_documents_are_errors() {
        for document in [
            b"<!DOCTYPE a []>".as_slice(),
            b"<html>",
            b"hello",
            b"<>",
            b"</methodResponse>",
            b"<methodResponse/>",
            b"<methodResponse><params/>",
            &reply(b"<value><string>&nbsp;</string></value>"),
            &reply(b"<value><string>&</string></value>"),
            &reply(b"<value><string><b>x</b></string></value>"),
            &reply(b"<value><string>a</string>b</value>"),
            &reply(b"<value>junk<string>a</string></value>"),
            &reply(b"<value>a</value></param><param><value>b</value>"),
            &reply(b"<value><base64>YWI</base64></value>"),
            &[reply(b"<value>a</value>").as_slice(), b"x"].concat(),
        ] {
            for piece in [1, 1000] {
                assert!(matches!(read(document, piece), Err(ReplyError::Malformed(_))), "{}", document.escape_ascii());
            }
        }
    }

    #[test]
    fn c15_what_never_ends_is_not_kept() {
        for endless in [b"<".as_slice(), b"<a ", b"<a '", b"&", b" ", b"<!-- ", b"<?", b"<methodResponse><fault>"] {
            let (mut reader, mut out) = (ContentReader::new(), Vec::new());
            let mut push = |bytes: &[u8]| reader.push(bytes, &mut out);
            let mut result = push(endless);
            for _ in 0..100 {
                result = result.and_then(|()| push(&[b' '; 1000]));
            }
            assert!(result.is_err(), "{endless:?}");
        }
        let blanks = reply(&[b"<value>".as_slice(), &[b' '; 200_000], b"</value>"].concat());
        assert_eq!(read(&blanks, 1000), content(&[b' '; 200_000]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_reply_makes_it_panic(value in "[<>&;#/a!\\[\\]CDAT?'\" -]{0,60}", piece in 1..9_usize) {
            let _ = read(&reply(value.as_bytes()), piece);
            let _ = read(value.as_bytes(), piece);
        }

        #[test]
        fn agrees_with_the_reader_of_small_replies(text in "[a-z &<>\r\u{1}é\\]]{0,30}") {
            let reply = reply(format!("<value><string>{}</string></value>", text.replace('&', "&amp;").replace('<', "&lt;")).as_bytes());
            let small = read_reply(&reply).unwrap().unwrap();
            prop_assert_eq!(read(&reply, 3), content(small.as_bytes().unwrap()));
        }
    }
}
