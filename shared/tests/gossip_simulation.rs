//! A network of real rosters, and of servers that behave as those of 2004, under a clock that only this file turns.
//!
//! Every scenario prints what it cost; the same seed always prints the same. It moves no bytes: the size of a call is
//! reckoned from what the XML of 2004 needs. Tokens, wrong passwords and names that resolve oddly are tested elsewhere.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this is test")]

#[path = "gossip_simulation/network.rs"]
mod network;

use std::time::Duration;

use network::{Network, Step};
use shared::{MemberState, Moment, limits};

const SEEDS: [u64; 3] = [1, 2004, 77_777];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Modern nodes that join through node 0, one after the other within ten seconds; the time of the last start.
fn join_all(net: &mut Network, count: usize) -> Moment {
    net.add_modern();
    net.start(Moment(0), 0, &[]);
    let mut last = Moment(0);
    for _ in 1..count {
        let node = net.add_modern();
        let at = Moment(net.random(10_000));
        last = last.max(at);
        net.start(at, node, &[0]);
    }
    last
}

#[test]
fn a_hundred_and_twenty_nodes_join_through_one_seed() {
    for seed in SEEDS {
        let mut net = Network::new(seed);
        let last = join_all(&mut net, 120);
        let took = net.run_until_whole(last + seconds(60), 1.0).unwrap().since(last);
        println!("join, seed {seed}: 120 nodes, {took:?} after the last start, {}", net.cost());
        assert!(took <= seconds(10), "full views {took:?} after the last start");
    }
}

#[test]
fn nodes_join_while_dials_are_lost() {
    for (loss, share, within) in [(0.05, 0.995, 15), (0.2, 0.97, 40)] {
        // Without optimisation 120 nodes cost seconds: once is enough.
        for (seed, count) in SEEDS.into_iter().zip([120, 60, 60]) {
            let mut net = Network::new(seed);
            net.loss = loss;
            let last = join_all(&mut net, count);
            let took = net.run_until_whole(last + seconds(300), share).unwrap().since(last);
            println!(
                "join, {loss} lost, seed {seed}: {count} nodes, {share} of views {took:?} after the last start, {}",
                net.cost()
            );
            assert!(took <= seconds(within), "took {took:?}");
            if count > 60 {
                continue;
            }
            let mut least: f64 = 1.0;
            for _ in 0..60 {
                net.run_for(seconds(2));
                least = least.min(net.wholeness());
            }
            println!("join, {loss} lost, seed {seed}: at least {least:.4} of views afterwards");
            assert!(least >= share - 0.01, "views fell to {least}");
        }
    }
}

#[test]
fn views_equal_the_truth_soon_after_churn() {
    for seed in SEEDS {
        let mut net = Network::new(seed);
        let last = join_all(&mut net, 40);
        net.run_until_whole(last + seconds(60), 1.0).unwrap();
        // Every second or so a node dies (its machine gone, or only its process) or comes back; never node 0 alone.
        for _ in 0..120 {
            let node = usize::try_from(net.random(40)).unwrap();
            if net.is_up(node) {
                let silent = net.random(2) == 0;
                net.kill(node, silent);
            } else {
                net.start(net.now, node, &[0]);
            }
            let pause = Duration::from_millis(500 + net.random(1_000));
            net.run_for(pause);
        }
        let quiet = net.now;
        let clean = net.run_until(quiet + seconds(300), Network::lists_no_dead).unwrap().since(quiet);
        let whole = net.run_until_whole(quiet + seconds(300), 1.0).unwrap().since(quiet);
        println!(
            "churn, seed {seed}: {} up; no dead listed after {clean:?}, views whole after {whole:?}",
            net.up_count()
        );
        assert!(clean <= seconds(75), "dead still listed after {clean:?}");
        assert!(whole <= seconds(75), "views whole after {whole:?}");
    }
}

#[test]
fn both_halves_find_each_other_after_a_partition() {
    for seed in SEEDS {
        let mut net = Network::new(seed);
        // Nobody's seed is in the other half: even nodes join through 0, odd ones through 1, which itself forgets 0.
        for node in 0..40 {
            net.add_modern();
            net.start(
                Moment(node * 100),
                usize::try_from(node).unwrap(),
                if node % 2 == 0 || node == 1 { &[0] } else { &[1] },
            );
        }
        net.run_until_whole(Moment(60_000), 1.0).unwrap();
        net.kill(1, false);
        net.start(net.now, 1, &[3]);
        net.run_for(seconds(30));
        assert!((net.wholeness() - 1.0).abs() < f64::EPSILON);
        net.partition(|node| node % 2);
        net.run_for(seconds(600));
        assert!(net.halves_are_whole(), "each half sees itself, and nobody else");
        net.partition(|_| 0);
        let healed = net.now;
        let took = net.run_until_whole(healed + seconds(300), 1.0).unwrap().since(healed);
        println!("partition of 10 min, seed {seed}: 40 nodes, views whole {took:?} after it healed, {}", net.cost());
        assert!(took <= seconds(120), "took {took:?}");
    }
}

#[test]
fn originals_and_moderns_mix_in_any_order() {
    for seed in SEEDS {
        let mut net = Network::new(seed);
        let mut kinds: Vec<bool> = (0..40).map(|place| place < 10).collect();
        for place in (1..kinds.len()).rev() {
            let other = usize::try_from(net.random(u64::try_from(place).unwrap() + 1)).unwrap();
            kinds.swap(place, other);
        }
        let mut last = Moment(0);
        for original in kinds {
            let serving = net.serving();
            let node = if original { net.add_original() } else { net.add_modern() };
            let through = (!serving.is_empty()).then(|| {
                let place = net.random(u64::try_from(serving.len()).unwrap());
                serving[usize::try_from(place).unwrap()]
            });
            net.start(net.now, node, through.as_slice());
            // Two originals that join at once kill each other: that is theirs. One joins while moderns come and go.
            last = net.now;
            let pause = if original { seconds(5) } else { Duration::from_millis(net.random(1_000)) };
            net.run_for(pause);
        }
        assert_eq!(net.up_count(), 40, "no original died of what it was told");
        let took = net.run_until_whole(last + seconds(120), 1.0).unwrap().since(last);
        let originals = net.run_until(last + seconds(300), |net| net.originals_know_all()).unwrap().since(last);
        println!(
            "mix, seed {seed}: views whole {took:?} after the last start, originals' {originals:?}, {}",
            net.cost()
        );
        assert!(took <= seconds(30) && originals <= seconds(60), "took {took:?}, {originals:?}");

        // Originals never forget: the dead that they go on naming must not come back.
        let dead: Vec<usize> = (0..40).step_by(4).filter(|node| net.is_modern(*node)).collect();
        for node in &dead {
            net.kill(*node, true);
        }
        net.run_for(seconds(120));
        for _ in 0..60 {
            net.run_for(seconds(3));
            assert!(net.lists_no_dead(), "a dead node was listed again");
        }
        let rate =
            net.dials_per_node_second(seconds(60), |step| matches!(step, Step::Dial { to, .. } if dead.contains(to)));
        println!("mix, seed {seed}: {} dead, {rate:.3} dials to them per node and second", dead.len());
        assert!(rate < 0.5, "{rate} dials to the dead per node and second");
    }
}

#[test]
fn a_flood_of_poison_is_neither_dialed_nor_kept_nor_listed() {
    for seed in SEEDS {
        let mut net = Network::new(seed);
        let last = join_all(&mut net, 20);
        net.run_until_whole(last + seconds(60), 1.0).unwrap();
        // A member that answers a list of poison to whoever dials it, and sends it to node 1 a thousand times over.
        let poison: Vec<String> = (0..100_000)
            .map(|i| format!("http://10.{}.{}.{}:9", 100 + i / 65_536, i / 256 % 256, i % 256).replace(":9", ":9000"))
            .collect();
        let hostile = net.add_original();
        net.start(net.now, hostile, &[1]);
        net.run_for(seconds(5));
        net.poison(hostile, &poison);
        let calm = net.now;
        let mut worst: u64 = 0;
        for chunk in poison.chunks(1_000) {
            net.call(1, chunk);
            let before = net.dials_to_nowhere(1);
            net.run_for(seconds(1));
            worst = worst.max(net.dials_to_nowhere(1) - before);
            assert!(net.member_count(1) <= limits::ROSTER_RUMOURS + limits::ROSTER_HINTS + limits::ROSTER_TOMBSTONES);
        }
        let during = net.now.since(calm).as_secs();
        let nowhere = net.dials_to_nowhere(1);
        println!(
            "poison, seed {seed}: 100000 URLs in {during} s, {nowhere} dials to them, at most {worst} in one second"
        );
        // One rumour and four hints a second, and the bursts.
        assert!(nowhere <= 40 + during * 5, "{nowhere} dials in {during} s");
        assert!(worst <= 45, "{worst} dials in one second");
        assert!(net.lists_no_dead(), "poison was listed");
        // An honest newcomer is still found by everybody while the poison is being worked off.
        let newcomer = net.add_modern();
        net.start(net.now, newcomer, &[0]);
        let started = net.now;
        let took = net.run_until_whole(started + seconds(120), 1.0).unwrap().since(started);
        println!("poison, seed {seed}: a newcomer is in all views after {took:?}");
        assert!(took <= seconds(60), "took {took:?}");
    }
}

#[test]
fn a_quiet_pool_costs_little() {
    for (count, seeds) in [(10, &SEEDS[..]), (50, &SEEDS[..]), (80, &SEEDS[..1])] {
        for &seed in seeds {
            let mut net = Network::new(seed);
            let last = join_all(&mut net, count);
            net.run_until_whole(last + seconds(60), 1.0).unwrap();
            net.run_for(seconds(60));
            let (messages, bytes) = net.cost_per_node_second(seconds(60));
            println!(
                "quiet, seed {seed}: {count} nodes, {messages:.2} messages and {bytes:.0} bytes per node and second"
            );
            // A call and its answer for each other node in 50 to 60 s, and one exchange in 10 s.
            let bound = 2.0 * (f64::from(u32::try_from(count).unwrap()) / 50.0 + 0.125);
            assert!(messages <= bound, "{messages} messages per node and second");
            assert!((net.wholeness() - 1.0).abs() < f64::EPSILON);
            assert!(net.members_in(MemberState::Suspect) == 0 && net.members_in(MemberState::Gone) == 0);
        }
    }
}
