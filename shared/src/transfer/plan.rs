//! Which piece is asked of whom, when several holders send one content at once.
//!
//! A holder takes runs of missing pieces, each as long as it is fast. Once nothing is missing any more that nobody has been
//! asked for, whoever is idle takes over the far end of the run that would end last; only a piece that is on its way
//! already, from a holder that is much slower, is asked for a second time. A slow, dead or lying holder costs its runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::PIECE_BYTES;
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
}

impl Plan {
    /// A plan for so many pieces, none of which is there.
    #[must_use]
    pub fn new(pieces: usize) -> Self {
        Self {
            pieces: vec![Piece::Missing; pieces],
            kept: 0,
            runs: BTreeMap::new(),
            numbers: 0,
            speeds: BTreeMap::new(),
            copies: BTreeSet::new(),
            first: 0,
        }
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
        let mut its_own = self.runs.values().filter(|run| run.holder == holder);
        if its_own.any(|run| run.next + 1 < run.end) {
            return Next::Wait;
        }
        let most = self.speeds.get(&holder).map_or(FIRST_RUN, |speed| as_pieces(speed * RUN_TIME.as_secs_f64()));
        if let Some(pieces) = self.missing(most) {
            return self.begin(now, holder, pieces);
        }
        match self.taken_over(now, holder) {
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

    /// What a holder that has nothing to do takes over of the run that would end last.
    fn taken_over(&mut self, now: Moment, holder: HolderNumber) -> Option<Range<u64>> {
        let of_others = self.runs.iter_mut().filter(|(_, run)| run.holder != holder && run.next < run.end);
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
        let is_worth_it = time_left > ours * MUCH_SLOWER && time_left - ours > WORTH_A_COPY.as_secs_f64();
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(next: Next) -> Run {
        match next {
            Next::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn is_wanted(plan: &Plan, run: RunNumber) -> bool {
        plan.next_in(run).is_some_and(|piece| plan.is_wanted(run, piece))
    }

    #[test]
    fn a_run_is_as_long_as_its_holder_is_fast() {
        let mut plan = Plan::new(1000);
        let first = run(plan.take(Moment(0), 1));
        assert_eq!(first.pieces, 0..2);
        assert!(plan.came(Moment(100), first.number) && plan.came(Moment(200), first.number));
        assert_eq!(plan.next_in(first.number), None);
        plan.end(first.number);
        let second = run(plan.take(Moment(200), 1));
        assert_eq!(second.pieces, 2..12);
        assert_eq!(plan.take(Moment(200), 1), Next::Wait, "its run is not nearly over");
        plan.end(second.number);
        assert_eq!(run(plan.take(Moment(200), 1)).pieces, 2..12);
        assert_eq!(run(plan.take(Moment(200), 2)).pieces, 12..14);
    }

    #[test]
    fn what_a_dead_holder_leaves_is_the_next_to_be_fetched() {
        let mut plan = Plan::new(4);
        let (first, second) = (run(plan.take(Moment(0), 1)), run(plan.take(Moment(0), 2)));
        assert!(plan.came(Moment(10), first.number));
        plan.end(first.number);
        assert_eq!(run(plan.take(Moment(10), 4)).pieces, 1..2);
        plan.end(second.number);
        assert_eq!(run(plan.take(Moment(10), 3)).pieces, 2..4);
    }

    #[test]
    fn the_last_run_is_shared_with_who_is_idle_and_its_last_piece_asked_twice_only_of_the_much_faster() {
        let mut plan = Plan::new(12);
        let slow = run(plan.take(Moment(0), 1));
        assert!(plan.came(Moment(1000), slow.number) && plan.came(Moment(2000), slow.number));
        plan.end(slow.number);
        let slow = run(plan.take(Moment(2000), 1));
        let fast = run(plan.take(Moment(2000), 2));
        assert_eq!((slow.pieces.clone(), fast.pieces.clone()), (2..3, 3..5));
        assert!(plan.came(Moment(2010), fast.number) && plan.came(Moment(2020), fast.number));
        plan.end(fast.number);
        let fast = run(plan.take(Moment(2020), 2));
        assert_eq!(fast.pieces, 5..12);
        (0..7).for_each(|at| assert!(plan.came(Moment(2030 + at * 10), fast.number)));
        plan.end(fast.number);
        // One piece is on its way, a second long; here it takes 10 ms.
        let copy = run(plan.take(Moment(2100), 2));
        assert_eq!(copy.pieces, 2..3);
        assert_eq!(plan.take(Moment(2100), 3), Next::Wait);
        assert!(is_wanted(&plan, slow.number));
        assert!(plan.came(Moment(2110), copy.number));
        assert!(!is_wanted(&plan, slow.number) && !plan.came(Moment(3000), slow.number));
        plan.end(copy.number);
        plan.end(slow.number);
        assert_eq!((plan.take(Moment(3000), 1), plan.is_done()), (Next::Done, true));
    }

    #[test]
    fn a_long_run_that_stands_still_is_shared() {
        let mut plan = Plan::new(40);
        let first = run(plan.take(Moment(0), 1));
        assert!(plan.came(Moment(20), first.number) && plan.came(Moment(40), first.number));
        plan.end(first.number);
        let stuck = run(plan.take(Moment(40), 1));
        assert_eq!(stuck.pieces, 2..40);
        // Half of it at once; of the rest ever more, as it stands still.
        let half = run(plan.take(Moment(50), 2));
        assert_eq!(half.pieces, 21..40);
        for piece in half.pieces.clone() {
            assert_eq!(plan.next_in(half.number), Some(piece));
            plan.came(Moment(100), half.number);
        }
        plan.end(half.number);
        let mut at = 10_000;
        while let Next::Run(run) = plan.take(Moment(at), 2) {
            for _ in run.pieces.clone() {
                plan.came(Moment(at + 1), run.number);
            }
            plan.end(run.number);
            at += 1000;
        }
        assert!(plan.is_done() && !is_wanted(&plan, stuck.number));
    }

    #[test]
    fn a_piece_that_is_lost_is_fetched_again() {
        let mut plan = Plan::new(2);
        assert!(plan.keep(0) && plan.keep(1) && !plan.keep(1) && plan.is_done());
        plan.lose(1);
        plan.lose(1);
        assert_eq!(run(plan.take(Moment(0), 1)).pieces, 1..2);
        assert!(!plan.keep(9));
    }

    proptest! {
        /// Holders of any speed, some of which die in the middle of a run: in the end every piece came, and few came twice.
        #[test]
        fn every_piece_comes_and_few_of_them_twice(
            pieces in 1_usize..300,
            speeds in proptest::collection::vec((1_u64..400, 0_usize..40), 1..6),
        ) {
            let mut plan = Plan::new(pieces);
            // Each holder: when its piece is there, which run, how often it may still come before it dies.
            let mut holders: Vec<(u64, Option<RunNumber>, usize)> =
                speeds.iter().map(|(_, life)| (0, None, *life)).collect();
            if let Some((_, _, life)) = holders.first_mut() {
                *life = usize::MAX;
            }
            let (mut now, mut fetched) = (0, 0);
            while !plan.is_done() {
                prop_assert!(now < 1_000_000, "it ends");
                for (index, (each, _)) in speeds.iter().enumerate() {
                    let number = u32::try_from(index).unwrap();
                    let holder = &mut holders[index];
                    match holder.1 {
                        None if holder.2 > 0 => {
                            if let Next::Run(run) = plan.take(Moment(now), number) {
                                prop_assert!(!run.pieces.is_empty());
                                (holder.0, holder.1) = (now + each, Some(run.number));
                            }
                        }
                        Some(run) if !is_wanted(&plan, run) || holder.2 == 0 => {
                            plan.end(run);
                            holder.1 = None;
                        }
                        Some(run) if holder.0 <= now => {
                            plan.came(Moment(now), run);
                            fetched += 1;
                            (holder.0, holder.2) = (now + each, holder.2 - 1);
                        }
                        _ => {}
                    }
                }
                now += 1;
            }
            prop_assert!(fetched <= pieces + 2 * speeds.len(), "{fetched} of {pieces}");
        }
    }
}
