//! What one follower was told of one catalog, and what it is told next: the whole once, then what changed.
//!
//! Nothing is queued for a follower: each step looks at the catalog as it is and makes one message of it, so one that takes
//! its messages slowly costs nothing. One so slow that the catalog has forgotten what changed meanwhile is told the whole anew.

use crate::limits::{CHUNK_BYTES, ROWS_PER_RECORD};
use crate::{Catalog, Entry, SharedPath};

/// What a row takes besides its path, at most, in bytes.
const ROW_BYTES: usize = 66;

/// A change of what a follower holds of one catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Whether all that was held of it is void: the whole comes anew.
    pub whole: bool,
    /// The revision it builds on; 0 while a whole is on its way.
    pub from: u64,
    /// Files that are new or have new facts. What their form is stays at the holder's.
    pub put: Vec<(SharedPath, Entry)>,
    /// Files that are not shared any more, or never were.
    pub gone: Vec<SharedPath>,
    /// The revision that is reached with it; none while more of a whole follows.
    pub to: Option<u64>,
}

/// How far one follower is with one catalog.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// The revision that was told last.
    told: u64,
    whole: Option<Whole>,
}

/// A whole catalog on its way.
#[derive(Debug, Clone, Default)]
struct Whole {
    has_begun: bool,
    /// All files up to this one were told, as they were at `seen`.
    after: Option<SharedPath>,
    seen: u64,
}

impl Telling {
    /// Of a follower that holds nothing.
    #[must_use]
    pub fn anew() -> Self {
        Self { told: 0, whole: Some(Whole::default()) }
    }

    /// Of a follower that holds this revision.
    #[must_use]
    pub fn since(revision: u64) -> Self {
        Self { told: revision, whole: None }
    }

    /// The next thing to tell; none where the follower knows all. The catalog must be the same one each time, perhaps changed.
    pub fn next(&mut self, catalog: &Catalog) -> Option<Update> {
        if self.whole.is_none() {
            if let Some(update) = changes(catalog, self.told, None) {
                if update.put.is_empty() && update.gone.is_empty() {
                    // What only the holder needs to know makes revisions too. It is not told, so nothing builds on them.
                    return None;
                }
                self.told = update.to.unwrap_or(self.told);
                return Some(update);
            }
            *self = Self::anew();
        }
        let whole = self.whole.get_or_insert_default();
        let known = whole.has_begun.then(|| changes(catalog, whole.seen, whole.after.as_ref())).flatten();
        let mut update = known.unwrap_or_else(|| {
            *whole = Whole { has_begun: true, after: None, seen: 0 };
            Update { whole: true, to: Some(catalog.revision()), ..Update::default() }
        });
        whole.seen = update.to.take().unwrap_or(whole.seen);
        update.from = 0;
        let mut room = Room::after(&update);
        let mut is_last = whole.seen == catalog.revision();
        if is_last {
            for (path, entry) in catalog.iter_after(whole.after.as_ref()) {
                is_last = room.take(path.as_str());
                if !is_last {
                    break;
                }
                update.put.push((path.to_path(), *entry));
            }
            whole.after = update.put.last().map(|(path, _)| path.clone()).or(whole.after.take());
        }
        if is_last {
            update.to = Some(whole.seen);
            (self.told, self.whole) = (whole.seen, None);
        }
        Some(update)
    }
}

/// What changed after a revision, as far as it fits into one message, of files up to `upto` where that is given; none where
/// it is not known.
fn changes(catalog: &Catalog, from: u64, upto: Option<&SharedPath>) -> Option<Update> {
    let mut update = Update { from, ..Update::default() };
    let mut room = Room::after(&update);
    let mut reached = catalog.revision();
    let mut last = None;
    for (revision, path) in catalog.changed_after(from)? {
        if upto.is_some_and(|upto| path > upto) || last == Some(path) {
            continue;
        }
        if !room.take(path.as_str()) {
            // Of what came with the revision before nothing is missing.
            reached = revision - 1;
            break;
        }
        // As it is by now: a change that comes once more does no harm.
        match catalog.entry(path) {
            Some(entry) => update.put.push((path.clone(), *entry)),
            None => update.gone.push(path.clone()),
        }
        last = Some(path);
    }
    update.to = Some(reached);
    Some(update)
}

/// What still fits into a message.
struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    fn after(update: &Update) -> Self {
        let paths = update.put.iter().map(|(path, _)| path).chain(&update.gone);
        let (rows, bytes) =
            paths.fold((0, 0), |(rows, bytes), path| (rows + 1, bytes + path.as_str().len() + ROW_BYTES));
        Self { rows: ROWS_PER_RECORD.saturating_sub(rows), bytes: CHUNK_BYTES.saturating_sub(bytes) }
    }

    /// Takes the room of one row; false where there is none.
    fn take(&mut self, path: &str) -> bool {
        let bytes = path.len() + ROW_BYTES;
        let fits = self.rows > 0 && self.bytes >= bytes;
        if fits {
            self.rows -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}
