//! Progress on a terminal: a bar for the whole, and one for each file that takes long enough to watch.
//!
//! What has a size gets a bar; what a peer of 2004 sends has none and shows only how much came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::{PeerUrl, Printable, SharedPath};

use super::output::{differs_line, missed_line, note, planned_line, saved_line, say, waited_for_line};
use crate::download::{Missed, Observer, Offered, SavedFile};
use crate::lock::LockExt;

/// Smaller files are done before anybody has read their bar, in bytes.
const WORTH_A_BAR: u64 = 8 << 20;
/// Most bars of files at once: no more than fit a small window.
const MOST: usize = 8;

/// What a bar shows where the size is known, and where it is not; 78 columns each, so that nothing wraps at 80.
const WIDE: (&str, &str) = (
    "{msg:24!} {bar:21.cyan/dim} {bytes:>11} {bytes_per_sec:>13} {eta:>4}",
    "{msg:24!} {spinner:21.cyan} {bytes:>11} {bytes_per_sec:>13}",
);
/// Columns that those need.
const WIDE_FROM: u16 = 80;
/// The same for a narrower terminal, as wide as that is.
const NARROW: (&str, &str) = ("{wide_msg} {percent:>3}% {eta:>4}", "{wide_msg} {bytes:>11}");

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
    /// While what is put is read through.
    reading: Option<ProgressBar>,
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
        total.set_style(style(false));
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
        self.state.locked()
    }
}

/// How a bar looks in this terminal.
fn style(has_size: bool) -> ProgressStyle {
    let (with_size, without) = if columns() < WIDE_FROM { NARROW } else { WIDE };
    let template = if has_size { with_size } else { without };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

#[cfg(unix)]
fn columns() -> u16 {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
    // Some terminals do not know.
    if columns == 0 { WIDE_FROM } else { columns }
}

#[cfg(not(unix))]
fn columns() -> u16 {
    WIDE_FROM
}

/// Moves a bar on by what did not come now: how fast it comes, and when the rest will be there, does not follow from it.
fn skip(bar: &ProgressBar, bytes: u64) {
    bar.inc(bytes);
    // This has it look at its position, so that the leap is behind it when it forgets its speed.
    bar.inc_length(0);
    bar.reset_eta();
    // What was drawn of the leap is not left there until more comes.
    bar.force_draw();
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
        self.total.set_style(style(!state.is_size_unknown));
        self.count(&state);
    }

    fn read(&self, bytes: u64) {
        let mut state = self.state();
        let all = self.total.length().unwrap_or_default();
        if state.reading.is_none() && all >= WORTH_A_BAR {
            let bar = self.all.insert_before(&self.total, ProgressBar::new(all));
            bar.set_style(style(true));
            bar.set_message("reading");
            state.reading = Some(bar);
        }
        if let Some(bar) = &state.reading {
            bar.inc(bytes);
            if bar.position() >= all && !bar.is_finished() {
                bar.finish_and_clear();
            }
        }
    }

    fn begun(&self, path: &SharedPath, _: &PeerUrl, size: Option<u64>) {
        let mut state = self.state();
        let is_shown = size.is_none_or(|size| size >= WORTH_A_BAR)
            && state.files.values().filter(|file| file.bar.is_some()).count() < MOST;
        let bar = is_shown.then(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_style(style(size.is_some()));
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

    fn kept(&self, path: &SharedPath, bytes: u64) {
        skip(&self.total, bytes);
        if let Some(file) = self.state().files.get_mut(path) {
            file.moved += bytes;
            if let Some(bar) = &file.bar {
                skip(bar, bytes);
            }
        }
    }

    fn given_up(&self, path: &SharedPath) {
        let moved = self.end(&mut self.state(), path);
        // It may come again from somebody else.
        self.total.set_position(self.total.position().saturating_sub(moved));
    }

    fn planned(&self, file: &Offered, save_as: &SharedPath, _: &PeerUrl) {
        self.all.suspend(|| say(planned_line(file, save_as)));
    }

    fn differs(&self, file: &Offered, _: &PeerUrl, how: &str) {
        self.all.suspend(|| note(differs_line(file, how)));
    }

    fn saved(&self, saved: &SavedFile<'_>) {
        let mut state = self.state();
        self.end(&mut state, saved.path);
        state.ended += 1;
        self.count(&state);
        drop(state);
        self.all.suspend(|| say(saved_line(saved)));
    }

    fn waited_for(&self, peer: &PeerUrl) {
        self.all.suspend(|| note(waited_for_line(peer)));
    }

    fn missed(&self, missed: &Missed) {
        self.all.suspend(|| note(missed_line(missed)));
    }

    fn over(&self) {
        self.total.disable_steady_tick();
        // A line that is left is ugly and no more.
        let _cleared = self.all.clear();
        // Files that were interrupted still have bars, which would draw themselves once more as they end.
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.over();
    }
}
