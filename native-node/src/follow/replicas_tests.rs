//! What is held of those that are followed, and of those that are away: who makes room, and who comes back.

use shared::{Entry, Replica, SharedPath, Update};

use super::*;

fn url(text: &str) -> PeerUrl {
    PeerUrl::parse(text).unwrap()
}

fn files(count: usize) -> Arc<Catalog> {
    let mut replica = Replica::default();
    let path = |number| SharedPath::parse(&format!("{number:07}")).unwrap();
    let put = (0..count).map(|number| (path(number), Entry::unread(1, 1))).collect();
    replica.handle(Update { whole: true, put, to: Some(1), ..Update::default() }).unwrap();
    Arc::new(replica.catalog().clone())
}

#[test]
fn only_what_is_whole_and_current_is_searched() {
    let (replicas, a, tab) = (Replicas::default(), url("http://a:1"), url("http://a:1/peer/x"));
    replicas.hold(&a, &a, files(2), true).unwrap();
    replicas.hold(&a, &tab, files(1), false).unwrap();
    assert!(replicas.current("a:1").is_empty());
    replicas.set_current(&a, 1);
    let peers = || replicas.current("a:1").into_iter().map(|(url, files)| (url, files.len())).collect::<Vec<_>>();
    assert_eq!(peers(), [(a.clone(), 2)]);
    replicas.hold(&a, &tab, files(1), true).unwrap();
    assert_eq!(peers(), [(a.clone(), 2), (tab.clone(), 1)]);
    replicas.forget_peer(&a, &tab);
    assert_eq!(peers(), [(a.clone(), 2)]);
    replicas.set_stale(&a);
    assert!(peers().is_empty() && replicas.current("b:1").is_empty());
    replicas.forget(&a);
    assert_eq!(replicas.state().held, Weight::default());
}

#[test]
fn one_node_leaves_room_for_others() {
    let (replicas, a, b) = (Replicas::default(), url("http://a:1"), url("http://b:1"));
    let half = files(REPLICA_FILES / REPLICA_NODE_DIVISOR);
    replicas.hold(&a, &a, half.clone(), true).unwrap();
    replicas.hold(&a, &a, half.clone(), true).unwrap();
    assert_eq!(replicas.hold(&a, &url("http://a:1/peer/x"), files(1), true), Err(TooMuch));
    replicas.hold(&b, &b, half, true).unwrap();
    let c = url("http://c:1");
    assert_eq!(replicas.hold(&c, &c, files(1), true), Err(TooMuch));
    replicas.forget(&a);
    replicas.hold(&c, &c, files(1), true).unwrap();
    replicas.set_current(&c, 3);
    assert_eq!(replicas.current("c:1").len(), 1);
}

const MINUTE: u64 = 60 * 1000;
const HOUR: u64 = 60 * MINUTE;

/// Holds some files of a node that is there, all of them.
fn followed(replicas: &Replicas, node: &PeerUrl, epoch: u64, files: Arc<Catalog>) {
    replicas.hold(node, node, files, true).unwrap();
    replicas.set_current(node, epoch);
}

/// Whose files are told as of peers that are away, how many, and how many seconds ago they were seen.
fn away(replicas: &Replicas, now: u64) -> Vec<(String, usize, u64)> {
    let of_one = |away: Away| (away.peer.to_string(), away.files.len(), away.seen.as_secs());
    replicas.away(Moment(now), |_| false).into_iter().map(of_one).collect()
}

/// What is held is what is counted.
fn assert_counted(replicas: &Replicas) {
    let state = replicas.state();
    let mut all = Weight::default();
    for of_node in state.nodes.values() {
        let mut of_this = Weight::default();
        of_node.peers.values().for_each(|held| of_this.replace(Weight::default(), Weight::of(&held.files)));
        assert_eq!(of_this, of_node.held);
        all.replace(Weight::default(), of_this);
    }
    assert_eq!(all, state.held);
}

#[test]
fn who_goes_away_is_kept_for_a_day_and_told_apart() {
    let (replicas, a, tab) = (Replicas::default(), url("http://a:1"), url("http://a:1/peer/x"));
    followed(&replicas, &a, 1, files(2));
    replicas.hold(&a, &tab, files(1), true).unwrap();
    replicas.hold(&a, &url("http://a:1/peer/y"), files(1), false).unwrap();
    assert!(away(&replicas, 0).is_empty(), "it is here");
    replicas.set_stale(&a);
    replicas.leave("a:1", Moment(MINUTE));
    assert!(replicas.current("a:1").is_empty());
    let both = |seconds| vec![(a.to_string(), 2, seconds), (tab.to_string(), 1, seconds)];
    assert_eq!(away(&replicas, 6 * MINUTE), both(300));
    // Followed no more: what was not whole goes, the rest stays.
    replicas.retire("a:1");
    assert_eq!(away(&replicas, MINUTE + 24 * HOUR), both(24 * 60 * 60));
    assert_counted(&replicas);
    assert!(replicas.away(Moment(HOUR), |authority| authority == "a:1").is_empty(), "the roster knows better");
    assert!(away(&replicas, MINUTE + 24 * HOUR + 1).is_empty(), "even before it is forgotten");
    replicas.forget_old(Moment(MINUTE + 24 * HOUR));
    assert!(replicas.has("a:1"));
    let mut dropped = replicas.dropped();
    dropped.mark_unchanged();
    replicas.forget_old(Moment(MINUTE + 24 * HOUR + 1));
    assert!(!replicas.has("a:1") && dropped.has_changed().unwrap());
    assert_eq!(replicas.state().held, Weight::default());
}

#[test]
fn who_comes_back_is_there_once() {
    let (replicas, a) = (Replicas::default(), url("http://a:1"));
    followed(&replicas, &a, 1, files(2));
    replicas.leave("a:1", Moment(0));
    assert!(replicas.back("a:1"));
    assert_eq!(replicas.current("a:1").len(), 1, "nobody listed it for a moment, and its session stood");
    replicas.leave("a:1", Moment(0));
    replicas.set_stale(&a);
    assert!(replicas.back("a:1"), "what it told before is still held");
    assert!(away(&replicas, 1).is_empty() && replicas.current("a:1").is_empty(), "not before it has said so");
    replicas.set_current(&a, 1);
    assert_eq!(replicas.current("a:1").len(), 1);
    // Another process at the same URL: it begins anew.
    replicas.set_stale(&a);
    replicas.leave("a:1", Moment(2));
    replicas.retire("a:1");
    assert!(replicas.back("a:1"));
    replicas.forget(&a);
    followed(&replicas, &a, 2, files(1));
    assert_eq!((replicas.current("a:1")[0].1.len(), away(&replicas, 3)), (1, vec![]));
    assert!(!replicas.back("b:1"));
    assert_counted(&replicas);
}

#[test]
fn one_process_of_two_names_is_not_away_while_it_is_there() {
    let (replicas, a, b) = (Replicas::default(), url("http://a:1"), url("http://b:1"));
    // It comes back at another address.
    followed(&replicas, &a, 7, files(2));
    replicas.leave("a:1", Moment(0));
    assert_eq!(away(&replicas, 0).len(), 1);
    followed(&replicas, &b, 7, files(2));
    assert!(away(&replicas, 0).is_empty() && !replicas.has("a:1"));
    // It is listed under both, and one of them ends.
    followed(&replicas, &a, 7, files(2));
    replicas.leave("b:1", Moment(0));
    assert!(away(&replicas, 0).is_empty() && replicas.current("a:1").len() == 1);
    // Then the other.
    replicas.leave("a:1", Moment(5));
    assert_eq!(away(&replicas, 5), [(a.to_string(), 2, 0)]);
    assert_counted(&replicas);
}

#[test]
fn who_ends_without_having_left_leaves_nothing() {
    let (replicas, a) = (Replicas::default(), url("http://a:1"));
    followed(&replicas, &a, 1, files(2));
    replicas.retire("a:1");
    assert!(!replicas.has("a:1"));
    replicas.hold(&a, &a, files(2), false).unwrap();
    replicas.leave("a:1", Moment(0));
    assert!(away(&replicas, 0).is_empty(), "a part is not told as the whole");
    replicas.retire("a:1");
    assert_eq!((replicas.has("a:1"), replicas.state().held), (false, Weight::default()));
}

#[test]
fn who_is_away_for_longest_makes_room() {
    let (replicas, third) = (Replicas::default(), files(REPLICA_FILES / 3));
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        followed(&replicas, &url(&format!("http://{name}:1")), number as u64, third.clone());
    }
    // c is there.
    replicas.leave("b:1", Moment(1));
    replicas.leave("a:1", Moment(2));
    let d = url("http://d:1");
    replicas.hold(&d, &d, files(1000), true).unwrap();
    let names = || away(&replicas, 2).into_iter().map(|(peer, ..)| peer).collect::<Vec<_>>();
    assert_eq!(names(), ["http://a:1"]);
    replicas.hold(&d, &d, third.clone(), true).unwrap();
    assert_eq!(names(), ["http://a:1"], "it fits");
    let e = url("http://e:1");
    replicas.hold(&e, &e, third, true).unwrap();
    assert!(names().is_empty());
    assert_counted(&replicas);
    // Nobody who is there makes room, nor does a node for itself.
    replicas.leave("e:1", Moment(3));
    assert_eq!(replicas.hold(&e, &url("http://e:1/peer/x"), files(1000), true), Err(TooMuch));
    assert!(replicas.has("e:1"));
    assert_counted(&replicas);
}

#[test]
fn there_are_never_too_many_that_are_away() {
    let replicas = Replicas::default();
    let name = |number: u64| format!("{number}:1");
    for number in 0..AWAY_NODES as u64 + 3 {
        followed(&replicas, &url(&format!("http://{}", name(number))), number, files(1));
        replicas.leave(&name(number), Moment(number));
    }
    assert_eq!(away(&replicas, HOUR).len(), AWAY_NODES);
    assert!(!replicas.has(&name(2)) && replicas.has(&name(3)));
    assert_counted(&replicas);
}
