//! Pictures of the page as people meet it, to be looked at by people: phone and desktop, light and dark, in
//! `target/screenshots`. A trial only sees that each scene can be reached and nothing sticks out of the screen.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use libtest_mimic::{Failed, Trial};
use shared::bridge::Read;
use tempfile::TempDir;

use super::PASSWORD;
use super::accessible::panel;
use super::guest::Guest;
use super::steps::{is_open, press, save, save_by, search, unlock, until_line, until_offered, until_rows};
use crate::harness::browser::{self, Browser, Scheme};
use crate::harness::node::Node;
use crate::harness::original::{Original, OriginalServer};
use crate::harness::tab::Content;
use crate::harness::tree::tree;

pub(super) fn trials(original: &Result<Original, String>) -> Vec<Trial> {
    let original = original.clone().ok();
    vec![browser::trial("page::pictures_of_every_scene", async move |browser| every_scene(browser, original).await)]
}

const ATTIC: [(&str, u64, u64); 16] = [
    ("Photos/2003 Summer/the long way home through the vineyards.jpg", 5_402_118, 90_000_000),
    ("Music/Nick Drake/Pink Moon/01 Pink Moon.flac", 13_560_042, 4_000_000),
    ("Music/Nick Drake/Pink Moon/02 Place to Be.flac", 17_220_110, 4_000_000),
    ("Music/Nick Drake/Pink Moon/10 From the Morning.flac", 15_801_995, 4_000_000),
    ("Documents/Lease agreement 2024.pdf", 812_002, 700_000),
    ("Documents/Recipes/Apfelkuchen nach Oma.md", 3_401, 300_000),
    ("Videos/First steps.mp4", 268_110_020, 31_000_000),
    ("Videos/Grandma’s 80th birthday, all the speeches and the dance.mkv", 3_980_110_822, 9_000_000),
    ("Backups/laptop-2026-10.tar.gz", 18_220_110_822, 2_000_000),
    ("Books/The Left Hand of Darkness.epub", 1_210_442, 50_000_000),
    ("notes/todo.txt", 812, 3_000),
    ("שלום עולם.pdf", 120_334, 70_000),
    ("写真/夏の思い出.png", 2_220_418, 40_000_000),
    ("dancing cat.gif", 920_118, 4_000),
    ("data/measurements.csv", 12_002_110, 20_000),
    ("Programs/setup.exe", 42_110_820, 60_000_000),
];
const KITCHEN: [(&str, u64, u64); 5] = [
    ("Nick Drake/01 Pink Moon.flac", 13_560_042, 4_000_000),
    ("Recipes/Apfelkuchen nach Oma.md", 3_401, 300_000),
    ("Recipes/Brot.md", 2_118, 600_000),
    ("First steps.mp4", 268_110_020, 31_000_000),
    ("Scans/receipts 2026.zip", 66_120_334, 100_000),
];

/// Who is there in the pictures.
struct Home {
    attic: Node,
    kitchen: Node,
    phone: Guest,
    _old: Option<OriginalServer>,
    _shares: Vec<TempDir>,
}

impl Home {
    fn new(original: Option<Original>, photo: &[u8]) -> Self {
        let (attic, kitchen) = (holes(&ATTIC), holes(&KITCHEN));
        let dusk = attic.path().join("Photos/2003 Summer/beach at dusk.png");
        fs::write(&dusk, photo).unwrap();
        let recipe = "# Apfelkuchen nach Oma\n\n1 kg Äpfel, säuerliche\n200 g Butter, weich\n4 Eier\n\n".repeat(8);
        for (share, path) in [(&attic, ATTIC[5].0), (&kitchen, KITCHEN[1].0)] {
            fs::write(share.path().join(path), &recipe).unwrap();
        }
        let of_old = tree(&[("a letter from 2004.txt", b"hello\n"), ("tinyp2p notes.txt", b"15 lines\n")]);
        let old = original.map(|original| original.serve(of_old.path(), PASSWORD, &[]));
        let join = old.as_ref().map(|old| vec!["--join", old.url.as_str()]).unwrap_or_default();
        let attic_node = Node::serve(attic.path(), PASSWORD, &[&["--name", "attic", "--drop-box"], &join[..]].concat());
        let names = ["--name", "Kitchen laptop", "--join", &attic_node.url];
        let kitchen_node = Node::serve(kitchen.path(), PASSWORD, &names);
        let films = [("Holiday film.mp4", Content::Made(240_000_000)), ("IMG_2041.heic", Content::Made(3_120_000))];
        let phone = Guest::come(&attic_node, "Mia’s phone", &films);
        phone.with(|tab| tab.may_send(0));
        Self { attic: attic_node, kitchen: kitchen_node, phone, _old: old, _shares: vec![attic, kitchen, of_old] }
    }
}

/// A folder of files that have a size and an age, and no content.
fn holes(files: &[(&str, u64, u64)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, size, age) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(path).unwrap();
        file.set_len(*size).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(*age)).unwrap();
    }
    dir
}

async fn every_scene(browser: &Browser, original: Option<Original>) -> Result<(), Failed> {
    // Chromium notes by itself that the node was away.
    browser.expect_in_console("/bridge");
    browser.expect_in_console("/node.json");
    let photo = photo(browser).await?;
    let home = Home::new(original, &photo);
    browser.go(&home.attic.url).await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    picture(browser, "door").await?;
    unlock(browser, PASSWORD).await?;
    is_open(browser).await?;
    until_rows(browser, |rows| {
        let is_held_twice = rows.iter().any(|row| row.holders.contains("attic") && row.holders.contains("Kitchen"));
        is_held_twice && rows.iter().any(|row| row.name == "Holiday film.mp4")
    })
    .await?;
    browser.screen(1280, 800, Scheme::Light).await?;
    browser.write("#own-name", "Ben").await?;
    browser.press("\t").await?;

    let given = tree(&[("Trip to the lake/day one.txt", b"rain\n"), ("Trip to the lake/day two.txt", b"sun\n")]);
    File::create(given.path().join("Concert recording.wav"))?.set_len(96_000_000)?;
    browser.drop(&[&given.path().join("Concert recording.wav"), &given.path().join("Trip to the lake")]).await?;
    let url = until_offered(browser, 3).await?;
    save_by(browser, "session").await?;
    save(browser, "Apfelkuchen nach Oma.md").await?;
    until_line(browser, "saves-list", "Apfelkuchen", "Saved").await?;
    // Under way: a reader of ours who does not read on, and a sender who sends a third.
    let read = |path: &str| Read {
        peer: Some(url.clone()),
        of: String::new(),
        path: path.into(),
        from: 0,
        length: None,
        version: None,
        reader: None,
        aside: None,
    };
    let _held_up = home.phone.with(|tab| tab.begin(read("Concert recording.wav")));
    until_line(browser, "readings", "Mia’s phone is reading", "Concert recording.wav").await?;
    save(browser, "Holiday film.mp4").await?;
    for _ in 0..20 {
        home.phone.with(|tab| tab.may_send(tab.has_left() + 4_000_000));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    until_line(browser, "saves-list", "Holiday film.mp4", "left").await?;
    browser.until("!document.getElementById('notice').checkVisibility()").await?;
    browser.run("document.activeElement.blur()", &[]).await?;
    panel(browser, "pool").await?;
    picture(browser, "pool").await?;
    for key in ["saves", "hold", "peers"] {
        browser.screen(360, 720, Scheme::Light).await?;
        panel(browser, key).await?;
        picture(browser, key).await?;
    }
    browser.screen(360, 720, Scheme::Light).await?;
    panel(browser, "pool").await?;
    for row in ["beach at dusk.png", "01 Pink Moon.flac", "todo.txt"] {
        browser.run("[...document.querySelectorAll('#rows .row')].find(it => it.querySelector('.c-name').title === arguments[0]).querySelector('.c-size').click()", &[serde_json::json!(row)]).await?;
    }
    browser.until("document.getElementById('selected').textContent.startsWith('3 ')").await?;
    picture(browser, "selection").await?;
    browser.click("[data-do=select-none]").await?;

    browser.click("[data-do=invite]").await?;
    browser.until("document.getElementById('invite-code').checkVisibility()").await?;
    browser.until("!document.getElementById('notice').checkVisibility()").await?;
    picture(browser, "invite").await?;
    browser.click("[data-do=invite-close]").await?;

    search(browser, "dusk").await?;
    until_rows(browser, |rows| rows.len() == 1).await?;
    press(browser, "#rows .row:not([hidden]) .badge", "Show beach at dusk.png").await?;
    browser.until("document.querySelector('#preview-stage img')?.naturalWidth > 100").await?;
    picture(browser, "preview").await?;
    browser.click("[data-do=preview-close]").await?;
    search(browser, "/Apfel(/").await?;
    browser.until("document.getElementById('pattern-trouble').textContent !== ''").await?;
    picture(browser, "bad-pattern").await?;
    search(browser, "wedding video").await?;
    browser.until_text("#empty-title", "Nobody has such a file").await?;
    picture(browser, "empty").await?;
    browser.drag(&[&given.path().join("Concert recording.wav")]).await?;
    browser.until("document.getElementById('drop').checkVisibility()").await?;
    picture(browser, "drop").await?;
    browser.drop(&[&given.path().join("Concert recording.wav")]).await?;
    search(browser, "").await?;
    until_rows(browser, |rows| rows.len() > 5).await?;
    browser.until("!document.getElementById('notice').checkVisibility()").await?;
    drop(home.kitchen);
    drop(home.attic);
    browser.until("document.getElementById('banner').checkVisibility()").await?;
    picture(browser, "lost").await
}

/// One scene on both screens and in both schemes.
async fn picture(browser: &Browser, scene: &str) -> Result<(), Failed> {
    for (screen, width, height) in [("desktop", 1280, 800), ("phone", 360, 720)] {
        for (scheme, label) in [(Scheme::Dark, "dark"), (Scheme::Light, "light")] {
            browser.screen(width, height, scheme).await?;
            browser
                .until(&format!("window.innerWidth === {width} && document.documentElement.scrollWidth <= {width}"))
                .await?;
            browser.until("document.getAnimations().every(it => it.playState !== 'running' || it.effect.getTiming().iterations === Infinity)").await?;
            browser.screenshot(&format!("{scene}-{screen}-{label}")).await?;
        }
    }
    Ok(())
}

/// A photograph, as far as a browser can take one of a style sheet.
async fn photo(browser: &Browser) -> Result<Vec<u8>, Failed> {
    browser.screen(900, 600, Scheme::Light).await?;
    let sky = "radial-gradient(circle at 62% 58%, %23fff3c4 0 5%, %23ffd27a 9%, transparent 34%), \
               linear-gradient(%23243b63, %23805a7c 34%, %23e88b66 56%, %23f7c98b 64%, %23395a6e 64%, %231b2f42)";
    browser.go(&format!("data:text/html,<body style=\"margin:0;height:100vh;background:{sky}\">")).await?;
    Ok(browser.page.screenshot().await?)
}
