//! Files that members put at this node, where it takes any: as what each is kept, and how many come at once.
//!
//! They go into the shared folder, so that everybody finds them, under the paths that they are given with. Nothing that is
//! there is replaced: what is another file gets a number. Fetching them is `download`'s, as of every other file.

use std::io;
use std::path::Path;

use shared::{Entry, SharedPath};

use crate::download::{Offered, Places};
use crate::folder::{CommitQueue, Destination, Planned, SaveError};
use crate::node::Node;

/// Parts of large files at once, of all who put any; each holds some three mebibytes.
const PARTS: usize = 8;
/// Numbers of one name that are tried.
const MOST_NUMBERED: u32 = 100;

/// What all who put files here share.
#[derive(Debug)]
pub(crate) struct DropBox {
    commits: CommitQueue,
    places: Places,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("a name like this is not shared here (it begins with a dot, or is one of the program's own)")]
    Hidden,
    #[error("there are too many other files of that name")]
    Crowded,
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// As what a file is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under this path, which is free.
    At(SharedPath),
    /// It is here already.
    Here(SharedPath),
}

impl DropBox {
    /// Takes nothing yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self { commits: CommitQueue::start()?, places: Places::new(PARTS) })
    }

    /// Saves what came.
    pub(crate) fn commits(&self) -> CommitQueue {
        self.commits.clone()
    }

    /// How much may be on its way at once.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }
}

/// As what `file` is kept in the folder that this node shares. Looks at the disk.
///
/// # Errors
/// See [`NotTaken`].
pub(crate) fn place_for(node: &Node, into: &Destination, file: &Offered) -> Result<Place, NotTaken> {
    if !node.share().offers(&file.path) {
        return Err(NotTaken::Hidden);
    }
    let numbered = (1..=MOST_NUMBERED).map_while(|number| file.path.numbered(number).ok());
    for path in std::iter::once(file.path.clone()).chain(numbered) {
        match into.final_name(&path)? {
            Planned::SaveAs(path) => return Ok(Place::At(path)),
            Planned::AlreadyHere(Some(here)) if is_same(file, &here, node.entry(&path).as_ref()) => {
                return Ok(Place::Here(path));
            }
            Planned::AlreadyHere(_) => {}
        }
    }
    Err(NotTaken::Crowded)
}

/// Whether what is here is the file that is put: it holds the same or, where that is not known, has its size and its time, which a
/// file that was put keeps.
fn is_same(file: &Offered, here: &Entry, listed: Option<&Entry>) -> bool {
    let is_listed = |listed: &&Entry| (listed.size, listed.modified) == (here.size, here.modified);
    let id = listed.filter(is_listed).and_then(|listed| listed.id);
    match id.zip(file.id) {
        Some((here, put)) => here == put,
        None => file.size == Some(here.size) && file.version.is_some_and(|version| version.modified == here.modified),
    }
}

/// Opens the folder to put files into; where it is on the disk, nobody is told. None while it is gone: a folder of that name is
/// not made anew, it may be where a disk is to be mounted.
pub(crate) fn open(node: &Node) -> Option<Destination> {
    let folder = node.folder();
    folder.is_dir().then(|| Destination::open_as(folder, Path::new(node.name())).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Version;
    use shared::ContentId;

    #[test]
    fn what_holds_the_same_is_here_already_whatever_its_time() {
        let put = |id: Option<u8>| Offered {
            name: "a".into(),
            path: SharedPath::parse("a").unwrap(),
            size: Some(5),
            modified: Some(1),
            version: Some(Version { size: 5, modified: 1_000_000_000 }),
            id: id.map(|byte| ContentId([byte; 32])),
            executable: false,
        };
        let entry = |modified: i64, id: Option<u8>| Entry {
            id: id.map(|byte| ContentId([byte; 32])),
            ..Entry::unread(5, modified)
        };
        let then = entry(7, None);
        assert!(is_same(&put(Some(1)), &then, Some(&entry(7, Some(1)))));
        assert!(!is_same(&put(Some(2)), &then, Some(&entry(7, Some(1)))));
        // What is listed is another version than what is on the disk by now.
        assert!(!is_same(&put(Some(1)), &then, Some(&entry(8, Some(1)))));
        let same_time = entry(1_000_000_000, None);
        assert!(is_same(&put(Some(1)), &same_time, None) && is_same(&put(None), &same_time, None));
        assert!(!is_same(&put(Some(1)), &same_time, Some(&entry(1_000_000_000, Some(2)))));
        assert!(!is_same(&put(None), &Entry::unread(6, 1_000_000_000), None));
    }
}
