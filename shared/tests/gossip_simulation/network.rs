//! The simulated network: nodes, latency, losses, partitions, and the count of what went over it.
//!
//! A node that is down refuses at once (its process ended) or says nothing (its machine is gone: the caller's deadline of
//! 3 s passes). A partition is silent. Of the servers of 2004 it models what matters to others: the join of `tinyp2p.py`, the
//! list that only grows, and that nobody listens while joining.

mod questions;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::time::Duration;

use shared::{DialOutcome, Moment, PeerUrl, Roster, Scope};

/// What a driver waits for an answer.
const DEADLINE: Duration = Duration::from_secs(3);
/// HTTP headers and the XML around the list, of a call and its answer together halved.
const BYTES_PER_MESSAGE: usize = 450;
/// `<value><string></string></value>` and a line end, around each URL.
const BYTES_PER_URL: usize = 34;

/// What happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A modern node looks what is due.
    Wake { node: usize },
    /// A node begins, with the URLs it was given.
    Start { node: usize, through: Vec<usize> },
    /// A call arrives; `ours` says for which life of the caller.
    Dial { from: usize, life: u32, to: usize, tell: Vec<String> },
    /// The caller learns what came of its call.
    Outcome { node: usize, life: u32, of: String, answer: Option<Vec<String>> },
}

enum Kind {
    Modern(Box<Roster>),
    /// The list of a server of 2004; while it joins, the place of the URL it is calling.
    Original {
        known: Vec<String>,
        joining: Option<usize>,
    },
}

struct Node {
    url: PeerUrl,
    kind: Kind,
    up: bool,
    silent: bool,
    life: u32,
    group: usize,
    nowhere: u64,
    /// When it looks again what is due; any other wake-up is out of date.
    wake_at: Moment,
}

/// What went over the network so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    messages: u64,
    bytes: u64,
    at: Moment,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages, {} kB until {} s", self.messages, self.bytes / 1000, self.at.0 / 1000)
    }
}

pub(crate) struct Network {
    pub(crate) now: Moment,
    /// The share of dials that end in silence, the call or the answer being lost.
    pub(crate) loss: f64,
    nodes: Vec<Node>,
    by_url: BTreeMap<String, usize>,
    steps: BinaryHeap<Reverse<(Moment, u64, Step)>>,
    count: u64,
    state: u64,
    cost: Cost,
    watched: Vec<Step>,
    watching: bool,
    hostile: Option<usize>,
    poison: Vec<String>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Moment(0),
            loss: 0.0,
            nodes: Vec::new(),
            by_url: BTreeMap::new(),
            steps: BinaryHeap::new(),
            count: 0,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            cost: Cost::default(),
            watched: Vec::new(),
            watching: false,
            hostile: None,
            poison: Vec::new(),
        }
    }

    /// A number below `end`.
    pub(crate) fn random(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    pub(crate) fn add_modern(&mut self) -> usize {
        let url = self.next_url();
        let roster = Roster::new(url.clone(), self.random(u64::MAX));
        self.add(url, Kind::Modern(Box::new(roster)))
    }

    pub(crate) fn add_original(&mut self) -> usize {
        let url = self.next_url();
        self.add(url, Kind::Original { known: Vec::new(), joining: None })
    }

    fn next_url(&self) -> PeerUrl {
        let number = self.nodes.len();
        PeerUrl::parse(&format!("http://192.168.{}.{}:9004", number / 200, number % 200 + 1)).unwrap()
    }

    fn add(&mut self, url: PeerUrl, kind: Kind) -> usize {
        self.by_url.insert(url.to_string(), self.nodes.len());
        self.nodes.push(Node {
            url,
            kind,
            up: false,
            silent: false,
            life: 0,
            group: 0,
            nowhere: 0,
            wake_at: Moment(u64::MAX),
        });
        self.nodes.len() - 1
    }

    pub(crate) fn start(&mut self, at: Moment, node: usize, through: &[usize]) {
        self.push(at, Step::Start { node, through: through.to_vec() });
    }

    pub(crate) fn kill(&mut self, node: usize, silent: bool) {
        let node = &mut self.nodes[node];
        (node.up, node.silent, node.life) = (false, silent, node.life + 1);
    }

    pub(crate) fn partition(&mut self, group: impl Fn(usize) -> usize) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            node.group = group(number);
        }
    }

    /// Makes an original add a thousand of these to each of its answers.
    pub(crate) fn poison(&mut self, node: usize, urls: &[String]) {
        self.hostile = Some(node);
        self.poison = urls.to_vec();
    }

    /// A call from outside, right now.
    pub(crate) fn call(&mut self, node: usize, urls: &[String]) {
        let now = self.now;
        if let Kind::Modern(roster) = &mut self.nodes[node].kind {
            roster.handle_exchange(now, Scope::Lan, urls);
        }
        self.wake(node);
    }

    fn push(&mut self, at: Moment, step: Step) {
        self.count += 1;
        self.steps.push(Reverse((at, self.count, step)));
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(1 + self.random(50))
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
    }

    /// Runs until that is so, which is looked up four times a second; none if it never was before `end`.
    pub(crate) fn run_until(&mut self, end: Moment, mut is_so: impl FnMut(&Self) -> bool) -> Option<Moment> {
        loop {
            if is_so(self) {
                return Some(self.now);
            }
            if self.now >= end {
                return None;
            }
            let pause = (self.now + Duration::from_millis(250)).min(end);
            while self.steps.peek().is_some_and(|Reverse((at, ..))| *at <= pause) {
                let Reverse((at, _, step)) = self.steps.pop().unwrap();
                self.now = at;
                self.perform(step);
            }
            self.now = pause;
        }
    }

    fn perform(&mut self, step: Step) {
        if self.watching && matches!(step, Step::Dial { .. }) {
            self.watched.push(step.clone());
        }
        match step {
            Step::Start { node, through } => self.begin(node, &through),
            Step::Wake { node } if self.nodes[node].wake_at == self.now => self.wake(node),
            Step::Wake { .. } => {}
            Step::Dial { from, life, to, tell } => self.arrive(from, life, to, &tell),
            Step::Outcome { node, life, of, answer } => {
                if self.nodes[node].life == life && self.nodes[node].up {
                    self.learn(node, &of, answer);
                }
            }
        }
    }

    fn begin(&mut self, node: usize, through: &[usize]) {
        let urls: Vec<PeerUrl> =
            through.iter().filter(|seed| **seed != node).map(|seed| self.nodes[*seed].url.clone()).collect();
        let (now, dice) = (self.now, self.random(u64::MAX));
        let Node { url, kind, up, life, .. } = &mut self.nodes[node];
        *up = true;
        *life += 1;
        match kind {
            Kind::Modern(roster) => {
                **roster = Roster::new(url.clone(), dice);
                for url in urls {
                    roster.add_seed(now, url);
                }
                self.wake(node);
            }
            Kind::Original { known, joining } => {
                *known = urls.iter().map(PeerUrl::to_string).collect();
                *joining = (!known.is_empty()).then_some(0);
                self.join_on(node);
            }
        }
    }

    fn wake(&mut self, node: usize) {
        let now = self.now;
        let Node { kind: Kind::Modern(roster), up: true, life, .. } = &mut self.nodes[node] else { return };
        let life = *life;
        let mut dials = Vec::new();
        while let Some(dial) = roster.poll_dial(now) {
            dials.push(dial);
        }
        let next = roster.next_wakeup(now);
        for dial in dials {
            let tell = dial.tell.iter().map(PeerUrl::to_string).collect();
            self.dial(node, life, dial.url.as_str(), tell);
        }
        let at = next.max(Moment(now.0 + 1));
        if self.nodes[node].wake_at != at {
            self.nodes[node].wake_at = at;
            self.push(at, Step::Wake { node });
        }
    }

    fn count_message(&mut self, urls: &[String]) {
        self.cost.messages += 1;
        let bytes = BYTES_PER_MESSAGE + urls.iter().map(|url| url.len() + BYTES_PER_URL).sum::<usize>();
        self.cost.bytes += u64::try_from(bytes).unwrap();
    }

    fn dial(&mut self, node: usize, life: u32, url: &str, tell: Vec<String>) {
        self.count_message(&tell);
        let wait = self.latency();
        match self.by_url.get(url) {
            Some(&to) => self.push(self.now + wait, Step::Dial { from: node, life, to, tell }),
            None => {
                self.nodes[node].nowhere += 1;
                self.push(self.now + DEADLINE, Step::Outcome { node, life, of: url.to_owned(), answer: None });
            }
        }
    }

    fn arrive(&mut self, from: usize, life: u32, to: usize, tell: &[String]) {
        let of = self.nodes[to].url.to_string();
        let fate = self.random(1_000_000);
        let lost = (f64::from(u32::try_from(fate).unwrap()) / 1e6) < self.loss;
        let (call_lost, answer_lost) = (lost && fate.is_multiple_of(2), lost && !fate.is_multiple_of(2));
        let apart = self.nodes[from].group != self.nodes[to].group;
        let node = &mut self.nodes[to];
        let silent = apart || call_lost || (!node.up && node.silent);
        let refuses = !node.up || matches!(node.kind, Kind::Original { joining: Some(_), .. });
        let late = self.now + DEADLINE;
        if silent {
            return self.push(late, Step::Outcome { node: from, life, of, answer: None });
        }
        let wait = self.latency();
        if refuses {
            return self.push(self.now + wait, Step::Outcome { node: from, life, of, answer: None });
        }
        let now = self.now;
        let mut answer: Vec<String> = match &mut self.nodes[to].kind {
            Kind::Modern(roster) => {
                roster.handle_exchange(now, Scope::Lan, tell).iter().map(PeerUrl::to_string).collect()
            }
            Kind::Original { known, .. } => {
                for url in tell {
                    if !known.contains(url) {
                        known.push(url.clone());
                    }
                }
                known.clone()
            }
        };
        if self.hostile == Some(to) {
            let first = usize::try_from(self.random(99_000)).unwrap();
            answer.splice(0..0, self.poison[first..first + 1_000].iter().cloned());
        }
        self.count_message(&answer);
        self.wake(to);
        let at = if answer_lost { late } else { now + wait };
        self.push(at, Step::Outcome { node: from, life, of, answer: Some(answer).filter(|_| !answer_lost) });
    }

    fn learn(&mut self, node: usize, of: &str, answer: Option<Vec<String>>) {
        let now = self.now;
        match &mut self.nodes[node].kind {
            Kind::Modern(roster) => {
                let outcome = match answer {
                    Some(urls) if urls.is_empty() => DialOutcome::Lone,
                    Some(urls) => DialOutcome::Answered(urls),
                    None => DialOutcome::Unreachable,
                };
                roster.handle_dialed(now, &PeerUrl::parse(of).unwrap(), outcome);
                self.wake(node);
            }
            Kind::Original { known, joining } => match answer {
                Some(urls) => {
                    for url in urls {
                        if !known.contains(&url) {
                            known.push(url);
                        }
                    }
                    *joining = joining.map(|place| place + 1);
                    self.join_on(node);
                }
                // An exception that nobody catches: the original ends.
                None => self.kill(node, false),
            },
        }
    }

    /// The next call of an original that is joining: each URL of its growing list but itself.
    fn join_on(&mut self, node: usize) {
        let Node { url, kind: Kind::Original { known, joining }, life, .. } = &mut self.nodes[node] else { return };
        let own = url.to_string();
        let Some(mut place) = *joining else { return };
        if !known.contains(&own) {
            known.push(own.clone());
        }
        // The first is called twice, once for its answer and once as a part of it; once is enough here.
        if known.get(place) == Some(&own) {
            place += 1;
        }
        *joining = (place < known.len()).then_some(place);
        let Some(next) = joining.and_then(|place| known.get(place)).cloned() else { return };
        let (life, tell) = (*life, known.clone());
        self.dial(node, life, &next, tell);
    }
}
