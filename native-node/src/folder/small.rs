//! Small files, several of which are read in one go.

use std::io::Read;

use shared::limits::BATCH_FILE_BYTES;

use super::OpenedFile;

/// Puts a whole file at the end of `all`, if it is small, fits into so much room and does not change meanwhile; its length in
/// bytes.
pub(crate) fn append_small(opened: &OpenedFile, all: &mut Vec<u8>, room: u64) -> Option<u32> {
    let most = room.min(BATCH_FILE_BYTES);
    if opened.size > most {
        return None;
    }
    let count = (&opened.file).take(most + 1).read_to_end(all).ok()?;
    (count as u64 == opened.size && opened.is_unchanged().ok()?).then_some(u32::try_from(count).ok()?)
}
