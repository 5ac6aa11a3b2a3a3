//! The bytes of a file as an XML-RPC answer: streamed, of a length known before the first byte, and never short.
//!
//! A file that changes under way ends the connection: nobody takes it for the whole.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use shared::xmlrpc::{ContentChanged, ContentWriter, Value, reply_length};
use shared::{Entry, Fault, Form, PeerUrl, SharedPath};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::folder::{OpenError, OpenedFile, Share, inspect_unless};
use crate::node::Node;
use crate::source::{self, ReadPermit, Reading, SMALL, Source, SourceError, Version};

/// How long a large file that nobody has looked into yet is looked at before it is sent as bytes: one that is written to all
/// the time would be read to its end for each who asks.
const INSPECTION_PATIENCE: Duration = Duration::from_secs(30);

/// One file on its way out.
#[derive(Debug)]
pub struct Content {
    /// Length of the whole answer, in bytes.
    length: u64,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Whole { file: Vec<u8>, document: Vec<u8> },
    Large { source: Source, form: Form },
}

impl Content {
    /// Opens a file of one of our peers and finds out how its bytes can be sent. `reader` is who wants them.
    ///
    /// # Errors
    /// As [`Content::open`].
    pub(super) async fn open_at(
        node: &Arc<Node>,
        peer: &PeerUrl,
        path: SharedPath,
        entry: Entry,
        reader: String,
    ) -> Result<Self, Fault> {
        if peer == node.url() {
            return Self::open(node, path, entry).await;
        }
        let version = Some(Version::from(&entry));
        let reading = Reading { peer: peer.clone(), path, from: 0, length: None, version, reader, alone: false };
        let mut source = source::open_proved(node, reading).await.map_err(|why| refusal(&why))?;
        if entry.size > SMALL {
            let (form, length) = (entry.form, reply_length(entry.form, entry.size));
            return Ok(Self { length, held: Held::Large { source, form } });
        }
        let mut bytes = Vec::new();
        while let Some(piece) = source.next().await.map_err(|why| refusal(&why))? {
            bytes.extend_from_slice(&piece);
        }
        whole(bytes)
    }

    /// Opens a shared file of our own and finds out how its bytes can be sent.
    ///
    /// # Errors
    /// A fault for a file that is gone, cannot be read, or that no place could be found for in time.
    async fn open(node: &Arc<Node>, path: SharedPath, entry: Entry) -> Result<Self, Fault> {
        // Before it is opened: who waits holds no file.
        let place = ReadPermit::take(node, entry.size).await.map_err(|why| refusal(&why))?;
        let share = node.share();
        // Nobody waits any more where this is dropped.
        let unwanted = CancellationToken::new();
        let (_unwanted, begun) = (unwanted.clone().drop_guard(), Instant::now());
        let is_over = move || unwanted.is_cancelled() || begun.elapsed() > INSPECTION_PATIENCE;
        let opening = tokio::task::spawn_blocking(move || open(&share, &path, entry, place, is_over));
        opening.await.map_err(|_| Fault::new(Fault::INTERNAL, "the node is shutting down"))?
    }

    /// The answer's body.
    pub(super) fn into_body(self) -> Body {
        match self.held {
            Held::Whole { document, .. } => Body::from(document),
            Held::Large { source, form } => {
                let writing = Writing::new(form, source.version().size);
                Body::new(Stream { left: self.length, source, next: Next::Read(writing) })
            }
        }
    }

    /// The content as a value inside a larger answer; none where it is too large to be held.
    pub(super) fn into_value(self) -> Option<Value> {
        match self.held {
            Held::Whole { file, .. } => Some(match String::from_utf8(file) {
                Ok(text) => Value::String(text),
                Err(error) => Value::Bytes(error.into_bytes()),
            }),
            Held::Large { .. } => None,
        }
    }
}

/// Why a file is not given, in words for the caller.
pub(super) fn refusal(why: &SourceError) -> Fault {
    Fault::new(Fault::APPLICATION, why.to_string())
}

/// What a file that cannot be opened is answered with. The reason stays in our log.
fn missing(error: OpenError) -> Fault {
    tracing::info!(%error, "a listed file cannot be served");
    refusal(&SourceError::Missing)
}

/// Everything that has to touch the disk before the first byte of the answer.
fn open(
    share: &Share,
    path: &SharedPath,
    entry: Entry,
    place: ReadPermit,
    is_over: impl Fn() -> bool,
) -> Result<Content, Fault> {
    let opened = share.open_file(path).map_err(missing)?;
    if opened.size <= SMALL {
        return read_whole(&opened);
    }
    let is_known = (opened.size, opened.modified) == (entry.size, entry.modified);
    let form = match entry.form {
        form if is_known && form != Form::Unknown => form,
        // As bytes it can always be sent.
        _ => {
            let found = inspect_unless(&opened, is_over).map_err(|error| missing(OpenError::Io(error)))?;
            found.unwrap_or(Form::Binary)
        }
    };
    let (size, length) = (opened.size, reply_length(form, opened.size));
    Ok(Content { length, held: Held::Large { source: Source::own(Arc::new(opened), 0..size, place), form } })
}

/// A small file as an answer in one piece.
fn read_whole(opened: &OpenedFile) -> Result<Content, Fault> {
    let unreadable = |error: io::Error| missing(OpenError::Io(error));
    let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or_default() + 1);
    (&opened.file).take(SMALL + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    whole(bytes)
}

/// An answer in one piece.
fn whole(bytes: Vec<u8>) -> Result<Content, Fault> {
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
    Ok(Content { length, held: Held::Whole { file: bytes, document } })
}

/// The body: one piece is written in XML on another thread, which takes as long as sending it, while the one before is sent.
#[derive(Debug)]
struct Stream {
    left: u64,
    source: Source,
    next: Next,
}

/// What becomes of the next piece.
#[derive(Debug)]
enum Next {
    /// It is read.
    Read(Writing),
    /// It is written in XML.
    Written(JoinHandle<Written>),
    /// There is none.
    Over,
}

/// A piece of the document, and what goes on writing it unless it was the last.
type Written = Result<(Vec<u8>, Option<Writing>), ContentChanged>;

/// The document as far as it is written.
#[derive(Debug)]
struct Writing {
    writer: ContentWriter,
    /// What stands before the first piece.
    prefix: &'static [u8],
}

impl Writing {
    fn new(form: Form, size: u64) -> Self {
        let writer = ContentWriter::new(form, size);
        Self { prefix: writer.prefix(), writer }
    }

    /// Writes a piece, and the end after the last.
    fn write(mut self, bytes: &[u8], is_last: bool) -> Written {
        let prefix = std::mem::take(&mut self.prefix);
        let mut document = Vec::with_capacity(prefix.len() + bytes.len() + bytes.len() / 2);
        document.extend_from_slice(prefix);
        self.writer.push(bytes, &mut document)?;
        if !is_last {
            return Ok((document, Some(self)));
        }
        self.writer.finish(&mut document)?;
        Ok((document, None))
    }
}

impl Stream {
    /// Has the next piece written as soon as it is read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if let Next::Read(_) = &self.next {
            let bytes = ready!(self.source.poll_next(cx))?.unwrap_or_default();
            let is_last = self.source.left() == 0;
            if let Next::Read(writing) = std::mem::replace(&mut self.next, Next::Over) {
                self.next = Next::Written(tokio::task::spawn_blocking(move || writing.write(&bytes, is_last)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_document(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, BoxError>> {
        ready!(self.poll_read(cx))?;
        let Next::Written(writing) = &mut self.next else { return Poll::Ready(Ok(None)) };
        let written = ready!(Pin::new(writing).poll(cx));
        self.next = Next::Over;
        let (document, writing) = written??;
        self.next = writing.map_or(Next::Over, Next::Read);
        // One ahead. What goes wrong there ends it a piece earlier, which is as good.
        if let Poll::Ready(Err(error)) = self.poll_read(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(Some(document)))
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match ready!(self.poll_document(cx)) {
            Ok(None) => None,
            Ok(Some(document)) => {
                self.left = self.left.saturating_sub(document.len() as u64);
                Some(Ok(Frame::data(document.into())))
            }
            Err(error) => {
                self.next = Next::Over;
                tracing::info!(%error, "a file changed or could not be read while it was sent; the connection is cut");
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.next, Next::Over)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
