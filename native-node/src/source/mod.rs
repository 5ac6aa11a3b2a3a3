//! The bytes of one version of one file, in pieces, wherever it is held.
//!
//! Whoever reads a [`Source`] cannot tell a file on our disk from one that another peer sends, and need not: it gets exactly
//! the bytes that were announced or an error, never fewer, never more, never those of another version. What they are sent
//! in (plain HTTP, XML, records of the bridge) is not known here.

mod arriving;
mod audience;
mod find;
mod holder;
mod holders;
mod holding;
mod legacy;
mod open_cache;
mod own;
mod permit;
mod proved;
mod relay;
mod send;
mod sendfile;
mod stall;
mod together;

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use shared::bridge::{self, ResetCode};
use shared::{Entry, PeerUrl, SharedPath};

use crate::folder::OpenedFile;
use audience::First;
use own::OwnReader;

pub use arriving::{Feeder, PIECES_AHEAD};
pub(crate) use audience::Audiences;
pub use find::{Found, Reading, find, look, look_at_own, look_closely, open, open_proved};
pub(crate) use holder::Holder;
pub(crate) use open_cache::OpenFileCache;
pub use permit::ReadPermit;
pub(crate) use permit::{Relays, SMALL};
pub(crate) use relay::said;
pub(crate) use send::{broken_off, send};
pub(crate) use sendfile::{SendfileQueue, SendfileStream};

/// What tells one version of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Length in bytes.
    pub size: u64,
    /// Last change, in nanoseconds since 1970-01-01 UTC.
    pub modified: i64,
}

impl From<bridge::Version> for Version {
    fn from(bridge::Version { size, modified }: bridge::Version) -> Self {
        Self { size, modified }
    }
}

impl From<&Entry> for Version {
    fn from(&Entry { size, modified, .. }: &Entry) -> Self {
        Self { size, modified }
    }
}

impl From<Version> for bridge::Version {
    fn from(Version { size, modified }: Version) -> Self {
        Self { size, modified }
    }
}

/// One version of one file of one peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileVersion {
    /// Whose file it is; ours for the URL of this node.
    pub peer: PeerUrl,
    /// Its path there.
    pub path: SharedPath,
    /// Which version.
    pub version: Version,
}

/// Why the bytes of a file cannot be had, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The peer that holds it cannot be reached from here.
    #[error("the peer that holds the file is not here")]
    NotHere,
    /// It has no such file, or none that it shows to others.
    #[error("the file is not there any more, or cannot be read")]
    Missing,
    /// It has another version of it, or the file changes while it is read.
    #[error("the file has changed since; look for it again")]
    Changed,
    /// As many are read as may be at once, or the file is there and cannot be opened at this moment.
    #[error("too many downloads at once here, or the file cannot be opened now; try again in a while")]
    Busy,
    /// The other end went away, or this node is ending.
    #[error("the transfer was interrupted")]
    Interrupted,
    /// The other end sent more than it announced.
    #[error("the peer that holds the file sent more than it announced")]
    TooMuch,
    /// What came is not what the file is known to hold, and nobody else has it.
    #[error("the peer that holds the file sends something else than it promised")]
    Lied,
    /// What the peer that holds it says, or what is wrong with its answer; made fit to be shown.
    #[error("the peer that holds the file does not send it: {0}")]
    Failed(String),
    /// What the system said of reading our own disk.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl SourceError {
    /// The same for the program at the other end of a session.
    #[must_use]
    pub fn code(&self) -> ResetCode {
        match self {
            Self::NotHere => ResetCode::GONE,
            Self::Missing => ResetCode::NOT_FOUND,
            Self::Changed => ResetCode::CHANGED,
            Self::Busy => ResetCode::BUSY,
            Self::Interrupted | Self::TooMuch | Self::Lied | Self::Failed(_) | Self::Io(_) => ResetCode::OTHER,
        }
    }
}

/// The bytes of a file from an offset on, in pieces. It holds two of these at most, and its place among the streams.
#[derive(Debug)]
pub struct Source {
    version: Version,
    is_executable: bool,
    /// Bytes still to be given.
    left: u64,
    held: Held,
    #[expect(dead_code, reason = "held, not read: it is given back when the reading ends")]
    place: ReadPermit,
    #[expect(dead_code, reason = "held, not read: others see by it that somebody reads the file")]
    first: Option<Arc<First>>,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Held {
    /// A file of our own.
    Own(OwnReader),
    /// Somebody else's, as it comes in.
    Arriving(arriving::Arriving),
}

impl Source {
    /// A part of an own file that is open.
    #[must_use]
    pub fn own(opened: Arc<OpenedFile>, part: Range<u64>, place: ReadPermit) -> Self {
        let (version, is_executable) = (opened.version(), opened.executable);
        let left = part.end.saturating_sub(part.start);
        Self {
            version,
            is_executable,
            left,
            held: Held::Own(OwnReader::new(opened, part, place.piece())),
            place,
            first: None,
        }
    }

    /// The same, over a connection that may send from files: what is given for its bytes is then good for nothing else.
    #[must_use]
    pub(crate) fn own_through(
        sendfile: Option<SendfileQueue>,
        opened: Arc<OpenedFile>,
        part: Range<u64>,
        place: ReadPermit,
    ) -> Self {
        let mut source = Self::own(opened, part, place);
        if let (Held::Own(reader), Some(sendfile)) = (&mut source.held, sendfile) {
            reader.send_through(sendfile);
        }
        source
    }

    /// A part of a file that somebody else sends: what is given to the feeder comes out here, `length` bytes in all. The
    /// feeder waits while [`PIECES_AHEAD`] pieces are not taken yet; the deadlines are its own.
    #[must_use]
    pub fn arriving(version: Version, length: u64, place: ReadPermit) -> (Feeder, Self) {
        let (feeder, arriving) = arriving::channel(length);
        (
            feeder,
            Self { version, is_executable: false, left: length, held: Held::Arriving(arriving), place, first: None },
        )
    }

    /// The version these bytes are of.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the owner of the file may run it, where its holder says.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.is_executable
    }

    /// How many bytes are still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes, never none of them; `None` once all were given.
    ///
    /// # Errors
    /// See [`SourceError`]. What was given before is then a part of a file that may not exist any more, and nothing comes
    /// after it.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Source::next`].
    ///
    /// # Errors
    /// The same.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, SourceError>> {
        let next = match &mut self.held {
            Held::Own(reader) => ready!(reader.poll_next(cx)),
            Held::Arriving(arriving) => ready!(arriving.poll_next(cx)),
        };
        Poll::Ready(match next? {
            None if self.left > 0 => Err(SourceError::Interrupted),
            None => Ok(None),
            Some(bytes) => {
                self.left = self.left.checked_sub(bytes.len() as u64).ok_or(SourceError::TooMuch)?;
                Ok(Some(bytes))
            }
        })
    }
}

/// Those of `bytes`, which begin at byte `at` of a file, that are of this part of it.
fn cut(mut bytes: Bytes, at: u64, part: &Range<u64>) -> Bytes {
    // Both are at most its length.
    bytes.truncate(part.end.saturating_sub(at).min(bytes.len() as u64) as usize);
    bytes.split_off(part.start.saturating_sub(at).min(bytes.len() as u64) as usize)
}
