//! A tab that goes: what is under way waits, nobody gets a part for the whole, and its URL answers for ever.

use native_node::bridge::Named;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use shared::bridge::{Exchange, ResetCode};

use super::{PASSWORD, SECRET, Site, dialer, peer};
use crate::harness::node::run;
use crate::harness::process::{Running, wait_for};
use crate::harness::sockets::unheard;
use crate::harness::tab::{Content, made};
use crate::harness::{ok, test};

const PATIENCE: Duration = Duration::from_secs(120);
const SIZE: u64 = 20 << 20;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("tabs::c19_a_tab_that_dies_never_makes_a_short_file", dies),
        test("tabs::c19_a_tab_that_sends_nothing_more_is_given_up", sleeps),
        test("tabs::a_tab_that_returns_goes_on_where_it_was", returns),
        test("tabs::who_asks_for_a_file_of_a_tab_that_just_went_waits", asked_while_away),
        test("tabs::a_url_of_a_tab_that_left_shares_nothing_and_never_fails", left),
        test("tabs::the_second_session_of_a_tab_replaces_the_first", replaced),
    ]
}

/// curl under way, with half of the file at most.
fn curl_halfway(site: &Site) -> Running {
    let half = usize::try_from(SIZE / 2).unwrap();
    site.tab.may_send(half);
    let mut curl = Command::new("curl");
    curl.current_dir(site.into.path()).args(["-sS", "--fail", "-o", "a.bin", &site.ticket("a.bin")]);
    let curl = Running::new(curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    wait_for("half of it to be sent", PATIENCE, || (site.tab.has_left() == 0).then_some(()));
    curl
}

fn with_a_file() -> Site {
    let site = Site::new();
    site.tab.offer(&[("a.bin", Content::Made(SIZE))]);
    site.wait_for_files(1);
    site
}

fn dies() {
    let mut site = with_a_file();
    let mut call = {
        // An XML-RPC caller beside curl.
        let url = site.tab.url();
        let body = shared::xmlrpc::write_call(
            "f",
            &[token(&url).as_str().into(), shared::xmlrpc::Value::Int(2), "a.bin".into()],
        );
        let mut stream = TcpStream::connect(site.node.address()).unwrap();
        let path = url.strip_prefix(&site.node.url).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
            site.node.address(),
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut first = [0; 1_000];
    call.read_exact(&mut first).unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
    let length = first.to_ascii_lowercase();
    let length: u64 = length.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let curl = curl_halfway(&site);
    let begun = Instant::now();
    site.tab.crash();
    let got = curl.wait(PATIENCE);
    let took = begun.elapsed();
    assert!(!got.status.success(), "curl takes a part for the whole");
    assert!((18..28).contains(&took.as_secs()), "{took:?}");
    let mut rest = Vec::new();
    // Cut, with or without a word.
    let _cut = call.read_to_end(&mut rest);
    assert!((rest.len() as u64) < length, "{} of {length} bytes came", rest.len());
}

fn sleeps() {
    let site = with_a_file();
    let curl = curl_halfway(&site);
    let begun = Instant::now();
    let got = curl.wait(PATIENCE);
    assert!(!got.status.success());
    assert!((15..30).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

fn returns() {
    let mut site = with_a_file();
    let curl = curl_halfway(&site);
    site.tab.crash();
    site.tab.may_send(usize::try_from(SIZE).unwrap());
    site.tab.connect();
    ok(&curl.wait(PATIENCE));
    assert!(site.saved("a.bin") == made(0, usize::try_from(SIZE).unwrap()));
    let reads = site.tab.reads();
    let [first, second] = reads.as_slice() else { panic!("{reads:?}") };
    assert!(first.from == 0 && second.from > SIZE / 4 && second.version.is_some(), "{reads:?}");
    // What it does not offer again it does not share.
    wait_for("its listing to be empty", PATIENCE, || site.names(&site.tab.url()).is_empty().then_some(()));
}

fn asked_while_away() {
    let mut site = with_a_file();
    let url = site.ticket("a.bin");
    let tab = site.tab.url();
    site.tab.crash();
    wait_for("the tab to be unlisted", PATIENCE, || (!site.listed(&site.node.url).contains(&tab)).then_some(()));
    assert!(site.names(&tab).is_empty());
    let path = url.strip_prefix(&site.node.url).unwrap();
    let mut stream = TcpStream::connect(site.node.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", site.node.address()).unwrap();
    wait_for("the question to be heard", PATIENCE, || (unheard(site.node.port()) == 0).then_some(()));
    site.tab.connect();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(answer[end..] == made(0, usize::try_from(SIZE).unwrap()), "{head}");
}

fn left() {
    let mut site = with_a_file();
    let (tab, ticket) = (site.tab.url(), site.ticket("a.bin"));
    site.tab.close();
    let gone = || {
        let got = run(Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &ticket]));
        (String::from_utf8_lossy(&got.stdout) == "503").then_some(())
    };
    wait_for("the tab to be forgotten", Duration::from_secs(60), gone);
    assert_eq!(site.listed(&tab), [site.node.url.clone()]);
    assert!(site.names(&tab).is_empty());
    let error = site.tab.block_on(async {
        let mut content = dialer().fetch(&peer(&tab), Named::ByPerson, "a.bin").await?;
        content.next(&mut Vec::new()).await
    });
    assert!(error.unwrap_err().to_string().contains("no such file"));
    // A node that asks learns that it is gone.
    let other = site.open("somebody else", [9; 16]);
    let path = tab.strip_prefix(&site.node.url).unwrap().to_owned();
    let asked = other.ask(Exchange { of: path, tell: vec![] });
    assert_eq!(asked.unwrap_err().code(), Some(ResetCode::GONE));
    // And what never can have been a tab is not found.
    let url = format!("{}/peer/x", site.node.url);
    let got = run(Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", &url]));
    assert_eq!(String::from_utf8_lossy(&got.stdout), "404");
}

fn replaced() {
    let site = with_a_file();
    let second = site.open("second", SECRET);
    assert_eq!(second.url(), site.tab.url());
    second.block_on(async { tokio::time::timeout(PATIENCE, site.tab.link().closed()).await }).expect("it is closed");
    second.offer(&[("b.txt", Content::bytes("b"))]);
    wait_for("the second's listing", PATIENCE, || (site.names(&second.url()) == ["b.txt"]).then_some(()));
    assert_eq!(site.listed(&site.node.url), [site.node.url.clone(), second.url()]);
    // Another secret is another tab.
    assert_ne!(site.open("third", [8; 16]).url(), second.url());
}

fn token(url: &str) -> String {
    shared::Password::new(PASSWORD).token(&peer(url)).reveal().to_owned()
}
