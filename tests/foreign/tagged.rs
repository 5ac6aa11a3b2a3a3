//! Values as JSON, so that programs in any language can be told what to send and say what they got.
//!
//! Each value is an object of one member, named for its type: `{"int": 1}`, `{"boolean": true}`, `{"double": "0.5"}`,
//! `{"string": "…"}`, `{"bytes": "00ff"}`, `{"date": "20041214T12:00:00"}`, `{"array": […]}`, `{"struct": {…}}`. To send,
//! there is also `{"token": ""}`, which each client computes by itself; among answers, `{"fault": code}`.

use serde_json::{Value as Json, json};
use shared::xmlrpc::Value;

/// What stands for the token in a call.
pub(crate) const TOKEN: &str = "(token)";

/// What a client is told to send.
pub(crate) fn tag(value: &Value) -> Json {
    match value {
        Value::String(text) if text == TOKEN => json!({"token": ""}),
        Value::Int(number) => json!({ "int": number }),
        Value::Bool(truth) => json!({ "boolean": truth }),
        Value::Double(number) => json!({ "double": number.to_string() }),
        Value::String(text) => json!({ "string": text }),
        Value::Bytes(bytes) => json!({ "bytes": hex(bytes) }),
        Value::DateTime(text) => json!({ "date": text }),
        Value::Array(items) => json!({ "array": items.iter().map(tag).collect::<Vec<_>>() }),
        Value::Struct(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), tag(value)));
            json!({ "struct": members.collect::<serde_json::Map<_, _>>() })
        }
        Value::I8(_) | Value::Nil => unreachable!("not every client knows it"),
    }
}

/// What a client says that it got. A fault inside a multicall's answer is the struct of its code.
pub(crate) fn untag(tagged: &Json) -> Value {
    let (kind, value) = tagged.as_object().and_then(|tagged| tagged.iter().next()).expect("a tagged value");
    let text = || value.as_str().unwrap_or_else(|| panic!("a text: {tagged}"));
    match kind.as_str() {
        "int" => Value::Int(i32::try_from(value.as_i64().expect("a number")).expect("of 32 bits")),
        "boolean" => Value::Bool(value.as_bool().expect("a boolean")),
        "double" => Value::Double(text().parse().expect("a double")),
        "string" => Value::from(text()),
        "bytes" => Value::Bytes(unhex(text())),
        "date" => Value::DateTime(text().to_owned()),
        "array" => Value::Array(value.as_array().expect("an array").iter().map(untag).collect()),
        "struct" => {
            let members = value.as_object().expect("a struct").iter();
            Value::Struct(members.map(|(name, value)| (name.clone(), untag(value))).collect())
        }
        "fault" => Value::Struct(vec![("faultCode".to_owned(), Value::Int(fault(tagged).expect("a code")))]),
        _ => panic!("no such tag: {tagged}"),
    }
}

/// The code, if what a client got is a fault.
pub(crate) fn fault(tagged: &Json) -> Option<i32> {
    tagged.get("fault")?.as_i64()?.try_into().ok()
}

/// The same value as all languages can say it: members of structs in one order, faults without their sentence.
pub(crate) fn comparable(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(comparable).collect()),
        Value::Struct(mut members) => {
            if members.iter().any(|(name, _)| name == "faultCode") {
                members.retain(|(name, _)| name != "faultString");
            }
            let mut members: Vec<_> = members.into_iter().map(|(name, value)| (name, comparable(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Struct(members)
        }
        other => other,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}
