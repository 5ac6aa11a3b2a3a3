//! What stands around the bytes of a file in a response, and how long the whole of it will be.
//!
//! Whether those bytes go as `<string>` or as `<base64>` is [`Form`]'s, found by [`Inspector`](crate::Inspector).

use crate::Form;

/// What stands before content in a response.
pub(super) const STRING_HEAD: &[u8] = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><string>";
/// What stands after content in a response.
pub(super) const STRING_TAIL: &[u8] = b"</string></value>\n</param>\n</params>\n</methodResponse>\n";
/// As [`STRING_HEAD`], for base64.
pub(super) const BASE64_HEAD: &[u8] = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><base64>";
/// As [`STRING_TAIL`], for base64.
pub(super) const BASE64_TAIL: &[u8] = b"</base64></value>\n</param>\n</params>\n</methodResponse>\n";

/// Length in bytes of the whole response with content of this form and `size` bytes.
///
/// [`Form::Unknown`] is sent as base64, which is right for any content.
#[must_use]
pub fn reply_length(form: Form, size: u64) -> u64 {
    let (frame, body) = match form {
        Form::Plain { escaped } | Form::Text { escaped } => (STRING_HEAD.len() + STRING_TAIL.len(), escaped),
        Form::Binary | Form::Unknown => (BASE64_HEAD.len() + BASE64_TAIL.len(), size.div_ceil(3).saturating_mul(4)),
    };
    (frame as u64).saturating_add(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_do_not_overflow() {
        assert_eq!(reply_length(Form::Binary, u64::MAX), u64::MAX);
        assert_eq!(reply_length(Form::Unknown, 4), reply_length(Form::Binary, 6));
        assert_eq!(reply_length(Form::Plain { escaped: 5 }, 1) - reply_length(Form::Plain { escaped: 0 }, 0), 5);
    }
}
