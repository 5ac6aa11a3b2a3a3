//! What a person sees when they open a node's address, before they have proved anything.

use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use libtest_mimic::{Failed, Trial};
use native_node::page::page_routes;
use serde_json::json;
use tokio::net::TcpListener;

use super::PASSWORD;
use crate::harness::browser::{self, Browser, Scheme};
use crate::harness::node::Node;
use crate::harness::tree::tree;

const NAME: &str = "attic";
const PEER_URL: &str = "http://192.168.1.7:9004";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::says_which_node_this_is", async |browser| {
            let (node, _share) = real_node();
            says_which_node_this_is(browser, &node.url, NAME).await
        }),
        browser::trial("page::speaks_another_language_and_remembers_it", other_language),
        browser::trial("page::says_in_words_when_the_node_is_lost_and_tries_again", lost_and_found),
        browser::trial("page::says_in_words_when_its_program_cannot_start", cannot_start),
    ]
}

/// A node that shares nothing yet, under a name of its own.
fn real_node() -> (Node, tempfile::TempDir) {
    let share = tree(&[]);
    (Node::serve(share.path(), PASSWORD, &["--name", NAME]), share)
}

/// What must be true of the page of any node at `base`.
async fn says_which_node_this_is(browser: &Browser, base: &str, name: &str) -> Result<(), Failed> {
    for (screen, width, height) in [("phone", 360, 720), ("desktop", 1280, 800)] {
        for (scheme, label) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            browser.screen(width, height, scheme).await?;
            browser.go(base).await?;
            browser.until_text("#node-name", name).await?;
            browser.until("document.getElementById('password').checkVisibility()").await?;
            browser.until(&format!("document.title.startsWith({})", json!(name))).await?;
            browser.until("document.documentElement.scrollWidth <= window.innerWidth").await?;
            browser.until(&format!("window.innerWidth === {width}")).await?;
            let is_dark = matches!(scheme, Scheme::Dark);
            let ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 128";
            browser.until(&format!("({ground}) === {is_dark}")).await?;
            browser.screenshot(&format!("node-{screen}-{label}")).await?;
        }
    }
    browser.must_have_clean_console().await
}

async fn lost_and_found(browser: &Browser) -> Result<(), Failed> {
    // Chromium notes a failed request in the console by itself.
    browser.expect_in_console("/node.json");
    // First an answer of somebody else, then the node's.
    let answers = Arc::new(Mutex::new(vec![
        json!({ "name": NAME, "version": "0.1.0", "url": PEER_URL }),
        json!({ "name": NAME, "url": PEER_URL }),
    ]));
    let node = get(move || async move { answers.lock().unwrap().pop().map(Json).ok_or(http::StatusCode::NOT_FOUND) });
    let base = serve(page_routes(None).route("/node.json", node)).await?;

    browser.screen(360, 720, Scheme::Light).await?;
    browser.go(&base).await?;
    browser.until("document.getElementById('trouble').textContent.includes('without its version')").await?;
    browser.screenshot("lost-phone-light").await?;
    browser.click("#retry").await?;
    browser.until_text("#node-name", NAME).await?;
    browser.until("document.getElementById('trouble').checkVisibility() === false").await?;

    browser.page.refresh().await?;
    browser.until("document.getElementById('trouble').textContent.includes('404')").await?;
    browser.screen(1280, 800, Scheme::Dark).await?;
    browser.screenshot("lost-desktop-dark").await
}

async fn other_language(browser: &Browser) -> Result<(), Failed> {
    let base = serve(page_with_node()).await?;
    browser.go(&base).await?;
    browser.until_text("label[for=password]", "Password").await?;
    let choose =
        "const it = document.getElementById('language'); it.value = 'de'; it.dispatchEvent(new Event('change'));";
    browser.page.execute(choose, Vec::new()).await?;
    browser.until_text("label[for=password]", "Passwort").await?;
    browser.until("document.documentElement.lang === 'de'").await?;
    browser.page.refresh().await?;
    browser.until_text("label[for=password]", "Passwort").await
}

async fn cannot_start(browser: &Browser) -> Result<(), Failed> {
    browser.expect_in_console("boot.js");
    browser.expect_in_console("wasm");
    browser.devtools("Network.enable", json!({})).await?;
    browser.devtools("Network.setBlockedURLs", json!({ "urls": ["*.wasm"] })).await?;
    let base = serve(page_with_node()).await?;
    browser.go(&base).await?;
    browser.until("document.getElementById('trouble').checkVisibility()").await?;
    browser.until("document.getElementById('trouble').textContent.includes('cannot start')").await?;
    browser.until("document.getElementById('retry').checkVisibility() === false").await?;
    Ok(())
}

fn page_with_node() -> Router {
    let node = json!({ "name": NAME, "version": "0.1.0", "url": PEER_URL });
    page_routes(None).route("/node.json", get(|| async { Json(node) }))
}

/// Serves routes until the test ends, and answers where.
pub(super) async fn serve(routes: Router) -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let routes = TowerToHyperService::new(routes.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), routes));
        }
    });
    Ok(base)
}
