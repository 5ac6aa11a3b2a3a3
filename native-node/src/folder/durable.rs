//! Making files survive a power cut, and naming them without replacing: what the systems differ in.
//!
//! Measured on ext4 (`measure_ways_to_sync` in the tests of `commit`): a file by itself is cheapest with `fdatasync`; from
//! eight files on, one `syncfs` for all of them is, though it also waits for what other programs are writing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cap_std::fs::Dir;

use super::FinishedPart;
use super::into_folder::IntoFolder;

/// From how many files or folders on one `syncfs` is cheaper than each by itself.
const ALL_AT_ONCE: usize = 8;

/// Makes the contents of each file durable; one answer for each, and whether what was done so far in these folders is
/// durable now, too.
pub(super) fn sync_contents(parts: &[&FinishedPart], folders: &[Arc<IntoFolder>]) -> (Vec<io::Result<()>>, bool) {
    if parts.len() >= ALL_AT_ONCE {
        let all = parts.iter().map(|part| &*part.folder).chain(folders.iter().map(|folder| &**folder));
        if sync_file_systems(all).is_ok() {
            are_durable(folders);
            return (parts.iter().map(|_| Ok(())).collect(), true);
        }
    }
    // Also after a failed `syncfs`: whose file it was only the file itself can say.
    (parts.iter().map(|part| part.file.sync_data()).collect(), false)
}

/// These folders, each once, and those above them that are new as well.
pub(super) fn with_new_parents<'a>(folders: impl Iterator<Item = &'a Arc<IntoFolder>>) -> Vec<Arc<IntoFolder>> {
    let mut all: Vec<Arc<IntoFolder>> = Vec::new();
    for folder in folders {
        let mut next = Some(folder);
        while let Some(folder) = next {
            if all.iter().any(|known| Arc::ptr_eq(known, folder)) {
                break;
            }
            all.push(Arc::clone(folder));
            next = folder.parent.as_ref().filter(|_| folder.is_new.load(Ordering::Relaxed));
        }
    }
    all
}

/// Makes the names in these folders durable, and those of the new folders themselves; see [`with_new_parents`].
pub(super) fn sync_folders(folders: &[Arc<IntoFolder>]) -> io::Result<()> {
    let all = folders.iter().map(|folder| &**folder);
    if folders.len() < ALL_AT_ONCE || sync_file_systems(all).is_err() {
        for folder in folders {
            sync_folder(&folder.dir)?;
        }
    }
    are_durable(folders);
    Ok(())
}

fn are_durable(folders: &[Arc<IntoFolder>]) {
    for folder in folders {
        folder.is_new.store(false, Ordering::Relaxed);
    }
}

/// Makes everything on the file systems of these folders durable.
fn sync_file_systems<'a>(folders: impl Iterator<Item = &'a IntoFolder>) -> io::Result<()> {
    let mut done: Vec<u64> = Vec::new();
    for folder in folders {
        if !done.contains(&folder.disk.device) {
            folder.disk.sync()?;
            done.push(folder.disk.device);
        }
    }
    Ok(())
}

/// A file system that is made durable as a whole, until that fails: what it tells once of an error is not told again, and the
/// file that is meant may be one of the next group. From then on each file is asked by itself.
#[derive(Debug)]
pub(super) struct Disk {
    /// By this number two are told apart.
    pub(super) device: u64,
    /// Opened before anything is written: errors are told of from then on (`syncfs(2)`, since Linux 5.8).
    #[cfg(target_os = "linux")]
    whole: std::sync::Mutex<Option<std::fs::File>>,
}

#[cfg(target_os = "linux")]
impl Disk {
    /// The one that a folder is on.
    pub(super) fn of(folder: &Dir, device: u64) -> Self {
        // The folder's own handle is only a place (`O_PATH`), which cannot be synced.
        let whole = folder.open(".").ok().filter(|_| tells_of_errors()).map(cap_std::fs::File::into_std);
        Self { device, whole: std::sync::Mutex::new(whole) }
    }

    fn sync(&self) -> io::Result<()> {
        use crate::lock::LockExt;
        let mut whole = self.whole.locked();
        let synced = match &*whole {
            Some(file) => rustix::fs::syncfs(file).map_err(io::Error::from),
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        if synced.is_err() {
            *whole = None;
        }
        synced
    }
}

/// Whether this kernel's `syncfs` fails where writing something failed.
#[cfg(target_os = "linux")]
fn tells_of_errors() -> bool {
    let uname = rustix::system::uname();
    let mut numbers = uname.release().to_str().unwrap_or_default().split(['.', '-']).map_while(|it| it.parse().ok());
    (numbers.next(), numbers.next()) >= (Some(5_u32), Some(8_u32))
}

#[cfg(not(target_os = "linux"))]
impl Disk {
    /// The one that a folder is on.
    pub(super) fn of(_folder: &Dir, device: u64) -> Self {
        Self { device }
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn sync_folder(dir: &Dir) -> io::Result<()> {
    if cfg!(unix) {
        dir.open(".")?.sync_all()
    } else {
        // Windows has no such call; NTFS journals names by itself.
        Ok(())
    }
}

/// Renames within a folder; `AlreadyExists` where anything has the new name, `Unsupported` where the file system cannot
/// promise that.
pub(super) fn rename_without_replacing(dir: &Dir, from: &str, to: &str) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::io::Errno;
        match rustix::fs::renameat_with(dir, from, dir, to, rustix::fs::RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            result => return Ok(result?),
        }
    }
    link_without_replacing(dir, from, to)
}

/// The same where the system has no such rename. A crash between the two steps leaves both names, one of them ours.
pub(super) fn link_without_replacing(dir: &Dir, from: &str, to: &str) -> io::Result<()> {
    match dir.hard_link(from, dir, to) {
        Ok(()) => dir.remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
