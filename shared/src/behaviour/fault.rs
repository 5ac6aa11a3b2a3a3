//! What went wrong with a call, as XML-RPC says it.

use std::fmt;

/// An XML-RPC fault: a code and a text for the person at the other end.
///
/// The codes are those of "Specification for Fault Code Interoperability, version 20010516".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One of this type's constants in what we send; anything in what others send.
    pub code: i32,
    /// What is wrong and, where it can be said, what to do. What others send is hostile: show it escaped.
    pub message: String,
}

impl Fault {
    /// The request is no well-formed XML.
    pub const NOT_WELL_FORMED: i32 = -32700;
    /// The request's encoding is not one we read.
    pub const UNSUPPORTED_ENCODING: i32 = -32701;
    /// The bytes are no text of the encoding they are said to be in.
    pub const BAD_CHARACTER: i32 = -32702;
    /// Well-formed XML, but no XML-RPC call, or one beyond our limits.
    pub const NOT_CONFORMING: i32 = -32600;
    /// There is no such method.
    pub const NO_SUCH_METHOD: i32 = -32601;
    /// The method does not take these parameters.
    pub const BAD_PARAMETERS: i32 = -32602;
    /// Something failed on our side.
    pub const INTERNAL: i32 = -32603;
    /// The method was called rightly and cannot do it: no such file, say.
    pub const APPLICATION: i32 = -32500;

    /// A fault with this code and text.
    #[must_use]
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (fault {})", self.message, self.code)
    }
}

impl std::error::Error for Fault {}
