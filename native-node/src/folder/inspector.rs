//! A stand-in for `shared::xmlrpc::Inspector`, with its interface, until that is here.
//!
//! It knows only ASCII: text that is UTF-8 counts as binary, which is right on the wire and merely larger.

use shared::Form;

/// Looks at bytes as they pass and says at the end what form they can have on the wire.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    binary: bool,
    escaped: u64,
}

impl Inspector {
    /// Has seen nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\t' | b'\n' | b' '..=0x7F | b'\r' => {
                    self.escaped += match byte {
                        b'&' | b'\r' => 5,
                        b'<' | b'>' => 4,
                        _ => 1,
                    }
                }
                _ => self.binary = true,
            }
        }
    }

    /// Whether nothing that follows can change the answer.
    pub(super) fn is_binary_already(&self) -> bool {
        self.binary
    }

    /// The form of everything pushed.
    pub(super) fn finish(self) -> Form {
        if self.binary { Form::Binary } else { Form::Plain { escaped: self.escaped } }
    }
}
