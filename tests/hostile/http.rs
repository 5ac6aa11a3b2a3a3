//! HTTP as nobody should speak it, and requests that somebody else's page made a browser send.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use libtest_mimic::Trial;

use super::victim::{GoodCaller, Victim};
use super::wire::{Answer, Wire, ask, at_best, call, post, request};
use crate::harness::test;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("hostile::c3_lying_and_contradicting_lengths", lengths),
        test("hostile::c3_endless_bodies_end_at_a_mebibyte", endless_bodies),
        test("hostile::c4_packed_bombs_cost_what_a_call_costs", packed_bombs),
        test("hostile::c18_a_mebibyte_of_headers_is_refused_at_once", many_headers),
        test("hostile::b5_b6_b8_requests_of_other_sites_are_refused", other_sites),
        test("hostile::c_http_of_all_ages_and_methods", all_ages),
    ]
}

/// A call that is answered with 200 whenever it is read at all.
fn innocent() -> String {
    call("system.listMethods", &[])
}

fn lengths() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let body = innocent();
    let length = body.len();
    let with = |headers: &str, body: &str| {
        let mut wire = Wire::to(node);
        let _taken = wire.say(format!("POST /RPC2 HTTP/1.1\r\nHost: {}\r\n{headers}\r\n{body}", node.address()));
        let answer = wire.answer();
        // Told by what was said, and not by the deadline.
        assert!(answer.as_ref().is_none_or(|answer| answer.status != 408), "{headers:?}: {answer:?}");
        answer
    };
    for headers in [
        "Content-Length: 99999999999\r\n",
        "Content-Length: 1048577\r\n",
        "Content-Length: 99999999999\r\nExpect: 100-continue\r\n",
    ] {
        assert_eq!(with(headers, &body).unwrap().status, 413, "{headers:?}");
    }
    for headers in [
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999999999\r\n".to_owned(),
        "Content-Length: 0x10\r\n".to_owned(),
        "Content-Length: \r\n".to_owned(),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: {length}, 5\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 5\r\n"),
        "Transfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: chunked, gzip\r\n".to_owned(),
        "Content-Length : 5\r\n".to_owned(),
        " folded: header\r\n".to_owned(),
        "a\0b: c\r\n".to_owned(),
        "no colon\r\n".to_owned(),
    ] {
        let answer = with(&headers, &body);
        assert!(answer.as_ref().is_none_or(|it| (400..=501).contains(&it.status)), "{headers:?}: {answer:?}");
    }
    // Chunks overrule a length (RFC 9112, 6.3); what a length hides after the last of them is no second call of ours.
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    for headers in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"]
    {
        let answer = with(headers, &chunked).unwrap();
        assert!([200, 400].contains(&answer.status), "{headers:?}: {answer:?}");
    }
    for damaged in ["zz\r\n", "-5\r\nabcde\r\n", "ffffffffffffffffff\r\n", "5\r\nabcdefg\r\n0\r\n\r\n", "5;\n", "\r\n"]
    {
        let answer = with("Transfer-Encoding: chunked\r\n", damaged);
        assert!(answer.as_ref().is_none_or(|it| it.status == 400), "{damaged:?}: {answer:?}");
    }
    let bare = format!("POST /RPC2 HTTP/1.1\nHost: {}\nContent-Length: {length}\n\n{body}", node.address());
    assert!(ask(node, bare).is_none_or(|it| [200, 400].contains(&it.status)));
    for nonsense in [
        "\r\n\r\n\r\n\r\nhello\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned() + &"\0".repeat(500),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\n\r\n".to_owned(),
        "<?xml version='1.0'?><methodCall>\r\n\r\n".to_owned(),
        format!("{} / HTTP/1.1\r\n\r\n", "A".repeat(10_000)),
    ] {
        let answer = ask(node, &nonsense);
        // A method may have any name, and is not allowed then.
        assert!(
            answer.as_ref().is_none_or(|it| [400, 405].contains(&it.status)),
            "{:?}: {answer:?}",
            &nonsense[..nonsense.len().min(50)]
        );
    }
    victim.must_be_well("lengths", 8 << 20);
}

fn endless_bodies() {
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let node = &victim.node;
    let piece = "a".repeat(4000);
    let piece = format!("fa0\r\n{piece}\r\n");
    let chunks = ["1\r\na\r\n", &piece, &format!("1;{}\r\na\r\n", "e".repeat(2000))];
    std::thread::scope(|scope| {
        for chunk in chunks {
            scope.spawn(move || {
                let start = Instant::now();
                let mut wire = Wire::to(node);
                wire.say(format!(
                    "POST /RPC2 HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
                    node.address()
                ))
                .unwrap();
                let many = chunk.repeat(64);
                let mut sent = 0_u64;
                while wire.say(&many).is_ok() {
                    sent += many.len() as u64;
                    assert!(sent < 1 << 30, "a gibibyte was taken");
                }
                let answer = wire.answer();
                let status = answer.map(|it| it.status);
                eprintln!("chunks of {} bytes: {status:?} after {sent} bytes, {:?}", chunk.len(), start.elapsed());
                assert!(status.is_none_or(|status| [400, 413].contains(&status)), "{status:?}");
                assert!(start.elapsed() < Duration::from_secs(22), "{:?}", start.elapsed());
            });
        }
    });
    // Trailers without an end, after a body that was fine.
    let mut wire = Wire::to(node);
    wire.say(format!("POST /RPC2 HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", node.address()))
        .unwrap();
    let trailers = "a: b\r\n".repeat(1000);
    let mut sent = 0;
    while wire.say(&trailers).is_ok() {
        sent += trailers.len();
        assert!(sent < 1 << 26, "64 MiB of trailers were taken");
    }
    good.must_have_been_served("endless bodies");
    victim.must_be_well("endless bodies", 16 << 20);
}

fn packed_bombs() {
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let node = &victim.node;
    let head = "<methodCall><methodName>f</methodName><params><param><value>";
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(head.as_bytes()).unwrap();
    for _ in 0..256 {
        bomb.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let gzip = |body: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(body).unwrap();
        packer.finish().unwrap()
    };
    let packed = |coding: &str, body: &[u8]| {
        let headers = format!("Content-Type: text/xml\r\nContent-Encoding: {coding}\r\n");
        ask(node, request(node, "POST /RPC2 HTTP/1.1", &headers, body)).unwrap()
    };
    for _ in 0..4 {
        let (answers, took) = at_best(|| packed("gzip", &bomb));
        assert!(answers.iter().all(|answer| answer.status == 413), "{answers:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let whole = gzip(innocent().as_bytes());
    assert!(packed("gzip", &whole).body.contains("system.methodHelp"));
    assert!(packed("X-GZip", &whole).body.contains("system.methodHelp"));
    assert_eq!(packed("gzip", &whole[..whole.len() / 2]).status, 400, "cut short");
    assert_eq!(packed("gzip", innocent().as_bytes()).status, 400, "not packed at all");
    assert_eq!(packed("gzip", &gzip(&gzip(innocent().as_bytes()))).fault(), -32702, "packed twice");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(innocent().as_bytes()).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(innocent().as_bytes()).unwrap();
    let deflate = deflate.finish().unwrap();
    assert!(packed("deflate", &zlib).body.contains("system.methodHelp"), "what Perl's client sends");
    assert_eq!(packed("deflate", &deflate).status, 400, "without zlib's head");
    for (coding, body) in [("br", &whole), ("zstd", &whole), ("gzip, gzip", &whole), ("compress", &whole)] {
        let answer = packed(coding, body);
        assert_eq!(answer.status, 415, "{coding}: {answer:?}");
    }
    good.must_have_been_served("packed bombs");
    victim.must_be_well("packed bombs", 16 << 20);
}

fn many_headers() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let address = node.address();
    for (what, head) in [
        (
            "one header of 1 MiB",
            format!("POST /RPC2 HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "a".repeat(1 << 20)),
        ),
        (
            "headers of 1 MiB",
            format!("GET / HTTP/1.1\r\nHost: {address}\r\n{}\r\n", "X: 0123456789\r\n".repeat(70_000)),
        ),
        ("101 headers", format!("GET / HTTP/1.1\r\nHost: {address}\r\n{}\r\n", "X: y\r\n".repeat(101))),
        ("a path of 1 MiB", format!("GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(1 << 20))),
    ] {
        let (ends, took) = at_best(|| ask(node, &head).map(|answer| answer.status));
        eprintln!("{what}: {ends:?} after {took:?}");
        assert!(ends.iter().all(|status| matches!(status, None | Some(431 | 414))), "{what}: {ends:?}");
        assert!(took < Duration::from_millis(500), "{what}: {took:?}");
    }
    victim.must_be_well("headers", 4 << 20);
}

fn other_sites() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let address = node.address();
    // No body is sent, though one is announced: whoever is refused is refused before it is read.
    let head = |line: &str, headers: &str| {
        let mut wire = Wire::to(node);
        wire.say(format!("{line}\r\n{headers}Content-Length: 5\r\n\r\n")).unwrap();
        wire.answer().map(|it| it.status)
    };
    let ours = format!("Host: {address}\r\n");
    for foreign in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: \r\n".to_owned(),
        "Origin: \u{fc}\r\n".to_owned(),
        format!("Origin: https://{address}\r\n"),
        format!("Origin: http://{address}.evil.example\r\n"),
        format!("Origin: http://{address}, http://evil.example\r\n"),
        format!("Origin: http://{address}\r\nOrigin: http://evil.example\r\n"),
        format!("Origin: http://127.0.0.1:{}\r\n", node.port() ^ 1),
        format!("Origin: http://localhost:{}\r\n", node.port()),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
    ] {
        for path in ["/RPC2", "/", "/peer/x"] {
            let line = format!("POST {path} HTTP/1.1");
            assert_eq!(head(&line, &format!("{ours}{foreign}")), Some(403), "{path} {foreign}");
        }
    }
    for host in [
        "Host: evil.com:8000\r\n".to_owned(),
        format!("Host: 127.0.0.1.evil.com:{}\r\n", node.port()),
        format!("Host: evil@{address}\r\n"),
        "Host: \r\n".to_owned(),
        "Host: a b\r\n".to_owned(),
        format!("Host: {address}\r\nHost: {address}\r\n"),
        format!("Host: {address}\r\nHost: evil.com\r\n"),
    ] {
        assert_eq!(head("POST /RPC2 HTTP/1.1", &host), Some(421), "{host}");
    }
    for uri in [format!("http://{address}/RPC2"), "http://evil.com/RPC2".to_owned()] {
        assert_eq!(head(&format!("POST {uri} HTTP/1.1"), &ours), Some(421), "{uri}");
    }
    assert!(matches!(head(&format!("CONNECT {address} HTTP/1.1"), &ours), None | Some(400..=499)));
    // Our own page, and programs that are no browser.
    let own = format!("Content-Type: text/xml\r\nOrigin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    for headers in [own.as_str(), "Content-Type: text/plain\r\n", ""] {
        let answer = ask(node, request(node, "POST /RPC2 HTTP/1.1", headers, innocent())).unwrap();
        assert!(answer.body.contains("system.methodHelp"), "{answer:?}");
    }
    // A link from elsewhere may lead to the page.
    let answer = ask(node, request(node, "GET / HTTP/1.1", "Sec-Fetch-Site: cross-site\r\n", "")).unwrap();
    assert_eq!(answer.status, 200);
    assert!(!answer.head.to_lowercase().contains("access-control"), "{answer:?}");
    // Nothing that was asked for is repeated.
    for path in [
        "/%0d%0aX:1",
        "/%0d%0aSet-Cookie:a=b%0d%0a%0d%0a<script>",
        "/<script>alert(1)</script>",
        "/.cpr/%2Fetc%2Fpasswd",
        "/..%2f..%2fetc/passwd",
        "/../../etc/passwd",
        "/assets/../../etc/passwd",
        "/%00",
        "//evil.com/%2e%2e",
        "/RPC2/",
        "/peer/%0d%0aX:1",
    ] {
        let answer = ask(node, request(node, &format!("GET {path} HTTP/1.1"), "", "")).unwrap();
        assert!([404, 400, 405].contains(&answer.status), "{path}: {answer:?}");
        assert!(
            ["not found\n", "", "no such file\n", "no such peer\n"].contains(&answer.body.as_str()),
            "{path}: {answer:?}"
        );
        assert!(!answer.head.contains("X:1") && !answer.head.contains("evil"), "{path}: {answer:?}");
    }
    victim.must_be_well("requests of other sites", 4 << 20);
}

fn all_ages() {
    let victim = Victim::with(&[]);
    let node = &victim.node;
    let body = innocent();
    let is_list = |answer: &Answer| answer.status == 200 && answer.body.contains("system.methodHelp");
    // The client of 2004 speaks 1.0 and expects the end of the connection to follow.
    let mut wire = Wire::to(node);
    wire.say(request(node, "POST /RPC2 HTTP/1.0", "", &body)).unwrap();
    let answer = wire.answer().unwrap();
    assert!(is_list(&answer) && !answer.head.to_lowercase().contains("transfer-encoding"), "{answer:?}");
    assert!(wire.wait_for_end() < Duration::from_secs(1));
    let mut wire = Wire::to(node);
    for _ in 0..3 {
        wire.say(request(node, "POST /RPC2 HTTP/1.0", "Connection: keep-alive\r\n", &body)).unwrap();
        let answer = wire.answer().unwrap();
        assert!(is_list(&answer) && answer.head.to_lowercase().contains("connection: keep-alive"), "{answer:?}");
    }
    let nameless = format!("POST /RPC2 HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(is_list(&ask(node, nameless).unwrap()));
    let mut wire = Wire::to(node);
    wire.say(request(node, "POST /RPC2 HTTP/1.1", "Connection: close\r\n", &body)).unwrap();
    assert!(is_list(&wire.answer().unwrap()));
    assert!(wire.wait_for_end() < Duration::from_secs(1));
    // Many calls at once on one connection are answered in their order.
    let mut wire = Wire::to(node);
    let many: Vec<u8> = (0..100)
        .flat_map(|number| if number % 2 == 0 { post(node, &body) } else { post(node, call("none", &[])) })
        .collect();
    wire.say(many).unwrap();
    for number in 0..100 {
        let answer = wire.answer().unwrap();
        assert!(if number % 2 == 0 { is_list(&answer) } else { answer.fault() == -32601 }, "{number}: {answer:?}");
    }
    // A call that arrives byte by byte is a call.
    let mut wire = Wire::to(node);
    for byte in post(node, &body) {
        wire.say([byte]).unwrap();
    }
    assert!(is_list(&wire.answer().unwrap()));
    for (method, status) in
        [("GET", 405), ("HEAD", 405), ("OPTIONS", 405), ("PUT", 405), ("DELETE", 405), ("TRACE", 405), ("X", 405)]
    {
        let mut wire = Wire::to(node);
        wire.say(request(node, &format!("{method} /RPC2 HTTP/1.1"), "", "")).unwrap();
        let answer = wire.answer_to(method).unwrap();
        assert_eq!(answer.status, status, "{method}: {answer:?}");
        assert!(answer.head.to_lowercase().contains("allow: post"), "{method}: {answer:?}");
    }
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";
    assert_eq!(ask(node, request(node, "GET /RPC2 HTTP/1.1", upgrade, "")).unwrap().status, 405);
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    assert!(is_list(&ask(node, request(node, "POST /RPC2 HTTP/1.1", h2c, &body)).unwrap()));
    victim.must_be_well("HTTP of all ages", 8 << 20);
}
