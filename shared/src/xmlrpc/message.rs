//! What the values of `f(token, n, arg)` and of its answers mean.
//!
//! Types are judged here, meaning is not: whether a URL is one, a token right or a name safe is decided by who takes it.

use std::fmt;

use super::{ReplyError, Value, write_call};
use crate::{Call, Fault, Token};

/// The parameters of one call of `f`.
#[derive(Clone, PartialEq)]
pub struct FCall {
    /// The token as presented; empty, which no token is, where it was no text. A secret: `Debug` leaves it out.
    pub token: String,
    /// What is asked, or the fault to answer *if the token is right*: to a wrong token the answer is boolean 0, whatever is asked.
    pub call: Result<Call, Fault>,
}

impl fmt::Debug for FCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FCall").field("call", &self.call).finish_non_exhaustive()
    }
}

/// Understands the parameters of `f`.
///
/// `n` is compared as Python's `==` does: 0, `False` and 0.0 are the same, and what is neither 0 nor 1 asks for content.
///
/// # Errors
/// A [`Fault`] for any other number of parameters than three: in 2004 too that was decided before the token.
pub fn read_f(params: Vec<Value>) -> Result<FCall, Fault> {
    let [token, n, arg] = <[Value; 3]>::try_from(params).map_err(|params| {
        Fault::new(Fault::BAD_PARAMETERS, format!("f takes 3 parameters (token, n, arg), not {}", params.len()))
    })?;
    let call = match (number(&n), arg) {
        // A string is refused: Python would take each of its letters for a URL.
        (Some(0), Value::Array(items)) => {
            Ok(Call::Exchange(items.into_iter().filter_map(|item| item.into_text().ok()).collect()))
        }
        (Some(0), other) => Err(wrong_arg("an array of URLs when n is 0", &other)),
        (Some(1), pattern) => {
            pattern.into_text().map(Call::List).map_err(|other| wrong_arg("a pattern when n is 1", &other))
        }
        (_, name) => name.into_text().map(Call::Fetch).map_err(|other| wrong_arg("the name of a file", &other)),
    };
    Ok(FCall { token: token.into_text().unwrap_or_default(), call })
}

/// The whole number that this equals in Python.
fn number(n: &Value) -> Option<i64> {
    match *n {
        Value::Bool(truth) => Some(i64::from(truth)),
        // Only 0 and 1 matter; -0.0 equals 0 in Python as well.
        Value::Double(0.0) => Some(0),
        Value::Double(1.0) => Some(1),
        _ => n.as_int(),
    }
}

fn wrong_arg(expected: &str, found: &Value) -> Fault {
    Fault::new(Fault::BAD_PARAMETERS, format!("the third parameter of f is {expected}, not {}", found.kind()))
}

/// Writes a call of `f`, byte for byte as the client of 2004 does.
#[must_use]
pub fn write_f(token: &Token, call: &Call) -> Vec<u8> {
    let (n, arg) = match call {
        Call::Exchange(urls) => (0, Value::Array(urls.iter().map(|url| Value::from(url.as_str())).collect())),
        Call::List(pattern) => (1, Value::from(pattern.as_str())),
        Call::Fetch(name) => (2, Value::from(name.as_str())),
    };
    write_call("f", &[token.reveal().into(), n.into(), arg])
}

/// The URLs in the answer to [`Call::Exchange`], as texts; items that are none are left out.
///
/// # Errors
/// [`ReplyError::Refused`] for a wrong token, [`ReplyError::Unexpected`] for another value.
pub fn read_peers(answer: Value) -> Result<Vec<String>, ReplyError> {
    let items = array(answer, "a list of peers")?;
    Ok(items.into_iter().filter_map(|item| item.into_text().ok()).collect())
}

/// A name in a listing of another peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A text. Hostile: only [`SharedPath`](crate::SharedPath) says whether it can be used.
    Text(String),
    /// Bytes that are no UTF-8, as a server of 2004 sends them: the file is there, but cannot be asked for.
    NotUtf8(Vec<u8>),
    /// Something that is no name at all.
    NotText(&'static str),
}

/// The names in the answer to [`Call::List`].
///
/// # Errors
/// [`ReplyError::Refused`] for a wrong token, [`ReplyError::Unexpected`] for anything but one array within an array.
pub fn read_names(answer: Value) -> Result<Vec<Name>, ReplyError> {
    const LISTING: &str = "a listing";
    let mut outer = array(answer, LISTING)?;
    let (Some(inner), true) = (outer.pop(), outer.is_empty()) else {
        return Err(ReplyError::Unexpected { expected: LISTING, found: "an array of another shape" });
    };
    let Value::Array(names) = inner else {
        return Err(ReplyError::Unexpected { expected: LISTING, found: "an array of another shape" });
    };
    let name = |item: Value| match item.into_text() {
        Ok(text) => Name::Text(text),
        Err(Value::Bytes(bytes)) => Name::NotUtf8(bytes),
        Err(other) => Name::NotText(other.kind()),
    };
    Ok(names.into_iter().map(name).collect())
}

fn array(answer: Value, expected: &'static str) -> Result<Vec<Value>, ReplyError> {
    match answer {
        Value::Array(items) => Ok(items),
        Value::Bool(false) => Err(ReplyError::Refused),
        other => Err(ReplyError::Unexpected { expected, found: other.kind() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::read_call;
    use crate::{Password, PeerUrl};

    fn call(n: Value, arg: Value) -> Result<Call, Fault> {
        read_f(vec!["token".into(), n, arg]).unwrap().call
    }

    #[test]
    fn n_is_compared_as_python_does() {
        let list = Ok(Call::List("p".into()));
        for n in [1.into(), true.into(), Value::Double(1.0), Value::I8(1)] {
            assert_eq!(call(n, "p".into()), list);
        }
        for n in [0.into(), false.into(), Value::Double(0.0), Value::Double(-0.0), Value::I8(0)] {
            assert_eq!(call(n, Value::Array(vec!["u".into()])), Ok(Call::Exchange(vec!["u".into()])));
        }
        for n in [
            2.into(),
            Value::Double(2.0),
            Value::Double(1.5),
            (-1).into(),
            "1".into(),
            "".into(),
            Value::Nil,
            Value::Array(vec![]),
            Value::I8(1 << 32),
            Value::Struct(vec![]),
            Value::Bytes(vec![]),
        ] {
            assert_eq!(call(n, "p".into()), Ok(Call::Fetch("p".into())));
        }
    }

    #[test]
    fn a_token_of_any_type_is_a_token() {
        for (token, text) in [
            ("t".into(), "t"),
            (Value::Bytes(b"t".to_vec()), "t"),
            (Value::Bytes(vec![255]), ""),
            (Value::Nil, ""),
            (1.into(), ""),
            (true.into(), ""),
            (Value::Array(vec!["t".into()]), ""),
        ] {
            // The argument is wrong as well, and yet this is no outer fault.
            let f = read_f(vec![token, 1.into(), Value::Nil]).unwrap();
            assert_eq!((f.token.as_str(), f.call.unwrap_err().code), (text, Fault::BAD_PARAMETERS));
        }
    }

    #[test]
    fn the_number_of_parameters_is_three() {
        for count in [0, 1, 2, 4, 10] {
            assert_eq!(read_f(vec![Value::Nil; count]).unwrap_err().code, Fault::BAD_PARAMETERS);
        }
    }

    #[test]
    fn an_argument_of_another_type_is_a_fault() {
        assert_eq!(
            call(0.into(), Value::Array(vec![1.into(), "u".into(), Value::Nil])),
            Ok(Call::Exchange(vec!["u".into()]))
        );
        assert_eq!(call(1.into(), Value::Bytes("é".into())), Ok(Call::List("é".into())));
        for (n, arg) in [
            (0, "http://h:1".into()),
            (0, Value::Nil),
            (1, Value::Array(vec![])),
            (1, 1.into()),
            (2, Value::Nil),
            (2, Value::Bytes(vec![255])),
        ] {
            assert_eq!(call(n.into(), arg).unwrap_err().code, Fault::BAD_PARAMETERS);
        }
    }

    #[test]
    fn calls_are_byte_for_byte_those_of_2004() {
        let token = Password::new("secret").token(&PeerUrl::parse("http://127.0.0.1:9001").unwrap());
        let exchange = Call::Exchange(vec!["http://127.0.0.1:9002".into()]);
        // xmlrpclib.dumps(("0016184cebb71aa114e420d6a1054bd3", 0, ["http://127.0.0.1:9002"]), "f") of CPython 2.7.18.
        assert_eq!(
            String::from_utf8(write_f(&token, &exchange)).unwrap(),
            "<?xml version='1.0'?>\n<methodCall>\n<methodName>f</methodName>\n<params>\n\
             <param>\n<value><string>0016184cebb71aa114e420d6a1054bd3</string></value>\n</param>\n\
             <param>\n<value><int>0</int></value>\n</param>\n\
             <param>\n<value><array><data>\n<value><string>http://127.0.0.1:9002</string></value>\n</data></array></value>\n</param>\n\
             </params>\n</methodCall>\n"
        );
        for call in [exchange, Call::Exchange(vec![]), Call::List("^a&b$".into()), Call::Fetch("é.txt".into())] {
            let f = read_f(read_call(&write_f(&token, &call), None).unwrap().params).unwrap();
            assert!(token.matches(&f.token));
            assert_eq!(f.call, Ok(call));
        }
    }

    #[test]
    fn names_are_in_an_array_within_an_array() {
        let read = |value: Value| read_names(value);
        let listing = Value::Array(vec![Value::Array(vec!["a".into(), "é".into()])]);
        assert_eq!(read(listing).unwrap(), [Name::Text("a".into()), Name::Text("é".into())]);
        let odd = Value::Array(vec![Value::Array(vec![Value::Bytes(vec![255]), Value::Struct(vec![]), "a".into()])]);
        assert_eq!(read(odd).unwrap(), [Name::NotUtf8(vec![255]), Name::NotText("a struct"), Name::Text("a".into())]);
        for odd in [
            Value::Nil,
            true.into(),
            "a".into(),
            Value::Array(vec![]),
            Value::Array(vec!["a".into()]),
            Value::Array(vec![Value::Array(vec![]), Value::Array(vec![])]),
        ] {
            assert!(matches!(read(odd), Err(ReplyError::Unexpected { .. })));
        }
        assert_eq!(read(false.into()), Err(ReplyError::Refused));
    }

    #[test]
    fn peers_are_in_an_array() {
        assert_eq!(read_peers(Value::Array(vec!["u".into(), 1.into(), "v".into()])).unwrap(), ["u", "v"]);
        assert_eq!(read_peers(false.into()), Err(ReplyError::Refused));
        assert!(matches!(read_peers("u".into()), Err(ReplyError::Unexpected { .. })));
    }
}
