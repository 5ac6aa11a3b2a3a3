//! The types of XML-RPC that hold text only: from the text between the tags to the value.
//!
//! Numbers may have white space around them, a plus sign and leading zeros, as the 1999 text says; strings are never
//! touched. Infinity and NaN are no doubles of XML-RPC.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};

use super::Value;
use super::chars::{is_space, shown};

/// An element that holds text only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// `i1`, `i2`, `i4`, `int`, `i8`, by their bits.
    Int(u32),
    Bool,
    Double,
    String,
    DateTime,
    Base64,
    Nil,
}

/// For replies: any padding or none, and whatever the last symbol's spare bits say.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Scalar {
    /// The type that an element's name stands for, Apache's `ex:` extensions included.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "int" | "i4" => Self::Int(32),
            "i8" | "ex:i8" => Self::Int(64),
            "i1" | "ex:i1" => Self::Int(8),
            "i2" | "ex:i2" => Self::Int(16),
            "boolean" => Self::Bool,
            "double" => Self::Double,
            "dateTime.iso8601" => Self::DateTime,
            "base64" => Self::Base64,
            "nil" | "ex:nil" => Self::Nil,
            _ => return None,
        })
    }

    /// The value of the text. The error is for the person at the other end.
    ///
    /// `strict`: for calls to us. Otherwise what servers are known to send is forgiven where it has one meaning.
    pub(super) fn read(self, text: Vec<u8>, strict: bool) -> Result<Value, String> {
        let text = match self {
            Self::String => return Ok(string(text)),
            Self::Base64 => return base64(text, strict),
            _ => String::from_utf8(text).map_err(|_| "a number or date is no text".to_owned())?,
        };
        let trimmed = text.trim_matches(|character: char| character.is_ascii() && is_space(character as u8));
        let wrong = |what: &str| Err(format!("\"{}\" is no {what}", shown(&text)));
        match self {
            Self::Int(bits) => match trimmed.parse::<i64>() {
                Ok(number) if bits == 64 => Ok(Value::I8(number)),
                Ok(number) => match i32::try_from(number) {
                    Ok(small) if i64::from(small) >> (bits - 1) == i64::from(small) >> 63 => Ok(Value::Int(small)),
                    // Python 3 and Perl put longer numbers into <int>.
                    _ if !strict => Ok(Value::I8(number)),
                    _ => wrong("integer of its type: it is too large"),
                },
                Err(_) => wrong("integer"),
            },
            Self::Bool => match trimmed {
                "0" => Ok(Value::Bool(false)),
                "1" => Ok(Value::Bool(true)),
                _ => wrong("boolean: that is 0 or 1"),
            },
            Self::Double => match trimmed.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Double(number)),
                _ => wrong("double"),
            },
            Self::DateTime if strict && !is_date(trimmed) => wrong("date like 20041214T12:00:00"),
            Self::DateTime => Ok(Value::DateTime(trimmed.to_owned())),
            _ if trimmed.is_empty() => Ok(Value::Nil),
            _ => wrong("nil: that is empty"),
        }
    }
}

/// A string, or what a server of 2004 sent as one.
pub(super) fn string(text: Vec<u8>) -> Value {
    match String::from_utf8(text) {
        Ok(text) => Value::String(text),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
}

fn base64(mut text: Vec<u8>, strict: bool) -> Result<Value, String> {
    let decoded = if strict {
        text.retain(|&byte| !is_space(byte));
        STANDARD.decode(&text)
    } else {
        // All seven decoders of the golden vectors skip what is not of the alphabet, as MIME says.
        text.retain(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        LENIENT.decode(&text)
    };
    decoded.map(Value::Bytes).map_err(|_| "a base64 value is damaged".to_owned())
}

/// Digits and the marks of ISO 8601, beginning with a year: the calendar is the business of who reads it.
fn is_date(text: &str) -> bool {
    text.len() <= 40
        && text.bytes().take(4).filter(u8::is_ascii_digit).count() == 4
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"TZ:-+.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(name: &str, text: &str) -> Result<Value, String> {
        Scalar::named(name).unwrap().read(text.into(), true)
    }

    #[test]
    fn reads_what_the_text_of_1999_allows() {
        for (name, text, value) in [
            ("int", "-12", Value::Int(-12)),
            ("i4", "+5", Value::Int(5)),
            ("int", " 007\n", Value::Int(7)),
            ("i1", "-128", Value::Int(-128)),
            ("i2", "32767", Value::Int(32767)),
            ("i4", "-2147483648", Value::Int(i32::MIN)),
            ("ex:i8", "9007199254740993", Value::I8(9_007_199_254_740_993)),
            ("boolean", "1", Value::Bool(true)),
            ("double", "-12.214", Value::Double(-12.214)),
            ("double", ".5", Value::Double(0.5)),
            ("double", "5.3E6", Value::Double(5.3e6)),
            ("string", " a ", Value::from(" a ")),
            ("base64", " Y\r\nWI=\t", Value::Bytes(b"ab".to_vec())),
            ("base64", "", Value::Bytes(vec![])),
            ("nil", "", Value::Nil),
            ("dateTime.iso8601", "19980717T14:08:55", Value::DateTime("19980717T14:08:55".into())),
        ] {
            assert_eq!(strict(name, text), Ok(value), "<{name}>{text}");
        }
    }

    #[test]
    fn c9_odd_numbers_are_errors() {
        for (name, text) in [
            ("int", ""),
            ("int", "9e9"),
            ("int", "2.5"),
            ("int", "2147483648"),
            ("i1", "128"),
            ("i1", "-129"),
            ("i2", "32768"),
            ("i8", "9223372036854775808"),
            ("int", "٣"),
            ("boolean", "2"),
            ("boolean", "true"),
            ("boolean", ""),
            ("double", "nan"),
            ("double", "inf"),
            ("double", "1e999"),
            ("double", ""),
            ("base64", "YWI"),
            ("base64", "@@@@"),
            ("base64", "YW=I"),
            ("nil", "x"),
            ("dateTime.iso8601", ""),
            ("dateTime.iso8601", "yesterday"),
        ] {
            assert!(strict(name, text).is_err(), "<{name}>{text}");
        }
    }
}
