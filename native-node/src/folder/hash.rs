//! Reads files through, for what proves their pieces.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use shared::transfer::{Outline, Outlining, PIECE_BYTES, pieces_of};

use super::OpenedFile;

/// Pieces that a thread takes at once: near each other, so that a disk reads on, and enough that starting is nothing.
const RUN: u64 = (8 << 20) / PIECE_BYTES as u64;

/// Hashes these pieces. None if the file is shorter meanwhile, or `go_on`, asked before each piece with its length in bytes, says
/// no.
///
/// # Errors
/// What the system says to reading.
pub(super) fn hash_pieces(
    opened: &OpenedFile,
    pieces: Range<u64>,
    mut go_on: impl FnMut(u64) -> bool,
) -> io::Result<Option<Outlining>> {
    let mut outlining = Outlining::from_piece(pieces.start);
    let mut buffer = vec![0; usize::try_from(opened.size).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
    for index in pieces {
        let at = index.saturating_mul(PIECE_BYTES as u64);
        let left = usize::try_from(opened.size.saturating_sub(at)).unwrap_or(PIECE_BYTES);
        buffer.truncate(left);
        if !go_on(buffer.len() as u64) || opened.read_full_at(&mut buffer, at)? < buffer.len() {
            return Ok(None);
        }
        outlining.push(&buffer);
    }
    Ok(Some(outlining))
}

/// The same of a whole file, on so many threads at most. None if it changed meanwhile, too.
///
/// # Errors
/// What the system says to reading.
pub(crate) fn outline(
    opened: &OpenedFile,
    threads: NonZeroUsize,
    go_on: impl Fn(u64) -> bool + Sync,
) -> io::Result<Option<Outline>> {
    let pieces = pieces_of(opened.size);
    let runs = pieces.div_ceil(RUN);
    let next = AtomicU64::new(0);
    let hash_runs = || {
        let mut parts = Vec::new();
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs {
                return Ok(Some(parts));
            }
            match hash_pieces(opened, run * RUN..pieces.min((run + 1) * RUN), &go_on) {
                Ok(Some(part)) => parts.push((run, part)),
                // The others need not go on for nothing.
                other => {
                    next.store(runs, Ordering::Relaxed);
                    return other.map(|_none| None);
                }
            }
        }
    };
    let others = u64::try_from(threads.get() - 1).unwrap_or(0).min(runs - 1);
    let hashed: Vec<io::Result<_>> = thread::scope(|scope| {
        // Where the system gives no thread, fewer do it.
        let others: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, hash_runs).ok()).collect();
        let ours = hash_runs();
        let others =
            others.into_iter().map(|it| it.join().unwrap_or_else(|_| Err(io::Error::other("a thread failed"))));
        std::iter::once(ours).chain(others).collect()
    });
    let mut parts = Vec::new();
    for some in hashed {
        match some? {
            Some(some) => parts.extend(some),
            None => return Ok(None),
        }
    }
    parts.sort_unstable_by_key(|(run, _)| *run);
    let whole = parts.into_iter().map(|(_, part)| part).reduce(|mut all, part| {
        all.append(part);
        all
    });
    Ok(if opened.is_unchanged()? { whole.map(Outlining::finish) } else { None })
}

#[cfg(test)]
mod tests {
    use shared::SharedPath;
    use shared::transfer::Hashing;

    use super::*;
    use crate::folder::{Share, ShareOptions};

    const PIECES_OF_A_RUN: usize = RUN as usize * PIECE_BYTES;

    fn opened(bytes: &[u8]) -> (tempfile::TempDir, OpenedFile) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), bytes).unwrap();
        let share = Share::open(folder.path(), ShareOptions::default()).unwrap();
        let opened = share.open_file(&SharedPath::parse("file").unwrap()).unwrap();
        (folder, opened)
    }

    #[test]
    fn the_id_is_the_same_on_any_number_of_threads() {
        for length in [0, 1, PIECE_BYTES, PIECES_OF_A_RUN, PIECES_OF_A_RUN + 1, 3 * PIECES_OF_A_RUN + PIECE_BYTES + 9] {
            let bytes: Vec<u8> = (0..length).map(|at| (at / 251) as u8).collect();
            let (_folder, opened) = opened(&bytes);
            for threads in [1, 2, 7] {
                let asked = AtomicU64::new(0);
                let count = |bytes| asked.fetch_add(bytes, Ordering::Relaxed) < u64::MAX;
                let outline = outline(&opened, NonZeroUsize::new(threads).unwrap(), count).unwrap().unwrap();
                assert_eq!(outline.id(), Hashing::id_of(&bytes), "{length} bytes, {threads} threads");
                assert_eq!(asked.into_inner(), length as u64);
            }
        }
    }

    #[test]
    fn what_is_to_stop_or_changes_has_no_outline() {
        let (folder, opened) = opened(&vec![7; 3 * PIECES_OF_A_RUN]);
        let threads = NonZeroUsize::new(3).unwrap();
        let asked = AtomicU64::new(0);
        let stop = |_| asked.fetch_add(1, Ordering::Relaxed) < 2;
        assert_eq!(outline(&opened, threads, stop).unwrap(), None);
        assert!(asked.into_inner() <= 5, "each asked once more at most");
        let write = |_| std::fs::write(folder.path().join("file"), "short").is_ok();
        assert_eq!(outline(&opened, threads, write).unwrap(), None);
    }
}
