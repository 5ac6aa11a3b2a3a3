//! Files that members put at this node, where it takes any: whose turn it is, as what each is kept, and how much may come.
//!
//! They go into the shared folder, so that everybody finds them, under the paths that they are given with. Nothing that is
//! there is replaced: what is another file gets a number. Fetching them is `download`'s, as of every other file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::transfer::Hashing;
use shared::{ContentId, Entry, SharedPath};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::bridge::network_of;
use crate::download::{Offered, Places, content_words};
use crate::folder::{CommitQueue, Destination, Planned, Room, SaveError};
use crate::lock::LockExt;
use crate::node::Node;

/// Lists of files that are fetched at once, of all members; further ones wait …
const LISTS: usize = 16;
/// … and so do those of one address, or of one network of IPv6, so that some are left to others, however slow its files come.
const LISTS_OF_ADDRESS: usize = 6;
/// Of one list, at once: files, and parts of large ones, each of which holds some three mebibytes.
const FILES: usize = 4;
const PARTS: usize = 2;
/// Lists that are looked at at once: each has a thread meanwhile, and may have it read a file.
const PLANS: usize = 4;
/// For how long the folder is kept open: what others do in it is seen then, and what nobody goes on with is swept away.
const KEPT_OPEN: Duration = Duration::from_secs(60);
/// How long who puts files may wait for what is in the folder to be known, where there is a limit.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// A file that is saved is listed by then …
const LISTED_WITHIN: Duration = Duration::from_secs(60);
/// … for which is looked so often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Numbers of one name that are tried.
const MOST_NUMBERED: u32 = 100;
/// What a file counts at least, in bytes, as it takes about that of a disk: else nothing would end the empty ones.
const LEAST_OF_FILE: u64 = 4 << 10;
/// What is read of a file at once, in bytes.
const PIECE: usize = 256 << 10;

/// How much may be put at a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropBoxLimits {
    /// As long as the shared folder holds no more than this, in bytes, 4 KiB for each file at least.
    pub folder_bytes: Option<u64>,
    /// Largest file, in bytes.
    pub file_bytes: Option<u64>,
}

/// What all who put files here share.
#[derive(Debug)]
pub(crate) struct DropBox {
    limits: DropBoxLimits,
    commits: CommitQueue,
    /// Opened for a while, and anew when another folder has its name.
    folder: Mutex<Option<(Destination, Instant)>>,
    lists: Semaphore,
    by_address: Mutex<BTreeMap<IpAddr, Arc<Semaphore>>>,
    planning: Arc<Semaphore>,
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
    /// It is here already, and holds the same.
    Here(SharedPath),
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
            planning: Arc::new(Semaphore::new(PLANS)),
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
        let place = Arc::clone(&self.planning).acquire_owned().await.ok()?;
        if self.limits.folder_bytes.is_some() {
            node.wait_for_the_first_look(FIRST_LOOK).await;
        }
        let (node, limits, mut promise) = (Arc::clone(node), self.limits, Promise::of(&self.promised));
        let planning = move || {
            // It goes along: looking goes on where nobody waits for it any more.
            let _place = place;
            let into = node.drop_box().and_then(|drop_box| drop_box.open(&node));
            let Some(folder) = &into else {
                let places = files.into_iter().map(|file| (file, Err(NotTaken::Gone))).collect();
                return Planning { into, places, promise };
            };
            let (room, held) = (Room::of(node.folder()), limits.folder_bytes.map(|_| bytes_of(&node)));
            let admission = Admission { limits, room, held: held.unwrap_or_default() };
            let (mut taken, mut ids) = (BTreeSet::new(), BTreeMap::new());
            let places = files.into_iter().map(|file| {
                let place = place_for(&node, folder, &file, &taken, &mut ids).and_then(|place| {
                    if let Place::At(path) = &place {
                        admission.admit(folder, &file, path, &mut promise)?;
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
        let is_good = |(folder, opened): &(Destination, Instant)| opened.elapsed() < KEPT_OPEN && folder.is_at(path);
        if !folder.as_ref().is_some_and(is_good) {
            let opened = path.is_dir().then(|| Destination::open_as(path, Path::new(node.name())).ok()).flatten();
            *folder = opened.map(|folder| (folder, Instant::now()));
        }
        folder.as_ref().map(|(folder, _)| folder.clone())
    }
}

impl Promise {
    fn of(promised: &Arc<Mutex<Promised>>) -> Self {
        Self { of: Arc::clone(promised), all: 0, unwritten: Mutex::new(0) }
    }

    /// Keeps room for a file that is saved until the node lists it, or would have: meanwhile nobody else counts it.
    pub(crate) fn until_listed(self, node: &Arc<Node>, path: SharedPath) {
        let node = Arc::clone(node);
        self.written(u64::MAX);
        tokio::spawn(async move {
            let began = Instant::now();
            while node.entry(&path).is_none() && began.elapsed() < LISTED_WITHIN {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            drop(self);
        });
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

/// Bytes of what the node shares itself, as they are counted.
fn bytes_of(node: &Node) -> u64 {
    let catalog = node.with_host(|host, _| host.catalog(node.url()));
    catalog.iter().fold(0, |bytes, (_, entry)| bytes.saturating_add(counted(entry.size)))
}

/// What a file of this size counts.
fn counted(size: u64) -> u64 {
    size.max(LEAST_OF_FILE)
}

/// What decides whether a file is taken.
struct Admission {
    limits: DropBoxLimits,
    room: Room,
    /// Bytes in the folder.
    held: u64,
}

impl Admission {
    /// Whether there is room for a file, which is kept for it then.
    fn admit(
        &self,
        into: &Destination,
        file: &Offered,
        path: &SharedPath,
        promise: &mut Promise,
    ) -> Result<(), NotTaken> {
        let size = file.size.unwrap_or_default();
        // What an earlier try left takes its room already.
        let left = file.version.map_or(0, |version| into.unfinished(path, &content_words(version, file.id)));
        self.add(size, size.saturating_sub(left), promise)
    }

    fn add(&self, size: u64, unwritten: u64, promise: &mut Promise) -> Result<(), NotTaken> {
        if self.limits.file_bytes.is_some_and(|most| size > most) {
            return Err(NotTaken::TooLarge);
        }
        // Under one lock, or several would be promised the same room.
        let mut promised = promise.of.locked();
        let all = promised.all.saturating_add(counted(size));
        let all_unwritten = promised.unwritten.saturating_add(unwritten);
        if self.limits.folder_bytes.is_some_and(|most| self.held.saturating_add(all) > most) {
            return Err(NotTaken::Quota);
        }
        if !self.room.fits(all_unwritten) {
            return Err(NotTaken::NoRoom);
        }
        (promised.all, promised.unwritten) = (all, all_unwritten);
        promise.all = promise.all.saturating_add(counted(size));
        let of_list = promise.unwritten.get_mut().unwrap_or_else(PoisonError::into_inner);
        *of_list = of_list.saturating_add(unwritten);
        Ok(())
    }
}

/// As what `file` is kept in the folder that this node shares, `taken` being meant for others. Looks at the disk.
fn place_for(
    node: &Node,
    into: &Destination,
    file: &Offered,
    taken: &BTreeSet<SharedPath>,
    ids: &mut BTreeMap<SharedPath, Option<ContentId>>,
) -> Result<Place, NotTaken> {
    if !node.share().offers(&file.path) {
        return Err(NotTaken::Hidden);
    }
    let numbered = (1..=MOST_NUMBERED).map_while(|number| file.path.numbered(number).ok());
    for path in std::iter::once(file.path.clone()).chain(numbered) {
        match into.final_name(&path)? {
            Planned::SaveAs(path) if !taken.contains(&path) => return Ok(Place::At(path)),
            Planned::AlreadyHere(path, Some(here)) if is_same(node, file, &path, &here, ids) => {
                return Ok(Place::Here(path));
            }
            Planned::SaveAs(_) | Planned::AlreadyHere(..) => {}
        }
    }
    Err(NotTaken::Crowded)
}

/// Whether what is here holds the same as what is put. It may have to be read for that, once for a list.
fn is_same(
    node: &Node,
    file: &Offered,
    path: &SharedPath,
    here: &Entry,
    ids: &mut BTreeMap<SharedPath, Option<ContentId>>,
) -> bool {
    // Of what was not hashed nothing is known: a file of its size and its time could be made.
    let Some(id) = file.id.filter(|_| file.size == Some(here.size)) else { return false };
    let is_of_now = |listed: &Entry| (listed.size, listed.modified) == (here.size, here.modified);
    match node.entry(path).filter(is_of_now).and_then(|listed| listed.id) {
        Some(held) => held == id,
        // A file that was put has kept its time.
        None if file.version.is_none_or(|version| version.modified != here.modified) => false,
        None => *ids.entry(path.clone()).or_insert_with(|| id_of(node, path)) == Some(id),
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
        let room = Room::of(Path::new("/"));
        let limits = DropBoxLimits { folder_bytes: Some(100_000), file_bytes: Some(10_000) };
        let admission = Admission { limits, room, held: 84_000 };
        admission.add(10_000, 6_000, &mut one).unwrap();
        admission.add(5_000, 5_000, &mut other).unwrap();
        assert!(matches!(admission.add(11_000, 0, &mut other), Err(NotTaken::TooLarge)));
        assert!(matches!(admission.add(2_000, 0, &mut other), Err(NotTaken::Quota)));
        let now = || {
            let Promised { all, unwritten } = *promised.locked();
            (all, unwritten)
        };
        assert_eq!(now(), (15_000, 11_000));
        one.written(4_000);
        one.written(100_000);
        assert_eq!(now(), (15_000, 5_000));
        drop(one);
        assert_eq!(now(), (5_000, 5_000));
        drop(other);
        assert_eq!(now(), (0, 0));
    }

    #[test]
    fn files_of_no_bytes_come_to_an_end() {
        let promised = Arc::new(Mutex::new(Promised::default()));
        let mut promise = Promise::of(&promised);
        let limits = DropBoxLimits { folder_bytes: Some(100 << 10), file_bytes: None };
        let admission = Admission { limits, room: Room::of(Path::new("/")), held: 0 };
        let taken = (0..1_000).take_while(|_| admission.add(0, 0, &mut promise).is_ok()).count();
        assert_eq!(taken, 25);
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
