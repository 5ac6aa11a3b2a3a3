//! Unfinished files that outlive an interruption, so that the next download goes on where this one ended.
//!
//! Such a file has a name that follows from what it will hold, and one writer at a time, who has it locked. It keeps no
//! account of what is in it: whoever goes on hashes what is there against the outline of the content, so that no power cut
//! and no crash can make it claim what it has not. What nobody went on with for a week is swept away.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, SystemTime};

use crate::lock::LockExt;
use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use shared::SharedPath;
use shared::transfer::Hashing;

use super::into_folder::IntoFolder;
use super::positioned::{read_full_at, write_all_at};
use super::save::create;
use super::{Destination, FinishedPart, SaveError, names};

/// After how long an unfinished file that nobody touched is removed.
const SWEPT_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// After so many bytes, in bytes, the disk is told to begin: it works while more comes in, and a power cut costs little more
/// than this.
const FLUSHED_EVERY: u64 = 32 << 20;

/// How much is taken from another file before it can be interrupted, in bytes.
const TAKEN_AT_ONCE: u64 = 256 << 20;

/// A file that is being written, at any place in it and from several threads. Dropped before [`LastingPart::finish`] it
/// stays, if it holds anything and is to last.
#[derive(Debug)]
pub struct LastingPart {
    /// Taken when it is finished.
    part: Mutex<Option<FinishedPart>>,
    file: File,
    /// Bytes that an earlier download left in it, for whatever they are worth.
    had: u64,
    /// Bytes written since a flush began.
    unflushed: AtomicU64,
    /// Held by who flushes. What went wrong at that is kept: the system says it only once.
    flushed: Mutex<io::Result<()>>,
}

impl Destination {
    /// Begins a file of `size` bytes, or goes on with one. `content` says what it will hold, in any words; several where an
    /// earlier download may have used others, the best first.
    ///
    /// # Errors
    /// A [`SaveError`]; nothing is left behind but perhaps empty folders.
    pub fn resume(&self, path: &SharedPath, content: &[String], size: u64) -> Result<LastingPart, SaveError> {
        let resume = || -> io::Result<LastingPart> {
            let folder = self.folder_for(path)?;
            let names: Vec<String> = content.iter().map(|content| name_for(path, content)).collect();
            let left = names.iter().find_map(|name| Some((open_left(&folder.dir, name)?, name.clone())));
            let (file, name, had) = match left {
                Some((file, name)) => {
                    let length = file.metadata()?.len();
                    if length > size {
                        file.set_len(size)?;
                    }
                    (file, name, length.min(size))
                }
                None => {
                    let (file, name) = begin(&folder.dir, path, names.first())?;
                    (file, name, 0)
                }
            };
            // One that nobody finds again would only lie there.
            let lasts = names.contains(&name);
            let part = FinishedPart::new(folder, name, file.try_clone()?, path.clone(), lasts);
            let (unflushed, flushed) = (AtomicU64::new(0), Mutex::new(Ok(())));
            Ok(LastingPart { part: Mutex::new(Some(part)), file, had, unflushed, flushed })
        };
        resume().map_err(|error| self.wrong(path, error))
    }

    /// Bytes of the disk that an earlier download left for [`Destination::resume`] to go on with, about.
    pub(crate) fn unfinished(&self, path: &SharedPath, content: &[String]) -> u64 {
        let Ok(folder) = self.folders.find(path) else { return 0 };
        let facts = content.iter().find_map(|content| folder.dir.symlink_metadata(name_for(path, content)).ok());
        facts.map_or(0, |facts| bytes_on_disk(&facts))
    }

    /// How far somebody else is with writing what [`Destination::resume`] would: a length in bytes and the time of the last
    /// change, which differ from those of before if more was written. None where nobody writes it.
    #[must_use]
    pub fn written_elsewhere(&self, path: &SharedPath, content: &[String]) -> Option<(u64, SystemTime)> {
        let folder = self.folders.find(path).ok()?;
        let mut names = content.iter().map(|content| name_for(path, content));
        names.find_map(|name| {
            let file = open_to_look(&folder.dir, &name)?;
            let is_locked = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
            let facts = file.metadata().ok().filter(|_| is_locked)?;
            Some((facts.len(), facts.modified().ok()?))
        })
    }
}

/// A new file, locked if the system can: under the name that is found again, else under one that nobody else has.
fn begin(dir: &Dir, path: &SharedPath, name: Option<&String>) -> io::Result<(File, String)> {
    if let Some(name) = name {
        match create(dir, name) {
            Ok(file) if lock(&file) => return Ok((file, name.clone())),
            // In use elsewhere, or not ours: leave it.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let name = names::part_name(path.file_name(), getrandom::u64().map_err(io::Error::other)?);
    Ok((create(dir, &name)?, name))
}

/// What an unfinished file is called that will hold `content` and be saved as `path`.
fn name_for(path: &SharedPath, content: &str) -> String {
    let id = Hashing::id_of(format!("{path}\0{content}").as_bytes());
    names::part_name(path.file_name(), u64::from_be_bytes(id.0.first_chunk().copied().unwrap_or_default()))
}

/// Opens what an earlier download left under this name, if nobody else writes it. Its name can be guessed, so it must be a
/// file of ours that has no other name (A6).
fn open_left(dir: &Dir, name: &str) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).follow(FollowSymlinks::No);
    let is_file = dir.symlink_metadata(name).is_ok_and(|facts| facts.is_file());
    let file = dir.open_with(name, &options).ok().filter(|_| is_file)?.into_std();
    if !lock(&file) {
        return None;
    }
    // Looked at under the lock: whoever had it may have given it its final name meanwhile.
    let (facts, named) = (Metadata::from_file(&file).ok()?, dir.symlink_metadata(name).ok()?);
    let is_same = (facts.dev(), facts.ino()) == (named.dev(), named.ino());
    (is_same && facts.is_file() && facts.nlink() == 1 && is_of_this_user(&facts)).then_some(file)
}

/// A file that is written at several places has holes.
fn bytes_on_disk(facts: &Metadata) -> u64 {
    #[cfg(unix)]
    return cap_std::fs::MetadataExt::blocks(facts).saturating_mul(512).min(facts.len());
    #[cfg(not(unix))]
    facts.len()
}

/// Elsewhere than on Unix a file says nothing of its owner by itself.
fn is_of_this_user(_facts: &Metadata) -> bool {
    #[cfg(unix)]
    return cap_std::fs::MetadataExt::uid(_facts) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    true
}

/// Locks it for as long as it is open; false where somebody else has, or the system cannot.
pub(super) fn lock(file: &File) -> bool {
    file.try_lock().is_ok()
}

impl LastingPart {
    /// Bytes that an earlier download left in it, for whatever they are worth.
    #[must_use]
    pub fn had(&self) -> u64 {
        self.had
    }

    /// Takes over some more of what another file holds, behind what there was, for whatever it is worth; false once it has
    /// `size` bytes, or all. On some disks (btrfs, XFS) the two share their blocks then.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn take_from(&mut self, other: &File, size: u64) -> io::Result<bool> {
        let (mut to, mut from, at) = (&self.file, other, SeekFrom::Start(self.had));
        to.seek(at)?;
        from.seek(at)?;
        let taken = io::copy(&mut from.take(size.saturating_sub(self.had).min(TAKEN_AT_ONCE)), &mut to)?;
        self.had += taken;
        self.unflushed.fetch_add(taken, Ordering::Relaxed);
        Ok(taken > 0)
    }

    /// Reads at an offset; fewer bytes at the end.
    ///
    /// # Errors
    /// A [`SaveError`] that names the folder.
    pub fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<usize, SaveError> {
        read_full_at(&self.file, bytes, at).map_err(|error| self.wrong(error))
    }

    /// Writes at an offset.
    ///
    /// # Errors
    /// A [`SaveError`] that names the folder.
    pub fn write_at(&self, bytes: &[u8], at: u64) -> Result<(), SaveError> {
        write_all_at(&self.file, bytes, at).map_err(|error| self.wrong(error))?;
        self.unflushed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether so much was written that [`LastingPart::flush`] is worth a thread.
    #[must_use]
    pub fn is_flush_due(&self) -> bool {
        self.unflushed.load(Ordering::Relaxed) >= FLUSHED_EVERY
    }

    /// Waits until what was written so far is on the disk, unless somebody else does. What goes wrong is said in the end.
    pub fn flush(&self) {
        let mut flushed = match self.flushed.try_lock() {
            Ok(flushed) => flushed,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // Once it is finished, whoever makes it durable hears what is wrong.
        let is_finished = self.part.locked().is_none();
        if self.is_flush_due() && flushed.is_ok() && !is_finished {
            self.unflushed.store(0, Ordering::Relaxed);
            *flushed = self.file.sync_data();
            if flushed.is_ok() {
                tracing::debug!("a part is on the disk");
            }
        }
    }

    /// Begins anew: what an earlier download left is worth nothing.
    ///
    /// # Errors
    /// A [`SaveError`] that names the folder.
    pub fn restart(&self) -> Result<(), SaveError> {
        self.file.set_len(0).map_err(|error| self.wrong(error))
    }

    /// From now on it is removed when it is dropped, unless it was finished: nobody could go on with it.
    pub fn will_not_last(&self) {
        if let Some(part) = &*self.part.locked() {
            part.lasts.store(false, Ordering::Relaxed);
        }
    }

    /// All bytes are written: it may be [committed](super::commit()). None if it was finished before. Waits for the disk, if
    /// somebody flushes.
    ///
    /// # Errors
    /// A [`SaveError`] that names the folder, when the disk did not take what was written.
    pub fn finish(&self) -> Result<Option<FinishedPart>, SaveError> {
        let mut flushed = self.flushed.locked();
        std::mem::replace(&mut *flushed, Ok(())).map_err(|error| self.wrong(error))?;
        Ok(self.part.locked().take())
    }

    fn wrong(&self, error: io::Error) -> SaveError {
        let part = self.part.locked();
        SaveError::from_io(part.as_ref().map(|part| part.folder.path.clone()).unwrap_or_default(), error)
    }
}

/// Removes unfinished files that nobody has touched for a week, nor has open, once for each folder.
pub(super) fn sweep(folder: &Arc<IntoFolder>) {
    if folder.is_swept.swap(true, Ordering::Relaxed) {
        return;
    }
    // What cannot be read or removed stays: this is tidying, not what was asked for.
    let Ok(names) = folder.names() else { return };
    for name in names.filter(|name| names::is_part(name)) {
        let is_old = |facts: &Metadata| {
            let modified = facts.modified().ok().map(cap_std::time::SystemTime::into_std);
            let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
            facts.is_file() && age.is_some_and(|age| age > SWEPT_AFTER)
        };
        if folder.dir.symlink_metadata(&name).is_ok_and(|facts| is_old(&facts)) && !is_in_use(&folder.dir, &name) {
            let _left = folder.dir.remove_file(&name);
        }
    }
}

fn is_in_use(dir: &Dir, name: &str) -> bool {
    open_to_look(dir, name).is_some_and(|file| !lock(&file))
}

fn open_to_look(dir: &Dir, name: &str) -> Option<File> {
    let is_file = dir.symlink_metadata(name).is_ok_and(|facts| facts.is_file());
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    dir.open_with(name, &options).ok().filter(|_| is_file).map(cap_std::fs::File::into_std)
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::folder::commit;

    fn path(text: &str) -> SharedPath {
        SharedPath::parse(text).unwrap()
    }

    fn entries(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn resume(destination: &Destination, content: &[&str]) -> LastingPart {
        let content: Vec<String> = content.iter().map(|text| (*text).to_owned()).collect();
        destination.resume(&path("a"), &content, 10).unwrap()
    }

    #[test]
    fn what_was_interrupted_is_gone_on_with_by_one_writer_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let part = resume(&destination, &["x"]);
        assert_eq!(part.had(), 0);
        part.write_at(b"56", 5).unwrap();
        let name = entries(temp.path())[0].clone();
        assert!(name.starts_with(".tinyp2p.a.") && name.ends_with(".part"), "{name}");
        // Whoever wants to write the same sees how it gets on.
        let written = || destination.written_elsewhere(&path("a"), &["y".to_owned(), "x".to_owned()]);
        assert_eq!(written().unwrap().0, 7);
        part.write_at(b"6", 6).unwrap();
        assert!(destination.written_elsewhere(&path("a"), &["y".to_owned()]).is_none());
        // A second writer has a file of its own, and it is not found again.
        let second = resume(&destination, &["x"]);
        second.write_at(b"other", 0).unwrap();
        assert_eq!((second.had(), entries(temp.path()).len()), (0, 2));
        drop(second);
        drop(part);
        assert_eq!(entries(temp.path()), [name]);
        assert!(destination.written_elsewhere(&path("a"), &["x".to_owned()]).is_none());
        // By another word for the same content, too; another content has another file.
        let other = resume(&destination, &["y"]);
        assert_eq!(other.had(), 0);
        drop(other);
        assert_eq!(entries(temp.path()).len(), 1, "an empty one is not kept");
        let part = resume(&destination, &["y", "x"]);
        let mut bytes = [9; 20];
        assert_eq!((part.had(), part.read_at(&mut bytes, 0).unwrap()), (7, 7));
        assert_eq!(&bytes[..7], b"\0\0\0\0\x0056");
        part.restart().unwrap();
        part.write_at(b"0123456789", 0).unwrap();
        let finished = part.finish().unwrap().unwrap();
        assert!(part.finish().unwrap().is_none());
        drop(part);
        assert_eq!(commit(vec![finished]).remove(0).unwrap().path, path("a"));
        assert_eq!(
            (fs::read(temp.path().join("a")).unwrap().as_slice(), entries(temp.path()).len()),
            (&b"0123456789"[..], 1)
        );
    }

    #[test]
    fn what_is_written_goes_to_the_disk_now_and_then_and_what_went_wrong_there_is_said_in_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let part = resume(&destination, &["x"]);
        let bytes = vec![1; 1 << 20];
        (0..31).for_each(|at| part.write_at(&bytes, at << 20).unwrap());
        assert!(!part.is_flush_due());
        part.write_at(&bytes, 31 << 20).unwrap();
        assert!(part.is_flush_due());
        part.flush();
        assert!(!part.is_flush_due());
        *part.flushed.lock().unwrap() = Err(io::ErrorKind::StorageFull.into());
        assert!(matches!(part.finish(), Err(SaveError::Full(_))));
        // Whoever tries again is not told of what was.
        assert!(part.finish().unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_longer_one_is_cut_and_one_that_cannot_be_trusted_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let part = resume(&destination, &["x"]);
        part.write_at(&[1; 30], 0).unwrap();
        drop(part);
        let name = entries(temp.path())[0].clone();
        let part = resume(&destination, &["x"]);
        assert_eq!((part.had(), fs::metadata(temp.path().join(&name)).unwrap().len()), (10, 10));
        drop(part);
        fs::hard_link(temp.path().join(&name), temp.path().join("mine")).unwrap();
        let part = resume(&destination, &["x"]);
        part.write_at(b"evil", 0).unwrap();
        assert_eq!(fs::read(temp.path().join("mine")).unwrap(), [1; 10], "a6");
        drop(part);
        fs::remove_file(temp.path().join(&name)).unwrap();
        symlink("mine", temp.path().join(&name)).unwrap();
        let part = resume(&destination, &["x"]);
        part.write_at(b"evil", 0).unwrap();
        drop(part);
        assert_eq!(fs::read(temp.path().join("mine")).unwrap(), [1; 10], "a6");
        assert_eq!(entries(temp.path()), [name, "mine".to_owned()]);
    }

    #[test]
    fn what_nobody_went_on_with_is_swept_away() {
        let temp = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - SWEPT_AFTER - Duration::from_secs(60);
        let age = |name: &str| {
            fs::write(temp.path().join(name), "left").unwrap();
            fs::File::options().write(true).open(temp.path().join(name)).unwrap().set_modified(old).unwrap();
        };
        for name in [".tinyp2p.a.0123456789abcdef.part", "mine.part", ".tinyp2p.other", "x"] {
            age(name);
        }
        fs::write(temp.path().join(".tinyp2p.b.0123456789abcdef.part"), "of today").unwrap();
        age(".tinyp2p.c.0123456789abcdef.part");
        let held = fs::File::open(temp.path().join(".tinyp2p.c.0123456789abcdef.part")).unwrap();
        assert!(lock(&held));
        let destination = Destination::open(temp.path()).unwrap();
        drop(resume(&destination, &["x"]));
        let left = [
            ".tinyp2p.b.0123456789abcdef.part",
            ".tinyp2p.c.0123456789abcdef.part",
            ".tinyp2p.other",
            "mine.part",
            "x",
        ];
        assert_eq!(entries(temp.path()), left);
    }
}
