//! A page in Chromium that is told to do one thing, and says how long that took.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use fantoccini::wd::TimeoutConfiguration;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::browser::Browser;
use crate::{PASSWORD, SIZE};

/// Nothing that is measured may take longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// The browser, and a runtime to speak to it.
pub(crate) struct Page {
    pub(crate) browser: Browser,
    runtime: Runtime,
}

impl Page {
    pub(crate) fn open() -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let browser = runtime.block_on(async {
            // Chromium was seen to lose the second large Blob while it kept the page that had received as much before.
            let browser = Browser::open_with(&["--disable-features=BackForwardCache"]).await?;
            let patience = TimeoutConfiguration::new(Some(PATIENCE), None, None);
            browser.page.update_timeouts(patience).await?;
            Ok::<_, Failed>(browser)
        })?;
        Ok(Self { browser, runtime })
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs a script that calls `done` with its seconds, or with a text where something went wrong.
    fn seconds(&self, script: &str, arguments: Vec<Value>) -> f64 {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const begun = performance.now();
             const took = () => (performance.now() - begun) / 1000;
             (async () => {{ {script} }})().catch(why => done(String(why)));"
        );
        let answer = self.block_on(self.browser.page.execute_async(&script, arguments)).expect("the script runs");
        answer.as_f64().unwrap_or_else(|| panic!("{answer}"))
    }

    fn go(&self, url: &str) {
        self.block_on(self.browser.go(url)).expect("it is served");
    }

    /// Fetches an address from a page of the same origin, and drops what comes.
    pub(crate) fn fetch(&self, page: &str, address: &str) -> f64 {
        self.go(page);
        let script = "
            const response = await fetch(arguments[0], { cache: 'no-store' });
            const reader = response.body.getReader();
            let bytes = 0;
            for (let read; !(read = await reader.read()).done;) bytes += read.value.length;
            done(bytes === arguments[1] ? took() : `${response.status}, ${bytes} bytes`);";
        self.seconds(script, vec![json!(address), json!(SIZE)])
    }

    /// Downloads from an address to the disk; seconds until it is there whole, which is looked at every few milliseconds.
    pub(crate) fn download(&self, page: &str, address: &str) -> f64 {
        self.go(page);
        let script = "
            const link = document.createElement('a');
            [link.href, link.download] = [arguments[0], 'large.bin'];
            document.body.append(link);
            link.click();";
        rustix::fs::sync();
        let begun = Instant::now();
        self.block_on(self.browser.run(script, &[json!(address)])).expect("the script runs");
        let seconds = self.wait_for_download("large.bin", SIZE, begun);
        std::fs::remove_file(self.browser.downloads().join("large.bin")).expect("it is there");
        seconds
    }

    /// Seconds since `begun` until a download is complete.
    pub(crate) fn wait_for_download(&self, name: &str, size: u64, begun: Instant) -> f64 {
        let file = self.browser.downloads().join(name);
        loop {
            let is_whole = std::fs::metadata(&file).is_ok_and(|file| file.len() == size);
            if is_whole && self.browser.unfinished_downloads().is_empty() {
                return begun.elapsed().as_secs_f64();
            }
            let there = self.browser.names_of_downloads();
            assert!(begun.elapsed() < PATIENCE, "{name} does not come: {there:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Receives all that a bare WebSocket sends, in a page of no policy, and collects it in Blobs or drops it.
    pub(crate) fn receive(&self, page: &str, url: &str, is_kept: bool) -> f64 {
        self.go(page);
        let script = "
            const socket = new WebSocket(arguments[0]);
            socket.binaryType = 'arraybuffer';
            let bytes = 0, fresh = [], blobs = [];
            socket.onmessage = ({ data }) => {
                bytes += data.byteLength;
                if (!arguments[2]) return;
                fresh.push(data);
                if (fresh.length === 8) { blobs.push(new Blob(fresh)); fresh = []; }
            };
            socket.onclose = () => {
                const blob = new Blob([...blobs, ...fresh]);
                const wanted = arguments[2] ? arguments[1] : 0;
                done(bytes === arguments[1] && blob.size === wanted ? took() : `${bytes} bytes`);
            };";
        self.seconds(script, vec![json!(url), json!(SIZE), json!(is_kept)])
    }

    /// Goes to a node's page and comes in.
    pub(crate) fn enter(&self, node: &str) {
        self.go(node);
        let browser = &self.browser;
        self.block_on(async {
            browser.until("document.getElementById('password').checkVisibility()").await?;
            browser.until("!document.getElementById('enter').disabled").await?;
            browser.write("#password", PASSWORD).await?;
            browser.click("#enter").await?;
            browser.until("document.documentElement.dataset.state === 'open'").await
        })
        .expect("the page opens");
    }

    /// Saves the large file of a node over the session, as a person does: seconds until the page says that it is saved.
    pub(crate) fn save(&self, node: &str) -> f64 {
        self.enter(node);
        // A real click: a page that nobody touched may not save a second file.
        let row = "#rows .row:not([hidden]) button[aria-label='Save large.bin']";
        let look = "
            window.saved = new Promise(done => document.addEventListener('click', () => {
                const begun = performance.now();
                const look = setInterval(() => {
                    const text = document.querySelector('#saves-list .line .what')?.textContent ?? '';
                    if (!/^Saved|^Not/.test(text)) return;
                    clearInterval(look);
                    done(text.startsWith('Saved') ? (performance.now() - begun) / 1000 : text);
                }, 2);
            }, { capture: true, once: true }));";
        let browser = &self.browser;
        self.block_on(async {
            browser.until(&format!("document.querySelector(\"{row}\") !== null")).await?;
            browser.run("document.querySelector('[data-do=way][data-key=session]').click()", &[]).await?;
            browser.run(look, &[]).await?;
            browser.click(row).await
        })
        .expect("it is found");
        let seconds = self.seconds("done(await window.saved);", Vec::new());
        self.wait_for_download("large.bin", SIZE, Instant::now());
        std::fs::remove_file(browser.downloads().join("large.bin")).expect("it is there");
        seconds
    }

    /// Holds a file in a tab, and gives it to a script as well. Answers the tab's URL.
    pub(crate) fn hold(&self, node: &str, file: &Path) -> String {
        self.enter(node);
        let browser = &self.browser;
        let url = self.block_on(async {
            let field = "
                const field = document.createElement('input');
                [field.type, field.id] = ['file', 'measured'];
                document.body.append(field);";
            browser.run(field, &[]).await?;
            browser.pick("#measured", &[file]).await?;
            browser.page.wait().for_element(Locator::Css("#files")).await?;
            browser.pick("#files", &[file]).await?;
            browser.until("document.querySelectorAll('#held .line').length === 1").await?;
            browser
                .until("(url => url.includes('/peer/') && url)(document.getElementById('our-url').textContent)")
                .await
        });
        url.expect("the tab holds it").as_str().expect("a URL").to_owned()
    }

    /// Reads the file that is held, slice by slice, and does nothing with it.
    pub(crate) fn read_slices(&self) -> f64 {
        let script = "
            const file = document.getElementById('measured').files[0];
            const slice = 4 << 20;
            let bytes = 0;
            for (let at = 0; at < file.size; at += slice) {
                bytes += (await file.slice(at, at + slice).arrayBuffer()).byteLength;
            }
            done(bytes === arguments[0] ? took() : `${bytes} bytes`);";
        self.seconds(script, vec![json!(SIZE)])
    }
}
