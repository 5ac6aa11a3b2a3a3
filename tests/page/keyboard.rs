//! Everything with the keyboard alone, as somebody who has no mouse or sees no pointer does it.

use libtest_mimic::{Failed, Trial};

use super::PASSWORD;
use super::steps::{is_open, save_by, until_found, until_line};
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;
use crate::harness::tree::tree;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const HOME: &str = "\u{e011}";
const END: &str = "\u{e010}";
const SHIFT: &str = "\u{e008}";
const CONTROL: &str = "\u{e009}";
const RELEASED: &str = "\u{e000}";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::everything_works_with_the_keyboard_alone", alone),
        browser::trial("page::the_keyboard_reaches_every_control_and_is_seen_where_it_is", reaches),
    ]
}

async fn alone(browser: &Browser) -> Result<(), Failed> {
    let files: [(&str, &[u8]); 4] = [("a.txt", b"1"), ("b.txt", b"22"), ("c.txt", b"333"), ("d.md", b"4444")];
    let share = tree(&files);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    browser.go(&node.url).await?;
    browser.until("document.activeElement.id === 'password'").await?;
    browser.press(&format!("{PASSWORD}{ENTER}")).await?;
    is_open(browser).await?;
    // The keyboard is where the person goes on.
    browser.until("document.activeElement.id === 'search'").await?;
    save_by(browser, "session").await?;
    browser.press("txt").await?;
    until_found(browser, &["a.txt", "b.txt", "c.txt"]).await?;
    // Down from the field into the list, and to its first row.
    browser.press(DOWN).await?;
    browser.until("document.activeElement.id === 'list'").await?;
    at(browser, "a.txt").await?;
    browser.press(&DOWN.repeat(2)).await?;
    at(browser, "c.txt").await?;
    browser.press(UP).await?;
    at(browser, "b.txt").await?;
    // Enter saves the row the keyboard is at.
    browser.press(ENTER).await?;
    browser.must_save("b.txt", b"22").await?;
    // Space selects, shift takes what lies between.
    browser.press(&format!("{HOME} ")).await?;
    at(browser, "a.txt").await?;
    selected(browser, "1 file selected").await?;
    browser.press(&format!("{SHIFT}{DOWN}{RELEASED}")).await?;
    selected(browser, "2 files selected").await?;
    browser.press(ESCAPE).await?;
    browser.until("!document.getElementById('actions').checkVisibility()").await?;
    browser.press(&format!("{CONTROL}a{RELEASED}")).await?;
    selected(browser, "3 files selected").await?;
    browser.press(END).await?;
    at(browser, "c.txt").await?;
    browser.press(ENTER).await?;
    for (name, bytes) in &files[..3] {
        browser.must_save(name, bytes).await?;
    }
    until_line(browser, "saves-list", "a.txt", "Saved").await?;
    // A look at it, and back to where the keyboard was.
    browser.press("v").await?;
    browser.until("document.querySelector('#preview-stage pre')?.textContent === '333'").await?;
    browser.press(ESCAPE).await?;
    browser.until("!document.getElementById('preview').open").await?;
    browser.until("document.activeElement.id === 'list'").await?;
    // And to the search field from anywhere.
    browser.press("/").await?;
    browser.until("document.activeElement.id === 'search'").await?;
    browser.until("document.getElementById('search').value === 'txt'").await?;
    Ok(())
}

/// Waits until the cursor of the list is at this file, for the eye and for a screen reader.
async fn at(browser: &Browser, name: &str) -> Result<(), Failed> {
    let script = format!(
        "(row => row?.classList.contains('is-cursor') && row.querySelector('.c-name').title === '{name}')\
         (document.getElementById(document.getElementById('list').getAttribute('aria-activedescendant')))"
    );
    browser.until(&script).await?;
    Ok(())
}

async fn selected(browser: &Browser, what: &str) -> Result<(), Failed> {
    browser.until(&format!("document.getElementById('selected').textContent.startsWith('{what}')")).await?;
    Ok(())
}

async fn reaches(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"1"), ("b.png", b"22")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    super::steps::enter(browser, &node.url).await?;
    until_found(browser, &["a.txt", "b.png"]).await?;
    // From the top of the page through all of it, once round.
    browser.run("document.activeElement.blur()", &[]).await?;
    let mut reached = Vec::new();
    for _ in 0..60 {
        browser.press(TAB).await?;
        let script = "
            const it = document.activeElement, style = getComputedStyle(it);
            const outlined = it => it && (getComputedStyle(it).outlineStyle !== 'none' || outlined(it.parentElement));
            const box = it.getBoundingClientRect();
            return { name: it.id || it.dataset.do + ' ' + (it.dataset.key ?? ''), outlined: Boolean(outlined(it)),
                     seen: it === document.body || box.width > 0 && box.height > 0 };";
        let here = browser.run(script, &[]).await?;
        let name = here["name"].as_str().unwrap_or_default().trim().to_owned();
        if reached.contains(&name) {
            break;
        }
        // The page itself, between the last and the first.
        if name.is_empty() || name == "undefined" {
            continue;
        }
        assert!(here["outlined"] == true && here["seen"] == true, "the keyboard is not seen at {name}: {here}");
        reached.push(name);
    }
    let all = [
        "invite",
        "leave",
        "language",
        "search",
        "mode words",
        "mode glob",
        "mode regex",
        "kind",
        "list",
        "way session",
        "way ticket",
        "add-files",
        "add-folder",
        "own-name",
    ];
    for wanted in all {
        assert!(reached.iter().any(|name| name == wanted), "the keyboard never reaches {wanted}: {reached:?}");
    }
    Ok(())
}
