//! The few conventions of this workspace that matter enough to fail a build.
//!
//! It reads source as text and understands no Rust: a rule that needs more than that belongs to clippy.

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::harness::workspace;

/// One file that somebody wrote.
struct Source {
    /// Its path in the workspace, with `/`.
    path: String,
    text: String,
}

type Rule = fn(&[Source]) -> Vec<String>;

pub(crate) fn trials() -> Vec<Trial> {
    let rules: [(&str, Rule); 9] = [
        ("tidy::every_rust_file_says_why_it_exists", |all| {
            broken(all, rust, |it| !it.text.starts_with("//! "), "begins without a line of //!")
        }),
        ("tidy::files_are_named_for_what_they_do", |all| {
            let vague = ["utils.rs", "util.rs", "helpers.rs", "helper.rs", "common.rs", "misc.rs"];
            broken(all, rust, |it| vague.contains(&it.name()), "has a name that says nothing")
        }),
        ("tidy::files_have_one_job", |all| broken(all, rust, |it| it.lines() > 500, "is longer than 500 lines")),
        ("tidy::main_only_starts_things", |all| {
            broken(all, within("native-node/src/main.rs"), |it| it.lines() > 60, "is longer than 60 lines")
        }),
        ("tidy::boot_only_starts_the_page", |all| {
            broken(all, within("www/boot.js"), |it| it.lines() > 10, "is longer than 10 lines")
        }),
        ("tidy::shared_touches_nothing_outside", |all| {
            let outside =
                ["std::fs", "std::net::Tcp", "std::net::Udp", "Instant::now", "SystemTime", "tokio", "web_sys"];
            mention(all, within("shared/src/"), &outside)
        }),
        ("tidy::node_and_page_never_see_each_other", |all| {
            let mut found = mention(all, within("native-node/src/"), &["web_client::"]);
            found.extend(mention(all, within("web-client/src/"), &["native_node"]));
            found.extend(mention(all, within("native-node/Cargo.toml"), &["web-client = "]));
            found.extend(mention(all, within("web-client/Cargo.toml"), &["native-node = "]));
            found
        }),
        ("tidy::the_page_never_turns_text_into_code", |all| {
            let dangers =
                ["set_inner_html", "insert_adjacent_html", "innerHTML", "insertAdjacentHTML", "eval(", "onclick="];
            let mut found = mention(all, within("web-client/src/"), &dangers);
            found.extend(mention(all, within("www/"), &dangers));
            found
        }),
        ("tidy::no_path_of_somebodys_machine", |all| {
            // In halves, so that this file is clean itself.
            let folders = ["home", "root", "work", "Users"].map(|folder| format!("/{folder}/"));
            let needles: Vec<_> = folders.iter().map(String::as_str).collect();
            lines_with(all, |_| true, &needles, false)
        }),
    ];
    rules.into_iter().map(|(name, rule)| Trial::test(name, move || judge(rule))).collect()
}

fn judge(rule: Rule) -> Result<(), Failed> {
    let mut sources = Vec::new();
    collect(workspace(), &mut sources);
    assert!(sources.iter().any(|it| it.path == "tests/tidy.rs"), "the workspace was not found");
    match rule(&sources) {
        broken if broken.is_empty() => Ok(()),
        broken => Err(broken.join("\n").into()),
    }
}

/// Gathers every file of text below a folder; at the top, only what belongs to the workspace.
fn collect(folder: &Path, sources: &mut Vec<Source>) {
    const ROOMS: [&str; 7] = ["native-node", "web-client", "shared", "www", "tests", ".ci", ".github"];
    const NOT_WRITTEN: [&str; 3] = ["prebuilt-page", "Cargo.lock", ".git"];
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_room = folder != workspace() || ROOMS.contains(&name.as_str());
        if path.is_symlink() || NOT_WRITTEN.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() && is_room {
            collect(&path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(workspace()).unwrap().to_string_lossy().replace('\\', "/");
            sources.push(Source { path, text });
        }
    }
}

impl Source {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

fn rust(source: &Source) -> bool {
    source.path.ends_with(".rs")
}

fn within(prefix: &'static str) -> impl Fn(&Source) -> bool {
    move |source| source.path.starts_with(prefix)
}

/// Files in question that break a rule, each with what is wrong.
fn broken(
    all: &[Source],
    asked: impl Fn(&Source) -> bool,
    is_broken: impl Fn(&Source) -> bool,
    what: &str,
) -> Vec<String> {
    let found = all.iter().filter(|source| asked(source) && is_broken(source));
    found.map(|source| format!("{} {what}", source.path)).collect()
}

/// Lines of code that have one of the words in them; what a comment says is free.
fn mention(all: &[Source], asked: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    lines_with(all, asked, words, true)
}

fn lines_with(all: &[Source], asked: impl Fn(&Source) -> bool, words: &[&str], of_code: bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in all.iter().filter(|source| asked(source)) {
        for (number, line) in source.text.lines().enumerate() {
            if of_code && line.trim_start().starts_with("//") {
                continue;
            }
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{} has {word}", source.path, number + 1));
            }
        }
    }
    found
}
