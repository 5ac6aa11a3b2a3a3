//! A hundred thousand files: they appear, they scroll, they are sorted, and the page stays quick to the hand.

use std::fs::File;
use std::time::Instant;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::PASSWORD;
use super::steps::{enter, search, until_found};
use crate::harness::browser::{self, Browser};
use crate::harness::node::Node;

const MANY: usize = 100_000;

pub(super) fn trials() -> Vec<Trial> {
    vec![browser::trial("page::a_hundred_thousand_rows_scroll_and_sort", many)]
}

async fn many(browser: &Browser) -> Result<(), Failed> {
    // Chromium notes by itself that the node is gone at the end.
    browser.expect_in_console("/bridge");
    browser.expect_in_console("/node.json");
    let share = tempfile::tempdir()?;
    for folder in 0..100 {
        let folder = share.path().join(format!("{folder:02}"));
        std::fs::create_dir(&folder)?;
        for file in 0..MANY / 100 {
            // In one thousand the name alone says how large it is, so that an order can be seen.
            let file = File::create(folder.join(format!("track {file:04}.flac")))?;
            drop(file);
        }
    }
    File::create(share.path().join("99/track 0500.flac"))?.set_len(7_000_000)?;
    let begun = Instant::now();
    let node = Node::serve(share.path(), PASSWORD, &[]);
    crate::harness::process::wait_for("the node to have looked through", std::time::Duration::from_secs(60), || {
        let listed =
            crate::harness::node::run(crate::harness::node::tinyp2p(PASSWORD).args(["ls", &node.url, "99/track 0500"]));
        String::from_utf8_lossy(&listed.stdout).contains("0500").then_some(())
    });
    eprintln!("the node listed {MANY} files after {:?}", begun.elapsed());

    browser.screen(1280, 800, browser::Scheme::Light).await?;
    browser.go(&node.url).await?;
    browser.run("window.long = []; new PerformanceObserver(list => list.getEntries().forEach(it => long.push([Math.round(it.startTime), Math.round(it.duration)]))).observe({ entryTypes: ['longtask'] })", &[]).await?;
    super::steps::unlock(browser, PASSWORD).await?;
    super::steps::is_open(browser).await?;
    let begun = Instant::now();
    browser.until("document.querySelectorAll('#rows .row:not([hidden])').length > 5").await?;
    let first = begun.elapsed();
    browser.until("document.getElementById('tally').textContent.startsWith('100,000 files')").await?;
    let all = begun.elapsed();
    browser.until("document.getElementById('list').ariaBusy !== 'true'").await?;
    eprintln!("first rows after {first:?}, all after {all:?}, at rest after {:?}", begun.elapsed());
    report(browser, "while they came").await?;

    // To the end, to the middle, by pages, as a hand on the scroll bar does.
    for place in [1.0, 0.5, 0.123_4, 0.999, 0.0] {
        scroll(browser, place).await?;
    }
    let swept = browser.page.execute_async(
        "const done = arguments[arguments.length - 1], list = document.getElementById('list'), gaps = [];
         let last = performance.now(), step = 0;
         const frame = now => {
             gaps.push(now - last);
             last = now;
             list.scrollTop = (step++) * list.scrollHeight / 120;
             if (step < 120) requestAnimationFrame(frame);
             else done({ frames: gaps.length, longest: Math.max(...gaps.slice(1)), mean: gaps.slice(1).reduce((a, b) => a + b) / (gaps.length - 1) });
         };
         requestAnimationFrame(frame);",
        Vec::new(),
    ).await?;
    eprintln!("120 steps through all of it, in ms for each frame: {swept}");
    report(browser, "while it scrolled").await?;

    // Largest first: the one file that has a size is at the top. Then by name, from the other end.
    let begun = Instant::now();
    browser.click(".heads [data-key=size]").await?;
    until_first(browser, "7.0 MB").await?;
    eprintln!("sorted by size after {:?}", begun.elapsed());
    let begun = Instant::now();
    browser.click(".heads [data-key=name]").await?;
    browser.click(".heads [data-key=name]").await?;
    until_first(browser, "track 0999.flac").await?;
    eprintln!("sorted by name, twice, after {:?}", begun.elapsed());
    report(browser, "while it was sorted").await?;
    scroll(browser, 0.7).await?;

    let begun = Instant::now();
    search(browser, "99 0500").await?;
    until_found(browser, &["track 0500.flac"]).await?;
    eprintln!("found one among all after {:?}", begun.elapsed());
    let begun = Instant::now();
    search(browser, "").await?;
    browser.until("document.getElementById('tally').textContent.startsWith('100,000 files')").await?;
    eprintln!("all again after {:?}", begun.elapsed());
    browser.click("#list").await?;
    browser.press("\u{e009}a\u{e000}").await?;
    browser.until("document.getElementById('selected').textContent.startsWith('100,000 files selected')").await?;
    browser.press("\u{e00c}").await?;
    report(browser, "while it was searched").await?;
    browser.devtools("HeapProfiler.collectGarbage", json!({})).await?;
    let memory = browser.run("return performance.memory.usedJSHeapSize", &[]).await?;
    eprintln!("memory of the page's scripts: {} KiB", memory.as_u64().unwrap_or_default() / 1024);
    assert!(memory.as_u64().is_some_and(|bytes| bytes < 200 << 20), "{memory}");
    enter(browser, &node.url).await
}

/// Scrolls to a part of the whole; there must be rows there, one below the other, each in its place.
async fn scroll(browser: &Browser, place: f64) -> Result<(), Failed> {
    let script = "const list = document.getElementById('list'); list.scrollTop = arguments[0] * (list.scrollHeight - list.clientHeight)";
    browser.run(script, &[json!(place)]).await?;
    let sound = "
        (() => {
            const box = document.getElementById('list').getBoundingClientRect();
            const head = document.querySelector('.heads').getBoundingClientRect();
            const rows = [...document.querySelectorAll('#rows .row:not([hidden])')].map(it => ({
                box: it.getBoundingClientRect(), place: Number(it.ariaRowIndex), name: it.querySelector('.c-name').title,
            })).filter(it => it.box.bottom > head.bottom && it.box.top < box.bottom).sort((a, b) => a.box.top - b.box.top);
            const covers = rows.length > 5 && rows[0].box.top <= head.bottom + 1 && rows.at(-1).box.bottom >= box.bottom - 1;
            const follows = (one, other) => Math.abs(one.box.bottom - other.box.top) < 1 && other.place === one.place + 1;
            return covers && rows.every((row, at) => row.name !== '' && (at === 0 || follows(rows[at - 1], row)));
        })()";
    browser.until(sound).await?;
    Ok(())
}

async fn until_first(browser: &Browser, what: &str) -> Result<(), Failed> {
    browser.run("document.getElementById('list').scrollTop = 0", &[]).await?;
    let first = "[...document.querySelectorAll('#rows .row:not([hidden])')].find(it => it.ariaRowIndex === '2')";
    browser.until(&format!("{first}?.textContent.replaceAll('\\u00a0', ' ').includes({})", json!(what))).await?;
    Ok(())
}

/// Says how long the page could not answer the hand since last asked. It is to be 50 ms at most, on a machine that does nothing
/// else: here other trials take the processor, and what is asserted is what is done in one go (`pool::results`' tests).
async fn report(browser: &Browser, when: &str) -> Result<(), Failed> {
    let long = browser.run("return long.splice(0)", &[]).await?;
    eprintln!("long tasks {when}, [at, ms]: {long}");
    Ok(())
}
