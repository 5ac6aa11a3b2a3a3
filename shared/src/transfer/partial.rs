//! Holders that have some of the pieces, and come to have more: which each has, and how many have a piece.

use std::collections::{BTreeMap, BTreeSet};

use super::HolderNumber;
use crate::Moment;
use crate::state::dice::Dice;

/// Bits of a word.
const BITS: u64 = u64::BITS as u64;

/// What holders have that do not have everything.
#[derive(Debug)]
pub(super) struct Partial {
    have: BTreeMap<HolderNumber, Vec<u64>>,
    /// By piece: how many of these have it.
    counts: Vec<u16>,
    /// What comes to each just now from who has everything, and since when.
    coming: BTreeMap<HolderNumber, Vec<(u64, Moment)>>,
    seed: u64,
}

/// Pieces that come to one holder at once, at most: what it says beyond is not believed.
const COMING: usize = 4;

impl Partial {
    pub(super) fn new(pieces: usize, seed: u64) -> Self {
        Self { have: BTreeMap::new(), counts: vec![0; pieces], coming: BTreeMap::new(), seed }
    }

    /// Whether a holder is one of these.
    pub(super) fn is_one(&self, holder: HolderNumber) -> bool {
        self.have.contains_key(&holder)
    }

    /// A holder of which nothing is known yet.
    pub(super) fn join(&mut self, holder: HolderNumber) {
        let words = self.counts.len().div_ceil(u64::BITS as usize);
        self.have.entry(holder).or_insert_with(|| vec![0; words]);
    }

    /// One of these has one piece more.
    pub(super) fn gain(&mut self, holder: HolderNumber, piece: u64) {
        let Some(count) = usize::try_from(piece).ok().and_then(|piece| self.counts.get_mut(piece)) else { return };
        let Some(word) = self.have.get_mut(&holder).and_then(|have| have.get_mut(word_of(piece))) else { return };
        let bit = 1 << (piece % BITS);
        if *word & bit == 0 {
            *word |= bit;
            *count = count.saturating_add(1);
        }
    }

    /// These come to one of them just now from who has everything.
    pub(super) fn set_coming(&mut self, now: Moment, holder: HolderNumber, pieces: &[u64]) {
        if !self.is_one(holder) {
            return;
        }
        let before = self.coming.remove(&holder).unwrap_or_default();
        let since = |piece| before.iter().find(|(known, _)| *known == piece).map_or(now, |(_, since)| *since);
        let coming = pieces.iter().take(COMING).map(|piece| (*piece, since(*piece))).collect();
        self.coming.insert(holder, coming);
    }

    /// Pieces that have begun to come to somebody since `since`.
    pub(super) fn coming(&self, since: Moment) -> BTreeSet<u64> {
        let all = self.coming.values().flatten();
        all.filter(|(_, begun)| *begun >= since).map(|(piece, _)| *piece).collect()
    }

    /// One of these is not there any more.
    pub(super) fn leave(&mut self, holder: HolderNumber) {
        self.coming.remove(&holder);
        let Some(have) = self.have.remove(&holder) else { return };
        for (piece, count) in (0..).zip(&mut self.counts) {
            if is_in(&have, piece) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Whether a holder has a piece; those that have everything do.
    pub(super) fn has(&self, holder: HolderNumber, piece: u64) -> bool {
        self.have.get(&holder).is_none_or(|have| is_in(have, piece))
    }

    /// How many of these have a piece.
    pub(super) fn count(&self, piece: u64) -> u16 {
        usize::try_from(piece).ok().and_then(|piece| self.counts.get(piece)).copied().unwrap_or_default()
    }

    /// Those of them that have a piece.
    pub(super) fn holders_of(&self, piece: u64) -> impl Iterator<Item = HolderNumber> {
        self.have.iter().filter(move |(_, have)| is_in(have, piece)).map(|(holder, _)| *holder)
    }

    /// The rarest of these pieces; of several as rare, each receiver has another first.
    pub(super) fn rarest(&self, pieces: impl Iterator<Item = u64>) -> Option<u64> {
        pieces.min_by_key(|piece| (self.count(*piece), Dice::new(self.seed ^ piece.rotate_left(32)).roll()))
    }
}

fn word_of(piece: u64) -> usize {
    usize::try_from(piece / BITS).unwrap_or(usize::MAX)
}

fn is_in(have: &[u64], piece: u64) -> bool {
    have.get(word_of(piece)).is_some_and(|word| word & (1 << (piece % BITS)) != 0)
}
