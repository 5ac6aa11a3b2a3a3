//! HTTP as plain as it can be, the same against both: what is measured is the server.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use shared::{Call, Password, PeerUrl, xmlrpc};

use crate::PASSWORD;

/// No answer may take longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// `127.0.0.1:PORT` of a peer's URL.
pub(crate) fn address(url: &str) -> &str {
    url.strip_prefix("http://").expect("an http URL")
}

/// The bytes of one call to the peer at `url`.
pub(crate) fn request(url: &str, call: &Call) -> Vec<u8> {
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(url).expect("a URL"));
    let body = xmlrpc::write_f(&token, call);
    let head = format!(
        "POST /RPC2 HTTP/1.1\r\nHost: {}\r\nUser-Agent: against-2004\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        address(url),
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Makes one call on a connection of its own; the whole answer.
pub(crate) fn ask(url: &str, call: &Call) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address(url))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(&request(url, call))?;
    let mut answer = Vec::with_capacity(1 << 20);
    let mut piece = vec![0; 256 << 10];
    while length(&answer).is_none_or(|length| answer.len() < length) {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    Ok(answer)
}

/// Length of a whole answer, once its head is there.
pub(crate) fn length(answer: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(&answer[..answer.len().min(1 << 10)]).ok()?;
    let (head, _) = head.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())?.ok()
    })?;
    Some(head.len() + 4 + length)
}

/// How many strings an answer has.
pub(crate) fn strings(answer: &[u8]) -> usize {
    String::from_utf8_lossy(answer).matches("<string>").count()
}

/// Tells a lone original its own URL: with an empty list it answers n = 0 with a fault.
pub(crate) fn teach(url: &str) {
    let answer = ask(url, &Call::Exchange(vec![url.to_owned()])).expect("an answer");
    assert_eq!(strings(&answer), 1, "it knows itself now: {}", String::from_utf8_lossy(&answer));
}
