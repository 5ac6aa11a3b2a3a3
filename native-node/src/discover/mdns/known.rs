//! The nodes that packets told of, as many as are kept: pure, time is an argument.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use shared::Moment;
use shared::membership::PoolMark;

use super::packet::{Announcement, GOOD_FOR};
use super::{Event, Found};

/// Most nodes; on a network that has more, others tell us of them.
const MOST: usize = 256;

/// Nodes by name.
#[derive(Debug)]
pub(super) struct Known<Link> {
    nodes: BTreeMap<String, Node<Link>>,
}

#[derive(Debug)]
struct Node<Link> {
    port: u16,
    mark: Option<PoolMark>,
    /// Where it is, as was said last over each of our links to it.
    addresses: BTreeMap<Link, Vec<IpAddr>>,
    until: Moment,
}

impl<Link: Ord> Known<Link> {
    pub(super) fn new() -> Self {
        Self { nodes: BTreeMap::new() }
    }

    /// What a packet says that came over a link; addresses that cannot be are left out already. Answers what is new by that.
    pub(super) fn handle(&mut self, now: Moment, link: Link, told: Announcement) -> Option<Event> {
        if told.good_for.is_zero() {
            return self.nodes.remove(&told.name).map(|_| Event::Gone(told.name));
        }
        let until = now + told.good_for;
        let Some((port, addresses, mark)) = told.at else {
            if let Some(node) = self.nodes.get_mut(&told.name) {
                node.until = until;
            }
            return None;
        };
        if !self.nodes.contains_key(&told.name) && (addresses.is_empty() || self.nodes.len() >= MOST) {
            return None;
        }
        let new = || Node { port, mark: None, addresses: BTreeMap::new(), until };
        let node = self.nodes.entry(told.name.clone()).or_insert_with(new);
        (node.port, node.mark, node.until) = (port, mark, until);
        if !addresses.is_empty() {
            node.addresses.insert(link, addresses);
        }
        let mut addresses: Vec<_> = node.addresses.values().flatten().copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        Some(Event::Found(Found { name: told.name, port, addresses, mark }))
    }

    /// Takes out one that was not heard of again in time.
    pub(super) fn poll_gone(&mut self, now: Moment) -> Option<Event> {
        let name = self.nodes.iter().find(|(_, node)| node.until <= now).map(|(name, _)| name.clone())?;
        self.nodes.remove(&name);
        Some(Event::Gone(name))
    }

    /// A link is no more, and nothing that was said over it.
    pub(super) fn handle_lost(&mut self, link: &Link) {
        for node in self.nodes.values_mut() {
            node.addresses.remove(link);
        }
    }

    /// Those who need not say again that they are there, and for how long that is known (RFC 6762, section 7.1).
    pub(super) fn fresh(&self, now: Moment) -> impl Iterator<Item = (&str, Duration)> {
        let fresh = self.nodes.iter().map(move |(name, node)| (name.as_str(), node.until.since(now)));
        fresh.filter(|(_, left)| *left > GOOD_FOR / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, seconds: u64, addresses: &[&str]) -> Announcement {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Announcement {
            name: name.to_owned(),
            good_for: Duration::from_secs(seconds),
            at: Some((9_004, addresses, None)),
        }
    }

    fn at(event: Option<Event>) -> Vec<String> {
        match event {
            Some(Event::Found(found)) => found.addresses.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_node_is_where_each_network_says_and_goes_when_it_says_or_in_time() {
        let mut known = Known::new();
        assert_eq!(at(known.handle(Moment(0), 4, told("a", 4_500, &["10.0.0.1"]))), ["10.0.0.1"]);
        assert_eq!(at(known.handle(Moment(0), 6, told("a", 4_500, &["fd00::1", "10.0.0.1"]))), ["10.0.0.1", "fd00::1"]);
        assert_eq!(
            at(known.handle(Moment(0), 4, told("a", 4_500, &["10.0.0.2"]))),
            ["10.0.0.1", "10.0.0.2", "fd00::1"]
        );
        known.handle_lost(&6);
        assert_eq!(at(known.handle(Moment(9), 4, told("a", 4_500, &["10.0.0.2"]))), ["10.0.0.2"]);
        // One that cannot be reached is none.
        assert_eq!(known.handle(Moment(9), 4, told("b", 4_500, &[])), None);
        known.handle(Moment(9), 4, told("c", 10, &["10.0.0.3"]));
        assert_eq!(known.fresh(Moment(9)).map(|(name, _)| name).collect::<Vec<_>>(), ["a"]);
        assert_eq!(known.poll_gone(Moment(10_008)), None);
        assert_eq!(known.poll_gone(Moment(10_009)), Some(Event::Gone("c".to_owned())));
        assert_eq!(known.handle(Moment(10_009), 4, told("a", 0, &[])), Some(Event::Gone("a".to_owned())));
        assert_eq!(known.handle(Moment(10_009), 4, told("a", 0, &[])), None);
        assert!(known.nodes.is_empty());
    }

    #[test]
    fn c23_ever_new_names_are_bounded_and_who_is_known_stays() {
        let mut known = Known::new();
        known.handle(Moment(0), 4, told("friend", 4_500, &["10.0.0.1"]));
        for number in 0..10_000 {
            known.handle(Moment(0), 4, told(&format!("evil {number}"), 4_500, &["10.0.0.2"]));
        }
        assert_eq!(known.nodes.len(), MOST);
        assert_eq!(at(known.handle(Moment(0), 4, told("friend", 4_500, &["10.0.0.1"]))), ["10.0.0.1"]);
        // In time they go, and others come in.
        let later = Moment(0) + GOOD_FOR;
        while known.poll_gone(later).is_some() {}
        assert!(known.handle(later, 4, told("late", 4_500, &["10.0.0.1"])).is_some());
    }
}
