//! What a tab tells its node of the files it shares. Told again under the same path, a file takes the place of what was told.

use minicbor::{Decode, Encode};

/// One file that a tab offers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offered {
    /// Its path, with `/` between folders.
    #[n(0)]
    pub path: String,
    /// Bytes.
    #[n(1)]
    pub size: u64,
    /// Last change, in nanoseconds since 1970-01-01 UTC.
    #[n(2)]
    pub modified: i64,
    /// How its bytes can go through XML-RPC, once the tab has looked.
    #[n(3)]
    pub form: Option<OfferedForm>,
    /// The [`ContentId`](crate::ContentId) of its bytes, once the tab has read them.
    #[cbor(n(4), with = "super::id", has_nil)]
    pub id: Option<[u8; 32]>,
    /// Whether it is a program that its owner may run, where the holder's system knows of such a thing.
    #[cfg(feature = "node")]
    #[n(5)]
    pub executable: Option<bool>,
}

impl Offered {
    /// A file of which no more is known than where it is and which version there is.
    #[must_use]
    pub fn new(path: String, size: u64, modified: i64) -> Self {
        Self {
            path,
            size,
            modified,
            form: None,
            id: None,
            #[cfg(feature = "node")]
            executable: None,
        }
    }
}

/// What a tab found in a file; see [`Form`](crate::Form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum OfferedForm {
    /// Plain ASCII text.
    #[n(0)]
    Plain {
        /// Length in bytes once escaped for XML.
        #[n(0)]
        escaped: u64,
    },
    /// Text of XML's characters.
    #[n(1)]
    Text {
        /// Length in bytes once escaped for XML.
        #[n(0)]
        escaped: u64,
    },
    /// Anything else.
    #[n(2)]
    Binary,
}

/// What a tab shares from now on, as a change to what it shared before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// Whether everything offered before is withdrawn first.
    #[n(0)]
    pub all: bool,
    /// Offered, or offered in a new version.
    #[n(1)]
    pub add: Vec<Offered>,
    /// Paths that are withdrawn.
    #[n(2)]
    pub remove: Vec<String>,
}
