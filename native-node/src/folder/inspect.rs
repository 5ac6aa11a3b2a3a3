//! Looks through one file to learn in what form XML-RPC can carry it.
//!
//! It reads at most what the file held when it was opened, so a file that grows for ever is no work for ever.

use std::io;
use std::time::{Duration, SystemTime};

use shared::Form;
use shared::xmlrpc::Inspector;

use super::OpenedFile;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// How long a file must have been left alone before what was found is remembered for its size and time: the system's clock
/// for files ticks every few milliseconds, and a change within the same tick would go unnoticed.
const REST: Duration = Duration::from_millis(100);

/// The form of an open file. It reads to the first byte that decides, for text to the end; given up between two reads, with
/// none, when `stopped` says so.
///
/// # Errors
/// What the system says; `UnexpectedEof` when the file became shorter meanwhile.
pub(crate) fn inspect_unless(opened: &OpenedFile, stopped: impl Fn() -> bool) -> io::Result<Option<Form>> {
    let mut inspector = Inspector::new();
    let mut buffer = vec![0; usize::try_from(opened.size).unwrap_or(BUFFER).clamp(1, BUFFER)];
    let mut offset = 0;
    while offset < opened.size && !inspector.is_binary_already() {
        if stopped() {
            return Ok(None);
        }
        let read = match opened.read_at(&mut buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => u64::try_from(read).unwrap_or(u64::MAX).min(opened.size - offset),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        inspector.push(usize::try_from(read).ok().and_then(|read| buffer.get(..read)).unwrap_or_default());
        offset += read;
    }
    Ok(Some(inspector.finish()))
}

/// Whether the file has been left alone for long enough that a later change will show in its size or time.
pub(super) fn is_at_rest(opened: &OpenedFile) -> bool {
    is_at_rest_for(opened, REST)
}

/// Whether the file has been left alone for so long.
pub(super) fn is_at_rest_for(opened: &OpenedFile, least: Duration) -> bool {
    let Ok(metadata) = opened.file.metadata() else { return false };
    // The time of the last change of anything, where there is one: nobody can set it back.
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let rest = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::new(seconds, rest)
    };
    #[cfg(not(unix))]
    let Ok(changed) = metadata.modified() else { return false };
    SystemTime::now().duration_since(changed).is_ok_and(|rest| rest >= least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::{Share, ShareOptions};
    use shared::SharedPath;

    #[test]
    fn the_form_is_that_of_the_whole_file() {
        let temp = tempfile::tempdir().unwrap();
        let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
        let mut late = vec![b'x'; 3 * BUFFER];
        late.push(0xFF);
        for (bytes, form) in [
            (&b""[..], Form::Plain { escaped: 0 }),
            (b"a<b", Form::Plain { escaped: 6 }),
            (&late[..3 * BUFFER], Form::Plain { escaped: 3 * BUFFER as u64 }),
            (&late, Form::Binary),
        ] {
            std::fs::write(temp.path().join("a"), bytes).unwrap();
            let opened = share.open_file(&SharedPath::parse("a").unwrap()).unwrap();
            assert_eq!(inspect_unless(&opened, || false).unwrap(), Some(form), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn a_file_cut_short_meanwhile_has_no_form() {
        let temp = tempfile::tempdir().unwrap();
        let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
        std::fs::write(temp.path().join("a"), "four").unwrap();
        let opened = share.open_file(&SharedPath::parse("a").unwrap()).unwrap();
        std::fs::write(temp.path().join("a"), "").unwrap();
        assert_eq!(inspect_unless(&opened, || false).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(!is_at_rest_for(&opened, Duration::from_secs(3600)));
    }
}
