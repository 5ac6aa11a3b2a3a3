//! A file that passes through this node and of which it is known what it holds: each piece is proved before any of it is given
//! on, and where its holder goes away, or sends something else, whoever else has that content goes on.
//!
//! A piece is held in the records that it came in, which are hashed as they come. They keep their room in the session until
//! they are given on: no more is held than of a file that is not proved, but for a quarter of a piece and what proves it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use shared::transfer::{Outline, PIECE_BYTES, PieceHashing};
use tokio::time::Instant;

use super::find::Reading;
use super::holder::Holder;
use super::holders::{Holders, Standing};
use super::holding::Holding;
use super::relay::{BREAKS, said};
use super::stall::StallDetector;
use super::together::Together;
use super::{Feeder, ReadPermit, Source, SourceError, cut};
use crate::link::{LinkError, Replies, Reply};
use crate::node::Node;

/// What is read, and from whom at the moment.
#[derive(Debug)]
pub(super) struct Proved {
    node: Arc<Node>,
    reader: String,
    outline: Arc<Outline>,
    /// Which bytes are wanted.
    part: Range<u64>,
    /// Where the next piece begins.
    at: u64,
    from: Holding,
    /// None where it is to be asked again.
    replies: Option<Replies>,
    /// Of a record that goes on into the next piece.
    rest: Bytes,
    /// What there is of the next piece.
    begun: Begun,
    stall: StallDetector,
    /// Sessions that broke without a piece.
    breaks: u32,
    holders: Holders,
}

/// A piece that is not whole yet: its parts, each with the room that it keeps.
#[derive(Debug)]
struct Begun {
    parts: Vec<(Bytes, usize)>,
    hashing: PieceHashing,
    /// How many bytes are still to come.
    left: usize,
}

impl Begun {
    /// The one that begins at this byte.
    fn at(at: u64, outline: &Outline) -> Self {
        let left = outline.size().saturating_sub(at).min(PIECE_BYTES as u64) as usize;
        Self { parts: Vec::new(), hashing: PieceHashing::new(at / PIECE_BYTES as u64), left }
    }
}

/// Begins to read, from whoever has it; none where nobody can prove anything of the file.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn open(node: &Arc<Node>, reading: &Reading, holder: Holder) -> Result<Option<Source>, SourceError> {
    let Some((mut from, id)) = Holding::find(node, &holder, &reading.path, reading.version) else { return Ok(None) };
    let version = from.version;
    let part = reading.range(version.size);
    if part.is_empty() || !from.can_be_proved() {
        return Ok(None);
    }
    let place = ReadPermit::relay(node, part.end - part.start).await?;
    let at = beginning(part.start);
    let mut holders = Holders::default();
    let (outline, replies) = loop {
        let begun = async {
            let Some(outline) = from.outline(node, id).await? else { return Ok(None) };
            let replies = from.ask(node, &reading.reader, at..part.end).await?;
            Ok(Some((outline, replies)))
        };
        match begun.await {
            Ok(Some(begun)) => break begun,
            Ok(None) => return Ok(None),
            Err(why) => {
                holders.note(&from, Standing::after(&why));
                from = holders.next(node, id, version.size).await.ok_or(why)?;
            }
        }
    };
    let (feeder, source) = Source::arriving(version, part.end - part.start, place);
    let new = Proved::new(Arc::clone(node), reading.reader.clone(), Arc::new(outline), part, from);
    let mut proved = Proved { replies: Some(replies), holders, ..new };
    tokio::spawn(feeder.pour(async move |feeder: &Feeder| proved.pour(feeder).await));
    Ok(Some(source))
}

impl Proved {
    /// Nobody is asked yet.
    pub(super) fn new(node: Arc<Node>, reader: String, outline: Arc<Outline>, part: Range<u64>, from: Holding) -> Self {
        let at = beginning(part.start);
        let (begun, stall, holders) = (Begun::at(at, &outline), StallDetector::new(), Holders::default());
        let rest = Bytes::new();
        Self { node, reader, outline, part, at, from, replies: None, rest, begun, stall, breaks: 0, holders }
    }

    /// Gives all of it, at first from several holders.
    pub(super) async fn pour_on(mut self, together: Together, feeder: &Feeder) -> Result<(), SourceError> {
        self.pour_together(together, feeder).await?;
        self.pour(feeder).await
    }

    async fn pour(&mut self, feeder: &Feeder) -> Result<(), SourceError> {
        while self.at < self.part.end {
            let before = Instant::now();
            if !feeder.wanted().await {
                return Err(SourceError::Interrupted);
            }
            self.stall.record(0, before.elapsed());
            let left = self.part.end - self.at;
            let Some(replies) = &mut self.replies else {
                self.ask_again().await?;
                continue;
            };
            if self.stall.is_stalled(left) {
                self.join_others(feeder).await?;
                continue;
            }
            let piece = tokio::select! {
                piece = piece(&mut self.begun, replies, &mut self.rest, &self.outline) => piece,
                () = self.stall.until_stalled(left) => {
                    self.join_others(feeder).await?;
                    continue;
                }
            };
            match piece {
                Ok(piece) => self.give(piece, feeder).await?,
                Err(why) => self.go_on_after(why).await?,
            }
        }
        Ok(())
    }

    async fn give(&mut self, piece: Vec<(Bytes, usize)>, feeder: &Feeder) -> Result<(), SourceError> {
        self.breaks = 0;
        for (bytes, room) in piece {
            let at = self.at;
            self.at += bytes.len() as u64;
            let bytes = cut(bytes, at, &self.part);
            let (length, before) = (bytes.len(), Instant::now());
            if !bytes.is_empty() {
                feeder.give(bytes).await?;
            }
            self.stall.record(length, before.elapsed());
            self.replies.iter_mut().for_each(|replies| replies.release(room));
        }
        self.begun = Begun::at(self.at, &self.outline);
        Ok(())
    }

    /// Goes on with several holders, if there are any.
    async fn join_others(&mut self, feeder: &Feeder) -> Result<(), SourceError> {
        let (first, id) = (self.from.clone(), self.outline.id());
        let (outline, but) = (Some(Arc::clone(&self.outline)), self.holders.left_out());
        match Together::of(&self.node, &self.reader, first, id, outline, &but).await {
            Some(together) => self.pour_together(together, feeder).await,
            None => {
                self.stall.back_off();
                Ok(())
            }
        }
    }

    async fn pour_together(&mut self, mut together: Together, feeder: &Feeder) -> Result<(), SourceError> {
        // It sends what it was asked for alone no more.
        self.replies = None;
        let begin = self.at.max(self.part.start);
        let mut part = begin..self.part.end;
        let poured = together.pour(&mut part, feeder).await;
        if part.start > begin {
            self.breaks = 0;
        }
        self.part.start = part.start;
        self.at = beginning(part.start);
        for (holding, standing) in together.left_out() {
            self.holders.note(&holding, standing);
        }
        self.stall.back_off();
        match poured {
            Ok(None) => self.at = self.part.end,
            Ok(Some(one)) => self.from = one,
            Err(why) => self.go_on(why).await?,
        }
        Ok(())
    }

    async fn go_on_after(&mut self, why: SourceError) -> Result<(), SourceError> {
        self.holders.note(&self.from, Standing::after(&why));
        self.go_on(why).await
    }

    /// Has somebody else go on from the next piece; there being nobody, whoever broke off, when it is back.
    async fn go_on(&mut self, why: SourceError) -> Result<(), SourceError> {
        self.replies = None;
        let next = match self.holders.next(&self.node, self.outline.id(), self.outline.size()).await {
            None if self.breaks < BREAKS => {
                self.breaks += 1;
                self.holders.back(&self.node).await
            }
            next => next,
        };
        let Some(next) = next else { return Err(why) };
        tracing::info!(peer = ?next.holder.url(), %why, "another holder goes on");
        self.from = next;
        Ok(())
    }

    /// Asks for all from the next piece on.
    async fn ask_again(&mut self) -> Result<(), SourceError> {
        self.rest = Bytes::new();
        self.begun = Begun::at(self.at, &self.outline);
        match self.from.ask(&self.node, &self.reader, self.at..self.part.end).await {
            Ok(replies) => {
                self.replies = Some(replies);
                Ok(())
            }
            Err(why) => self.go_on_after(why).await,
        }
    }
}

/// Where the piece begins that this byte is of.
fn beginning(at: u64) -> u64 {
    at - at % PIECE_BYTES as u64
}

/// The next piece, proved. What there is of it is kept where this is dropped.
async fn piece(
    begun: &mut Begun,
    replies: &mut Replies,
    rest: &mut Bytes,
    outline: &Outline,
) -> Result<Vec<(Bytes, usize)>, SourceError> {
    while begun.left > 0 {
        let (mut bytes, room) = if rest.is_empty() {
            match replies.next().await {
                Ok(Some(Reply::Data(record))) => (Bytes::from_owner(record), replies.keep()),
                Ok(None) => return Err(SourceError::Changed),
                Ok(Some(_)) => return Err(said(LinkError::Senseless)),
                Err(error) => return Err(said(error)),
            }
        } else {
            (std::mem::take(rest), 0)
        };
        *rest = bytes.split_off(begun.left.min(bytes.len()));
        begun.left -= bytes.len();
        begun.hashing.push(&bytes);
        begun.parts.push((bytes, room));
    }
    let parts = std::mem::take(&mut begun.parts);
    if outline.proves_hashed(&begun.hashing) { Ok(parts) } else { Err(SourceError::Lied) }
}
