//! Looks into a file this tab offers, for whether a client of 2004 can take it: quietly, and only as far as needed.

use std::time::Duration;

use js_sys::Uint8Array;
use shared::bridge::OfferedForm;
use shared::{Form, Inspector};
use wasm_bindgen_futures::JsFuture;

use super::clock::{in_time, sleep};

/// What is no text shows that in its first bytes, nearly always.
const FIRST_SLICE: u64 = 16 << 10;
/// Later slices: a millisecond or so of the page's time each.
const SLICE: u64 = 256 << 10;
/// A text longer than this stays one that nobody has looked through: the client of 2004 holds thirteen times a file's size
/// in memory, and looking costs the person's disk.
const LONGEST: u64 = 256 << 20;
/// How long the browser may take for a slice.
const SLICE_TIME: Duration = Duration::from_secs(30);
/// While somebody reads, looking waits so long between two slices.
const GIVE_WAY: Duration = Duration::from_millis(500);

/// The form of a file; [`None`] where it cannot be read, is not wanted any more, or is too long a text to be looked through.
pub(crate) async fn look(
    file: &web_sys::File,
    is_wanted: impl Fn() -> bool,
    is_busy: impl Fn() -> bool,
) -> Option<OfferedForm> {
    let size = file.size() as u64;
    let mut inspector = Inspector::new();
    while inspector.size() < size && !inspector.is_binary_already() {
        if !is_wanted() || inspector.size() >= LONGEST {
            return None;
        }
        if is_busy() {
            sleep(GIVE_WAY).await;
        }
        let from = inspector.size();
        let length = if from == 0 { FIRST_SLICE } else { SLICE }.min(size - from);
        let slice = file.slice_with_f64_and_f64(from as f64, (from + length) as f64).ok()?;
        let bytes = in_time(SLICE_TIME, JsFuture::from(slice.array_buffer())).await?.ok()?;
        let bytes = Uint8Array::new(&bytes);
        if u64::from(bytes.length()) != length {
            return None;
        }
        inspector.push(&bytes.to_vec());
    }
    offered(inspector.finish())
}

fn offered(form: Form) -> Option<OfferedForm> {
    match form {
        Form::Unknown => None,
        Form::Plain { escaped } => Some(OfferedForm::Plain { escaped }),
        Form::Text { escaped } => Some(OfferedForm::Text { escaped }),
        Form::Binary => Some(OfferedForm::Binary),
    }
}
