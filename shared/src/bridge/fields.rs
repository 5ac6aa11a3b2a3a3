//! Reads messages that are maps, or arrays, of numbered fields, as `minicbor` derives it, in a tenth of the code: what the derived code
//! writes out for each field of each message, twice, is here once. It is the page that must be small.

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

/// Reads the field of this number, if there is one.
type Field<'a> = dyn FnMut(u32, &mut Decoder<'_>) -> Result<bool, Error> + 'a;

/// Has `field` read each field of a map by its number; one that it does not know is skipped.
pub(super) fn map(from: &mut Decoder<'_>, field: &mut Field<'_>) -> Result<(), Error> {
    let count = from.map()?;
    each(from, count, false, field)
}

/// The same for an array, whose places are the numbers.
pub(super) fn array(from: &mut Decoder<'_>, field: &mut Field<'_>) -> Result<(), Error> {
    let count = from.array()?;
    each(from, count, true, field)
}

#[inline(never)]
fn each(from: &mut Decoder<'_>, count: Option<u64>, is_array: bool, field: &mut Field<'_>) -> Result<(), Error> {
    let mut place = 0;
    while count != Some(u64::from(place)) {
        if count.is_none() && from.datatype()? == Type::Break {
            return from.skip();
        }
        // Numbers are small; others are of no field that we know.
        let number = if is_array { place } else { u32::try_from(from.int()?).unwrap_or(u32::MAX) };
        if !field(number, from)? {
            from.skip()?;
        }
        // No record is long enough to hold more.
        place = place.saturating_add(1);
    }
    Ok(())
}

/// Makes a message readable, by the numbers of all its fields; some are read by a function of their own.
macro_rules! readable {
    ($($message:ident $shape:ident { $($(#[$gate:meta])? $number:literal $field:ident $(by $with:path)?),* })*) => {
        $(
            impl<'b, C> minicbor::Decode<'b, C> for $message {
                fn decode(
                    from: &mut minicbor::Decoder<'b>,
                    context: &mut C,
                ) -> Result<Self, minicbor::decode::Error> {
                    $($(#[$gate])? let mut $field = None;)*
                    $crate::bridge::fields::$shape(from, &mut |number, from| {
                        match number {
                            $($(#[$gate])? $number => $field = Some($crate::bridge::fields::readable!(@ from context $($with)?)?),)*
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                    Ok(Self {
                        $($(#[$gate])? $field: match $field.or_else(minicbor::Decode::<C>::nil) {
                            Some(field) => field,
                            None => return Err(minicbor::decode::Error::missing_value($number)),
                        },)*
                    })
                }
            }
        )*
    };
    (@ $from:ident $context:ident) => { minicbor::Decode::decode($from, $context) };
    (@ $from:ident $context:ident $with:path) => { $with($from, $context) };
}

pub(super) use readable;
