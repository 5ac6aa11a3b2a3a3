//! What XML-RPC can say: one value, however deep.
//!
//! A plain tree without any opinion: what a value means to `f` is in `message`, how it looks in XML is in `writer`.

/// One value of XML-RPC, with the extensions that its implementations agree on.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `<int>`, `<i4>`, and the shorter `<i1>` and `<i2>`.
    Int(i32),
    /// `<i8>`, never sent to a client of 2004.
    I8(i64),
    /// `<boolean>`.
    Bool(bool),
    /// `<double>`: from others always finite.
    Double(f64),
    /// `<string>`, or a value without any type.
    String(String),
    /// `<base64>`; from a server of 2004 also a `<string>` whose bytes are no UTF-8.
    Bytes(Vec<u8>),
    /// `<dateTime.iso8601>`, as the text it came in: XML-RPC names no time zone, so there is nothing to compute.
    DateTime(String),
    /// `<nil/>`.
    Nil,
    /// `<array>`.
    Array(Vec<Value>),
    /// `<struct>`, its members in the order they came, even if a name comes twice.
    Struct(Vec<(String, Value)>),
}

impl Value {
    /// The text of a string, or of bytes that happen to be UTF-8: what other programs send as base64 for safety.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// As [`as_str`](Self::as_str), without a copy; a value that has no text comes back unchanged.
    ///
    /// # Errors
    /// The value itself.
    pub fn into_text(self) -> Result<String, Self> {
        match self {
            Self::String(text) => Ok(text),
            Self::Bytes(bytes) => String::from_utf8(bytes).map_err(|error| Self::Bytes(error.into_bytes())),
            other => Err(other),
        }
    }

    /// The bytes of a string or of base64.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A whole number of either width.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Self::Int(number) => Some(i64::from(number)),
            Self::I8(number) => Some(number),
            _ => None,
        }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The items of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of a struct.
    #[must_use]
    pub fn as_struct(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Struct(members) => Some(members),
            _ => None,
        }
    }

    /// The member `name` of a struct; the last one where the name comes twice, as Python has it.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.as_struct()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// What kind of value it is, for a message to a person.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) | Self::I8(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Double(_) => "a double",
            Self::String(_) => "a string",
            Self::Bytes(_) => "base64",
            Self::DateTime(_) => "a date",
            Self::Nil => "nil",
            Self::Array(_) => "an array",
            Self::Struct(_) => "a struct",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

#[cfg(test)]
pub(super) mod strategy {
    //! Values of every kind, a few levels deep, such as survive writing and reading unchanged.

    use super::Value;
    use proptest::prelude::*;

    /// Texts of XML characters, rich in what must be escaped.
    pub(crate) fn xml_text() -> impl Strategy<Value = String> {
        "[ -~\t\n\r&<>\\]é日😀\u{7f}\u{85}\u{fffd}]{0,24}"
    }

    /// Any value; `deep` levels of arrays and structs at most.
    pub(crate) fn value(deep: u32) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::Int),
            any::<i64>().prop_map(Value::I8),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Double),
            xml_text().prop_map(Value::String),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
            Just(Value::DateTime("20041214T12:00:00".to_owned())),
            Just(Value::Nil),
        ];
        leaf.prop_recursive(deep, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((xml_text(), inner), 0..6).prop_map(Value::Struct),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_string_or_base64_of_utf8() {
        assert_eq!(Value::from("é").as_str(), Some("é"));
        assert_eq!(Value::Bytes("é".into()).as_str(), Some("é"));
        assert_eq!(Value::Bytes(vec![0xff]).as_str(), None);
        assert_eq!(Value::Bytes(vec![0xff]).into_text(), Err(Value::Bytes(vec![0xff])));
        assert_eq!(Value::Nil.into_text(), Err(Value::Nil));
    }

    #[test]
    fn a_member_named_twice_is_the_last_one() {
        let value = Value::Struct(vec![("a".into(), 1.into()), ("a".into(), 2.into())]);
        assert_eq!(value.member("a").and_then(Value::as_int), Some(2));
        assert_eq!(value.member("b"), None);
    }
}
