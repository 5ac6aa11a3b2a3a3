//! 10 GB that exist only in a tab: once to curl, once to the disk by another tab, and the most memory that anybody used.

use std::fs::File;
use std::process::Command;
use std::time::Instant;

use libtest_mimic::Failed;

use crate::PASSWORD;
use crate::harness::node::Node;
use crate::harness::tree;
use crate::measure::{mebibytes, run};
use crate::page::Page;
use crate::ticket::ticket;

const SIZE: u64 = 10_000_000_000;

pub(crate) fn measure() -> Result<(), Failed> {
    let (share, held) = (tree::tree(&[]), tempfile::tempdir()?);
    // A hole: it takes no place where it is held.
    let file = held.path().join("huge.bin");
    File::create(&file)?.set_len(SIZE)?;
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let page = Page::open()?;
    let url = page.hold(&node.url, &file);
    let ticket = ticket(&url, "huge.bin");
    let forget = || {
        node.forget_peak_memory();
        page.browser.forget_peak_memory("renderer");
    };
    let said = |who: &str, seconds: f64, more: String| {
        let renderers: Vec<_> = page.browser.peak_memory("renderer").into_iter().map(mebibytes).collect();
        println!(
            "10 GB of a tab to {who}: {seconds:.0} s, {:.0} MB/s; most memory: node {}, renderers {}{more}",
            SIZE as f64 / 1e6 / seconds,
            mebibytes(node.peak_memory()),
            renderers.join(", ")
        );
    };
    // What is used before anything is sent.
    forget();
    let idle: Vec<_> = page.browser.peak_memory("renderer").into_iter().map(mebibytes).collect();
    println!("before: node {}, renderers {}", mebibytes(node.peak_memory()), idle.join(", "));
    let curl = run(Command::new("curl").args(["--fail", "--silent", "--output", "/dev/null", &ticket]));
    said("curl", curl.seconds, format!(", curl {}", mebibytes(curl.peak_memory)));

    page.block_on(page.browser.new_tab())?;
    page.enter(&node.url);
    let row = "[...document.querySelectorAll('#rows .row:not([hidden]) button')].find(it => it.ariaLabel === 'Save huge.bin')";
    page.block_on(async {
        page.browser.until(&format!("{row} !== undefined")).await?;
        page.browser.run("document.querySelector('[data-do=way][data-key=ticket]').click()", &[]).await
    })?;
    forget();
    let begun = Instant::now();
    page.block_on(page.browser.run(&format!("{row}.click()"), &[]))?;
    let seconds = page.wait_for_download("huge.bin", SIZE, begun);
    said("another tab's disk", seconds, String::new());
    Ok(())
}
