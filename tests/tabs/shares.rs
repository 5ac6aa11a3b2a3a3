//! What tabs may offer and be called, and what they are told.

use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Message, Offer, Offered, Role, Search, SearchKind, SearchScope};
use shared::limits;

use super::{PASSWORD, Site};
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, Tab, hello};
use crate::harness::test;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("tabs::a1_paths_that_lead_elsewhere_are_left_out", hostile_paths),
        test("tabs::a11_names_are_shown_without_what_acts", hostile_names),
        test("tabs::no_tab_offers_more_than_it_may", too_much),
        test("tabs::offers_are_changes_to_what_was_offered", changes),
        test("tabs::a_tab_is_listed_while_it_offers_something", listed),
        test("tabs::a_tab_without_a_secret_has_no_address", no_secret),
    ]
}

fn offered(path: &str) -> Offered {
    Offered::new(path.to_owned(), 1, 0)
}

fn offer(all: bool, add: &[&str], remove: &[&str]) -> Offer {
    let add = add.iter().map(|path| offered(path)).collect();
    Offer { all, add, remove: remove.iter().map(|path| (*path).to_owned()).collect() }
}

/// Paths of the tab as a search here finds them.
fn found(site: &Site) -> Vec<String> {
    let search =
        Search { kind: SearchKind::Words, pattern: String::new(), scope: SearchScope::Here, most: 0, away: None };
    let (messages, _) = site.tab.ask(search).expect("an answer");
    let url = site.tab.url();
    let of_tab = messages.into_iter().filter_map(|message| match message {
        Message::Found(found) if found.peer == url => Some(found.rows),
        _ => None,
    });
    of_tab.flatten().map(|row| row.path).collect()
}

fn hostile_paths() {
    let site = Site::new();
    let long = "x".repeat(256);
    let bad = ["../x", "/etc/passwd", "a/../b", "C:\\x", "a\0", "", ".", "d//e", &long, &"d/".repeat(100)].map(offered);
    let good = ["%2e%2e%2fx", "<img src=x onerror=alert(1)>", "a\u{202e}b", "\u{1b}[2J", "d/e/f"];
    let mut both = offer(true, &good, &[]);
    both.add.extend(bad);
    both.add.push(Offered { size: u64::MAX, ..offered("endless") });
    site.tab.say(both);
    let mut good: Vec<_> = good.map(str::to_owned).into();
    // XML cannot say it, and a search over XML-RPC has the same rows.
    good.retain(|path| !path.contains('\u{1b}'));
    good.sort();
    wait_for("the good ones alone", PATIENCE, || (found(&site) == good).then_some(()));
}

fn hostile_names() {
    let site = Site::new();
    let other = site.open("E\u{202e}ve\u{1b}]52;c;x\u{7}\n<b>", [9; 16]);
    other.offer(&[("a", Content::bytes("a"))]);
    let url = other.url();
    let name = wait_for("the other tab to be told of", PATIENCE, || {
        site.tab.peers().into_iter().find(|(peer, ..)| *peer == url).map(|(_, name, _)| name)
    });
    assert_eq!(name.as_deref(), Some("Eve ]52;c;x <b>"));
    let long = site.open(&"é".repeat(10_000), [10; 16]);
    long.offer(&[("a", Content::bytes("a"))]);
    let url = long.url();
    let name = wait_for("the third tab to be told of", PATIENCE, || {
        site.tab.peers().into_iter().find(|(peer, ..)| *peer == url).map(|(_, name, _)| name)
    });
    assert_eq!(name.unwrap().len(), limits::PEER_NAME_BYTES);
}

fn too_much() {
    let site = Site::new();
    for thousands in 0..105_u32 {
        let add = (0..1_000).map(|i| offered(&format!("f{:06}", thousands * 1_000 + i))).collect();
        site.tab.say(Offer { all: false, add, remove: vec![] });
    }
    let count = || site.tab.peers().into_iter().find(|(url, ..)| *url == site.tab.url()).and_then(|(.., files)| files);
    wait_for("as many as may be", PATIENCE, || (count() == Some(limits::TAB_FILES as u64)).then_some(()));
    // Room is made by what is withdrawn, and only by that.
    let mut change = offer(false, &["one more", "and one more"], &["f000000"]);
    site.tab.say(change.clone());
    wait_for("one to be taken over", PATIENCE, || {
        found(&site).first().is_some_and(|it| it == "and one more" || it == "f000001").then_some(())
    });
    let names = found(&site);
    assert_eq!(names.len(), limits::TAB_FILES);
    assert!(names.contains(&"one more".to_owned()) && !names.contains(&"and one more".to_owned()));
    // Bytes of paths are bounded too.
    change = offer(true, &[], &[]);
    let folders = vec!["d".repeat(250); 16].join("/");
    change.add = (0..100).map(|i| offered(&format!("{folders}/{i:03}"))).collect();
    site.tab.say(change);
    for hundreds in 1..100 {
        let add = (0..100).map(|i| offered(&format!("{folders}/{hundreds}-{i:03}"))).collect();
        site.tab.say(Offer { all: false, add, remove: vec![] });
    }
    let most = limits::TAB_PATH_BYTES / (folders.len() + 5);
    let count =
        wait_for("as many as fit", PATIENCE, || count().filter(|count| *count > most as u64 - 100 && *count < 10_000));
    assert!(count <= most as u64 + 200, "{count} of {most}");
}

fn changes() {
    let site = Site::new();
    let after = |change: Offer, expected: &[&str]| {
        site.tab.say(change);
        wait_for(&format!("{expected:?}"), PATIENCE, || (found(&site) == expected).then_some(()));
    };
    after(offer(false, &["a", "b", "d/c"], &[]), &["a", "b", "d/c"]);
    after(offer(false, &["e"], &["b", "nothing", "../x"]), &["a", "d/c", "e"]);
    after(offer(true, &["z"], &["z"]), &["z"]);
    after(offer(true, &[], &[]), &[]);
}

fn listed() {
    let site = Site::new();
    let (node, tab) = (site.node.url.clone(), site.tab.url());
    assert_eq!(site.listed(&node), [node.as_str()]);
    site.tab.offer(&[("a", Content::bytes("a"))]);
    wait_for("the tab to be listed", PATIENCE, || (site.listed(&node) == [node.clone(), tab.clone()]).then_some(()));
    wait_for("the tab to be told", PATIENCE, || {
        let own = (node.clone(), site.tab.peers().first().and_then(|(_, name, _)| name.clone()), Some(1));
        let named = (tab.clone(), Some("Ada's tab".to_owned()), Some(1));
        (site.tab.peers() == [own, named]).then_some(())
    });
    site.tab.offer(&[]);
    wait_for("the tab to be unlisted", PATIENCE, || (site.listed(&node) == [node.as_str()]).then_some(()));
    // The same URL at the same node, after everything was forgotten.
    assert_eq!(site.open("again", super::SECRET).url(), tab);
}

fn no_secret() {
    let site = Site::new();
    for secret in [None, Some(vec![1; 15])] {
        let tab = Tab::introduce(&site.node.url, PASSWORD, hello(Role::Tab, "x", secret));
        tab.say(offer(true, &["never"], &[]));
        // It may search all the same, and by then its offer was heard.
        let search =
            Search { kind: SearchKind::Words, pattern: "never".into(), scope: SearchScope::Pool, most: 0, away: None };
        let (messages, _) = tab.ask(search).expect("an answer");
        assert!(!messages.iter().any(|message| matches!(message, Message::Found(_))), "{messages:?}");
    }
}
