//! A real Chromium, one per test, driven through chromedriver.
//!
//! Each has a profile of its own and dies with all its children when the test ends, however it ends. A test waits for
//! conditions, never for time; what it leaves in the console fails it; of a failure, a picture and the text are kept.
//! It downloads no browser and no driver: both come from the system's packages.

mod accessibility;
mod disk;
mod driver;
mod hands;
#[allow(dead_code, reason = "the benchmark asks")]
mod memory;
mod tabs;

pub(crate) use accessibility::Axe;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use driver::Driver;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use libtest_mimic::{Completion, Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

/// How long a condition may take to come true. Generous, because a busy machine is not a fault of the page.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// What Chromium says of every page from an insecure origin: it ignores a header that is there for the secure ones, and …
const ALWAYS_EXPECTED: [&str; 2] = [
    "The Cross-Origin-Opener-Policy header has been ignored",
    // Of what is saved from there. What is no text, picture, sound or film it saves only after asking, and here nobody could answer.
    "was loaded over an insecure connection. This file should be served over HTTPS.",
];
/// Set to leave browser tests out on purpose.
const LEFT_OUT: &str = "TINYP2P_NO_BROWSER";

/// A trial in a browser of its own: fails on an error, on a panic, and on a console that is not clean.
pub(crate) fn trial(
    name: &'static str,
    run: impl AsyncFnOnce(&Browser) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty() && value != "0") {
            let reason = format!("browser tests are left out on purpose: {LEFT_OUT} is set");
            eprintln!("{name}: {reason}");
            return Ok(Completion::ignored_with(reason));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(in_a_browser(name, run))?;
        Ok(Completion::Completed)
    })
}

/// The same, left out loudly where what it needs besides is not on this machine.
pub(crate) fn trial_needing<T: Clone + Send + 'static>(
    name: &'static str,
    needed: &Result<T, String>,
    run: impl AsyncFnOnce(&Browser, T) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    match needed.clone() {
        Ok(needed) => trial(name, async move |browser| run(browser, needed).await),
        Err(why) => Trial::ignorable_test(name, move || {
            eprintln!("IGNORED: {name}: {why}");
            Ok(Completion::ignored_with(why))
        }),
    }
}

async fn in_a_browser(name: &str, run: impl AsyncFnOnce(&Browser) -> Result<(), Failed>) -> Result<(), Failed> {
    let (folder, stem) = evidence(name);
    for ending in ["txt", "png"] {
        // Left by an earlier run; mostly there is none.
        let _ = fs::remove_file(folder.join(format!("{stem}.{ending}")));
    }
    let browser = Browser::open().await?;
    let outcome = AssertUnwindSafe(run(&browser)).catch_unwind().await;
    let outcome = match outcome {
        Ok(Ok(())) => {
            // The trial's nodes ended with it, and its pages call them again.
            browser.expect_in_console("ERR_CONNECTION_REFUSED");
            browser.must_have_clean_console().await
        }
        Ok(failed) => failed,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            Err(Failed::from(words.unwrap_or_else(|| "it panicked without words".into())))
        }
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(failed) => {
            let kept = browser.keep_evidence(name).await;
            Err(Failed::from(format!("{}\n{kept}", failed.message().unwrap_or("it failed without words"))))
        }
    };
    // An orderly end lets Chromium remove its own temporary files; the driver's end kills whatever is left.
    let _ = tokio::time::timeout(Duration::from_secs(5), browser.page.close()).await;
    outcome
}

/// Light or dark, as the person has set it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// One running Chromium with one page.
pub(crate) struct Browser {
    /// For all that WebDriver can do.
    pub(crate) page: Client,
    expected: RefCell<Vec<String>>,
    // Dropped in this order: the processes first, then the folder they write to.
    #[allow(dead_code, reason = "the benchmark asks for its processes")]
    driver: Driver,
    home: TempDir,
}

impl Browser {
    /// Another person's, besides the one a trial is given.
    pub(crate) async fn open() -> Result<Self, Failed> {
        Self::open_with(&[]).await
    }

    /// The same, with further flags.
    pub(crate) async fn open_with(more: &[&str]) -> Result<Self, Failed> {
        let home = tempfile::Builder::new().prefix("tinyp2p-browser-").tempdir()?;
        let downloads = home.path().join("downloads");
        fs::create_dir(&downloads)?;
        let driver = Driver::start(home.path())?;
        let flags = [
            "--headless=new",
            "--no-sandbox",
            // Everything beside each other, unless a trial takes another screen.
            "--window-size=1280,900",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // An insecure origin on one machine, which 127.0.0.2 and *.localhost are not.
            "--host-resolver-rules=MAP *.test 127.0.0.1",
        ];
        let profile = format!("--user-data-dir={}", home.path().join("profile").display());
        let flags: Vec<_> = flags.into_iter().chain([profile.as_str()]).chain(more.iter().copied()).collect();
        let Value::Object(wishes) = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": flags,
                "prefs": {
                    "download.default_directory": downloads,
                    "profile.default_content_setting_values.automatic_downloads": 1,
                },
            },
        }) else {
            unreachable!("an object was written")
        };
        let page = ClientBuilder::new(HttpConnector::new()).capabilities(wishes).connect(&driver.url()).await;
        let page = page.map_err(|why| format!("Chromium does not start: {why}\n{}", driver::PACKAGES))?;
        Ok(Self { page, expected: RefCell::new(ALWAYS_EXPECTED.map(str::to_owned).to_vec()), driver, home })
    }

    /// Goes to a page and waits until it is loaded.
    pub(crate) async fn go(&self, url: &str) -> Result<(), Failed> {
        Ok(self.page.goto(url).await?)
    }

    /// Waits until an expression is true in the page, and answers its value.
    pub(crate) async fn until(&self, expression: &str) -> Result<Value, Failed> {
        let script = format!("return ({expression})");
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A page on its way from one document to the next may fail to answer.
            let seen = self.page.execute(&script, Vec::new()).await;
            match seen {
                Ok(Value::Null | Value::Bool(false)) | Err(_) if Instant::now() < deadline => {}
                Ok(Value::Null | Value::Bool(false)) => {
                    return Err(format!("not true after {PATIENCE:?}: {expression}").into());
                }
                seen => return Ok(seen?),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until an element is visible and has exactly this text.
    pub(crate) async fn until_text(&self, selector: &str, text: &str) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.text(selector).await;
            if seen.as_deref() == Some(text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{selector} says {seen:?} and not {text:?} after {PATIENCE:?}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The text a person sees in an element; `None` where there is no such element.
    pub(crate) async fn text(&self, selector: &str) -> Option<String> {
        self.page.find(Locator::Css(selector)).await.ok()?.text().await.ok()
    }

    /// Clicks an element, which must be visible.
    pub(crate) async fn click(&self, selector: &str) -> Result<(), Failed> {
        Ok(self.page.find(Locator::Css(selector)).await?.click().await?)
    }

    /// Gives the page a screen of this size, narrower than any window can be if need be, and a colour scheme.
    pub(crate) async fn screen(&self, width: u32, height: u32, scheme: Scheme) -> Result<(), Failed> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// Saves what the page looks like as `target/screenshots/<name>.png`.
    pub(crate) async fn screenshot(&self, name: &str) -> Result<(), Failed> {
        let picture = self.page.screenshot().await?;
        Ok(fs::write(super::target("screenshots").join(format!("{name}.png")), picture)?)
    }

    /// Sends a command of the DevTools protocol: for what WebDriver has no words for.
    pub(crate) async fn devtools(&self, command: &str, params: Value) -> Result<Value, Failed> {
        self.chromium("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// From now on, lines of the console with these words in them are no fault.
    pub(crate) fn expect_in_console(&self, words: &str) {
        self.expected.borrow_mut().push(words.to_owned());
    }

    /// Fails on any warning or error in the console since it was last looked at; violations of the content security
    /// policy are among them.
    pub(crate) async fn must_have_clean_console(&self) -> Result<(), Failed> {
        let lines = self.console().await?;
        let is_expected = |line: &String| self.expected.borrow().iter().any(|words| line.contains(words.as_str()));
        let faults: Vec<_> = lines.into_iter().filter(|line| !is_expected(line)).collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("the console is not clean:\n{}", faults.join("\n")).into()) }
    }

    /// Warnings and errors in the console since it was last looked at.
    async fn console(&self) -> Result<Vec<String>, Failed> {
        let entries = self.chromium("se/log", json!({ "type": "browser" })).await?;
        let entries = entries.as_array().ok_or("chromedriver's log is no list")?;
        let word = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("?").to_owned();
        let faults = entries.iter().filter(|entry| ["WARNING", "SEVERE"].contains(&word(entry, "level").as_str()));
        Ok(faults.map(|entry| format!("{} {}", word(entry, "level"), word(entry, "message"))).collect())
    }

    async fn keep_evidence(&self, name: &str) -> String {
        let (folder, stem) = evidence(name);
        let mut text = String::new();
        let url = self.page.current_url().await.map_or_else(|why| why.to_string(), Into::into);
        let _ = writeln!(text, "{url}\n\n{}\n", self.text("body").await.unwrap_or_default());
        for line in self.console().await.unwrap_or_default() {
            let _ = writeln!(text, "{line}");
        }
        let kept = fs::write(folder.join(format!("{stem}.txt")), text).is_ok();
        let picture = self.page.screenshot().await;
        let drawn = picture.is_ok_and(|picture| fs::write(folder.join(format!("{stem}.png")), picture).is_ok());
        format!("kept of the page in {}: text {kept}, picture {drawn} ({stem}.*)", relative(&folder))
    }

    async fn chromium(&self, endpoint: &'static str, body: Value) -> Result<Value, Failed> {
        Ok(self.page.issue_cmd(Chromium { endpoint, body }).await?)
    }
}

/// Where evidence of a failed trial is kept, and what its files begin with.
fn evidence(name: &str) -> (PathBuf, String) {
    (super::target("test-failures"), name.replace("::", "-"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(super::workspace()).unwrap_or(path).display().to_string()
}

/// A command that only chromedriver has.
#[derive(Debug)]
struct Chromium {
    endpoint: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.endpoint))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
