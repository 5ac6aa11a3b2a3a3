//! What the scenarios ask of the network: who is seen by whom, and what it cost. Nothing here changes a node.

use std::cmp::Reverse;
use std::time::Duration;

use shared::{MemberState, Moment, Roster};

use super::{Cost, Kind, Network, Node, Step};

impl Network {
    pub(crate) fn is_up(&self, node: usize) -> bool {
        self.nodes[node].up
    }

    pub(crate) fn is_modern(&self, node: usize) -> bool {
        matches!(self.nodes[node].kind, Kind::Modern(_))
    }

    pub(crate) fn up_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.up).count()
    }

    /// Those that listen.
    pub(crate) fn serving(&self) -> Vec<usize> {
        let listens = |node: &Node| node.up && !matches!(node.kind, Kind::Original { joining: Some(_), .. });
        (0..self.nodes.len()).filter(|number| listens(&self.nodes[*number])).collect()
    }

    fn rosters(&self) -> impl Iterator<Item = (&Node, &Roster)> {
        self.nodes.iter().filter(|node| node.up).filter_map(|node| match &node.kind {
            Kind::Modern(roster) => Some((node, &**roster)),
            Kind::Original { .. } => None,
        })
    }

    fn listed_in<'a>(&'a self, roster: &'a Roster) -> impl Iterator<Item = Option<&'a Node>> {
        roster.live().map(|url| self.by_url.get(url.as_str()).map(|number| &self.nodes[*number]))
    }

    /// The share of (modern node, live node) pairs in which the first lists the second.
    pub(crate) fn wholeness(&self) -> f64 {
        let (mut seen, mut pairs) = (0_u32, 0_u32);
        for (_, roster) in self.rosters() {
            seen += u32::try_from(self.listed_in(roster).flatten().filter(|node| node.up).count()).unwrap();
            pairs += u32::try_from(self.up_count()).unwrap();
        }
        f64::from(seen) / f64::from(pairs.max(1))
    }

    pub(crate) fn run_until_whole(&mut self, end: Moment, share: f64) -> Option<Moment> {
        // Not before everybody was started.
        let started = |net: &Self| !net.steps.iter().any(|Reverse((_, _, step))| matches!(step, Step::Start { .. }));
        self.run_until(end, |net| started(net) && net.wholeness() >= share && (share < 1.0 || net.lists_no_dead()))
    }

    pub(crate) fn lists_no_dead(&self) -> bool {
        self.rosters().all(|(_, roster)| self.listed_in(roster).all(|node| node.is_some_and(|node| node.up)))
    }

    pub(crate) fn halves_are_whole(&self) -> bool {
        self.rosters().all(|(node, roster)| {
            let half = self.nodes.iter().filter(|other| other.up && other.group == node.group).count();
            let seen =
                self.listed_in(roster).filter(|other| other.is_some_and(|other| other.group == node.group)).count();
            seen == half && roster.live().count() == half
        })
    }

    pub(crate) fn originals_know_all(&self) -> bool {
        self.nodes.iter().filter(|node| node.up).all(|node| match &node.kind {
            Kind::Original { known, .. } => self
                .nodes
                .iter()
                .filter(|other| other.up)
                .all(|other| known.iter().any(|url| url == other.url.as_str())),
            Kind::Modern(_) => true,
        })
    }

    pub(crate) fn members_in(&self, state: MemberState) -> usize {
        self.rosters().flat_map(|(_, roster)| roster.members()).filter(|member| member.state == state).count()
    }

    pub(crate) fn member_count(&self, node: usize) -> usize {
        match &self.nodes[node].kind {
            Kind::Modern(roster) => roster.members().len(),
            Kind::Original { known, .. } => known.len(),
        }
    }

    /// How often a node dialed URLs at which nothing ever was.
    pub(crate) fn dials_to_nowhere(&self, node: usize) -> u64 {
        self.nodes[node].nowhere
    }

    pub(crate) fn cost(&self) -> Cost {
        Cost { at: self.now, ..self.cost }
    }

    /// Messages and bytes that each node sends in a second, over that time from now.
    pub(crate) fn cost_per_node_second(&mut self, time: Duration) -> (f64, f64) {
        let before = self.cost;
        self.run_for(time);
        let share = |count: u64| {
            f64::from(u32::try_from(count).unwrap())
                / time.as_secs_f64()
                / f64::from(u32::try_from(self.up_count()).unwrap())
        };
        (share(self.cost.messages - before.messages), share(self.cost.bytes - before.bytes))
    }

    /// Calls of that kind that each node makes in a second, over that time from now.
    pub(crate) fn dials_per_node_second(&mut self, time: Duration, mut counts: impl FnMut(&Step) -> bool) -> f64 {
        self.watching = true;
        self.run_for(time);
        self.watching = false;
        let count = self.watched.drain(..).filter(|step| counts(step)).count();
        f64::from(u32::try_from(count).unwrap())
            / time.as_secs_f64()
            / f64::from(u32::try_from(self.up_count()).unwrap())
    }
}
