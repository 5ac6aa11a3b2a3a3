//! What the shared files were found to hold, remembered on the disk: hashing a terabyte again at each start would take hours.
//!
//! One append-only file for each shared folder, written and read by one node at a time. A record holds for the path, size,
//! time and inode it was made for, and carries the outline. It is a cache and nothing but: what is damaged is skipped, what
//! was superseded goes when the file is opened, and a file that cannot be written is no reason to stop.
//!
//! ```text
//! "TPC1"  4 | length of the rest after the check, u32 | check 8: the first bytes of its BLAKE3 |
//!   size u64 | modified i64 | inode u64 | id 32 | length of the path u16 | path | values, 32 each
//! ```
//! Little-endian. In memory is 16 bytes for each: where in the file the record of a path is.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::transfer::{Hashing, MOST_PIECES, Outline, Value, pieces_of};
use shared::{ContentId, SharedPath, limits};

use super::lasting::lock;
use super::positioned::{read_exact_at, write_all_at};
use crate::source::Version;

/// How each record begins.
const MAGIC: &[u8; 4] = b"TPC1";
/// Bytes before what is checked.
const HEAD: usize = 16;
/// Bytes of the checked part before the path.
const FACTS: usize = 8 + 8 + 8 + 32 + 2;
/// Longest record, in bytes.
const RECORD_BYTES: usize = FACTS + limits::PATH_BYTES + MOST_PIECES * 32;
/// Longest log, in bytes: the records of some two million files. More is hashed again at the next start.
const MOST_BYTES: u64 = 512 << 20;

/// What a record is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) version: Version,
    pub(super) inode: u64,
}

/// A record as it was found, without its values.
#[derive(Debug, Clone)]
struct Record {
    facts: Facts,
    id: ContentId,
    path: Vec<u8>,
    /// Where in the file the values are.
    values_at: u64,
    values: usize,
}

/// Where the values of an outline are, to be read piece by piece.
#[derive(Debug)]
pub struct ValuesAt {
    file: Arc<File>,
    at: u64,
    /// Bytes that are left.
    left: u64,
}

impl ValuesAt {
    /// None at all: a file of one piece.
    fn nothing(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), at: 0, left: 0 }
    }

    /// The next bytes, at most `most`; empty at the end. It may wait for the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.left).unwrap_or(most).min(most);
        let mut bytes = vec![0; length];
        read_exact_at(&self.file, &mut bytes, self.at)?;
        self.at += length as u64;
        self.left -= length as u64;
        Ok(bytes)
    }
}

/// The log of one shared folder.
#[derive(Debug)]
pub(super) struct ContentLog {
    file: Arc<File>,
    end: u64,
    /// Where the newest record of a path is, by a hash of the path.
    places: HashMap<u64, u64>,
    hasher: RandomState,
}

impl ContentLog {
    /// Opens the log of the folder at `root` in the folder `state`; one that nobody will find again where there is none, or
    /// another node has it. None where not even that can be had.
    pub(super) fn open(state: Option<&Path>, root: &Path) -> Option<Self> {
        let kept = state.map(|state| Self::open_at(&file_in(state, root)));
        match kept {
            Some(Ok(Some(log))) => return Some(log),
            Some(Err(error)) => {
                tracing::warn!(%error, "what the shared files hold cannot be remembered; it is hashed at each start");
            }
            Some(Ok(None)) | None => {}
        }
        let unnamed = unnamed().inspect_err(|error| tracing::warn!(%error, "no file to keep outlines in"));
        Some(Self::new(unnamed.ok()?))
    }

    fn new(file: File) -> Self {
        Self { file: Arc::new(file), end: 0, places: HashMap::new(), hasher: RandomState::new() }
    }

    fn open_at(path: &Path) -> io::Result<Option<Self>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file =
            for_the_owner_only(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
        if !lock(&file) {
            tracing::debug!("another node shares this folder and has its log");
            return Ok(None);
        }
        let mut log = Self::new(file);
        let live = log.load()?;
        // Superseded records are a third or more, or it is too long.
        if log.end > MOST_BYTES || log.end.saturating_sub(live) > live / 2 + 4096 {
            match log.compacted(path) {
                Ok(fresh) => return Ok(Some(fresh)),
                Err(error) => tracing::warn!(%error, "the log of what the shared files hold cannot be tidied"),
            }
        }
        Ok(Some(log))
    }

    /// Reads all records; answers the bytes of those that are the newest of their path. What follows the last good one is
    /// overwritten.
    fn load(&mut self) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        let mut reader = BufReader::with_capacity(256 << 10, &*self.file);
        let (mut at, mut live, mut sizes) = (0, 0_u64, HashMap::new());
        let mut body = Vec::new();
        while let Some(size) = next(&mut reader, length - at, &mut body)? {
            if let Some(record) = parse(&body, at) {
                let key = self.hasher.hash_one(&record.path);
                live = live + size - sizes.insert(key, size).unwrap_or_default();
                self.places.insert(key, at);
            }
            at += size;
        }
        self.end = at;
        Ok(live)
    }

    /// The same without what was superseded, and without the oldest where it would be too long, in the place of the file.
    fn compacted(&self, path: &Path) -> io::Result<Self> {
        let mut keep: Vec<u64> = self.places.values().copied().collect();
        keep.sort_unstable();
        let fresh_path = path.with_extension("new");
        match fs::remove_file(&fresh_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = for_the_owner_only(OpenOptions::new().read(true).write(true).create_new(true)).open(&fresh_path)?;
        if !lock(&file) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut fresh = Self::new(file);
        let mut body = Vec::new();
        // From the newest back, as long as there is room; then in their order again.
        let mut total = 0;
        let first = keep.iter().rposition(|at| {
            let length = self.length_at(*at).unwrap_or_default();
            total += length;
            total > MOST_BYTES / 2
        });
        for at in keep.into_iter().skip(first.map_or(0, |first| first + 1)) {
            let mut reader = ReadAt { file: &self.file, at };
            if next(&mut reader, self.end - at, &mut body)?.is_some()
                && let Some(record) = parse(&body, at)
            {
                fresh.append(&body, &record.path)?;
            }
        }
        fs::rename(&fresh_path, path)?;
        Ok(fresh)
    }

    fn length_at(&self, at: u64) -> io::Result<u64> {
        let mut head = [0; HEAD];
        read_exact_at(&self.file, &mut head, at)?;
        Ok(HEAD as u64 + u64::from(length_in(&head).unwrap_or_default()))
    }

    fn append(&mut self, body: &[u8], path: &[u8]) -> io::Result<()> {
        let mut record = Vec::with_capacity(HEAD + body.len());
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(&u32::try_from(body.len()).unwrap_or_default().to_le_bytes());
        record.extend_from_slice(&check(body));
        record.extend_from_slice(body);
        write_all_at(&self.file, &record, self.end)?;
        self.places.insert(self.hasher.hash_one(path), self.end);
        self.end += record.len() as u64;
        Ok(())
    }

    /// Remembers what a file holds. A failure is told and costs no more than hashing it again.
    pub(super) fn keep(&mut self, path: &SharedPath, facts: Facts, outline: &Outline) {
        if self.end > MOST_BYTES {
            return;
        }
        let path = path.as_str().as_bytes();
        let mut body = Vec::with_capacity(FACTS + path.len() + outline.values().len() * 32);
        body.extend_from_slice(&facts.version.size.to_le_bytes());
        body.extend_from_slice(&facts.version.modified.to_le_bytes());
        body.extend_from_slice(&facts.inode.to_le_bytes());
        body.extend_from_slice(&outline.id().0);
        body.extend_from_slice(&u16::try_from(path.len()).unwrap_or_default().to_le_bytes());
        body.extend_from_slice(path);
        outline.values().iter().for_each(|value| body.extend_from_slice(value));
        if let Err(error) = self.append(&body, path) {
            tracing::warn!(%error, "what a shared file holds cannot be remembered");
        }
    }

    /// What a file was found to hold, if it is still that file.
    pub(super) fn find(&self, path: &SharedPath, facts: Facts) -> Option<ContentId> {
        let record = self.record(path)?;
        (record.facts == facts).then_some(record.id)
    }

    /// The outline of this version of a file.
    pub(super) fn outline(&self, path: &SharedPath, version: Version) -> Option<(ContentId, ValuesAt)> {
        let record = self.record(path).filter(|record| record.facts.version == version)?;
        let left = record.values as u64 * 32;
        let values = if left == 0 {
            ValuesAt::nothing(&self.file)
        } else {
            ValuesAt { file: Arc::clone(&self.file), at: record.values_at, left }
        };
        Some((record.id, values))
    }

    fn record(&self, path: &SharedPath) -> Option<Record> {
        let bytes = path.as_str().as_bytes();
        let at = *self.places.get(&self.hasher.hash_one(bytes))?;
        let mut start = vec![0; HEAD + FACTS + bytes.len()];
        read_exact_at(&self.file, &mut start, at).ok()?;
        let length = usize::try_from(length_in(start.get(..HEAD)?)?).ok()?;
        let record = parse_start(start.get(HEAD..)?, length, at)?;
        (record.path == bytes).then_some(record)
    }
}

/// The log of the folder at `root`, in a state folder.
fn file_in(state: &Path, root: &Path) -> PathBuf {
    let name = Hashing::id_of(root.as_os_str().as_encoded_bytes()).to_string();
    state.join(format!("content-{}", name.get(..16).unwrap_or_default()))
}

/// The length that a head announces.
fn length_in(head: &[u8]) -> Option<u32> {
    let length = head.strip_prefix(MAGIC)?.first_chunk()?;
    Some(u32::from_le_bytes(*length)).filter(|length| *length as usize <= RECORD_BYTES)
}

fn check(body: &[u8]) -> [u8; 8] {
    Hashing::id_of(body).0.first_chunk().copied().unwrap_or_default()
}

/// Reads the next record of the `left` bytes that there are; its whole length, or none where there is no further one. One
/// that is damaged is empty.
fn next(reader: &mut impl Read, left: u64, body: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD];
    if left < HEAD as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut head)?;
    let Some(length) = length_in(&head).filter(|length| u64::from(*length) <= left - HEAD as u64) else {
        return Ok(None);
    };
    body.resize(length as usize, 0);
    reader.read_exact(body)?;
    if head.last_chunk() != Some(&check(body)) {
        body.clear();
    }
    Ok(Some(HEAD as u64 + u64::from(length)))
}

/// A whole record that stands at `at`.
fn parse(body: &[u8], at: u64) -> Option<Record> {
    parse_start(body, body.len(), at)
}

/// A record of `length` bytes, of which these are the first.
fn parse_start(start: &[u8], length: usize, at: u64) -> Option<Record> {
    let (size, rest) = start.split_first_chunk()?;
    let (modified, rest) = rest.split_first_chunk()?;
    let (inode, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (path_length, rest) = rest.split_first_chunk()?;
    let version = Version { size: u64::from_le_bytes(*size), modified: i64::from_le_bytes(*modified) };
    let path = rest.get(..usize::from(u16::from_le_bytes(*path_length)))?;
    let values = length.checked_sub(FACTS + path.len())?;
    let expected = match pieces_of(version.size) {
        1 => 0,
        pieces => pieces.checked_mul(size_of::<Value>() as u64)?,
    };
    (values as u64 == expected).then(|| Record {
        facts: Facts { version, inode: u64::from_le_bytes(*inode) },
        id: ContentId(*id),
        path: path.to_vec(),
        values_at: at + (HEAD + FACTS + path.len()) as u64,
        values: values / size_of::<Value>(),
    })
}

/// A file that has no name, or will have none once it is closed.
fn unnamed() -> io::Result<File> {
    let random = getrandom::u64().map_err(io::Error::other)?;
    let path = std::env::temp_dir().join(format!("tinyp2p-{random:016x}"));
    let file = for_the_owner_only(OpenOptions::new().read(true).write(true).create_new(true)).open(&path)?;
    // Where a file cannot be removed while it is open, the system's own tidying will.
    let _left = fs::remove_file(&path);
    Ok(file)
}

fn for_the_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Reads from an offset on.
struct ReadAt<'a> {
    file: &'a File,
    at: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_exact_at(self.file, bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[cfg(test)]
#[path = "content_log_tests.rs"]
mod tests;
