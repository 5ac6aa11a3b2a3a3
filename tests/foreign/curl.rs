//! Calls by hand with curl: the HTTP and the encodings that libraries of today no longer send, and other programs do.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use libtest_mimic::Trial;
use shared::Fault;
use shared::xmlrpc::{Value, read_reply};
use tempfile::{NamedTempFile, TempDir};

use super::{content, files, probe_command, shared, texts, token};
use crate::harness::node::{Node, run};
use crate::harness::{Trials, ok, stdout};

pub(crate) fn trials() -> Vec<Trial> {
    let command = probe_command("curl");
    let mut trials = Trials::needing("curl", &command);
    trials.add("foreign::curl_with_http_1_0_gets_one_answer_and_the_end", |()| http_1_0());
    trials.add("foreign::curl_sends_a_call_in_every_way_of_http", |()| every_way());
    trials.add("foreign::curl_keeps_its_connection", |()| keeps_its_connection());
    trials.add("foreign::curl_is_answered_in_gzip_when_it_asks", |()| answered_in_gzip());
    trials.add("foreign::curl_sends_every_encoding_we_read", |()| every_encoding());
    trials.add("foreign::curl_as_the_client_of_2004_waits_for_no_listing", |()| waits_for_no_listing());
    trials.into_vec()
}

/// A node, and curl beside it.
struct Site {
    node: Node,
    token: String,
    #[expect(dead_code, reason = "held so that it is there")]
    share: TempDir,
}

/// What curl got: the heads of all answers, and the last body.
struct Got {
    head: String,
    body: Vec<u8>,
}

impl Site {
    fn new() -> Self {
        let (node, share) = shared(&files());
        let token = token(&node.url);
        Self { node, token, share }
    }

    /// A call of `f`, as text.
    fn call(&self, declaration: &str, number: u32, argument: &str) -> String {
        let token = &self.token;
        format!(
            "{declaration}<methodCall><methodName>f</methodName><params><param><value><string>{token}</string></value>\
             </param><param><value><int>{number}</int></value></param><param><value><string>{argument}</string></value>\
             </param></params></methodCall>"
        )
    }

    /// Posts a body as it is.
    fn post(&self, body: &[u8], more: &[&str]) -> Got {
        let (mut sent, head, answer) = (file(), file(), file());
        sent.write_all(body).unwrap();
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20"]);
        if !more.iter().any(|argument| argument.starts_with("Content-Type:")) {
            command.args(["--header", "Content-Type: text/xml"]);
        }
        command.args(more).arg("--data-binary").arg(format!("@{}", sent.path().display()));
        command.arg("--dump-header").arg(head.path()).arg("--output").arg(answer.path());
        ok(&run(command.arg(&self.node.url)));
        Got { head: std::fs::read_to_string(head.path()).unwrap(), body: std::fs::read(answer.path()).unwrap() }
    }
}

impl Got {
    #[track_caller]
    fn answer(&self) -> Result<Value, i32> {
        assert!(self.head.contains(" 200 OK\r\n"), "{}{}", self.head, String::from_utf8_lossy(&self.body));
        read_reply(&self.body).expect("an XML-RPC answer").map_err(|fault| fault.code)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn file() -> NamedTempFile {
    NamedTempFile::new().unwrap()
}

/// The answer to a listing of one name.
fn listing(names: &[&str]) -> Result<Value, i32> {
    Ok(Value::Array(vec![texts(names)]))
}

fn http_1_0() {
    let site = Site::new();
    let got = site.post(site.call("", 1, "^ascii").as_bytes(), &["--http1.0"]);
    assert_eq!(got.answer(), listing(&["ascii.txt"]));
    assert!(got.head.starts_with("HTTP/1.0 200 "), "{}", got.head);
    assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
    assert_eq!(got.header("transfer-encoding"), None);
    assert_ne!(got.header("connection"), Some("keep-alive"));

    // Without a Host header, as the first clients were; and content that is streamed.
    let files = files();
    let (_, big) = files.iter().find(|(name, _)| name == "big.txt").unwrap();
    let got = site.post(site.call("", 2, "big.txt").as_bytes(), &["--http1.0", "--header", "Host:"]);
    assert_eq!(got.answer(), Ok(content(big)));
    assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
}

fn every_way() {
    let site = Site::new();
    let call = site.call("", 1, "^ascii");
    let expected = listing(&["ascii.txt"]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(call.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(call.as_bytes()).unwrap();
    let deflate = deflate.finish().unwrap();

    let chunked = ["--header", "Transfer-Encoding: chunked"];
    assert_eq!(site.post(call.as_bytes(), &chunked).answer(), expected);
    assert_eq!(site.post(&gzip, &["--header", "Content-Encoding: gzip"]).answer(), expected);
    assert_eq!(site.post(&gzip, &["--header", "Content-Encoding: X-GZIP"]).answer(), expected);
    assert_eq!(site.post(&deflate, &["--header", "Content-Encoding: deflate"]).answer(), expected);
    let both = ["--header", "Content-Encoding: gzip", "--header", "Transfer-Encoding: chunked"];
    assert_eq!(site.post(&gzip, &both).answer(), expected);

    let got = site.post(call.as_bytes(), &["--header", "Expect: 100-continue"]);
    assert!(got.head.starts_with("HTTP/1.1 100 Continue\r\n"), "{}", got.head);
    assert_eq!(got.answer(), expected);

    let got = site.post(call.as_bytes(), &["--header", "Content-Encoding: compress"]);
    assert!(got.head.starts_with("HTTP/1.1 415 "), "{}", got.head);
    let got = site.post(b"no gzip", &["--header", "Content-Encoding: gzip"]);
    assert!(got.head.starts_with("HTTP/1.1 400 "), "{}", got.head);
    // What a form would send, and what nobody says: the type of a call is its content.
    for media_type in ["Content-Type: application/x-www-form-urlencoded", "Content-Type:"] {
        assert_eq!(site.post(call.as_bytes(), &["--header", media_type]).answer(), expected);
    }
}

/// Once the node has looked into all its files, it knows what that client can write.
fn waits_for_no_listing() {
    let site = Site::new();
    let listing = || {
        let call = site.call("", 1, "txt$");
        site.post(call.as_bytes(), &["--user-agent", "xmlrpclib.py/1.0.1 (by www.pythonware.com)"]).answer()
    };
    let shown = Ok(Value::Array(vec![texts(&["ascii.txt", "big.txt", "crlf.txt"])]));
    assert_eq!(listing(), shown);
    let start = Instant::now();
    assert_eq!(listing(), shown);
    assert!(start.elapsed() < Duration::from_secs(3), "the second listing took {:?}", start.elapsed());
}

fn keeps_its_connection() {
    let site = Site::new();
    let call = site.call("", 2, "big.txt");
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null", "--output", "/dev/null"]);
    command.args(["--data-binary", &call, "--write-out", "%{http_code} %{num_connects}\n"]);
    let got = run(command.arg(&site.node.url).arg(format!("{}/RPC2", site.node.url)));
    ok(&got);
    assert_eq!(stdout(&got), "200 1\n200 0\n");
}

fn answered_in_gzip() {
    let site = Site::new();
    let long = site.call("", 1, "");
    let plain = site.post(long.as_bytes(), &[]);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = site.post(long.as_bytes(), &["--compressed", "--header", "Accept-Encoding: gzip"]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let length: usize = packed.header("content-length").unwrap().parse().unwrap();
    assert!(length < plain.body.len() / 2, "{length} bytes packed");
    assert_eq!(packed.body, plain.body);

    let short = site.post(site.call("", 1, "^ascii").as_bytes(), &["--header", "Accept-Encoding: gzip"]);
    assert_eq!(short.header("content-encoding"), None);
    assert_eq!(short.answer(), listing(&["ascii.txt"]));
}

fn every_encoding() {
    let site = Site::new();
    let declared = |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n");
    let name = "special <&> 'name' \"é\".xml";
    let expected = listing(&[name]);
    let none: &[&str] = &[];
    let in_header = |charset: &str| ["--header".to_owned(), format!("Content-Type: text/xml; charset={charset}")];

    let utf8 = site.call(&declared("UTF-8"), 1, "\"é\"");
    assert_eq!(site.post(utf8.as_bytes(), none).answer(), expected);
    assert_eq!(site.post(format!("\u{feff}{utf8}").as_bytes(), none).answer(), expected);
    let ascii = site.call(&declared("us-ascii"), 1, "\"&#233;\"");
    assert_eq!(site.post(ascii.as_bytes(), none).answer(), expected);
    let cdata = site.call("<!-- a comment --><?and an=\"instruction\"?>", 1, "<![CDATA[<&> 'name']]>&#x20;");
    assert_eq!(site.post(cdata.as_bytes(), none).answer(), expected);

    let latin1 = |call: &str| call.chars().map(|letter| u8::try_from(letter).unwrap()).collect::<Vec<_>>();
    for encoding in ["ISO-8859-1", "iso-8859-1", "latin1"] {
        let call = latin1(&site.call(&declared(encoding), 1, "\"é\""));
        assert_eq!(site.post(&call, none).answer(), expected, "{encoding}");
    }
    // Said by HTTP alone.
    let header = in_header("iso-8859-1");
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    assert_eq!(site.post(&latin1(&site.call("", 1, "\"é\"")), &header).answer(), expected);

    for declaration in [declared("UTF-16"), String::new()] {
        let wide: Vec<u16> = format!("\u{feff}{}", site.call(&declaration, 1, "\"é\"")).encode_utf16().collect();
        let big_end: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let little_end: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(site.post(&big_end, none).answer(), expected);
        assert_eq!(site.post(&little_end, none).answer(), expected);
    }

    let unknown = site.call(&declared("EBCDIC-CP-US"), 1, "x");
    assert_eq!(site.post(unknown.as_bytes(), none).answer(), Err(Fault::UNSUPPORTED_ENCODING));
    let undeclared = latin1(&site.call("", 1, "é"));
    let refused = site.post(&undeclared, none).answer();
    assert!(matches!(refused, Err(Fault::BAD_CHARACTER | Fault::NOT_WELL_FORMED)), "{refused:?}");
    assert_eq!(site.post(b"", none).answer(), Err(Fault::NOT_WELL_FORMED));
}
