//! Reads files through before they are put, on several cores: the node can prove what it gets, and knows what it has already.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use shared::SharedPath;
use shared::transfer::{MOST_PIECES, pieces_of};
use tokio_util::sync::CancellationToken;

use super::lender::Lent;
use super::named::Named;
use crate::download::Observer;
use crate::folder;

/// Most threads that read at once: beyond that it is the disk that takes its time.
const MOST_THREADS: usize = 4;

/// What came of each, or why it cannot be put.
pub(super) async fn hashed(
    list: Vec<Named>,
    observer: &Arc<dyn Observer>,
    stop: &CancellationToken,
) -> Vec<(SharedPath, Result<Lent, String>)> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS);
    // Either one file is read by all of them, or each reads files of its own.
    let of_each = if list.len() == 1 { NonZeroUsize::new(threads) } else { None }.unwrap_or(NonZeroUsize::MIN);
    let some = list.chunks(list.len().div_ceil(threads).max(1)).map(|some| async {
        let (mine, observer, stop) = (some.to_vec(), Arc::clone(observer), stop.clone());
        let hash = move || {
            let hashed = |file: Named| (file.path.clone(), lent(file, of_each, observer.as_ref(), &stop));
            mine.into_iter().map(hashed).collect::<Vec<_>>()
        };
        tokio::task::spawn_blocking(hash).await.unwrap_or_else(|error| {
            some.iter().map(|file| (file.path.clone(), Err(format!("it cannot be read: {error}")))).collect()
        })
    });
    let outcomes: Vec<Vec<_>> = futures_util::stream::iter(some).buffered(threads).collect().await;
    outcomes.into_iter().flatten().collect()
}

fn lent(file: Named, threads: NonZeroUsize, observer: &dyn Observer, stop: &CancellationToken) -> Result<Lent, String> {
    let read = AtomicU64::new(0);
    let go_on = |bytes| {
        observer.read(bytes);
        read.fetch_add(bytes, Ordering::Relaxed);
        !stop.is_cancelled()
    };
    let hashed = || {
        let opened = file.open().map_err(|error| error.to_string())?;
        let version = opened.version();
        if pieces_of(version.size) > MOST_PIECES as u64 {
            return Ok((version, None));
        }
        let outline =
            folder::outline(&opened, threads, go_on).map_err(|error| format!("it cannot be read: {error}"))?;
        match outline {
            Some(outline) => Ok((version, Some(outline))),
            None if stop.is_cancelled() => Err("interrupted".into()),
            None => Err("it changes while it is read; put it again once it is at rest".into()),
        }
    };
    let hashed: Result<_, String> = hashed();
    // What is not read any more is done with as well.
    observer.read(file.entry.size.saturating_sub(read.into_inner()));
    let (version, outline) = hashed?;
    Ok(Lent::new(file, version, outline))
}
