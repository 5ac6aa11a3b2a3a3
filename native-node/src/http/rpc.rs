//! XML-RPC over HTTP: one handler for every URL that takes calls, whatever the methods behind it.
//!
//! Always 200 with a Content-Length for what is an XML-RPC answer, fault or not; HTTP's own errors are for what never
//! became a call. The token is checked by the methods, not here.

use std::convert::Infallible;
use std::io::Write;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT, VARY};
use shared::xmlrpc::{self, MethodCall, Value};
use shared::{Fault, Listing, limits};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::body;
use super::methods::{CallContext, Methods, Reply, too_costly};
use super::negotiate::accepts;
use super::serve::Peer;
use crate::search_pool::on_another_thread;

/// The routes that take calls: `/RPC2`, where clients post to a URL without a path, and `/`.
pub fn rpc_routes<M: Methods>() -> Router<Arc<M>> {
    Router::new().route("/RPC2", post(endpoint::<M>)).route("/", post(endpoint::<M>))
}

/// Answers below this size are not worth packing; the original's server draws the same line.
const GZIP_FROM: usize = 1_400;

/// Values in an answer from which on it is written on another thread.
const MANY: usize = 1_000;

/// What all answers of more than a mebibyte come to that are on their way, in MiB: each is held whole for as long as its reader
/// takes.
const LARGE_MIB: usize = 256;

/// When the last call of a multicall must have begun: each may take as long as one on its own.
const MULTICALL_PATIENCE: Duration = Duration::from_secs(10);

/// One call: decode, let the methods answer, encode.
pub(super) async fn endpoint<M: Methods>(
    State(methods): State<Arc<M>>,
    Extension(Peer(address)): Extension<Peer>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let raw = match body::read(&head.headers, body).await {
        Ok(raw) => raw,
        Err(refused) => return refused.into_response(),
    };
    let context = CallContext {
        address,
        host: text(&head.headers, HOST.as_str()).map(str::to_owned),
        path: head.uri.path().to_owned(),
        // 2004 client: what its library calls itself up to Python 2.7.18. It cannot read base64 or write anything but ASCII.
        is_of_2004: text(&head.headers, USER_AGENT.as_str())
            .is_some_and(|agent| agent.starts_with("xmlrpclib.py/1.0.1")),
    };
    let charset = text(&head.headers, CONTENT_TYPE.as_str()).and_then(charset);
    let call = xmlrpc::read_call(&raw, charset);
    // It may be large, and what comes now may take long.
    drop(raw);
    let reply = match call {
        Ok(call) => dispatch(&methods, call, &context).await,
        Err(fault) => Err(fault),
    };
    let document = match reply {
        Ok(Reply::Content(content)) => return xml(content.into_body()),
        Ok(Reply::Value(Value::Array(all))) if all.len() > MANY => {
            let writing = on_another_thread(move || vec![xmlrpc::write_response(&Value::Array(all)).into()]);
            writing.await.map_err(Fault::from)
        }
        Ok(Reply::Value(value)) => Ok(vec![xmlrpc::write_response(&value).into()]),
        Ok(Reply::Names(listing)) => names(listing).await,
        Err(fault) => Err(fault),
    };
    let document = document.unwrap_or_else(|fault| {
        tracing::debug!(%address, code = fault.code, "answered a fault");
        vec![xmlrpc::write_fault(&fault).into()]
    });
    let length = document.iter().map(Bytes::len).sum::<usize>();
    if length >= GZIP_FROM && accepts(&head.headers, "gzip") {
        return match on_another_thread(move || pack(&document)).await {
            Ok(Ok(packed)) => {
                let mut response = xml(Body::from(packed));
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
                response
            }
            Ok(Err(_)) | Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
    }
    static LARGE: Semaphore = Semaphore::const_new(LARGE_MIB);
    let mib = u32::try_from((length >> 20).min(LARGE_MIB)).unwrap_or(u32::MAX);
    let Ok(place) = LARGE.try_acquire_many(mib) else {
        let busy = Fault::new(Fault::APPLICATION, "too many long answers are on their way at once; try again later");
        return xml(Body::from(xmlrpc::write_fault(&busy)));
    };
    let mut response = xml(match <[Bytes; 1]>::try_from(document) {
        Ok([whole]) if mib == 0 => Body::from(whole),
        Ok([whole]) => in_place(vec![whole], place),
        Err(parts) => in_place(parts, place),
    });
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A body that keeps its place until it is sent, or not wanted any more.
fn in_place(parts: Vec<Bytes>, place: SemaphorePermit<'static>) -> Body {
    Body::from_stream(stream::iter(parts).map(move |part| {
        let _place = &place;
        Ok::<_, Infallible>(part)
    }))
}

/// A listing, written by as many threads as there are, one part each.
async fn names(listing: Listing) -> Result<Vec<Bytes>, Fault> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (parts, listing) = (listing.parts(threads), Arc::new(listing));
    let writing = parts.into_iter().map(|part| {
        let listing = Arc::clone(&listing);
        on_another_thread(move || Bytes::from(xmlrpc::write_names(listing.names_of(&part))))
    });
    let mut document = vec![Bytes::from_static(xmlrpc::NAMES_HEAD.as_bytes())];
    document.extend(try_join_all(writing).await?);
    document.push(Bytes::from_static(xmlrpc::NAMES_TAIL.as_bytes()));
    if listing.is_late() { Err(too_costly()) } else { Ok(document) }
}

/// The standard methods are answered here, the rest by the methods themselves.
async fn dispatch<M: Methods>(methods: &Arc<M>, call: MethodCall, context: &CallContext) -> Result<Reply, Fault> {
    if call.method == "system.multicall" {
        return multicall(methods, call.params, context).await.map(Reply::Value);
    }
    answer_one(methods, call, context).await
}

/// One call that is no multicall.
async fn answer_one<M: Methods>(methods: &Arc<M>, call: MethodCall, context: &CallContext) -> Result<Reply, Fault> {
    match xmlrpc::answer_system(&call.method, &call.params, methods.table()) {
        Some(answer) => answer.map(Reply::Value),
        None => Arc::clone(methods).call(call, context.clone()).await,
    }
}

/// Calls one after the other; each fails on its own. Bounded in number, in time, and in the answers that it holds.
async fn multicall<M: Methods>(methods: &Arc<M>, params: Vec<Value>, context: &CallContext) -> Result<Value, Fault> {
    let calls = xmlrpc::read_multicall(params)?;
    let mut left = limits::MULTICALL_ANSWER_BYTES;
    let start = Instant::now();
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        let answer = match call {
            Ok(_) if start.elapsed() > MULTICALL_PATIENCE => Err(too_slow()),
            Ok(call) => answer_part(methods, call, context).await,
            Err(fault) => Err(fault),
        };
        answers.push(answer.and_then(|value| {
            left = left.checked_sub(held(&value)).ok_or_else(too_large)?;
            Ok(value)
        }));
    }
    Ok(xmlrpc::multicall_answer(answers))
}

/// One call of a multicall, its answer held in memory.
async fn answer_part<M: Methods>(methods: &Arc<M>, call: MethodCall, context: &CallContext) -> Result<Value, Fault> {
    match answer_one(methods, call, context).await? {
        Reply::Value(value) => Ok(value),
        Reply::Names(listing) => {
            let names = on_another_thread(move || {
                let names = listing.names().map(|name| Value::String(name.to_owned())).collect();
                if listing.is_late() { Err(too_costly()) } else { Ok(names) }
            });
            Ok(Value::Array(vec![Value::Array(names.await??)]))
        }
        Reply::Content(content) => content.into_value().ok_or_else(too_large),
    }
}

fn too_large() -> Fault {
    Fault::new(Fault::APPLICATION, "too large for a multicall; make this call on its own")
}

fn too_slow() -> Fault {
    Fault::new(Fault::APPLICATION, "the calls before this one took too long; make it on its own")
}

/// About how much memory a value holds, in bytes.
fn held(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) | Value::DateTime(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(held).sum(),
        Value::Struct(members) => {
            members.iter().map(|(name, value)| size_of_val(name) + name.len() + held(value)).sum()
        }
        Value::Int(_) | Value::I8(_) | Value::Bool(_) | Value::Double(_) | Value::Nil => 0,
    };
    size_of_val(value) + inside
}

/// An answer: `text/xml`, its length known.
fn xml(body: Body) -> Response {
    ([(CONTENT_TYPE, "text/xml")], body).into_response()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The `charset` of a media type.
fn charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// Packs for speed: on a LAN, time spent on a smaller answer is lost.
fn pack(document: &[Bytes]) -> std::io::Result<Bytes> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for part in document {
        packer.write_all(part)?;
    }
    Ok(packer.finish()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_charset_of_a_media_type() {
        assert_eq!(charset("text/xml"), None);
        assert_eq!(charset("text/xml; charset=ISO-8859-1"), Some("ISO-8859-1"));
        assert_eq!(charset("text/xml;x=y; Charset=\"utf-8\""), Some("utf-8"));
    }
}
