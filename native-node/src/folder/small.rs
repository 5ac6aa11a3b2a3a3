//! Small files, several of which are read in one go.

use std::io::Read;

use shared::limits::{BATCH_BYTES, BATCH_FILE_BYTES};

use super::OpenedFile;

/// The lengths of those that are there, small and at rest, in their order, and the bytes of all of them, one after the other; no
/// more than [`BATCH_BYTES`].
pub(crate) fn read_small(files: impl Iterator<Item = Option<OpenedFile>>) -> (Vec<Option<u32>>, Vec<u8>) {
    let mut all = Vec::new();
    let read = |file: Option<OpenedFile>| {
        let start = all.len();
        let size = append(&file?, &mut all, BATCH_BYTES.saturating_sub(start as u64));
        if size.is_none() {
            all.truncate(start);
        }
        size
    };
    let sizes = files.map(read).collect();
    (sizes, all)
}

/// Puts a whole file at the end of `all`, if it is small, fits into so much room and does not change meanwhile; its length in
/// bytes.
fn append(opened: &OpenedFile, all: &mut Vec<u8>, room: u64) -> Option<u32> {
    let most = room.min(BATCH_FILE_BYTES);
    if opened.size > most {
        return None;
    }
    let count = (&opened.file).take(most + 1).read_to_end(all).ok()?;
    (count as u64 == opened.size && opened.is_unchanged().ok()?).then_some(u32::try_from(count).ok()?)
}
