//! How much more a disk holds, for whoever lets others write to it.

use std::path::Path;

/// What is left free on a small disk, as a part of it …
const LEFT_PART: u64 = 20;
/// … and on a large one, in bytes.
const LEFT_BYTES: u64 = 1 << 30;

/// What there is of a disk; unknown where the system does not tell. A full disk will, then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room(Option<Facts>);

#[derive(Debug, Clone, Copy)]
struct Facts {
    /// How large it is, and how much of that is free for us.
    bytes: (u64, u64),
    /// How many files it can hold, and how many more; 0 where there is no such limit (btrfs).
    files: (u64, u64),
}

impl Room {
    /// Of the disk that `folder` is on.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(facts(folder))
    }

    /// Whether so many bytes more leave some of it to its owner, and files, too: empty ones take no bytes.
    pub(crate) fn fits(self, bytes: u64) -> bool {
        let Some(facts) = self.0 else { return true };
        let (all, free) = facts.bytes;
        let (all_files, free_files) = facts.files;
        let fits = free.checked_sub((all / LEFT_PART).min(LEFT_BYTES)).is_some_and(|room| bytes <= room);
        fits && (all_files == 0 || free_files > all_files / LEFT_PART)
    }
}

#[cfg(unix)]
fn facts(folder: &Path) -> Option<Facts> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    Some(Facts { bytes: (bytes(facts.f_blocks), bytes(facts.f_bavail)), files: (facts.f_files, facts.f_favail) })
}

#[cfg(not(unix))]
fn facts(_folder: &Path) -> Option<Facts> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_a_disk_is_left_to_its_owner() {
        // A stick of 64 MiB, and a disk of 4 TiB.
        let (small, large) = (64 << 20, 4 << 40);
        let fits = |all, free, bytes| Room(Some(Facts { bytes: (all, free), files: (0, 0) })).fits(bytes);
        assert!(Room(None).fits(u64::MAX));
        assert!(fits(small, small, small - small / 20) && !fits(small, small, small));
        assert!(fits(large, 150 << 30, 149 << 30) && !fits(large, 150 << 30, 150 << 30));
        assert!(!fits(large, 1 << 20, 0) && !fits(large, 1 << 40, u64::MAX));
    }

    #[test]
    fn some_files_of_a_disk_are_left_to_its_owner() {
        let fits = |files| Room(Some(Facts { bytes: (1 << 40, 1 << 40), files })).fits(0);
        assert!(fits((1_000, 51)) && !fits((1_000, 50)) && !fits((1_000, 0)));
    }

    #[cfg(unix)]
    #[test]
    fn the_system_tells_of_a_folder_that_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let facts = facts(temp.path()).unwrap();
        assert!(facts.bytes.0 > 0 && facts.bytes.1 <= facts.bytes.0 && facts.files.1 <= facts.files.0);
        assert!(!Room::of(temp.path()).fits(u64::MAX));
    }
}
