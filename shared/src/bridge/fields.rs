//! Reads messages that are maps of numbered fields, as `minicbor` derives it, in a tenth of the code: what the derived code
//! writes out for each field of each message, twice, is here once. It is the page that must be small.

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

/// Has `field` read each field of a map by its number; one that it does not know is skipped.
#[inline(never)]
pub(super) fn each_field(
    from: &mut Decoder<'_>,
    field: &mut dyn FnMut(u32, &mut Decoder<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut left = from.map()?;
    loop {
        left = match left {
            Some(0) => return Ok(()),
            Some(left) => Some(left - 1),
            None if from.datatype()? == Type::Break => return from.skip(),
            None => None,
        };
        // Numbers are small; others are of no field that we know.
        let number = u32::try_from(from.int()?).unwrap_or(u32::MAX);
        if !field(number, from)? {
            from.skip()?;
        }
    }
}

/// Makes a message readable, by the numbers of all its fields; some are read by a function of their own.
macro_rules! readable {
    ($($message:ident { $($number:literal $field:ident $(by $with:path)?),* })*) => {
        $(
            impl<'b, C> minicbor::Decode<'b, C> for $message {
                fn decode(
                    from: &mut minicbor::Decoder<'b>,
                    context: &mut C,
                ) -> Result<Self, minicbor::decode::Error> {
                    $(let mut $field = None;)*
                    $crate::bridge::fields::each_field(from, &mut |number, from| {
                        match number {
                            $($number => $field = Some($crate::bridge::fields::readable!(@ from context $($with)?)?),)*
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                    Ok(Self {
                        $($field: match $field.or_else(minicbor::Decode::<C>::nil) {
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
