//! The bytes of a file as an XML-RPC answer: streamed, of a length known before the first byte, and never short.
//!
//! Reading and escaping happen on blocking threads, one chunk at a time and one chunk ahead, so that a reader who pauses
//! holds two chunks and no thread. A file that changes under way ends the connection: nobody takes it for the whole.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use shared::xmlrpc::{ContentWriter, Value, reply_length};
use shared::{Entry, Fault, Form, SharedPath};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::folder::{OpenError, OpenedFile, inspect_file};
use crate::node::Node;

/// Files up to this size are answered in one piece, without a task of their own, in bytes.
const WHOLE: u64 = 64 << 10;
/// What a stream reads at a time, in bytes: two of these are all that it holds.
const CHUNK: usize = 256 << 10;
/// The same while many streams are under way.
const SMALL_CHUNK: usize = 32 << 10;
/// How long a download waits for one of the node's places for streams.
const PATIENCE: Duration = Duration::from_secs(30);

/// One file on its way out.
#[derive(Debug)]
pub struct Content {
    /// Length of the whole answer, in bytes.
    length: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Whole { file: Vec<u8>, document: Vec<u8> },
    Stream(Reader),
}

impl Content {
    /// Opens a shared file and finds out how its bytes can be sent.
    ///
    /// # Errors
    /// A fault for a file that is gone, cannot be read, or that no place could be found for in time.
    pub(super) async fn open(node: &Arc<Node>, path: SharedPath, entry: Entry) -> Result<Self, Fault> {
        // Small files take no place: they hold no more than their own answer.
        let chunk = if node.is_calm() { CHUNK } else { SMALL_CHUNK };
        let place = if entry.size > WHOLE { Some(take_place(node).await?) } else { None };
        let share = node.share();
        let opened =
            tokio::task::spawn_blocking(move || open(&share.open_file(&path).map_err(refusal)?, entry, chunk, place));
        opened.await.map_err(|_| Fault::new(Fault::INTERNAL, "the node is shutting down"))?
    }

    /// The answer's body.
    pub(super) fn into_body(self) -> Body {
        match self.source {
            Source::Whole { document, .. } => Body::from(document),
            Source::Stream(reader) => Body::new(Stream { left: self.length, next: Some(reader.read_ahead()) }),
        }
    }

    /// The content as a value inside a larger answer; none where it is too large to be held.
    pub(super) fn into_value(self) -> Option<Value> {
        match self.source {
            Source::Whole { file, .. } => Some(match String::from_utf8(file) {
                Ok(text) => Value::String(text),
                Err(error) => Value::Bytes(error.into_bytes()),
            }),
            Source::Stream(_) => None,
        }
    }
}

async fn take_place(node: &Arc<Node>) -> Result<OwnedSemaphorePermit, Fault> {
    let busy = || Fault::new(Fault::APPLICATION, "too many downloads at once here; try again in a while");
    tokio::time::timeout(PATIENCE, node.places()).await.map_err(|_| busy())?.map_err(|_| busy())
}

/// What a file that cannot be opened is answered with. The reason stays in our log.
fn refusal(error: OpenError) -> Fault {
    tracing::info!(%error, "a listed file cannot be served");
    Fault::new(Fault::APPLICATION, "the file is not there any more, or cannot be read")
}

/// Everything that has to touch the disk before the first byte of the answer.
fn open(
    opened: &OpenedFile,
    entry: Entry,
    chunk: usize,
    place: Option<OwnedSemaphorePermit>,
) -> Result<Content, Fault> {
    let unreadable = |error: io::Error| refusal(OpenError::Io(error));
    if opened.size <= WHOLE {
        let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or_default() + 1);
        (&opened.file).take(WHOLE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let mut inspector = shared::xmlrpc::Inspector::new();
        inspector.push(&bytes);
        let size = bytes.len() as u64;
        let form = inspector.finish();
        let length = reply_length(form, size);
        let mut document = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let mut writer = ContentWriter::new(form, size);
        document.extend_from_slice(writer.prefix());
        let written = writer.push(&bytes, &mut document).and_then(|()| writer.finish(&mut document));
        written.map_err(|changed| Fault::new(Fault::INTERNAL, changed.to_string()))?;
        return Ok(Content { length, source: Source::Whole { file: bytes, document } });
    }
    let unchanged = (opened.size, opened.modified) == (entry.size, entry.modified);
    let form = match entry.form {
        Form::Unknown => inspect_file(opened).map_err(unreadable)?,
        form if unchanged => form,
        _ => inspect_file(opened).map_err(unreadable)?,
    };
    let mut file = opened.file.try_clone().map_err(unreadable)?;
    io::Seek::rewind(&mut file).map_err(unreadable)?;
    let writer = ContentWriter::new(form, opened.size);
    let prefix = writer.prefix().to_vec();
    let reader = Reader { file, writer: Some(writer), prefix, buffer: vec![0; chunk], place };
    Ok(Content { length: reply_length(form, opened.size), source: Source::Stream(reader) })
}

/// The reading end of a stream: moved to a blocking thread for each chunk, and back.
#[derive(Debug)]
struct Reader {
    file: File,
    /// Taken by the last chunk.
    writer: Option<ContentWriter>,
    prefix: Vec<u8>,
    buffer: Vec<u8>,
    #[expect(dead_code, reason = "held, not read: it gives the place back when the stream ends")]
    place: Option<OwnedSemaphorePermit>,
}

type Chunk = io::Result<(Vec<u8>, Option<Reader>)>;

impl Reader {
    fn read_ahead(self) -> JoinHandle<Chunk> {
        tokio::task::spawn_blocking(move || self.read())
    }

    /// The next bytes of the document, and the reader unless these were the last.
    fn read(mut self) -> Chunk {
        let mut document = std::mem::take(&mut self.prefix);
        let Some(mut writer) = self.writer.take() else { return Ok((document, None)) };
        let mut filled = 0;
        while let Some(rest @ [_, ..]) = self.buffer.get_mut(filled..) {
            match self.file.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let bytes = self.buffer.get(..filled).unwrap_or_default();
        document.reserve(filled + filled / 2);
        writer.push(bytes, &mut document).map_err(io::Error::other)?;
        if filled < self.buffer.len() {
            writer.finish(&mut document).map_err(io::Error::other)?;
            return Ok((document, None));
        }
        self.writer = Some(writer);
        Ok((document, Some(self)))
    }
}

/// The body: the chunk that is being read while the one before is being sent.
#[derive(Debug)]
struct Stream {
    left: u64,
    next: Option<JoinHandle<Chunk>>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(reading) = &mut self.next else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).and_then(|chunk| chunk);
        self.next = None;
        Poll::Ready(Some(match read {
            Ok((document, reader)) => {
                self.next = reader.map(Reader::read_ahead);
                self.left = self.left.saturating_sub(document.len() as u64);
                Ok(Frame::data(document.into()))
            }
            Err(error) => {
                tracing::info!(%error, "a file changed or could not be read while it was sent; the connection is cut");
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
