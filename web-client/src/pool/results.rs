//! The results of one search: taken in and sorted slice by slice, filtered, and walked through with keys.

use std::collections::VecDeque;

use shared::PeerUrl;

use super::found::{Added, Found, Offer};
use super::order::{Order, Sort};
use super::{Kind, Selection};

/// Rows that one slice of work takes in: about a millisecond. `runner` does as many slices in a row as there is time for.
const TAKEN_IN: usize = 200;
/// Comparisons that one slice of work makes.
const COMPARISONS: usize = 4_000;
/// Rows that may wait to be taken in.
const MOST_WAITING: usize = super::MOST_COPIES;

/// A step through the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many rows down, or up.
    By(i32),
    /// To the first row.
    First,
    /// To the last.
    Last,
}

/// What one search has brought so far.
#[derive(Debug, Default)]
pub struct Results {
    found: Found,
    order: Order,
    /// The rows of the chosen kinds, in order; `None` while all kinds are shown.
    filtered: Option<Vec<u32>>,
    /// The chosen kinds, a bit for each; none chosen shows all.
    kinds: u8,
    counts: [u32; 8],
    waiting: VecDeque<(PeerUrl, std::vec::IntoIter<Offer>)>,
    waiting_rows: usize,
    /// Who is selected.
    pub selection: Selection,
}

impl Results {
    /// Empty results that will be sorted so.
    #[must_use]
    pub fn new(sort: Sort) -> Self {
        Self { order: Order::new(sort), ..Self::default() }
    }

    /// All that was found.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The rows to show, first to last.
    #[must_use]
    pub fn shown(&self) -> &[u32] {
        self.filtered.as_deref().unwrap_or_else(|| self.order.rows())
    }

    /// How many rows there are of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u32 {
        self.counts.get(kind.index()).copied().unwrap_or(0)
    }

    /// Whether a kind is chosen.
    #[must_use]
    pub fn is_chosen(&self, kind: Kind) -> bool {
        self.kinds >> kind.index() & 1 == 1
    }

    /// Whether any kind is chosen, so that others are not shown.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.kinds != 0
    }

    /// Takes offers of a peer, to be worked on.
    pub(crate) fn take(&mut self, peer: PeerUrl, mut offers: Vec<Offer>) {
        // More than this never becomes a row.
        offers.truncate(MOST_WAITING.saturating_sub(self.waiting_rows));
        self.waiting_rows += offers.len();
        self.waiting.push_back((peer, offers.into_iter()));
    }

    /// A peer is away, last seen so many seconds ago.
    pub(crate) fn saw(&mut self, peer: &PeerUrl, seconds: u64) {
        self.found.saw(peer, seconds);
    }

    /// Whether `Results::work` has something to do.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.waiting.is_empty() || self.order.is_unfinished()
    }

    /// Does one slice of work; whoever calls it gives the browser time between two.
    pub(crate) fn work(&mut self) {
        if self.waiting.is_empty() {
            self.order.step(&self.found, COMPARISONS);
        } else {
            self.take_in();
        }
        self.filter();
    }

    fn take_in(&mut self) {
        let mut new = Vec::with_capacity(TAKEN_IN);
        let mut has_changed = false;
        let mut left = TAKEN_IN;
        while left > 0 {
            let Some((peer, offers)) = self.waiting.front_mut() else { break };
            let Some(offer) = offers.next() else {
                self.waiting.pop_front();
                continue;
            };
            left -= 1;
            self.waiting_rows = self.waiting_rows.saturating_sub(1);
            match self.found.add(peer, &offer) {
                Added::Row(row) => {
                    if let Some(count) = self.counts.get_mut(self.found.kind(row).index()) {
                        *count += 1;
                    }
                    new.push(row);
                }
                Added::Folded(_) => has_changed = true,
                Added::Nothing => {}
            }
        }
        // An emptied queue is seen at once, not at the next slice.
        while self.waiting.front().is_some_and(|(_, offers)| offers.len() == 0) {
            self.waiting.pop_front();
        }
        self.order.insert(&self.found, new);
        if has_changed {
            self.order.changed();
        }
    }

    fn filter(&mut self) {
        let rows = self.order.rows().iter().copied();
        let is_chosen = |row: &u32| self.is_chosen(self.found.kind(*row));
        self.filtered = self.is_filtered().then(|| rows.filter(is_chosen).collect());
    }

    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.order.sort_by(sort);
    }

    /// Turns a kind's choice over; `None` chooses all kinds again.
    pub(crate) fn choose(&mut self, kind: Option<Kind>) {
        self.kinds = kind.map_or(0, |kind| self.kinds ^ 1 << kind.index());
        self.filter();
    }

    /// The same kinds as in the search before.
    pub(crate) fn choose_as(&mut self, other: &Self) {
        self.kinds = other.kinds;
        self.filter();
    }

    /// Puts the cursor on the file that it was on in other results, if that is there.
    pub(crate) fn stand_as(&mut self, other: &Self) {
        let Some(file) = other.selection.cursor() else { return };
        let named = |found: &Found, row| (found.name(row).to_owned(), found.folder(row).to_owned(), found.size(row));
        let wanted = named(&other.found, file);
        let is_it = |row: &u32| self.found.name(*row) == wanted.0 && named(&self.found, *row) == wanted;
        self.selection.move_to(self.shown().iter().copied().find(is_it));
    }

    /// At which place the cursor is.
    #[must_use]
    pub fn cursor_place(&self) -> Option<usize> {
        self.place(self.selection.cursor()?)
    }

    fn place(&self, row: u32) -> Option<usize> {
        self.shown().iter().position(|shown| *shown == row)
    }

    /// Moves the cursor, with a range behind it if wished.
    pub(crate) fn walk(&mut self, step: Step, is_range: bool) {
        let last = self.shown().len().saturating_sub(1);
        let here = self.cursor_place();
        let there = match (step, here) {
            (Step::First, _) | (Step::By(_), None) => 0,
            (Step::Last, _) => last,
            (Step::By(rows), Some(here)) => here.saturating_add_signed(rows as isize).min(last),
        };
        let begun = self.selection.anchor().or(self.selection.cursor());
        self.selection.move_to(self.shown().get(there).copied());
        if is_range {
            self.select_range(begun);
        }
    }

    /// Puts the cursor on a row, and turns it over or selects the range up to it.
    pub(crate) fn press(&mut self, row: u32, is_range: bool) {
        let begun = self.selection.anchor();
        self.selection.move_to(Some(row));
        match begun {
            Some(begun) if is_range => self.select_range(Some(begun)),
            _ => self.selection.toggle(&self.found, row),
        }
    }

    fn select_range(&mut self, begun: Option<u32>) {
        let (Some(from), Some(to)) = (begun.and_then(|row| self.place(row)), self.cursor_place()) else { return };
        let shown = self.filtered.as_deref().unwrap_or_else(|| self.order.rows());
        let range = shown.get(from.min(to)..=from.max(to)).unwrap_or_default();
        self.selection.add(&self.found, range);
    }

    /// Selects these rows, and no others.
    pub(crate) fn select_only(&mut self, rows: &[u32]) {
        self.selection.clear();
        self.selection.add(&self.found, rows);
    }

    /// Selects all that is shown, or nothing if it already is.
    pub(crate) fn select_all(&mut self) {
        let shown = self.filtered.as_deref().unwrap_or_else(|| self.order.rows());
        if shown.iter().all(|row| self.selection.has(*row) || self.found.holders(*row) == 0) {
            self.selection.clear();
        } else {
            self.selection.add(&self.found, shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(names: &[&str]) -> Results {
        let mut results = Results::new(Sort::default());
        let offers = names.iter().map(|name| Offer { path: (*name).into(), size: Some(1), modified: None, id: None });
        results.take(PeerUrl::parse("http://attic:1").unwrap(), offers.collect());
        while results.is_unfinished() {
            results.work();
        }
        results
    }

    fn names(results: &Results) -> Vec<&str> {
        results.shown().iter().map(|row| results.found().name(*row)).collect()
    }

    #[test]
    fn kinds_are_counted_and_filter() {
        let mut results = results(&["b.jpg", "a.mp3", "c.jpg", "d"]);
        assert_eq!((results.count(Kind::Image), results.count(Kind::Other)), (2, 1));
        results.choose(Some(Kind::Image));
        assert_eq!(names(&results), ["b.jpg", "c.jpg"]);
        results.choose(Some(Kind::Audio));
        assert_eq!(names(&results), ["a.mp3", "b.jpg", "c.jpg"]);
        results.choose(None);
        assert_eq!(names(&results).len(), 4);
    }

    #[test]
    fn keys_walk_within_the_list_and_select_ranges() {
        let mut results = results(&["a", "b", "c", "d"]);
        results.walk(Step::By(1), false);
        assert_eq!(results.cursor_place(), Some(0));
        results.walk(Step::By(-3), false);
        assert_eq!(results.cursor_place(), Some(0));
        results.walk(Step::By(2), true);
        assert_eq!((results.cursor_place(), results.selection.count()), (Some(2), 3));
        results.walk(Step::Last, false);
        results.walk(Step::By(1), false);
        assert_eq!(results.cursor_place(), Some(3));
        results.select_all();
        assert_eq!(results.selection.count(), 4);
        results.select_all();
        assert_eq!(results.selection.count(), 0);
    }

    #[test]
    fn a_press_with_shift_selects_up_to_there() {
        let mut results = results(&["a", "b", "c", "d"]);
        let row = |results: &Results, place: usize| results.shown()[place];
        let (one, three) = (row(&results, 1), row(&results, 3));
        results.press(one, false);
        results.press(three, true);
        assert_eq!(results.selection.count(), 3);
        results.press(one, false);
        assert_eq!(results.selection.count(), 2);
    }

    #[test]
    fn a_hundred_thousand_rows_are_taken_in_in_short_slices() {
        let mut results = Results::new(Sort::default());
        let offers = (0..100_000_u32).map(|number| Offer {
            path: format!("Music/{}/Track {}.mp3", number % 100, number.wrapping_mul(2_654_435_761)),
            size: Some(u64::from(number)),
            modified: None,
            id: None,
        });
        results.take(PeerUrl::parse("http://attic:1").unwrap(), offers.collect());
        let mut slices = 0;
        while results.is_unfinished() {
            results.work();
            slices += 1;
        }
        assert_eq!((results.shown().len(), slices), (100_000, 500));
    }
}
