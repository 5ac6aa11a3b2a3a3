//! Finds a file where it is held, and opens it there.

use std::ops::Range;
use std::sync::Arc;

use shared::{PeerUrl, SharedPath};

use super::audience::{self, Joined};
use super::holder::Holder;
use super::legacy::{self, Counted};
use super::relay::Relay;
use super::{FileVersion, ReadPermit, SendfileQueue, Source, SourceError, Version, proved};
use crate::folder::{OpenError, OpenedFile};
use crate::node::Node;

/// A file that was found, in the version that was wanted, not read yet.
#[derive(Debug)]
pub struct Found {
    version: Version,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Own(Arc<OpenedFile>),
    Elsewhere(Holder, PeerUrl, SharedPath),
}

/// What somebody wants to read of a file.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Whose file it is.
    pub peer: PeerUrl,
    /// Its path there.
    pub path: SharedPath,
    /// First byte.
    pub from: u64,
    /// How many, at most; none: to the end.
    pub length: Option<u64>,
    /// Only this version will do.
    pub version: Option<Version>,
    /// Who reads, as shown to whoever holds the file.
    pub reader: String,
    /// Only its peer may send it, nobody else who holds the same.
    pub alone: bool,
}

impl Reading {
    /// Which bytes of a file of this size are wanted.
    pub(super) fn range(&self, size: u64) -> Range<u64> {
        let from = self.from.min(size);
        from..from.saturating_add(self.length.unwrap_or(u64::MAX)).min(size)
    }
}

/// Finds a file and, where it is ours, opens it. Of another peer's only as much is known as we have heard.
///
/// # Errors
/// See [`SourceError`]; [`SourceError::Changed`] where there is only another version of it.
pub async fn find(node: &Node, wanted: &FileVersion) -> Result<Found, SourceError> {
    let holder = Holder::of(node, &wanted.peer)?;
    if let Holder::Own = holder {
        let opened = open_own(node, &wanted.path).await?;
        if opened.version() != wanted.version {
            return Err(SourceError::Changed);
        }
        return Ok(Found { version: opened.version(), held: Held::Own(opened) });
    }
    if let Holder::Tab(tab) = &holder
        && offered(node, tab.url(), &wanted.path)? != wanted.version
    {
        return Err(SourceError::Changed);
    }
    let held = Held::Elsewhere(holder, wanted.peer.clone(), wanted.path.clone());
    Ok(Found { version: wanted.version, held })
}

/// Begins to read a file, or a part of it, wherever it is held; with others who read it, where they do.
///
/// # Errors
/// See [`SourceError`].
pub async fn open(node: &Arc<Node>, reading: Reading) -> Result<Source, SourceError> {
    with_others(node, reading, async |reading| open_alone(node, reading).await).await
}

/// Reads with others, or as it is said.
async fn with_others(
    node: &Arc<Node>,
    reading: Reading,
    alone: impl AsyncFnOnce(Reading) -> Result<Source, SourceError>,
) -> Result<Source, SourceError> {
    match audience::join(node, &Holder::of(node, &reading.peer)?, &reading).await? {
        Joined::With(source) => Ok(source),
        Joined::First(first) => Ok(Source { first: Some(first), ..alone(reading).await? }),
        Joined::Alone => alone(reading).await,
    }
}

/// Begins to read it as if nobody else did.
pub(super) async fn open_alone(node: &Arc<Node>, reading: Reading) -> Result<Source, SourceError> {
    match Holder::of(node, &reading.peer)? {
        Holder::Own => {
            let opened = open_own(node, &reading.path).await?;
            if reading.version.is_some_and(|version| version != opened.version()) {
                return Err(SourceError::Changed);
            }
            let part = reading.range(opened.size);
            let place = ReadPermit::take(node, part.end - part.start).await?;
            Ok(Source::own(opened, part, place))
        }
        Holder::Legacy(peer) => {
            let version = match reading.version {
                Some(version) => version,
                None => match legacy::count(node, &peer, &reading.path).await? {
                    Counted::Kept(bytes) => return Ok(legacy::part_of(&bytes, &reading)),
                    counted @ Counted::Long(_) => counted.version(),
                },
            };
            legacy::read(node, &peer, &reading.path, version, reading.range(version.size)).await
        }
        holder => {
            let Reading { peer: _, path, from, length: left, version, reader, alone } = reading;
            Relay { node: Arc::clone(node), holder, path, from, left, version, reader, alone }.open().await
        }
    }
}

/// The same; where it is known what the file holds, nothing passes that is not that, and whoever else holds it goes on where
/// its peer cannot.
///
/// # Errors
/// See [`SourceError`].
pub async fn open_proved(node: &Arc<Node>, reading: Reading) -> Result<Source, SourceError> {
    with_others(node, reading, async |reading| open_proved_alone(node, reading).await).await
}

/// The same as if nobody else read it.
pub(super) async fn open_proved_alone(node: &Arc<Node>, reading: Reading) -> Result<Source, SourceError> {
    match Holder::of(node, &reading.peer)? {
        holder @ (Holder::Tab(_) | Holder::Node(_)) => match proved::open(node, &reading, holder).await? {
            Some(source) => Ok(source),
            None => open_alone(node, reading).await,
        },
        Holder::Own | Holder::Legacy(_) => open_alone(node, reading).await,
    }
}

/// The version that there is of a file.
///
/// # Errors
/// See [`SourceError`].
pub async fn look(node: &Arc<Node>, peer: &PeerUrl, path: &SharedPath, reader: &str) -> Result<Version, SourceError> {
    Ok(look_closely(node, peer, path, reader).await?.0)
}

/// The same, and whether its owner may run it, where its holder says.
///
/// # Errors
/// See [`SourceError`].
pub async fn look_closely(
    node: &Arc<Node>,
    peer: &PeerUrl,
    path: &SharedPath,
    reader: &str,
) -> Result<(Version, bool), SourceError> {
    match Holder::of(node, peer)? {
        Holder::Own => {
            let opened = open_own(node, path).await?;
            Ok((opened.version(), opened.executable))
        }
        Holder::Tab(tab) => Ok((offered(node, tab.url(), path)?, false)),
        Holder::Legacy(peer) => Ok((legacy::count(node, &peer, path).await?.version(), false)),
        holder @ Holder::Node(_) => {
            let (node, path, reader) = (Arc::clone(node), path.clone(), reader.to_owned());
            let nothing = Relay { node, holder, path, from: 0, left: Some(0), version: None, reader, alone: true };
            let source = nothing.open().await?;
            Ok((source.version(), source.is_executable()))
        }
    }
}

/// The version that there is of a file of our own.
///
/// # Errors
/// [`SourceError::Missing`]; [`SourceError::Busy`] or [`SourceError::Io`] where it cannot be opened;
/// [`SourceError::Interrupted`] when the node is ending.
pub async fn look_at_own(node: &Node, path: &SharedPath) -> Result<Version, SourceError> {
    Ok(open_own(node, path).await?.version())
}

impl Found {
    /// The version that was found.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether any part of it can be had, and its version tells it from others. Not so at a peer of 2004.
    #[must_use]
    pub fn can_seek(&self) -> bool {
        match &self.held {
            Held::Own(_) => true,
            Held::Elsewhere(holder, ..) => holder.can_seek(),
        }
    }

    /// Begins to read a part of it, to be sent over the connection of this sendfile, as soon as there is a place for one more
    /// reader.
    ///
    /// # Errors
    /// [`SourceError::Busy`] if there is none for too long; any other where somebody else holds it.
    pub(crate) async fn read(
        self,
        node: &Arc<Node>,
        part: Range<u64>,
        reader: &str,
        sendfile: Option<SendfileQueue>,
    ) -> Result<Source, SourceError> {
        let length = part.end.saturating_sub(part.start);
        match self.held {
            Held::Own(opened) => Ok(Source::own_through(sendfile, opened, part, ReadPermit::take(node, length).await?)),
            Held::Elsewhere(_, peer, path) => {
                let (from, length, version, reader) = (part.start, Some(length), Some(self.version), reader.to_owned());
                open_proved(node, Reading { peer, path, from, length, version, reader, alone: false }).await
            }
        }
    }
}

/// What a tab offers under this name.
fn offered(node: &Node, tab: &PeerUrl, path: &SharedPath) -> Result<Version, SourceError> {
    let entry = node.with_host(|host, _| host.entry(tab, path)).ok_or(SourceError::Missing)?;
    Ok(Version::from(&entry))
}

async fn open_own(node: &Node, path: &SharedPath) -> Result<Arc<OpenedFile>, SourceError> {
    if let Some(opened) = node.open_cache().opened(path) {
        return Ok(opened);
    }
    let (share, path) = (node.share(), path.clone());
    if let Some(opened) = share.open_file_at_once(&path).map(Arc::new) {
        node.open_cache().keep(&path, &opened);
        return Ok(opened);
    }
    let opening = tokio::task::spawn_blocking(move || share.open_file(&path));
    opening.await.map_err(|_| SourceError::Interrupted)?.map(Arc::new).map_err(|error| not_opened(&error))
}

/// What others are told of a file of ours that cannot be opened. Why that is stays in our log.
fn not_opened(error: &OpenError) -> SourceError {
    tracing::info!(%error, "a listed file cannot be served");
    match error {
        OpenError::Missing | OpenError::NotAFile | OpenError::Outside => SourceError::Missing,
        // It is there; too many open files, or a disk that is away, are another matter in a moment.
        OpenError::Io(_) => SourceError::Busy,
        // Asking again for a minute would not help, and says nothing of other files.
        OpenError::Denied => SourceError::Io(std::io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: a file of ours that could not be opened for a moment was gone for who asked, and what it had of it deleted.
    #[test]
    fn only_what_is_not_there_is_told_to_be_missing() {
        for gone in [OpenError::Missing, OpenError::NotAFile, OpenError::Outside] {
            assert!(matches!(not_opened(&gone), SourceError::Missing), "{gone}");
        }
        assert!(matches!(not_opened(&OpenError::Io(std::io::ErrorKind::Other.into())), SourceError::Busy));
        assert!(matches!(not_opened(&OpenError::Denied), SourceError::Io(_)));
    }
}
