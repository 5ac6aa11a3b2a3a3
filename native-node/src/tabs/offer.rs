//! What a tab shares: taken over into the host, bounded for each tab and for all of them.
//!
//! A session begins with nothing: its first offer replaces what sessions before it offered, which is remembered until then
//! for those who are reading it.

use std::sync::atomic::{AtomicUsize, Ordering};

use shared::bridge::{Offer, Offered, OfferedForm};
use shared::limits::{TAB_FILE_BYTES, TAB_FILES, TAB_PATH_BYTES, TABS_FILES, TABS_PATH_BYTES};
use shared::{Catalog, ContentId, Entry, Form, SharedPath};

use super::{Tab, TabSession};

/// Files that are taken over under one lock; others call meanwhile.
const AT_ONCE: usize = 1_000;

/// What all tabs offer together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    files: AtomicUsize,
    path_bytes: AtomicUsize,
}

/// What one tab offers, counted.
#[derive(Debug, Default)]
pub(super) struct Shares {
    files: usize,
    path_bytes: usize,
    /// Whether this session has offered anything.
    has_begun: bool,
    has_warned: bool,
}

impl Totals {
    /// Room for one more file, if there is.
    fn take(&self, path: &SharedPath) -> bool {
        let bytes = path.as_str().len();
        let files = self.files.fetch_add(1, Ordering::Relaxed);
        let path_bytes = self.path_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = files < TABS_FILES && path_bytes + bytes <= TABS_PATH_BYTES;
        if !fits {
            self.give_back(1, bytes);
        }
        fits
    }

    fn give_back(&self, files: usize, path_bytes: usize) {
        self.files.fetch_sub(files, Ordering::Relaxed);
        self.path_bytes.fetch_sub(path_bytes, Ordering::Relaxed);
    }
}

impl Shares {
    /// A session begins.
    pub(super) fn begin(&mut self) {
        self.has_begun = false;
    }

    fn withdraw_all(&mut self, totals: &Totals) {
        totals.give_back(self.files, self.path_bytes);
        (self.files, self.path_bytes) = (0, 0);
    }

    /// Takes a file over. False where there are too many.
    fn add(&mut self, catalog: &mut Catalog, totals: &Totals, path: SharedPath, entry: Entry) -> bool {
        let bytes = path.as_str().len();
        if catalog.entry(&path).is_none() {
            let fits = self.files < TAB_FILES && self.path_bytes + bytes <= TAB_PATH_BYTES;
            if !(fits && totals.take(&path)) {
                return false;
            }
            self.files += 1;
            self.path_bytes += bytes;
        }
        catalog.insert(path, entry);
        true
    }

    fn remove(&mut self, catalog: &mut Catalog, totals: &Totals, path: &str) {
        let Ok(path) = SharedPath::parse(path) else { return };
        if catalog.remove(&path) {
            let bytes = path.as_str().len();
            self.files -= 1;
            self.path_bytes -= bytes;
            totals.give_back(1, bytes);
        }
    }
}

impl Tab {
    pub(super) fn withdraw_all(&self, totals: &Totals) {
        self.shares().withdraw_all(totals);
    }
}

impl TabSession {
    /// The tab offers and withdraws. What is no path of a shared file, or too much, is left out.
    pub(crate) fn offered(&self, offer: Offer) {
        let Self { node, tab, number } = self;
        let totals = &node.tabs().totals;
        let count = offer.add.len();
        let add: Vec<_> = offer.add.into_iter().filter_map(read).collect();
        let mut left_out = count - add.len();
        // One offer of a tab after the other, whatever sends them.
        let mut shares = tab.shares();
        if !tab.is_session(*number) {
            return;
        }
        let starts_anew = offer.all || !shares.has_begun;
        shares.has_begun = true;
        node.with_host(|host, _| {
            let Some(catalog) = host.catalog_mut(tab.url()) else { return };
            if starts_anew {
                shares.withdraw_all(totals);
                catalog.clear();
            }
        });
        for some in offer.remove.chunks(AT_ONCE) {
            node.with_host(|host, _| {
                let Some(catalog) = host.catalog_mut(tab.url()) else { return };
                some.iter().for_each(|path| shares.remove(catalog, totals, path));
            });
        }
        for some in add.chunks(AT_ONCE) {
            node.with_host(|host, _| {
                let Some(catalog) = host.catalog_mut(tab.url()) else { return };
                for (path, entry) in some {
                    left_out += usize::from(!shares.add(catalog, totals, path.clone(), *entry));
                }
            });
        }
        node.with_host(|host, now| host.set_away(now, tab.url(), false));
        if left_out > 0 && !std::mem::replace(&mut shares.has_warned, true) {
            tracing::warn!(tab = %tab.url(), left_out, "a tab offers files that are left out: too many, or of names that cannot be");
        }
        drop(shares);
        node.peers_changed();
    }
}

/// One file as it is kept; none where it cannot be.
fn read(offered: Offered) -> Option<(SharedPath, Entry)> {
    let Offered { path, size, modified, form, id, executable: _ } = offered;
    let path = SharedPath::parse(&path).ok()?;
    // Whoever sends the bytes compares them with what is said here, and stops where it was not true.
    let form = match form {
        None => Form::Unknown,
        Some(OfferedForm::Plain { escaped }) => Form::Plain { escaped },
        Some(OfferedForm::Text { escaped }) => Form::Text { escaped },
        Some(OfferedForm::Binary) => Form::Binary,
    };
    let is_possible = match form {
        Form::Plain { escaped } | Form::Text { escaped } => escaped >= size && escaped / 8 <= size,
        Form::Binary | Form::Unknown => true,
    };
    // The same of the id: whoever gets the bytes proves them by it.
    let id = id.map(ContentId);
    (size <= TAB_FILE_BYTES && is_possible).then_some((path, Entry { form, id, ..Entry::unread(size, modified) }))
}
