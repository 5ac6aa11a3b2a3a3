//! A network of real members under a clock that only this file turns: what the membership promises, and what it costs.
//!
//! The same seed always prints the same. Bytes are those of the datagrams, 28 more each for IP and UDP, and those of the
//! comparisons, which run in sessions that are not modelled otherwise. With `TINYP2P_NODES=1000` (and `--release`, `--nocapture`)
//! the trial `a_pool_of_any_size` takes so many nodes instead of 100; ten thousand need 11 GB.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this is test")]

#[path = "membership_simulation/network.rs"]
mod network;

use std::time::Duration;

use network::Network;
use shared::Moment;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How many nodes the trial of any size takes.
#[allow(clippy::disallowed_methods, reason = "how large a trial is is for whoever runs it to say")]
fn nodes() -> usize {
    std::env::var("TINYP2P_NODES").map_or(100, |count| count.parse().unwrap())
}

/// More than this are not started at once: a hundred million times somebody would hear of somebody new, from ten others each.
const AT_ONCE: usize = 3_000;
/// How many of those begin together.
const GROUP: usize = 100;

/// A pool of `count`, whose members started within ten seconds and know each other.
fn pool(seed: u64, count: usize) -> Network {
    if count > AT_ONCE {
        return gathered(seed, count);
    }
    let mut net = Network::new(seed);
    for node in 0..count {
        let at = if node == 0 { Moment(0) } else { Moment(net.random(10_000)) };
        net.start(at, node, 0);
    }
    let took = net.run_until(Moment(300_000), Network::is_whole).unwrap();
    println!("{count} nodes, started within 10 s: views whole after {:.1} s", took.since(Moment(10_000)).as_secs_f64());
    net.run_for(seconds(60));
    net
}

/// The same of so many that they come together from groups, by comparing: one with somebody of each, and then all with that one.
fn gathered(seed: u64, count: usize) -> Network {
    let mut net = Network::of_one_key(seed);
    for node in 0..count {
        let first = node - node % GROUP;
        let at = if node == first { Moment(0) } else { Moment(net.random(10_000)) };
        net.start(at, node, first);
    }
    net.run_for(seconds(30));
    (0..count).step_by(GROUP).for_each(|first| net.compare(0, first));
    (1..count).for_each(|node| net.compare(node, 0));
    println!("{count} nodes, come together from {} groups", count.div_ceil(GROUP));
    let from = net.now;
    let took = net.run_until(from + seconds(300), Network::is_whole).unwrap();
    println!("views whole after {:.1} s", took.since(from).as_secs_f64());
    net.run_for(seconds(60));
    net
}

#[test]
fn a_pool_of_any_size() {
    let count = nodes();
    let mut net = pool(1, count);

    net.forget_cost();
    net.run_for(seconds(60));
    println!("quiet: {}", net.cost(seconds(60)));
    assert!(net.bytes_per_node_second(seconds(60)) <= 250.0);
    assert_eq!((net.false_downs, net.is_whole()), (0, true));

    for kill in 1..=3 {
        let dead = count / 4 * kill;
        let died = net.now;
        net.kill(dead);
        let first = net.run_until(died + seconds(60), |net| net.who_knows_down(dead) > 0).unwrap();
        let all = net.run_until(died + seconds(60), |net| net.is_known_down(dead)).unwrap();
        let (first, all) = (first.since(died), all.since(died));
        println!(
            "kill -9: known to the first after {:.1} s, to all after {:.1} s",
            first.as_secs_f64(),
            all.as_secs_f64()
        );
        assert!(all <= seconds(20), "known to all after {all:?}");
        net.run_for(seconds(10));
    }

    let left = net.now;
    net.leave(1);
    let all = net.run_until(left + seconds(60), |net| net.is_known_down(1)).unwrap().since(left);
    println!("leave: known to all after {:.1} s", all.as_secs_f64());
    assert!(all <= seconds(10));

    let back = net.now;
    net.start(back, 1, 0);
    let all = net.run_until(back + seconds(60), Network::is_whole).unwrap().since(back);
    println!("return: known to all after {:.1} s", all.as_secs_f64());
    assert!(all <= seconds(20));
    assert_eq!(net.false_downs, 0);
}

#[test]
fn nobody_is_buried_alive_while_packets_are_lost() {
    let count = nodes().min(1_000);
    for seed in if count > 100 { vec![5] } else { vec![5, 2004] } {
        let mut net = pool(seed, count);
        net.loss = 0.05;
        net.forget_cost();
        net.run_for(seconds(600));
        println!("5 % lost, seed {seed}: {} false downs in 10 minutes, {}", net.false_downs, net.cost(seconds(600)));
        assert_eq!(net.false_downs, 0);
        assert!(net.bytes_per_node_second(seconds(600)) <= 250.0);
        let dead = count / 2;
        let died = net.now;
        net.kill(dead);
        let all = net.run_until(died + seconds(60), |net| net.is_known_down(dead)).unwrap().since(died);
        println!("5 % lost, seed {seed}: kill -9: known to all after {:.1} s", all.as_secs_f64());
        assert!(all <= seconds(20), "known to all after {all:?}");
    }
}

#[test]
fn three_hundred_start_at_once_through_one() {
    for (seed, loss) in [(1, 0.0), (2, 0.05)] {
        let mut net = Network::new(seed);
        net.loss = loss;
        net.start(Moment(0), 0, 0);
        for node in 1..300 {
            let at = Moment(net.random(500));
            net.start(at, node, 0);
        }
        let whole = net.run_until(Moment(300_000), Network::is_whole).unwrap();
        let took = whole.since(Moment(0));
        println!("cold start of 300, {loss} lost: views whole after {:.1} s, {}", took.as_secs_f64(), net.cost(took));
        assert!(took <= seconds(20), "views whole after {took:?}");
    }
}

#[test]
fn both_halves_find_each_other_after_a_partition() {
    let mut net = pool(3, 40);
    net.partition(|node| node % 2);
    net.run_for(seconds(120));
    assert!(net.halves_are_whole());
    net.partition(|_| 0);
    let healed = net.now;
    let took = net.run_until(healed + seconds(600), Network::is_whole).unwrap().since(healed);
    println!("partition of 2 minutes: 40 nodes, views whole {:.1} s after it healed", took.as_secs_f64());
    assert!(took <= seconds(180), "took {took:?}");
}

#[test]
fn two_pools_that_meet_end_with_one_key_and_lose_nobody() {
    let mut net = Network::new(9);
    for node in 0..60 {
        let at = Moment(net.random(1_000));
        net.start(if node < 2 { Moment(0) } else { at }, node, node % 2);
    }
    net.run_for(seconds(60));
    assert!(net.halves_are_whole());
    let met = net.now;
    net.compare(6, 7);
    let took = net.run_until(met + seconds(300), Network::is_whole).unwrap().since(met);
    net.run_for(seconds(120));
    println!(
        "two pools of 30: views whole {:.1} s after they met, {} false downs",
        took.as_secs_f64(),
        net.false_downs
    );
    assert!(took <= seconds(60), "took {took:?}");
    assert!(net.is_whole());
    assert_eq!(net.false_downs, 0);
}
