//! A peer that does as it is told: it speaks just enough XML-RPC to be asked, and then answers whatever a test wants.
//!
//! Its threads end with the test program. It checks no token: what it is asked is all a test needs to know.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use shared::xmlrpc::{MethodCall, Value, read_call};

/// What a caller wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Exchange,
    List,
    Fetch(String),
    /// A method that the original does not have.
    Other(String),
}

/// A listening evil peer.
#[derive(Debug)]
pub(crate) struct Evil {
    pub(crate) url: String,
}

impl Evil {
    /// One that leaves every answer to `answer`: it gets what was asked, and the connection.
    pub(crate) fn answering(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    let mut stream = stream;
                    if let Some(asked) = asked(&mut stream) {
                        answer(&asked, &mut stream);
                    }
                });
            }
        });
        Self { url }
    }

    /// One that never answers, and tells each time it is asked.
    pub(crate) fn silent() -> (Self, Receiver<()>) {
        let (tell, asked) = channel();
        let evil = Self::answering(move |_, stream| {
            // Nobody listens any more once the test is over.
            let _over = tell.send(());
            silence(stream);
        });
        (evil, asked)
    }

    /// One that passes for an original: it knows `knows`, lists `names`, and leaves content to `content`.
    pub(crate) fn listing(
        knows: &[&str],
        names: &[&[u8]],
        content: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let knows = answer(&strings(&knows.iter().map(|url| url.as_bytes()).collect::<Vec<_>>()));
        let names = answer(&list(&strings(names)));
        Self::answering(move |asked, stream| match asked {
            Asked::Exchange => send(stream, &knows),
            Asked::List => send(stream, &names),
            Asked::Fetch(name) => content(name, stream),
            Asked::Other(_) => send(stream, &fault("<type 'exceptions.Exception'>:method is not supported")),
        })
    }
}

/// Reads one call.
fn asked(stream: &mut TcpStream) -> Option<Asked> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let (mut call, mut piece) = (Vec::new(), [0; 4096]);
    let body = loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        call.extend_from_slice(&piece[..count]);
        let Some(end) = call.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&call[..end]).to_ascii_lowercase();
        if !head.starts_with("post ") {
            // As the original does, which knows nothing else: so does a node find out that this is no node.
            send(
                stream,
                b"HTTP/1.0 501 Unsupported method ('GET')\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n",
            );
            return None;
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
        if call.len() >= end + 4 + length {
            break call.split_off(end + 4);
        }
    };
    let MethodCall { method, params } = read_call(&body, None).ok()?;
    match (method.as_str(), params.get(1), params.get(2)) {
        ("f", Some(Value::Int(0)), _) => Some(Asked::Exchange),
        ("f", Some(Value::Int(1)), _) => Some(Asked::List),
        ("f", Some(Value::Int(_)), Some(file)) => Some(Asked::Fetch(file.as_str().unwrap_or_default().to_owned())),
        _ => Some(Asked::Other(method)),
    }
}

/// Writes; a caller that has gone is none of our business.
pub(crate) fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _gone = stream.write_all(bytes);
}

/// Says nothing until the caller gives up.
pub(crate) fn silence(stream: &mut TcpStream) {
    let _unlimited = stream.set_read_timeout(None);
    let _gone = stream.read(&mut [0]);
}

/// Sends `bytes` one at a time, `every` so often and for ever, until the caller gives up.
pub(crate) fn drip(stream: &mut TcpStream, bytes: &[u8], every: Duration) {
    let start = Instant::now();
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || start.elapsed() > Duration::from_secs(280) {
            return;
        }
        std::thread::sleep(every);
    }
}

/// A whole HTTP answer around a value.
pub(crate) fn answer(value: &[u8]) -> Vec<u8> {
    http("200 OK", "", &response(value))
}

/// A whole HTTP answer with a fault.
pub(crate) fn fault(text: &str) -> Vec<u8> {
    let text = escape(text.as_bytes());
    let mut body = b"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>1</int></value>\
        </member><member><name>faultString</name><value><string>"
        .to_vec();
    body.extend(text);
    body.extend(b"</string></value></member></struct></value></fault></methodResponse>");
    http("200 OK", "", &body)
}

/// A whole HTTP answer: status with its reason, further header lines, body.
pub(crate) fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = head(status, &format!("{headers}Content-Length: {}\r\n", body.len()));
    whole.extend_from_slice(body);
    whole
}

/// The head of an HTTP answer alone.
pub(crate) fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// The XML around a value.
pub(crate) fn response(value: &[u8]) -> Vec<u8> {
    let head = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>".as_slice();
    [head, value, b"</value>\n</param>\n</params>\n</methodResponse>\n"].concat()
}

/// A string of any bytes.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [b"<string>".as_slice(), &escape(bytes), b"</string>"].concat()
}

/// A list of strings of any bytes.
pub(crate) fn strings(texts: &[&[u8]]) -> Vec<u8> {
    let mut list = b"<array><data>\n".to_vec();
    for text in texts {
        list.extend_from_slice(b"<value>");
        list.extend(string(text));
        list.extend_from_slice(b"</value>\n");
    }
    list.extend_from_slice(b"</data></array>");
    list
}

/// A list of one value: a listing is such a list of a list.
pub(crate) fn list(value: &[u8]) -> Vec<u8> {
    [b"<array><data><value>".as_slice(), value, b"</value></data></array>"].concat()
}

fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            _ => escaped.push(*byte),
        }
    }
    escaped
}
