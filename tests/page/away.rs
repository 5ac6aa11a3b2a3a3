//! Files of somebody who is away: shown as last seen, said in words, and neither selected nor saved until it is back.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::json;
use tokio::task::block_in_place;

use super::steps::{enter, rows, search, until_found, until_rows};
use crate::follow::{serve, wait_until_followed};
use crate::harness::browser::{self, Axe, Browser};
use crate::harness::ports::free_port;
use crate::harness::tree::tree;

const PATIENCE: Duration = Duration::from_secs(90);
const ENTER: &str = "\u{e007}";
const HOME: &str = "\u{e011}";

pub(super) fn trials() -> Vec<Trial> {
    let name = "page::files_of_who_is_away_are_shown_as_last_seen_and_not_to_be_saved";
    vec![browser::trial_needing(name, &Axe::find(), last_seen)]
}

async fn last_seen(browser: &Browser, axe: Axe) -> Result<(), Failed> {
    let shares = [
        tree(&[("both.txt", b"the very same"), ("z here.txt", b"1")]),
        tree(&[("both.txt", b"the very same"), ("a gone.txt", b"22")]),
    ];
    let port = free_port().to_string();
    let one = serve(shares[0].path(), &["--port", "0", "--name", "attic"]);
    let of_other = ["--port", &port, "--name", "cellar", "--join", &one.url];
    let other = serve(shares[1].path(), &of_other);
    block_in_place(|| wait_until_followed(&one, &other.url, 1));
    enter(browser, &one.url).await?;
    until_found(browser, &["both.txt", "z here.txt", "a gone.txt"]).await?;
    let url = other.url.clone();
    block_in_place(|| other.process.kill());

    // Nobody types anything: it is said once it is known to be away.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = rows(browser).await?;
        if found.iter().any(|row| row.holders.starts_with("last seen ")) {
            break;
        }
        if Instant::now() > deadline {
            return Err(format!("nothing is last seen: {found:#?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Once, and what somebody has who is here is theirs.
    let found = until_found(browser, &["both.txt", "z here.txt", "a gone.txt"]).await?;
    let holders =
        |name: &str| found.iter().find(|row| row.name == name).map(|row| row.holders.clone()).unwrap_or_default();
    assert_eq!([holders("both.txt"), holders("z here.txt")], ["attic", "attic"]);
    let seen = holders("a gone.txt");
    assert!(seen == "last seen just now" || (seen.starts_with("last seen ") && seen.ends_with(" ago")), "{seen}");

    // Said to everybody, not by its colour alone.
    let row = "[...document.querySelectorAll('#rows .row:not([hidden])')].find(it => it.querySelector('.c-name').title === 'a gone.txt')";
    let told = browser
        .run(
            &format!("const row = {row}; const save = row.querySelector('.act'); return [row.ariaDisabled, save.disabled, save.title, row.querySelector('.badge').disabled];"),
            &[],
        )
        .await?;
    assert_eq!(told, json!(["true", true, "It can be saved when whoever has it is back.", true]));
    browser.must_be_accessible(&axe, "a file of somebody who is away").await?;
    // Neither a press nor the keyboard selects or saves it; what is here, they do.
    browser.run(&format!("{row}.click();"), &[]).await?;
    browser.run("document.getElementById('list').focus();", &[]).await?;
    browser.press(&format!("{HOME} v{ENTER}")).await?;
    browser.until("document.getElementById('list').getAttribute('aria-activedescendant')").await?;
    let is_quiet = "[document.getElementById('actions').checkVisibility(), document.querySelectorAll('#saves-list .line').length, \
                    document.querySelectorAll('#rows [aria-selected=true]').length]";
    assert_eq!(browser.run(&format!("return {is_quiet};"), &[]).await?, json!([false, 0, 0]));
    browser.press("\u{e009}a\u{e000}").await?;
    browser.until("document.querySelectorAll('#rows [aria-selected=true]').length === 2").await?;

    // In another language.
    let choose = "const it = document.getElementById('language'); it.value = arguments[0]; it.dispatchEvent(new Event('change'));";
    browser.run(choose, &[json!("de")]).await?;
    browser.until(&format!("{row}.querySelector('.c-holders').textContent.startsWith('zuletzt gesehen ')")).await?;
    browser.run(choose, &[json!("en")]).await?;

    // Back: a file as any other.
    let other = serve(shares[1].path(), &of_other);
    assert_eq!(other.url, url);
    block_in_place(|| wait_until_followed(&one, &url, 2));
    search(browser, "gone").await?;
    until_rows(browser, |rows| matches!(rows, [row] if row.name == "a gone.txt" && row.holders == "cellar")).await?;
    assert_eq!(browser.run(&format!("return {row}.ariaDisabled;"), &[]).await?, json!("false"));
    Ok(())
}
