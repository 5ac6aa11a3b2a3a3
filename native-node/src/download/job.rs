//! What is to be downloaded, and how it went: the words between this room and whoever shows it to a person.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shared::{Entry, PeerUrl, SharedPath};

use super::{Offered, Selection};
use crate::dial::CallError;
use crate::folder::SaveError;

/// What to download.
#[derive(Debug, Clone)]
pub struct Job {
    /// Any peer of the network.
    pub pool: PeerUrl,
    /// What to look for.
    pub wanted: Selection,
    /// Where to save.
    pub to: PathBuf,
    /// Only say what would be downloaded.
    pub dry_run: bool,
    /// Bound on a file, in bytes. None: [`MAX_UNANNOUNCED`](super::MAX_UNANNOUNCED) where nobody tells its size before, else
    /// any.
    pub max_file_size: Option<u64>,
    /// Whether nothing is given to others who fetch the same large file, nor asked of them.
    pub alone: bool,
}

/// How far two times of one file may lie apart, in seconds: some disks (FAT) know only every other.
const SAME_TIME: u64 = 2;

/// How what is here under a file's name differs from what is offered, as far as its facts tell; they are `None` where it is no
/// file. Times count, for a download keeps them.
pub(super) fn difference(offered: &Offered, here: Option<Entry>) -> Option<&'static str> {
    let Some(here) = here else { return Some("no file") };
    let seconds = here.modified.div_euclid(1_000_000_000);
    if offered.size.is_some_and(|size| size != here.size) {
        Some("another size")
    } else if offered.modified.is_some_and(|modified| modified.abs_diff(seconds) > SAME_TIME) {
        Some("another time")
    } else {
        None
    }
}

/// One thing that did not work out, and whose it was.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The peer it was to come from.
    pub peer: PeerUrl,
    /// The file, as shown; none where the peer as a whole failed.
    pub file: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// How many files it stands for, at least one.
    pub count: usize,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Files saved, or that would be with `dry_run`.
    pub saved: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Files that were left out because something of that name was here already.
    pub already_here: usize,
    /// How many of those are not what is offered, by what is known without reading them.
    pub differing: usize,
    /// Saved files of which nothing proves that they are as their holder has them: of peers of 2004, and those that were not
    /// hashed yet.
    pub unverified: usize,
    /// Unfinished files that the next download goes on with.
    pub unfinished: usize,
    /// What did not work out.
    pub missed: Vec<Missed>,
    /// Whether nothing was to be saved, only said.
    pub dry_run: bool,
    /// Whether the person ended it early.
    pub interrupted: bool,
}

impl Report {
    /// Whether nothing matched, as far as everybody answered.
    pub(crate) fn is_nothing(&self) -> bool {
        self.saved == 0 && self.already_here == 0 && self.missed.is_empty() && !self.interrupted
    }
}

/// How a file came.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    /// Whether it was proved to be what its holder hashed.
    pub verified: bool,
    /// Bytes of it that were here: an earlier download had left them, or another file holds the same.
    pub kept: u64,
    /// Bytes of it that came now, by peer; empty where they are all from one.
    pub from: BTreeMap<PeerUrl, u64>,
}

/// A file that is on the disk.
#[derive(Debug, Clone, Copy)]
pub struct SavedFile<'a> {
    /// What its holder calls it.
    pub name: &'a str,
    /// The name it was to get: the same, made safe for every disk.
    pub path: &'a SharedPath,
    /// The one it got.
    pub save_as: &'a SharedPath,
    /// Who offered it.
    pub peer: &'a PeerUrl,
    /// Its length.
    pub bytes: u64,
    /// How it came.
    pub how: &'a Provenance,
}

/// Is told how it goes, from many tasks at once.
pub trait Observer: Send + Sync {
    /// A peer offers this many files that are not here yet; how large they are, a peer of 2004 does not say.
    fn offered(&self, peer: &PeerUrl, files: usize, bytes: Option<u64>);
    /// Of what is offered so many bytes were read through: what is put is, before it goes on its way.
    fn read(&self, _bytes: u64) {}
    /// A file is on its way; `size` is in bytes, where it is known.
    fn begun(&self, path: &SharedPath, peer: &PeerUrl, size: Option<u64>);
    /// More of it came.
    fn moved(&self, path: &SharedPath, bytes: u64);
    /// So much of it was here.
    fn kept(&self, path: &SharedPath, bytes: u64);
    /// So much was taken from another file that is here, for whatever it is worth.
    fn taken_over(&self, _bytes: u64) {}
    /// What came of it so far is thrown away.
    fn given_up(&self, path: &SharedPath);
    /// It would be saved under this name, were this no dry run.
    fn planned(&self, file: &Offered, save_as: &SharedPath, peer: &PeerUrl);
    /// It is left out, for something of its name is here that is not the same, in these words.
    fn differs(&self, file: &Offered, peer: &PeerUrl, how: &str);
    /// It is on the disk.
    fn saved(&self, saved: &SavedFile<'_>);
    /// A peer cannot be reached any more, and is waited for.
    fn waited_for(&self, _peer: &PeerUrl) {}
    /// It, or a peer, did not work out.
    fn missed(&self, missed: &Missed);
    /// All is over, even if some of it has not noticed yet: the last words are said next.
    fn over(&self) {}
}

/// Why a download could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The peer that was named does not answer as one.
    #[error("{0}: {1}")]
    Pool(PeerUrl, CallError),
    /// The operating system gives no thread to save with.
    #[error("cannot start to save: {0}")]
    Thread(std::io::Error),
    /// Nothing can be saved there.
    #[error(transparent)]
    Save(#[from] SaveError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_differs_by_kind_size_or_time() {
        let path = SharedPath::parse("a").unwrap();
        let offered = |size, modified| Offered {
            name: "a".into(),
            path: path.clone(),
            size,
            modified,
            version: None,
            id: None,
            executable: false,
        };
        let here = Entry::unread(5, 1_700_000_000_900_000_000);
        assert_eq!(difference(&offered(Some(5), Some(1_700_000_000)), Some(here)), None);
        assert_eq!(difference(&offered(Some(5), Some(1_700_000_002)), Some(here)), None);
        assert_eq!(difference(&offered(None, None), Some(here)), None);
        assert_eq!(difference(&offered(Some(4), Some(1_700_000_000)), Some(here)), Some("another size"));
        assert_eq!(difference(&offered(Some(5), Some(1_700_000_003)), Some(here)), Some("another time"));
        assert_eq!(difference(&offered(None, None), None), Some("no file"));
    }
}
