//! Finds out the form of files in the background, so that the first caller need not wait for it.
//!
//! One thread of low priority. It keeps no queue: it asks for the next few unknown files after the last one it saw, and
//! sleeps when there are none. What it finds is void if the file changed meanwhile: see
//! [`Change::Formed`](super::Change::Formed).

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::lock::LockExt;
use shared::{Entry, SharedPath};

use super::inspect::{inspect_unless, is_at_rest};
use super::{Change, Share};

/// Files asked for at once; also the most results that are kept back.
const BATCH: usize = 256;
/// Least time from one round to the next, in which files that are still being written are tried again; each rests for ten
/// times as long as it looked for unknown files, at most for [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Starts to inspect: `next(after, most)` answers up to `most` files of [`Form::Unknown`](shared::Form::Unknown) whose paths
/// come after `after`, in order; `publish` gets a [`Change::Formed`] for each that was found.
///
/// # Errors
/// When the system gives no thread.
pub fn inspect_unknown(
    share: Arc<Share>,
    next: impl FnMut(Option<&SharedPath>, usize) -> Vec<(SharedPath, Entry)> + Send + 'static,
    publish: impl Fn(Vec<Change>) + Send + 'static,
) -> io::Result<Inspecting> {
    let signal = Arc::new(Signal::default());
    let mut round = Round { share, next, publish, signal: Arc::clone(&signal), looked: Duration::ZERO };
    let thread = thread::Builder::new().name("folder-inspect".into()).spawn(move || {
        yield_to_others();
        let mut again = true;
        while round.signal.wait(again, pause_after(round.looked)) {
            again = round.go();
        }
    })?;
    Ok(Inspecting { signal, thread: Some(thread) })
}

/// An inspection under way; dropping it ends its thread.
#[derive(Debug)]
pub struct Inspecting {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Inspecting {
    /// Says that there may be new unknown files. Cheap, from any thread.
    pub fn wake(&self) {
        self.signal.set(|state| state.woken = true);
    }
}

impl Drop for Inspecting {
    fn drop(&mut self) {
        self.signal.set(|state| state.stop = true);
        if let Some(thread) = self.thread.take() {
            // It failed only if a callback panicked, which was shown then.
            let _ = thread.join();
        }
    }
}

struct Round<N, P> {
    share: Arc<Share>,
    next: N,
    publish: P,
    signal: Arc<Signal>,
    /// How long the last round looked for unknown files, rather than into them.
    looked: Duration,
}

/// How long after the begin of a round the next may begin.
fn pause_after(looked: Duration) -> Duration {
    looked.saturating_mul(10).clamp(PAUSE, LONGEST_PAUSE)
}

impl<N, P> Round<N, P>
where
    N: FnMut(Option<&SharedPath>, usize) -> Vec<(SharedPath, Entry)>,
    P: Fn(Vec<Change>),
{
    /// Goes once through all unknown files; answers whether some of them are worth another try soon.
    fn go(&mut self) -> bool {
        let mut again = false;
        let mut after = None;
        self.looked = Duration::ZERO;
        loop {
            let begun = Instant::now();
            let batch = (self.next)(after.as_ref(), BATCH);
            self.looked += begun.elapsed();
            let Some((last, _)) = batch.last() else { return again };
            after = Some(last.clone());
            let mut found = Vec::new();
            for (path, entry) in batch {
                if self.signal.is_stopped() {
                    break;
                }
                match self.inspect(&path, entry) {
                    Outcome::Found(entry) => found.push(Change::Formed { path, entry }),
                    Outcome::Restless => again = true,
                    Outcome::Nothing => {}
                }
            }
            if !found.is_empty() {
                (self.publish)(found);
            }
            if self.signal.is_stopped() {
                return false;
            }
        }
    }

    fn inspect(&self, path: &SharedPath, entry: Entry) -> Outcome {
        // Who cannot be opened or has changed is the watch's business.
        let Ok(opened) = self.share.open_file(path) else { return Outcome::Nothing };
        if (opened.size, opened.modified) != (entry.size, entry.modified) || !is_at_rest(&opened) {
            return Outcome::Restless;
        }
        match inspect_unless(&opened, || self.signal.is_stopped()) {
            // Again: it may have been written to while we read.
            Ok(Some(form)) if is_at_rest(&opened) => Outcome::Found(Entry { form, ..entry }),
            Ok(_) => Outcome::Restless,
            Err(_) => Outcome::Nothing,
        }
    }
}

enum Outcome {
    Found(Entry),
    /// Being written, or changed since it was listed.
    Restless,
    Nothing,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    stop: bool,
    last: Option<Instant>,
}

impl Signal {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.locked());
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.state.locked().stop
    }

    /// Waits until the next round is due: `pause` after the last began if `again` or woken, else until woken. Answers no when
    /// stopped.
    fn wait(&self, again: bool, pause: Duration) -> bool {
        let mut state = self.state.locked();
        loop {
            let rest = state.last.map_or(Duration::ZERO, |last| pause.saturating_sub(last.elapsed()));
            if state.stop {
                return false;
            }
            if (again || state.woken) && rest.is_zero() {
                state.woken = false;
                // Set when the round begins: a long round is followed by the next at once, but only if there is cause.
                state.last = Some(Instant::now());
                return true;
            }
            let sleep = if again || state.woken { rest } else { Duration::from_secs(3600) };
            state = self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Lets everything else on the machine go first.
pub(super) fn yield_to_others() {
    // On Linux this is the calling thread alone; elsewhere it would be the whole node.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::{Found, ShareOptions, apply};
    use shared::{Catalog, Form};
    use std::sync::mpsc;

    /// A catalog with all files of a folder, and an inspection of it that reports each batch.
    fn inspect(root: &std::path::Path) -> (Inspecting, Arc<Mutex<Catalog>>, mpsc::Receiver<()>) {
        let share = Arc::new(Share::open(root, ShareOptions::default()).unwrap());
        let catalog = Arc::new(Mutex::new(Catalog::default()));
        for found in share.walk(None).unwrap() {
            if let Found::File(path, entry) = found {
                catalog.lock().unwrap().insert(path, entry);
            }
        }
        let (told, hear) = mpsc::channel();
        let (of_next, of_publish) = (Arc::clone(&catalog), Arc::clone(&catalog));
        let next = move |after: Option<&SharedPath>, most| of_next.lock().unwrap().unknown_after(after, most);
        let publish = move |changes| {
            apply(changes, &mut of_publish.lock().unwrap());
            let _ = told.send(());
        };
        (inspect_unknown(share, next, publish).unwrap(), catalog, hear)
    }

    #[test]
    fn all_files_get_their_form_and_unreadable_ones_do_not_stop_it() {
        let temp = tempfile::tempdir().unwrap();
        for number in 0..600 {
            std::fs::write(temp.path().join(format!("{number}")), if number % 2 == 0 { "text" } else { "\0" }).unwrap();
        }
        let (inspecting, catalog, hear) = inspect(temp.path());
        let gone = SharedPath::parse("5000").unwrap();
        catalog.lock().unwrap().insert(gone.clone(), Entry::unread(1, 1));
        let counts = || {
            let catalog = catalog.lock().unwrap();
            let count = |form| catalog.iter().filter(|(_, entry)| entry.form == form).count();
            (count(Form::Plain { escaped: 4 }), count(Form::Binary))
        };
        // Nothing is believed of files that were written a moment ago.
        while counts() != (300, 300) {
            hear.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        inspecting.wake();
        assert_eq!(catalog.lock().unwrap().entry(&gone).unwrap().form, Form::Unknown);
    }

    /// Symptom: one file that was being written had a catalog of a million looked through five times a second.
    #[test]
    fn looking_for_unknown_files_takes_a_tenth_of_the_time_at_most() {
        assert_eq!(pause_after(Duration::ZERO), PAUSE);
        assert_eq!(pause_after(Duration::from_secs(1)), Duration::from_secs(10));
        assert_eq!(pause_after(Duration::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn dropping_it_ends_it_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(temp.path().join("huge")).unwrap();
        file.set_len(1 << 40).unwrap();
        let (inspecting, _, _) = inspect(temp.path());
        let start = Instant::now();
        drop(inspecting);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
