//! Ids of contents in messages: 32 bytes, or none. Read in one place for all messages, which keeps the page small.

use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder};

type Id = Option<[u8; 32]>;

#[inline(never)]
pub(super) fn encode<C, W: Write>(id: &Id, to: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
    match id {
        Some(id) => to.bytes(id)?.ok(),
        None => to.null()?.ok(),
    }
}

#[inline(never)]
pub(super) fn decode<C>(from: &mut Decoder<'_>, _: &mut C) -> Result<Id, DecodeError> {
    if from.datatype()? == Type::Null {
        return from.null().map(|()| None);
    }
    let bytes = from.bytes()?.try_into().map_err(|_| DecodeError::message("an id has 32 bytes"))?;
    Ok(Some(bytes))
}

/// What is held where the field is missing.
#[expect(clippy::unnecessary_wraps, reason = "minicbor's shape: whether there is a value at all")]
pub(super) fn nil() -> Option<Id> {
    Some(None)
}

/// Whether the field may be left out.
pub(super) fn is_nil(id: &Id) -> bool {
    id.is_none()
}
