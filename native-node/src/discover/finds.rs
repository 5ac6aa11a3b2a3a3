//! Whom to dial of those that were found on the network: pure, time is an argument.
//!
//! Anybody can say anything there, our mark included. So what was found is dialed one after the other, and who does not prove
//! the password has had one guess at it: there are few of those, and none for whoever belongs to a pool that refused us.
//! Those who show our mark have their own, so that nobody else can keep us from a node of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::membership::PoolMark;
use shared::{Bucket, Moment, PeerUrl};

/// Most nodes remembered; on a network that has more, others tell us of them.
const MOST: usize = 256;
/// Nodes that do not prove the password, at once …
const GUESSES: u32 = 16;
/// … and afterwards one in this time: 288 a day, of anybody's guesses.
const GUESS_EVERY: Duration = Duration::from_secs(5 * 60);
/// Nodes that are dialed at once …
const DIALS: u32 = 64;
/// … and afterwards one in this time: what anybody announces may be an address where no node is.
const DIAL_EVERY: Duration = Duration::from_secs(1);
/// First wait before one that cannot be reached is dialed again; doubled each time …
const RETRY: Duration = Duration::from_secs(15);
/// … so often.
const RETRY_DOUBLED: u32 = 6;
/// Who has met nobody looks for us: that long we wait for it, rather than each of us having it dialed.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether one that is here still is.
const AGAIN: Duration = Duration::from_secs(30);

/// What came of a dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It proved the password, and is reached by this URL.
    Proved(PeerUrl),
    /// It did not, and had a guess at it.
    Refused,
    /// It was not asked: it does not answer, or not as a node.
    Unreachable,
}

/// What is new by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// A node of our pool.
    Ours,
    /// A pool of another password, or a node that is of none.
    Foreign,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Finds {
    nodes: BTreeMap<String, Found>,
    /// Pools of another password.
    foreign: BTreeSet<PoolMark>,
    dials: Bucket,
    guesses: Bucket,
    /// For those who show our mark.
    guesses_of_ours: Bucket,
    /// Who, and whether it shows our mark.
    dialing: Option<(String, bool)>,
}

#[derive(Debug)]
struct Found {
    urls: Vec<PeerUrl>,
    mark: Option<PoolMark>,
    since: Moment,
    due: Moment,
    failures: u32,
    is_foreign: bool,
    /// By which URL it was a peer.
    proved: Option<PeerUrl>,
}

impl Finds {
    pub(super) fn new() -> Self {
        let (nodes, foreign) = (BTreeMap::new(), BTreeSet::new());
        let (dials, guesses) = (Bucket::new(DIALS, DIAL_EVERY), Bucket::new(GUESSES, GUESS_EVERY));
        Self { nodes, foreign, dials, guesses_of_ours: guesses.clone(), guesses, dialing: None }
    }

    /// Somebody of this name says that a node is at these addresses, and of which pool.
    pub(super) fn handle_found(&mut self, now: Moment, name: String, urls: Vec<PeerUrl>, mark: Option<PoolMark>) {
        let before = self.nodes.get(&name);
        let is_new = before.is_none_or(|before| before.urls != urls || before.mark != mark);
        if urls.is_empty() || !is_new || (before.is_none() && self.nodes.len() >= MOST) {
            return;
        }
        let is_foreign = before.is_some_and(|before| before.is_foreign && before.mark == mark);
        let proved = before.and_then(|before| before.proved.clone());
        let since = before.map_or(now, |before| before.since);
        self.nodes.insert(name, Found { urls, mark, since, due: now, failures: 0, is_foreign, proved });
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// It is not there any more.
    pub(super) fn handle_gone(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// Whom to dial next, if anybody; [`Finds::handle_dialed`] must follow. `own` is our pool, `is_here` says who is a peer already.
    pub(super) fn poll_dial(
        &mut self,
        now: Moment,
        own: Option<PoolMark>,
        is_here: impl Fn(&PeerUrl) -> bool,
    ) -> Option<PeerUrl> {
        if self.dialing.is_some() || self.dials.ready_at(now) > now {
            return None;
        }
        let has_guess = |guesses: &Bucket| guesses.ready_at(now) <= now;
        let (has_guess, has_guess_of_ours) = (has_guess(&self.guesses), has_guess(&self.guesses_of_ours));
        // Who waits for longest comes first: ever new names keep nobody waiting.
        let mut due: Vec<_> = self.nodes.iter_mut().filter(|(_, found)| found.due <= now).collect();
        due.sort_by_key(|(_, found)| found.due);
        for (name, found) in due {
            if found.urls.iter().chain(&found.proved).any(&is_here) {
                (found.due, found.failures) = (now + AGAIN, 0);
                continue;
            }
            let is_ours = own.is_some() && found.mark == own;
            let is_foreign = found.is_foreign || found.mark.is_some_and(|mark| self.foreign.contains(&mark));
            let will_come = own.is_some() && found.mark.is_none() && now < found.since + GRACE;
            let may_dial =
                if is_ours { has_guess_of_ours && !found.is_foreign } else { has_guess && !is_foreign && !will_come };
            if !may_dial {
                continue;
            }
            // One that has several addresses is tried at one after the other.
            let at = found.failures as usize % found.urls.len().max(1);
            if let Some(url) = found.urls.get(at) {
                self.dials.take(now);
                self.dialing = Some((name.clone(), is_ours));
                return Some(url.clone());
            }
        }
        None
    }

    /// What came of the dial. Answers what was not known before.
    pub(super) fn handle_dialed(&mut self, now: Moment, outcome: Outcome) -> Option<News> {
        let (name, is_ours) = self.dialing.take()?;
        if matches!(outcome, Outcome::Refused) {
            let guesses = if is_ours { &mut self.guesses_of_ours } else { &mut self.guesses };
            guesses.take(now);
        }
        // It may have gone meanwhile.
        let found = self.nodes.get_mut(&name)?;
        match outcome {
            Outcome::Proved(url) => {
                (found.due, found.failures) = (now + AGAIN, 0);
                found.proved.replace(url).is_none().then_some(News::Ours)
            }
            Outcome::Unreachable => {
                found.due = now + RETRY * (1 << found.failures.min(RETRY_DOUBLED));
                found.failures += 1;
                None
            }
            Outcome::Refused => {
                found.is_foreign = true;
                let is_new = |mark: PoolMark| self.foreign.len() < MOST && self.foreign.insert(mark);
                // It only shows our mark: nothing is known of others who do.
                (is_ours || found.mark.is_none_or(is_new)).then_some(News::Foreign)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: fn(&PeerUrl) -> bool = |_| false;
    const DAY: u64 = 24 * 60 * 60 * 1_000;

    fn url(number: usize) -> PeerUrl {
        PeerUrl::parse(&format!("http://10.0.{}.{}:9004", number / 256, number % 256)).unwrap()
    }

    fn mark(number: usize) -> Option<PoolMark> {
        PoolMark::parse(&format!("{number:016x}"))
    }

    fn found(all: &[(usize, Option<PoolMark>)]) -> Finds {
        let mut finds = Finds::new();
        for (number, mark) in all {
            finds.handle_found(Moment(0), format!("{number:04}"), vec![url(*number)], *mark);
        }
        finds
    }

    #[test]
    fn who_is_found_is_dialed_once_and_whoever_is_here_is_not() {
        let mut finds = found(&[(1, None), (2, None)]);
        assert_eq!(finds.poll_dial(Moment(0), None, |it| *it == url(1)), Some(url(2)));
        assert_eq!(finds.poll_dial(Moment(0), None, NOBODY), None, "one at a time");
        assert_eq!(finds.handle_dialed(Moment(0), Outcome::Proved(url(9))), Some(News::Ours));
        // Told of again, with nothing new.
        finds.handle_found(Moment(1), "0002".into(), vec![url(2)], None);
        assert_eq!(finds.poll_dial(Moment(1), None, NOBODY), None);
        let later = Moment(0) + AGAIN;
        assert_eq!(finds.poll_dial(later, None, |it| [url(1), url(9)].contains(it)), None, "by the name it goes by");
        // Neither is a peer any more, some time later.
        let later = later + AGAIN;
        assert_eq!(finds.poll_dial(later, None, NOBODY), Some(url(1)));
        finds.handle_gone("0001");
        assert_eq!(finds.handle_dialed(later, Outcome::Refused), None, "gone meanwhile");
        assert_eq!(finds.poll_dial(later, None, NOBODY), Some(url(2)));
        assert_eq!(finds.handle_dialed(later, Outcome::Proved(url(2))), None, "no news");
    }

    #[test]
    fn of_a_foreign_pool_one_node_is_asked_and_of_ours_all() {
        let mut finds = found(&[(1, mark(7)), (2, mark(7)), (3, mark(8)), (4, None), (5, None)]);
        let dialed = |finds: &mut Finds, now| {
            let mut dialed = Vec::new();
            while let Some(url) = finds.poll_dial(now, mark(8), NOBODY) {
                let is_ours = url == self::url(3);
                let (outcome, news) = if is_ours {
                    (Outcome::Proved(url.clone()), News::Ours)
                } else {
                    (Outcome::Refused, News::Foreign)
                };
                assert_eq!(finds.handle_dialed(now, outcome), Some(news));
                dialed.push(url);
            }
            dialed
        };
        assert_eq!(dialed(&mut finds, Moment(0)), [url(1), url(3)]);
        // Those that are of none look for us, if they are ours.
        assert_eq!(dialed(&mut finds, Moment(0) + GRACE), [url(4), url(5)]);
        assert_eq!(finds.poll_dial(Moment(DAY), mark(8), |it| *it == url(3)), None, "they are left alone");
        // At another address it is still the same; but one says that it is of another pool now.
        finds.handle_found(Moment(DAY), "0004".into(), vec![url(4), url(6)], None);
        assert_eq!(finds.poll_dial(Moment(DAY), mark(8), |it| *it == url(3)), None);
        finds.handle_found(Moment(DAY), "0002".into(), vec![url(2)], mark(8));
        assert_eq!(finds.poll_dial(Moment(DAY), mark(8), |it| *it == url(3)), Some(url(2)));
    }

    #[test]
    fn d11_whoever_announces_ever_new_nodes_has_few_guesses_with_our_mark_too() {
        for is_copied in [false, true] {
            let mut finds = found(&[]);
            let mut guesses = 0;
            for number in 0..10_000 {
                let now = Moment(number as u64 * DAY / 10_000);
                let shown = mark(if is_copied { 0 } else { number + 1 });
                finds.handle_gone(&format!("evil {}", number.wrapping_sub(1)));
                finds.handle_found(now, format!("evil {number}"), vec![url(number)], shown);
                if finds.poll_dial(now, mark(0), NOBODY).is_some() {
                    finds.handle_dialed(now, Outcome::Refused);
                    guesses += 1;
                }
            }
            assert!((288..=288 + 16).contains(&guesses), "{guesses}");
            assert!(finds.foreign.len() <= MOST && !finds.foreign.contains(&mark(0).unwrap()));
            // That keeps nobody waiting who shows another, or ours.
            finds.handle_gone("evil 9999");
            finds.handle_found(Moment(DAY), "friend".into(), vec![url(1)], mark(usize::from(is_copied)));
            assert_eq!(finds.poll_dial(Moment(DAY), mark(0), NOBODY), Some(url(1)));
        }
    }

    #[test]
    fn who_cannot_be_reached_is_tried_at_its_other_addresses_and_ever_more_seldom() {
        let mut finds = Finds::new();
        finds.handle_found(Moment(0), "two".into(), vec![url(1), url(2)], None);
        let (mut now, mut dialed) = (Moment(0), Vec::new());
        while now < Moment(DAY / 24) {
            if let Some(url) = finds.poll_dial(now, None, NOBODY) {
                finds.handle_dialed(now, Outcome::Unreachable);
                dialed.push(url);
            }
            now = now + Duration::from_secs(1);
        }
        assert_eq!(dialed[..4], [url(1), url(2), url(1), url(2)]);
        assert!((8..=12).contains(&dialed.len()), "{}", dialed.len());
    }

    #[test]
    fn c12_whoever_announces_ever_new_addresses_has_us_dial_once_a_second() {
        let mut finds = found(&[]);
        let mut dialed = 0;
        for step in 0..6_000_usize {
            let now = Moment(step as u64 * 10);
            finds.handle_found(now, "evil".into(), vec![url(step)], None);
            if finds.poll_dial(now, None, NOBODY).is_some() {
                finds.handle_dialed(now, Outcome::Unreachable);
                dialed += 1;
            }
        }
        assert!((60..=60 + 64).contains(&dialed), "{dialed} in a minute");
        // That keeps nobody waiting for long.
        let now = Moment(60_000);
        finds.handle_found(now, "z friend".into(), vec![url(9)], None);
        for step in 0..1_000_u64 {
            finds.handle_found(now + Duration::from_millis(10 * step), "evil".into(), vec![url(step as usize)], None);
            if finds.poll_dial(now + Duration::from_millis(10 * step), None, NOBODY) == Some(url(9)) {
                return;
            }
            finds.handle_dialed(now, Outcome::Unreachable);
        }
        panic!("a friend waits for ten seconds");
    }

    #[test]
    fn memory_is_bounded() {
        let finds = found(&(0..1_000).map(|number| (number, None)).collect::<Vec<_>>());
        assert_eq!(finds.nodes.len(), MOST);
    }
}
