//! A caller of the bridge that is not our dialer: tokio-tungstenite's client, and the handshake step by step.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::bridge::{Destination, Flags, Initiator, InstanceId, Randomness, Secret, Session};
use shared::{Moment, Password};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::node::Node;

/// Longer than any deadline of the node.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open WebSocket to a node; nothing is proved yet.
pub(super) struct Caller {
    pub(super) socket: WebSocketStream<TcpStream>,
}

/// What a node answers that does not upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUpgraded {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
}

/// How a handshake ended.
#[derive(Debug)]
pub(super) enum Ended {
    Session(Box<Session>),
    /// Closed by the node, with this code.
    Closed(Option<u16>),
}

impl Ended {
    #[track_caller]
    pub(super) fn session(self) -> Session {
        match self {
            Self::Session(session) => *session,
            Self::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    #[track_caller]
    pub(super) fn code(self) -> Option<u16> {
        match self {
            Self::Session(session) => panic!("a session: {session:?}"),
            Self::Closed(code) => code,
        }
    }
}

/// The secret of a password.
pub(super) fn secret(password: &str) -> Secret {
    Secret::derive(&Password::new(password), "").unwrap()
}

impl Caller {
    /// Calls from 127.0.0.1, as a program does.
    pub(super) async fn of(node: &Node) -> Self {
        Self::from(node, 1, &[("sec-websocket-protocol", "tp2")]).await.unwrap()
    }

    /// Calls from 127.0.0.`host` with these headers.
    pub(super) async fn from(node: &Node, host: u8, headers: &[(&'static str, &str)]) -> Result<Self, NotUpgraded> {
        Self::from_address(node, Ipv4Addr::new(127, 0, 0, host), headers).await
    }

    /// Calls from this address of the machine.
    pub(super) async fn from_address(
        node: &Node,
        own_address: Ipv4Addr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, NotUpgraded> {
        let own = TcpSocket::new_v4().unwrap();
        own.bind(SocketAddr::from((own_address, 0))).unwrap();
        let stream = own.connect(node.address().parse().unwrap()).await.unwrap();
        let mut request = format!("ws://{}/bridge", node.address()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match timeout(PATIENCE, client_async(request, stream)).await.expect("an answer in time") {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "tp2");
                assert!(!response.headers().contains_key("sec-websocket-extensions"));
                Ok(Self { socket })
            }
            Err(Error::Http(response)) => Err(NotUpgraded {
                status: response.status().as_u16(),
                retry_after: response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned()),
            }),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs the handshake as somebody with this secret who dialed `destination`.
    pub(super) async fn prove(&mut self, secret: &Secret, destination: &str) -> Ended {
        let mut random = [0; 48];
        getrandom::fill(&mut random).unwrap();
        let destination: Destination = destination.parse().unwrap();
        let random = Randomness::from_bytes(random);
        let mut initiator =
            Initiator::new(secret, InstanceId([7; 16]), Flags::default(), destination, random, Moment(0));
        while !initiator.is_done() {
            match self.next().await {
                Ok(message) => initiator.handle_message(&message, Moment(0)).unwrap(),
                Err(code) => return Ended::Closed(code),
            }
            while let Some(message) = initiator.poll_message() {
                self.say(message).await;
            }
        }
        Ended::Session(Box::new(initiator.finish().unwrap()))
    }

    /// Sends a binary message; a node that has gone is told by the next one that is read.
    pub(super) async fn say(&mut self, message: Vec<u8>) {
        let _gone = self.socket.send(Message::binary(message)).await;
    }

    /// The next binary message, or the code that the node closes with.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the node says something in time") {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.into()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// The name under which a node is dialed by its address.
pub(super) fn destination(node: &Node) -> String {
    format!("{}/bridge", node.address())
}
