//! What a person does again and again on the page, and what they see then.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::json;

use super::PASSWORD;
use crate::harness::browser::Browser;

/// How long what was asked of other peers may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a person sees of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) size: String,
    pub(super) holders: String,
}

/// Opens a node's page and comes in.
pub(super) async fn enter(browser: &Browser, url: &str) -> Result<(), Failed> {
    browser.go(url).await?;
    unlock(browser, PASSWORD).await?;
    is_open(browser).await
}

/// Types a password at the door.
pub(super) async fn unlock(browser: &Browser, password: &str) -> Result<(), Failed> {
    let is_ready =
        "document.getElementById('password').checkVisibility() && !document.getElementById('enter').disabled";
    browser.until(is_ready).await?;
    browser.write("#password", password).await?;
    browser.click("#enter").await
}

/// Waits until the session is there.
pub(super) async fn is_open(browser: &Browser) -> Result<(), Failed> {
    browser.until("document.documentElement.dataset.state === 'open'").await?;
    browser.until("document.getElementById('status').textContent === 'Connected'").await?;
    Ok(())
}

/// Types into the search field, instead of what is in it.
pub(super) async fn search(browser: &Browser, pattern: &str) -> Result<(), Failed> {
    browser.click("#search").await?;
    // At once, and heard: what the driver empties alone the page may write again before it hears of it.
    let empty = "
        const field = document.getElementById('search');
        field.value = '';
        field.dispatchEvent(new Event('input'));";
    browser.run(empty, &[]).await?;
    if pattern.is_empty() { Ok(()) } else { browser.write("#search", pattern).await }
}

/// Chooses how the search field is read: `words`, `glob` or `regex`.
pub(super) async fn read_as(browser: &Browser, mode: &str) -> Result<(), Failed> {
    browser.click(&format!(".search [data-key={mode}]")).await
}

/// The rows in sight, in their order.
pub(super) async fn rows(browser: &Browser) -> Result<Vec<Row>, Failed> {
    let script = "
        const rows = [...document.querySelectorAll('#rows .row')].filter(row => !row.hidden);
        const place = row => Number(row.getAttribute('aria-rowindex'));
        const text = (row, part) => row.querySelector('.c-' + part).textContent.replaceAll('\\u00a0', ' ');
        return rows.sort((one, other) => place(one) - place(other)).map(row => ({
            name: row.querySelector('.c-name').title,
            folder: text(row, 'folder'), size: text(row, 'size'), holders: text(row, 'holders'),
        }));";
    Ok(serde_json::from_value(browser.run(script, &[]).await?)?)
}

/// Waits until exactly these files are shown, in whatever order, and nothing is asked for any more.
pub(super) async fn until_found(browser: &Browser, names: &[&str]) -> Result<Vec<Row>, Failed> {
    let mut wanted: Vec<_> = names.to_vec();
    wanted.sort_unstable();
    until_rows(browser, |rows| {
        let mut seen: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        seen.sort_unstable();
        seen == wanted
    })
    .await
    .map_err(|why| format!("{wanted:?} wanted: {}", why.message().unwrap_or_default()).into())
}

/// Waits until the rows in sight are as wanted.
pub(super) async fn until_rows(browser: &Browser, are_wanted: impl Fn(&[Row]) -> bool) -> Result<Vec<Row>, Failed> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = rows(browser).await?;
        if are_wanted(&rows) {
            return Ok(rows);
        }
        if Instant::now() > deadline {
            return Err(format!("after {PATIENCE:?} the rows are {rows:#?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Chooses how files are saved: `session` or `ticket`.
pub(super) async fn save_by(browser: &Browser, way: &str) -> Result<(), Failed> {
    browser.run("document.querySelector(`[data-do=way][data-key=${arguments[0]}]`).click()", &[json!(way)]).await?;
    browser.until(&format!("document.querySelector('[data-do=way][data-key={way}]').ariaPressed === 'true'")).await?;
    Ok(())
}

/// Presses the button that saves a file, by what a screen reader calls it.
pub(super) async fn save(browser: &Browser, name: &str) -> Result<(), Failed> {
    press(browser, "#rows .row:not([hidden]) button", &format!("Save {name}")).await
}

/// Selects the first row: while something is selected the list stays as it is, whoever goes.
pub(super) async fn select_first(browser: &Browser) -> Result<(), Failed> {
    browser.run("document.querySelector('#rows .row:not([hidden])').click();", &[]).await?;
    browser.until("document.querySelectorAll('#rows [aria-selected=true]').length === 1").await?;
    Ok(())
}

/// Clicks the one among these elements that is labelled so.
pub(super) async fn press(browser: &Browser, among: &str, label: &str) -> Result<(), Failed> {
    let script = "
        const [among, label] = arguments;
        const element = [...document.querySelectorAll(among)].find(it => it.ariaLabel === label);
        element?.click();
        return element !== undefined;";
    let deadline = Instant::now() + PATIENCE;
    while browser.run(script, &[json!(among), json!(label)]).await? != json!(true) {
        if Instant::now() > deadline {
            return Err(format!("nothing here is labelled {label:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until a list of the page, such as `saves-list`, has a line that says both.
pub(super) async fn until_line(browser: &Browser, list: &str, one: &str, other: &str) -> Result<(), Failed> {
    // As it is written: a name's end is an element of its own, and the blank before a unit is one that does not break.
    let line = format!(
        "[...document.querySelectorAll('#{list} .line')].map(it => it.textContent.replaceAll('\\u00a0', ' '))\
         .some(it => [{}, {}].every(text => it.includes(text)))",
        json!(one),
        json!(other)
    );
    browser.until(&line).await?;
    Ok(())
}

/// Waits until the tab offers so many files, and its node has told everybody so. Answers the tab's URL.
pub(super) async fn until_offered(browser: &Browser, count: usize) -> Result<String, Failed> {
    browser.until(&format!("document.querySelectorAll('#held .line').length === {count}")).await?;
    let ours = "[...document.querySelectorAll('#peers .line')].find(it => it.querySelector('[data-kind=ours]'))";
    browser
        .until(&format!("{ours}?.querySelector('.what').textContent.match(/(\\d+) files?/)?.[1] === '{count}'"))
        .await?;
    let url = browser.until("document.getElementById('our-url').textContent").await?;
    url.as_str()
        .filter(|url| url.contains("/peer/"))
        .map(str::to_owned)
        .ok_or_else(|| format!("{url} is no tab's").into())
}
