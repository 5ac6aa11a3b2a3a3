//! Where the system's events wait until they have settled for a moment.
//!
//! A map, not a queue: a file written a thousand times a second is one path. Bounded: past [`MOST`] paths it only
//! remembers that everything must be looked at again.

use std::collections::BTreeMap;
use std::mem;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::lock::LockExt;

/// How long after the first event the paths are handed out: the events of one copied file come together, and a person
/// sees no difference.
const SETTLE: Duration = Duration::from_millis(100);

/// Most paths that wait; looking at more costs as much as looking at everything.
const MOST: usize = 20_000;

/// What has happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// What is there may have other facts or other bytes now.
    Changed,
    /// It was made or moved there: what is there may be another file than before, whatever its facts are.
    Came,
}

/// Paths to which something has happened, the most that it may mean of each.
pub(super) type Events = BTreeMap<PathBuf, Event>;

/// What has happened in the folder since last asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The watching is to end.
    Stop,
    /// Events were lost, or too many came.
    Everything,
    /// Something happened to these paths.
    Paths(Events),
    /// Nothing, until the time that was given.
    Nothing,
}

/// The waiting events.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    paths: Events,
    everything: bool,
    since: Option<Instant>,
    stop: bool,
}

impl Inbox {
    /// This happened to these paths.
    pub(super) fn happened(&self, event: Event, paths: impl IntoIterator<Item = PathBuf>) {
        let mut waiting = self.lock();
        if !waiting.everything {
            for path in paths {
                let known = waiting.paths.entry(path).or_insert(event);
                *known = event.max(*known);
            }
        }
        if waiting.paths.len() > MOST {
            waiting.paths.clear();
            waiting.everything = true;
        }
        self.ring(waiting);
    }

    /// Something happened, nobody knows to what.
    pub(super) fn overflowed(&self) {
        let mut waiting = self.lock();
        waiting.everything = true;
        self.ring(waiting);
    }

    /// Ends the watching.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.arrived.notify_all();
    }

    /// Whether the watching is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    /// The paths that have settled, at once; empty where there are none. What only [`Inbox::wait`] can say is left to it.
    pub(super) fn settled_paths(&self) -> Events {
        let mut waiting = self.lock();
        match waiting.since {
            Some(since) if !waiting.everything && since.elapsed() >= SETTLE => {
                waiting.since = None;
                mem::take(&mut waiting.paths)
            }
            _ => Events::new(),
        }
    }

    /// Waits for news, no longer than `until`.
    pub(super) fn wait(&self, until: Instant) -> News {
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            let settled_at = waiting.since.map(|since| since + SETTLE);
            if waiting.stop {
                return News::Stop;
            }
            if settled_at.is_some_and(|at| at <= now) {
                waiting.since = None;
                let paths = mem::take(&mut waiting.paths);
                return if mem::take(&mut waiting.everything) { News::Everything } else { News::Paths(paths) };
            }
            if until <= now {
                return News::Nothing;
            }
            let pause = settled_at.map_or(until, |at| at.min(until)).duration_since(now);
            let woken = self.arrived.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner);
            waiting = woken.0;
        }
    }

    fn ring(&self, mut waiting: MutexGuard<'_, Waiting>) {
        if waiting.since.is_none() {
            waiting.since = Some(Instant::now());
            self.arrived.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.locked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn many_events_for_one_path_are_one() {
        let inbox = Inbox::default();
        for _ in 0..1_000 {
            inbox.happened(Event::Changed, [PathBuf::from("/a"), PathBuf::from("/b")]);
        }
        inbox.happened(Event::Came, [PathBuf::from("/a")]);
        inbox.happened(Event::Changed, [PathBuf::from("/a")]);
        let News::Paths(paths) = inbox.wait(soon()) else { panic!("no paths") };
        assert!(paths.into_iter().eq([("/a".into(), Event::Came), ("/b".into(), Event::Changed)]));
        assert_eq!(inbox.wait(Instant::now()), News::Nothing);
    }

    #[test]
    fn too_many_paths_become_a_look_at_everything() {
        let inbox = Inbox::default();
        inbox.happened(Event::Changed, (0..=MOST).map(|number| PathBuf::from(format!("/{number}"))));
        assert_eq!(inbox.wait(soon()), News::Everything);
        assert_eq!(inbox.wait(Instant::now()), News::Nothing);
    }
}
