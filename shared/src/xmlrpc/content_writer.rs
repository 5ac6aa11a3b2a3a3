//! A file's bytes into the response to a content call, as they are read.
//!
//! The length of the response was announced before the first byte, so a file that changes meanwhile must end the
//! transfer with an error: never a response that is short, padded, or other than XML. Reading the file is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chars::escape;
use super::content::{BASE64_HEAD, BASE64_TAIL, STRING_HEAD, STRING_TAIL};
use crate::{Form, Inspector};

/// The file is no longer the one that was inspected. The connection must be closed without completing the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file changed while it was being sent")]
pub struct ContentChanged;

/// Writes one content response: [`prefix`](Self::prefix), every piece in order, [`finish`](Self::finish).
///
/// Together that is exactly [`reply_length`](super::reply_length) bytes, or an error.
#[derive(Debug)]
pub struct ContentWriter {
    form: Form,
    size: u64,
    /// Looks at what is written, as the first inspection did. For base64 it only counts.
    seen: Inspector,
    written: u64,
    /// What is too short to be a group of base64 yet.
    carried: Vec<u8>,
}

impl ContentWriter {
    /// For content of this form and size, as found by an [`Inspector`].
    #[must_use]
    pub fn new(form: Form, size: u64) -> Self {
        Self { form, size, seen: Inspector::new(), written: 0, carried: Vec::with_capacity(3) }
    }

    /// What stands before the content.
    #[must_use]
    pub fn prefix(&self) -> &'static [u8] {
        match self.form {
            Form::Plain { .. } | Form::Text { .. } => STRING_HEAD,
            Form::Binary | Form::Unknown => BASE64_HEAD,
        }
    }

    /// Appends the next piece, of any size, to `out`.
    ///
    /// # Errors
    /// [`ContentChanged`] if these bytes do not fit what was announced; nothing is appended then.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ContentChanged> {
        self.written = self.written.saturating_add(chunk.len() as u64);
        if self.written > self.size {
            return Err(ContentChanged);
        }
        let (Form::Plain { escaped } | Form::Text { escaped }) = self.form else {
            self.encode(chunk, out);
            return Ok(());
        };
        let before = self.seen.escaped();
        self.seen.push(chunk);
        let no_text = self.seen.is_binary_already() || self.seen.escaped() > escaped;
        if no_text || (self.seen.is_beyond_ascii() && matches!(self.form, Form::Plain { .. })) {
            return Err(ContentChanged);
        }
        if self.seen.escaped() - before == chunk.len() as u64 {
            out.extend_from_slice(chunk);
        } else {
            escape(chunk, out);
        }
        Ok(())
    }

    /// Appends what stands after the content.
    ///
    /// # Errors
    /// [`ContentChanged`] if less was written than was announced.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), ContentChanged> {
        if self.written != self.size {
            return Err(ContentChanged);
        }
        match self.form {
            Form::Plain { .. } | Form::Text { .. } => {
                let is_same = match (self.form, self.seen.finish()) {
                    // A text that lost its only character beyond ASCII and kept its length is still well-formed.
                    (Form::Text { escaped }, Form::Plain { escaped: now } | Form::Text { escaped: now })
                    | (Form::Plain { escaped }, Form::Plain { escaped: now }) => escaped == now,
                    _ => false,
                };
                if !is_same {
                    return Err(ContentChanged);
                }
                out.extend_from_slice(STRING_TAIL);
            }
            Form::Binary | Form::Unknown => {
                append_base64(&self.carried, out);
                out.extend_from_slice(BASE64_TAIL);
            }
        }
        Ok(())
    }

    fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let missing = if self.carried.is_empty() { 0 } else { 3 - self.carried.len() };
        let (head, rest) = chunk.split_at(missing.min(chunk.len()));
        self.carried.extend_from_slice(head);
        if self.carried.len() == 3 {
            append_base64(&self.carried, out);
            self.carried.clear();
        }
        if self.carried.is_empty() {
            let (groups, rest) = rest.split_at(rest.len() - rest.len() % 3);
            append_base64(groups, out);
            self.carried.extend_from_slice(rest);
        }
    }
}

fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    if let Some(room) = out.get_mut(start..) {
        // There is room for all of it, so the error cannot happen.
        let _ = STANDARD.encode_slice(bytes, room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::{ContentOutcome, ContentReader, read_reply, reply_length};
    use proptest::prelude::*;

    fn inspect(content: &[u8]) -> Form {
        let mut inspector = Inspector::new();
        inspector.push(content);
        inspector.finish()
    }

    fn write(form: Form, size: usize, content: &[u8], piece: usize) -> Result<Vec<u8>, ContentChanged> {
        let mut writer = ContentWriter::new(form, size as u64);
        let mut out = writer.prefix().to_vec();
        for chunk in content.chunks(piece) {
            writer.push(chunk, &mut out)?;
        }
        writer.finish(&mut out)?;
        assert_eq!(out.len() as u64, reply_length(form, size as u64));
        Ok(out)
    }

    #[test]
    fn the_bytes_are_pinned() {
        let write = |content: &[u8]| {
            let reply = write(inspect(content), content.len(), content, 1).unwrap();
            String::from_utf8(reply).unwrap()
        };
        let around = |value: &str| {
            format!(
                "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n</params>\n</methodResponse>\n"
            )
        };
        assert_eq!(write(b""), around("<string></string>"));
        assert_eq!(write(b"a\r\n<&>"), around("<string>a&#13;\n&lt;&amp;&gt;</string>"));
        assert_eq!(write("é".as_bytes()), around("<string>é</string>"));
        assert_eq!(write(b"\0\xff"), around("<base64>AP8=</base64>"));
    }

    #[test]
    fn a_file_that_changed_is_an_error_and_never_a_response() {
        let plain = inspect(b"four");
        for (form, size, content) in [
            (plain, 4, b"fou".as_slice()),
            (plain, 4, b"fourt"),
            (plain, 4, b"fo\0r"),
            (plain, 4, b"f<ur"),
            (plain, 4, "fé!".as_bytes()),
            (inspect(b"f<ur"), 4, b"four"),
            (inspect("fé!".as_bytes()), 4, b"f\xc3\xc3!"),
            (inspect("fé!".as_bytes()), 4, b"foo\xc3"),
            (Form::Binary, 4, b"fou"),
            (Form::Binary, 4, b"fourt"),
            (Form::Binary, 0, b"f"),
        ] {
            for piece in 1..=content.len() {
                assert_eq!(write(form, size, content, piece), Err(ContentChanged), "{content:?} as {form:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_content_arrives_byte_for_byte(
            content in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..600),
                "[ -~\r\n<>&]{0,600}".prop_map(String::into_bytes),
                "[ -~\r\n<>&é日😀\u{fffe}]{0,200}".prop_map(String::into_bytes),
            ],
            as_base64: bool,
            write_piece in 1..80_usize,
            read_pieces in proptest::collection::vec(1..40_usize, 1..8),
        ) {
            let form = if as_base64 { Form::Unknown } else { inspect(&content) };
            let reply = write(form, content.len(), &content, write_piece).unwrap();
            let small = read_reply(&reply).unwrap().unwrap();
            prop_assert_eq!(small.as_bytes(), Some(content.as_slice()));
            let (mut reader, mut out, mut rest) = (ContentReader::new(), Vec::new(), reply.as_slice());
            for piece in read_pieces.iter().cycle() {
                let (chunk, after) = rest.split_at((*piece).min(rest.len()));
                reader.push(chunk, &mut out).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(reader.finish(), Ok(ContentOutcome::Content));
            prop_assert_eq!(out, content);
        }
    }
}
