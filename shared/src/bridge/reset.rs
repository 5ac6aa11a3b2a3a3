//! Why a stream ends without its END: the one control message that comes in the place of any other.

use minicbor::{Decode, Encode};

/// Why a stream is over before its END.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reset {
    /// For programs.
    #[n(0)]
    pub code: ResetCode,
    /// For people; hostile as every text.
    #[n(1)]
    pub text: String,
}

/// Why a stream is over, for programs. Numbers of later versions read as [`ResetCode::OTHER`]'s kin: not retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct ResetCode(#[n(0)] pub u8);

impl ResetCode {
    /// Something failed; the text says what.
    pub const OTHER: Self = Self(0);
    /// Who asked wants no more.
    pub const CANCELLED: Self = Self(1);
    /// There is no such file or peer here.
    pub const NOT_FOUND: Self = Self(2);
    /// The request makes no sense: a bad pattern, say.
    pub const BAD_REQUEST: Self = Self(3);
    /// Too much at once; try again in a while.
    pub const BUSY: Self = Self(4);
    /// The peer that holds it has left.
    pub const GONE: Self = Self(5);
    /// The file is not the version any more that was asked for or begun.
    pub const CHANGED: Self = Self(6);
    /// The request is of a kind that this program does not know.
    pub const UNKNOWN: Self = Self(7);
    /// It took too long.
    pub const LATE: Self = Self(8);
}

impl Reset {
    /// A reset with this code and text.
    #[must_use]
    pub fn new(code: ResetCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}
