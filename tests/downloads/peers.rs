//! Peers that are dead, silent, slow, lying or endless.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use libtest_mimic::Trial;

use super::{Pool, assert_clean};
use crate::harness::evil::{Asked, Evil, answer, drip, head, http, list, response, send, silence, string, strings};
use crate::harness::node::Node;
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::{content, tree};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("a_dead_peer_is_named_and_costs_nothing", dead),
        test("a_peer_silent_at_its_listing_costs_only_its_files", silent_listing),
        test("a_peer_silent_before_content_costs_only_its_files", silent_before_content),
        test("a_peer_silent_within_content_costs_only_its_files", silent_within_content),
        test("a_peer_that_drips_its_listing_is_given_up", drips_listing),
        test("a_peer_that_drips_content_is_given_up", drips_content),
        test("a_peer_that_drips_all_but_content_is_given_up", drips_no_content),
        test("a_thousand_files_of_a_silent_peer_cost_no_more_than_a_few", silent_many),
        test("content_that_is_cut_is_never_a_file", cut),
        test("lying_content_is_never_a_file", lies),
        test("c13_redirects_and_packed_answers_are_not_followed", redirects),
        test("c15_endless_content_is_bounded", endless),
        test("c15_endless_answers_without_content_are_bounded", endless_nothing),
        test("c16_lying_listings_cost_only_their_peer", lying_listings),
        test("c16_a_million_names_cost_only_their_peer", million_names),
        test("another_holder_takes_over", another_holder),
        test("a_node_that_froze_costs_only_its_files", frozen),
        test("the_pool_itself_must_answer", pool_must_answer),
    ]
}

fn dead() {
    let pool = Pool::new();
    let dead = format!("http://127.0.0.1:{}", free_port());
    let evil = Evil::listing(&[&dead, &pool.good.url], &[], |_, _| {});
    let got = pool.get(&evil, &[]);
    got.costs_only(&Evil { url: dead }, &[]);
}

fn silent_listing() {
    let pool = Pool::new();
    let good = pool.good.url.clone();
    let evil = Evil::answering(move |asked, stream| match asked {
        Asked::Exchange => send(stream, &answer(&strings(&[good.as_bytes()]))),
        _ => silence(stream),
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

/// The system still accepts connections for a process that is stopped.
fn frozen() {
    let (pool, share) = (Pool::new(), tree(&[("never.txt", b"frozen")]));
    let frozen = Node::serve(share.path(), super::PASSWORD, &[]);
    frozen.process.freeze();
    let evil = Evil::listing(&[&frozen.url, &pool.good.url], &[], |_, _| {});
    pool.get(&evil, &[]).costs_only(&Evil { url: frozen.url.clone() }, &[]);
}

fn silent_before_content() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"never.txt"], |_, stream| silence(stream));
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

fn silent_within_content() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"never.txt"], |_, stream| {
        let whole = answer(&string(&[b'x'; 2 << 20]));
        send(stream, &whole[..1 << 20]);
        silence(stream);
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

fn drips_listing() {
    let pool = Pool::new();
    let good = pool.good.url.clone();
    let evil = Evil::answering(move |asked, stream| match asked {
        Asked::Exchange => send(stream, &answer(&strings(&[good.as_bytes()]))),
        _ => {
            send(stream, &head("200 OK", "Content-Length: 1000000\r\n"));
            drip(stream, b" ", Duration::from_millis(500));
        }
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

fn drips_content() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"drip.txt"], |_, stream| {
        send(stream, &head("200 OK", ""));
        send(stream, b"<methodResponse><params><param><value><string>");
        drip(stream, b"drip ", Duration::from_millis(100));
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

/// White space before the content: none of it ever reaches a file, so nothing that counts content sees it.
fn drips_no_content() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"drip.txt"], |_, stream| {
        send(stream, &head("200 OK", ""));
        drip(stream, b" ", Duration::from_millis(100));
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

fn silent_many() {
    let pool = Pool::new();
    let names: Vec<String> = (0..1000).map(|number| format!("never {number}.txt")).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).chain([b"good.txt".as_slice()]).collect();
    let evil = Evil::listing(&[&pool.good.url], &names, |_, stream| silence(stream));
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[]);
    assert!(got.errors().lines().count() < 20, "{}", got.errors());
}

fn cut() {
    let pool = Pool::new();
    let names: [&[u8]; 5] = [b"length.txt", b"chunked.txt", b"xml.txt", b"almost.txt", b"base64.bin"];
    let content = |name: &str, stream: &mut TcpStream| {
        let whole = response(&string(&[b'x'; 1 << 20]));
        match name {
            "length.txt" => {
                send(stream, &head("200 OK", &format!("Content-Length: {}\r\n", whole.len())));
                send(stream, &whole[..600_000]);
            }
            "chunked.txt" => {
                send(stream, &head("200 OK", "Transfer-Encoding: chunked\r\n"));
                send(stream, &[format!("{:x}\r\n", whole.len()).as_bytes(), &whole, b"\r\n"].concat());
            }
            // Ends where the connection ends, in HTTP's eyes well.
            "xml.txt" => send(stream, &[head("200 OK", ""), whole[..600_000].to_vec()].concat()),
            "almost.txt" => {
                let end = whole.len() - b"</methodResponse>\n".len();
                send(stream, &http("200 OK", "", &whole[..end]));
            }
            _ => send(stream, &http("200 OK", "", &response(b"<base64>QUJDREVGR0g"))),
        }
    };
    let evil = Evil::listing(&[&pool.good.url], &names, content);
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[]);
    for name in names {
        let name = String::from_utf8_lossy(name);
        assert!(got.errors().contains(&*name), "{name} is named: {}", got.errors());
    }
}

fn lies() {
    let pool = Pool::new();
    let values: [&'static [u8]; 7] = [
        b"<int>7</int>",
        b"<array><data><value>x</value></data></array>",
        b"<struct><member><name>a</name><value>x</value></member></struct>",
        b"<boolean>1</boolean>",
        b"<boolean>0</boolean>",
        b"<nil/>",
        b"<string>x</string><string>y</string>",
    ];
    let names: Vec<String> = (0..values.len()).map(|number| format!("lie {number}")).collect();
    let listed: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let evil = Evil::listing(&[&pool.good.url], &listed, move |name, stream| {
        let number: usize = name.trim_start_matches("lie ").parse().unwrap();
        send(stream, &answer(values[number]));
    });
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[]);
    assert!(names.iter().all(|name| got.errors().contains(name)), "{}", got.errors());
}

fn redirects() {
    let pool = Pool::new();
    let trap = Evil::answering(|_, stream| send(stream, &answer(&string(b"trapped"))));
    let to = trap.url.clone();
    let evil = Evil::listing(&[&pool.good.url], &[b"moved", b"packed"], move |name, stream| match name {
        "moved" => send(stream, &http("302 Found", &format!("Location: {to}/\r\n"), b"")),
        _ => send(stream, &http("200 OK", "Content-Encoding: gzip\r\n", &response(&string(b"packed")))),
    });
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[]);
    assert!(got.errors().contains("302") && got.errors().contains("packs its answers"), "{}", got.errors());
}

fn endless() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"chunked", b"closed", b"announced"], |name, stream| {
        let chunk = [b"100000\r\n".as_slice(), &[b'x'; 1 << 20], b"\r\n"].concat();
        let (head, piece) = match name {
            "chunked" => (head("200 OK", "Transfer-Encoding: chunked\r\n"), chunk.as_slice()),
            "closed" => (head("200 OK", ""), &chunk[8..]),
            _ => (head("200 OK", "Content-Length: 1000000000000000\r\n"), &chunk[8..]),
        };
        let begin = b"<methodResponse><params><param><value><string>";
        send(stream, &head);
        send(stream, &if name == "chunked" { [b"2e\r\n", begin.as_slice(), b"\r\n"].concat() } else { begin.to_vec() });
        for _ in 0..2_000 {
            if std::io::Write::write_all(stream, piece).is_err() {
                return;
            }
        }
        silence(stream);
    });
    let got = pool.get(&evil, &["--max-file-size", "5000000"]);
    got.costs_only(&evil, &[]);
    assert_eq!(got.errors().matches("more than the 5000000 bytes").count(), 3, "{}", got.errors());
}

/// At full speed, and never a byte of content or an end.
fn endless_nothing() {
    let pool = Pool::new();
    let evil = Evil::listing(&[&pool.good.url], &[b"before", b"within", b"after", b"comment"], |name, stream| {
        let begin = match name {
            "before" => "",
            "within" => "<methodResponse><params><param><value><base64>QUJD",
            "after" => "<methodResponse><params><param><value><string>x</string>",
            _ => "<methodResponse><params><param><value><string>x<!--",
        };
        send(stream, &head("200 OK", ""));
        send(stream, begin.as_bytes());
        while std::io::Write::write_all(stream, &[b' '; 1 << 16]).is_ok() {}
    });
    pool.get(&evil, &[]).costs_only(&evil, &[]);
}

fn lying_listings() {
    let pool = Pool::new();
    let mixed = b"<array><data><value><struct><member><name>a</name><value>b</value></member></struct></value>\
        <value><int>7</int></value><value><nil/></value><value>fine.txt</value></data></array>";
    let good = pool.good.url.clone();
    let evil = Evil::answering(move |asked, stream| match asked {
        Asked::Exchange => send(stream, &answer(&strings(&[good.as_bytes()]))),
        Asked::List => send(stream, &answer(&list(mixed))),
        Asked::Fetch(_) => send(stream, &answer(&string(b"evil"))),
        Asked::Other(_) => send(stream, &crate::harness::evil::fault("no such method")),
    });
    pool.get(&evil, &[]).costs_only(&evil, &[("fine.txt", b"evil")]);
    for value in ["<int>7</int>", "<boolean>0</boolean>", "names", "<struct></struct>", "<array><data>"] {
        let good = pool.good.url.clone();
        let evil = Evil::answering(move |asked, stream| match asked {
            Asked::Exchange => send(stream, &answer(&strings(&[good.as_bytes()]))),
            Asked::List => send(stream, &answer(value.as_bytes())),
            _ => send(stream, &crate::harness::evil::fault("no such method")),
        });
        let got = pool.get(&evil, &[]);
        assert_eq!(got.output.status.code(), Some(1), "{value}: {}", got.errors());
        assert!(got.errors().contains(&evil.url), "{value}: {}", got.errors());
    }
}

fn million_names() {
    let pool = Pool::new();
    let names: Vec<String> = (0..1_000_000).map(|number| format!("../{number}")).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let evil = Evil::listing(&[&pool.good.url], &names, |_, _| {});
    let got = pool.get(&evil, &[]);
    got.costs_only(&evil, &[]);
    assert!(got.errors().lines().count() < 100, "a million lines help nobody: {}", got.errors().lines().count());
}

/// The second holder tells what it has only after the first began, so that the first is the one that is asked.
fn another_holder() {
    let pool = Pool::new();
    let names = answer(&list(&strings(&[b"shared.txt"])));
    let ((begin, begun), (go, told_to_go)) = (channel(), channel());
    let (begun, told_to_go) = (Mutex::new(begun), Mutex::new(told_to_go));
    let holder = Evil::answering(move |asked, stream| match asked {
        Asked::List => {
            begun.lock().unwrap().recv().unwrap();
            send(stream, &names);
        }
        Asked::Fetch(_) => send(stream, &answer(&string(b"whole"))),
        _ => send(stream, &crate::harness::evil::fault("no such method")),
    });
    let evil = Evil::listing(&[&pool.good.url, &holder.url], &[b"shared.txt"], move |_, stream| {
        begin.send(()).unwrap();
        told_to_go.lock().unwrap().recv().unwrap();
        send(stream, &http("500 Oops", "", b""));
    });
    let getting = pool.start(&evil, &["--json"]);
    let says = |said: &str, event: &str, peer: &str| {
        // The last line may still be under way.
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["event"] == event && line["peer"] == peer).count()
    };
    wait_for("the second holder's listing", Duration::from_secs(60), || {
        (says(&getting.output_text(), "offered", &holder.url) == 1).then_some(())
    });
    go.send(()).unwrap();
    let output = getting.wait(Duration::from_secs(280));
    assert_clean(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(content(&pool.to())["shared.txt"], b"whole", "{said}");
    assert_eq!((says(&said, "missed", &evil.url), says(&said, "saved", &holder.url)), (1, 1), "{said}");
}

fn pool_must_answer() {
    let pool = Pool::new();
    for (evil, says) in [
        (Evil { url: format!("http://127.0.0.1:{}", free_port()) }, "cannot be reached"),
        (Evil::answering(|_, stream| silence(stream)), "does not answer"),
        (
            Evil::answering(|_, stream| drip(stream, b"HTTP/1.1 200 OK\r\nX:", Duration::from_millis(300))),
            "does not answer",
        ),
        (Evil::answering(|_, stream| send(stream, b"SSH-2.0-OpenSSH_9\r\n")), "no tinyp2p peer"),
        (Evil::answering(|_, stream| send(stream, &http("404 Not Found", "", b"<html>"))), "HTTP 404"),
        (
            Evil::answering(|_, stream| send(stream, &http("302 Found", "Location: http://127.0.0.1:1/\r\n", b""))),
            "302",
        ),
    ] {
        let got = pool.get(&evil, &[]);
        assert_eq!(got.output.status.code(), Some(1), "{}", got.errors());
        assert!(got.errors().contains(says) && got.errors().contains(&evil.url), "{says}: {}", got.errors());
        assert!(got.files.is_empty());
    }
}
