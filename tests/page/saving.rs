//! Files on their way to the disk, and what is there then: of every size, by both ways, under the strangest names.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::PASSWORD;
use super::searching::Mixed;
use super::steps::{enter, press, save, save_by, select_first, until_found, until_line, until_offered};
use crate::harness::browser::{self, Browser};
use crate::harness::node::{self, Node};
use crate::harness::original::Original;
use crate::harness::tree::{assert_same, binary, content, text, tree};

const MIB: u64 = 1 << 20;

pub(super) fn trials(original: &Result<Original, String>) -> Vec<Trial> {
    vec![
        browser::trial("page::saves_files_both_ways_byte_for_byte", both_ways),
        browser::trial("page::saves_again_after_the_page_was_left_and_opened_anew", opened_anew),
        browser::trial("page::saves_300_mebibytes_through_the_browser", large),
        browser::trial("page::b1_names_that_are_code_or_odd_are_only_names", odd_names),
        browser::trial("page::saves_many_at_once_and_lets_one_be_cancelled", many),
        browser::trial_needing("page::saves_what_is_selected_as_one_zip", original, as_zip),
        browser::trial("page::a_file_that_is_gone_is_told_in_words", gone),
    ]
}

async fn both_ways(browser: &Browser) -> Result<(), Failed> {
    // As `git` on one system and an editor on another write it.
    let (lines, noise) = (text(5 << 20), binary(20 << 20));
    let files: [(&str, &[u8]); 4] =
        [("empty.dat", b""), ("lines.txt", &lines), ("Music/noise.bin", &noise), ("one byte", b"\0")];
    let share = tree(&files);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    until_found(browser, &["empty.dat", "lines.txt", "noise.bin", "one byte"]).await?;
    for way in ["session", "ticket"] {
        save_by(browser, way).await?;
        for (path, bytes) in files {
            let name = path.rsplit('/').next().unwrap();
            save(browser, name).await?;
            browser.must_save(name, bytes).await?;
        }
        let end = if way == "session" { "Saved" } else { "Your browser’s downloads have it" };
        until_line(browser, "saves-list", "noise.bin", end).await?;
        browser.click("#saves-clear").await?;
        browser.until("document.querySelectorAll('#saves-list .line').length === 0").await?;
    }
    // What was chosen is remembered, and nothing else is.
    let kept = browser.run("return JSON.stringify({ ...localStorage })", &[]).await?;
    assert_eq!(kept, json!("{\"tinyp2p\":\"en\\nticket\\n\"}"));
    Ok(())
}

/// A browser keeps a page that was left as it was, in case somebody goes back.
async fn opened_anew(browser: &Browser) -> Result<(), Failed> {
    // Who leaves a page breaks off what it asks for.
    browser.expect_in_console("/node.json");
    browser.expect_in_console("/bridge");
    let files = ["one.bin", "two.bin", "three.bin"].map(|name| (name, binary(48 << 20)));
    let share = tree(&files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())));
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let nothing = tree(&[]);
    let other = Node::serve(nothing.path(), PASSWORD, &[]);
    for (name, bytes) in &files {
        enter(browser, &node.url).await?;
        save_by(browser, "session").await?;
        save(browser, name).await?;
        until_line(browser, "saves-list", name, "Saved").await?;
        browser.must_save(name, bytes).await?;
        browser.go(&other.url).await?;
    }
    Ok(())
}

async fn large(browser: &Browser) -> Result<(), Failed> {
    const SIZE: u64 = 300 * MIB + 17;
    let share = tempfile::tempdir()?;
    // Mostly a hole; what is written lies across pieces and at the ends.
    let piece = binary(100_000);
    let mut file = File::create(share.path().join("film.mkv"))?;
    for at in [0, 64 * 1024 - 50_000, 100 * MIB - 7, SIZE - piece.len() as u64] {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&piece)?;
    }
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    until_found(browser, &["film.mkv"]).await?;
    // Too large for memory: it goes through the browser whatever is chosen.
    save_by(browser, "session").await?;
    node.forget_peak_memory();
    let before = node.peak_memory();
    let begun = std::time::Instant::now();
    save(browser, "film.mkv").await?;
    let saved = browser.downloaded("film.mkv", SIZE).await?;
    let (took, growth) = (begun.elapsed(), node.peak_memory().saturating_sub(before));
    eprintln!("300 MiB saved in {took:?}; the node took {} KiB more", growth / 1024);
    must_be_equal(&share.path().join("film.mkv"), &saved)?;
    fs::remove_file(saved)?;
    if growth > 8 * MIB { Err(format!("the node took {growth} bytes more").into()) } else { Ok(()) }
}

fn must_be_equal(one: &std::path::Path, other: &std::path::Path) -> Result<(), Failed> {
    let compared = std::process::Command::new("cmp").args([one, other]).output()?;
    let said = || String::from_utf8_lossy(&compared.stdout).into_owned();
    if compared.status.success() { Ok(()) } else { Err(said().into()) }
}

/// Names in a share, and as what each is saved through the browser and over the session.
const ODD: [(&str, &str, &str); 11] = [
    ("party 🎉.gif", "party 🎉.gif", "party 🎉.gif"),
    ("שלום עולם.pdf", "שלום עולם.pdf", "שלום עולם.pdf"),
    ("写真.png", "写真.png", "写真.png"),
    ("say \"hi\" it's.txt", "say _hi_ it's.txt", "say _hi_ it's.txt"),
    ("new\nline.txt", "new_line.txt", "new_line.txt"),
    (
        "<img src=x onerror=window.hacked=1>.txt",
        "_img src=x onerror=window.hacked=1_.txt",
        "_img src=x onerror=window.hacked=1_.txt",
    ),
    ("\"><svg onload=window.hacked=2>.txt", "___svg onload=window.hacked=2_.txt", "___svg onload=window.hacked=2_.txt"),
    ("{{7*7}}${7*7}&amp;def.txt", "{{7_7}}${7_7}&amp;def.txt", "{{7_7}}${7_7}&amp;def.txt"),
    ("javascript:window.hacked=3.txt", "javascript_window.hacked=3.txt", "javascript_window.hacked=3.txt"),
    ("invoice\u{202e}gpj.exe.txt", "invoicegpj.exe.txt", "invoice_gpj.exe.txt"),
    ("100% #1? a+b.txt", "100% #1_ a+b.txt", "100% #1_ a+b.txt"),
];

async fn odd_names(browser: &Browser) -> Result<(), Failed> {
    let files: Vec<(&str, &[u8])> = ODD.iter().map(|(name, ..)| (*name, name.as_bytes())).collect();
    let share = tree(&files);
    let name = "<b onmouseover=window.hacked=4>attic</b>";
    let node = Node::serve(share.path(), PASSWORD, &["--name", name]);
    enter(browser, &node.url).await?;
    let globals = "return Object.keys(window).sort().join()";
    let before = browser.run(globals, &[]).await?;
    let rows = format!(
        "(rows => rows.length === {} && rows)([...document.querySelectorAll('#rows .row:not([hidden])')]\
         .map(it => [it.querySelector('.c-name').title, it.querySelector('[data-do=save-row]').ariaLabel]))",
        ODD.len()
    );
    let shown: Vec<(String, String)> = serde_json::from_value(browser.until(&rows).await?)?;
    browser.until_text("#bar-name", name).await?;
    for (name, ..) in ODD {
        // What cannot be seen or would turn the line around is shown as an escape; the rest as it is.
        let as_shown = shared::Printable(name).to_string();
        let (_, label) =
            shown.iter().find(|(shown, _)| *shown == as_shown).ok_or_else(|| format!("{name:?}: {shown:?}"))?;
        assert_eq!(*label, format!("Save {as_shown}"));
    }
    for way in ["ticket", "session"] {
        save_by(browser, way).await?;
        for (name, by_ticket, by_session) in ODD {
            let saved = if way == "ticket" { by_ticket } else { by_session };
            press(browser, "#rows .row:not([hidden]) button", &format!("Save {}", shared::Printable(name))).await?;
            browser.must_save(saved, name.as_bytes()).await.map_err(|why| format!("by {way}: {:?}", why.message()))?;
        }
    }
    // Names are also what a person touches and types.
    browser.run("document.querySelectorAll('#rows *, #bar-name').forEach(it => it.dispatchEvent(new MouseEvent('mouseover', { bubbles: true })))", &[]).await?;
    super::steps::search(browser, "<svg onload=window.hacked=5>").await?;
    browser.until("document.getElementById('empty').checkVisibility()").await?;
    assert_eq!(browser.run(globals, &[]).await?, before, "a name has become code");
    browser
        .until("document.querySelectorAll('main svg[onload], main img[onerror], main b[onmouseover]').length === 0")
        .await?;
    Ok(())
}

async fn many(browser: &Browser) -> Result<(), Failed> {
    let noise = binary(30 << 20);
    let files: Vec<(String, Vec<u8>)> =
        (0..6).map(|at| (format!("{at}.bin"), noise[..100_000 * at + 7].to_vec())).collect();
    let mut shared: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    shared.push(("zz long.bin", &noise));
    let share = tree(&shared);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    let names: Vec<_> = shared.iter().map(|(name, _)| *name).collect();
    until_found(browser, &names).await?;
    save_by(browser, "session").await?;
    browser.slow_network(2 << 20).await?;
    save(browser, "zz long.bin").await?;
    until_line(browser, "saves-list", "zz long", "MB of").await?;
    browser.until("document.querySelector('#saves-list progress').value > 0").await?;
    // Its speed and the time that is left are told.
    until_line(browser, "saves-list", "/s", "left").await?;
    press(browser, "#saves-list button", "Cancel zz long.bin").await?;
    until_line(browser, "saves-list", "zz long", "Cancelled").await?;
    browser.network(true).await?;
    browser.click("[data-do=select-all]").await.or(Ok::<_, Failed>(()))?;
    super::steps::search(browser, "/^[0-9]/").await?;
    until_found(browser, &names[..6]).await?;
    browser.click("#list").await?;
    browser.page.find(fantoccini::Locator::Css("#list")).await?.send_keys("\u{e009}a\u{e000}").await?;
    browser.until("document.getElementById('selected').textContent.startsWith('6 files selected')").await?;
    browser.click("[data-do=save-selected]").await?;
    for (name, bytes) in &files {
        browser.must_save(name, bytes).await?;
    }
    assert_eq!(browser.names_of_downloads(), [""; 0], "what was cancelled left something");
    Ok(())
}

async fn gone(browser: &Browser) -> Result<(), Failed> {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    enter(browser, &node.url).await?;
    until_found(browser, &["a.txt"]).await?;
    select_first(browser).await?;
    fs::remove_file(share.path().join("a.txt"))?;
    for way in ["session", "ticket"] {
        save_by(browser, way).await?;
        save(browser, "a.txt").await?;
        until_line(browser, "saves-list", "a.txt", "Not saved:").await?;
        eprintln!("of a file that is gone: {:?}", browser.text("#saves-list .line .what").await);
        press(browser, "#saves-list button", "Try again a.txt").await?;
        until_line(browser, "saves-list", "a.txt", "Not saved:").await?;
        browser.click("#saves-clear").await?;
    }
    assert_eq!(browser.names_of_downloads(), [""; 0]);
    Ok(())
}

async fn as_zip(browser: &Browser, original: Original) -> Result<(), Failed> {
    let mixed = Mixed::new(&original);
    let noise = binary(700_000);
    let given = tree(&[("letter of a tab \u{1f389}.txt", &noise)]);
    enter(browser, &mixed.node.url).await?;
    browser.pick("#files", &[&given.path().join("letter of a tab \u{1f389}.txt")]).await?;
    until_offered(browser, 1).await?;
    super::steps::search(browser, "letter").await?;
    let files: [(&str, &str, &[u8]); 3] = [
        ("letter from 2004.txt", "letter from 2004.txt", b"old\n"),
        ("letter to Ada.txt", "Letters/letter to Ada.txt", b"dear\n"),
        ("letter of a tab \u{1f389}.txt", "letter of a tab \u{1f389}.txt", &noise),
    ];
    until_found(browser, &files.map(|(name, ..)| name)).await?;
    browser.click("#list").await?;
    browser.page.find(fantoccini::Locator::Css("#list")).await?.send_keys("\u{e009}a\u{e000}").await?;
    browser.until("document.getElementById('selected').textContent.startsWith('3 files selected')").await?;
    browser.click("[data-do=save-zip]").await?;
    until_line(browser, "saves-list", "tinyp2p.zip", "Your browser’s downloads have it").await?;
    // Heads, descriptors and the directory have lengths that follow from the names.
    let lengths =
        files.iter().map(|(_, path, bytes)| bytes.len() + 2 * path.len() + 30 + 16 + 46 + 2 * 9).sum::<usize>();
    // Of a file of 2004 no time is known.
    let saved = browser.downloaded("tinyp2p.zip", (lengths - 2 * 9 + 22) as u64).await?;
    let into = tempfile::tempdir()?;
    let script = "import sys, zipfile; it = zipfile.ZipFile(sys.argv[1]); assert it.testzip() is None; it.extractall(sys.argv[2])";
    crate::harness::ok(&node::run(
        std::process::Command::new("python3").args(["-c", script]).arg(&saved).arg(into.path()),
    ));
    let expected = files.iter().map(|(_, path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    assert_same(&content(into.path()), &expected);
    match std::process::Command::new("unzip").arg("-t").arg(&saved).output() {
        Ok(tested) => crate::harness::ok(&tested),
        Err(error) => eprintln!("IGNORED: unzip -t: {error}"),
    }
    fs::remove_file(saved)?;
    Ok(())
}
