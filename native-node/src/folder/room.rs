//! How much more a disk holds, for whoever lets others write to it.

use std::path::Path;

/// What is left free on a small disk, as a part of it …
const LEFT_PART: u64 = 20;
/// … and on a large one, in bytes.
const LEFT_BYTES: u64 = 1 << 30;

/// What there is of a disk, in bytes; unknown where the system does not tell. A full disk will, then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room(Option<(u64, u64)>);

impl Room {
    /// Of the disk that `folder` is on.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(facts(folder))
    }

    /// Whether so many bytes more leave some of it to its owner.
    pub(crate) fn fits(self, bytes: u64) -> bool {
        let Some((all, free)) = self.0 else { return true };
        free.checked_sub((all / LEFT_PART).min(LEFT_BYTES)).is_some_and(|room| bytes <= room)
    }
}

/// Bytes of the disk, and how many of those are free for us.
#[cfg(unix)]
fn facts(folder: &Path) -> Option<(u64, u64)> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    Some((facts.f_blocks.saturating_mul(facts.f_frsize), facts.f_bavail.saturating_mul(facts.f_frsize)))
}

#[cfg(not(unix))]
fn facts(_folder: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_a_disk_is_left_to_its_owner() {
        // A stick of 64 MiB, and a disk of 4 TiB.
        let (small, large) = (64 << 20, 4 << 40);
        let fits = |all, free, bytes| Room(Some((all, free))).fits(bytes);
        assert!(Room(None).fits(u64::MAX));
        assert!(fits(small, small, small - small / 20) && !fits(small, small, small));
        assert!(fits(large, 150 << 30, 149 << 30) && !fits(large, 150 << 30, 150 << 30));
        assert!(!fits(large, 1 << 20, 0) && !fits(large, 1 << 40, u64::MAX));
    }

    #[cfg(unix)]
    #[test]
    fn the_system_tells_of_a_folder_that_is_there() {
        let temp = tempfile::tempdir().unwrap();
        assert!(facts(temp.path()).is_some_and(|(all, free)| all > 0 && free <= all));
        assert!(!Room::of(temp.path()).fits(u64::MAX));
    }
}
