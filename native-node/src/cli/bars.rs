//! Progress on a terminal: a bar for the whole, and one for each file that takes long enough to watch.
//!
//! What has a size gets a bar; what a peer of 2004 sends has none and shows only how much came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::{PeerUrl, Printable, SharedPath};

use super::output::{missed_line, planned_line, saved_line, say};
use crate::download::{Missed, Observer, SavedFile};

/// Smaller files are done before anybody has read their bar, in bytes.
const WORTH_A_BAR: u64 = 8 << 20;
/// Most bars of files at once: no more than fit a small window.
const MOST: usize = 8;

// 78 columns, so that nothing wraps at 80.
const WITH_SIZE: &str = "{msg:24!} {bar:21.cyan/dim} {bytes:>11} {bytes_per_sec:>13} {eta:>4}";
const WITHOUT_SIZE: &str = "{msg:24!} {spinner:21.cyan} {bytes:>11} {bytes_per_sec:>13}";

/// All bars of one download.
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    offered: usize,
    /// Files that came, or never will.
    ended: usize,
    is_size_unknown: bool,
    files: BTreeMap<SharedPath, File>,
}

/// A file on its way.
struct File {
    moved: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style(WITHOUT_SIZE));
        total.set_message("asking");
        total.enable_steady_tick(Duration::from_millis(200));
        Self { all, total, state: Mutex::default() }
    }

    /// Takes a file's bar away; answers how much of it had come.
    fn end(&self, state: &mut State, path: &SharedPath) -> u64 {
        let Some(File { moved, bar }) = state.files.remove(path) else { return 0 };
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        moved
    }

    fn count(&self, state: &State) {
        let (ended, offered) = (HumanCount(state.ended as u64), HumanCount(state.offered as u64));
        self.total.set_message(format!("{ended} of {offered} files"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

impl Observer for Bars {
    fn offered(&self, _: &PeerUrl, files: usize, bytes: Option<u64>) {
        if files == 0 {
            return;
        }
        let mut state = self.state();
        state.offered += files;
        state.is_size_unknown |= bytes.is_none();
        self.total.set_length(self.total.length().unwrap_or_default() + bytes.unwrap_or_default());
        self.total.set_style(style(if state.is_size_unknown { WITHOUT_SIZE } else { WITH_SIZE }));
        self.count(&state);
    }

    fn begun(&self, path: &SharedPath, _: &PeerUrl, size: Option<u64>) {
        let mut state = self.state();
        let is_shown = size.is_none_or(|size| size >= WORTH_A_BAR)
            && state.files.values().filter(|file| file.bar.is_some()).count() < MOST;
        let bar = is_shown.then(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_style(style(if size.is_some() { WITH_SIZE } else { WITHOUT_SIZE }));
            if let Some(size) = size {
                bar.set_length(size);
            }
            bar.set_message(Printable::short(path.as_str(), 24).to_string());
            bar
        });
        state.files.insert(path.clone(), File { moved: 0, bar });
    }

    fn moved(&self, path: &SharedPath, bytes: u64) {
        self.total.inc(bytes);
        if let Some(file) = self.state().files.get_mut(path) {
            file.moved += bytes;
            if let Some(bar) = &file.bar {
                bar.inc(bytes);
            }
        }
    }

    fn given_up(&self, path: &SharedPath) {
        let moved = self.end(&mut self.state(), path);
        // It may come again from somebody else.
        self.total.set_position(self.total.position().saturating_sub(moved));
    }

    fn planned(&self, saved_as: &SharedPath, _: &PeerUrl, size: Option<u64>) {
        self.all.suspend(|| say(planned_line(saved_as, size)));
    }

    fn saved(&self, saved: &SavedFile<'_>) {
        let mut state = self.state();
        self.end(&mut state, saved.path);
        state.ended += 1;
        self.count(&state);
        drop(state);
        self.all.suspend(|| say(saved_line(saved)));
    }

    fn missed(&self, missed: &Missed) {
        self.all.suspend(|| eprintln!("{}", missed_line(missed)));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.disable_steady_tick();
        // A line that is left is ugly and no more.
        let _cleared = self.all.clear();
        // Files that were interrupted still have bars, which would draw themselves once more as they end.
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}
