//! Whether everybody can use the page, as far as a program can tell: axe-core on every panel, light and dark.

use libtest_mimic::{Failed, Trial};

use super::PASSWORD;
use super::guest::Guest;
use super::steps::{enter, press, save, save_by, search, unlock, until_found, until_line, until_offered};
use crate::harness::browser::{self, Axe, Browser, Scheme};
use crate::harness::node::Node;
use crate::harness::tab::Content;
use crate::harness::tree::tree;

pub(super) fn trials() -> Vec<Trial> {
    let axe = Axe::find();
    vec![
        browser::trial_needing("page::axe_finds_nothing_serious_at_the_door", &axe, at_the_door),
        browser::trial_needing("page::axe_finds_nothing_serious_on_a_desktop", &axe, async |browser, axe| {
            inside(browser, &axe, (1280, 800)).await
        }),
        browser::trial_needing("page::axe_finds_nothing_serious_on_a_phone", &axe, async |browser, axe| {
            inside(browser, &axe, (360, 720)).await
        }),
    ]
}

async fn in_both_schemes(browser: &Browser, axe: &Axe, size: (u32, u32), what: &str) -> Result<(), Failed> {
    for scheme in [Scheme::Dark, Scheme::Light] {
        browser.screen(size.0, size.1, scheme).await?;
        browser.must_be_accessible(axe, &format!("{what}, {} wide, {scheme:?}", size.0)).await?;
    }
    Ok(())
}

async fn at_the_door(browser: &Browser, axe: Axe) -> Result<(), Failed> {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    browser.go(&node.url).await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    in_both_schemes(browser, &axe, (360, 720), "the door").await?;
    unlock(browser, "battery staple").await?;
    browser.until("document.getElementById('door-trouble').textContent !== ''").await?;
    in_both_schemes(browser, &axe, (360, 720), "a wrong password").await?;
    unlock(browser, PASSWORD).await?;
    browser.until_text("#empty-title", "Nobody shares a file yet").await?;
    in_both_schemes(browser, &axe, (360, 720), "an empty pool").await
}

async fn inside(browser: &Browser, axe: &Axe, size: (u32, u32)) -> Result<(), Failed> {
    // Chromium notes by itself that the node was away.
    browser.expect_in_console("/bridge");
    browser.expect_in_console("/node.json");
    let share = tree(&[("Photos/dusk.jpg", b"no picture"), ("notes.txt", b"hello\n"), ("plan.pdf", b"%PDF")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let guest = Guest::come(&node, "Mia's phone", &[("film.mkv", Content::Made(90 << 20))]);
    // The film is still under way when it is cancelled: looking at the page takes long where others work beside it.
    guest.with(|tab| {
        tab.may_send(30 << 20);
        tab.trickles();
    });
    browser.screen(size.0, size.1, Scheme::Light).await?;
    enter(browser, &node.url).await?;
    until_found(browser, &["dusk.jpg", "notes.txt", "plan.pdf", "film.mkv"]).await?;
    in_both_schemes(browser, axe, size, "the pool").await?;
    browser.click("#rows .row:not([hidden]) .c-size").await?;
    browser.until("document.getElementById('actions').checkVisibility()").await?;
    in_both_schemes(browser, axe, size, "the pool with a selection").await?;
    search(browser, "/(/").await?;
    browser.until("document.getElementById('pattern-trouble').textContent !== ''").await?;
    in_both_schemes(browser, axe, size, "a bad pattern").await?;
    search(browser, "").await?;
    until_found(browser, &["dusk.jpg", "notes.txt", "plan.pdf", "film.mkv"]).await?;

    save_by(browser, "session").await?;
    save(browser, "notes.txt").await?;
    save(browser, "film.mkv").await?;
    browser.must_save("notes.txt", b"hello\n").await?;
    panel(browser, "saves").await?;
    browser.until("document.querySelector('#saves-list progress').value > 0").await?;
    in_both_schemes(browser, axe, size, "saves").await?;
    press(browser, "#saves-list button", "Cancel film.mkv").await?;

    let given = tree(&[("a song.mp3", &[1; 300_000]), ("Trip/one.txt", b"1")]);
    browser.drop(&[&given.path().join("a song.mp3"), &given.path().join("Trip")]).await?;
    panel(browser, "hold").await?;
    let url = until_offered(browser, 2).await?;
    let read = shared::bridge::Read {
        peer: Some(url),
        of: String::new(),
        path: "a song.mp3".into(),
        from: 0,
        length: None,
        version: None,
        reader: None,
        aside: None,
    };
    guest.with(|tab| tab.ask(read)).map_err(|why| format!("{why:?}"))?;
    until_line(browser, "readings", "Mia's phone", "a song.mp3").await?;
    in_both_schemes(browser, axe, size, "offers").await?;
    panel(browser, "peers").await?;
    until_line(browser, "peers", "Mia's phone", "1 file").await?;
    in_both_schemes(browser, axe, size, "peers").await?;
    panel(browser, "pool").await?;

    press(browser, "#rows .row:not([hidden]) .badge", "Show notes.txt").await?;
    browser.until("document.querySelector('#preview-stage pre')?.textContent === 'hello\\n'").await?;
    in_both_schemes(browser, axe, size, "a preview").await?;
    browser.click("[data-do=preview-close]").await?;
    search(browser, "no such file").await?;
    browser.until_text("#empty-title", "Nobody has such a file").await?;
    in_both_schemes(browser, axe, size, "nothing found").await?;
    drop(guest);
    drop(node);
    browser.until("document.getElementById('banner').checkVisibility()").await?;
    in_both_schemes(browser, axe, size, "a lost node").await
}

/// Goes to a panel, where they do not all fit beside each other.
pub(super) async fn panel(browser: &Browser, key: &str) -> Result<(), Failed> {
    let go =
        "const it = document.querySelector(`#nav [data-key=${arguments[0]}]`); if (it.checkVisibility()) it.click();";
    browser.run(go, &[serde_json::json!(key)]).await?;
    browser.until(&format!("document.getElementById('panel-{key}').checkVisibility()")).await?;
    Ok(())
}
