//! One file from a peer's answer into a part file, or into memory where it is small, with a bound on its size; slowness is
//! the dialer's business.

use std::sync::Arc;

use shared::transfer::Hashing;
use shared::{ContentId, SharedPath};

use super::MAX_UNANNOUNCED;
use crate::dial::{CallError, ContentStream};
use crate::folder::{Arrived, Destination, PartFile, SaveError, Stamp};
use crate::link::LinkError;

/// How much is gathered before it goes to the disk, in bytes: two of these are all that a file on its way holds.
const PIECE: usize = 512 << 10;
/// Files up to this size wait in memory for the group they are saved with, in bytes.
pub(super) const SMALL: usize = 32 << 10;

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error("it sends more than the {0} bytes it may; see --max-file-size")]
    Endless(u64),
    #[error("it is larger than --max-file-size by now")]
    TooLarge,
    #[error("a file of that name appeared here meanwhile")]
    Appeared,
    #[error("what it sends is not what it says the file holds")]
    Lied,
    #[error("interrupted")]
    Stopped,
}

impl FetchError {
    /// Whether the way to the peer was lost, and may be found again.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Call(CallError::Unreachable(_) | CallError::Link(LinkError::Interrupted)))
    }
}

/// What a file may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The size in the peer's listing, if it told one.
    pub(super) announced: Option<u64>,
    /// The bound that the person gave.
    pub(super) given: Option<u64>,
}

impl Bounds {
    /// A file may have grown since it was listed; a gigabyte out of a kilobyte is another matter.
    fn most(self, content: &ContentStream) -> u64 {
        let listed = self.announced.map(|size| size.saturating_mul(2).saturating_add(1 << 20));
        let given = self.given.or_else(|| listed.is_none().then_some(MAX_UNANNOUNCED));
        // What HTTP announces was not there to be seen before the file was chosen.
        [listed, given, content.at_most()].into_iter().flatten().min().unwrap_or(MAX_UNANNOUNCED)
    }
}

/// Streams the content, which must be that of `id` where that is known, into a part file of `target`. Answers what arrived
/// and its length in bytes. Whatever goes wrong, and when the caller gives up waiting, the part is gone.
pub(super) async fn arrive(
    mut content: ContentStream,
    destination: &Arc<Destination>,
    target: &SharedPath,
    bounds: Bounds,
    id: Option<ContentId>,
    moved: impl Fn(u64),
) -> Result<(Arrived, u64), FetchError> {
    let most = bounds.most(&content);
    let mut total = 0_u64;
    let mut hashing = id.map(|_| Hashing::default());
    let mut part = Part::NotYet(Arc::clone(destination), target.clone());
    loop {
        let mut piece = Vec::new();
        let mut more = true;
        while more && piece.len() < PIECE {
            let before = piece.len();
            more = content.next(&mut piece).await?;
            let came = (piece.len() - before) as u64;
            total += came;
            moved(came);
            if total > most {
                return Err(FetchError::Endless(most));
            }
        }
        if let Some(hashing) = &mut hashing {
            hashing.push(&piece);
        }
        if !more && hashing.as_ref().map(Hashing::id) != id {
            return Err(FetchError::Lied);
        }
        part = match part {
            Part::NotYet(destination, path) if !more && piece.len() <= SMALL => {
                let (stamp, is_proved) = (Stamp::default(), id.is_some());
                return Ok((Arrived::Small { destination, path, bytes: piece, stamp, is_proved }, total));
            }
            part if !more => {
                let finished = blocking(move || part.write(&piece).map(PartFile::finish)).await?;
                return Ok((Arrived::Part(finished).proved(id.is_some()), total));
            }
            part => blocking(move || part.write(&piece).map(Part::Open)).await?,
        };
    }
}

/// A part file that is only made once there is something to put into it: an empty one would be left by a dead peer.
enum Part {
    NotYet(Arc<Destination>, SharedPath),
    Open(PartFile),
}

impl Part {
    fn write(self, piece: &[u8]) -> Result<PartFile, SaveError> {
        let mut part = match self {
            Self::NotYet(destination, target) => destination.begin(&target)?,
            Self::Open(part) => part,
        };
        part.write_all(piece)?;
        Ok(part)
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SaveError> + Send + 'static,
) -> Result<T, FetchError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| FetchError::Stopped)?.map_err(FetchError::from)
}
