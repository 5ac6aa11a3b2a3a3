//! Raw sockets: what no proper client would send, and what comes back, with a deadline on everything.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::node::Node;

/// Longer than any deadline of the node; whoever waits longer has found a fault.
const PATIENCE: Duration = Duration::from_secs(45);

/// One connection to a node.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Read and not yet asked for.
    rest: Vec<u8>,
}

/// What five attempts end with, and how long the quickest took: what is measured is the node, not the machine's other work.
pub(crate) fn at_best<T>(attempt: impl Fn() -> T) -> (Vec<T>, Duration) {
    let timed = || {
        let start = Instant::now();
        (attempt(), start.elapsed())
    };
    let (ends, times): (_, Vec<_>) = (0..5).map(|_| timed()).unzip();
    (ends, times.into_iter().min().unwrap())
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The code of the fault it is, or what it is instead.
    #[track_caller]
    pub(crate) fn fault(&self) -> i32 {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.head.to_lowercase().contains("content-length: "), "{self:?}");
        let code = self.body.split_once("<name>faultCode</name>").and_then(|(_, rest)| {
            let rest = rest.split_once("<int>")?.1;
            rest.split_once("</int>")?.0.parse().ok()
        });
        code.unwrap_or_else(|| panic!("no fault: {self:?}"))
    }

    /// Whether it is the boolean 0 and nothing else.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status == 200 && self.body.contains("<boolean>0</boolean>") && !self.body.contains("<fault>")
    }
}

impl Wire {
    pub(crate) fn to(node: &Node) -> Self {
        Self::at(node.address())
    }

    /// To the node at this host and port.
    pub(crate) fn at(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the node accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, rest: Vec::new() }
    }

    /// Sends bytes. An error means that the node stopped listening.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends all that it will ever send.
    pub(crate) fn hang_up(&self) {
        // Closed by the node already is as good.
        let _closed = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer; none if the connection ends before there is a whole one.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.answer_to("POST")
    }

    /// The next answer, to a request of this method.
    pub(crate) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let end = loop {
            match self.rest.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8_lossy(&self.rest.drain(..end).collect::<Vec<_>>()).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let length = if method == "HEAD" { 0 } else { length.unwrap_or(0) };
        while self.rest.len() < length {
            self.more()?;
        }
        let body = String::from_utf8_lossy(&self.rest.drain(..length).collect::<Vec<_>>()).into_owned();
        Some(Answer { status, head, body })
    }

    /// Whether anything of an answer is here, or the end of the connection.
    pub(crate) fn is_answered(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        !self.rest.is_empty() || !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads until the node closes the connection, and says how long that took; panics if it never does.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> Duration {
        let start = Instant::now();
        while self.more().is_some() {}
        start.elapsed()
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                self.rest.extend_from_slice(&piece[..count]);
                Some(())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the node neither answers nor closes within {PATIENCE:?}")
            }
            // Cut off while we were still sending.
            Err(_) => None,
        }
    }
}

/// A request with the headers a proper one needs, and these.
pub(crate) fn request(node: &Node, line: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("{line}\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n", node.address(), body.len());
    if body.is_empty() && !line.starts_with("POST") {
        bytes = format!("{line}\r\nHost: {}\r\n{headers}\r\n", node.address());
    }
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A call in its request.
pub(crate) fn post(node: &Node, body: impl AsRef<[u8]>) -> Vec<u8> {
    request(node, "POST /RPC2 HTTP/1.1", "Content-Type: text/xml\r\n", body)
}

/// Sends one request on a connection of its own. None: the node closed it without an answer.
pub(crate) fn ask(node: &Node, request: impl AsRef<[u8]>) -> Option<Answer> {
    let mut wire = Wire::to(node);
    // The node may have answered and closed before it took everything.
    let _taken = wire.say(request);
    wire.answer()
}

/// Posts a body to a node, which answers it.
#[track_caller]
pub(crate) fn rpc(node: &Node, body: impl AsRef<[u8]>) -> Answer {
    ask(node, post(node, body)).expect("an answer")
}

/// A call of `method` with parameters that are written as XML already.
pub(crate) fn call(method: &str, params: &[&str]) -> String {
    let params: String = params.iter().map(|param| format!("<param><value>{param}</value></param>")).collect();
    format!("<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>")
}

/// A string as a value.
pub(crate) fn string(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#13;");
    format!("<string>{escaped}</string>")
}

/// A list of strings as a value.
pub(crate) fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let items: String = texts.into_iter().map(|text| format!("<value>{}</value>", string(text.as_ref()))).collect();
    format!("<array><data>{items}</data></array>")
}
