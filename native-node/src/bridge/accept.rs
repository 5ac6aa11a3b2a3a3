//! `GET /bridge`: from a request to an authenticated session, or to a refusal in words.
//!
//! Who may ask at all (`Host`, `Origin`) is judged before, by the guard of all requests. Here are the limits for strangers:
//! how many handshakes may be unfinished, how long one may take, and how often the password may be wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use shared::Moment;
use shared::bridge::{Destination, HandshakeError, Randomness, Responder, Secret};
use shared::limits::HANDSHAKE_TIME;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error as SocketError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_util::sync::CancellationToken;

use super::line::{self, Line, Socket};
use super::talk::{End, TalkError, talk};
use super::unfinished::HandshakePermit;
use super::{CLOSE_DESTINATION, CLOSE_REFUSED, CLOSE_TOO_MANY_GUESSES, Door, Identity, Opened, SUBPROTOCOL};
use crate::desk;
use crate::http::{ConnectionGuard, Peer};
use crate::names::OwnNames;
use crate::node::Node;

/// How long the last word to somebody who is refused may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// When somebody who found no place may ask again, in seconds.
const BUSY_SECONDS: u64 = 2;

/// Whoever can be called over the bridge: a node, or a command that gives others what it has of what it fetches.
pub(crate) trait Callee: Send + Sync + 'static {
    /// The random id of this process as text, said with every answer.
    fn id(&self) -> &str;
    /// Who it is in every handshake.
    fn identity(&self) -> &Identity;
    /// What it keeps at its door.
    fn door(&self) -> &Door;
    /// By which names it can be called.
    fn names(&self) -> &OwnNames;
    /// The time since it began.
    fn now(&self) -> Moment;
    /// Attends to a session that somebody opened, until it ends or `shutdown`.
    fn welcome(self: Arc<Self>, opened: Opened, shutdown: CancellationToken) -> impl Future<Output = ()> + Send;
}

impl Callee for Node {
    fn id(&self) -> &str {
        self.id()
    }

    fn identity(&self) -> &Identity {
        self.identity()
    }

    fn door(&self) -> &Door {
        self.door()
    }

    fn names(&self) -> &OwnNames {
        self.names()
    }

    fn now(&self) -> Moment {
        self.now()
    }

    async fn welcome(self: Arc<Self>, opened: Opened, shutdown: CancellationToken) {
        desk::welcome(self, opened, shutdown).await;
    }
}

/// The route.
pub(crate) async fn accept<C: Callee>(
    State(node): State<Arc<C>>,
    Extension(Peer(address)): Extension<Peer>,
    Extension(stay): Extension<ConnectionGuard>,
    mut request: Request,
) -> Response {
    let mut response = match agree(&request) {
        Ok(response) => response,
        Err(refused) => return *refused,
    };
    if let Some(wait) = node.door().guesses(|guesses| guesses.wait(node.now(), address.ip())) {
        let words = "too many wrong passwords came from your address, or from everywhere; wait a little\n";
        return later(StatusCode::TOO_MANY_REQUESTS, wait.as_millis().div_ceil(1000) as u64, words);
    }
    let Some(place) = node.door().enter(address.ip()) else {
        return later(StatusCode::SERVICE_UNAVAILABLE, BUSY_SECONDS, "too many are proving the password just now\n");
    };
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return (StatusCode::BAD_REQUEST, "this connection cannot be upgraded\n").into_response();
    };
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    tokio::spawn(async move {
        let shutdown = stay.shutdown().clone();
        let opened = tokio::select! {
            opened = meet(&node, upgrade, address, stay, place) => opened,
            () = shutdown.cancelled() => return,
        };
        if let Some(opened) = opened {
            node.welcome(opened, shutdown).await;
        }
    });
    response
}

/// `OPTIONS /bridge`: how long a caller must wait before its next password is looked at, in `Retry-After` if at all. For
/// pages, which are told only that a WebSocket failed; never an error, because browsers note those in the console.
pub(crate) async fn options(State(node): State<Arc<Node>>, Extension(Peer(address)): Extension<Peer>) -> Response {
    match node.door().guesses(|guesses| guesses.wait(node.now(), address.ip())) {
        Some(wait) => later(StatusCode::NO_CONTENT, wait.as_millis().div_ceil(1000) as u64, ""),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The answer to a proper request for a WebSocket that speaks the bridge; else what is wrong with it, in words.
fn agree(request: &Request) -> Result<Response, Box<Response>> {
    const NO_UPGRADE: &str = "this is the bridge: it takes WebSockets (version 13, subprotocol tp2) and nothing else\n";
    let bad = |words: &'static str| Box::new((StatusCode::BAD_REQUEST, words).into_response());
    let response = create_response_with_body(request, Body::empty).map_err(|error| {
        let (name, value): (HeaderName, _) = match error {
            SocketError::Protocol(
                ProtocolError::MissingConnectionUpgradeHeader | ProtocolError::MissingUpgradeWebSocketHeader,
            ) => (header::UPGRADE, "websocket"),
            SocketError::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
                (header::SEC_WEBSOCKET_VERSION, "13")
            }
            _ => return bad("this is no proper request for a WebSocket\n"),
        };
        let mut response = (StatusCode::UPGRADE_REQUIRED, NO_UPGRADE).into_response();
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        Box::new(response)
    })?;
    // 16 bytes in base64 (RFC 6455, 4.2.1); what they are makes no difference.
    if request.headers().get(header::SEC_WEBSOCKET_KEY).is_none_or(|key| key.len() != 24) {
        return Err(bad("this is no proper request for a WebSocket\n"));
    }
    if !offers(request.headers(), SUBPROTOCOL) {
        return Err(bad("the bridge needs the WebSocket subprotocol tp2\n"));
    }
    Ok(response)
}

/// Whether the request offers this subprotocol.
fn offers(headers: &HeaderMap, wanted: &str) -> bool {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|name| name.trim() == wanted)
}

fn later(status: StatusCode, seconds: u64, words: &'static str) -> Response {
    let mut response = (status, words).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// One handshake with a stranger, from the answer that agreed to it to a session; none where it fails.
async fn meet<C: Callee>(
    node: &Arc<C>,
    upgrade: OnUpgrade,
    address: SocketAddr,
    stay: ConnectionGuard,
    place: HandshakePermit,
) -> Option<Opened> {
    let deadline = Instant::now() + HANDSHAKE_TIME;
    let upgraded = timeout_at(deadline, upgrade).await.ok()?.ok()?;
    let line = Line::to_stranger(upgraded, stay);
    let mut socket = WebSocketStream::from_raw_socket(line, Role::Server, Some(line::for_strangers())).await;
    let mut random = [0; 48];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "no randomness for a handshake");
        return None;
    }
    let secret = match timeout_at(deadline, node.identity().secret()).await.ok()? {
        Ok(secret) => secret,
        Err(error) => {
            tracing::error!(%error, "no prepared password for a handshake");
            return None;
        }
    };
    let mut judged = Judged { responder: responder(node, &secret, random), node: &**node, address };
    let talked = timeout_at(deadline, talk(&mut judged, &mut socket, || node.now())).await;
    let error = match talked.unwrap_or(Err(HandshakeError::Late.into())) {
        // A caller waits for our proof before its first record. What came too early would be lost with this socket.
        Ok(came) if came == socket.get_ref().came() => match judged.responder.finish() {
            Ok(session) => {
                drop(place);
                let socket = line::to_session(socket, Role::Server).await;
                return Some(Opened { session, socket, address });
            }
            Err(error) => error.into(),
        },
        Ok(_) => HandshakeError::Unexpected.into(),
        Err(error) => error,
    };
    say(address, &error);
    part(socket, close_code(&error)).await;
    drop(place);
    None
}

fn responder<C: Callee>(node: &Arc<C>, secret: &Secret, random: [u8; 48]) -> Responder {
    let names = Arc::clone(node);
    let is_ours = Box::new(move |dialed: &Destination| names.names().is_dialed_as(dialed));
    let identity = node.identity();
    let random = Randomness::from_bytes(random);
    Responder::new(secret, identity.id, identity.flags, is_ours, random, node.now())
}

/// A responder that looks at nothing its caller has no guess left for.
struct Judged<'a, C> {
    responder: Responder,
    node: &'a C,
    address: SocketAddr,
}

impl<C: Callee> End for Judged<'_, C> {
    fn handle(&mut self, message: &[u8], now: Moment) -> Result<(), TalkError> {
        let door = self.node.door();
        let guess = door.guesses(|guesses| guesses.take(now, self.address.ip()));
        let guess = guess.map_err(|_| TalkError::TooManyGuesses)?;
        let handled = self.responder.handle_message(message, now);
        // Nothing is waited for any more once the password is proved.
        let is_proved = handled.is_ok() && self.responder.poll_timeout().is_none();
        door.guesses(|guesses| match handled {
            Err(error) if error.is_wrong_guess() => drop(guess),
            _ if is_proved => guesses.right(now, guess),
            _ => guesses.undecided(now, guess),
        });
        Ok(handled?)
    }

    fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.responder.poll_message()
    }

    fn is_done(&self) -> bool {
        self.responder.is_done()
    }
}

fn say(address: SocketAddr, error: &TalkError) {
    match error {
        TalkError::Handshake(HandshakeError::NotConfirmed) => {
            tracing::info!(%address, "a caller of the bridge has another password");
        }
        TalkError::Handshake(HandshakeError::Destination) => {
            tracing::info!(%address, "a caller of the bridge knows this node by a name that it does not; see --alias");
        }
        error => tracing::debug!(%address, %error, "a handshake failed"),
    }
}

/// What the caller is told. That the password is wrong it learns in any case; that the name is, is no secret.
fn close_code(error: &TalkError) -> Option<u16> {
    match error {
        TalkError::Handshake(HandshakeError::NotConfirmed) => Some(CLOSE_REFUSED),
        TalkError::Handshake(HandshakeError::Destination) => Some(CLOSE_DESTINATION),
        TalkError::TooManyGuesses => Some(CLOSE_TOO_MANY_GUESSES),
        _ => None,
    }
}

/// Says farewell, and hears the other end out so that the last word is not lost in a reset connection.
async fn part(mut socket: Socket, code: Option<u16>) {
    let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
    let farewell = async {
        if socket.send(Message::Close(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Who does not listen is left.
    let _in_time = timeout(FAREWELL, farewell).await;
}
