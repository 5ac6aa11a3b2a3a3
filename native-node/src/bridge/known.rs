//! Who has spoken the bridge with us before, remembered on the disk: nobody of them is ever called the 2004 way again.
//!
//! Otherwise somebody in between would only have to answer "no such page" to a known node's bridge to be shown a token of
//! 2004. Kept in one small file of lines, `SECONDS HOST:PORT`, the seconds since 1970 of the last success. Several
//! programs of one person share it; each adds to what the others wrote.
//!
//! A file that cannot be read or written is a warning and no more: the person wants files, not an error about notes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use shared::PeerUrl;

use crate::lock::LockExt;

/// Most authorities that are remembered; those of the longest ago go first.
const MOST: usize = 4_096;
/// Largest file that is read, in bytes: 4,096 of the longest lines are a little more than a mebibyte.
const FILE_BYTES: u64 = 2 << 20;
/// A success is noted again after so many seconds, so that what is used is not forgotten.
const RENEW_SECONDS: u64 = 24 * 60 * 60;
/// Where tests and careful people put the file instead.
const VARIABLE: &str = "TINYP2P_STATE";

/// The nodes known to speak the bridge, by `host:port`. Clones are the same.
#[derive(Debug, Clone)]
pub struct KnownNodes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None where there is no place to remember anything beyond this process.
    folder: Option<PathBuf>,
    known: Mutex<Seen>,
    /// Whether it was told that the folder is of no use; what follows from that is no news.
    is_told: AtomicBool,
    /// Held by whoever writes.
    writing: Mutex<()>,
}

/// When each was seen last, in seconds since 1970.
type Seen = BTreeMap<String, u64>;

impl KnownNodes {
    /// Those remembered in the person's state folder: `$TINYP2P_STATE`, or `tinyp2p` in the folder of the system for such.
    #[must_use]
    pub fn of_this_person() -> Self {
        let folder = state_folder();
        if folder.is_none() {
            tracing::warn!("no folder to remember in which nodes speak the bridge (no HOME); see {VARIABLE}");
        }
        Self::at(folder)
    }

    /// Those remembered in this folder; with none, only for as long as this lives. Reads a small file.
    #[must_use]
    pub fn at(folder: Option<PathBuf>) -> Self {
        let mut is_told = false;
        let known = folder.as_deref().map(|folder| read(&file_in(folder)));
        let known = known.unwrap_or_else(|| Ok(Seen::new())).unwrap_or_else(|error| {
            let file = folder.as_deref().map(file_in).unwrap_or_default();
            tracing::warn!(file = %file.display(), %error, "cannot read which nodes speak the bridge");
            is_told = true;
            Seen::new()
        });
        let is_told = AtomicBool::new(is_told);
        Self(Arc::new(Inner { folder, known: Mutex::new(known), is_told, writing: Mutex::default() }))
    }

    /// Whether the node at this URL's host and port has spoken the bridge before. Then it is never called the 2004 way.
    #[must_use]
    pub fn is_known(&self, url: &PeerUrl) -> bool {
        self.lock().contains_key(&key(url))
    }

    /// Where they are remembered, for a person to look.
    #[must_use]
    pub fn place(&self) -> String {
        self.0.folder.as_deref().map_or_else(|| "memory".to_owned(), |folder| file_in(folder).display().to_string())
    }

    /// The folder they are remembered in, where there is one: others may remember more there.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Remembers that it did: at once in memory, and on the disk once this returns.
    pub async fn remember(&self, url: &PeerUrl) {
        let (key, now) = (key(url), now());
        {
            let mut known = self.lock();
            if known.get(&key).is_some_and(|before| now.saturating_sub(*before) < RENEW_SECONDS) {
                return;
            }
            known.insert(key, now);
        }
        let inner = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || inner.write());
        if let Ok(Err(error)) = written.await
            && !self.0.is_told.swap(true, Ordering::Relaxed)
        {
            let file = self.0.folder.as_deref().map(file_in).unwrap_or_default();
            tracing::warn!(file = %file.display(), %error, "cannot remember on the disk which nodes speak the bridge");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.known.locked()
    }
}

impl Inner {
    /// Writes what is known, with what other programs wrote meanwhile, and takes that over.
    fn write(&self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let _one_at_a_time = self.writing.locked();
        fs::create_dir_all(folder)?;
        let _alone = lock_file(folder)?;
        let file = file_in(folder);
        // Broken notes are replaced: a warning was given when they were read first.
        let others = read(&file).unwrap_or_default();
        let seen = {
            let mut known = self.known.locked();
            for (key, seconds) in others {
                let ours = known.entry(key).or_default();
                *ours = seconds.max(*ours);
            }
            while known.len() > MOST {
                let oldest = known.iter().min_by_key(|(_, seconds)| **seconds).map(|(key, _)| key.clone());
                oldest.map(|oldest| known.remove(&oldest));
            }
            known.clone()
        };
        replace(&file, &seen)
    }
}

/// `host:port` in one spelling: a name in another case, or port 80 left out, is the same node.
fn key(url: &PeerUrl) -> String {
    let host = url.host().trim_end_matches('.').to_ascii_lowercase();
    if host.contains(':') { format!("[{host}]:{}", url.port()) } else { format!("{host}:{}", url.port()) }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("known-nodes")
}

fn read(file: &Path) -> io::Result<Seen> {
    let mut text = String::new();
    match File::open(file) {
        Ok(file) => file.take(FILE_BYTES).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::new()),
        Err(error) => return Err(error),
    };
    // A line that is none is left out, not an error: a later version may say more.
    let lines = text.lines().filter_map(|line| {
        let (seconds, key) = line.split_once(' ')?;
        let url = PeerUrl::parse(&format!("http://{key}")).ok()?;
        Some((self::key(&url), seconds.parse().ok()?))
    });
    Ok(lines.take(MOST).collect())
}

/// Replaces the file as a whole: whoever reads it, and whatever happens meanwhile, it is the old one or the new one.
fn replace(file: &Path, seen: &Seen) -> io::Result<()> {
    let text: String = seen.iter().map(|(key, seconds)| format!("{seconds} {key}\n")).collect();
    let fresh = file.with_extension("new");
    // Left over where a write was cut short; under the lock it is nobody's.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    for_the_owner_only(&mut options);
    let mut writing = options.open(&fresh)?;
    writing.write_all(text.as_bytes())?;
    writing.sync_all()?;
    fs::rename(&fresh, file)
}

/// Waits until no other program of ours writes, and keeps it so while the answer lives.
fn lock_file(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    for_the_owner_only(&mut options);
    let file = options.open(folder.join("known-nodes.lock"))?;
    file.lock()?;
    Ok(file)
}

#[cfg(unix)]
fn for_the_owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn for_the_owner_only(_: &mut OpenOptions) {}

/// Where programs of this system keep what they would rather not forget.
fn state_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set(VARIABLE) {
        return Some(folder);
    }
    // The specification wants a relative path ignored.
    let stated = if cfg!(windows) { set("LOCALAPPDATA") } else { set("XDG_STATE_HOME").filter(|it| it.is_absolute()) };
    let folder = stated.or_else(|| {
        let home = std::env::home_dir().filter(|home| home.is_absolute())?;
        Some(if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else {
            home.join(".local/state")
        })
    })?;
    Some(folder.join("tinyp2p"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> PeerUrl {
        PeerUrl::parse(text).unwrap()
    }

    fn at(folder: &Path) -> KnownNodes {
        KnownNodes::at(Some(folder.join("state")))
    }

    #[tokio::test]
    async fn is_remembered_by_host_and_port_in_any_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let known = at(folder.path());
        assert!(!known.is_known(&url("http://box")));
        known.remember(&url("http://Box")).await;
        known.remember(&url("http://[FD00::7]:9004")).await;
        for known in [&known, &at(folder.path())] {
            for same in ["http://box", "http://BOX:80", "http://box.:80/peer/x", "http://[fd00::7]:9004/"] {
                assert!(known.is_known(&url(same)), "{same}");
            }
            for other in ["http://box:9004", "http://box.local", "http://[fd00::7]:9005"] {
                assert!(!known.is_known(&url(other)), "{other}");
            }
        }
    }

    #[tokio::test]
    async fn programs_that_share_the_file_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let programs: Vec<KnownNodes> = (0..8).map(|_| at(folder.path())).collect();
        let writing = programs.iter().enumerate().map(async |(number, known)| {
            for port in 0..8 {
                known.remember(&url(&format!("http://10.0.0.{number}:{}", 9_000 + port))).await;
            }
        });
        futures_util::future::join_all(writing).await;
        assert_eq!(read(&file_in(&folder.path().join("state"))).unwrap().len(), 64);
    }

    #[tokio::test]
    async fn a_broken_file_is_no_reason_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::write(file_in(&state), b"\xff\xfe").unwrap();
        let known = at(folder.path());
        known.remember(&url("http://box:1")).await;
        assert!(known.is_known(&url("http://box:1")) && at(folder.path()).is_known(&url("http://box:1")));
        fs::write(file_in(&state), "nonsense\n5 box:2\nx box:3\n6 \n7 a b\n\n8 box:4 later\n").unwrap();
        assert_eq!(at(folder.path()).lock().keys().collect::<Vec<_>>(), ["box:2"]);
        // Where nothing can be written, it still counts for this process.
        let nowhere = KnownNodes::at(Some(file_in(&state).join("below-a-file")));
        nowhere.remember(&url("http://box:1")).await;
        assert!(nowhere.is_known(&url("http://box:1")));
    }

    #[tokio::test]
    async fn the_file_is_bounded_and_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let many: String =
            (0..MOST).map(|number| format!("{} 10.0.{}.{}:1\n", 10 + number, number / 256, number % 256)).collect();
        fs::write(file_in(&state), many).unwrap();
        let known = at(folder.path());
        known.remember(&url("http://box:1")).await;
        let seen = read(&file_in(&state)).unwrap();
        assert_eq!(seen.len(), MOST);
        assert!(seen.contains_key("box:1") && !seen.contains_key("10.0.0.0:1") && seen.contains_key("10.0.0.1:1"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(file_in(&state)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_success_of_today_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let known = at(folder.path());
        known.remember(&url("http://box:1")).await;
        let file = file_in(&folder.path().join("state"));
        fs::remove_file(&file).unwrap();
        known.remember(&url("http://box:1")).await;
        assert!(!file.exists());
    }
}
