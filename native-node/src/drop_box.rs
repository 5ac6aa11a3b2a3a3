//! Files that members put at this node, where it takes any: whose turn it is, as what each is kept, and how much may come.
//!
//! They go into the shared folder, so that everybody finds them, under the paths that they are given with. Nothing that is
//! there is replaced: what is another file gets a number. Fetching them is `download`'s, as of every other file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use shared::transfer::Hashing;
use shared::{ContentId, Entry, SharedPath};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::bridge::network_of;
use crate::download::{Offered, Places, content_words};
use crate::folder::{CommitQueue, Destination, Planned, SaveError, has_room};
use crate::lock::LockExt;
use crate::node::Node;

/// Lists of files that are fetched at once, of all members; further ones wait …
const LISTS: usize = 16;
/// … and so do those of one address, so that some are left to others, however slow its files come.
const LISTS_OF_ADDRESS: usize = 6;
/// Of one list, at once: files, and parts of large ones, each of which holds some three mebibytes.
const FILES: usize = 4;
const PARTS: usize = 2;
/// Lists that are looked at at once: each has a thread meanwhile, and may have it read a file.
const PLANS: usize = 4;
/// Numbers of one name that are tried.
const MOST_NUMBERED: u32 = 100;
/// What is read of a file at once, in bytes.
const PIECE: usize = 256 << 10;

/// How much may be put at a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropBoxLimits {
    /// As long as the shared folder holds no more than this, in bytes.
    pub folder_bytes: Option<u64>,
    /// Largest file, in bytes.
    pub file_bytes: Option<u64>,
}

/// What all who put files here share.
#[derive(Debug)]
pub(crate) struct DropBox {
    limits: DropBoxLimits,
    commits: CommitQueue,
    /// Opened once, and anew when another folder has its name.
    folder: Mutex<Option<Destination>>,
    lists: Semaphore,
    by_address: Mutex<BTreeMap<IpAddr, Arc<Semaphore>>>,
    planning: Semaphore,
    promised: Arc<Mutex<Promised>>,
}

/// What is to come of all lists, in bytes.
#[derive(Debug, Default)]
struct Promised {
    all: u64,
    /// And is not on the disk yet.
    unwritten: u64,
}

/// Room for the files of one list, given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Promise {
    of: Arc<Mutex<Promised>>,
    all: u64,
    unwritten: Mutex<u64>,
}

/// A turn to have a list of files fetched.
#[derive(Debug)]
pub(crate) struct DropTurn<'a> {
    /// How much of it may be on its way at once.
    pub(crate) places: Places,
    _permits: (SemaphorePermit<'a>, OwnedSemaphorePermit),
}

/// Why a file is not taken, in words for who puts it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("a name like this is not shared here (it begins with a dot, or is one of the program's own)")]
    Hidden,
    #[error("there are too many other files of that name")]
    Crowded,
    #[error("it is larger than what is taken here")]
    TooLarge,
    #[error("as much as may be put here is here already")]
    Quota,
    #[error("there is no room left for it")]
    NoRoom,
    #[error("the folder of this node is not there at the moment")]
    Gone,
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// As what a file is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under this path, which is free.
    At(SharedPath),
    /// It is here already; whether that is proved, or it only looks so.
    Here(SharedPath, bool),
}

/// What is to become of each file of a list.
pub(crate) struct Planning {
    pub(crate) into: Option<Destination>,
    pub(crate) places: Vec<(Offered, Result<Place, NotTaken>)>,
    pub(crate) promise: Promise,
}

impl DropBox {
    /// Takes nothing yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(limits: DropBoxLimits) -> io::Result<Self> {
        Ok(Self {
            limits,
            commits: CommitQueue::start()?,
            folder: Mutex::default(),
            lists: Semaphore::new(LISTS),
            by_address: Mutex::default(),
            planning: Semaphore::new(PLANS),
            promised: Arc::default(),
        })
    }

    /// Saves what came.
    pub(crate) fn commits(&self) -> CommitQueue {
        self.commits.clone()
    }

    /// Waits for a turn of somebody at this address. None when the node is ending.
    pub(crate) async fn turn(&self, address: IpAddr) -> Option<DropTurn<'_>> {
        let of_address = {
            let mut by_address = self.by_address.locked();
            by_address.retain(|_, places| Arc::strong_count(places) > 1);
            let new = || Arc::new(Semaphore::new(LISTS_OF_ADDRESS));
            Arc::clone(by_address.entry(network_of(address)).or_insert_with(new))
        };
        let of_address = of_address.acquire_owned().await.ok()?;
        let permits = (self.lists.acquire().await.ok()?, of_address);
        Some(DropTurn { places: Places::few(FILES, PARTS), _permits: permits })
    }

    /// Finds out what is to become of each of these files, and keeps room for what is to come. None when the node is ending.
    pub(crate) async fn plan(&self, node: &Arc<Node>, files: Vec<Offered>) -> Option<Planning> {
        let _place = self.planning.acquire().await.ok()?;
        let (node, into, limits) = (Arc::clone(node), self.open(node), self.limits);
        let mut promise = Promise::of(&self.promised);
        let planning = move || {
            let Some(folder) = &into else {
                let places = files.into_iter().map(|file| (file, Err(NotTaken::Gone))).collect();
                return Planning { into, places, promise };
            };
            let held = limits.folder_bytes.map(|_| bytes_of(&node)).unwrap_or_default();
            let mut taken = BTreeSet::new();
            let places = files.into_iter().map(|file| {
                let place = place_for(&node, folder, &file, &taken).and_then(|place| {
                    if let Place::At(path) = &place {
                        admit(&node, folder, (&file, path), (limits, held), &mut promise)?;
                        taken.insert(path.clone());
                    }
                    Ok(place)
                });
                (file, place)
            });
            let places = places.collect();
            Planning { into, places, promise }
        };
        tokio::task::spawn_blocking(planning).await.ok()
    }

    /// The folder to put files into; where it is on the disk, nobody is told. None while it is gone: a folder of that name is not
    /// made anew, it may be where a disk is to be mounted.
    fn open(&self, node: &Node) -> Option<Destination> {
        let (path, mut folder) = (node.folder(), self.folder.locked());
        if !folder.as_ref().is_some_and(|folder| folder.is_at(path)) {
            *folder = path.is_dir().then(|| Destination::open_as(path, Path::new(node.name())).ok()).flatten();
        }
        folder.clone()
    }
}

impl Promise {
    fn of(promised: &Arc<Mutex<Promised>>) -> Self {
        Self { of: Arc::clone(promised), all: 0, unwritten: Mutex::new(0) }
    }

    fn add(&mut self, all: u64, unwritten: u64) {
        let mut promised = self.of.locked();
        promised.all = promised.all.saturating_add(all);
        promised.unwritten = promised.unwritten.saturating_add(unwritten);
        self.all = self.all.saturating_add(all);
        let mut of_list = self.unwritten.locked();
        *of_list = of_list.saturating_add(unwritten);
    }

    /// So much of it came.
    pub(crate) fn written(&self, bytes: u64) {
        let mut left = self.unwritten.locked();
        let bytes = bytes.min(*left);
        *left -= bytes;
        let mut promised = self.of.locked();
        promised.unwritten = promised.unwritten.saturating_sub(bytes);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.written(u64::MAX);
        let mut promised = self.of.locked();
        promised.all = promised.all.saturating_sub(self.all);
    }
}

/// Bytes of what the node shares itself.
fn bytes_of(node: &Node) -> u64 {
    let catalog = node.with_host(|host, _| host.catalog(node.url()));
    catalog.iter().fold(0, |bytes, (_, entry)| bytes.saturating_add(entry.size))
}

/// Whether there is room for a file, which is kept for it then.
fn admit(
    node: &Node,
    into: &Destination,
    (file, path): (&Offered, &SharedPath),
    (limits, held): (DropBoxLimits, u64),
    promise: &mut Promise,
) -> Result<(), NotTaken> {
    let size = file.size.unwrap_or_default();
    if limits.file_bytes.is_some_and(|most| size > most) {
        return Err(NotTaken::TooLarge);
    }
    // What an earlier try left takes its room already.
    let left = file.version.map_or(0, |version| into.unfinished(path, &content_words(version, file.id)));
    let unwritten = size.saturating_sub(left);
    let (all_promised, all_unwritten) = {
        let promised = promise.of.locked();
        (promised.all, promised.unwritten)
    };
    let all = held.saturating_add(all_promised).saturating_add(size);
    if limits.folder_bytes.is_some_and(|most| all > most) {
        return Err(NotTaken::Quota);
    }
    if !has_room(node.folder(), all_unwritten.saturating_add(unwritten)) {
        return Err(NotTaken::NoRoom);
    }
    promise.add(size, unwritten);
    Ok(())
}

/// As what `file` is kept in the folder that this node shares, `taken` being meant for others. Looks at the disk.
fn place_for(node: &Node, into: &Destination, file: &Offered, taken: &BTreeSet<SharedPath>) -> Result<Place, NotTaken> {
    if !node.share().offers(&file.path) {
        return Err(NotTaken::Hidden);
    }
    let numbered = (1..=MOST_NUMBERED).map_while(|number| file.path.numbered(number).ok());
    for path in std::iter::once(file.path.clone()).chain(numbered) {
        match into.final_name(&path)? {
            Planned::SaveAs(path) if !taken.contains(&path) => return Ok(Place::At(path)),
            Planned::AlreadyHere(path, Some(here)) => {
                if let Some(is_proved) = is_same(node, file, &path, &here) {
                    return Ok(Place::Here(path, is_proved));
                }
            }
            Planned::SaveAs(_) | Planned::AlreadyHere(_, None) => {}
        }
    }
    Err(NotTaken::Crowded)
}

/// Whether what is here is the file that is put, and if so, whether that is proved. It may have to be read for that.
fn is_same(node: &Node, file: &Offered, path: &SharedPath, here: &Entry) -> Option<bool> {
    let is_of_now = |listed: &Entry| (listed.size, listed.modified) == (here.size, here.modified);
    let listed = node.entry(path).filter(is_of_now).and_then(|listed| listed.id);
    if file.size != Some(here.size) {
        return None;
    }
    match (listed, file.id) {
        (Some(here), Some(put)) => (here == put).then_some(true),
        // A file that was put has kept its time. Another could be made to have it.
        _ if file.version.is_none_or(|version| version.modified != here.modified) => None,
        (None, Some(put)) => (id_of(node, path)? == put).then_some(true),
        (_, None) => Some(false),
    }
}

/// What a file of ours holds.
fn id_of(node: &Node, path: &SharedPath) -> Option<ContentId> {
    let opened = node.share().open_file(path).ok()?;
    let (mut hashing, mut piece, mut at) = (Hashing::default(), vec![0; PIECE], 0);
    while at < opened.size {
        let count = opened.read_full_at(&mut piece, at).ok().filter(|count| *count > 0)?;
        hashing.push(piece.get(..count)?);
        at += count as u64;
    }
    opened.is_unchanged().ok()?.then(|| hashing.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_is_promised_is_given_back_as_it_fills_and_in_the_end() {
        let promised = Arc::new(Mutex::new(Promised::default()));
        let (mut one, mut other) = (Promise::of(&promised), Promise::of(&promised));
        one.add(10, 6);
        other.add(5, 5);
        let now = || {
            let Promised { all, unwritten } = *promised.locked();
            (all, unwritten)
        };
        assert_eq!(now(), (15, 11));
        one.written(4);
        one.written(100);
        assert_eq!(now(), (15, 5));
        drop(one);
        assert_eq!(now(), (5, 5));
        drop(other);
        assert_eq!(now(), (0, 0));
    }

    #[tokio::test]
    async fn one_address_leaves_turns_to_others() {
        let drop_box = DropBox::start(DropBoxLimits::default()).unwrap();
        let of = |text: &str| text.parse().unwrap();
        let mut turns = Vec::new();
        for _ in 0..LISTS_OF_ADDRESS {
            turns.push(drop_box.turn(of("10.0.0.1")).await.unwrap());
        }
        let waits = tokio::time::timeout(std::time::Duration::ZERO, drop_box.turn(of("10.0.0.1"))).await;
        assert!(waits.is_err());
        turns.push(drop_box.turn(of("10.0.0.2")).await.unwrap());
        turns.remove(0);
        turns.push(drop_box.turn(of("10.0.0.1")).await.unwrap());
        drop(turns);
        drop(drop_box.turn(of("10.0.0.3")).await.unwrap());
        assert_eq!(drop_box.by_address.locked().len(), 1, "nobody is remembered");
    }
}
