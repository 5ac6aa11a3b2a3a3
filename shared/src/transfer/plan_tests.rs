//! Plans of a few holders, and of thirty receivers that are holders themselves.

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
    let mut plan = Plan::new(1000, 1);
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
fn both_last_pieces_of_a_holder_that_fell_silent_are_asked_twice() {
    let mut plan = Plan::new(5, 1);
    let (other, silent) = (run(plan.take(Moment(0), 2)), run(plan.take(Moment(0), 1)));
    assert_eq!((other.pieces.clone(), silent.pieces.clone()), (0..2, 2..4));
    assert!(plan.came(Moment(10), other.number) && plan.came(Moment(20), other.number));
    plan.end(other.number);
    assert!(plan.came(Moment(120), silent.number));
    assert_eq!(run(plan.take(Moment(120), 1)).pieces, 4..5);
    let first = run(plan.take(Moment(10_000), 2));
    assert!(plan.came(Moment(10_005), first.number));
    plan.end(first.number);
    let second = run(plan.take(Moment(10_010), 2));
    let mut both = [first.pieces.start, second.pieces.start];
    both.sort_unstable();
    assert_eq!(both, [3, 4]);
}

#[test]
fn what_a_dead_holder_leaves_is_the_next_to_be_fetched() {
    let mut plan = Plan::new(4, 1);
    let (first, second) = (run(plan.take(Moment(0), 1)), run(plan.take(Moment(0), 2)));
    assert!(plan.came(Moment(10), first.number));
    plan.end(first.number);
    assert_eq!(run(plan.take(Moment(10), 4)).pieces, 1..2);
    plan.end(second.number);
    assert_eq!(run(plan.take(Moment(10), 3)).pieces, 2..4);
}

#[test]
fn the_last_run_is_shared_with_who_is_idle_and_its_last_piece_asked_twice_only_of_the_much_faster() {
    let mut plan = Plan::new(12, 1);
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
    let mut plan = Plan::new(40, 1);
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
    let mut plan = Plan::new(2, 1);
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
        let mut plan = Plan::new(pieces, 1);
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

    /// The same in a crowd: nobody is asked for what it has not, whatever comes and goes.
    #[test]
    fn in_a_crowd_every_piece_comes_from_who_has_it(
        pieces in 1_u64..120,
        partners in proptest::collection::vec((1_u64..300, 0_u64..4_000), 0..6),
        crowded_at in 0_u64..2_000,
        seed: u64,
    ) {
        let mut plan = Plan::new(usize::try_from(pieces).unwrap(), seed);
        let mut dice = crate::state::dice::Dice::new(seed);
        let mut has: Vec<BTreeSet<u64>> = partners.iter().map(|_| BTreeSet::new()).collect();
        // By holder, 0 having everything: when its piece is there, and which run.
        let mut runs: Vec<Option<(u64, Run)>> = vec![None; partners.len() + 1];
        let (mut now, mut fetched) = (0, 0);
        while !plan.is_done() {
            prop_assert!(now < 1_000_000, "it ends");
            if now == crowded_at {
                plan.set_crowded(true);
                (1..runs.len()).for_each(|number| plan.joined(u32::try_from(number).unwrap()));
            }
            for (index, (_, until)) in partners.iter().enumerate() {
                let number = u32::try_from(index + 1).unwrap();
                if now == crowded_at + until {
                    plan.left(number);
                } else if now >= crowded_at && now < crowded_at + until && dice.below(20) == 0 {
                    let piece = dice.roll() % pieces;
                    has[index].insert(piece);
                    plan.gained(number, piece);
                }
            }
            for index in 0..runs.len() {
                let is_there = index == 0 || (crowded_at..crowded_at + partners[index - 1].1).contains(&now);
                let speed = if index == 0 { 40 } else { partners[index - 1].0 };
                match runs[index].take() {
                    None if is_there => {
                        if let Next::Run(run) = plan.take(Moment(now), u32::try_from(index).unwrap()) {
                            let is_its = |piece| index == 0 || has[index - 1].contains(&piece);
                            prop_assert!(!run.pieces.is_empty() && run.pieces.clone().all(is_its));
                            runs[index] = Some((now + speed, run));
                        }
                    }
                    Some((_, run)) if !is_wanted(&plan, run.number) || !is_there => plan.end(run.number),
                    Some((at, run)) if at <= now => {
                        plan.came(Moment(now), run.number);
                        fetched += 1;
                        runs[index] = Some((now + speed, run));
                    }
                    other => runs[index] = other,
                }
            }
            now += 1;
        }
        prop_assert!(fetched <= pieces + 2 * runs.len() as u64, "{fetched} of {pieces}");
    }
}

#[test]
fn in_a_crowd_who_has_everything_is_asked_for_what_nobody_else_has() {
    let mut plan = Plan::new(20, 7);
    let long = run(plan.take(Moment(0), 1));
    assert_eq!(long.pieces, 0..2);
    plan.set_crowded(true);
    assert!(plan.is_wanted(long.number, 0) && !plan.is_wanted(long.number, 1), "the rest is chosen anew");
    assert_eq!(plan.take(Moment(0), 1), Next::Wait, "one piece at a time");
    plan.joined(2);
    assert_eq!(plan.take(Moment(0), 2), Next::Wait, "nothing is known of it");
    (1..19).for_each(|piece| plan.gained(2, piece));
    assert!(plan.came(Moment(100), long.number));
    plan.end(long.number);
    let only = run(plan.take(Moment(100), 1));
    assert_eq!(only.pieces, 19..20);
    assert!(plan.came(Moment(200), only.number) && plan.can_be_done_by_parts());
    plan.end(only.number);
    assert_eq!(plan.take(Moment(200), 1), Next::Wait, "all others can be had elsewhere");
    let other = run(plan.take(Moment(200), 2));
    assert_eq!((other.pieces.end - other.pieces.start, plan.take(Moment(200), 2)), (1, Next::Wait));
    // It stands still: sooner or later who has everything is as fast.
    assert_eq!(plan.take(Moment(210), 1), Next::Wait);
    let instead = run(plan.take(Moment(5_000), 1));
    assert_ne!(instead.pieces, other.pieces);
    plan.end(other.number);
    plan.left(2);
    assert!(!plan.can_be_done_by_parts());
    plan.end(instead.number);
    for at in 0..18 {
        let next = run(plan.take(Moment(6_000 + at), 1));
        assert!(plan.came(Moment(6_001 + at), next.number));
        plan.end(next.number);
    }
    assert!(plan.is_done());
}

#[test]
fn of_what_several_have_the_rarest_comes_first() {
    let mut plan = Plan::new(3, 1);
    plan.set_crowded(true);
    for (holder, pieces) in [(1, vec![0, 1, 2, 9]), (2, vec![0, 2]), (3, vec![0, 2])] {
        plan.joined(holder);
        pieces.into_iter().for_each(|piece| plan.gained(holder, piece));
    }
    assert!(plan.can_be_done_by_parts());
    assert_eq!(run(plan.take(Moment(0), 1)).pieces, 1..2);
    // Twice told counts once; who left does not count.
    plan.gained(2, 2);
    plan.gained(2, 2);
    plan.left(3);
    plan.gained(3, 0);
    plan.left(2);
    assert_eq!(plan.take(Moment(0), 1), Next::Wait);
    plan.joined(4);
    plan.gained(4, 2);
    assert_eq!(run(plan.take(Moment(0), 4)).pieces, 2..3);
}

/// What is on its way to one receiver from one holder.
struct Flow {
    run: RunNumber,
    piece: u64,
    came: f64,
    /// Its share among others from there: no network is just.
    weight: f64,
}

/// One receiver, and what is on its way to it, by holder; holder 0 has everything, holder `1 + n` is receiver `n`.
struct Receiver {
    plan: Plan,
    knows: Vec<usize>,
    flows: BTreeMap<HolderNumber, Flow>,
    done_at: Option<u64>,
}

/// So many receivers of so many pieces, all of one rate; how many bytes the sender sent, and when the last was done, both
/// in files.
fn crowd(count: usize, pieces: usize, knows: usize, seed: u64) -> (f64, f64) {
    const STEP: u64 = 10;
    const RATE: f64 = 12_500_000.0;
    let mut dice = crate::state::dice::Dice::new(seed);
    let mut receivers: Vec<Receiver> = (0..count)
        .map(|index| {
            let mut plan = Plan::new(pieces, dice.roll());
            plan.set_crowded(true);
            let mut others: Vec<usize> = (0..count).filter(|other| *other != index).collect();
            (1..others.len()).rev().for_each(|at| others.swap(at, dice.below(at + 1)));
            others.truncate(knows);
            Receiver { plan, knows: others, flows: BTreeMap::new(), done_at: None }
        })
        .collect();
    // Whoever dialed, both ask.
    for index in 0..count {
        for other in receivers[index].knows.clone() {
            if !receivers[other].knows.contains(&index) {
                receivers[other].knows.push(index);
            }
        }
    }
    for Receiver { plan, knows, .. } in &mut receivers {
        knows.iter().for_each(|other| plan.joined(1 + u32::try_from(*other).unwrap()));
    }
    let (mut now, mut sent) = (0, 0.0);
    while receivers.iter().any(|receiver| receiver.done_at.is_none()) {
        assert!(now < 10_000_000, "it ends");
        // What is wanted of whom.
        for receiver in receivers.iter_mut().filter(|receiver| receiver.done_at.is_none()) {
            let Receiver { plan, flows, knows, .. } = receiver;
            flows.retain(|_, flow| {
                let is_wanted = plan.is_wanted(flow.run, flow.piece);
                if !is_wanted {
                    plan.end(flow.run);
                }
                is_wanted
            });
            for holder in std::iter::once(0).chain(knows.iter().map(|other| 1 + u32::try_from(*other).unwrap())) {
                if !flows.contains_key(&holder)
                    && let Next::Run(run) = plan.take(Moment(now), holder)
                {
                    assert_eq!(run.pieces.end - run.pieces.start, 1);
                    let weight = 0.5 + dice.below(100) as f64 / 100.0;
                    flows.insert(holder, Flow { run: run.number, piece: run.pieces.start, came: 0.0, weight });
                }
            }
        }
        let coming: Vec<Vec<u64>> = receivers.iter().map(|receiver| receiver.plan.coming()).collect();
        for receiver in &mut receivers {
            for who in &receiver.knows {
                receiver.plan.comes(Moment(now), 1 + u32::try_from(*who).unwrap(), &coming[*who]);
            }
        }
        // Each way out and in is shared.
        let mut out: BTreeMap<HolderNumber, f64> = BTreeMap::new();
        let all = receivers.iter().flat_map(|receiver| &receiver.flows);
        all.for_each(|(from, flow)| *out.entry(*from).or_default() += flow.weight);
        now += STEP;
        let mut gained = Vec::new();
        for (index, receiver) in receivers.iter_mut().enumerate() {
            let Receiver { plan, flows, done_at, .. } = receiver;
            let ways = flows.len();
            flows.retain(|from, flow| {
                let rate = (RATE * flow.weight / out[from]).min(RATE / ways as f64);
                let bytes = rate * STEP as f64 / 1000.0;
                flow.came += bytes;
                sent += if *from == 0 { bytes } else { 0.0 };
                plan.moved(flow.run, bytes as u64);
                let is_whole = flow.came >= PIECE_BYTES as f64;
                if is_whole {
                    plan.came(Moment(now), flow.run);
                    plan.end(flow.run);
                    gained.push((index, flow.piece));
                }
                !is_whole
            });
            if plan.is_done() && done_at.is_none() {
                *done_at = Some(now);
                flows.clear();
            }
        }
        for receiver in &mut receivers {
            for (who, piece) in gained.iter().filter(|(who, _)| receiver.knows.contains(who)) {
                receiver.plan.gained(1 + u32::try_from(*who).unwrap(), *piece);
            }
        }
        // Who is done is gone.
        let gone: Vec<usize> = (0..count).filter(|index| receivers[*index].done_at.is_some()).collect();
        for receiver in &mut receivers {
            for index in gone.iter().filter(|index| receiver.knows.contains(index)) {
                let number = 1 + u32::try_from(*index).unwrap();
                receiver.plan.left(number);
                if let Some(flow) = receiver.flows.remove(&number) {
                    receiver.plan.end(flow.run);
                }
            }
            receiver.knows.retain(|index| !gone.contains(index));
        }
    }
    let file = (pieces * PIECE_BYTES) as f64;
    (sent / file, now as f64 / 1000.0 * RATE / file)
}

#[test]
fn thirty_receivers_have_the_sender_send_each_piece_about_once() {
    for (pieces, most_sent, most_time) in [(64, 2.5, 2.6), (256, 1.6, 1.7)] {
        let (sent, time) = crowd(30, pieces, 12, 42);
        eprintln!("30 receivers of {pieces} MiB: sent {sent:.2} times, all done in {time:.2} times the time of one");
        assert!(sent <= most_sent && time <= most_time, "{pieces}: {sent} {time}");
    }
}

#[test]
fn a_few_receivers_share_too() {
    for count in [1, 2, 3, 8] {
        let (sent, time) = crowd(count, 64, 12, 7);
        eprintln!("{count} receivers of 64 MiB: sent {sent:.2} times, all done in {time:.2} times the time of one");
        assert!(sent <= 1.6 && time <= 1.7, "{count}: {sent} {time}");
    }
}
