//! Reads an own file: on the spot as long as the page cache has it, on a blocking thread and one piece ahead otherwise.
//!
//! A hop to another thread costs more than reading 64 KiB that are in memory, and a read that waits for a disk must keep
//! nobody else waiting. After each read the file is looked at again: a piece of a file that has changed is never given.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::SourceError;
use super::sendfile::{self, SendfileQueue};
use crate::folder::OpenedFile;
use crate::lock::LockExt;

/// The reading of a part of a file.
#[derive(Debug)]
pub(super) struct OwnReader {
    piece: Piece,
    state: State,
    /// Where bytes that are in memory go to the socket from there.
    sendfile: Option<SendfileQueue>,
}

#[derive(Debug)]
enum State {
    /// All reads so far found their bytes in memory.
    OnTheSpot,
    /// A thread reads the next piece.
    Ahead(JoinHandle<Result<Bytes, SourceError>>),
    /// All was given, or an error was.
    Over,
}

/// The piece to be read next: all that a thread must know.
#[derive(Debug, Clone)]
struct Piece {
    file: Arc<OpenedFile>,
    at: u64,
    end: u64,
    most: usize,
    spare: Arc<Spare>,
}

impl OwnReader {
    pub(super) fn new(file: Arc<OpenedFile>, part: Range<u64>, most: usize) -> Self {
        let piece = Piece { file, at: part.start, end: part.end, most, spare: Arc::default() };
        let state = if piece.is_none() { State::Over } else { State::OnTheSpot };
        Self { piece, state, sendfile: None }
    }

    /// From now on what is given is good for the connection of this sendfile, and for nothing else.
    pub(super) fn send_through(&mut self, sendfile: SendfileQueue) {
        self.sendfile = Some(sendfile);
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, SourceError>> {
        let (bytes, had_to_wait) = match &mut self.state {
            State::Over => return Poll::Ready(Ok(None)),
            State::OnTheSpot => match self.piece.on_the_spot(self.sendfile.as_ref()).transpose() {
                Some(bytes) => (bytes, false),
                None => {
                    self.state = State::Ahead(self.piece.read_elsewhere());
                    return self.poll_next(cx);
                }
            },
            State::Ahead(reading) => {
                let read = ready!(Pin::new(reading).poll(cx));
                (read.unwrap_or(Err(SourceError::Interrupted)), true)
            }
        };
        // Until it is known what comes next: nothing after an error.
        self.state = State::Over;
        let bytes = bytes?;
        self.piece.at += bytes.len() as u64;
        if !self.piece.is_none() {
            self.state = if had_to_wait { State::Ahead(self.piece.read_elsewhere()) } else { State::OnTheSpot };
        }
        Poll::Ready(Ok(Some(bytes)))
    }
}

impl Piece {
    fn is_none(&self) -> bool {
        self.at >= self.end
    }

    fn length(&self) -> usize {
        usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(self.most).min(self.most)
    }

    /// Reads on a thread where waiting keeps nobody.
    fn read_elsewhere(&self) -> JoinHandle<Result<Bytes, SourceError>> {
        let piece = self.clone();
        tokio::task::spawn_blocking(move || piece.read())
    }

    fn read(&self) -> Result<Bytes, SourceError> {
        let mut buffer = self.spare.take(self.length());
        let mut filled = 0;
        while let Some(rest @ [_, ..]) = buffer.get_mut(filled..) {
            match self.file.read_at(rest, self.at + filled as u64) {
                // The end of what was longer when it was opened.
                Ok(0) => return Err(SourceError::Changed),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.given(buffer, filled)
    }

    /// What of the piece is in memory, or what stands for it; `None` where that is nothing, or the system cannot say.
    fn on_the_spot(&self, sendfile: Option<&SendfileQueue>) -> Result<Option<Bytes>, SourceError> {
        match sendfile.and_then(|sendfile| Some((sendfile, self.stretch()?))) {
            Some(_) if sendfile::ahead(self.at) > 0 => self.read_on_the_spot(sendfile::ahead(self.at)),
            Some((sendfile, length)) => {
                if !self.file.is_unchanged()? {
                    return Err(SourceError::Changed);
                }
                let bytes = sendfile.stand_in(&self.file, self.at, length);
                bytes.map(Some).ok_or_else(|| io::Error::other("the connection does not send from files").into())
            }
            None => self.read_on_the_spot(self.length()),
        }
    }

    /// How much from here on can be sent from the file without waiting for a disk; never the end of what is wanted: see
    /// [`sendfile::tail`].
    fn stretch(&self) -> Option<usize> {
        let left = self.end.saturating_sub(self.at).saturating_sub(sendfile::tail());
        let length = usize::try_from(left).unwrap_or(sendfile::MOST).min(sendfile::MOST);
        // The kernel reads a file ahead, and gives pages up, in runs of about this.
        let is_in_memory = |step: usize| self.is_in_memory(self.at + step.min(length - 1) as u64);
        let is_there = length > 0 && is_in_memory(length) && (0..length).step_by(LOOKED_AT_EVERY).all(is_in_memory);
        is_there.then_some(length)
    }

    #[cfg(target_os = "linux")]
    fn is_in_memory(&self, at: u64) -> bool {
        use rustix::io::{ReadWriteFlags, preadv2};
        let mut byte = [0];
        preadv2(&self.file.file, &mut [io::IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) == Ok(1)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_in_memory(&self, _: u64) -> bool {
        false
    }

    /// What of so many bytes is in memory; `None` where that is nothing, or the system cannot say.
    #[cfg(target_os = "linux")]
    fn read_on_the_spot(&self, most: usize) -> Result<Option<Bytes>, SourceError> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let mut buffer = self.spare.take(most);
        let into = &mut [io::IoSliceMut::new(&mut buffer)];
        match preadv2(&self.file.file, into, self.at, ReadWriteFlags::NOWAIT) {
            Ok(0) => Err(SourceError::Changed),
            Ok(filled) => self.given(buffer, filled).map(Some),
            // Not in memory; or a file system that cannot promise not to wait.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => {
                self.spare.put_back(buffer);
                Ok(None)
            }
            Err(error) => Err(SourceError::Io(error.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_on_the_spot(&self, _: usize) -> Result<Option<Bytes>, SourceError> {
        Ok(None)
    }

    /// What was read, if it is still of the version that was opened.
    fn given(&self, buffer: Vec<u8>, filled: usize) -> Result<Bytes, SourceError> {
        if !self.file.is_unchanged()? {
            return Err(SourceError::Changed);
        }
        let lent = LentBuffer { buffer, spare: Arc::clone(&self.spare) };
        Ok(Bytes::from_owner(lent).slice(..filled))
    }
}

/// Buffers that were given out and came back: filling new memory with zeros for each piece would cost a third of the speed.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<u8>>>);

/// How often, in bytes, it is looked whether a stretch of a file is in memory.
const LOOKED_AT_EVERY: usize = 128 << 10;
/// How many are kept: one is read into while one is sent and one waits to be.
const SPARE: usize = 3;

impl Spare {
    fn take(&self, length: usize) -> Vec<u8> {
        let back = self.0.locked().pop();
        match back {
            Some(mut buffer) if buffer.len() >= length => {
                buffer.truncate(length);
                buffer
            }
            _ => vec![0; length],
        }
    }

    fn put_back(&self, buffer: Vec<u8>) {
        let mut back = self.0.locked();
        if back.len() < SPARE {
            back.push(buffer);
        }
    }
}

/// A buffer on its way out.
struct LentBuffer {
    buffer: Vec<u8>,
    spare: Arc<Spare>,
}

impl AsRef<[u8]> for LentBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for LentBuffer {
    fn drop(&mut self) {
        self.spare.put_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::future::poll_fn;
    use std::path::Path;

    use shared::SharedPath;
    use tempfile::TempDir;

    use super::*;
    use crate::folder::{Share, ShareOptions};

    const PIECE: usize = 1000;

    struct Site {
        dir: TempDir,
        content: Vec<u8>,
    }

    impl Site {
        fn new(length: usize) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            fs::write(dir.path().join("a"), &content).unwrap();
            // Long ago, so that any change shows.
            let file = fs::File::options().write(true).open(dir.path().join("a")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            Self { dir, content }
        }

        fn path(&self) -> std::path::PathBuf {
            self.dir.path().join("a")
        }

        fn open(&self, part: Range<u64>, how: How) -> OwnReader {
            let share = Share::open(Path::new(self.dir.path()), ShareOptions::default()).unwrap();
            let file = Arc::new(share.open_file(&SharedPath::parse("a").unwrap()).unwrap());
            let mut reader = OwnReader::new(file, part, PIECE);
            if how == How::Ahead && !reader.piece.is_none() {
                reader.state = State::Ahead(reader.piece.read_elsewhere());
            }
            reader
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum How {
        #[cfg(target_os = "linux")]
        OnTheSpot,
        Ahead,
    }

    #[cfg(target_os = "linux")]
    const WAYS: [How; 2] = [How::OnTheSpot, How::Ahead];
    #[cfg(not(target_os = "linux"))]
    const WAYS: [How; 1] = [How::Ahead];

    async fn next(reader: &mut OwnReader) -> Result<Option<Bytes>, SourceError> {
        poll_fn(|cx| reader.poll_next(cx)).await
    }

    #[tokio::test]
    async fn every_part_is_read_exactly() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let site = Site::new(length);
            for part in [0..length, length / 3..length, 0..length / 2, length / 3..length / 2, length..length] {
                for how in WAYS {
                    let mut reader = site.open(part.start as u64..part.end as u64, how);
                    let mut read = Vec::new();
                    while let Some(bytes) = next(&mut reader).await.unwrap() {
                        assert!(!bytes.is_empty() && bytes.len() <= PIECE);
                        read.extend_from_slice(&bytes);
                    }
                    assert!(read == site.content[part.clone()], "{part:?} of {length}");
                    assert!(next(&mut reader).await.unwrap().is_none());
                }
            }
        }
    }

    #[tokio::test]
    async fn no_piece_of_a_changed_file_is_given() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 4] = [
            ("grown", |path| {
                let mut file = fs::File::options().append(true).open(path).unwrap();
                io::Write::write_all(&mut file, b"x").unwrap();
            }),
            ("cut short", |path| fs::File::options().write(true).open(path).unwrap().set_len(1500).unwrap()),
            ("emptied", |path| fs::write(path, "").unwrap()),
            ("written anew", |path| fs::write(path, [0; 5 * PIECE]).unwrap()),
        ];
        for (what, change) in changes {
            for how in WAYS {
                let site = Site::new(5 * PIECE);
                let mut reader = site.open(0..5 * PIECE as u64, how);
                assert_eq!(next(&mut reader).await.unwrap().unwrap().len(), PIECE);
                change(&site.path());
                // What was read ahead before the change is still of the version that was announced.
                let mut left = 4;
                let error = loop {
                    match next(&mut reader).await {
                        Ok(Some(_)) if left > 3 && how == How::Ahead => left -= 1,
                        Ok(given) => panic!("{what}: {given:?}"),
                        Err(error) => break error,
                    }
                };
                assert!(matches!(error, SourceError::Changed), "{what}: {error}");
                assert!(next(&mut reader).await.unwrap().is_none(), "{what}: nothing comes after an error");
            }
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_was_renamed_or_removed_is_read_to_its_end() {
        for how in WAYS {
            let site = Site::new(5 * PIECE);
            let mut reader = site.open(0..5 * PIECE as u64, how);
            fs::remove_file(site.path()).unwrap();
            fs::write(site.path(), "another").unwrap();
            let mut read = Vec::new();
            while let Some(bytes) = next(&mut reader).await.unwrap() {
                read.extend_from_slice(&bytes);
            }
            assert!(read == site.content);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn memory_is_used_again_once_it_came_back() {
        let site = Site::new(9 * PIECE);
        let mut reader = site.open(0..9 * PIECE as u64, How::OnTheSpot);
        let mut places = std::collections::BTreeSet::new();
        while let Some(bytes) = next(&mut reader).await.unwrap() {
            places.insert(bytes.as_ptr());
        }
        assert_eq!(places.len(), 1);
    }
}
