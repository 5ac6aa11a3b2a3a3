//! Reading a request's body: all of it, soon, and not too much.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::{GzDecoder, ZlibDecoder};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http_body_util::BodyExt;
use shared::limits;
use tokio::sync::Semaphore;

/// A whole body must have come by then, however it trickles.
const DEADLINE: Duration = Duration::from_secs(20);

/// Bodies up to this size are always taken, in bytes; ordinary calls are a few hundred.
const SMALL: usize = 16 << 10;
/// How many larger ones are held at once: whoever sends one slowly needs no password for it.
const LARGE_AT_ONCE: usize = 32;

/// The body of a call, unpacked, of at most [`limits::CALL_BYTES`].
///
/// # Errors
/// A status and a sentence: too large, too slow, cut short, or packed in a way we do not read.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    const TOO_LARGE: (StatusCode, &str) = (StatusCode::PAYLOAD_TOO_LARGE, "a call may have at most 1 MiB\n");
    const UNKNOWN: (StatusCode, &str) =
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the call plain, or packed with gzip or deflate\n");

    // Said before the first byte of the body, so that nobody sends a gigabyte to learn it.
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits::CALL_BYTES as u64) {
        return Err(TOO_LARGE);
    }
    let raw = match tokio::time::timeout(DEADLINE, collect(body)).await {
        Ok(Ok(Some(raw))) => raw,
        Ok(Ok(None)) => return Err(TOO_LARGE),
        Ok(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the body was cut short or is not what its headers say\n")),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the body came too slowly\n")),
    };
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"identity" | b"") => Ok(raw.into()),
        Some(b"gzip" | b"x-gzip") => unpack(GzDecoder::new(raw.as_slice())),
        // Perl's RPC::XML packs longer calls so; the format of zlib, as RFC 9110 (8.4.1.2) has it.
        Some(b"deflate") => unpack(ZlibDecoder::new(raw.as_slice())),
        Some(_) => Err(UNKNOWN),
    }
}

/// All of a body; none if it is too large. Copied as it comes: kept as pieces, a mebibyte in chunks of one byte would hold
/// forty of memory.
async fn collect(mut body: Body) -> Result<Option<Vec<u8>>, axum::Error> {
    static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);
    let mut raw = Vec::new();
    let mut place = None;
    while let Some(frame) = body.frame().await {
        // What is no data are trailers, which mean nothing here.
        let Ok(data) = frame?.into_data() else { continue };
        if raw.len() + data.len() > limits::CALL_BYTES {
            return Ok(None);
        }
        if raw.len() + data.len() > SMALL && place.is_none() {
            place = Some(LARGE.acquire().await.map_err(axum::Error::new)?);
            // Once for all that may come: growing by doubling leaves the allocator with as much again in pieces. What is not
            // written to takes no memory.
            raw.reserve_exact(limits::CALL_BYTES - raw.len());
        }
        raw.extend_from_slice(&data);
    }
    Ok(Some(raw))
}

/// Unpacks no more than a call may have: a bomb costs what an honest call costs.
fn unpack(packed: impl Read) -> Result<Bytes, (StatusCode, &'static str)> {
    let mut plain = Vec::new();
    match packed.take(limits::CALL_BYTES as u64 + 1).read_to_end(&mut plain) {
        Err(_) => Err((StatusCode::BAD_REQUEST, "the packed body is damaged\n")),
        Ok(_) if plain.len() > limits::CALL_BYTES => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "a call may have at most 1 MiB once unpacked\n"))
        }
        Ok(_) => Ok(plain.into()),
    }
}
