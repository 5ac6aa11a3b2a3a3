//! Which rows a person has selected, and where they are in the list.
//!
//! Rows are kept by number, so that a selection stays with its files however the list is sorted or filtered.

use super::found::Found;

/// The rows selected, and the two ends of a range.
#[derive(Debug, Default)]
pub struct Selection {
    /// One bit for each row.
    bits: Vec<u64>,
    count: usize,
    bytes: u64,
    /// Whether some of it is of unknown size.
    is_open: bool,
    /// The row that the keyboard acts on.
    cursor: Option<u32>,
    /// Where a range began.
    anchor: Option<u32>,
}

impl Selection {
    /// How many rows are selected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their size together, as far as it is known, and whether all of it is.
    #[must_use]
    pub fn bytes(&self) -> (u64, bool) {
        (self.bytes, !self.is_open)
    }

    /// The row that the keyboard acts on.
    #[must_use]
    pub fn cursor(&self) -> Option<u32> {
        self.cursor
    }

    /// Whether a row is selected.
    #[must_use]
    pub fn has(&self, row: u32) -> bool {
        self.bits.get(row as usize / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    /// The rows selected, by number.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        let numbers = (0_u32..).step_by(64).zip(&self.bits);
        numbers.flat_map(|(first, bits)| (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| first + bit))
    }

    pub(crate) fn move_to(&mut self, row: Option<u32>) {
        self.cursor = row;
    }

    pub(crate) fn anchor(&self) -> Option<u32> {
        self.anchor
    }

    /// Turns one row over, and begins a range there.
    pub(crate) fn toggle(&mut self, found: &Found, row: u32) {
        let is_selected = !self.has(row);
        self.set(found, row, is_selected);
        self.anchor = Some(row);
    }

    /// Selects these rows besides what is selected.
    pub(crate) fn add(&mut self, found: &Found, rows: &[u32]) {
        rows.iter().for_each(|row| self.set(found, *row, true));
    }

    /// Selects nothing; the cursor stays.
    pub(crate) fn clear(&mut self) {
        *self = Self { cursor: self.cursor, ..Self::default() };
    }

    fn set(&mut self, found: &Found, row: u32, is_selected: bool) {
        // What nobody holds can neither be saved nor selected.
        if self.has(row) == is_selected || found.holders(row) == 0 {
            return;
        }
        let place = row as usize / 64;
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(place) {
            *bits ^= 1 << (row % 64);
        }
        let size = found.size(row);
        if is_selected {
            self.count += 1;
            self.bytes = self.bytes.saturating_add(size.unwrap_or(0));
            self.is_open |= size.is_none();
        } else {
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(size.unwrap_or(0));
            self.is_open = self.is_open && self.rows().any(|row| found.size(row).is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Offer;
    use shared::PeerUrl;

    #[test]
    fn count_and_size_follow_what_is_selected() {
        let peer = PeerUrl::parse("http://attic:1").unwrap();
        let mut found = Found::default();
        for (number, size) in [Some(10), None, Some(30)].into_iter().enumerate() {
            found.add(&peer, &Offer { path: format!("{number}"), size, modified: None, id: None });
        }
        let mut selection = Selection::default();
        selection.add(&found, &[0, 1, 2, 2, 99]);
        assert_eq!((selection.count(), selection.bytes()), (3, (40, false)));
        selection.toggle(&found, 1);
        assert_eq!((selection.count(), selection.bytes()), (2, (40, true)));
        assert_eq!(selection.rows().collect::<Vec<_>>(), [0, 2]);
        selection.move_to(Some(2));
        selection.clear();
        assert_eq!((selection.count(), selection.bytes(), selection.cursor()), (0, (0, true), Some(2)));
        let away = PeerUrl::parse("http://cellar:1").unwrap();
        found.saw(&away, 60);
        found.add(&away, &Offer { path: "away".into(), size: Some(1), modified: None, id: None });
        selection.add(&found, &[2, 3]);
        assert_eq!(selection.rows().collect::<Vec<_>>(), [2]);
    }
}
