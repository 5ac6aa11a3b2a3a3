//! One search over everybody: a node, a tab, and the program of 2004.

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use super::PASSWORD;
use super::steps::{Row, enter, read_as, search, until_found, until_offered, until_rows};
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;
use crate::harness::original::{Original, OriginalServer};
use crate::harness::tree::tree;

pub(super) fn trials(original: &Result<Original, String>) -> Vec<Trial> {
    vec![
        browser::trial_needing("page::one_search_finds_files_of_a_node_a_tab_and_a_peer_of_2004", original, everybody),
        browser::trial("page::equal_files_are_one_row_with_all_who_hold_them", folded),
        browser::trial("page::a_bad_pattern_is_explained_while_typing", explained),
    ]
}

/// A node that has joined an original; both share files.
pub(super) struct Mixed {
    pub(super) node: Node,
    pub(super) old: OriginalServer,
    _shares: [TempDir; 2],
}

impl Mixed {
    pub(super) fn new(original: &Original) -> Self {
        let of_old = tree(&[("letter from 2004.txt", b"old\n"), ("a song.mp3.txt", b"la\n")]);
        let of_node = tree(&[("Letters/letter to Ada.txt", b"dear\n"), ("Photos/dusk.jpg", b"jpg"), ("plan.md", b"p")]);
        let old = original.serve(of_old.path(), PASSWORD, &[]);
        let node = Node::serve(of_node.path(), PASSWORD, &["--name", "attic", "--join", &old.url]);
        Self { node, old, _shares: [of_old, of_node] }
    }
}

async fn everybody(browser: &Browser, original: Original) -> Result<(), Failed> {
    let mut mixed = Mixed::new(&original);
    let given = tree(&[("letter of a tab.txt", b"from memory\n")]);
    enter(browser, &mixed.node.url).await?;
    browser.write("#own-name", "Mia's tab").await?;
    browser.press("\t").await?;
    browser.pick("#files", &[&given.path().join("letter of a tab.txt")]).await?;
    until_offered(browser, 1).await?;

    browser.new_tab().await?;
    enter(browser, &mixed.node.url).await?;
    // Words, in any order and case.
    let all = ["letter from 2004.txt", "letter to Ada.txt", "letter of a tab.txt"];
    search(browser, "LETTER txt").await?;
    let rows = until_found(browser, &all).await?;
    let held =
        |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.holders.as_str()).unwrap_or_default();
    assert_eq!(held("letter to Ada.txt"), "attic");
    assert_eq!(held("letter of a tab.txt"), "Mia's tab");
    assert!(mixed.old.url.ends_with(held("letter from 2004.txt").rsplit(':').next().unwrap()), "{rows:?}");
    // An expression, by the toggle and between slashes.
    read_as(browser, "regex").await?;
    search(browser, "^letter (from|of)").await?;
    until_found(browser, &["letter from 2004.txt", "letter of a tab.txt"]).await?;
    read_as(browser, "words").await?;
    search(browser, "/song|dusk/").await?;
    until_found(browser, &["a song.mp3.txt", "dusk.jpg"]).await?;
    read_as(browser, "glob").await?;
    search(browser, "*.md").await?;
    until_found(browser, &["plan.md"]).await?;
    // Only pictures.
    read_as(browser, "words").await?;
    search(browser, "").await?;
    until_found(browser, &[&all[..], &["a song.mp3.txt", "dusk.jpg", "plan.md"]].concat()).await?;
    browser.click("#kinds [data-key=image]").await?;
    let rows = until_found(browser, &["dusk.jpg"]).await?;
    assert_eq!((rows[0].folder.as_str(), rows[0].size.as_str()), ("Photos", "3 B"));
    // Nothing at all.
    browser.click("#kinds [data-key='']").await?;
    search(browser, "no such file anywhere").await?;
    browser.until_text("#empty-title", "Nobody has such a file").await?;
    browser.until("document.getElementById('empty-hint').textContent !== ''").await?;
    if mixed.old.is_running() { Ok(()) } else { Err("the original died of being searched".into()) }
}

async fn folded(browser: &Browser) -> Result<(), Failed> {
    let first = tree(&[("Films/walk.mp4", b"the very same"), ("only here.txt", b"1")]);
    let second = tree(&[("walk.mp4", b"the very same"), ("only here.txt", b"22")]);
    let one = Node::serve(first.path(), PASSWORD, &["--name", "attic"]);
    let other = Node::serve(second.path(), PASSWORD, &["--name", "cellar", "--join", &one.url]);
    enter(browser, &other.url).await?;
    let is_folded =
        |row: &Row| row.name == "walk.mp4" && row.holders.contains("attic") && row.holders.contains("cellar");
    until_rows(browser, |rows| {
        let same_name = rows.iter().filter(|row| row.name == "only here.txt").count();
        rows.len() == 3 && rows.iter().any(is_folded) && same_name == 2
    })
    .await?;
    Ok(())
}

async fn explained(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("plan (new).txt", b"a"), ("plan.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    until_found(browser, &["plan (new).txt", "plan.txt"]).await?;
    search(browser, "/plan (/").await?;
    browser.until("document.getElementById('pattern-trouble').checkVisibility()").await?;
    let said = browser.text("#pattern-trouble").await.unwrap_or_default();
    eprintln!("of a bad pattern the page says: {said}");
    browser.until("document.getElementById('search').ariaInvalid === 'true'").await?;
    browser.until("document.getElementById('pattern-trouble').role === 'alert'").await?;
    // What was found before stays until the pattern is good again.
    until_found(browser, &["plan (new).txt", "plan.txt"]).await?;
    search(browser, "/plan \\(/").await?;
    until_found(browser, &["plan (new).txt"]).await?;
    browser.until("document.getElementById('pattern-trouble').textContent === ''").await?;
    // As words it is good, brackets and all.
    search(browser, "plan (").await?;
    until_found(browser, &["plan (new).txt"]).await?;
    Ok(())
}
