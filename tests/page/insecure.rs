//! The page where most people open it: plain http at an address that is not this device's own. Browsers leave out there what
//! needs a secure context; nothing of ours may be missed.

use libtest_mimic::{Failed, Trial};

use super::PASSWORD;
use super::steps::{enter, save, save_by, search, until_found, until_line, until_offered};
use crate::harness::browser::{self, Browser};
use crate::harness::lan_address;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::tree::{text, tree};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::works_from_an_insecure_origin", by_name),
        browser::trial_needing("page::works_at_an_address_of_the_network", &lan_address(), by_address),
        browser::trial("page::b13_talks_to_its_own_origin_only", own_origin),
    ]
}

async fn by_name(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("of the node.txt", b"n")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic", "--alias", "attic.test"]);
    everything(browser, &node.url.replace("127.0.0.1", "attic.test")).await
}

async fn by_address(browser: &Browser, address: std::net::Ipv4Addr) -> Result<(), Failed> {
    let share = tree(&[("of the node.txt", b"n")]);
    let mut command = tinyp2p(PASSWORD);
    command
        .args(["serve", "--no-discovery", "--bind", &address.to_string(), "--port", "0", "--json"])
        .arg(share.path());
    let node = Node::start(&mut command);
    everything(browser, &node.url).await
}

/// Unlocks, searches, saves both ways, and shares.
async fn everything(browser: &Browser, url: &str) -> Result<(), Failed> {
    let noise = text(2_000_000);
    let given = tree(&[("of the tab.txt", &noise)]);
    enter(browser, url).await?;
    browser.until("!isSecureContext && crypto.subtle === undefined && navigator.clipboard === undefined").await?;
    browser.drop(&[&given.path().join("of the tab.txt")]).await?;
    until_offered(browser, 1).await?;
    browser.new_tab().await?;
    enter(browser, url).await?;
    search(browser, "of the").await?;
    until_found(browser, &["of the node.txt", "of the tab.txt"]).await?;
    // What is the safer way here is chosen already.
    browser.until("document.querySelector('[data-do=way][data-key=session]').ariaPressed === 'true'").await?;
    save(browser, "of the tab.txt").await?;
    browser.must_save("of the tab.txt", &noise).await?;
    save(browser, "of the node.txt").await?;
    browser.must_save("of the node.txt", b"n").await?;
    until_line(browser, "saves-list", "of the tab.txt", "Saved").await?;
    save_by(browser, "ticket").await?;
    save(browser, "of the tab.txt").await?;
    browser.must_save("of the tab.txt", &noise).await
}

async fn own_origin(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"n"), ("b.png", b"no picture")]);
    let node = Node::serve(share.path(), PASSWORD, &["--alias", "attic.test"]);
    let url = node.url.replace("127.0.0.1", "attic.test");
    // Also of what fails: a request that is not let out is noted nowhere else.
    let spy = "
        window.asked = [];
        const note = (name, of) => window[name] = new Proxy(window[name], {
            construct(it, args) { asked.push(String(args[0])); return new it(...args); },
            apply(it, self, args) { asked.push(String(args[0]?.url ?? args[0])); return it.apply(self, args); },
        });
        ['WebSocket', 'fetch', 'Worker', 'EventSource', 'XMLHttpRequest', 'RTCPeerConnection'].forEach(note);";
    let spying = serde_json::json!({ "source": spy });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", spying).await?;
    enter(browser, &url).await?;
    until_found(browser, &["a.txt", "b.png"]).await?;
    save(browser, "a.txt").await?;
    browser.must_save("a.txt", b"n").await?;
    let asked = "return [...asked, ...performance.getEntriesByType('resource').map(it => it.name)]";
    let asked: Vec<String> = serde_json::from_value(browser.run(asked, &[]).await?)?;
    let authority = url.trim_start_matches("http://");
    let is_own = |asked: &String| {
        // A path, which leads nowhere else.
        (!asked.contains(':') && !asked.starts_with("//"))
            || ["http://", "ws://", "blob:http://"]
                .iter()
                .any(|scheme| asked.starts_with(&format!("{scheme}{authority}/")))
    };
    let foreign: Vec<_> = asked.iter().filter(|asked| !is_own(asked)).collect();
    assert!(foreign.is_empty(), "the page asked {foreign:?}");
    assert!(asked.iter().any(|asked| asked.starts_with("ws://")), "the spy saw no session: {asked:?}");
    Ok(())
}
