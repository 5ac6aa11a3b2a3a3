//! A pool that changes while somebody looks at it: the list follows by itself, and stays where it is.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::PASSWORD;
use super::steps::enter;
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;
use crate::harness::tree::tree;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::what_others_add_appears_by_itself_and_the_list_stays_where_it_is", renewed),
        browser::trial("page::what_changes_at_another_node_shows_by_itself", elsewhere),
    ]
}

async fn renewed(browser: &Browser) -> Result<(), Failed> {
    let names: Vec<_> = (0..500).map(|number| format!("m{number:03}.txt")).collect();
    let share = tree(&names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect::<Vec<_>>());
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    let tally = |count: u32| format!("document.getElementById('tally').textContent.startsWith('{count} files')");
    browser.until(&tally(500)).await?;
    let scroll = "const list = document.getElementById('list'); list.scrollTop = 4000; return list.scrollTop;";
    let scrolled = browser.run(scroll, &[]).await?;
    assert!(scrolled.as_f64().unwrap_or_default() > 2000.0, "{scrolled}");

    std::fs::write(share.path().join("zz last.txt"), b"last")?;
    browser.until(&tally(501)).await?;
    let at = browser.run("return document.getElementById('list').scrollTop;", &[]).await?;
    assert_eq!(at, scrolled, "who reads is not taken elsewhere");
    let end = "const list = document.getElementById('list'); list.scrollTop = list.scrollHeight; return null;";
    assert_eq!(browser.run(end, &[]).await?, json!(null));
    browser
        .until(
            "[...document.querySelectorAll('#rows .row:not([hidden]) .c-name')].some(it => it.title === 'zz last.txt')",
        )
        .await?;

    // What is taken away goes by itself, too.
    std::fs::remove_file(share.path().join("zz last.txt"))?;
    browser.until(&tally(500)).await?;
    Ok(())
}

async fn elsewhere(browser: &Browser) -> Result<(), Failed> {
    let (share, other) = (tree(&[("here.txt", b"x")]), tree(&[("there.txt", b"x")]));
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let _other = Node::serve(other.path(), PASSWORD, &["--join", &node.url]);
    enter(browser, &node.url).await?;
    let tally = |count: u32| format!("document.getElementById('tally').textContent.startsWith('{count} files')");
    let row = |name: &str, size: &str| {
        format!(
            "[...document.querySelectorAll('#rows .row:not([hidden])')].some(it => it.querySelector('.c-name').title === \
             '{name}' && it.querySelector('.c-size').textContent === '{size}')"
        )
    };
    browser.until(&tally(2)).await?;
    std::fs::write(other.path().join("new.txt"), b"new")?;
    browser.until(&row("new.txt", "3\u{a0}B")).await?;
    // In place: there are as many as before.
    std::fs::write(other.path().join("there.txt"), b"of another length")?;
    browser.until(&row("there.txt", "17\u{a0}B")).await?;
    std::fs::write(share.path().join("here.txt"), b"longer")?;
    browser.until(&row("here.txt", "6\u{a0}B")).await?;
    std::fs::remove_file(other.path().join("new.txt"))?;
    browser.until(&tally(2)).await?;
    Ok(())
}
