//! What a saved file keeps of its original besides its bytes: its time, and whether it may be run.
//!
//! Never more of its permissions: a program that ran with the rights of its owner elsewhere is an ordinary one here.

use std::fs::File;
use std::time::{Duration, SystemTime};

use super::lasting::lock;

/// What was told of a file besides its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Last change, in nanoseconds since 1970-01-01 UTC, where it is known.
    pub modified: Option<i64>,
    /// Whether its owner may run it.
    pub executable: bool,
}

impl Stamp {
    /// Marks a file that is whole and has not got its name yet. What the disk cannot keep is no reason to have no file.
    pub(super) fn put_on(self, file: &File) {
        if self.executable {
            allow_to_run(file);
        }
        let Some(modified) = self.modified else { return };
        let distance = Duration::from_nanos(modified.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if modified < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
        if let Some(time) = time {
            // From now on it looks as if nobody had touched it for long; in use, it is not swept away.
            let _ = lock(file);
            let _ = file.set_modified(time);
        }
    }
}

/// Whoever may read it by this system's umask may run it.
#[cfg(unix)]
fn allow_to_run(file: &File) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(facts) = file.metadata() else { return };
    let mut permissions = facts.permissions();
    let mode = permissions.mode() & 0o777;
    permissions.set_mode(mode | (mode & 0o444) >> 2);
    let _ = file.set_permissions(permissions);
}

#[cfg(not(unix))]
fn allow_to_run(_file: &File) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn times_before_and_after_1970_and_the_right_to_run_are_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (modified, mode, expected) in
            [(1_104_537_598_500_000_000, 0o644, 0o755), (-1_000_000_001, 0o600, 0o700), (0, 0o4640, 0o750)]
        {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            Stamp { modified: Some(modified), executable: false }.put_on(file.as_file());
            assert_eq!(file.as_file().metadata().unwrap().permissions().mode() & 0o7777, mode);
            Stamp { modified: Some(modified), executable: true }.put_on(file.as_file());
            let facts = file.as_file().metadata().unwrap();
            assert_eq!(facts.permissions().mode() & 0o7777, expected);
            let time = facts.modified().unwrap();
            let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(|before| before.duration());
            let distance = Duration::from_nanos(modified.unsigned_abs());
            assert_eq!(since, if modified < 0 { Err(distance) } else { Ok(distance) });
        }
        // Beyond what a disk can say: no reason to fail.
        Stamp { modified: Some(i64::MAX), executable: false }.put_on(file.as_file());
        Stamp { modified: Some(i64::MIN), executable: false }.put_on(file.as_file());
    }
}
