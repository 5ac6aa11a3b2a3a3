//! The door: the one password, what is said of a wrong one, invites, and where the password never is.

use fantoccini::Locator;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::PASSWORD;
use super::steps::{enter, is_open, unlock, until_found};
use crate::harness::browser::{self, Browser};
use crate::harness::lan_address;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::tree::tree;

/// Unlike any word of the page, and in need of an escape wherever it is written.
const RARE: &str = "zwölf Boxkämpfer & 7% \"Quark\"";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::a_wrong_password_is_told_in_words_and_the_right_one_opens", wrong_and_right),
        browser::trial_needing("page::too_many_wrong_passwords_say_how_long_to_wait", &lan_address(), guesses),
        browser::trial("page::b12_the_password_is_nowhere_but_in_memory", nowhere),
        browser::trial("page::b12_an_invite_unlocks_and_is_wiped", invited),
        browser::trial("page::who_leaves_forgets_the_password", leaves),
        browser::trial("page::b12_what_is_pasted_beside_the_password_is_not_shared", pasted),
    ]
}

async fn wrong_and_right(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("notes.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    browser.go(&node.url).await?;
    browser.until("document.activeElement.id === 'password'").await?;
    browser.click("#enter").await?;
    browser.until_text("#door-trouble", "Type the password first.").await?;
    unlock(browser, "battery staple").await?;
    browser.until_text("#door-trouble", "That is not the password of this network.").await?;
    // Told to a screen reader, and the field is ready for the next attempt.
    browser.until("document.getElementById('door-trouble').role === 'alert'").await?;
    browser.until("document.activeElement.id === 'password'").await?;
    browser.click("#show").await?;
    browser.until("document.getElementById('password').type === 'text'").await?;
    browser.click("#show").await?;
    browser.until("document.getElementById('password').type === 'password'").await?;
    unlock(browser, PASSWORD).await?;
    is_open(browser).await?;
    until_found(browser, &["notes.txt"]).await?;
    Ok(())
}

async fn pasted(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("notes.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    browser.go(&node.url).await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    // The keyboard is on the button that shows the password, not in its field.
    browser.click("#show").await?;
    browser.paste(PASSWORD).await?;
    unlock(browser, PASSWORD).await?;
    is_open(browser).await?;
    browser.paste("a shopping list").await?;
    browser.until("document.querySelectorAll('#held .line').length > 0").await?;
    let held = browser.run("return document.querySelectorAll('#held .line').length", &[]).await?;
    assert_eq!(held, json!(1), "only what was pasted inside");
    Ok(())
}

async fn guesses(browser: &Browser, address: std::net::Ipv4Addr) -> Result<(), Failed> {
    // Chromium notes by itself that the node did not let it in.
    browser.expect_in_console("/bridge");
    let share = tree(&[]);
    let mut command = tinyp2p(PASSWORD);
    command
        .args(["serve", "--no-discovery", "--bind", &address.to_string(), "--port", "0", "--json"])
        .arg(share.path());
    let node = Node::start(&mut command);
    browser.go(&node.url).await?;
    for _ in 0..6 {
        unlock(browser, "battery staple").await?;
        browser.until("document.getElementById('door-trouble').textContent !== ''").await?;
        if browser.text("#door-trouble").await.is_some_and(|text| text.contains("second")) {
            break;
        }
        browser.until("!document.getElementById('enter').disabled").await?;
    }
    let said = browser.until("document.getElementById('door-trouble').textContent.match(/in [0-9]+ seconds?/)").await?;
    eprintln!("after too many guesses the page says {said}");
    // The wait counts down, and nothing can be tried meanwhile.
    browser
        .until(&format!("document.getElementById('door-trouble').textContent.match(/[0-9]+/)[0] < {}", number(&said)))
        .await?;
    Ok(())
}

/// The number in the text that was matched.
fn number(matched: &Value) -> u32 {
    matched[0].as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

async fn nowhere(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), RARE, &[]);
    browser.go(&node.url).await?;
    unlock(browser, RARE).await?;
    is_open(browser).await?;
    until_found(browser, &["a.txt"]).await?;
    must_not_know(browser, RARE).await?;
    if node.process.error_text().contains("Boxk") || node.process.output_text().contains("Boxk") {
        return Err("the node logs the password".into());
    }
    // Nor does a reload find it: who comes back is asked again.
    browser.page.refresh().await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    browser.until("document.getElementById('password').value === ''").await?;
    must_not_know(browser, RARE).await
}

/// Fails where the password is anywhere that outlives the page or that somebody could see.
async fn must_not_know(browser: &Browser, password: &str) -> Result<(), Failed> {
    let script = "
        const done = arguments[arguments.length - 1];
        (async () => done(JSON.stringify({
            local: { ...localStorage }, session: { ...sessionStorage }, cookie: document.cookie, name: window.name,
            databases: (await indexedDB.databases()).map(it => it.name),
            caches: window.caches ? await caches.keys() : [],
            title: document.title, address: location.href, state: history.state,
            markup: document.documentElement.outerHTML,
            fields: [...document.querySelectorAll('input')].map(it => it.value),
            // But for the browser's own note of how this document was opened, which goes with it.
            asked: performance.getEntries().filter(it => it.entryType !== 'navigation').map(it => it.name),
        })))();";
    let seen = browser.page.execute_async(script, Vec::new()).await?;
    let seen = seen.as_str().ok_or("the page does not say what it has")?;
    let history = addresses(browser).await?;
    let encoded: String = url::form_urlencoded::byte_serialize(password.as_bytes()).collect();
    // As it is, as an address writes it, and the one word that no escape can change.
    for form in [password, &encoded, &encoded.replace('+', "%20"), "Quark"] {
        for (place, text) in [("page", seen), ("history", &history)] {
            if text.contains(form) || text.contains(&json!(form).to_string().replace('"', "")) {
                return Err(format!("the password is in the {place}, as {form:?}: {text}").into());
            }
        }
    }
    Ok(())
}

/// The addresses this tab can go back to. What was typed to get there Chromium keeps as it keeps all that is typed; the page
/// has no say in that, and warns of it where it makes invites.
async fn addresses(browser: &Browser) -> Result<String, Failed> {
    let history = browser.devtools("Page.getNavigationHistory", json!({})).await?;
    let entries = history["entries"].as_array().ok_or_else(|| format!("no history: {history}"))?;
    Ok(entries.iter().filter_map(|entry| entry["url"].as_str()).collect::<Vec<_>>().join("\n"))
}

async fn invited(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), RARE, &[]);
    let encoded = url::form_urlencoded::byte_serialize(RARE.as_bytes()).collect::<String>().replace('+', "%20");
    browser.go(&format!("{}/#{encoded}", node.url)).await?;
    is_open(browser).await?;
    until_found(browser, &["a.txt"]).await?;
    browser.until(&format!("location.href === {}", json!(format!("{}/", node.url)))).await?;
    must_not_know(browser, RARE).await?;
    // A wrong one is asked for again, and wiped all the same. Only another document is another visit.
    browser.go("about:blank").await?;
    browser.go(&format!("{}/#battery%20staple", node.url)).await?;
    browser.until_text("#door-trouble", "That is not the password of this network.").await?;
    browser.until("!location.href.includes('#')").await?;
    let history = addresses(browser).await?;
    if history.contains("battery") { Err(format!("an invite stays in the history: {history}").into()) } else { Ok(()) }
}

async fn leaves(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &["--alias", "attic.test"]);
    enter(browser, &node.url.replace("127.0.0.1", "attic.test")).await?;
    until_found(browser, &["a.txt"]).await?;
    // Where there is no clipboard, the link is shown, selected.
    browser.click("[data-do=invite]").await?;
    browser.until("document.getElementById('invite-dialog').open").await?;
    let link = browser.until("document.getElementById('invite-link').value").await?;
    // And as a code for the camera of a phone.
    browser.until("document.getElementById('invite-code').checkVisibility()").await?;
    let code = browser.page.find(Locator::Css("#invite-code")).await?.screenshot().await?;
    if link != read_code(&code)?.as_str() {
        return Err("the code is another's".into());
    }
    press_escape(browser).await?;
    browser.until("!document.getElementById('invite-dialog').open").await?;
    browser.until("document.getElementById('invite-link').value === ''").await?;
    browser.until("document.querySelector('#invite-code path').getAttribute('d') === ''").await?;
    browser.click("[data-do=leave]").await?;
    browser.until("document.documentElement.dataset.state === 'door'").await?;
    browser.until("document.querySelectorAll('#rows .row:not([hidden])').length === 0").await?;
    // The link lets somebody else in.
    browser.go("about:blank").await?;
    browser.go(link.as_str().ok_or("no link")?).await?;
    is_open(browser).await?;
    until_found(browser, &["a.txt"]).await?;
    Ok(())
}

/// What a camera reads of a picture.
fn read_code(picture: &[u8]) -> Result<String, Failed> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("a picture too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let (width, height) = (info.width as usize, info.height as usize);
    let brightness = |x, y| pixels[y * info.line_size + x * info.color_type.samples()];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, brightness);
    let grids = image.detect_grids();
    Ok(grids.first().ok_or("no code is seen")?.decode()?.1)
}

async fn press_escape(browser: &Browser) -> Result<(), Failed> {
    browser.page.find(Locator::Css("#invite-link")).await?.send_keys("\u{e00c}").await?;
    Ok(())
}
