//! Builds the page and packs it into the node, so that one cargo command gives one program with everything in it.
//!
//! Three sources, in this order: the folder `TINYP2P_PAGE` names (for distributors), the workspace beside this crate, and
//! `prebuilt-page/` (what a packaged crate carries). It downloads nothing itself; only a missing Rust target is added.

#[path = "build/pack.rs"]
mod pack;
#[path = "build/wasm.rs"]
mod wasm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// What can go wrong, in words for the person who called cargo.
type Outcome<T> = Result<T, String>;

/// Names a folder that holds a finished page.
const PAGE_VARIABLE: &str = "TINYP2P_PAGE";
/// All the files of a finished page. Anything else in its folder is left out, like an editor's backup.
const PAGE_FILES: [&str; 9] = [
    "index.html",
    "style.css",
    "boot.js",
    "worker.js",
    "icon.svg",
    "web_client.js",
    "web_client_bg.wasm",
    "web_worker.js",
    "web_worker_bg.wasm",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            // An error of cargo's is one line each.
            words.lines().for_each(|line| println!("cargo::error={line}"));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Outcome<()> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    rerun_if_changed(&here.join("build.rs"));
    rerun_if_changed(&here.join("build"));
    println!("cargo::rerun-if-env-changed={PAGE_VARIABLE}");

    let page = match (env::var_os(PAGE_VARIABLE), workspace_around(&here)) {
        (Some(folder), _) => finished(PathBuf::from(folder), &format!("{PAGE_VARIABLE} names this folder"))?,
        (None, Some(workspace)) => from_source(&workspace, &out)?,
        (None, None) => finished(here.join("prebuilt-page"), "a packaged tinyp2p brings its page in this folder")?,
    };
    pack::pack(&page, &PAGE_FILES, &out)
}

/// The workspace this crate lies in; `None` in a packaged crate. A folder of vendored crates may hold a `web-client` of
/// somebody else's beside us, but no `www`.
fn workspace_around(here: &Path) -> Option<PathBuf> {
    let workspace = here.parent()?;
    let is_whole = ["web-client/Cargo.toml", "www/index.html"].iter().all(|file| workspace.join(file).is_file());
    is_whole.then(|| workspace.to_owned())
}

/// Takes a page that was built before.
fn finished(folder: PathBuf, why_there: &str) -> Outcome<PathBuf> {
    rerun_if_changed(&folder);
    match PAGE_FILES.iter().find(|file| !folder.join(file).is_file()) {
        Some(missing) => Err(format!("{} has no {missing}, but {why_there}", folder.display())),
        None => Ok(folder),
    }
}

/// Builds the page from the workspace into `<out>/page`.
fn from_source(workspace: &Path, out: &Path) -> Outcome<PathBuf> {
    for source in ["web-client", "shared", "www", "Cargo.toml", "Cargo.lock"] {
        rerun_if_changed(&workspace.join(source));
    }
    let page = out.join("page");
    let made_anew = match fs::remove_dir_all(&page) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => fs::create_dir_all(&page),
    };
    made_anew.map_err(in_words("cannot empty", &page))?;
    for file in PAGE_FILES {
        let source = workspace.join("www").join(file);
        if source.is_file() {
            fs::copy(&source, page.join(file)).map_err(in_words("cannot copy", &source))?;
        }
    }
    wasm::build_into(workspace, out, &page)?;
    Ok(page)
}

fn variable(name: &str) -> Outcome<String> {
    env::var(name).map_err(|why| format!("cargo did not say {name}: {why}"))
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// Turns an error about a file into a sentence.
fn in_words(what: &str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |why| format!("{what} {}: {why}", path.display())
}
