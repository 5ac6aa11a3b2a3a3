//! Our dialer, at real nodes and at everything else that may listen at a peer's address.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::Trial;
use native_node::bridge::{DialError, Identity, Named, Opened, connect};
use native_node::dial::Way;
use native_node::run::{Config, bind, prepare};
use shared::bridge::{Flags, HandshakeError, InstanceId, OwnNames, Randomness, Responder};
use shared::{Moment, Password, PeerUrl};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_util::sync::CancellationToken;

use super::caller::secret;
use super::on_runtime;
use crate::harness::evil::Evil;
use crate::harness::node::{Node, fresh_state};
use crate::harness::original::Original;
use crate::harness::ports::free_port;
use crate::harness::proxy::Proxy;
use crate::harness::tree::tree;
use crate::harness::{Trials, test};
use crate::hostile::victim::PASSWORD;

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    let original = Original::find();
    let mut trials = Trials::needing("the program of 2004 under Python 2.7", &original);
    trials.add("bridge::dialing_an_original_says_that_it_has_no_bridge", |original| {
        let share = tree(&[]);
        let server = original.serve(share.path(), PASSWORD, &[]);
        let error = dial(&server.url, PASSWORD).unwrap_err();
        assert!(matches!(error, DialError::NoBridge { status: 501 }), "{error:?}");
    });
    let mut trials = trials.into_vec();
    trials.extend([
        test("bridge::dialing_tells_apart_whatever_listens", whatever_listens),
        test("bridge::dialing_a_node_opens_a_session_or_uses_up_a_guess", node),
        test("bridge::d3_a_node_that_dials_itself_notices", myself),
        test("bridge::d4_a_call_that_is_passed_on_to_another_node_is_refused", passed_on),
        test("bridge::d11_a_listener_without_the_password_is_found_out", listeners_without_the_password),
        test("bridge::a_record_right_after_the_last_proof_is_not_lost", early_record),
        test("bridge::who_ends_all_sessions_ends_the_one_that_is_being_opened", closed_while_dialing),
    ]);
    trials
}

fn dial(url: &str, password: &str) -> Result<Opened, DialError> {
    let url = PeerUrl::parse(url).unwrap();
    on_runtime(async {
        let identity = Identity::new(&Password::new(password), true).await.unwrap();
        connect(&identity, &url, Named::ByPerson).await
    })
}

/// Something that answers every connection with these bytes, counting them.
fn listener(answer: &'static [u8]) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut piece = [0; 4096];
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(count @ 1..) => head.extend_from_slice(&piece[..count]),
                    _ => break,
                }
            }
            let _over = tell.send(String::from_utf8_lossy(&head).into_owned());
            let _gone = stream.write_all(answer);
            if answer.is_empty() {
                // Silence, until the caller has had enough.
                let _gone = stream.read(&mut piece);
            }
        }
    });
    (url, asked)
}

fn whatever_listens() {
    const NODE: &str = "tinyp2p-node: 0123\r\nContent-Length: 0\r\n\r\n";
    let leaked = |text: String| -> &'static [u8] { Box::leak(text.into_bytes().into_boxed_slice()) };
    let at = |answer: &'static [u8]| {
        let (url, asked) = listener(answer);
        let start = Instant::now();
        let error = dial(&url, PASSWORD).unwrap_err();
        eprintln!("{:?}: {error} ({:?})", String::from_utf8_lossy(&answer[..answer.len().min(30)]), start.elapsed());
        assert!(!error.is_attempt_used(), "{error:?}");
        let head = asked.recv().unwrap().to_lowercase();
        assert!(head.starts_with("get /bridge http/1.1\r\n") && !head.contains("origin"), "{head}");
        assert!(asked.try_recv().is_err(), "it calls once, and follows nobody");
        error
    };
    for status in ["501 Unsupported method ('GET')", "404 Not Found", "405 Method Not Allowed", "400 Bad Request"] {
        for version in ["1.0", "1.1"] {
            let error = at(leaked(format!("HTTP/{version} {status}\r\nContent-Length: 0\r\n\r\n")));
            let number = status[..3].parse::<u16>().unwrap();
            assert!(matches!(error, DialError::NoBridge { status } if status == number), "{error:?}");
        }
    }
    let evil = Evil::listing(&[], &[], |_, _| {});
    assert!(matches!(dial(&evil.url, PASSWORD), Err(DialError::NoBridge { status: 501 })));
    for answer in [
        leaked(format!("HTTP/1.1 400 Bad Request\r\n{NODE}")),
        leaked(format!("HTTP/1.1 426 Upgrade Required\r\n{NODE}")),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/bridge\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Protocol: tp2\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\x00\x02\x02\x16",
        leaked(format!("HTTP/1.1 404 Not Found\r\nX: {}\r\n\r\n", "a".repeat(1 << 20))),
        leaked(format!("HTTP/1.1 404 Not Found\r\n{}\r\n", "X: y\r\n".repeat(10_000))),
    ] {
        let error = at(answer);
        // Told by what was said: past the deadline it would be out of reach.
        assert!(matches!(error, DialError::Foreign(_)), "{error:?}");
    }
    let error = at(leaked(format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\n{NODE}")));
    let after = Duration::from_secs(77);
    assert!(matches!(error, DialError::TooManyGuesses { retry_after, .. } if retry_after == after), "{error:?}");
    let error = at(leaked(format!("HTTP/1.1 421 Misdirected Request\r\n{NODE}")));
    assert!(matches!(error, DialError::Destination), "{error:?}");
    let error = at(leaked(format!("HTTP/1.1 503 Service Unavailable\r\n{NODE}")));
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
    let error = at(b"");
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let error = dial(&format!("http://{closed}"), PASSWORD).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let error = dial("http://no.such.host.invalid:9004", PASSWORD).unwrap_err();
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
}

fn node() {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let opened = dial(&node.url, PASSWORD).unwrap();
    assert_eq!(opened.address.to_string(), node.address());
    assert!(opened.session.peer.flags.contains(Flags::LEGACY));
    dial(&format!("http://localhost:{}/peer/x", node.port()), PASSWORD).unwrap();
    let error = dial(&node.url, "wrong").unwrap_err();
    assert!(matches!(error, DialError::Refused) && error.is_attempt_used(), "{error:?}");
    assert_eq!(error.to_string(), "it refuses the password");
}

fn myself() {
    let share = tree(&[]);
    let error = on_runtime(async {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = Config { state: Some(fresh_state()), ..Config::new(Password::new(PASSWORD), share.path()) };
        let prepared = prepare(config, listener).await.unwrap();
        let own = std::sync::Arc::clone(prepared.node());
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(prepared.run(shutdown.clone()));
        // Through somebody who changes nothing.
        let proxy = proxy(own.url().authority().to_owned());
        let error = connect(own.identity(), &PeerUrl::parse(&proxy).unwrap(), Named::ByPerson).await.unwrap_err();
        shutdown.cancel();
        running.await.unwrap().unwrap();
        error
    });
    assert!(matches!(error, DialError::Myself) && !error.is_attempt_used(), "{error:?}");
}

fn closed_while_dialing() {
    let (port, share) = (free_port(), tree(&[]));
    // The first answer takes it two seconds.
    let proxy = Proxy::to(&format!("127.0.0.1:{port}")).limit(100);
    let _node = Node::serve(share.path(), PASSWORD, &["--port", &port.to_string(), "--url", &proxy.url]);
    on_runtime(async {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = Config { state: Some(fresh_state()), ..Config::new(Password::new(PASSWORD), share.path()) };
        let prepared = prepare(config, listener).await.unwrap();
        let own = std::sync::Arc::clone(prepared.node());
        let (links, url) = (own.dialer().links(), PeerUrl::parse(&proxy.url).unwrap());
        let begun = async {
            while proxy.connections() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            links.close();
            proxy.set_rate(0);
        };
        let (way, ()) = tokio::join!(tokio::time::timeout(PATIENCE, links.way(&url)), begun);
        if let Way::Bridge(link) = way.expect("an end").expect("a session, be it a short one") {
            tokio::time::timeout(PATIENCE, link.closed()).await.expect("its end");
        }
        assert!(links.way(&url).await.is_err(), "no other is opened");
    });
}

fn passed_on() {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let error = dial(&proxy(node.address().to_owned()), PASSWORD).unwrap_err();
    assert!(matches!(error, DialError::Destination) && !error.is_attempt_used(), "{error:?}");
    assert!(error.to_string().contains("--alias"), "{error}");
}

/// Passes connections on to `to`, and says at which URL.
fn proxy(to: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(&to).unwrap();
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                std::thread::spawn(move || {
                    let _ended = std::io::copy(&mut from, &mut to);
                    let _gone = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    url
}

/// What a listener does that speaks the bridge in its own way.
#[derive(Debug, Clone, Copy)]
enum Listener {
    /// Knows the password and follows its last proof with a record at once, in one write.
    Early,
    /// Hangs up after so many messages of the caller.
    HangsUpAfter(usize),
    /// Says so many binary messages of one kind instead.
    Says(&'static [u8]),
    /// Does not know the password, and claims that the caller does not.
    Refuses,
    /// Does not know the password, and says anything as its proof.
    Pretends,
}

/// Starts one; it serves one caller.
async fn speak(listener: Listener) -> String {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
        let agree = |_: &Request, mut response: Response| {
            response.headers_mut().insert("sec-websocket-protocol", "tp2".parse().unwrap());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
        let names: OwnNames = Box::new(|_| true);
        let password = if matches!(listener, Listener::Early) { PASSWORD } else { "another one" };
        let id = InstanceId([9; 16]);
        let random = Randomness::from_bytes([5; 48]);
        let mut responder = Responder::new(&secret(password), id, Flags::default(), names, random, Moment(0));
        let mut heard = 0;
        loop {
            while let Some(message) = responder.poll_message() {
                let message = if let Listener::Says(message) = listener { message.to_vec() } else { message };
                socket.feed(Message::binary(message)).await.unwrap();
            }
            if responder.is_done() {
                let mut session = responder.finish().unwrap();
                let record = session.sealer.seal(shared::bridge::Kind(9), 3, b"early").unwrap();
                socket.feed(Message::binary(record)).await.unwrap();
                socket.flush().await.unwrap();
                let _until_closed = socket.next().await;
                return;
            }
            socket.flush().await.unwrap();
            if matches!(listener, Listener::HangsUpAfter(most) if heard >= most) {
                return;
            }
            let Some(Ok(Message::Binary(message))) = socket.next().await else { return };
            heard += 1;
            if responder.handle_message(&message, Moment(0)).is_err() {
                match listener {
                    Listener::Refuses => {
                        let code = 4001.into();
                        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame { code, reason: "".into() };
                        let _gone = socket.send(Message::Close(Some(frame))).await;
                    }
                    Listener::Pretends => _ = socket.send(Message::binary(vec![1; 32])).await,
                    _ => return,
                }
                let _until_closed = socket.next().await;
                return;
            }
        }
    });
    url
}

async fn dial_listener(listener: Listener) -> Result<Opened, DialError> {
    let url = PeerUrl::parse(&speak(listener).await).unwrap();
    let identity = Identity::new(&Password::new(PASSWORD), true).await.unwrap();
    connect(&identity, &url, Named::ByPerson).await
}

fn listeners_without_the_password() {
    on_runtime(async {
        let error = dial_listener(Listener::Refuses).await.unwrap_err();
        assert!(matches!(error, DialError::Refused) && error.is_attempt_used(), "{error:?}");
        let error = dial_listener(Listener::Pretends).await.unwrap_err();
        assert!(matches!(error, DialError::NotProved) && error.is_attempt_used(), "{error:?}");
        // Its share comes with the end of the connection, and the proof may be on its way by then.
        for (heard, used) in [(0, false), (1, true), (2, true)] {
            let error = dial_listener(Listener::HangsUpAfter(heard)).await.unwrap_err();
            assert!(matches!(error, DialError::Broken { .. }), "{error:?}");
            assert_eq!(error.is_attempt_used(), used, "{heard}: {error:?}");
        }
        for message in [b"hello".as_slice(), b"", &[0; 5_000]] {
            let error = dial_listener(Listener::Says(message)).await.unwrap_err();
            let expected = |error| matches!(error, HandshakeError::Malformed | HandshakeError::TooLong(5_000));
            assert!(matches!(error, DialError::Handshake { error, .. } if expected(error)), "{error:?}");
            assert!(!error.is_attempt_used());
        }
    });
}

fn early_record() {
    on_runtime(async {
        let mut opened = dial_listener(Listener::Early).await.unwrap();
        let Some(Ok(Message::Binary(message))) = opened.socket.next().await else { panic!("no record") };
        let record = opened.session.opener.open(message.into()).unwrap();
        assert_eq!((record.kind.0, record.stream, record.payload()), (9, 3, b"early".as_slice()));
    });
}
