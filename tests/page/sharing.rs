//! A tab as a peer: what is dropped, picked or pasted there, everybody can fetch, with whatever they have.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::json;
use shared::xmlrpc::{Value, read_reply, write_call};
use shared::{Password, PeerUrl};
use tempfile::TempDir;

use super::PASSWORD;
use super::steps::{enter, press, save, save_by, search, until_found, until_line, until_offered};
use crate::harness::browser::{self, Browser};
use crate::harness::node::{self, Node};
use crate::harness::ok;
use crate::harness::original::Original;
use crate::harness::tree::{assert_same, binary, content, text, tree};

pub(super) fn trials(original: &Result<Original, String>) -> Vec<Trial> {
    vec![
        browser::trial("page::what_a_tab_shares_another_saves", between_tabs),
        browser::trial("page::what_a_tab_shares_curl_and_python_fetch", by_programs),
        browser::trial_needing("page::what_a_tab_shares_the_program_of_2004_fetches", original, by_2004),
        browser::trial("page::what_is_withdrawn_vanishes_and_pasted_text_becomes_a_file", withdrawn_and_pasted),
    ]
}

/// What people have on their disks: a file and a folder.
struct Given {
    disk: TempDir,
    noise: Vec<u8>,
    lines: Vec<u8>,
}

impl Given {
    fn new() -> Self {
        let (noise, lines) = (binary(6_000_001), text(300_000));
        let files: [(&str, &[u8]); 5] = [
            ("film é.bin", &noise),
            ("Trip/day one.txt", &lines),
            ("Trip/2003/dusk.txt", b"dusk\n"),
            ("Trip/2003/empty.txt", b""),
            ("Trip/.hidden", b"not shared"),
        ];
        Self { disk: tree(&files), noise, lines }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.disk.path().join(path)
    }
}

async fn between_tabs(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let given = Given::new();
    enter(browser, &node.url).await?;
    let (file, folder) = (given.at("film é.bin"), given.at("Trip"));
    browser.drag(&[&file, &folder]).await?;
    browser.until("document.getElementById('drop').checkVisibility()").await?;
    browser.drop(&[&file, &folder]).await?;
    browser.until("!document.getElementById('drop').checkVisibility()").await?;
    until_line(browser, "held", "film é.bin", "6.0 MB").await?;
    until_line(browser, "held", "Trip/2003/dusk.txt", "5 B").await?;
    let first = browser.tab().await?;
    let url = browser.until("document.getElementById('our-url').textContent").await?;

    let second = browser.new_tab().await?;
    enter(browser, &node.url).await?;
    browser.write("#own-name", "Bo").await?;
    browser.press("\t").await?;
    for way in ["session", "ticket"] {
        save_by(browser, way).await?;
        for (name, bytes) in [("film é.bin", &given.noise[..]), ("day one.txt", &given.lines), ("empty.txt", b"")] {
            save(browser, name).await?;
            browser.must_save(name, bytes).await?;
        }
        // Who reads is told where it is read.
        browser.look_at(&first).await?;
        until_line(browser, "readings", "Bo has read", "empty.txt").await?;
        browser.look_at(&second).await?;
    }
    browser.look_at(&first).await?;
    until_line(browser, "held", "film é.bin", "read 2 times").await?;
    assert_eq!(browser.until("document.getElementById('our-url').textContent").await?, url);
    // The other tab sees it as a tab among the peers.
    browser.look_at(&second).await?;
    until_line(browser, "peers", "Browser tab", "4 files").await?;
    Ok(())
}

async fn by_programs(browser: &Browser) -> Result<(), Failed> {
    const PROGRAM: &str = "
import hmac, sys, xmlrpc.client
password, url = sys.argv[1:3]
token = hmac.new(password.encode(), url.encode(), 'md5').hexdigest()
f = xmlrpc.client.ServerProxy(url).f
[names] = f(token, 1, '')
for name in names:
    content = f(token, 2, name)
    content = content.data if isinstance(content, xmlrpc.client.Binary) else content.encode()
    open(name, 'wb').write(content)
";
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let given = Given::new();
    enter(browser, &node.url).await?;
    let file = given.at("film é.bin");
    browser.pick("#files", &[&file, &given.at("Trip/day one.txt")]).await?;
    let url = until_offered(browser, 2).await?;
    let into = tempfile::tempdir()?;
    let curl = curl_by_ticket(&url, "film é.bin", &into.path().join("by curl"), &[]).await?;
    ok(&curl);
    assert!(std::fs::read(into.path().join("by curl"))? == given.noise);
    until_line(browser, "held", "film é.bin", "read 1 time").await?;

    let python = tempfile::tempdir()?;
    let mut command = Command::new("python3");
    command.current_dir(python.path()).args(["-c", PROGRAM, PASSWORD, &url]);
    ok(&finished(command).await?);
    let expected =
        [("film é.bin".to_owned(), given.noise.clone()), ("day one.txt".to_owned(), given.lines.clone())].into();
    assert_same(&content(python.path()), &expected);

    let ours = tempfile::tempdir()?;
    let (address, to) = (node.url.clone(), ours.path().to_owned());
    ok(&tokio::task::spawn_blocking(move || node::get(&address, PASSWORD, "", &to)).await?);
    assert_same(&content(ours.path()), &expected);
    until_line(browser, "held", "film é.bin", "read 3 times").await
}

async fn by_2004(browser: &Browser, original: Original) -> Result<(), Failed> {
    let share = tree(&[("own.txt", b"the node's own")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let given = Given::new();
    enter(browser, &node.url).await?;
    browser.pick("#files", &[&given.at("Trip/day one.txt"), &given.at("Trip/2003/empty.txt")]).await?;
    until_offered(browser, 2).await?;
    let into = tempfile::tempdir()?;
    // It is told of the tab by the node, and asks both. What a file of a tab is like, and whether that program can write it,
    // is known a moment after it was dropped; nothing of what is here already is fetched again.
    let deadline = Instant::now() + Duration::from_secs(20);
    while content(into.path()).len() < 3 && Instant::now() < deadline {
        let (original, url, folder) = (original.clone(), node.url.clone(), into.path().to_owned());
        ok(&tokio::task::spawn_blocking(move || original.get(&folder, PASSWORD, &url, "")).await?);
    }
    let expected = [
        ("own.txt".to_owned(), b"the node's own".to_vec()),
        ("day one.txt".to_owned(), given.lines.clone()),
        ("empty.txt".to_owned(), Vec::new()),
    ];
    assert_same(&content(into.path()), &expected.into());
    Ok(())
}

async fn withdrawn_and_pasted(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let given = tree(&[("one.txt", b"1"), ("two.txt", b"22"), ("three.txt", b"333")]);
    enter(browser, &node.url).await?;
    let first = browser.tab().await?;
    let files = ["one.txt", "two.txt", "three.txt"].map(|name| given.path().join(name));
    browser.pick("#files", &[&files[0], &files[1], &files[2]]).await?;
    until_offered(browser, 3).await?;
    let second = browser.new_tab().await?;
    enter(browser, &node.url).await?;
    until_found(browser, &["one.txt", "two.txt", "three.txt"]).await?;

    browser.look_at(&first).await?;
    press(browser, "#held button", "Stop sharing: two.txt").await?;
    until_offered(browser, 2).await?;
    browser.look_at(&second).await?;
    // What is shown already is not taken away; it cannot be had any more, and a search does not find it.
    save_by(browser, "session").await?;
    save(browser, "two.txt").await?;
    until_line(browser, "saves-list", "two.txt", "Not saved:").await?;
    search(browser, "txt").await?;
    until_found(browser, &["one.txt", "three.txt"]).await?;

    browser.look_at(&first).await?;
    let snippet = "the wifi is <b>attic</b>\nZweite Zeile: ÄÖÜ 🎉\n";
    browser.paste(snippet).await?;
    browser.until("document.querySelectorAll('#held .line').length === 3").await?;
    browser.look_at(&second).await?;
    let pasted = browser.run("return [...document.querySelectorAll('#held .line')].length", &[]).await?;
    assert_eq!(pasted, json!(0), "it is the first tab's");
    search(browser, "").await?;
    let rows = super::steps::until_rows(browser, |rows| rows.len() == 3).await?;
    let name = rows.iter().map(|row| row.name.clone()).find(|name| !["one.txt", "three.txt"].contains(&name.as_str()));
    let name = name.ok_or("no snippet is found")?;
    eprintln!("pasted text is called {name:?}");
    save(browser, &name).await?;
    browser.must_save(&name, snippet.as_bytes()).await?;

    browser.look_at(&first).await?;
    browser.click("#withdraw-all").await?;
    browser.until("document.querySelectorAll('#held .line').length === 0").await?;
    browser.look_at(&second).await?;
    search(browser, "txt").await?;
    browser.until_text("#empty-title", "Nobody has such a file").await
}

/// What a program said in the end, while the browser goes on.
pub(super) async fn finished(mut command: Command) -> Result<Output, Failed> {
    Ok(tokio::task::spawn_blocking(move || node::run(&mut command)).await?)
}

/// A URL by which curl fetches one file of the peer at `url`: asked for as any XML-RPC script could.
pub(super) async fn ticket(url: &str, path: &str) -> Result<String, Failed> {
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(url)?).reveal().to_owned();
    let call = tempfile::NamedTempFile::new()?;
    std::fs::write(call.path(), write_call("tinyp2p.ticket", &[token.as_str().into(), path.into()]))?;
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--data-binary"]);
    curl.arg(format!("@{}", call.path().display())).arg(url);
    let answer = finished(curl).await?;
    match read_reply(&answer.stdout) {
        Ok(Ok(Value::String(url))) => Ok(url),
        other => Err(format!("no ticket for {path}: {other:?}, {}", String::from_utf8_lossy(&answer.stderr)).into()),
    }
}

/// Fetches a file of the peer at `url` with curl.
pub(super) async fn curl_by_ticket(url: &str, path: &str, to: &Path, more: &[&str]) -> Result<Output, Failed> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "120"]).args(more).arg("--output").arg(to);
    curl.arg(ticket(url, path).await?);
    finished(curl).await
}
