//! Replies of servers, read tolerantly and byte for byte, when they fit into memory: listings, rosters and faults.
//!
//! A server of 2004 puts whatever it has between `<string>` and `</string>`: bytes that are no UTF-8, control characters,
//! raw CR. So nothing is normalised here, and a string that is no text becomes bytes. Content has its own reader.

use super::Value;
use super::document::{self, Document, Problem, Rules};
use crate::{Fault, limits};

/// Why a reply says nothing. It is the server's fault, or the network's; asking again may help only with [`Truncated`](Self::Truncated).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It ended before its `</methodResponse>`.
    #[error("the reply ended early")]
    Truncated,
    /// It is no XML-RPC.
    #[error("the reply is not XML-RPC: {0}")]
    Malformed(String),
    /// It is longer than we read: [`limits::REPLY_BYTES`], or [`limits::REPLY_PREFIX_BYTES`] where content was to come.
    #[error("the reply is longer than we read")]
    TooLong,
    /// It is some other value than such a call has for an answer.
    #[error("the reply is {found}, but {expected} was expected")]
    Unexpected {
        /// What was asked for.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// Boolean 0: the token was wrong.
    #[error("the peer does not accept our password")]
    Refused,
}

impl From<Problem> for ReplyError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Truncated => Self::Truncated,
            Problem::NotWellFormed(why) | Problem::NotConforming(why) => Self::Malformed(why),
        }
    }
}

/// Reads a whole reply: the value, or the [`Fault`] that the server answered.
///
/// # Errors
/// A [`ReplyError`] if it is no complete XML-RPC reply within our [`limits`].
pub fn read_reply(body: &[u8]) -> Result<Result<Value, Fault>, ReplyError> {
    if body.len() > limits::REPLY_BYTES {
        return Err(ReplyError::TooLong);
    }
    let document = match std::str::from_utf8(body) {
        Ok(text) => document::read(text, Rules::Reply { raw: false })?,
        Err(_) => {
            // One character for each byte, and back again when a string is complete: exact for all 256.
            let text: String = body.iter().copied().map(char::from).collect();
            document::read(&text, Rules::Reply { raw: true })?
        }
    };
    match document {
        Document::Answer(value) => Ok(Ok(value)),
        Document::Fault(value) => Ok(Err(fault(&value))),
        Document::Call(_) => Err(ReplyError::Malformed("it is a call".into())),
    }
}

/// The fault in its struct. One without code or text is still a fault, only a less telling one.
fn fault(value: &Value) -> Fault {
    let code = value.member("faultCode").and_then(Value::as_int).and_then(|code| i32::try_from(code).ok());
    let message = match value.member("faultString") {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::String(text)) => text.clone(),
        _ => "the peer gives no reason".to_owned(),
    };
    Fault::new(code.unwrap_or(Fault::APPLICATION), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::value::strategy;
    use crate::xmlrpc::{write_fault, write_response};
    use proptest::prelude::*;

    fn reply(value: &[u8]) -> Vec<u8> {
        let (head, tail) = (
            "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n",
            "\n</param>\n</params>\n</methodResponse>\n",
        );
        [head.as_bytes(), value, tail.as_bytes()].concat()
    }

    fn read(value: &[u8]) -> Value {
        read_reply(&reply(value)).unwrap().unwrap()
    }

    #[test]
    fn all_256_raw_bytes_survive() {
        for byte in (0..=255_u8).filter(|byte| !b"<&".contains(byte)) {
            let value = [b"<value><string>a", [byte].as_slice(), b"\r\n</string></value>"].concat();
            assert_eq!(read(&value).as_bytes().unwrap(), [b'a', byte, b'\r', b'\n'], "byte {byte}");
        }
        let mixed =
            read(b"<value><array><data><value>\xff&#233;</value><value>\xc3\xa9\x00</value></data></array></value>");
        assert_eq!(mixed, Value::Array(vec![Value::Bytes(b"\xff\xc3\xa9".to_vec()), Value::from("é\0")]));
    }

    #[test]
    fn what_servers_are_known_to_send_is_forgiven() {
        for (value, is) in [
            ("<value>junk<string>x</string></value>", Value::from("x")),
            ("<value><array/></value>", Value::Array(vec![])),
            ("<value><base64>@@@@</base64></value>", Value::Bytes(vec![])),
            ("<value><base64>eW91IA</base64></value>", Value::Bytes(b"you ".to_vec())),
            ("<value><int>2147483648</int></value>", Value::I8(1 << 31)),
            ("<value>a&#1;b]]></value>", Value::from("a\u{1}b]]>")),
        ] {
            assert_eq!(read(value.as_bytes()), is, "{value}");
        }
    }

    #[test]
    fn c16_other_documents_are_typed_errors() {
        for body in [
            "hello",
            "<html/>",
            "<methodResponse><params/></methodResponse>",
            "<methodCall><methodName>f</methodName></methodCall>",
            "<!DOCTYPE a [<!ENTITY e 'boo'>]><methodResponse><params><param><value>&e;</value></param></params></methodResponse>",
        ] {
            assert!(matches!(read_reply(body.as_bytes()), Err(ReplyError::Malformed(_))), "{body}");
        }
        let deep = [b"<methodResponse><params><param>".as_slice(), &b"<value><array><data>".repeat(100_000)].concat();
        assert!(matches!(read_reply(&deep), Err(ReplyError::Malformed(_))));
        assert_eq!(read_reply(b""), Err(ReplyError::Truncated));
    }

    #[test]
    fn a_fault_keeps_its_code_and_text() {
        let fault = Fault::new(1, "<type 'exceptions.IOError'>:[Errno 2]\r\n");
        assert_eq!(read_reply(&write_fault(&fault)), Ok(Err(fault)));
        let odd = read_reply(b"<methodResponse><fault><value><struct/></value></fault></methodResponse>").unwrap();
        assert_eq!(odd.unwrap_err().code, Fault::APPLICATION);
    }

    #[test]
    fn cut_anywhere_it_is_an_error() {
        let whole = reply(b"<value><array><data><value><string>a&amp;\xff</string></value></data></array></value>");
        for end in 0..whole.len() - 1 {
            assert!(read_reply(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(read_reply(&whole[..whole.len() - 1]).is_ok(), "the last line end is no part of the document");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_we_write_we_read(value in strategy::value(4)) {
            prop_assert_eq!(read_reply(&write_response(&value)).unwrap().unwrap(), value);
        }

        #[test]
        fn no_reply_makes_it_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_reply(&value);
            let _ = read_reply(&reply(&value));
        }
    }
}
