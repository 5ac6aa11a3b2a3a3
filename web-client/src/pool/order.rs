//! In which order rows are shown, kept while they stream in, and made anew in slices so that the page never freezes.
//!
//! It moves numbers of rows only; what is behind a number is [`Found`]'s.

use std::cmp::Ordering;

use super::found::Found;
use super::merge::{self, Merge};
use super::naming;

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Column {
    #[default]
    Name,
    Size,
    Age,
    Holders,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Size, Self::Age, Self::Holders];

    /// Its name in the page's markup.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Age => "age",
            Self::Holders => "holders",
        }
    }
}

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// By what.
    pub column: Column,
    /// The other way around: from the largest, the newest, the most, from Z.
    pub is_down: bool,
}

impl Sort {
    /// What a press on a column's head makes of this: another column begins with what people look for first.
    #[must_use]
    pub fn pressed(self, column: Column) -> Self {
        let is_down = if column == self.column { !self.is_down } else { column != Column::Name };
        Self { column, is_down }
    }

    fn compare(self, found: &Found, one: u32, other: u32) -> Ordering {
        let first = match self.column {
            Column::Name => Ordering::Equal,
            Column::Size => self.known(found.size(one), found.size(other)),
            Column::Age => self.known(found.modified(one), found.modified(other)),
            Column::Holders => self.turned(found.holders(one).cmp(&found.holders(other))),
        };
        let by_name = || {
            let names = found.head(one).cmp(&found.head(other));
            let names = names.then_with(|| naming::compare(found.name(one), found.name(other)));
            if self.column == Column::Name { self.turned(names) } else { names }
        };
        first.then_with(by_name).then_with(|| found.folder(one).cmp(found.folder(other))).then(one.cmp(&other))
    }

    fn turned(self, order: Ordering) -> Ordering {
        if self.is_down { order.reverse() } else { order }
    }

    /// What nobody told comes last in both directions.
    fn known<T: Ord>(self, one: Option<T>, other: Option<T>) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) => self.turned(one.cmp(&other)),
            (one, other) => one.is_none().cmp(&other.is_none()),
        }
    }
}

/// Rows in order, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Order {
    sort: Sort,
    rows: Vec<u32>,
    /// The order that is being made, if this one no longer holds.
    anew: Option<Merge>,
}

impl Order {
    pub(crate) fn new(sort: Sort) -> Self {
        Self { sort, ..Self::default() }
    }

    /// The rows, first to last.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Puts new rows where they belong.
    pub(crate) fn insert(&mut self, found: &Found, new: Vec<u32>) {
        if self.anew.is_some() {
            // Their place is found with everybody else's; until then, they are at the end.
            self.rows.extend(new);
            self.anew = Some(Merge::of(&self.rows));
            return;
        }
        let sort = self.sort;
        let new = merge::sorted(&new, &|one, other| sort.compare(found, one, other));
        let mut merged = Vec::with_capacity(self.rows.len() + new.len());
        let mut rest = self.rows.as_slice();
        for row in new {
            // Few comparisons per new row, and plain copies of what lies between.
            let at = rest.partition_point(|old| sort.compare(found, *old, row).is_lt());
            let (before, behind) = rest.split_at(at);
            merged.extend_from_slice(before);
            merged.push(row);
            rest = behind;
        }
        merged.extend_from_slice(rest);
        self.rows = merged;
    }

    /// Sorts by something else from now on; [`Order::step`] does it.
    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.anew = Some(Merge::of(&self.rows));
    }

    /// Says that rows have changed in what they may be sorted by.
    pub(crate) fn changed(&mut self) {
        if self.anew.is_none() && matches!(self.sort.column, Column::Holders | Column::Age) {
            self.anew = Some(Merge::of(&self.rows));
        }
    }

    /// Whether [`Order::step`] has something to do.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.anew.is_some()
    }

    /// Works for about so many comparisons, and answers whether the order has changed.
    pub(crate) fn step(&mut self, found: &Found, comparisons: usize) -> bool {
        let sort = self.sort;
        let Some(anew) = &mut self.anew else { return false };
        if anew.step(comparisons, &|one, other| sort.compare(found, one, other)) {
            self.rows = self.anew.take().map(Merge::into_rows).unwrap_or_default();
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Added, Offer};
    use shared::PeerUrl;

    /// Rows with odd names, sizes with gaps, from a fixed seed.
    fn found(count: u32) -> Found {
        let peer = PeerUrl::parse("http://attic:1").unwrap();
        let mut found = Found::default();
        let mut seed = 88_172_645_463_325_252_u64;
        for number in 0..count {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let path = format!("{}/Track {} of {}.mp3", seed % 7, seed % 1000, number);
            let known = !seed.is_multiple_of(5);
            let offer = Offer {
                path,
                size: known.then_some(seed % 10_000),
                modified: known.then_some(i64::try_from(seed % 999).unwrap()),
                id: None,
            };
            assert_eq!(found.add(&peer, &offer), Added::Row(number));
        }
        found
    }

    fn is_sorted(order: &Order, found: &Found) -> bool {
        order.rows().windows(2).all(|pair| order.sort.compare(found, pair[0], pair[1]).is_lt())
    }

    #[test]
    fn rows_that_stream_in_are_always_in_order() {
        let found = found(3_000);
        for column in Column::ALL {
            let mut order = Order::new(Sort { column, is_down: column == Column::Size });
            for batch in (0..3_000).collect::<Vec<_>>().chunks(170) {
                order.insert(&found, batch.to_vec());
                assert!(is_sorted(&order, &found), "{column:?}");
            }
            assert_eq!(order.rows().len(), 3_000);
        }
    }

    #[test]
    fn sorting_in_slices_of_any_size_gives_the_same_order() {
        for count in [0, 1, 2, 63, 64, 65, 128, 129, 1_000] {
            let found = found(count);
            for slice in [1, 7, 1_000_000] {
                for sort in [Sort { column: Column::Age, is_down: true }, Sort::default()] {
                    let mut order = Order::new(Sort { column: Column::Size, is_down: false });
                    order.insert(&found, (0..count).collect());
                    order.sort_by(sort);
                    while order.is_unfinished() {
                        order.step(&found, slice);
                    }
                    assert_eq!(order.rows().len(), count as usize);
                    assert!(is_sorted(&order, &found), "{count} rows in slices of {slice}");
                }
            }
        }
    }

    #[test]
    fn rows_that_come_while_it_is_sorted_anew_are_not_lost() {
        let found = found(500);
        let mut order = Order::new(Sort::default());
        order.insert(&found, (0..300).collect());
        order.sort_by(Sort { column: Column::Holders, is_down: true });
        order.step(&found, 10);
        order.insert(&found, (300..500).collect());
        while order.is_unfinished() {
            order.step(&found, 100);
        }
        assert_eq!(order.rows().len(), 500);
        assert!(is_sorted(&order, &found));
    }

    #[test]
    fn what_nobody_told_comes_last_in_both_directions() {
        let found = found(100);
        for is_down in [false, true] {
            let mut order = Order::new(Sort { column: Column::Size, is_down });
            order.insert(&found, (0..100).collect());
            let sizes: Vec<_> = order.rows().iter().map(|row| found.size(*row).is_none()).collect();
            assert!(sizes.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn a_press_turns_the_same_column_and_begins_another_with_what_people_look_for() {
        let by_name = Sort::default();
        assert_eq!(by_name.pressed(Column::Name), Sort { column: Column::Name, is_down: true });
        assert_eq!(by_name.pressed(Column::Size), Sort { column: Column::Size, is_down: true });
    }
}
