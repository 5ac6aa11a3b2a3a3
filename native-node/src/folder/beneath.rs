//! The way down: one component at a time, never through a symbolic link.
//!
//! Each step opens a folder relative to the one before, so swapping a folder for a link between two steps cannot lead
//! outside (A5); canonicalising a path and then opening it could. A link *inside* the share is refused as well: it could
//! lead from a listed name to a hidden file.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata};
use shared::{Entry, SharedPath};

/// The folder that holds the last component of `path`.
pub(super) fn parent(root: &Arc<Dir>, path: &SharedPath) -> io::Result<Arc<Dir>> {
    let folders = path.parts().count().saturating_sub(1);
    descend(root, path.parts().take(folders))
}

/// The folder `path`, or `root` itself.
pub(super) fn folder(root: &Arc<Dir>, path: Option<&SharedPath>) -> io::Result<Arc<Dir>> {
    descend(root, path.into_iter().flat_map(SharedPath::parts))
}

fn descend<'a>(root: &Arc<Dir>, parts: impl Iterator<Item = &'a str>) -> io::Result<Arc<Dir>> {
    let mut here = Arc::clone(root);
    for part in parts {
        here = Arc::new(here.open_dir_nofollow(part)?);
    }
    Ok(here)
}

/// The facts of a regular file as a catalog wants them.
pub(super) fn entry(metadata: &Metadata) -> Entry {
    let modified = metadata.modified().map_or(0, |time| nanoseconds(time.into_std()));
    // No catalog says more of permissions: whose programs run as whom is no other system's business.
    #[cfg(unix)]
    let executable = cap_std::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0;
    #[cfg(not(unix))]
    let executable = false;
    Entry { executable, ..Entry::unread(metadata.len(), modified) }
}

/// Nanoseconds since 1970, also for the files that say they are older.
fn nanoseconds(time: SystemTime) -> i64 {
    let whole = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => -whole(before.duration()),
    }
}
