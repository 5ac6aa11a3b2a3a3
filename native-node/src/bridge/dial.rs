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
use shared::{Moment, PeerUrl, Printable, Scope};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::AbortOnDropHandle;

use super::line::{self, Line};
use super::talk::{TalkError, talk};
use super::{CLOSE_DESTINATION, CLOSE_REFUSED, CLOSE_TOO_MANY_GUESSES, Identity, Opened, PATH, SUBPROTOCOL};
use crate::http::{Paced, STALL};
use crate::names::NODE_HEADER;

/// A TCP connection must stand by then.
const CONNECT: Duration = Duration::from_secs(5);
/// Most addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Largest head of an answer, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// How long to wait where a peer wants us to wait and does not say how long, and the longest that is believed.
const RETRY: Duration = Duration::from_secs(30);
const RETRY_MAX: Duration = Duration::from_secs(60 * 60);

/// Who named the URL that is dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A person typed it: it may lead anywhere.
    ByPerson,
    /// A peer: a name must not lead nearer than it says, say to a service on our loopback.
    ByPeer,
}

/// Why a dial came to no session.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// There is HTTP, and no bridge: a peer of 2004, or no peer at all.
    #[error("it does not speak the bridge (HTTP {status})")]
    NoBridge {
        /// What it answered.
        status: u16,
    },
    /// Something else answers there, which is no peer of 2004 either.
    #[error("it is no tinyp2p peer: {0}")]
    Foreign(String),
    /// No connection, or none that lasted until an answer came; or it has no room now.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It was shown our proof and says that it is wrong.
    #[error("it refuses the password")]
    Refused,
    /// Its own proof is wrong: whoever listens there does not know the password.
    #[error("it cannot prove the password")]
    NotProved,
    /// The URL leads back to this process.
    #[error("this address leads back to this very program")]
    Myself,
    /// It does not go by the name in the URL, or somebody passes our call on to it.
    #[error("the node there does not go by that name; give it the name with --alias or --url")]
    Destination,
    /// It looks at no password of ours before some time has passed.
    #[error("too many wrong passwords came from this address; it wants to be left alone for {} s", .retry_after.as_secs())]
    TooManyGuesses {
        /// How long to wait.
        retry_after: Duration,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// One of the two is too old for the other, or the other does not follow the protocol.
    #[error("{error}")]
    Handshake {
        /// What is wrong.
        error: HandshakeError,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// The connection ended in the middle of the handshake.
    #[error("it ended the connection before the password was proved: {reason}")]
    Broken {
        /// Why, escaped.
        reason: String,
        /// Whether our proof was out by then.
        proof_is_out: bool,
    },
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl DialError {
    /// Whether whoever listens there has had a guess at the password by this: see [`Doubts`](super::Doubts).
    #[must_use]
    pub fn is_attempt_used(&self) -> bool {
        match self {
            Self::Refused | Self::NotProved => true,
            Self::TooManyGuesses { proof_is_out, .. }
            | Self::Handshake { proof_is_out, .. }
            | Self::Broken { proof_is_out, .. } => *proof_is_out,
            Self::NoBridge { .. }
            | Self::Foreign(_)
            | Self::Unreachable(_)
            | Self::Myself
            | Self::Destination
            | Self::Randomness(_) => false,
        }
    }

    fn foreign(text: impl ToString) -> Self {
        Self::Foreign(Printable::short(&text.to_string(), 200).to_string())
    }

    fn unreachable(text: impl ToString) -> Self {
        Self::Unreachable(Printable::short(&text.to_string(), 200).to_string())
    }

    /// What ended a handshake. What the other end says is believed only where it fits: before our proof it cannot be wrong.
    fn of_talk(error: TalkError, proof_is_out: bool) -> Self {
        match error {
            TalkError::Handshake(HandshakeError::OwnId) => Self::Myself,
            TalkError::Handshake(HandshakeError::NotConfirmed) => Self::NotProved,
            TalkError::Handshake(error) => Self::Handshake { error, proof_is_out },
            TalkError::Closed(Some(CLOSE_REFUSED)) if proof_is_out => Self::Refused,
            TalkError::Closed(Some(CLOSE_DESTINATION)) if !proof_is_out => Self::Destination,
            TalkError::Closed(Some(CLOSE_TOO_MANY_GUESSES)) => {
                Self::TooManyGuesses { retry_after: RETRY, proof_is_out }
            }
            error => Self::Broken { reason: Printable::short(&error.to_string(), 200).to_string(), proof_is_out },
        }
    }
}

/// Dials the bridge of the node at this URL's host and port. Over, well or not, within 10 s.
///
/// # Errors
/// See [`DialError`].
pub async fn connect(identity: &Identity, url: &PeerUrl, named: Named) -> Result<Opened, DialError> {
    let begun = Instant::now();
    let deadline = begun + HANDSHAKE_TIME;
    let clock = || Moment(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
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
    let mut initiator = Initiator::new(&identity.secret, identity.id, identity.flags, destination, random, clock());
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
fn may_dial(url: &PeerUrl, address: IpAddr, named: Named) -> bool {
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

    #[test]
    fn whatever_comes_after_the_proof_is_a_guess_used() {
        let errors = || {
            [
                TalkError::Closed(None),
                TalkError::Closed(Some(CLOSE_REFUSED)),
                TalkError::Closed(Some(CLOSE_DESTINATION)),
                TalkError::Closed(Some(CLOSE_TOO_MANY_GUESSES)),
                TalkError::NotBinary,
                HandshakeError::Late.into(),
                HandshakeError::Malformed.into(),
                HandshakeError::TooLong(5_000).into(),
            ]
        };
        for error in errors() {
            assert!(DialError::of_talk(error, true).is_attempt_used());
        }
        for error in errors() {
            let error = DialError::of_talk(error, false);
            assert!(!error.is_attempt_used(), "{error}");
        }
        assert!(DialError::of_talk(HandshakeError::NotConfirmed.into(), true).is_attempt_used());
    }
}
