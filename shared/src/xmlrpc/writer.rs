//! Values to XML, byte for byte as `xmlrpclib` of Python 2.7 writes them: what every peer of 2004 was tested with.
//!
//! The exceptions are deliberate: CR is written `&#13;`, because raw it would be read as LF; doubles have no exponent, as
//! the text of 1999 demands; and what XML cannot carry is base64 instead of a broken document. Content of files is not
//! written here, it streams.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Value;
use super::chars::{escape, is_xml_char, is_xml_text};
use crate::{Fault, ListedName};

const DECLARATION: &[u8] = b"<?xml version='1.0'?>\n";
/// What stands before the `<value>` of a response.
const RESPONSE_HEAD: &[u8] = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n";
/// What stands after the line of the value in a response.
const RESPONSE_TAIL: &[u8] = b"</param>\n</params>\n</methodResponse>\n";

/// Writes a call of `method`. A string that XML cannot carry is written as base64 of its UTF-8, as in a response.
#[must_use]
pub fn write_call(method: &str, params: &[Value]) -> Vec<u8> {
    let mut out = DECLARATION.to_vec();
    out.extend_from_slice(b"<methodCall>\n<methodName>");
    replaced(method, &mut out);
    out.extend_from_slice(b"</methodName>\n<params>\n");
    for value in params {
        out.extend_from_slice(b"<param>\n");
        write_value(value, &mut out);
        out.extend_from_slice(b"</param>\n");
    }
    out.extend_from_slice(b"</params>\n</methodCall>\n");
    out
}

/// Writes a response with one value. A string that XML cannot carry becomes base64 of its UTF-8, a double that is no
/// number a string; in names of members such characters become U+FFFD.
#[must_use]
pub fn write_response(value: &Value) -> Vec<u8> {
    let mut out = RESPONSE_HEAD.to_vec();
    write_value(value, &mut out);
    out.extend_from_slice(RESPONSE_TAIL);
    out
}

/// Writes a fault. Characters that XML does not have become U+FFFD in its message.
#[must_use]
pub fn write_fault(fault: &Fault) -> Vec<u8> {
    let mut out = DECLARATION.to_vec();
    out.extend_from_slice(b"<methodResponse>\n<fault>\n");
    out.extend_from_slice(b"<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>");
    out.extend_from_slice(fault.code.to_string().as_bytes());
    out.extend_from_slice(b"</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>");
    replaced(&fault.message, &mut out);
    out.extend_from_slice(b"</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n");
    out
}

/// What stands before the names of a listing as `f` answers it: `[[name, …]]`, an array within an array.
pub const NAMES_HEAD: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n\
    <value><array><data>\n<value><array><data>\n";
/// What stands after them.
pub const NAMES_TAIL: &str = "</data></array></value>\n</data></array></value>\n\
    </param>\n</params>\n</methodResponse>\n";

/// Writes some names of a listing, to stand between [`NAMES_HEAD`] and [`NAMES_TAIL`].
#[must_use]
pub fn write_names<'n>(names: impl Iterator<Item = ListedName<'n>>) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        if name.is_plain {
            write_plain(name.text, &mut out);
        } else {
            write_string(name.text, &mut out);
        }
    }
    out
}

/// A string that needs no escape.
fn write_plain(text: &str, out: &mut Vec<u8>) {
    for part in [b"<value><string>".as_slice(), text.as_bytes(), b"</string></value>\n"] {
        out.extend_from_slice(part);
    }
}

/// Recursive: a value comes from us or from our readers, which stop at [`XML_DEPTH`](crate::limits::XML_DEPTH).
fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int(number) => element("int", number.to_string().as_bytes(), out),
        Value::I8(number) => element("i8", number.to_string().as_bytes(), out),
        Value::Bool(truth) => element("boolean", if *truth { b"1" } else { b"0" }, out),
        Value::Double(number) if number.is_finite() => element("double", decimal(*number).as_bytes(), out),
        Value::Double(number) => element("string", number.to_string().as_bytes(), out),
        Value::String(text) => write_string(text, out),
        Value::Bytes(bytes) => write_base64(bytes, out),
        Value::DateTime(text) => {
            let mut escaped = Vec::new();
            replaced(text, &mut escaped);
            element("dateTime.iso8601", &escaped, out);
        }
        // xmlrpclib forgets the line end after this one.
        Value::Nil => out.extend_from_slice(b"<value><nil/></value>"),
        Value::Array(items) => {
            out.extend_from_slice(b"<value><array><data>\n");
            for item in items {
                write_value(item, out);
            }
            out.extend_from_slice(b"</data></array></value>\n");
        }
        Value::Struct(members) => {
            out.extend_from_slice(b"<value><struct>\n");
            for (name, value) in members {
                out.extend_from_slice(b"<member>\n<name>");
                replaced(name, out);
                out.extend_from_slice(b"</name>\n");
                write_value(value, out);
                out.extend_from_slice(b"</member>\n");
            }
            out.extend_from_slice(b"</struct></value>\n");
        }
    }
}

/// `text` must need no escape any more.
fn element(name: &str, text: &[u8], out: &mut Vec<u8>) {
    for part in [b"<value><", name.as_bytes(), b">", text, b"</", name.as_bytes(), b"></value>\n"] {
        out.extend_from_slice(part);
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    if !is_xml_text(text) {
        return write_base64(text.as_bytes(), out);
    }
    out.extend_from_slice(b"<value><string>");
    escape(text.as_bytes(), out);
    out.extend_from_slice(b"</string></value>\n");
}

/// In lines of 76, as MIME and Python have it.
fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"<value><base64>\n");
    for line in bytes.chunks(57) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"</base64></value>\n");
}

/// Escapes, with U+FFFD for what XML does not have.
fn replaced(text: &str, out: &mut Vec<u8>) {
    if is_xml_text(text) {
        escape(text.as_bytes(), out);
    } else {
        let text: String =
            text.chars().map(|character| if is_xml_char(character) { character } else { '\u{fffd}' }).collect();
        escape(text.as_bytes(), out);
    }
}

/// The shortest digits that mean this number, with a point and without exponent.
fn decimal(number: f64) -> String {
    let text = number.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(value: Value) -> String {
        let text = String::from_utf8(write_response(&value)).unwrap();
        let head = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n";
        let tail = "</param>\n</params>\n</methodResponse>\n";
        text.strip_prefix(head).unwrap().strip_suffix(tail).unwrap().to_owned()
    }

    #[test]
    fn a_call_is_byte_for_byte_that_of_python_2_7() {
        let call = write_call("f", &["tok".into(), 1.into(), "pat".into()]);
        assert_eq!(
            String::from_utf8(call).unwrap(),
            "<?xml version='1.0'?>\n<methodCall>\n<methodName>f</methodName>\n<params>\n\
             <param>\n<value><string>tok</string></value>\n</param>\n\
             <param>\n<value><int>1</int></value>\n</param>\n\
             <param>\n<value><string>pat</string></value>\n</param>\n\
             </params>\n</methodCall>\n"
        );
        assert_eq!(
            write_call("f", &[]),
            b"<?xml version='1.0'?>\n<methodCall>\n<methodName>f</methodName>\n<params>\n</params>\n</methodCall>\n"
        );
    }

    #[test]
    fn values_are_byte_for_byte_those_of_python_2_7() {
        // Each from xmlrpclib.dumps((value,), methodresponse=1, allow_none=1) of CPython 2.7.18.
        for (value, xml) in [
            (true.into(), "<value><boolean>1</boolean></value>\n"),
            (false.into(), "<value><boolean>0</boolean></value>\n"),
            ((-3).into(), "<value><int>-3</int></value>\n"),
            (Value::Double(1.5), "<value><double>1.5</double></value>\n"),
            (Value::Double(-12.214), "<value><double>-12.214</double></value>\n"),
            (Value::Double(1.0), "<value><double>1.0</double></value>\n"),
            ("".into(), "<value><string></string></value>\n"),
            ("té<>&\"'".into(), "<value><string>té&lt;&gt;&amp;\"'</string></value>\n"),
            (Value::Nil, "<value><nil/></value>"),
            (
                Value::DateTime("20040101T00:00:00".into()),
                "<value><dateTime.iso8601>20040101T00:00:00</dateTime.iso8601></value>\n",
            ),
            (Value::Bytes(b"abc".to_vec()), "<value><base64>\nYWJj\n</base64></value>\n"),
            (Value::Bytes(vec![]), "<value><base64>\n</base64></value>\n"),
            (
                Value::Bytes(vec![b'x'; 100]),
                "<value><base64>\neHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\n\
              eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==\n</base64></value>\n",
            ),
            (Value::Array(vec![]), "<value><array><data>\n</data></array></value>\n"),
            (
                Value::Array(vec!["a".into(), "b".into()]),
                "<value><array><data>\n<value><string>a</string></value>\n<value><string>b</string></value>\n</data></array></value>\n",
            ),
            (Value::Struct(vec![]), "<value><struct>\n</struct></value>\n"),
            (
                Value::Struct(vec![("a".into(), 1.into()), ("b & c".into(), Value::Array(vec![1.into()]))]),
                "<value><struct>\n<member>\n<name>a</name>\n<value><int>1</int></value>\n</member>\n<member>\n<name>b &amp; c</name>\n\
              <value><array><data>\n<value><int>1</int></value>\n</data></array></value>\n</member>\n</struct></value>\n",
            ),
        ] {
            assert_eq!(response(value), xml);
        }
    }

    #[test]
    fn a_fault_is_byte_for_byte_that_of_python_2_7() {
        assert_eq!(
            String::from_utf8(write_fault(&Fault::new(-32601, "no <such>\0"))).unwrap(),
            "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n\
             <member>\n<name>faultCode</name>\n<value><int>-32601</int></value>\n</member>\n\
             <member>\n<name>faultString</name>\n<value><string>no &lt;such&gt;\u{fffd}</string></value>\n</member>\n\
             </struct></value>\n</fault>\n</methodResponse>\n"
        );
    }

    #[test]
    fn a_listing_is_an_array_within_an_array() {
        for names in [vec![], vec!["a"], vec!["a & b", "é", "c\rd", "e\u{1}f"]] {
            let values = names.iter().map(|&name| Value::from(name)).collect();
            let listing = Value::Array(vec![Value::Array(values)]);
            for is_known in [false, true] {
                let listed =
                    names.iter().map(|&text| ListedName { text, is_plain: is_known && matches!(text, "a" | "é") });
                let written = [NAMES_HEAD.as_bytes(), &write_names(listed), NAMES_TAIL.as_bytes()].concat();
                assert_eq!(written, write_response(&listing));
            }
        }
    }

    #[test]
    fn what_xml_cannot_say_is_said_otherwise() {
        assert_eq!(response("a\r\nb".into()), "<value><string>a&#13;\nb</string></value>\n");
        assert_eq!(response("\u{1b}".into()), "<value><base64>\nGw==\n</base64></value>\n");
        assert_eq!(response(Value::Double(f64::NAN)), "<value><string>NaN</string></value>\n");
        assert_eq!(response(Value::Double(1e21)), "<value><double>1000000000000000000000.0</double></value>\n");
        assert_eq!(response(Value::I8(1 << 40)), "<value><i8>1099511627776</i8></value>\n");
    }
}
