//! The bytes of a part of an archive, made and read as they are taken.
//!
//! A stream of it holds what one file's stream holds, and some small pieces put together. A file that is another version by
//! then, or whose holder is gone, ends it with an error before its length is reached.

use std::ops::Range;
use std::sync::Arc;

use super::Archive;
use super::layout::Stretch;
use crate::node::Node;
use crate::source::{self, Feeder, ReadPermit, Reading, Source, SourceError};

/// Up to this many bytes are put together before they are sent: a thousand small files are not three thousand packets.
const TOGETHER: usize = 64 << 10;

/// Begins to send a part of an archive. `reader` is who wants it, as shown to whoever holds the files.
pub(crate) fn open(node: &Arc<Node>, archive: &Arc<Archive>, part: Range<u64>, reader: &str) -> Source {
    let length = part.end.saturating_sub(part.start);
    // The files take their own places, one after the other.
    let (feeder, source) = Source::arriving(archive.version(), length, ReadPermit::small());
    let sending = Sending {
        node: Arc::clone(node),
        archive: Arc::clone(archive),
        reader: reader.to_owned(),
        gathered: Vec::new(),
    };
    tokio::spawn(feeder.pour(async move |feeder: &Feeder| sending.pour(part, feeder).await));
    source
}

struct Sending {
    node: Arc<Node>,
    archive: Arc<Archive>,
    reader: String,
    gathered: Vec<u8>,
}

impl Sending {
    async fn pour(mut self, mut part: Range<u64>, feeder: &Feeder) -> Result<(), SourceError> {
        let archive = Arc::clone(&self.archive);
        while let Some(piece) = archive.layout.first(&part) {
            part.start += piece.part.end - piece.part.start;
            if let Stretch::Content(file) = piece.of {
                self.send_content(file, piece.part, feeder).await?;
                continue;
            }
            let sum = match archive.layout.needs_sum(piece.of) {
                Some(file) => self.sum(file).await?,
                None => 0,
            };
            let made = archive.layout.made(piece.of, sum);
            let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let bytes = made.get(within(piece.part.start)..within(piece.part.end)).unwrap_or_default();
            self.gather(bytes, feeder).await?;
        }
        self.flush(feeder).await
    }

    async fn send_content(&mut self, file: usize, part: Range<u64>, feeder: &Feeder) -> Result<(), SourceError> {
        let mut at = part.start;
        let mut source = self.open(file, part).await?;
        while let Some(bytes) = source.next().await? {
            self.add(file, at, &bytes);
            at += bytes.len() as u64;
            if bytes.len() < TOGETHER / 2 {
                self.gather(&bytes, feeder).await?;
            } else {
                self.flush(feeder).await?;
                feeder.give(bytes).await?;
            }
        }
        Ok(())
    }

    /// The sum of a whole file. What of it nobody has read yet is read, and not sent.
    async fn sum(&self, file: usize) -> Result<u32, SourceError> {
        let size = self.archive.layout.size_of(file);
        let upto = match self.archive.sums.of(file, size) {
            Ok(sum) => return Ok(sum),
            Err(upto) => upto,
        };
        let mut at = upto;
        let mut source = self.open(file, upto..size).await?;
        while let Some(bytes) = source.next().await? {
            self.add(file, at, &bytes);
            at += bytes.len() as u64;
        }
        self.archive.sums.of(file, size).map_err(|_| SourceError::Changed)
    }

    fn add(&self, file: usize, at: u64, bytes: &[u8]) {
        if self.archive.layout.needs_sum(Stretch::Tail(file)).is_some() {
            self.archive.sums.push(file, at, bytes);
        }
    }

    async fn open(&self, file: usize, part: Range<u64>) -> Result<Source, SourceError> {
        let wanted = self.archive.files.get(file).ok_or(SourceError::Missing)?;
        let reading = Reading {
            peer: wanted.peer.clone(),
            path: wanted.path.clone(),
            from: part.start,
            length: Some(part.end - part.start),
            version: Some(wanted.version),
            reader: self.reader.clone(),
            alone: false,
        };
        source::open_proved(&self.node, reading).await
    }

    async fn gather(&mut self, bytes: &[u8], feeder: &Feeder) -> Result<(), SourceError> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() < TOGETHER { Ok(()) } else { self.flush(feeder).await }
    }

    async fn flush(&mut self, feeder: &Feeder) -> Result<(), SourceError> {
        if self.gathered.is_empty() { Ok(()) } else { feeder.give(std::mem::take(&mut self.gathered).into()).await }
    }
}
