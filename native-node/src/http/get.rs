//! `GET /get/{ticket}/{name}`: one file, or some as one archive, to whoever holds a ticket for it, to be resumed at will and
//! never taken for whole while it is not.
//!
//! What is sent is a stranger's file at our own address, so a browser must neither run it nor guess what it is: unless a
//! ticket is for a preview of a harmless kind it can only be saved.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use http_body::{Frame, SizeHint};

use super::conditions::{Facts, Verdict};
use super::disposition::{attachment, shown_as};
use super::serve::Peer;
use crate::archive::{self, Archive};
use crate::node::Node;
use crate::source::{self, Found, SendfileQueue, Source, SourceError, Version};
use crate::ticket::{Grant, Ticket, Use};

/// On every answer below `/get/`, also on those without a file.
const GUARDED: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Asked for again each time: a ticket that is over must not live on in a browser's cache.
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
];

/// Answers GET and HEAD.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    Extension(Peer(address)): Extension<Peer>,
    sendfile: Option<Extension<SendfileQueue>>,
    method: Method,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    let reader = Reader { name: address.ip().to_string(), sendfile: sendfile.map(|Extension(sendfile)| sendfile) };
    let mut response = match answer(&node, &reader, &method, &uri, &asked).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(GUARDED);
    response
}

/// Who reads, and over which connection.
struct Reader {
    name: String,
    sendfile: Option<SendfileQueue>,
}

type Refused = (StatusCode, String);

async fn answer(
    node: &Arc<Node>,
    reader: &Reader,
    method: &Method,
    uri: &Uri,
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    // What follows the ticket is for people; it is not even decoded.
    let ticket = uri.path().split('/').nth(2).and_then(Ticket::parse);
    let Some(grant) = ticket.and_then(|ticket| node.redeem_ticket(ticket)) else {
        let words = "This link is not good, or not any more. Look for the file again to get a new one.\n";
        return Err((StatusCode::NOT_FOUND, words.to_owned()));
    };
    let given = Given::find(node, &grant).await.map_err(|why| refusal(&why))?;
    let facts = given.facts();
    let size = given.version().size;
    let can_seek = given.can_seek();
    let verdict = if can_seek { facts.judge(method, asked) } else { Verdict::Whole };
    let mut response = match verdict {
        Verdict::Whole => send(node, method, given, 0..size, reader).await?,
        Verdict::Part(part) => {
            let range = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
            let mut response = send(node, method, given, part, reader).await?;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert(&mut response, header::CONTENT_RANGE, HeaderValue::try_from(range).ok());
            response
        }
        Verdict::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            // Or the length of this empty answer would be said to be that of the file.
            insert(&mut response, header::CONTENT_LENGTH, Some(size.into()));
            insert(&mut response, header::ETAG, facts.tag());
            insert(&mut response, header::LAST_MODIFIED, facts.last_modified());
            return Ok(response);
        }
        Verdict::Failed => {
            return Err((StatusCode::PRECONDITION_FAILED, "This is another version of the file.\n".into()));
        }
        Verdict::Unsatisfiable => {
            let words = "The file has no such part.\n";
            let mut response = (StatusCode::RANGE_NOT_SATISFIABLE, words).into_response();
            insert(&mut response, header::CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{size}")).ok());
            insert(&mut response, header::ACCEPT_RANGES, Some(HeaderValue::from_static("bytes")));
            return Ok(response);
        }
    };
    let (media_type, disposition) = shape(&grant);
    insert(&mut response, header::CONTENT_TYPE, Some(HeaderValue::from_static(media_type)));
    insert(&mut response, header::CONTENT_DISPOSITION, Some(disposition));
    if can_seek {
        insert(&mut response, header::ACCEPT_RANGES, Some(HeaderValue::from_static("bytes")));
        insert(&mut response, header::ETAG, facts.tag());
        insert(&mut response, header::LAST_MODIFIED, facts.last_modified());
    }
    Ok(response)
}

/// What is given, not read yet.
enum Given {
    File(Found),
    Archive(Arc<Archive>),
}

impl Given {
    /// Of an archive nothing is opened yet: what has changed of it is told where it is come to.
    async fn find(node: &Node, grant: &Grant) -> Result<Self, SourceError> {
        match grant {
            Grant::File { file, .. } => source::find(node, file).await.map(Self::File),
            Grant::Archive(archive) => Ok(Self::Archive(Arc::clone(archive))),
            Grant::DropBox => Err(SourceError::Missing),
        }
    }

    fn version(&self) -> Version {
        match self {
            Self::File(found) => found.version(),
            Self::Archive(archive) => archive.version(),
        }
    }

    fn facts(&self) -> Facts {
        match self {
            Self::File(found) => Facts::new(found.version()),
            Self::Archive(archive) => Facts::tagged(archive.version(), archive.tag()),
        }
    }

    fn can_seek(&self) -> bool {
        match self {
            Self::File(found) => found.can_seek(),
            Self::Archive(archive) => archive.can_seek(),
        }
    }

    async fn read(self, node: &Arc<Node>, part: Range<u64>, reader: &Reader) -> Result<Source, SourceError> {
        match self {
            Self::File(found) => found.read(node, part, &reader.name, reader.sendfile.clone()).await,
            Self::Archive(archive) => Ok(archive::open(node, &archive, part, &reader.name)),
        }
    }
}

/// As what it is sent.
fn shape(grant: &Grant) -> (&'static str, HeaderValue) {
    match grant {
        Grant::File { file, for_use } => {
            let name = file.path.file_name();
            match shown_as(name).filter(|_| *for_use == Use::Preview) {
                Some(media_type) => (media_type, HeaderValue::from_static("inline")),
                None => ("application/octet-stream", attachment(name)),
            }
        }
        Grant::Archive(archive) => (archive.format().media_type(), attachment(archive.name())),
        // Nothing is found by it.
        Grant::DropBox => ("application/octet-stream", HeaderValue::from_static("attachment")),
    }
}

fn insert(response: &mut Response, name: HeaderName, value: Option<HeaderValue>) {
    value.map(|value| response.headers_mut().insert(name, value));
}

/// A part of it as a body; for HEAD only its length.
async fn send(
    node: &Arc<Node>,
    method: &Method,
    given: Given,
    part: Range<u64>,
    reader: &Reader,
) -> Result<Response, Refused> {
    let length = part.end.saturating_sub(part.start);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let mut source = given.read(node, part, reader).await.map_err(|why| refusal(&why))?;
        // The first piece before the head: what fails at once is answered in words, and what is small goes out in one.
        let first = source.next().await.map_err(|why| refusal(&why))?;
        match first {
            None => Body::empty(),
            Some(bytes) if source.left() == 0 => Body::from(bytes),
            Some(bytes) => Body::new(Sending { first: Some(bytes), source }),
        }
    };
    let mut response = body.into_response();
    insert(&mut response, header::CONTENT_LENGTH, Some(length.into()));
    Ok(response)
}

/// Why there is no file, in words.
fn refusal(why: &SourceError) -> Refused {
    let status = match why {
        SourceError::Missing => StatusCode::NOT_FOUND,
        SourceError::Changed => StatusCode::GONE,
        SourceError::NotHere | SourceError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        SourceError::Interrupted | SourceError::TooMuch | SourceError::Lied | SourceError::Failed(_) => {
            StatusCode::BAD_GATEWAY
        }
        SourceError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{why}\n"))
}

/// The body: pieces as they are read. Its error cuts the connection, so that nobody takes a part for the whole.
#[derive(Debug)]
struct Sending {
    first: Option<Bytes>,
    source: Source,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let next = ready!(self.source.poll_next(cx));
        if let Err(error) = &next {
            tracing::info!(%error, "a file could not be sent to its end; the connection is cut");
        }
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.source.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.first.as_ref().map_or(0, |first| first.len() as u64) + self.source.left())
    }
}

#[cfg(test)]
#[path = "get_tests.rs"]
mod tests;
