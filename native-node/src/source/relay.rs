//! A file that passes through this node: read from a tab, or from another node, over a session, under credit.
//!
//! A session that breaks is no end: the next one is asked for the rest of the same version, for as long as the holder may be
//! expected back. So whoever reads sees a pause, then more of the same bytes, or an error; never a short file. Where others
//! join in, [`Proved`] goes on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::SharedPath;
use shared::bridge::{File, Message, Read, ResetCode};
use shared::limits::{HOLDER_RETURN, PIECE_BYTES, RECORD_PAYLOAD_BYTES};
use tokio::time::Instant;

use super::holder::Holder;
use super::holding::Holding;
use super::proved::Proved;
use super::stall::StallDetector;
use super::together::Together;
use super::{Feeder, ReadPermit, Source, SourceError, Version};
use crate::link::{LinkError, Replies, Reply};
use crate::node::Node;

/// How long a holder may take for the next piece.
pub(super) const PATIENCE: Duration = HOLDER_RETURN;
/// How many sessions in a row may break without a byte, before a holder that keeps coming back is given up.
pub(super) const BREAKS: u32 = 3;

/// What is read.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) node: Arc<Node>,
    pub(super) holder: Holder,
    pub(super) path: SharedPath,
    /// Where the next byte stands in the file.
    pub(super) from: u64,
    /// How many are wanted, at most; once the file is known, exactly.
    pub(super) left: Option<u64>,
    pub(super) version: Option<Version>,
    pub(super) reader: String,
    /// Whether nobody else may send it.
    pub(super) alone: bool,
}

impl Relay {
    /// Begins to read, once the holder has said what of.
    pub(super) async fn open(mut self) -> Result<Source, SourceError> {
        // Before anything is asked: who waits holds nothing.
        let most = self.version.map_or(u64::MAX, |version| version.size.saturating_sub(self.from));
        let place = ReadPermit::relay(&self.node, most.min(self.left.unwrap_or(u64::MAX))).await?;
        let (replies, file) = self.ask(0).await?;
        let version = Version::from(file.version);
        (self.version, self.left) = (Some(version), Some(file.length));
        let (feeder, source) = Source::arriving(version, file.length, place);
        tokio::spawn(feeder.pour(async move |feeder: &Feeder| self.pour(replies, feeder).await));
        Ok(Source { is_executable: file.executable.unwrap_or_default(), ..source })
    }

    /// Asks for what is left, over whatever session there is or comes. `window` is as [`crate::link::Link::ask`] has it.
    pub(super) async fn ask(&self, window: u32) -> Result<(Replies, File), SourceError> {
        let mut breaks = 0;
        loop {
            let link = self.holder.link(&self.node).await?;
            let asked = async {
                let mut replies = link.ask(self.request(), window).await?.within(PATIENCE);
                let Message::File(file) = replies.message().await? else { return Err(LinkError::Senseless) };
                Ok((replies, file))
            };
            match asked.await {
                Ok((replies, file)) => {
                    self.check(&file)?;
                    return Ok((replies, file));
                }
                Err(LinkError::Interrupted) if breaks < BREAKS => breaks += 1,
                Err(error) => return Err(said(error)),
            }
        }
    }

    fn request(&self) -> Read {
        let version = self.version.map(Into::into);
        Read {
            peer: None,
            of: self.holder.path(),
            path: self.path.as_str().to_owned(),
            from: self.from,
            length: self.left,
            version,
            reader: Some(self.reader.clone()),
            aside: None,
        }
    }

    /// What the holder says it sends: the version that is wanted, and exactly what there is of what was asked for.
    fn check(&self, file: &File) -> Result<(), SourceError> {
        let version = Version::from(file.version);
        if self.version.is_some_and(|wanted| wanted != version) {
            return Err(SourceError::Changed);
        }
        let there_is = version.size.saturating_sub(self.from);
        if file.length != self.left.map_or(there_is, |wanted| wanted.min(there_is)) {
            return Err(SourceError::Failed("it answers with another part than was asked for".into()));
        }
        Ok(())
    }

    /// Gives all that comes, piece by piece as they are wanted.
    async fn pour(mut self, replies: Replies, feeder: &Feeder) -> Result<(), SourceError> {
        let (mut replies, mut breaks, mut stall) = (Some(replies), 0, StallDetector::new());
        loop {
            let before = Instant::now();
            // For the end of it nobody is waited for: it holds a place in the holder's session.
            if self.left != Some(0) && !feeder.wanted().await {
                return Err(SourceError::Interrupted);
            }
            stall.record(0, before.elapsed());
            let Some(coming) = &mut replies else {
                self.holder.back(&self.node).await?;
                match self.ask(0).await {
                    Ok((again, file)) => (replies, self.left) = (Some(again), Some(file.length)),
                    Err(SourceError::Interrupted | SourceError::NotHere) if breaks < BREAKS => breaks += 1,
                    Err(why) => return Err(why),
                }
                continue;
            };
            let left = self.left.filter(|_| !self.alone).unwrap_or_default();
            let is_stalled = self.from % (PIECE_BYTES as u64) < RECORD_PAYLOAD_BYTES as u64 && stall.is_stalled(left);
            let reply = match is_stalled {
                true => None,
                false => tokio::select! {
                    reply = coming.next() => Some(reply),
                    () = stall.until_stalled(left) => None,
                },
            };
            let Some(reply) = reply else {
                let Some((first, together)) = self.together().await else {
                    stall.back_off();
                    continue;
                };
                // It sends what it was asked for alone no more. From here on nobody is taken at their word, the first neither.
                drop(replies);
                let part = self.from..self.from.saturating_add(self.left.unwrap_or_default());
                let proved = Proved::new(self.node, self.reader, together.outline(), part, first);
                return proved.pour_on(together, feeder).await;
            };
            match reply {
                Ok(Some(Reply::Data(record))) => {
                    let bytes = Bytes::from_owner(record);
                    let (length, before) = (bytes.len(), Instant::now());
                    self.moved(length as u64)?;
                    breaks = 0;
                    feeder.give(bytes).await?;
                    stall.record(length, before.elapsed());
                }
                Ok(None) if self.left == Some(0) => return Ok(()),
                Ok(None) => return Err(SourceError::Changed),
                Ok(Some(_)) => return Err(said(LinkError::Senseless)),
                Err(LinkError::Interrupted) if breaks < BREAKS => {
                    breaks += 1;
                    replies = None;
                }
                Err(error) => return Err(said(error)),
            }
        }
    }

    fn moved(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.from = self.from.saturating_add(bytes);
        self.left = Some(self.left.unwrap_or_default().checked_sub(bytes).ok_or(SourceError::TooMuch)?);
        Ok(())
    }

    /// This holder and others who have the same, where it is known what this is.
    async fn together(&self) -> Option<(Holding, Together)> {
        let (first, id) = Holding::find(&self.node, &self.holder, &self.path, self.version)?;
        let together = Together::of(&self.node, &self.reader, first.clone(), id, None, &[]).await?;
        Some((first, together))
    }
}

/// What went wrong, as whoever reads is told.
pub(crate) fn said(error: LinkError) -> SourceError {
    match error.code() {
        Some(ResetCode::NOT_FOUND) => SourceError::Missing,
        Some(ResetCode::CHANGED) => SourceError::Changed,
        Some(ResetCode::BUSY) => SourceError::Busy,
        Some(ResetCode::GONE) => SourceError::NotHere,
        _ if error == LinkError::Interrupted => SourceError::Interrupted,
        _ => SourceError::Failed(error.to_string()),
    }
}
