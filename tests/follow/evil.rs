//! A node that is none: it speaks the bridge rightly, and says in it what it likes.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use native_node::link::{Answer, Handler, Link};
use shared::bridge::{
    Answered, Exchanged, Flags, Follow, Following, Found, Initiator, InstanceId, Message, PeerInfo, PeerKind,
    Randomness, Responder, Role, Row, Secret, Session, Side,
};
use shared::{Moment, Password};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::PASSWORD;
use crate::harness::tab::hello;

/// What is found when it is searched live.
pub(super) const LIVE: &str = "live.txt";

/// What it tells its followers after it has begun to.
pub(super) type Lie = Arc<dyn Fn(u64) -> Option<Message> + Send + Sync>;

/// Answers as a node; counts who follows it.
pub(super) struct Liar {
    pub(super) url: String,
    lie: Lie,
    pub(super) followers: Mutex<usize>,
    /// How often it was not wanted any more.
    pub(super) ended: Mutex<usize>,
    /// Requests of any kind.
    pub(super) asked: Mutex<Vec<Message>>,
}

impl Liar {
    pub(super) fn new(url: String, lie: Lie) -> Arc<Self> {
        let (followers, ended, asked) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { url, lie, followers, ended, asked })
    }

    /// Lets it listen, at the URL that is answered.
    pub(super) fn listening(runtime: &Runtime, lie: Lie) -> Arc<Self> {
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let liar = Self::new(format!("http://{}", listener.local_addr().unwrap()), lie);
        let own = Arc::clone(&liar);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = Arc::clone(&own);
                tokio::spawn(async move {
                    let Some((session, socket)) = accepted(stream).await else { return };
                    let (link, ended) = Link::start(session, socket, Side::Responder, own);
                    let _gone = link.say(hello(Role::Node, "a liar", None)).await;
                    let _why = ended.await;
                });
            }
        });
        liar
    }

    async fn follow(&self, mut answer: Answer) -> Option<()> {
        *self.followers.lock().unwrap() += 1;
        // Each is a process of its own.
        let epoch = self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
        answer.reply(Following { epoch, same: Vec::new() }).await.ok()?;
        for number in 0.. {
            let Some(message) = (self.lie)(number) else { break };
            answer.reply(message).await.ok()?;
        }
        answer.reply(Following { epoch, same: Vec::new() }).await.ok()?;
        answer.unwanted().await;
        None
    }
}

/// Counts when it goes.
struct Counted<'a>(&'a Mutex<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Handler for Liar {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, request: Message, mut answer: Answer) {
        self.asked.lock().unwrap().push(request.clone());
        let peer = self.url.clone();
        let told = match request {
            Message::Follow(Follow { .. }) => {
                // What is not wanted any more is dropped wherever it waits.
                let _ended = Counted(&self.ended);
                self.follow(answer).await;
                return;
            }
            Message::Exchange(_) => {
                let (kind, name) = (PeerKind::Node, Some("a liar".to_owned()));
                let itself =
                    PeerInfo { url: peer, kind, name, here_ms: 1, files: Some(1), itself: true, revision: None };
                answer.reply(Exchanged { peers: vec![itself] }).await
            }
            Message::Search(_) => {
                let row = Row { path: LIVE.into(), size: Some(1), modified: Some(1), id: None, executable: None };
                let _gone = answer.reply(Found::new(peer.clone(), vec![row])).await;
                answer.reply(Answered { peer, error: None, more: false }).await
            }
            _ => return,
        };
        if told.is_ok() {
            let _gone = answer.end().await;
        }
    }
}

fn secret() -> Secret {
    Secret::derive(&Password::new(PASSWORD), "").unwrap()
}

fn random() -> Randomness {
    let mut random = [0; 48];
    getrandom::fill(&mut random).unwrap();
    Randomness::from_bytes(random)
}

/// The other end of a session that somebody opened with us.
async fn accepted(stream: TcpStream) -> Option<(Session, WebSocketStream<TcpStream>)> {
    #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
    let agree = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", "tp2".parse().unwrap());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.ok()?;
    let id = InstanceId([0x80; 16]);
    let mut responder = Responder::new(&secret(), id, Flags::default(), Box::new(|_| true), random(), Moment(0));
    loop {
        while let Some(message) = responder.poll_message() {
            socket.send(Frame::binary(message)).await.ok()?;
        }
        if responder.is_done() {
            return Some((responder.finish().ok()?, socket));
        }
        let Some(Ok(Frame::Binary(message))) = socket.next().await else { return None };
        responder.handle_message(&message, Moment(0)).ok()?;
    }
}

/// Calls a node as a process of this id.
pub(super) async fn call(address: &str, id: InstanceId) -> (Session, WebSocketStream<TcpStream>) {
    let mut request = format!("ws://{address}/bridge").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "tp2".parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let destination = format!("{address}/bridge").parse().unwrap();
    let mut initiator = Initiator::new(&secret(), id, Flags::default(), destination, random(), Moment(0));
    while !initiator.is_done() {
        let Some(Ok(Frame::Binary(message))) = socket.next().await else { panic!("no session") };
        initiator.handle_message(&message, Moment(0)).unwrap();
        while let Some(message) = initiator.poll_message() {
            socket.send(Frame::binary(message)).await.unwrap();
        }
    }
    (initiator.finish().unwrap(), socket)
}
