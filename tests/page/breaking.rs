//! What breaks in the middle: a tab that is closed, a node that is started anew, a network that goes and comes.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use super::PASSWORD;
use super::sharing::{curl_by_ticket, finished, ticket};
use super::steps::{
    enter, is_open, save, save_by, search, select_first, until_found, until_line, until_offered, until_rows,
};
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;
use crate::harness::ok;
use crate::harness::ports::free_port;
use crate::harness::tree::{binary, text, tree};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::a_tab_closed_midway_leaves_nothing_that_looks_whole", closed_midway),
        browser::trial("page::a_node_started_anew_is_found_again_and_offered_the_same", node_anew),
        browser::trial("page::a_network_that_went_is_waited_for_and_used_at_once", offline),
    ]
}

async fn closed_midway(browser: &Browser) -> Result<(), Failed> {
    const SIZE: usize = 60 << 20;
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let given = tempfile::tempdir()?;
    // A hole, so that it costs nothing: it is its length that counts.
    std::fs::File::create(given.path().join("film.bin"))?.set_len(SIZE as u64)?;
    enter(browser, &node.url).await?;
    let first = browser.tab().await?;
    browser.pick("#files", &[&given.path().join("film.bin")]).await?;
    let url = until_offered(browser, 1).await?;
    let second = browser.new_tab().await?;
    enter(browser, &node.url).await?;
    until_found(browser, &["film.bin"]).await?;
    select_first(browser).await?;

    // A slow reader, who is in the middle when the tab is closed.
    let into = tempfile::tempdir()?;
    let saved = into.path().join("film.bin");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "100", "--limit-rate", "1M", "--output"]);
    curl.arg(&saved).arg(ticket(&url, "film.bin").await?);
    let reading = tokio::spawn(finished(curl));
    browser.look_at(&first).await?;
    until_line(browser, "readings", "is reading", "film.bin").await?;
    // The person would be asked before closing.
    let asked = "const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented;";
    assert_eq!(browser.run(asked, &[]).await?, true);
    let begun = Instant::now();
    browser.close_tab(&first).await?;
    browser.look_at(&second).await?;

    let curl = reading.await??;
    let length = std::fs::metadata(&saved).map_or(0, |found| found.len());
    eprintln!(
        "curl gave up {:?} after the tab was closed, with {length} bytes: {}",
        begun.elapsed(),
        String::from_utf8_lossy(&curl.stderr).trim()
    );
    assert!(!curl.status.success() && length > 0 && length < SIZE as u64, "curl took {length} bytes for the whole");
    // The other tab is told in words, whichever way, and nothing is on the disk.
    for way in ["session", "ticket"] {
        save_by(browser, way).await?;
        save(browser, "film.bin").await?;
        until_line(browser, "saves-list", "film.bin", "Not saved:").await?;
        eprintln!("by {way} the other tab says: {:?}", browser.text("#saves-list .line .what").await);
    }
    assert_eq!(browser.names_of_downloads(), [""; 0]);
    search(browser, "film").await?;
    browser.until_text("#empty-title", "Nobody has such a file").await
}

async fn node_anew(browser: &Browser) -> Result<(), Failed> {
    // Chromium notes by itself that the node was away.
    browser.expect_in_console("/bridge");
    browser.expect_in_console("/node.json");
    let share = tree(&[("of the node.txt", b"n")]);
    let port = free_port().to_string();
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--port", &port]);
    let bytes = binary(3_000_000);
    let given = tree(&[("of the tab.bin", &bytes)]);
    enter(browser, &node.url).await?;
    browser.pick("#files", &[&given.path().join("of the tab.bin")]).await?;
    let url = until_offered(browser, 1).await?;
    until_found(browser, &["of the node.txt"]).await?;

    let killed = node.process.kill();
    assert!(!killed.status.success());
    browser.until("document.getElementById('banner').checkVisibility()").await?;
    browser.until_text("#status", "Not connected").await?;
    eprintln!("of a node that is gone: {:?}", browser.text("#banner").await);
    // What was found is still there to be looked at.
    assert_eq!(super::steps::rows(browser).await?.len(), 1);
    std::fs::write(share.path().join("later.txt"), "l")?;
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--port", &port]);
    let begun = Instant::now();
    is_open(browser).await?;
    eprintln!("{:?} after the node was there again, the page was connected", begun.elapsed());
    browser.until("!document.getElementById('banner').checkVisibility()").await?;
    until_rows(browser, |rows| rows.iter().any(|row| row.name == "later.txt")).await?;
    // Under the same address, without anybody doing anything.
    assert_eq!(until_offered(browser, 1).await?, url);
    let into = tempfile::tempdir()?;
    let saved = into.path().join("saved");
    let deadline = Instant::now() + Duration::from_secs(20);
    let got = loop {
        match curl_by_ticket(&url, "of the tab.bin", &saved, &[]).await {
            Ok(got) => break got,
            Err(why) if Instant::now() > deadline => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    ok(&got);
    assert!(std::fs::read(saved)? == bytes);
    drop(node);
    Ok(())
}

async fn offline(browser: &Browser) -> Result<(), Failed> {
    browser.expect_in_console("/bridge");
    browser.expect_in_console("/node.json");
    let noise = text(8 << 20);
    let share = tree(&[("noise.txt", &noise)]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--alias", "attic.test"]);
    // Not this device's own address: whoever is on this device needs no network.
    enter(browser, &node.url.replace("127.0.0.1", "attic.test")).await?;
    until_found(browser, &["noise.txt"]).await?;
    browser.network(false).await?;
    browser.until("!navigator.onLine").await?;
    browser.until("document.getElementById('banner').checkVisibility()").await?;
    eprintln!("without a network: {:?}", browser.text("#banner").await);
    save_by(browser, "session").await?;
    save(browser, "noise.txt").await?;
    until_line(browser, "saves-list", "noise.txt", "Waiting").await?;
    browser.network(true).await?;
    let begun = Instant::now();
    is_open(browser).await?;
    eprintln!("{:?} after the network was there again, the page was connected", begun.elapsed());
    // What waited goes on by itself.
    browser.must_save("noise.txt", &noise).await
}
