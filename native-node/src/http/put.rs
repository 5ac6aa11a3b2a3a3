//! `PUT /put/{ticket}/{path}`: a file into this node's drop box, from whatever speaks HTTP and no more (`curl -T`).
//!
//! ```text
//! body ─► a piece of 256 KiB ─► the next waits ─► a thread that writes ─► flushed now and then ─► the group commit
//! ```
//! It is admitted before a byte of it is asked for (`Expect: 100-continue`, RFC 9110, 10.1.1), and answered once it is whole,
//! durable and under its name. Nothing proves the way here: what came is hashed later, as everything in the folder is.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use shared::{Printable, SharedPath};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Duration, Instant};

use super::pace::{LEAST_BYTES, STALL};
use super::serve::Peer;
use crate::download::Offered;
use crate::drop_box::{DropBox, DropTurn, NotTaken, Place, Planning, Promise};
use crate::folder::{Arrived, Destination, FinishedPart, LastingPart, SaveError, Saved};
use crate::node::Node;
use crate::ticket::{Grant, Ticket};

/// What is written at a time, in bytes: one is filled, one waits, one is written.
const PIECE: usize = 256 << 10;
/// Files that come this way at once.
const AT_ONCE: usize = 8;
/// Files of its name and size that are looked into for whether what came is here already.
const TWINS: usize = 3;
/// How long a file waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

type Refused = (StatusCode, String);

/// Answers with the path that the file has here: 201, or 200 where it was here already.
pub(super) async fn put(
    State(node): State<Arc<Node>>,
    Extension(Peer(address)): Extension<Peer>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    match keep(&node, address, &head.uri, &head.headers, body).await {
        Ok(Saved { path, was_here }) => {
            let status = if was_here { StatusCode::OK } else { StatusCode::CREATED };
            (status, format!("{path}\n")).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn keep(
    node: &Arc<Node>,
    address: SocketAddr,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Saved, Refused> {
    let mut steps = uri.path().splitn(4, '/').skip(2);
    let grant = steps.next().and_then(Ticket::parse).and_then(|ticket| node.redeem_ticket(ticket));
    let drop_box = node.drop_box().filter(|_| matches!(grant.as_deref(), Some(Grant::DropBox)));
    let drop_box =
        drop_box.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "this address is not good, or not any more"))?;
    let file = announced(steps.next().unwrap_or_default(), headers)?;
    let (size, path) = (file.size.unwrap_or_default(), file.path.clone());

    let busy = || refuse(StatusCode::SERVICE_UNAVAILABLE, "too many files are put here at once; try again later");
    let _turn = tokio::time::timeout(PATIENCE, turn(drop_box, address)).await.ok().flatten().ok_or_else(busy)?;
    let Planning { into, mut places, promise } = drop_box.plan(node, vec![file]).await.ok_or_else(busy)?;
    let into = match (into, places.pop()) {
        (_, Some((_, Err(why)))) => return Err(not_taken(&why)),
        // A number is given to it in the end, when it is known whether it is another file.
        (Some(into), Some((_, Ok(Place::At(_) | Place::Here(_))))) => into,
        (..) => return Err(not_taken(&NotTaken::Gone)),
    };
    let part = match receive(body, into, path, size, &promise).await? {
        Received::New(part) => part,
        Received::Known(path) => return Ok(Saved { path, was_here: true }),
    };
    let saved = drop_box.commits().commit(Arrived::Part(part)).await.map_err(|why| not_saved(&why))?;
    tracing::info!(file = %Printable(saved.path.as_str()), from = %address, "a file was put here");
    promise.until_listed(node, saved.path.clone());
    Ok(saved)
}

/// A turn among all who put files here, of which those who need only an address for it leave some to members.
async fn turn(drop_box: &DropBox, from: SocketAddr) -> Option<(SemaphorePermit<'static>, DropTurn<'_>)> {
    static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
    Some((PLACES.acquire().await.ok()?, drop_box.turn(from.ip()).await?))
}

/// What came.
enum Received {
    New(FinishedPart),
    /// It is here, as this.
    Known(SharedPath),
}

/// What is to come, as the request says before its body.
fn announced(path: &str, headers: &HeaderMap) -> Result<Offered, Refused> {
    let bad = |words| refuse(StatusCode::BAD_REQUEST, words);
    let name = percent_decode_str(path).decode_utf8().map_err(|_| bad("the name of the file is no UTF-8"))?;
    if name.is_empty() {
        return Err(bad("the name of the file is missing: it follows the last / of this address"));
    }
    let path = SharedPath::parse(&name).map_err(|_| bad("this name is no name of a file"))?.to_saved();
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(bad("a file is put here whole, not in parts (Content-Range)"));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the file as it is (Content-Encoding)"));
    }
    let size = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let size = size.ok_or_else(|| refuse(StatusCode::LENGTH_REQUIRED, "say how long the file is (Content-Length)"))?;
    let name = name.into_owned();
    Ok(Offered { name, path, size: Some(size), modified: None, version: None, id: None, executable: false })
}

/// All of the body, written. Whatever goes wrong, and when nobody waits any more, nothing is left of it.
async fn receive(
    body: Body,
    into: Destination,
    path: SharedPath,
    size: u64,
    promise: &Promise,
) -> Result<Received, Refused> {
    let (hand_over, pieces) = mpsc::channel(1);
    let writing = tokio::task::spawn_blocking(move || {
        // No words for what it holds: nobody could go on with it.
        let part = Arc::new(into.resume(&path, &[], size)?);
        write(&part, pieces)?;
        Ok(part.finish()?.map(|part| match part.twin(TWINS) {
            // What is put once more is kept once.
            Some(twin) => Received::Known(twin),
            None => Received::New(part),
        }))
    });
    let came = gather(body, hand_over, promise).await;
    let ended = || refuse(StatusCode::INTERNAL_SERVER_ERROR, "the file could not be written");
    let written = writing.await.map_err(|_| ended())?.map_err(|why| not_saved(&why))?;
    came?;
    written.ok_or_else(ended)
}

fn write(part: &Arc<LastingPart>, mut pieces: mpsc::Receiver<Vec<u8>>) -> Result<(), SaveError> {
    let mut at = 0;
    while let Some(piece) = pieces.blocking_recv() {
        part.write_at(&piece, at)?;
        at += piece.len() as u64;
        if part.is_flush_due() {
            let part = Arc::clone(part);
            drop(tokio::task::spawn_blocking(move || part.flush()));
        }
    }
    Ok(())
}

/// Hands over the body in pieces. Nothing is said of whoever does not take them any more: that one says why.
async fn gather(mut body: Body, hand_over: mpsc::Sender<Vec<u8>>, promise: &Promise) -> Result<(), Refused> {
    let mut piece = Vec::with_capacity(PIECE);
    let mut window = std::pin::pin!(tokio::time::sleep(STALL));
    let mut in_window = 0;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = &mut window => {
                if in_window < LEAST_BYTES {
                    return Err(refuse(StatusCode::REQUEST_TIMEOUT, "the file came too slowly"));
                }
                in_window = 0;
                window.as_mut().reset(Instant::now() + STALL);
                continue;
            }
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| refuse(StatusCode::BAD_REQUEST, "the file was cut short"))?;
        // What is no data are trailers, which mean nothing here.
        let Ok(data) = frame.into_data() else { continue };
        in_window += data.len();
        promise.written(data.len() as u64);
        piece.extend_from_slice(&data);
        if piece.len() >= PIECE {
            if hand_over.send(std::mem::replace(&mut piece, Vec::with_capacity(PIECE))).await.is_err() {
                return Ok(());
            }
            // That the disk was waited for is not the sender's fault.
            in_window = 0;
            window.as_mut().reset(Instant::now() + STALL);
        }
    }
    // The last one waits for nobody.
    let _untaken = hand_over.send(piece).await;
    Ok(())
}

fn refuse(status: StatusCode, words: &str) -> Refused {
    (status, format!("{words}\n"))
}

fn not_taken(why: &NotTaken) -> Refused {
    let status = match why {
        NotTaken::Hidden => StatusCode::FORBIDDEN,
        NotTaken::Crowded => StatusCode::CONFLICT,
        NotTaken::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        NotTaken::Quota | NotTaken::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
        NotTaken::Gone => StatusCode::SERVICE_UNAVAILABLE,
        NotTaken::Save(why) => return not_saved(why),
    };
    refuse(status, &why.to_string())
}

fn not_saved(why: &SaveError) -> Refused {
    let status = match why {
        SaveError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        SaveError::Blocked(_) | SaveError::Crowded(_) => StatusCode::CONFLICT,
        SaveError::Denied(_) | SaveError::CannotRename(_) | SaveError::Io(..) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, &why.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    async fn gathered(body: Body) -> (Result<(), Refused>, usize) {
        let (hand_over, mut pieces) = mpsc::channel::<Vec<u8>>(1);
        let (promise, mut length) = (Promise::default(), 0);
        let counting = async {
            while let Some(piece) = pieces.recv().await {
                length += piece.len();
            }
        };
        let (ended, ()) = tokio::join!(gather(body, hand_over, &promise), counting);
        (ended, length)
    }

    /// So many bytes every five seconds.
    fn dripping(bytes: usize, times: usize) -> Body {
        Body::from_stream(stream::unfold(times, move |left| async move {
            let left = left.checked_sub(1)?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![7; bytes])), left))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_and_a_slow_one_is_not() {
        let (ended, length) = gathered(dripping(100, 1_000)).await;
        assert_eq!((ended.unwrap_err().0, length), (StatusCode::REQUEST_TIMEOUT, 0));
        let (ended, length) = gathered(dripping(4 << 10, 1_000)).await;
        assert_eq!((ended, length), (Ok(()), 1_000 * (4 << 10)));
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(gathered(silent).await.0.unwrap_err().0, StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn what_is_no_whole_file_with_a_name_and_a_length_is_refused() {
        let status = |path: &str, headers: &[(&'static str, &'static str)]| {
            let header = |(name, value): &(&'static str, &'static str)| (name.parse().unwrap(), value.parse().unwrap());
            announced(path, &headers.iter().map(header).collect()).map_err(|(status, _)| status.as_u16())
        };
        const LENGTH: (&str, &str) = ("content-length", "5");
        let offered = status("a%20b/%C3%BC.txt", &[LENGTH]).unwrap();
        assert_eq!((offered.path.as_str(), offered.size), ("a b/ü.txt", Some(5)));
        for path in ["", "..", "a/../b", "%2e%2e/a", "a%00", "%ff", "/a", "a/"] {
            assert_eq!(status(path, &[LENGTH]).unwrap_err(), 400, "{path}");
        }
        assert_eq!(status("a", &[]).unwrap_err(), 411);
        assert_eq!(status("a", &[LENGTH, ("content-range", "bytes 0-4/9")]).unwrap_err(), 400);
        assert_eq!(status("a", &[LENGTH, ("content-encoding", "gzip")]).unwrap_err(), 415);
    }
}
