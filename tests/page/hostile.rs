//! What strangers and members try with a browser: pages of other sites, files that are code, texts that are markup.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use libtest_mimic::{Failed, Trial};
use serde_json::json;
use shared::{Password, PeerUrl};

use super::PASSWORD;
use super::opening::serve;
use super::sharing::{finished, ticket};
use super::steps::{enter, is_open, press, save, save_by, search, unlock, until_found, until_line, until_rows};
use crate::harness::browser::{self, Browser};
use crate::harness::evil::{self, Asked, Evil};
use crate::harness::node::{Node, tinyp2p};
use crate::harness::tree::tree;

/// Sets a global wherever it is taken for markup.
const MARKUP: &str = "<img src=x onerror=window.hacked=1>\"><svg onload=window.hacked=1>";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        browser::trial("page::b2_what_strangers_say_is_only_text", only_text),
        browser::trial("page::b3_a_shared_file_never_runs", never_runs),
        browser::trial("page::b5_an_address_is_never_repeated", never_repeated),
        browser::trial("page::b6_b7_b9_b10_a_page_of_another_site_reaches_nothing", other_site),
        browser::trial("page::b8_a_rebound_name_is_refused", rebound),
        browser::trial("page::b11_no_code_of_others_runs_in_the_page", policy),
    ]
}

async fn only_text(browser: &Browser) -> Result<(), Failed> {
    // A peer of 2004 that calls a file so, and says so why it cannot be had.
    let evil = Evil::answering(|asked, stream| {
        let answer = match asked {
            Asked::Exchange => evil::answer(&evil::strings(&[])),
            Asked::List => {
                evil::answer(&evil::list(&evil::strings(&[b"evil.txt", MARKUP.replace('/', "").as_bytes()])))
            }
            _ => evil::fault(MARKUP),
        };
        evil::send(stream, &answer);
    });
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", MARKUP, "--join", &evil.url]);
    browser.go(&node.url).await?;
    let globals = "return Object.keys(window).sort().join()";
    unlock(browser, MARKUP).await?;
    browser.until_text("#door-trouble", "That is not the password of this network.").await?;
    let before = browser.run(globals, &[]).await?;
    browser.click("#show").await?;
    unlock(browser, PASSWORD).await?;
    is_open(browser).await?;
    until_rows(browser, |rows| rows.iter().any(|row| row.name == MARKUP)).await?;
    // As a tab's name, and as what is told of it.
    browser.write("#own-name", MARKUP).await?;
    browser.press("\t").await?;
    browser.paste(MARKUP).await?;
    browser.until("document.querySelectorAll('#held .line').length === 1").await?;
    browser.new_tab().await?;
    enter(browser, &node.url).await?;
    browser.until("document.getElementById('peers').textContent.includes('<img src=x')").await?;
    until_rows(browser, |rows| rows.iter().any(|row| row.holders.contains("<img src=x"))).await?;
    // What a fault says, and what an error says of a pattern.
    save_by(browser, "session").await?;
    save(browser, "evil.txt").await?;
    until_line(browser, "saves-list", "evil.txt", "Not saved:").await?;
    eprintln!("of an evil fault the page says: {:?}", browser.text("#saves-list .what").await);
    search(browser, &format!("/({MARKUP}/")).await?;
    browser.until("document.getElementById('pattern-trouble').textContent !== ''").await?;
    // Clipboard, title, and everything that is hovered.
    browser
        .run("document.querySelectorAll('*').forEach(it => it.dispatchEvent(new MouseEvent('mouseover')))", &[])
        .await?;
    browser.until("document.title.startsWith('<img src=x')").await?;
    browser.until("document.querySelectorAll('img[src=x], svg[onload]').length === 0").await?;
    assert_eq!(browser.run(globals, &[]).await?, before, "a text has become code");
    Ok(())
}

const SCRIPT: &str = "<script>document.title = 'hacked'; fetch('/healthz?hacked')</script>";

async fn never_runs(browser: &Browser) -> Result<(), Failed> {
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='hacked'\">{SCRIPT}</svg>");
    let files: [(&str, &str); 5] = [
        ("evil.svg", &svg),
        ("evil.html", SCRIPT),
        ("evil.xhtml", "<html xmlns='http://www.w3.org/1999/xhtml'><script>document.title='hacked'</script></html>"),
        ("evil.png", SCRIPT),
        ("evil.txt", SCRIPT),
    ];
    let shared: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let share = tree(&shared);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let names = files.map(|(name, _)| name);
    enter(browser, &node.url).await?;
    until_found(browser, &names).await?;
    for (name, text) in files {
        let href = ticket(&node.url, name).await?;
        // Opened in a tab of its own it is saved, not shown: the tab stays where it was.
        browser.run("location.assign(arguments[0])", &[json!(href)]).await?;
        browser.must_save(name, text.as_bytes()).await?;
        browser
            .until(&format!(
                "location.href === {} && !document.title.includes('hacked')",
                json!(format!("{}/", node.url))
            ))
            .await?;
        let head = finished(curl_head(&href)).await?;
        let head = String::from_utf8_lossy(&head.stdout).to_lowercase();
        for line in [
            "content-type: application/octet-stream",
            "content-disposition: attachment",
            "x-content-type-options: nosniff",
            "content-security-policy: sandbox; default-src 'none'",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(line), "{name} comes without {line}:\n{head}");
        }
    }
    // What has no safe viewer has no preview; what is text is shown as text, and a false picture is none.
    let can_show = "[...document.querySelectorAll('#rows .row:not([hidden])')].filter(it => !it.querySelector('.badge').disabled)\
                    .map(it => it.querySelector('.c-name').title).sort()";
    let shown: Vec<String> = serde_json::from_value(browser.until(can_show).await?)?;
    eprintln!("what can be previewed: {shown:?}");
    // An SVG may hold script: it is shown as its text, as HTML is.
    for name in &shown {
        press(browser, "#rows .row:not([hidden]) .badge", &format!("Show {name}")).await?;
        browser.until("document.getElementById('preview').open").await?;
        if name == "evil.png" {
            browser.until("document.getElementById('preview-words').textContent !== '' && document.querySelector('#preview-stage img')?.naturalWidth !== 1").await?;
        } else {
            browser
                .until(&format!(
                    "document.querySelector('#preview-stage pre')?.textContent === {}",
                    json!(files.iter().find(|file| file.0 == name).unwrap().1)
                ))
                .await?;
        }
        browser.click("[data-do=preview-close]").await?;
        browser.until("!document.getElementById('preview').open").await?;
    }
    let asked = browser.run("return performance.getEntries().some(it => it.name.includes('hacked'))", &[]).await?;
    assert_eq!((asked, browser.page.title().await?.contains("hacked")), (json!(false), false));
    Ok(())
}

fn curl_head(url: &str) -> std::process::Command {
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--show-error", "--head", "--max-time", "20", url]);
    curl
}

async fn never_repeated(browser: &Browser) -> Result<(), Failed> {
    // Chromium notes by itself what is not there.
    browser.expect_in_console("404");
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    for path in [
        "/%0d%0aX:1",
        "/<script>window.hacked=1</script>",
        "/get/x/<script>window.hacked=1</script>",
        "/peer/<svg onload=window.hacked=1>",
    ] {
        browser.go(&format!("{}{path}", node.url)).await?;
        browser.until("document.contentType === 'text/plain' || document.body.innerText.length < 200").await?;
        browser.until("!document.documentElement.outerHTML.includes('hacked') && !window.hacked").await?;
    }
    browser.go(&format!("{}/?<script>window.hacked=1</script>", node.url)).await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    browser.until("!document.documentElement.outerHTML.includes('hacked') && !window.hacked").await?;
    Ok(())
}

async fn other_site(browser: &Browser) -> Result<(), Failed> {
    // All of it is refused, by the node or by the browser, which notes that.
    for words in
        ["/RPC2", "/bridge", "/node.json", "/get/", "Refused to", "frame", "CORS", "ERR_", "violates", "/favicon.ico"]
    {
        browser.expect_in_console(words);
    }
    let share = tree(&[("a.png", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let site = serve(Router::new().route("/", get(async || Html("<!doctype html><title>evil</title>")))).await?;
    let href = ticket(&node.url, "a.png").await?;
    browser.go(&site).await?;
    // Even somebody who has the token gets nothing done from there.
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(&node.url)?).reveal().to_owned();
    let poison = "http://127.0.0.1:1/poison";
    let call = format!(
        "<methodCall><methodName>f</methodName><params><param><value>{token}</value></param><param><value><int>0</int>\
         </value></param><param><value><array><data><value>{poison}</value></data></array></value></param></params></methodCall>"
    );
    let attack = "
        const [node, call, href, done] = arguments;
        const outcome = async (name, work) => {
            const late = new Promise(resolve => setTimeout(resolve, 8000, 'nothing came'));
            return [name, await Promise.race([late, work().catch(why => `failed: ${why.name ?? why}`)])];
        };
        const event = (it, good, bad) => new Promise((resolve, reject) => {
            it['on' + good] = () => resolve('worked');
            it['on' + bad] = () => reject(bad);
        });
        const element = (name, more) => Object.assign(document.createElement(name), more);
        Promise.all([
            outcome('post', () => fetch(node + '/RPC2', { method: 'POST', mode: 'no-cors', body: call }).then(it => it.type)),
            outcome('call', () => fetch(node + '/RPC2', { method: 'POST', body: call, headers: { 'Content-Type': 'text/xml' } }).then(it => it.text())),
            outcome('about', () => fetch(node + '/node.json').then(it => it.text())),
            outcome('socket', () => event(new WebSocket(node.replace('http', 'ws') + '/bridge', 'tp2'), 'open', 'error')),
            outcome('image', () => { const it = element('img', { src: href }); return event(it, 'load', 'error'); }),
            outcome('script', () => { const it = element('script', { src: node + '/node.json' }); document.head.append(it); return event(it, 'load', 'error'); }),
            outcome('frame', async () => {
                const it = element('iframe', { src: node + '/' });
                document.body.append(it);
                await event(it, 'load', 'error');
                try { return it.contentDocument === null ? 'hidden' : 'worked'; } catch { return 'hidden'; }
            }),
        ]).then(all => done(Object.fromEntries(all)), why => done(String(why)));";
    let outcome = browser.page.execute_async(attack, vec![json!(node.url), json!(call), json!(href)]).await?;
    eprintln!("a page of another site: {outcome}");
    // A post without reading the answer goes out; that it did nothing is looked at below.
    for what in ["call", "about", "socket", "image", "script"] {
        assert!(outcome[what].as_str().is_some_and(|it| it.starts_with("failed")), "{what}: {outcome}");
    }
    assert_ne!(outcome["frame"], "worked");
    let frames = browser.devtools("Page.getFrameTree", json!({})).await?.to_string();
    assert!(!frames.contains(&format!("\"url\":\"{}/\"", node.url)), "the page is framed: {frames}");
    let url = node.url.clone();
    let peers =
        tokio::task::spawn_blocking(move || crate::harness::node::run(tinyp2p(PASSWORD).args(["peers", &url]))).await?;
    assert!(!String::from_utf8_lossy(&peers.stdout).contains("poison"), "{peers:?}");
    // A window that it opens is out of its reach, and nothing is told of where the visitor came from.
    browser.run("window.opened = open(arguments[0])", &[json!(node.url)]).await?;
    browser.until("window.opened.closed || window.opened === null").await?;
    Ok(())
}

async fn rebound(browser: &Browser) -> Result<(), Failed> {
    browser.expect_in_console("421");
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--alias", "attic.test"]);
    browser.go(&node.url.replace("127.0.0.1", "evil.test")).await?;
    browser.until("document.body.innerText.includes('does not go by that name')").await?;
    browser.go(&node.url.replace("127.0.0.1", "attic.test")).await?;
    browser.until("document.getElementById('password').checkVisibility()").await?;
    Ok(())
}

async fn policy(browser: &Browser) -> Result<(), Failed> {
    // What is tried here must be noted.
    browser.expect_in_console("Content Security Policy");
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let site = serve(Router::new().route("/", get(async || "window.hacked = 1"))).await?;
    enter(browser, &node.url).await?;
    let attack = "
        const [site, done] = arguments;
        const broken = [];
        document.addEventListener('securitypolicyviolation', it => broken.push(it.effectiveDirective));
        const add = (name, more) => document.body.append(Object.assign(document.createElement(name), more));
        add('script', { textContent: 'window.hacked = 1' });
        add('script', { src: site });
        add('script', { src: 'data:text/javascript,window.hacked=1' });
        add('img', { src: site });
        add('iframe', { src: site });
        add('iframe', { srcdoc: '<script>top.hacked = 1</script>' });
        add('object', { data: site });
        add('base', { href: site });
        add('style', { textContent: 'body { display: none }' });
        const button = document.createElement('button');
        button.setAttribute('onclick', 'window.hacked = 1');
        document.body.append(button);
        button.click();
        fetch(site).catch(() => {});
        // Later: what the driver runs itself may make code of text.
        setTimeout(() => { try { new Function('window.hacked = 1')(); } catch {} });
        const form = document.createElement('form');
        form.action = site;
        document.body.append(form);
        form.submit();
        setTimeout(() => done({ broken: [...new Set(broken)].sort(), hacked: window.hacked ?? null, at: location.href }), 1500);";
    let outcome = browser.page.execute_async(attack, vec![json!(site)]).await?;
    eprintln!("the policy was broken and held: {outcome}");
    assert_eq!((&outcome["hacked"], &outcome["at"]), (&json!(null), &json!(format!("{}/", node.url))));
    let broken: Vec<String> = serde_json::from_value(outcome["broken"].clone())?;
    for directive in [
        "script-src-elem",
        "script-src-attr",
        "style-src-elem",
        "img-src",
        "connect-src",
        "form-action",
        "base-uri",
        "object-src",
        "frame-src",
    ] {
        assert!(broken.iter().any(|it| it == directive), "{directive} was not enforced: {outcome}");
    }
    browser.until("getComputedStyle(document.body).display !== 'none'").await?;
    Ok(())
}
