//! Reply documents on which seven XML-RPC implementations agree must mean the same to ours.
//!
//! The vectors come in as text: where the file lies is the caller's business. What the seven disagree on is only
//! checked for not making any reader panic.

// It is all test, but not in a function that clippy knows for one.
#![allow(clippy::expect_used)]

use serde_json::Value as Json;
use shared::xmlrpc::{ContentOutcome, ContentReader, Value, read_call, read_reply};

/// The fewest vectors with an agreed value that a complete file has.
const GOLDEN: usize = 43;

/// Agreed on, and yet nothing that we take from a caller, or that we save as a file: symbols that are no base64, and text
/// before a typed value.
const FORGIVEN_ONLY_IN_SMALL_REPLIES: [&str; 2] = ["base64_bad", "text_then_type"];

/// Reads every vector; each that has an agreed value must have it here too.
///
/// # Panics
/// With a list of all that differ.
pub(crate) fn check(vectors_json: &str) {
    let vectors: Vec<Json> = serde_json::from_str(vectors_json).expect("the vectors are a JSON array");
    let mut golden = 0;
    let mut wrong = Vec::new();
    for vector in &vectors {
        let name = vector["name"].as_str().expect("a vector has a name");
        let xml = from_base64(vector["xml_b64"].as_str().expect("a vector has a document"));
        let readings = [("reply", as_reply(&xml)), ("content", as_content(&xml)), ("call", as_call(&xml))];
        if vector["agree"] != Json::Bool(true) {
            continue;
        }
        golden += 1;
        let expected = vector["expect"].as_str().expect("an agreed vector has a value");
        let is_content = expected.starts_with("str:") || expected.starts_with("b64:");
        for (reader, read) in readings {
            let counts = match reader {
                "reply" => true,
                "content" => is_content && !FORGIVEN_ONLY_IN_SMALL_REPLIES.contains(&name),
                _ => !FORGIVEN_ONLY_IN_SMALL_REPLIES.contains(&name),
            };
            let same = match &read {
                Ok(value) if reader == "content" => {
                    value.as_bytes() == as_reply(&xml).ok().as_ref().and_then(Value::as_bytes)
                }
                Ok(value) => shown(value) == expected,
                Err(_) => false,
            };
            if counts && !same {
                wrong.push(format!("{name} read as {reader}: expected {expected}, got {read:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} readings of {golden} golden vectors differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(golden >= GOLDEN, "only {golden} golden vectors, not {GOLDEN}: the file is incomplete");
}

fn as_reply(xml: &[u8]) -> Result<Value, String> {
    match read_reply(xml) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The document as the reply to a content call, one byte at a time.
fn as_content(xml: &[u8]) -> Result<Value, String> {
    let (mut reader, mut content) = (ContentReader::new(), Vec::new());
    for byte in xml {
        reader.push(&[*byte], &mut content).map_err(|error| error.to_string())?;
    }
    match reader.finish() {
        Ok(ContentOutcome::Content) => Ok(Value::Bytes(content)),
        other => Err(format!("{other:?}")),
    }
}

/// The same params in a call instead of a response, for the strict reader.
fn as_call(xml: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(xml)
        .replace("<methodResponse>", "<methodCall><methodName>f</methodName>")
        .replace("</methodResponse>", "</methodCall>");
    let mut call = read_call(text.as_bytes(), None).map_err(|fault| fault.to_string())?;
    call.params.pop().ok_or_else(|| "no param".to_owned())
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
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// The documents are base64 in the file; one that XML-RPC itself can carry, so its reader serves here too.
fn from_base64(text: &str) -> Vec<u8> {
    let reply = format!(
        "<methodResponse><params><param><value><base64>{text}</base64></value></param></params></methodResponse>"
    );
    let (mut reader, mut bytes) = (ContentReader::new(), Vec::new());
    reader.push(reply.as_bytes(), &mut bytes).expect("the documents are base64");
    reader.finish().expect("the documents are base64");
    bytes
}
