//! Parts of a file of a modern node, and what proves them.

use std::ops::Range;

use shared::ContentId;
use shared::bridge::{self, Message, Read, ResetCode};
use shared::transfer::{Outline, Value, pieces_of};

use super::{CallError, ContentStream, Dialer};
use crate::link::{Link, LinkError, Replies, Reply};
use crate::source::Version;
use shared::PeerUrl;

/// How much of one part may be under way to us, in bytes: several are, at once.
const WINDOW: u32 = 2 << 20;

/// What a peer knows of what proves a file.
#[derive(Debug)]
pub enum Outlined {
    /// All of it.
    Known(Outline),
    /// Nothing yet; it was put first.
    Later,
    /// Nothing, and it will not.
    Never,
}

impl Dialer {
    /// A part of this version of a file of a modern node, as it comes, exactly as long as asked for.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004. The stream has errors of its own.
    pub async fn fetch_part(
        &self,
        url: &PeerUrl,
        name: &str,
        part: Range<u64>,
        version: Version,
    ) -> Result<ContentStream, CallError> {
        let window = self.window(WINDOW);
        part_of(&self.link(url).await?, read(url, name), part, version, window).await
    }

    /// The version that a modern node has of a file now.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004.
    pub async fn version_of(&self, url: &PeerUrl, name: &str) -> Result<Version, CallError> {
        let nothing = Read { length: Some(0), ..read(url, name) };
        let stream = ContentStream::of_bridge(self.link(url).await?.ask(nothing, 0).await?).await?;
        stream.version().ok_or_else(|| LinkError::Senseless.into())
    }

    /// What proves each piece of this version of a file, proved itself.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004.
    pub async fn outline(&self, url: &PeerUrl, name: &str, version: Version) -> Result<Outlined, CallError> {
        let path = name.to_owned();
        let asked = bridge::Outline {
            of: url.tab_path().to_owned(),
            path,
            version: Some(version.into()),
            id: None,
            peer: None,
        };
        Ok(outlined(self.link(url).await?.ask(asked, 0).await?, version).await?)
    }
}

/// What an answer to [`bridge::Outline`] says of this version of a file, proved itself.
///
/// # Errors
/// See [`LinkError`].
pub async fn outlined(mut replies: Replies, version: Version) -> Result<Outlined, LinkError> {
    let outlined = match replies.message().await {
        Ok(Message::Outlined(outlined)) => outlined,
        Ok(_) => return Err(LinkError::Senseless),
        // Of an earlier version.
        Err(error) if error.code() == Some(ResetCode::UNKNOWN) => return Ok(Outlined::Never),
        Err(error) => return Err(error),
    };
    if Version::from(outlined.version) != version {
        return Err(LinkError::Senseless);
    }
    let Some(id) = outlined.id.map(ContentId) else {
        return Ok(if outlined.later { Outlined::Later } else { Outlined::Never });
    };
    let count = match pieces_of(version.size) {
        1 => 0,
        pieces => usize::try_from(pieces).map_err(|_| LinkError::Senseless)?,
    };
    let mut bytes = Vec::new();
    while let Some(reply) = replies.next().await? {
        let Reply::Data(record) = reply else { return Err(LinkError::Senseless) };
        bytes.extend_from_slice(record.payload());
        if bytes.len() > count * size_of::<Value>() {
            return Err(LinkError::Senseless);
        }
    }
    let values = bytes.chunks_exact(size_of::<Value>()).filter_map(|value| value.try_into().ok()).collect();
    Outline::new(id, version.size, values).map(Outlined::Known).map_err(|_| LinkError::Senseless)
}

/// A part of what another receiver of a content has of it, `name` being its id.
///
/// # Errors
/// See [`CallError`]; the stream has errors of its own.
pub async fn fetch_part_over(
    link: &Link,
    name: &str,
    part: Range<u64>,
    version: Version,
) -> Result<ContentStream, CallError> {
    let (of, path) = (String::new(), name.to_owned());
    let all = Read { peer: None, of, path, from: 0, length: None, version: None, reader: None, aside: None };
    part_of(link, all, part, version, WINDOW).await
}

async fn part_of(
    link: &Link,
    all: Read,
    part: Range<u64>,
    version: Version,
    window: u32,
) -> Result<ContentStream, CallError> {
    let length = part.end.saturating_sub(part.start);
    let read = Read { from: part.start, length: Some(length), version: Some(version.into()), ..all };
    let stream = ContentStream::of_bridge(link.ask(read, window).await?).await?;
    if stream.at_most() != Some(length) || stream.version() != Some(version) {
        return Err(LinkError::Senseless.into());
    }
    Ok(stream)
}

/// All of a file, in any version.
fn read(url: &PeerUrl, name: &str) -> Read {
    Read {
        peer: None,
        of: url.tab_path().to_owned(),
        path: name.to_owned(),
        from: 0,
        length: None,
        version: None,
        reader: None,
        aside: None,
    }
}
