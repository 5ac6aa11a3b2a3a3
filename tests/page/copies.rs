//! Copies of what a tab shares, left with its node: they stay when the tab is closed.

use libtest_mimic::{Failed, Trial};

use super::PASSWORD;
use super::steps::{enter, search, until_found, until_line, until_offered};
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;
use crate::harness::tree::{assert_same, binary, content, text, tree};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::copies_left_with_the_node_stay_when_the_tab_is_closed", stay),
        browser::trial("page::a_node_without_a_drop_box_offers_to_keep_nothing", nothing),
    ]
}

async fn stay(browser: &Browser) -> Result<(), Failed> {
    let (noise, lines) = (binary(6_000_001), text(300_000));
    let given =
        tree(&[("film é.bin", &noise), ("Trip/day one.txt", &lines), ("Trip/empty.txt", b""), ("taken.txt", b"mine")]);
    let share = tree(&[("taken.txt", b"theirs")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--drop-box"]);
    enter(browser, &node.url).await?;
    // There is nothing to leave yet.
    browser.until("!document.getElementById('put-all').checkVisibility()").await?;
    let at = |name: &str| given.path().join(name);
    browser.drop(&[&at("film é.bin"), &at("Trip"), &at("taken.txt")]).await?;
    until_offered(browser, 4).await?;
    browser.until("document.getElementById('put-all').textContent == 'Leave copies with attic'").await?;
    browser.click("#put-all").await?;
    for name in ["film é.bin", "Trip/day one.txt", "Trip/empty.txt", "taken.txt"] {
        until_line(browser, "held", name, "· copied").await?;
    }
    browser.until("!document.getElementById('put-all').checkVisibility()").await?;
    // Another tab, for a browser without one ends; and nothing warns that something would be lost.
    let (first, second) = (browser.tab().await?, browser.new_tab().await?);
    browser.close_tab(&first).await?;
    browser.look_at(&second).await?;
    let mut expected = content(given.path());
    expected.insert("taken (1).txt".into(), b"mine".to_vec());
    expected.insert("taken.txt".into(), b"theirs".to_vec());
    assert_same(&content(share.path()), &expected);
    enter(browser, &node.url).await?;
    search(browser, "film").await?;
    until_found(browser, &["film é.bin"]).await?;
    Ok(())
}

async fn nothing(browser: &Browser) -> Result<(), Failed> {
    let (given, share) = (tree(&[("a.txt", b"mine")]), tree(&[]));
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    browser.drop(&[&given.path().join("a.txt")]).await?;
    until_line(browser, "held", "a.txt", "4 B").await?;
    browser.until("!document.getElementById('put-all').checkVisibility()").await?;
    Ok(())
}
