//! Which piece is asked of whom, when several holders send one content at once.
//!
//! A holder takes runs of missing pieces, each as long as it is fast. Once nothing is missing any more that nobody has been
//! asked for, whoever is idle takes over the far end of the run that would end last; only a piece that is on its way
//! already, from a holder that is much slower, is asked for a second time. A slow, dead or lying holder costs its runs.
//!
//! Others may fetch the same at the same time, and be holders of what they have so far. In such a crowd a run is one piece.
//! Who has everything is asked for what nobody else has or is about to have, each receiver beginning elsewhere, so that it
//! sends each piece about once; those who have a part are asked for the rarest that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::PIECE_BYTES;
use super::partial::Partial;
use crate::Moment;

/// How long a run is to take: often enough to learn how fast its holder is, seldom enough that asking costs nothing.
const RUN_TIME: Duration = Duration::from_secs(1);
/// Pieces in one run, at most.
const LONGEST_RUN: u64 = 64;
/// Pieces in a run of a holder of which no speed is known.
const FIRST_RUN: u64 = 2;
/// A piece on its way is asked for again only from who is so many times faster…
const MUCH_SLOWER: f64 = 3.0;
/// … and if it would take at least so much longer.
const WORTH_A_COPY: Duration = Duration::from_millis(500);
/// For how long somebody else is believed to be about to have a piece, at least and at most, in seconds.
const PATIENCE: (f64, f64) = (2.0, 20.0);
/// A holder of everything that sent nothing yet is taken to be so fast, in bytes per second, beside others in a crowd.
const UNKNOWN_SPEED: f64 = PIECE_BYTES as f64;

/// A holder, as whoever keeps the plan numbers them.
pub type HolderNumber = u32;
/// A run, numbered as they are taken.
pub type RunNumber = u64;

/// Pieces in a row that one holder is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// To say later what became of it.
    pub number: RunNumber,
    /// Which pieces.
    pub pieces: Range<u64>,
}

/// What an idle holder is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Fetch these.
    Run(Run),
    /// Nothing now: others fetch what is missing, and it would not be faster from here. Ask again in a while.
    Wait,
    /// Every piece is there.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Missing,
    /// Somebody was asked for it.
    Asked,
    Kept,
}

#[derive(Debug)]
struct Active {
    holder: HolderNumber,
    /// The piece that comes next, or is on its way.
    next: u64,
    end: u64,
    /// When the first byte of that was asked for.
    since: Moment,
    /// Bytes of it that came.
    came: u64,
}

/// The pieces of one content, and who is asked for which.
#[derive(Debug)]
pub struct Plan {
    pieces: Vec<Piece>,
    kept: u64,
    runs: BTreeMap<RunNumber, Active>,
    numbers: RunNumber,
    /// Bytes per second of one run of a holder, smoothed.
    speeds: BTreeMap<HolderNumber, f64>,
    /// Pieces that were asked for twice; never a third time.
    copies: BTreeSet<u64>,
    /// No piece before this one is missing.
    first: usize,
    /// What holders have that do not have everything.
    partial: Partial,
    /// Whether others fetch the same.
    is_crowded: bool,
}

impl Plan {
    /// A plan for so many pieces, none of which is there. The seed is another one at each receiver.
    #[must_use]
    pub fn new(pieces: usize, seed: u64) -> Self {
        Self {
            pieces: vec![Piece::Missing; pieces],
            kept: 0,
            runs: BTreeMap::new(),
            numbers: 0,
            speeds: BTreeMap::new(),
            copies: BTreeSet::new(),
            first: 0,
            partial: Partial::new(pieces, seed),
            is_crowded: false,
        }
    }

    /// Others fetch the same at this time, or nobody does. What was taken of a long run by then is fetched; the rest is chosen
    /// anew.
    pub fn set_crowded(&mut self, is_crowded: bool) {
        if is_crowded && !self.is_crowded {
            let rests = self.runs.values_mut().filter(|run| run.next < run.end).map(|run| {
                let end = std::mem::replace(&mut run.end, run.next + 1);
                run.end..end
            });
            for piece in rests.flatten().collect::<Vec<_>>() {
                if self.at(piece) == Some(Piece::Asked) {
                    self.set(piece, Piece::Missing);
                }
            }
        }
        self.is_crowded = is_crowded;
    }

    /// A holder that has a part of the content, of which nothing is known yet. All others have everything.
    pub fn joined(&mut self, holder: HolderNumber) {
        self.partial.join(holder);
    }

    /// A holder of a part has one piece more.
    pub fn gained(&mut self, holder: HolderNumber, piece: u64) {
        self.partial.gain(holder, piece);
    }

    /// To a holder of a part these come just now from who has everything: soon it has them.
    pub fn comes(&mut self, now: Moment, holder: HolderNumber, pieces: &[u64]) {
        self.partial.set_coming(now, holder, pieces);
    }

    /// What comes to us just now from who has everything.
    #[must_use]
    pub fn coming(&self) -> Vec<u64> {
        let runs = self.runs.values().filter(|run| run.next < run.end && !self.partial.is_one(run.holder));
        runs.map(|run| run.next).filter(|piece| !self.has(*piece)).collect()
    }

    /// A holder of a part is not there any more; its runs end on their own.
    pub fn left(&mut self, holder: HolderNumber) {
        self.partial.leave(holder);
    }

    /// Whether holders of parts have, together, all that is not there yet.
    #[must_use]
    pub fn can_be_done_by_parts(&self) -> bool {
        (0..).zip(&self.pieces).all(|(piece, at)| *at == Piece::Kept || self.partial.count(piece) > 0)
    }

    /// Whether every piece is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.kept == self.pieces.len() as u64
    }

    /// Whether a piece is there.
    #[must_use]
    pub fn has(&self, piece: u64) -> bool {
        self.at(piece) == Some(Piece::Kept)
    }

    /// A piece is there; from whom makes no difference. Answers whether it was missing before.
    pub fn keep(&mut self, piece: u64) -> bool {
        let is_new = self.set(piece, Piece::Kept);
        self.kept += u64::from(is_new);
        is_new
    }

    /// A piece that was there is none of the content's.
    pub fn lose(&mut self, piece: u64) {
        if self.has(piece) && self.set(piece, Piece::Missing) {
            self.kept -= 1;
        }
    }

    /// The next run for a holder. It is asked for one while the last piece of the run before is on its way, not earlier: so
    /// the holder reads its disk in order, and what an interruption costs is little more than a piece.
    pub fn take(&mut self, now: Moment, holder: HolderNumber) -> Next {
        if self.is_done() {
            return Next::Done;
        }
        let is_partial = self.partial.is_one(holder);
        // In a crowd one piece at a time: what is whole sooner can be passed on sooner.
        let ahead = u64::from(!is_partial && !self.is_crowded);
        let mut its_own = self.runs.values().filter(|run| run.holder == holder);
        if its_own.any(|run| run.next + ahead < run.end) {
            return Next::Wait;
        }
        let pieces = if is_partial || self.is_crowded {
            self.rarest(now, holder).map(|piece| piece..piece + 1)
        } else {
            self.missing(self.speeds.get(&holder).map_or(FIRST_RUN, |speed| as_pieces(speed * RUN_TIME.as_secs_f64())))
        };
        match pieces.or_else(|| self.taken_over(now, holder)) {
            Some(pieces) => self.begin(now, holder, pieces),
            None => Next::Wait,
        }
    }

    /// Bytes of a run came.
    pub fn moved(&mut self, run: RunNumber, bytes: u64) {
        if let Some(run) = self.runs.get_mut(&run) {
            run.came = run.came.saturating_add(bytes);
        }
    }

    /// The piece that is next in a run; none once it is over, or the rest was taken over by somebody else.
    #[must_use]
    pub fn next_in(&self, run: RunNumber) -> Option<u64> {
        self.runs.get(&run).filter(|run| run.next < run.end).map(|run| run.next)
    }

    /// Whether a piece of a run is still wanted from there: somebody else may have taken it over, or sent it already.
    #[must_use]
    pub fn is_wanted(&self, run: RunNumber, piece: u64) -> bool {
        self.runs.get(&run).is_some_and(|run| (run.next..run.end).contains(&piece)) && !self.has(piece)
    }

    /// The piece that was next in a run came, whole and good. Answers whether it was missing before.
    pub fn came(&mut self, now: Moment, run: RunNumber) -> bool {
        let Some(active) = self.runs.get_mut(&run) else { return false };
        let (piece, holder) = (active.next, active.holder);
        // A piece may come within a millisecond.
        let took = now.since(active.since).max(Duration::from_micros(500));
        (active.next, active.since, active.came) = (piece + 1, now, 0);
        let speed = PIECE_BYTES as f64 / took.as_secs_f64();
        self.speeds.entry(holder).and_modify(|known| *known = (*known + speed) / 2.0).or_insert(speed);
        self.keep(piece)
    }

    /// A run is over, however it ended: what of it did not come is missing again.
    pub fn end(&mut self, run: RunNumber) {
        let Some(Active { next, end, .. }) = self.runs.remove(&run) else { return };
        for piece in next..end {
            if self.at(piece) == Some(Piece::Asked)
                && !self.runs.values().any(|run| (run.next..run.end).contains(&piece))
            {
                self.set(piece, Piece::Missing);
                self.copies.remove(&piece);
            }
        }
    }

    fn begin(&mut self, now: Moment, holder: HolderNumber, pieces: Range<u64>) -> Next {
        self.numbers += 1;
        let active = Active { holder, next: pieces.start, end: pieces.end, since: now, came: 0 };
        self.runs.insert(self.numbers, active);
        for piece in pieces.clone() {
            self.set(piece, Piece::Asked);
        }
        Next::Run(Run { number: self.numbers, pieces })
    }

    /// The first missing pieces in a row.
    fn missing(&mut self, most: u64) -> Option<Range<u64>> {
        let missing = |piece: &Piece| *piece == Piece::Missing;
        let start = self.first + self.pieces.get(self.first..)?.iter().position(missing)?;
        self.first = start;
        let length = self.pieces.get(start..)?.iter().take_while(|piece| missing(piece)).count() as u64;
        let start = start as u64;
        Some(start..start + length.min(most).max(1))
    }

    /// The missing piece in a crowd that a holder is asked for.
    fn rarest(&mut self, now: Moment, holder: HolderNumber) -> Option<u64> {
        let missing = |(piece, at): (u64, &Piece)| (*at == Piece::Missing).then_some(piece);
        let all = (0..).zip(&self.pieces).skip(self.first).filter_map(missing);
        if !self.partial.is_one(holder) {
            // What somebody is about to have comes from there: as long as it takes twice as long as here.
            let patience = self.speeds.get(&holder).map_or(PATIENCE.0, |speed| 2.0 * PIECE_BYTES as f64 / speed);
            let patience = Duration::from_secs_f64(patience.clamp(PATIENCE.0, PATIENCE.1));
            let since = Moment(now.0.saturating_sub(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX)));
            let coming = self.partial.coming(since);
            let nobodys = all.clone().filter(|piece| self.partial.count(*piece) == 0);
            if let Some(piece) = self.partial.rarest(nobodys.clone().filter(|piece| !coming.contains(piece))) {
                return Some(piece);
            }
            if nobodys.clone().next().is_some() {
                return None;
            }
        }
        let piece = self.partial.rarest(all.filter(|piece| self.partial.has(holder, *piece)))?;
        // Its time is for what nobody else has, unless it has so much that it beats all others together.
        let is_for_it =
            self.partial.is_one(holder) || self.partial.count(piece) == 0 || self.is_faster(now, holder, piece);
        is_for_it.then_some(piece)
    }

    /// Whether a holder of everything is faster than all together who have this piece.
    fn is_faster(&self, now: Moment, holder: HolderNumber, piece: u64) -> bool {
        let speed = |other: HolderNumber| {
            let known = self.speeds.get(&other).copied().unwrap_or(f64::INFINITY);
            // One that stands still becomes slower all the time.
            let runs = self.runs.values().filter(|run| run.holder == other && run.next < run.end);
            runs.map(|run| (run.came as f64 + PIECE_BYTES as f64) / now.since(run.since).as_secs_f64().max(1e-3))
                .fold(known, f64::min)
        };
        let theirs: f64 = self.partial.holders_of(piece).map(speed).sum();
        self.speeds.get(&holder).copied().unwrap_or(UNKNOWN_SPEED) > theirs
    }

    /// What a holder that has nothing to do takes over of the run that would end last.
    fn taken_over(&mut self, now: Moment, holder: HolderNumber) -> Option<Range<u64>> {
        let (partial, copies) = (&self.partial, &self.copies);
        // The last piece of one that somebody sends as well is in good hands: the next is looked at.
        let is_copied = |run: &Active| run.end - run.next == 1 && copies.contains(&run.next);
        let is_in_reach = |run: &Active| run.next < run.end && !is_copied(run) && partial.has(holder, run.end - 1);
        let of_others = self.runs.iter_mut().filter(|(_, run)| run.holder != holder && is_in_reach(run));
        let speeds = &self.speeds;
        let left = |run: &Active| {
            let waited = now.since(run.since).as_secs_f64();
            // What is known of it, unless it is slower now than ever.
            let known = speeds.get(&run.holder).copied().unwrap_or(f64::INFINITY);
            let pieces = (run.end - run.next) as f64 * PIECE_BYTES as f64 - run.came as f64;
            let fresh = (run.came as f64 + 1.0) / waited.max(1e-3);
            let speed =
                if waited * known > 2.0 * (run.came as f64 + PIECE_BYTES as f64) { fresh } else { known.max(1.0) };
            pieces / speed.min(1e12)
        };
        let (_, last) = of_others.max_by(|one, other| left(one.1).total_cmp(&left(other.1)))?;
        let time_left = left(last);
        let pieces = last.end - last.next;
        let theirs = time_left / pieces as f64;
        // Who was never seen to be fast or slow is taken to be as the other.
        let ours = speeds.get(&holder).map_or(theirs, |speed| PIECE_BYTES as f64 / speed);
        if pieces > 1 && partial.is_one(holder) {
            last.end -= 1;
            return Some(last.end..last.end + 1);
        }
        if pieces > 1 {
            // So many that both end together.
            let share = as_whole(pieces as f64 * theirs / (theirs + ours)).clamp(0, pieces - 1);
            if share == 0 {
                return None;
            }
            last.end -= share;
            return Some(last.end..last.end + share);
        }
        let piece = last.next;
        // Of whom nothing is known nothing is held against it at once.
        let is_judged = speeds.contains_key(&last.holder) || now.since(last.since) > WORTH_A_COPY;
        let is_worth_it = is_judged && time_left > ours * MUCH_SLOWER && time_left - ours > WORTH_A_COPY.as_secs_f64();
        (is_worth_it && self.copies.insert(piece)).then_some(piece..piece + 1)
    }

    fn at(&self, piece: u64) -> Option<Piece> {
        self.pieces.get(usize::try_from(piece).ok()?).copied()
    }

    /// Answers whether it was another before. What is kept stays so, unless it is lost.
    fn set(&mut self, piece: u64, to: Piece) -> bool {
        let Ok(index) = usize::try_from(piece) else { return false };
        let Some(at) = self.pieces.get_mut(index) else { return false };
        if *at == to || (*at == Piece::Kept && to == Piece::Asked) {
            return false;
        }
        *at = to;
        if to == Piece::Missing {
            self.first = self.first.min(index);
        }
        true
    }
}

/// So many bytes as pieces of a run.
fn as_pieces(bytes: f64) -> u64 {
    as_whole(bytes / PIECE_BYTES as f64).clamp(1, LONGEST_RUN)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is too large or less than nothing is cut"
)]
fn as_whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
