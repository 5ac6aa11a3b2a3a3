//! Keeps a catalog true to the shared folder: a first look through it, then only what the system says has changed.
//!
//! One thread. It never holds the list of files: it publishes [`Change`]s and forgets. Where the system's events cannot be
//! had it looks through the whole folder every few seconds, and even where they can it does so now and then, because
//! events do get lost. It opens no file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use shared::SharedPath;

use super::inbox::{Event, Events, Inbox, News};
use super::share::{Root, is_shortage};
use super::watcher::FolderWatcher;
use super::{Change, Found, LeftOut, Seen, Share, beneath};

/// Changes published together.
const BATCH: usize = 1_024;
/// How often the root is looked at: no event tells that a folder above it was moved away.
const ROOT_CHECK: Duration = Duration::from_secs(1);
/// Between two looks through everything while events cannot be had; in between, ten times what one takes.
const WITHOUT_EVENTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Between two looks through everything while they can; at least fifty times what one takes.
const WITH_EVENTS: Duration = Duration::from_secs(300);

/// When it is looked again after there was too little of something to look.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Watches `share` until the answer is dropped, and publishes what it finds to a catalog that is empty at first.
///
/// The files already there come in batches too, so the caller waits for nothing.
///
/// # Errors
/// When the system gives no thread.
pub fn watch(share: Arc<Share>, publish: impl Fn(Vec<Change>) + Send + 'static) -> io::Result<Watching> {
    start(share, publish, FolderWatcher::open)
}

/// A watch under way; dropping it ends its thread.
#[derive(Debug)]
pub struct Watching {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.inbox.stop();
        if let Some(thread) = self.thread.take() {
            // It failed only if `publish` panicked, which was shown then.
            let _ = thread.join();
        }
    }
}

fn start<P: Fn(Vec<Change>) + Send + 'static>(
    share: Arc<Share>,
    publish: P,
    open_watcher: fn(&Path, &Arc<Inbox>) -> FolderWatcher,
) -> io::Result<Watching> {
    let inbox = Arc::new(Inbox::default());
    let at_watch = Arc::clone(&inbox);
    let thread = thread::Builder::new().name("folder-watch".into()).spawn(move || {
        let watcher = open_watcher(share.root(), &at_watch);
        Watch {
            share,
            publish,
            open_watcher,
            inbox: at_watch,
            watcher,
            changes: Vec::new(),
            seen: None,
            told: None,
            is_short: false,
        }
        .run();
    })?;
    Ok(Watching { inbox, thread: Some(thread) })
}

struct Watch<P> {
    share: Arc<Share>,
    publish: P,
    open_watcher: fn(&Path, &Arc<Inbox>) -> FolderWatcher,
    inbox: Arc<Inbox>,
    watcher: FolderWatcher,
    /// Found, not yet published.
    changes: Vec<Change>,
    /// What the look through everything that is under way has seen.
    seen: Option<Seen>,
    /// What was last said to be left out, so that it is not said again.
    told: Option<LeftOut>,
    /// Something could not be looked at that may be there all the same.
    is_short: bool,
}

impl<P: Fn(Vec<Change>)> Watch<P> {
    fn run(mut self) {
        // Nothing is known yet that could have vanished.
        let mut next_look = self.look_through_everything(None);
        loop {
            let news = self.inbox.wait(next_look.min(Instant::now() + ROOT_CHECK));
            match (news, self.share.look_at_root()) {
                (News::Stop, _) => return,
                (_, Root::Gone) => {
                    self.empty_out();
                    if !self.wait_for_root() {
                        return;
                    }
                    self.watcher = (self.open_watcher)(self.share.root(), &self.inbox);
                    next_look = self.look_through_everything(Some(Seen::default()));
                }
                (_, Root::New) => {
                    self.watcher = (self.open_watcher)(self.share.root(), &self.inbox);
                    next_look = self.look_through_everything(Some(Seen::default()));
                }
                (News::Everything, Root::Same) => next_look = self.look_through_everything(Some(Seen::default())),
                (News::Paths(paths), Root::Same) => self.look_at_all(&paths),
                (News::Nothing, Root::Same) if next_look <= Instant::now() => {
                    next_look = self.look_through_everything(Some(Seen::default()));
                }
                (News::Nothing, Root::Same) => {}
            }
            self.flush();
            if std::mem::take(&mut self.is_short) {
                next_look = next_look.min(Instant::now() + LOOK_AGAIN);
            }
        }
    }

    fn empty_out(&mut self) {
        tracing::warn!("the shared folder {:?} is gone; nothing is shared until it is back", self.share.root());
        self.changes.extend([Change::KeepOnly { folder: None, seen: Seen::default() }, Change::LookedThrough]);
        self.flush();
    }

    /// Answers whether the root came back, rather than the watch being stopped.
    fn wait_for_root(&self) -> bool {
        loop {
            if self.inbox.wait(Instant::now() + ROOT_CHECK) == News::Stop {
                return false;
            }
            if self.share.look_at_root() != Root::Gone {
                tracing::info!("the shared folder {:?} is back", self.share.root());
                return true;
            }
        }
    }

    /// Looks through the whole share and answers when to do so again.
    fn look_through_everything(&mut self, seen: Option<Seen>) -> Instant {
        let start = Instant::now();
        self.seen = seen;
        let walked = self.walk(None, Event::Changed);
        let seen = self.seen.take();
        if let Some(left_out) = walked {
            // The first look keeps no memory of what it saw: nothing can be gone yet.
            let seen = seen.filter(|_| !self.is_short);
            let keep_only = seen.map(|seen| Change::KeepOnly { folder: None, seen });
            self.changes.extend(keep_only.into_iter().chain([Change::LookedThrough]));
            self.tell(left_out);
        }
        self.flush();
        let took = start.elapsed();
        let (shortest, longest) = WITHOUT_EVENTS;
        let pause = if self.watcher.see_everything() {
            WITH_EVENTS.max(took.saturating_mul(50))
        } else {
            took.saturating_mul(10).clamp(shortest, longest)
        };
        Instant::now() + pause
    }

    /// Publishes every file of a folder, to which this has happened; answers what was left out, or nothing if it was stopped or
    /// had no folder.
    fn walk(&mut self, folder: Option<&SharedPath>, event: Event) -> Option<LeftOut> {
        let share = Arc::clone(&self.share);
        let walk = share.walk(folder).inspect_err(|error| self.is_short |= is_shortage(error));
        let mut walk = walk.ok()?;
        let mut seen_here = folder.map(|_| Seen::default());
        for (count, found) in walk.by_ref().enumerate() {
            match found {
                Found::Folder(folder) => self.watcher.cover(folder.as_ref()),
                Found::File(path, entry) => {
                    if let Some(seen) = &mut seen_here {
                        seen.insert(&path);
                    }
                    self.found(path, entry, event);
                }
            }
            if count % BATCH == BATCH - 1 {
                self.flush();
                if self.inbox.is_stopped() {
                    return None;
                }
                // A file deposited during a long look shall not wait for its end.
                if folder.is_none() {
                    let paths = self.inbox.settled_paths();
                    self.look_at_all(&paths);
                }
            }
        }
        self.is_short |= walk.is_short();
        if let (Some(folder), Some(seen)) = (folder, seen_here.filter(|_| !walk.is_short())) {
            self.changes.push(Change::KeepOnly { folder: Some(folder.clone()), seen });
        }
        Some(walk.left_out())
    }

    fn look_at_all(&mut self, events: &Events) {
        let mut walked: Option<(&PathBuf, Event)> = None;
        for (path, &event) in events {
            // Components order paths so that what is below a folder follows it: one walk does for all.
            if walked.is_some_and(|(walked, of_walked)| event <= of_walked && path.starts_with(walked)) {
                continue;
            }
            let relative = path.strip_prefix(self.share.root()).ok().and_then(Path::to_str);
            let Some(relative) = relative.and_then(|text| SharedPath::parse(text).ok()) else { continue };
            if self.share.offers(&relative) && self.look_at(relative, event) {
                walked = Some((path, event));
            }
        }
    }

    /// Publishes what is now at `path`; answers whether that is a folder, which was walked.
    fn look_at(&mut self, path: SharedPath, event: Event) -> bool {
        let facts = self.share.dir().map(|root| beneath::parent(&root, &path)?.symlink_metadata(path.file_name()));
        match facts.transpose() {
            Err(error) if is_shortage(&error) => {
                self.is_short = true;
                false
            }
            Ok(Some(facts)) if facts.is_file() => {
                self.changes.push(Change::RemoveFolder(path.clone()));
                self.found(path, beneath::entry(&facts), event);
                false
            }
            Ok(Some(facts)) if facts.is_dir() => {
                self.changes.push(Change::Remove(path.clone()));
                self.walk(Some(&path), event);
                true
            }
            // Gone, or nothing that is shared; what it was before nobody knows.
            _ => {
                self.changes.extend([Change::Remove(path.clone()), Change::RemoveFolder(path)]);
                false
            }
        }
    }

    fn found(&mut self, path: SharedPath, entry: shared::Entry, event: Event) {
        if let Some(seen) = &mut self.seen {
            seen.insert(&path);
        }
        // Of a file that was there before, moved away and back, the log of contents still knows the id.
        self.changes.push(match event {
            Event::Came => Change::Replace(path, entry),
            Event::Changed => Change::Upsert(path, entry),
        });
    }

    fn flush(&mut self) {
        if !self.changes.is_empty() {
            (self.publish)(std::mem::take(&mut self.changes));
        }
    }

    fn tell(&mut self, left_out: LeftOut) {
        if self.told.unwrap_or_default() != left_out {
            tracing::warn!("in {:?} {}", self.share.root(), left_out);
        }
        self.told = Some(left_out);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
