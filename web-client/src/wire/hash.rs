//! What a file that this tab offers holds: the worker reads it through, quietly, one slice after the other.

use std::time::Duration;

use js_sys::{Array, Uint8Array};
use shared::ContentId;
use shared::limits::PIECE_BYTES;
use wasm_bindgen::JsCast;

use super::clock::{in_time, sleep};
use super::hired::WorkerHandle;
use super::offers::Content;

/// A whole number of pieces: what the worker holds of a file.
const SLICE: u64 = 4 * PIECE_BYTES as u64;
/// A file longer than this, 1 TiB, gets no id: see `transfer::MOST_PIECES`.
const LONGEST: u64 = 1 << 40;
/// How long the worker may take for a slice: a disk that sleeps wakes up in that time.
const SLICE_TIME: Duration = Duration::from_secs(30);
/// While something goes over the session, hashing waits so long between two slices.
const GIVE_WAY: Duration = Duration::from_millis(500);

/// What a file holds; [`None`] where it cannot be read, is not wanted any more, or is too long.
pub(crate) async fn hash(
    worker: &WorkerHandle,
    file: &web_sys::File,
    is_wanted: impl Fn() -> bool,
    is_busy: impl Fn() -> bool,
) -> Option<Content> {
    let (size, key, mut at) = (file.size() as u64, worker.number(), 0);
    while size <= LONGEST && is_wanted() {
        if is_busy() {
            sleep(GIVE_WAY).await;
        }
        let to = (at + SLICE).min(size);
        let needs = Array::of4(&key.into(), file, &(at as f64).into(), &(to as f64).into());
        let answer = in_time(SLICE_TIME, worker.job("hash", &needs, &Array::new())).await.flatten()?;
        if to == size {
            return content(&answer.dyn_into::<Uint8Array>().ok()?.to_vec());
        }
        at = to;
    }
    None
}

/// Its id, and behind it what proves its pieces.
fn content(bytes: &[u8]) -> Option<Content> {
    let (id, values) = bytes.split_at_checked(32)?;
    Some(Content { id: ContentId::from_slice(id)?, values: Some(values.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_short_for_an_id_is_none() {
        assert_eq!(content(&[7; 31]), None);
        let held = content(&[7; 96]).unwrap();
        assert_eq!((held.id, held.values.unwrap().len()), (ContentId([7; 32]), 64));
    }
}
