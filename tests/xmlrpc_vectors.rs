//! Reply documents on which seven XML-RPC implementations agree must mean the same to ours.
//!
//! The vectors come in as text: where the file lies is the caller's business. What the seven disagree on is only
//! checked for not making any reader panic.

use serde_json::Value as Json;
use shared::xmlrpc::{ContentReader, Value, read_call, read_reply};

/// The fewest vectors with an agreed value that a complete file has.
const GOLDEN: usize = 43;

/// Reads every vector; each that has an agreed value must have it here too.
///
/// # Panics
/// With a list of all that differ.
pub fn check(vectors_json: &str) {
    let vectors: Vec<Json> = serde_json::from_str(vectors_json).expect("the vectors are a JSON array");
    let mut golden = 0;
    let mut wrong = Vec::new();
    for vector in &vectors {
        let name = vector["name"].as_str().expect("a vector has a name");
        let xml = from_base64(vector["xml_b64"].as_str().expect("a vector has a document"));
        let read = match read_reply(&xml) {
            Ok(Ok(value)) => shown(&value),
            Ok(Err(fault)) => format!("fault:{fault}"),
            Err(error) => format!("error:{error}"),
        };
        survive_other_readers(&xml);
        if vector["agree"] == Json::Bool(true) {
            golden += 1;
            let expected = vector["expect"].as_str().expect("an agreed vector has a value");
            if read != expected {
                wrong.push(format!("{name}: expected {expected}, read {read}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {golden} golden vectors differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(golden >= GOLDEN, "only {golden} golden vectors, not {GOLDEN}: the file is incomplete");
}

/// The readers of calls and of content have no agreed answer to these documents, but must have one.
fn survive_other_readers(xml: &[u8]) {
    let _ = read_call(xml, None);
    for piece in [1, 3, xml.len().max(1)] {
        let (mut reader, mut content) = (ContentReader::new(), Vec::new());
        if xml.chunks(piece).all(|chunk| reader.push(chunk, &mut content).is_ok()) {
            let _ = reader.finish();
        }
    }
}

/// A value as the vectors write it: `[int:1,str:two,{a=nil}]`.
fn shown(value: &Value) -> String {
    match value {
        Value::Int(number) => format!("int:{number}"),
        Value::I8(number) => format!("int:{number}"),
        Value::Bool(truth) => format!("bool:{truth}"),
        Value::Double(number) => format!("dbl:{number:?}"),
        Value::String(text) => {
            format!("str:{}", text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"))
        }
        Value::Bytes(bytes) => {
            format!("b64:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        Value::DateTime(text) => format!("date:{text}"),
        Value::Nil => "nil".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Struct(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// The documents are base64 in the file; one that XML-RPC itself can carry, so its reader serves here too.
fn from_base64(text: &str) -> Vec<u8> {
    let reply = format!("<methodResponse><params><param><value><base64>{text}</base64></value></param></params></methodResponse>");
    let (mut reader, mut bytes) = (ContentReader::new(), Vec::new());
    reader.push(reply.as_bytes(), &mut bytes).expect("the documents are base64");
    reader.finish().expect("the documents are base64");
    bytes
}
