//! How often who may be wrong about the password: a few times in a row, then seldom.
//!
//! A guess is paid for before it is judged, and a right one gets its payment back: however many connections somebody opens
//! at once, no more passwords are looked at than were paid for. Over the limit nothing is looked at, not even the right
//! password, or guessing would go on and only the answers would change.
//!
//! Two limits must both have room: that of the caller's address, and one for all addresses together, since a botnet or an
//! IPv6 network has many. The second is skipped by addresses that have shown the right password within a week: a crowd of
//! guessers locks out strangers, but nobody who was here before. Whoever shares an address with a guesser waits with it.
//!
//! Pure: time is an argument. It remembers addresses only, in memory only, and logs nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use shared::{Bucket, Moment};

/// Wrong passwords of one address at once …
const ADDRESS_BURST: u32 = 5;
/// … and afterwards one in this time.
const ADDRESS_EVERY: Duration = Duration::from_secs(30);
/// Wrong passwords of all addresses at once …
const ALL_BURST: u32 = 50;
/// … and afterwards one in this time: 8,640 a day.
const ALL_EVERY: Duration = Duration::from_secs(10);
/// For how long a right password counts for its address.
const PROVEN_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most addresses remembered for a wrong password. More cannot be in debt at once through the limit for all.
const MOST_ADDRESSES: usize = 4_096;
/// Most addresses remembered for a right password.
const MOST_PROVEN: usize = 4_096;

/// Who guessed how much of late.
#[derive(Debug)]
pub struct Guesses {
    addresses: BTreeMap<IpAddr, Bucket>,
    all: Bucket,
    proven: BTreeMap<IpAddr, Moment>,
}

/// One guess that was paid for. Dropped, it was a wrong one.
#[must_use = "a guess that is not given back was a wrong one"]
#[derive(Debug)]
pub struct Guess {
    /// None for this machine, which pays nothing.
    address: Option<IpAddr>,
    /// Whether the limit for all was charged.
    of_all: bool,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { addresses: BTreeMap::new(), all: Bucket::new(ALL_BURST, ALL_EVERY), proven: BTreeMap::new() }
    }
}

impl Guesses {
    /// How long `address` must wait before its next guess is looked at; none if it need not. Charges nothing.
    #[must_use]
    pub fn wait(&self, now: Moment, address: IpAddr) -> Option<Duration> {
        let address = counted_as(address)?;
        let own = self.addresses.get(&address).map_or(now, |bucket| bucket.ready_at(now));
        let all = if self.is_proven(now, address) { now } else { self.all.ready_at(now) };
        let wait = own.max(all).since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Pays for one guess of `address`, to be judged now.
    ///
    /// # Errors
    /// How long to wait, if the address is over a limit. Nothing was charged.
    pub fn take(&mut self, now: Moment, address: IpAddr) -> Result<Guess, Duration> {
        if let Some(wait) = self.wait(now, address) {
            return Err(wait);
        }
        let Some(address) = counted_as(address) else { return Ok(Guess { address: None, of_all: false }) };
        if !self.addresses.contains_key(&address) && self.addresses.len() >= MOST_ADDRESSES {
            self.addresses.retain(|_, bucket| !bucket.is_full(now));
            if self.addresses.len() >= MOST_ADDRESSES {
                return Err(ADDRESS_EVERY);
            }
        }
        let of_all = !self.is_proven(now, address) && self.all.take(now);
        self.addresses.entry(address).or_insert_with(|| Bucket::new(ADDRESS_BURST, ADDRESS_EVERY)).take(now);
        Ok(Guess { address: Some(address), of_all })
    }

    /// The guess was the right password: gives back what was paid, and remembers the address.
    pub fn right(&mut self, now: Moment, guess: Guess) {
        if let Some(address) = guess.address {
            if self.proven.len() >= MOST_PROVEN && !self.proven.contains_key(&address) {
                self.proven.retain(|_, since| now.since(*since) < PROVEN_FOR);
                let oldest = self.proven.iter().min_by_key(|(_, since)| **since).map(|(address, _)| *address);
                if let Some(oldest) = oldest.filter(|_| self.proven.len() >= MOST_PROVEN) {
                    self.proven.remove(&oldest);
                }
            }
            self.proven.insert(address, now);
        }
        self.undecided(now, guess);
    }

    /// It came to no password at all: gives back what was paid.
    pub fn undecided(&mut self, now: Moment, guess: Guess) {
        let Some(address) = guess.address else { return };
        if guess.of_all {
            self.all.give_back();
        }
        if let Some(bucket) = self.addresses.get_mut(&address) {
            bucket.give_back();
            if bucket.is_full(now) {
                self.addresses.remove(&address);
            }
        }
    }

    fn is_proven(&self, now: Moment, address: IpAddr) -> bool {
        self.proven.get(&address).is_some_and(|since| now.since(*since) < PROVEN_FOR)
    }
}

/// The address that limits count: who has an IPv6 network has 2^64 addresses of it. None for this machine: who runs programs
/// here need not guess.
pub(super) fn counted_as(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    (!address.is_loopback()).then(|| network_of(address))
}

/// The address, or the network it is in where one owner has all of that.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn v4(number: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number))
    }

    /// A wrong password, if it is looked at.
    fn wrong(guesses: &mut Guesses, now: Moment, address: IpAddr) -> bool {
        guesses.take(now, address).is_ok()
    }

    fn right(guesses: &mut Guesses, now: Moment, address: IpAddr) -> bool {
        match guesses.take(now, address) {
            Ok(guess) => {
                guesses.right(now, guess);
                true
            }
            Err(_) => false,
        }
    }

    #[test]
    fn d7_a_thousand_tries_of_one_address_are_five_and_then_two_a_minute() {
        let mut guesses = Guesses::default();
        let start = Moment(77);
        assert_eq!((0..1_000).filter(|_| wrong(&mut guesses, start, v4(1))).count(), 5);
        assert_eq!(guesses.wait(start, v4(1)), Some(Duration::from_secs(30)));
        assert!(!wrong(&mut guesses, Moment(77 + 29_999), v4(1)));
        assert!(wrong(&mut guesses, Moment(77 + 30_000), v4(1)));
        assert!(!wrong(&mut guesses, Moment(77 + 30_001), v4(1)));
        // Ten tries a second for an hour.
        let hour = (1..=36_000).filter(|tenth| wrong(&mut guesses, Moment(30_077 + tenth * 100), v4(1))).count();
        assert_eq!(hour, 120);
    }

    #[test]
    fn d7_the_right_password_waits_too() {
        let mut guesses = Guesses::default();
        while wrong(&mut guesses, Moment(0), v4(1)) {}
        assert!(!right(&mut guesses, Moment(29_999), v4(1)), "or guessing would go on");
        assert!(right(&mut guesses, Moment(30_000), v4(1)));
        assert!(right(&mut guesses, Moment(30_000), v4(1)), "and costs nothing");
    }

    #[test]
    fn d7_a_thousand_addresses_are_fifty_and_then_8640_a_day() {
        let mut guesses = Guesses::default();
        assert_eq!((0..1_000).filter(|number| wrong(&mut guesses, Moment(0), v4(*number))).count(), 50);
        // Every address tries every 10 s for a day.
        let mut looked_at = 0;
        for second in (1..=DAY).step_by(10_000) {
            looked_at += (0..1_000).filter(|number| wrong(&mut guesses, Moment(second + 9_999), v4(*number))).count();
        }
        assert_eq!(looked_at, 8_640);
        assert!(guesses.addresses.len() <= MOST_ADDRESSES);
    }

    #[test]
    fn d7_who_was_here_before_still_gets_in() {
        let mut guesses = Guesses::default();
        let (member, stranger) = (v4(5_000), v4(5_001));
        assert!(right(&mut guesses, Moment(0), member));
        let attacked = Moment(6 * DAY);
        assert_eq!((0..1_000).filter(|number| wrong(&mut guesses, attacked, v4(*number))).count(), 50);
        assert!(!right(&mut guesses, attacked, stranger));
        assert!(right(&mut guesses, attacked, member));
        // It has no more guesses than others for that.
        assert_eq!((0..100).filter(|_| wrong(&mut guesses, attacked, member)).count(), 5);
        // Within a week of the last time, that is.
        let late = Moment(6 * DAY + 7 * DAY);
        assert_eq!((0..1_000).filter(|number| wrong(&mut guesses, late, v4(*number))).count(), 50);
        assert!(!right(&mut guesses, late, member));
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4() {
        let mut guesses = Guesses::default();
        let network = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, host]);
        assert_eq!((0..1_000).filter(|host| wrong(&mut guesses, Moment(0), network(*host))).count(), 5);
        assert!(wrong(&mut guesses, Moment(0), "2001:db8:0:8::1".parse().unwrap()));
        while wrong(&mut guesses, Moment(0), v4(1)) {}
        assert!(!wrong(&mut guesses, Moment(0), "::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn this_machine_need_not_guess() {
        let mut guesses = Guesses::default();
        for near in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
            let near = near.parse().unwrap();
            assert!((0..1_000).all(|_| wrong(&mut guesses, Moment(0), near)), "{near}");
            assert_eq!(guesses.wait(Moment(0), near), None);
        }
        assert!(guesses.addresses.is_empty());
    }

    #[test]
    fn guesses_at_once_are_paid_for_before_they_are_judged() {
        let mut guesses = Guesses::default();
        let held: Vec<Guess> = (0..100).filter_map(|_| guesses.take(Moment(0), v4(1)).ok()).collect();
        assert_eq!(held.len(), 5);
        for guess in held {
            guesses.undecided(Moment(0), guess);
        }
        assert!(guesses.addresses.is_empty(), "nothing is remembered of who owes nothing");
        assert_eq!((0..100).filter(|_| wrong(&mut guesses, Moment(0), v4(1))).count(), 5);
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let mut guesses = Guesses::default();
        for number in 0..20_000 {
            assert!(right(&mut guesses, Moment(u64::from(number)), v4(number)));
        }
        assert_eq!(guesses.proven.len(), MOST_PROVEN);
        // All of these may guess past the limit for all.
        let members = 20_000 - 4_096..20_000;
        for number in members {
            assert!(wrong(&mut guesses, Moment(20_000), v4(number)));
        }
        assert_eq!(guesses.take(Moment(20_000), v4(1)).unwrap_err(), ADDRESS_EVERY);
        assert!(wrong(&mut guesses, Moment(20_000 + 30_000), v4(1)), "debts that were paid are forgotten");
    }
}
