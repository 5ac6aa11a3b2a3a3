//! A sort of numbers that can be interrupted, and the only one of the page.
//!
//! The standard library's sort cannot be interrupted, and is several kilobytes of WebAssembly for each kind of comparison.

use std::cmp::Ordering;

/// Which of two numbers comes first.
type Compare<'a> = dyn Fn(u32, u32) -> Ordering + 'a;

/// Sorts numbers at once.
pub(crate) fn sorted(rows: &[u32], compare: &Compare<'_>) -> Vec<u32> {
    let mut merge = Merge::of(rows);
    while !merge.step(usize::MAX, compare) {}
    merge.into_rows()
}

/// Sorts anything, by numbering it; equal things keep their order.
pub(crate) fn sort<T>(things: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let numbers: Vec<u32> = (0..).take(things.len()).collect();
    let order = sorted(&numbers, &|one, other| match (things.get(one as usize), things.get(other as usize)) {
        (Some(left), Some(right)) => compare(left, right).then(one.cmp(&other)),
        _ => Ordering::Equal,
    });
    let mut taken: Vec<Option<T>> = things.drain(..).map(Some).collect();
    things.extend(order.into_iter().filter_map(|number| taken.get_mut(number as usize)?.take()));
}

/// A merge sort from the bottom up that can be interrupted between any two merges, and in the middle of one.
#[derive(Debug)]
pub(super) struct Merge {
    /// Sorted runs of `width`.
    rows: Vec<u32>,
    /// Sorted runs of twice that, as far as they are made.
    merged: Vec<u32>,
    width: usize,
    left: usize,
    right: usize,
}

/// Runs that are sorted at once, before merging begins.
const RUN: usize = 8;

impl Merge {
    pub(super) fn of(rows: &[u32]) -> Self {
        Self { rows: rows.to_vec(), merged: Vec::new(), width: 0, left: 0, right: 0 }
    }

    /// Goes on for about so many comparisons; true when everything is sorted.
    pub(super) fn step(&mut self, comparisons: usize, compare: &Compare<'_>) -> bool {
        let mut budget = comparisons;
        if self.width == 0 {
            budget = self.sort_runs(budget, compare);
        }
        while budget > 0 && self.width < self.rows.len() {
            budget = self.merge(budget, compare);
        }
        self.width > 0 && self.width >= self.rows.len()
    }

    /// What is sorted.
    pub(super) fn into_rows(self) -> Vec<u32> {
        self.rows
    }

    /// The first round: short runs, each sorted in its place. `left` is how far it came.
    fn sort_runs(&mut self, mut budget: usize, compare: &Compare<'_>) -> usize {
        while budget > 0 {
            let end = (self.left + RUN).min(self.rows.len());
            let Some(run) = self.rows.get_mut(self.left..end) else { break };
            sort_run(run, compare);
            self.left = end;
            budget = budget.saturating_sub(RUN * RUN / 4);
            if end == self.rows.len() {
                self.begin_round(RUN);
                break;
            }
        }
        budget
    }

    fn begin_round(&mut self, width: usize) {
        self.width = width;
        self.merged = Vec::with_capacity(self.rows.len());
        (self.left, self.right) = (0, width);
    }

    /// Merges pairs of runs into `merged`, one row at a time.
    fn merge(&mut self, mut budget: usize, compare: &Compare<'_>) -> usize {
        let length = self.rows.len();
        while budget > 0 && self.merged.len() < length {
            let base = self.merged.len() - self.merged.len() % (self.width * 2);
            let middle = (base + self.width).min(length);
            let end = (base + self.width * 2).min(length);
            let left = self.rows.get(self.left).copied().filter(|_| self.left < middle);
            let right = self.rows.get(self.right).copied().filter(|_| self.right < end);
            let takes_right = match (left, right) {
                (Some(left), Some(right)) => {
                    budget -= 1;
                    compare(right, left).is_lt()
                }
                (None, Some(_)) => true,
                _ => false,
            };
            let taken = if takes_right { &mut self.right } else { &mut self.left };
            *taken += 1;
            if let Some(row) = if takes_right { right } else { left } {
                self.merged.push(row);
            }
            if self.merged.len() == end {
                (self.left, self.right) = (end, (end + self.width).min(length));
            }
        }
        if self.merged.len() >= length {
            self.rows = std::mem::take(&mut self.merged);
            self.begin_round(self.width * 2);
        }
        budget
    }
}

/// Sorts a few rows by putting each where it belongs. The standard library's sort is several kilobytes for each comparison.
fn sort_run(run: &mut [u32], compare: &Compare<'_>) {
    for end in 1..run.len() {
        let mut at = end;
        while let Some([before, here]) = at.checked_sub(1).and_then(|left| run.get_mut(left..=at)) {
            if compare(*here, *before).is_ge() {
                break;
            }
            std::mem::swap(before, here);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_sorted_and_what_is_equal_stays() {
        for count in 0..70_u32 {
            let mut things: Vec<(u32, u32)> = (0..count).map(|number| (number * 7919 % 10, number)).collect();
            let mut expected = things.clone();
            expected.sort();
            sort(&mut things, |one, other| one.0.cmp(&other.0));
            assert_eq!(things, expected);
        }
    }
}
