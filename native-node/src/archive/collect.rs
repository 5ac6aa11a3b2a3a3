//! Finds the files of an archive where they are held, each in the version that there is of it now.
//!
//! All of them, or there is no archive: one that silently lacks a file would look whole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use shared::limits::ARCHIVE_FILES;
use shared::{PeerUrl, Printable, SharedPath, safe_name};
use tokio::sync::Semaphore;

use super::{Archive, Format, Member};
use crate::node::Node;
use crate::source::{self, FileVersion, Holder, SourceError};

/// How long all of it may take: a page asks for a minute.
const PATIENCE: Duration = Duration::from_secs(50);
/// Files of one archive that are looked at at once.
const LOOKS: usize = 16;
/// Archives that are collected at once.
const AT_ONCE: usize = 8;

/// One file that is to be in an archive.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Who holds it.
    pub(crate) peer: PeerUrl,
    /// Its path there.
    pub(crate) path: SharedPath,
}

/// What is to be collected.
#[derive(Debug)]
pub(crate) struct Collecting {
    /// What the archive is to be called; its ending says what kind it is.
    pub(crate) name: String,
    /// The files in their order.
    pub(crate) files: Vec<Wish>,
    /// Who will read them, as shown to whoever holds them.
    pub(crate) reader: String,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("an archive is called something with .zip or .tar at the end")]
    Name,
    #[error("there is no file to be put into it")]
    Empty,
    #[error("at most {ARCHIVE_FILES} files in one archive")]
    TooMany,
    #[error("it would be longer than a file can be")]
    TooLong,
    #[error("it takes too long to look at all the files; ask for fewer at once")]
    Slow,
    /// The file as shown, and what is wrong with it.
    #[error("{0}: {1}")]
    File(String, SourceError),
}

/// Looks at all the files.
pub(crate) async fn collect(node: &Arc<Node>, collecting: Collecting) -> Result<Arc<Archive>, CollectError> {
    static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
    let Collecting { name, files, reader } = collecting;
    let format = Format::of_name(&name).ok_or(CollectError::Name)?;
    match files.len() {
        0 => return Err(CollectError::Empty),
        1..=ARCHIVE_FILES => {}
        _ => return Err(CollectError::TooMany),
    }
    // An original has one thread, and drops the sixth caller.
    let old = Semaphore::new(1);
    let collected = async {
        let _place = PLACES.acquire().await.map_err(|_| CollectError::Slow)?;
        let looks = futures_util::stream::iter(files).map(|wish| member(node, wish, &reader, &old)).buffered(LOOKS);
        looks.try_collect::<Vec<_>>().await
    };
    let members = tokio::time::timeout(PATIENCE, collected).await.map_err(|_| CollectError::Slow)??;
    Archive::new(&safe_name(&name), format, members).map(Arc::new).ok_or(CollectError::TooLong)
}

async fn member(node: &Arc<Node>, wish: Wish, reader: &str, old: &Semaphore) -> Result<Member, CollectError> {
    let Wish { peer, path } = wish;
    let wrong = |why| CollectError::File(Printable::short(path.as_str(), 100).to_string(), why);
    let can_seek = Holder::of(node, &peer).map_err(wrong)?.can_seek();
    let _turn = match can_seek {
        true => None,
        false => Some(old.acquire().await.map_err(|_| CollectError::Slow)?),
    };
    let (version, is_executable) = source::look_closely(node, &peer, &path, reader).await.map_err(wrong)?;
    Ok(Member { file: FileVersion { peer, path, version }, is_executable, can_seek })
}
