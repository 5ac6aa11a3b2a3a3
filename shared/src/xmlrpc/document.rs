//! The grammar of XML-RPC over the events of quick-xml, for calls and replies alike.
//!
//! No recursion and no lookahead: an explicit stack, every element refused at its start tag if it has no place there, so a
//! hostile document costs no more than its prefix that still made sense. Entities are never expanded and there is no DTD.

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::events::{BytesStart, Event};

use super::chars::{is_blank, is_xml_char, resolve_reference, shown};
use super::scalar::{self, Scalar};
use super::{MethodCall, Value};
use crate::limits;

/// What kind of document is expected, and how its text is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// A `methodCall`, strictly.
    Call,
    /// A `methodResponse`, with what servers of 2004 put into it. `raw`: each character stands for one byte.
    Reply { raw: bool },
}

/// What a document says.
#[derive(Debug, PartialEq)]
pub(super) enum Document {
    Call(MethodCall),
    Answer(Value),
    Fault(Value),
}

/// Why there is no document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Truncated,
    NotWellFormed(String),
    NotConforming(String),
}

/// Reads a whole document.
pub(super) fn read(text: &str, rules: Rules) -> Result<Document, Problem> {
    let strict = rules == Rules::Call;
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = strict;
    let mut builder = Builder::new(rules);
    let mut is_first = true;
    loop {
        match reader.read_event().map_err(xml_problem)? {
            Event::Start(tag) => builder.start(&tag)?,
            Event::Empty(tag) => {
                builder.start(&tag)?;
                builder.end()?;
            }
            Event::End(_) => builder.end()?,
            Event::Text(text) if strict => {
                let text = text.xml10_content();
                if text.contains("]]>") {
                    return Err(Problem::NotWellFormed("]]> stands outside of a CDATA section".into()));
                }
                builder.text(&text)?;
            }
            Event::Text(text) => builder.text(&text.into_inner())?,
            Event::CData(_) if builder.stack.is_empty() => {
                return Err(Problem::NotWellFormed("text stands outside of the document".into()));
            }
            Event::CData(text) if strict => builder.text(&text.xml10_content())?,
            Event::CData(text) => builder.text(&text.into_inner())?,
            Event::GeneralRef(name) => builder.reference(&name.into_inner())?,
            Event::Decl(_) if !is_first => {
                return Err(Problem::NotWellFormed("the XML declaration does not come first".into()));
            }
            Event::Decl(declaration) if strict => {
                declaration.xml_version().map_err(xml_problem)?;
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::DocType(_) => {
                return Err(Problem::NotConforming("a document type is not allowed in XML-RPC".into()));
            }
            Event::Eof => return builder.finish(),
        }
        is_first = false;
    }
}

fn xml_problem(error: Error) -> Problem {
    match error {
        // quick-xml reports as syntax only what is still open at the end of the text.
        Error::Syntax(_) => Problem::Truncated,
        other => Problem::NotWellFormed(format!("not well-formed XML: {}", shown(&other.to_string()))),
    }
}

/// Attributes mean nothing in XML-RPC, but they have to be XML.
fn check_attributes(tag: &BytesStart<'_>) -> Result<(), Problem> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| xml_problem(error.into()))?;
        if attribute.value.contains('<') || quick_xml::escape::unescape(&attribute.value).is_err() {
            return Err(Problem::NotWellFormed("an attribute has a value that is not XML".into()));
        }
    }
    Ok(())
}

/// An element that was started and has not ended.
enum Frame {
    Call,
    MethodName,
    Response,
    Params,
    Param(Option<Value>),
    Fault(Option<Value>),
    Value(Option<Value>),
    Scalar(Scalar),
    Array(Option<Vec<Value>>),
    Data(Vec<Value>),
    Struct(Vec<(String, Value)>),
    Member(Option<String>, Option<Value>),
    MemberName,
}

struct Builder {
    rules: Rules,
    stack: Vec<Frame>,
    /// Text of the innermost element that takes text.
    text: Vec<u8>,
    /// Open arrays and structs.
    depth: usize,
    values: usize,
    method: Option<String>,
    /// Set once `params` was seen.
    params: Option<Vec<Value>>,
    fault: Option<Value>,
    is_over: bool,
}

impl Builder {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            stack: Vec::new(),
            text: Vec::new(),
            depth: 0,
            values: 0,
            method: None,
            params: None,
            fault: None,
            is_over: false,
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Problem> {
        if self.rules == Rules::Call {
            check_attributes(tag)?;
        }
        let name = tag.name();
        let name = name.as_ref();
        let is_new = self.params.is_none() && self.fault.is_none();
        let frame = match (self.stack.last(), name) {
            (None, _) if self.is_over => {
                return Err(Problem::NotWellFormed("something follows the end of the document".into()));
            }
            (None, "methodCall") if self.rules == Rules::Call => Frame::Call,
            (None, "methodResponse") if self.rules != Rules::Call => Frame::Response,
            (Some(Frame::Call), "methodName") if self.method.is_none() && is_new => Frame::MethodName,
            (Some(Frame::Call), "params") if self.method.is_some() && is_new => Frame::Params,
            (Some(Frame::Response), "params") if is_new => Frame::Params,
            (Some(Frame::Response), "fault") if is_new => Frame::Fault(None),
            (Some(Frame::Params), "param") => Frame::Param(None),
            (
                Some(Frame::Param(None) | Frame::Fault(None) | Frame::Data(_) | Frame::Member(Some(_), None)),
                "value",
            ) => {
                self.count_value()?;
                Frame::Value(None)
            }
            (Some(Frame::Value(None)), _) => self.typed(name)?,
            (Some(Frame::Array(None)), "data") => Frame::Data(Vec::new()),
            (Some(Frame::Struct(_)), "member") => Frame::Member(None, None),
            (Some(Frame::Member(None, None)), "name") => Frame::MemberName,
            _ => return Err(misplaced(name)),
        };
        if matches!(frame, Frame::Params) {
            self.params = Some(Vec::new());
        }
        self.text.clear();
        self.stack.push(frame);
        Ok(())
    }

    /// The element inside a `value`.
    fn typed(&mut self, name: &str) -> Result<Frame, Problem> {
        // All seven decoders of the golden vectors forget text before a typed element. We forgive it in replies only.
        if self.rules == Rules::Call && !is_blank(&self.text) {
            return Err(Problem::NotConforming("a value has both text and a type".into()));
        }
        let frame = match (name, Scalar::named(name)) {
            (_, Some(scalar)) => return Ok(Frame::Scalar(scalar)),
            ("array", _) => Frame::Array(None),
            ("struct", _) => Frame::Struct(Vec::new()),
            _ => return Err(misplaced(name)),
        };
        self.depth += 1;
        if self.depth > limits::XML_DEPTH {
            return Err(Problem::NotConforming(format!("values are nested more than {} deep", limits::XML_DEPTH)));
        }
        Ok(frame)
    }

    fn count_value(&mut self) -> Result<(), Problem> {
        let most = if self.rules == Rules::Call { limits::CALL_VALUES } else { limits::REPLY_VALUES };
        self.values += 1;
        if self.values > most { Err(Problem::NotConforming(format!("more than {most} values"))) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Problem> {
        let strict = self.rules == Rules::Call;
        let incomplete = |what: &str| Err(Problem::NotConforming(format!("{what} is incomplete")));
        match self.stack.pop() {
            Some(Frame::MethodName) => self.method = Some(method_name(std::mem::take(&mut self.text))?),
            Some(Frame::MemberName) => {
                let text = std::mem::take(&mut self.text);
                if let Some(Frame::Member(name, _)) = self.stack.last_mut() {
                    *name = Some(String::from_utf8_lossy(&text).into_owned());
                }
            }
            Some(Frame::Scalar(scalar)) => {
                let text = std::mem::take(&mut self.text);
                self.fill(scalar.read(text, strict).map_err(Problem::NotConforming)?);
            }
            Some(Frame::Value(value)) => {
                let value = value.unwrap_or_else(|| scalar::string(std::mem::take(&mut self.text)));
                self.fill(value);
            }
            Some(Frame::Data(items)) => {
                if let Some(Frame::Array(data)) = self.stack.last_mut() {
                    *data = Some(items);
                }
            }
            Some(Frame::Array(None)) if strict => return incomplete("an array without data"),
            Some(Frame::Array(data)) => {
                self.depth -= 1;
                self.fill(Value::Array(data.unwrap_or_default()));
            }
            Some(Frame::Member(Some(name), Some(value))) => {
                if let Some(Frame::Struct(members)) = self.stack.last_mut() {
                    members.push((name, value));
                }
            }
            Some(Frame::Member(..)) => return incomplete("a member of a struct"),
            Some(Frame::Struct(members)) => {
                self.depth -= 1;
                self.fill(Value::Struct(members));
            }
            Some(Frame::Param(Some(value))) => self.params.get_or_insert_default().push(value),
            Some(Frame::Fault(Some(value))) => self.fault = Some(value),
            Some(Frame::Param(None)) => return incomplete("a param without value"),
            Some(Frame::Fault(None)) => return incomplete("a fault without value"),
            Some(Frame::Call | Frame::Response) => self.is_over = true,
            Some(Frame::Params) => {}
            None => return Err(Problem::NotWellFormed("an element ends that never began".into())),
        }
        Ok(())
    }

    /// Hands a finished value to the element around it; that there is room was decided at its start tag.
    fn fill(&mut self, value: Value) {
        match self.stack.last_mut() {
            Some(Frame::Value(room) | Frame::Param(room) | Frame::Fault(room) | Frame::Member(_, room)) => {
                *room = Some(value);
            }
            Some(Frame::Data(items)) => items.push(value),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        match self.stack.last() {
            Some(Frame::Value(None) | Frame::Scalar(_) | Frame::MethodName | Frame::MemberName) => {
                if self.rules == (Rules::Reply { raw: true }) {
                    self.text.extend(text.chars().filter_map(|character| u8::try_from(character).ok()));
                } else {
                    self.text.extend_from_slice(text.as_bytes());
                }
                Ok(())
            }
            _ if is_blank(text.as_bytes()) => Ok(()),
            Some(_) => Err(Problem::NotConforming("text stands where only elements belong".into())),
            None => Err(Problem::NotWellFormed("text stands outside of the document".into())),
        }
    }

    fn reference(&mut self, name: &str) -> Result<(), Problem> {
        let character = resolve_reference(name)
            .filter(|&character| self.rules != Rules::Call || is_xml_char(character))
            .ok_or_else(|| Problem::NotWellFormed(format!("&{}; stands for no character", shown(name))))?;
        if self.stack.is_empty() {
            return Err(Problem::NotWellFormed("text stands outside of the document".into()));
        }
        // Always as UTF-8, even among raw bytes: a server of 2004 writes no numbers, so the writer meant the character.
        let mut utf8 = [0; 4];
        let utf8 = character.encode_utf8(&mut utf8);
        match self.stack.last() {
            Some(Frame::Value(None) | Frame::Scalar(_) | Frame::MethodName | Frame::MemberName) => {
                self.text.extend_from_slice(utf8.as_bytes());
                Ok(())
            }
            _ => self.text(utf8),
        }
    }

    fn finish(self) -> Result<Document, Problem> {
        if !self.is_over {
            return Err(Problem::Truncated);
        }
        let mut params = self.params.unwrap_or_default();
        match (self.rules, self.method, self.fault) {
            (Rules::Call, Some(method), _) => Ok(Document::Call(MethodCall { method, params })),
            (Rules::Call, None, _) => Err(Problem::NotConforming("the call names no method".into())),
            (Rules::Reply { .. }, _, Some(fault)) => Ok(Document::Fault(fault)),
            (Rules::Reply { .. }, _, None) => match (params.pop(), params.is_empty()) {
                (Some(value), true) => Ok(Document::Answer(value)),
                _ => Err(Problem::NotConforming("a response has exactly one value".into())),
            },
        }
    }
}

fn misplaced(name: &str) -> Problem {
    Problem::NotConforming(format!("the element <{}> does not belong there", shown(name)))
}

/// Letters, digits, `_ . : /`: all that the text of 1999 allows in the name of a method.
fn method_name(text: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(text)
        .ok()
        .filter(|name| !name.is_empty())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:/".contains(&byte)))
        .ok_or_else(|| Problem::NotConforming("the name of the method has characters that no method has".into()))
}
