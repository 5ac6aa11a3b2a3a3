//! From a peer's URL to an authenticated session, or to the one reason why there is none.
//!
//! The request goes where the URL says and nowhere else: no redirect, no proxy. The password's proof is for whoever listens
//! there, once per dial; who must not be dialed again, and who may be called the 2004 way instead, the caller decides.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, RETRY_AFTER, UPGRADE, USER_AGENT};
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use shared::bridge::{Destination, HandshakeError, Initiator, Randomness};
use shared::limits::HANDSHAKE_TIME;
use shared::{Moment, PeerUrl, Scope};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::AbortOnDropHandle;

use super::dial_error::{DialError, RETRY};
use super::line::{self, Line};
use super::talk::talk;
use super::{Identity, Opened, PATH, SUBPROTOCOL};
use crate::http::{Paced, STALL};
use crate::names::NODE_HEADER;

/// A TCP connection must stand by then.
const CONNECT: Duration = Duration::from_secs(5);
/// Most addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Largest head of an answer, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// The longest wait that a peer may want and is believed.
const RETRY_MAX: Duration = Duration::from_secs(60 * 60);

/// Who named the URL that is dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A person typed it: it may lead anywhere.
    ByPerson,
    /// A peer: a name must not lead nearer than it says, say to a service on our loopback.
    ByPeer,
}

/// Dials the bridge of the node at this URL's host and port. Over, well or not, within 10 s.
///
/// # Errors
/// See [`DialError`].
pub async fn connect(identity: &Identity, url: &PeerUrl, named: Named) -> Result<Opened, DialError> {
    let begun = Instant::now();
    let deadline = begun + HANDSHAKE_TIME;
    let clock = || Moment::default() + begun.elapsed();
    let dialed = format!("{}{PATH}", url.authority());
    let destination: Destination = dialed.parse().map_err(DialError::foreign)?;
    let mut random = [0; 48];
    getrandom::fill(&mut random)?;
    let random = Randomness::from_bytes(random);

    let upgraded = timeout_at(deadline, upgrade(url, named)).await;
    let (upgraded, address) = upgraded.unwrap_or_else(|_| Err(DialError::unreachable("it does not answer")))?;
    // A session's limits from the first message on: records may follow the last proof at once, and a second socket would
    // lose them. What the handshake takes is 4 KiB a message all the same.
    let line = Line::dialed(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(line, Role::Client, Some(line::for_sessions())).await;
    let secret = timeout_at(deadline, identity.secret()).await;
    let secret = secret.map_err(DialError::unreachable)?.map_err(DialError::unreachable)?;
    let mut initiator = Initiator::new(&secret, identity.id, identity.flags, destination, random, clock());
    let talked = timeout_at(deadline, talk(&mut initiator, &mut socket, clock)).await;
    let talked = talked.unwrap_or(Err(HandshakeError::Late.into()));
    let proof_is_out = initiator.proof_is_out();
    let finished = talked.and_then(|_| Ok(initiator.finish()?));
    let session = finished.map_err(|error| DialError::of_talk(error, proof_is_out))?;
    Ok(Opened { session, socket, address })
}

/// A connection that speaks WebSocket and `tp2` from now on.
async fn upgrade(url: &PeerUrl, named: Named) -> Result<(Upgraded, SocketAddr), DialError> {
    let (stream, address) = timeout(CONNECT, reach(url, named))
        .await
        .unwrap_or_else(|_| Err(DialError::unreachable("no connection within 5 s")))?;
    stream.set_nodelay(true).map_err(DialError::unreachable)?;
    let io = TokioIo::new(Paced::new(stream, STALL));
    let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(io).await;
    let (mut sender, connection) = handshake.map_err(|error| of_http(&error))?;
    // Ends with this call, or by itself once the connection is upgraded.
    let driven = AbortOnDropHandle::new(tokio::spawn(connection.with_upgrades()));
    let key = generate_key();
    let request = Request::get(PATH)
        .header(HOST, url.authority())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(USER_AGENT, concat!("tinyp2p/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(DialError::foreign)?;
    let response = sender.send_request(request).await.map_err(|error| of_http(&error))?;
    check(&response, &key)?;
    let upgraded = hyper::upgrade::on(response).await.map_err(DialError::unreachable)?;
    drop(driven);
    Ok((upgraded, address))
}

/// A TCP connection to the URL's host.
async fn reach(url: &PeerUrl, named: Named) -> Result<(TcpStream, SocketAddr), DialError> {
    let found = lookup_host((url.host(), url.port())).await.map_err(DialError::unreachable)?;
    let mut last = None;
    let allowed = found.filter(|address| may_dial(url, address.ip(), named)).take(ADDRESSES);
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = Some(error),
        }
    }
    let nowhere = || io::Error::other("the name leads to no address that a peer may name");
    Err(DialError::unreachable(last.unwrap_or_else(nowhere)))
}

/// Whether a host may turn out to be at this address.
pub(crate) fn may_dial(url: &PeerUrl, address: IpAddr, named: Named) -> bool {
    match named {
        Named::ByPerson => true,
        Named::ByPeer => Scope::of_address(address).is_some_and(|at| Scope::of_url(url) == Some(at)),
    }
}

fn of_http(error: &hyper::Error) -> DialError {
    if error.is_parse() {
        return DialError::foreign("it does not speak HTTP");
    }
    // The innermost reason is the one that says something.
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    DialError::unreachable(reason)
}

/// Whether the answer agrees to speak the bridge; else what it means.
fn check(response: &Response<Incoming>, key: &str) -> Result<(), DialError> {
    let headers = response.headers();
    let is_node = headers.contains_key(NODE_HEADER);
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::TOO_MANY_REQUESTS if is_node => {
            return Err(DialError::TooManyGuesses { retry_after: retry_after(headers), proof_is_out: false });
        }
        StatusCode::SERVICE_UNAVAILABLE => return Err(DialError::unreachable("it has no room for more callers now")),
        StatusCode::MISDIRECTED_REQUEST if is_node => return Err(DialError::Destination),
        // 2004 server: it knows POST alone, and answers 501 to all else.
        status @ (StatusCode::NOT_IMPLEMENTED | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
            return Err(DialError::NoBridge { status: status.as_u16() });
        }
        StatusCode::BAD_REQUEST if !is_node => return Err(DialError::NoBridge { status: 400 }),
        status => return Err(DialError::foreign(format!("it answers HTTP {}", status.as_u16()))),
    }
    let has = |name, wanted: &str| {
        headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let accept = derive_accept_key(key.as_bytes());
    let agrees = has(UPGRADE, "websocket")
        && has(CONNECTION, "upgrade")
        && headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value.as_bytes() == accept.as_bytes())
        && headers.get(SEC_WEBSOCKET_PROTOCOL).is_some_and(|value| value == SUBPROTOCOL)
        && !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS);
    if agrees { Ok(()) } else { Err(DialError::foreign("it agrees to a WebSocket of another kind")) }
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    seconds.map_or(RETRY, |seconds| Duration::from_secs(seconds).min(RETRY_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_name_leads_no_nearer_than_it_says() {
        for (url, address, by_peer) in [
            ("http://box.local:9004", "192.168.1.7", true),
            ("http://box.local:9004", "fd00::7", true),
            ("http://box.local:9004", "127.0.0.1", false),
            ("http://box.local:9004", "::1", false),
            ("http://box.local:9004", "169.254.169.254", false),
            ("http://box.local:9004", "169.254.1.1", false),
            ("http://box.local:9004", "0.0.0.0", false),
            ("http://localhost:9004", "127.0.0.1", true),
            ("http://localhost:9004", "192.168.1.7", false),
            ("http://169.254.1.1:9004", "169.254.1.1", true),
        ] {
            let (parsed, at) = (PeerUrl::parse(url).unwrap(), address.parse().unwrap());
            assert_eq!(may_dial(&parsed, at, Named::ByPeer), by_peer, "{url} at {address}");
            assert!(may_dial(&parsed, at, Named::ByPerson));
        }
    }
}
