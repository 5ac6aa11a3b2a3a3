//! What files hold, in a tab: hashed there, folded by it, and verified when they are saved over the session.

use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use shared::transfer::Hashing;
use tokio::task::block_in_place;

use super::PASSWORD;
use super::steps::{enter, save, save_by, search, until_found, until_line, until_offered, until_rows};
use crate::harness::browser::{self, Browser};
use crate::harness::node::{Node, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::Running;
use crate::harness::proxy::Proxy;
use crate::harness::tab::{Content, Tab};
use crate::harness::tree::{binary, tree};

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::what_is_dropped_is_hashed_and_is_one_row_with_who_else_has_it", one_row),
        browser::trial("page::what_is_saved_over_the_session_is_verified_where_that_can_be", verified),
        browser::trial("page::who_sends_something_else_than_promised_is_found_out", liar),
        browser::trial("page::a_download_takes_from_tab_and_node_and_survives_the_tab", closed),
    ]
}

/// A tab without a browser, which has a runtime of its own.
struct Elsewhere(Option<Tab>);

impl Elsewhere {
    fn open(url: &str, name: &str, offer: impl FnOnce(&Tab)) -> Self {
        block_in_place(|| {
            let tab = Tab::open(url, PASSWORD, name, [9; 16]);
            offer(&tab);
            Self(Some(tab))
        })
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        block_in_place(|| drop(self.0.take()));
    }
}

/// What a pool lists.
fn ls(url: &str) -> Vec<Value> {
    let output = run(tinyp2p(PASSWORD).args(["ls", "--json", url]));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until so many files are listed, all with their ids.
async fn until_known(url: &str, count: usize) -> Result<Vec<Value>, Failed> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = ls(url);
        if rows.len() == count && rows.iter().all(|row| row["id"].is_string()) {
            return Ok(rows);
        }
        if Instant::now() > deadline {
            return Err(format!("{count} files with ids wanted: {rows:#?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn one_row(browser: &Browser) -> Result<(), Failed> {
    let (film, one, other) = (binary(9_000_001), binary(70_000), vec![7; 70_000]);
    let share = tree(&[("Films/film.bin", &film), ("twin.bin", &one), ("empty.bin", b"")]);
    let given = tree(&[("film.bin", &film), ("twin.bin", &other), ("empty.bin", b"")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    enter(browser, &node.url).await?;
    let paths = ["film.bin", "twin.bin", "empty.bin"].map(|name| given.path().join(name));
    browser.pick("#files", &paths.each_ref().map(std::path::PathBuf::as_path)).await?;
    let url = until_offered(browser, 3).await?;
    let rows = until_known(&node.url, 6).await?;
    for (name, bytes) in [("film.bin", &film), ("twin.bin", &other), ("empty.bin", &Vec::new())] {
        let row = rows.iter().find(|row| row["peer"] == url.as_str() && row["path"] == name);
        let row = row.ok_or_else(|| format!("no {name} of {url} in {rows:#?}"))?;
        assert_eq!(row["id"], Hashing::id_of(bytes).to_string(), "{name}");
    }
    search(browser, ".bin").await?;
    let rows = until_rows(browser, |rows| rows.len() == 4).await?;
    let mut seen: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.holders.split(", ").count())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("empty.bin", 2), ("film.bin", 2), ("twin.bin", 1), ("twin.bin", 1)]);
    browser.until("document.querySelectorAll('#rows .row:not([hidden]) .is-known').length === 4").await?;
    Ok(())
}

async fn verified(browser: &Browser) -> Result<(), Failed> {
    let (film, plain) = (binary(20_000_003), binary(3_000_000));
    let share = tree(&[("film.bin", &film), ("small.bin", b"small"), ("empty.bin", b"")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    until_known(&node.url, 3).await?;
    let _tab = Elsewhere::open(&node.url, "tab", |tab| {
        tab.offer(&[("plain.bin", Content::bytes(plain.clone()))]);
    });
    enter(browser, &node.url).await?;
    until_found(browser, &["film.bin", "small.bin", "empty.bin", "plain.bin"]).await?;
    save_by(browser, "session").await?;
    // The page must not freeze: no task of its own takes longer than this, in milliseconds, that it would notice.
    browser.run("window.long = []; new PerformanceObserver(list => window.long.push(...list.getEntries().map(it => it.duration))).observe({ type: 'longtask' })", &[]).await?;
    for (name, bytes) in [("film.bin", &film[..]), ("small.bin", b"small"), ("empty.bin", b"")] {
        save(browser, name).await?;
        browser.must_save(name, bytes).await?;
        until_line(browser, "saves-list", name, "· verified").await?;
    }
    save(browser, "plain.bin").await?;
    browser.must_save("plain.bin", &plain).await?;
    until_line(browser, "saves-list", "plain.bin", "· not verified").await?;
    eprintln!("tasks of more than 50 ms: {}", browser.run("return JSON.stringify(window.long)", &[]).await?);
    Ok(())
}

async fn liar(browser: &Browser) -> Result<(), Failed> {
    let film = binary(6_500_000);
    let mut flipped = film.clone();
    flipped[3 << 20] ^= 4;
    let shares = [tree(&[("own.txt", b"own")]), tree(&[("film.bin", &film)])];
    let node = Node::serve(shares[0].path(), PASSWORD, &[]);
    let good = Node::serve(shares[1].path(), PASSWORD, &["--join", &node.url]);
    let _evil = Elsewhere::open(&node.url, "Mallory", |tab| {
        tab.promise("film.bin", &film, &flipped);
        tab.promise("only here.bin", &film, &flipped);
    });
    until_known(&good.url, 4).await?;
    enter(browser, &node.url).await?;
    save_by(browser, "session").await?;
    search(browser, "bin").await?;
    // Until the node follows the other, that is asked and comes later; a row of both is what is wanted.
    until_rows(browser, |rows| rows.iter().any(|row| row.name == "film.bin" && row.holders.starts_with("Mallory, ")))
        .await?;
    save(browser, "film.bin").await?;
    browser.must_save("film.bin", &film).await?;
    until_line(browser, "saves-list", "film.bin", "· verified").await?;
    until_line(browser, "saves-list", "film.bin", "Mallory sent something else than promised").await?;
    // Where nobody else has it there is no file.
    save(browser, "only here.bin").await?;
    until_line(browser, "saves-list", "only here", "Not saved: what came is not what was promised").await?;
    assert_eq!(browser.names_of_downloads(), [""; 0]);
    Ok(())
}

async fn closed(browser: &Browser) -> Result<(), Failed> {
    let film = binary(24 << 20);
    let shares = [tree(&[("own.txt", b"own")]), tree(&[("film.bin", &film)])];
    let given = tree(&[("film.bin", &film)]);
    let node = Node::serve(shares[0].path(), PASSWORD, &[]);
    let port = free_port();
    let proxy = Proxy::to(&format!("127.0.0.1:{port}")).limit(2 << 20);
    let mut command = tinyp2p(PASSWORD);
    command.args(["serve", "--bind", "127.0.0.1", "--json", "--port", &port.to_string(), "--url", &proxy.url]);
    let _good = Node::start(command.args(["--join", &node.url]).arg(shares[1].path()));
    enter(browser, &node.url).await?;
    browser.pick("#files", &[&given.path().join("film.bin")]).await?;
    let url = until_offered(browser, 1).await?;
    until_known(&node.url, 3).await?;
    browser.slow_network(2 << 20).await?;
    let to = tempfile::tempdir()?;
    let mut get = tinyp2p(PASSWORD);
    get.args(["get", "--json", &node.url, "film", "--to"]).arg(to.path());
    let child = get.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let getting = Running::new(child);
    // More of it is read than what is asked for first, two runs of two pieces: some of that has come, and is proved.
    browser.until("(bar => bar && bar.value / bar.max > 4 / 24)(document.querySelector('#readings progress'))").await?;
    browser.go("about:blank").await?;
    let output = getting.wait(Duration::from_secs(280));
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(std::fs::read(to.path().join("film.bin"))? == film, "{words}");
    let saved: Value = words
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["event"] == "saved")
        .ok_or_else(|| words.clone())?;
    eprintln!("{saved}");
    assert_eq!(saved["verified"], true);
    assert!(saved["from"][&url].as_u64().is_some_and(|bytes| bytes > 0), "the tab sent nothing: {words}");
    assert!(saved["from"][&proxy.url].as_u64().is_some_and(|bytes| bytes > 0), "the node sent nothing: {words}");
    Ok(())
}
