//! Tickets: whoever knows one may fetch one version of one file, or of some files as one archive, or put files into the drop
//! box, over plain HTTP, and nothing else.
//!
//! They exist for what cannot prove the password, such as a browser's download manager and `curl`. A ticket is 128 random
//! bits in the path of a URL. It is kept as it is, in memory only: whoever can read that memory reads the password as well.
//! A look-up tells nothing by its time either, because a map's keyed hash decides what is compared with what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use shared::{Moment, parse_hex, safe_name};

use crate::archive::Archive;
use crate::http::NOT_PLAIN;
use crate::source::FileVersion;

/// How long a ticket is good for after it was last used.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Most tickets at once; of more, those unused for longest go first. One for an archive counts as one for each of its files.
pub const MOST: usize = 65_536;
/// Most tickets of one owner, so that nobody drives out everybody else's.
pub const MOST_OF_ONE: usize = 16_384;
/// Uses within this time count as one, so that a busy ticket costs no more than a look-up.
const SAME_USE: Duration = Duration::from_secs(60);

/// The capability itself. A secret: never shown by `Debug`, never to be logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u128);

impl Ticket {
    fn new() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(u128::from_be_bytes(bits)))
    }

    /// Reads what [`Ticket::reveal`] wrote, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(|bits| Self(u128::from_be_bytes(bits)))
    }

    /// The 32 digits, to put into a URL.
    #[must_use]
    pub fn reveal(self) -> String {
        format!("{:032x}", self.0)
    }

    /// The address of the file `name` below its node. The name is for people and for `curl -O`; the ticket alone decides.
    #[must_use]
    pub fn address(self, name: &str) -> String {
        let mut address = format!("/get/{:032x}/", self.0);
        // Writing to a text cannot fail.
        let _written = write!(address, "{}", utf8_percent_encode(&safe_name(name), NOT_PLAIN));
        address
    }

    /// The address of the drop box below its node: the path of a file follows.
    #[must_use]
    pub fn drop_box_address(self) -> String {
        format!("/put/{:032x}/", self.0)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// Who asked for a ticket: a session, a tab, or all who call without one. A number that its holder was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u64);

impl Owner {
    /// All who call over XML-RPC: they share a password, and have no session.
    pub const CALLERS: Self = Self(0);
}

/// What the file is fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To be saved, whatever it is.
    Save,
    /// To be shown inside the page, if it is of a kind that can do no harm there.
    Preview,
}

/// What a ticket gives.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A file.
    File {
        /// Which, in which version.
        file: FileVersion,
        /// What for.
        for_use: Use,
    },
    /// Several files as one, to be saved.
    Archive(Arc<Archive>),
    /// To put files at this node, where it takes any.
    DropBox,
}

impl Grant {
    /// As how many tickets it counts.
    fn weight(&self) -> usize {
        match self {
            Self::File { .. } | Self::DropBox => 1,
            Self::Archive(archive) => archive.count().max(1),
        }
    }
}

/// All tickets of a node.
#[derive(Debug, Default)]
pub struct Tickets {
    held: HashMap<Ticket, Held>,
    /// By last use.
    order: BTreeMap<Turn, Ticket>,
    owners: HashMap<Owner, Owned>,
    /// Of all that are held.
    weight: usize,
    next_turn: Turn,
    next_owner: u64,
}

/// Counts uses: the lower, the longer ago.
type Turn = u64;

/// What an owner has.
#[derive(Debug, Default)]
struct Owned {
    turns: BTreeSet<Turn>,
    weight: usize,
}

#[derive(Debug)]
struct Held {
    grant: Arc<Grant>,
    weight: usize,
    owner: Owner,
    turn: Turn,
    used: Moment,
}

impl Tickets {
    /// An owner unlike all before.
    pub fn new_owner(&mut self) -> Owner {
        self.next_owner += 1;
        Owner(self.next_owner)
    }

    /// A new ticket.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn mint(&mut self, now: Moment, owner: Owner, grant: Grant) -> Result<Ticket, getrandom::Error> {
        let ticket = Ticket::new()?;
        self.forget_old(now);
        let weight = grant.weight();
        while let Some(owned) = self.owners.get(&owner).filter(|owned| owned.weight + weight > MOST_OF_ONE) {
            let oldest = owned.turns.first().and_then(|turn| self.order.get(turn)).copied();
            self.forget(oldest);
        }
        while self.weight + weight > MOST && !self.is_empty() {
            self.forget(self.oldest());
        }
        let turn = self.take_turn(ticket, owner, weight);
        self.held.insert(ticket, Held { grant: Arc::new(grant), weight, owner, turn, used: now });
        Ok(ticket)
    }

    /// What a ticket gives, if it is still good. It is good for longer then.
    pub fn redeem(&mut self, now: Moment, ticket: Ticket) -> Option<Arc<Grant>> {
        let held = self.held.get(&ticket)?;
        let unused = now.since(held.used);
        if unused > LIFETIME {
            self.forget(Some(ticket));
            return None;
        }
        let grant = Arc::clone(&held.grant);
        if unused > SAME_USE {
            let (owner, turn, weight) = (held.owner, held.turn, held.weight);
            self.leave_turn(owner, turn, weight);
            let turn = self.take_turn(ticket, owner, weight);
            if let Some(held) = self.held.get_mut(&ticket) {
                (held.turn, held.used) = (turn, now);
            }
        }
        Some(grant)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The one unused for longest.
    fn oldest(&self) -> Option<Ticket> {
        self.order.first_key_value().map(|(_, ticket)| *ticket)
    }

    fn forget_old(&mut self, now: Moment) {
        while let Some(oldest) = self.oldest() {
            if self.held.get(&oldest).is_some_and(|held| now.since(held.used) <= LIFETIME) {
                break;
            }
            self.forget(Some(oldest));
        }
    }

    fn forget(&mut self, ticket: Option<Ticket>) {
        if let Some(held) = ticket.and_then(|ticket| self.held.remove(&ticket)) {
            self.leave_turn(held.owner, held.turn, held.weight);
        }
    }

    fn take_turn(&mut self, ticket: Ticket, owner: Owner, weight: usize) -> Turn {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.order.insert(turn, ticket);
        let owned = self.owners.entry(owner).or_default();
        owned.turns.insert(turn);
        owned.weight += weight;
        self.weight += weight;
        turn
    }

    fn leave_turn(&mut self, owner: Owner, turn: Turn, weight: usize) {
        self.order.remove(&turn);
        self.weight -= weight;
        if let Some(owned) = self.owners.get_mut(&owner) {
            owned.turns.remove(&turn);
            owned.weight -= weight;
            if owned.turns.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::{PeerUrl, SharedPath};

    use super::*;
    use crate::archive::{Format, Member};
    use crate::source::Version;

    const HOUR: u64 = 60 * 60 * 1000;

    fn wanted(name: &str) -> FileVersion {
        FileVersion {
            peer: PeerUrl::parse("http://127.0.0.1:9004").unwrap(),
            path: SharedPath::parse(name).unwrap(),
            version: Version { size: 7, modified: 9 },
        }
    }

    fn grant(name: &str) -> Grant {
        Grant::File { file: wanted(name), for_use: Use::Save }
    }

    fn archive(count: usize) -> Grant {
        let member = |_| Member { file: wanted("a"), is_executable: false, can_seek: true };
        Grant::Archive(Arc::new(Archive::new("a.zip", Format::Zip, (0..count).map(member).collect()).unwrap()))
    }

    fn path_of(grant: &Grant) -> &str {
        match grant {
            Grant::File { file, .. } => file.path.as_str(),
            Grant::Archive(archive) => archive.name(),
            Grant::DropBox => "",
        }
    }

    /// All three maps tell of the same tickets.
    fn assert_whole(tickets: &Tickets) {
        let of_owners: usize = tickets.owners.values().map(|owned| owned.turns.len()).sum();
        assert_eq!((tickets.order.len(), of_owners), (tickets.len(), tickets.len()));
        let weights: usize = tickets.held.values().map(|held| held.weight).sum();
        let of_owners: usize = tickets.owners.values().map(|owned| owned.weight).sum();
        assert_eq!((weights, of_owners), (tickets.weight, tickets.weight));
        for (turn, ticket) in &tickets.order {
            let held = &tickets.held[ticket];
            assert_eq!(held.turn, *turn);
            assert!(tickets.owners[&held.owner].turns.contains(turn));
        }
    }

    #[test]
    fn a_ticket_gives_its_own_file_and_its_text_comes_back() {
        let mut tickets = Tickets::default();
        let minted = ["a", "b"].map(|name| tickets.mint(Moment(0), Owner::CALLERS, grant(name)).unwrap());
        for (ticket, name) in minted.into_iter().zip(["a", "b"]) {
            let read = Ticket::parse(&ticket.reveal()).unwrap();
            assert_eq!(path_of(&tickets.redeem(Moment(1), read).unwrap()), name);
        }
        assert!(tickets.redeem(Moment(1), Ticket(minted[0].0 ^ 1)).is_none());
        assert_eq!(format!("{:?}", minted[0]), "Ticket(…)");
    }

    #[test]
    fn only_the_very_text_is_read() {
        let text = Ticket(0xAB).reveal();
        assert_eq!(text, "000000000000000000000000000000ab");
        let wrong = ["", "ab", &text.to_uppercase(), &text[1..], &format!("{text}0"), &format!("+{}", &text[1..])];
        for wrong in wrong {
            assert!(Ticket::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_is_plain_ascii_whatever_the_name() {
        let address = |name| Ticket(1).address(name).split_off("/get/".len() + 32 + 1);
        assert_eq!(address("summer-1.0_a~.txt"), "summer-1.0_a~.txt");
        assert_eq!(address("a b#%&\r\n"), "a%20b%23%25%26__");
        assert_eq!(address("../?\"\u{202e}x"), "..___x");
        assert_eq!(address("日"), "%E6%97%A5");
    }

    #[test]
    fn a_ticket_lasts_for_as_long_as_it_is_used() {
        let mut tickets = Tickets::default();
        let ticket = tickets.mint(Moment(0), Owner::CALLERS, grant("a")).unwrap();
        for hour in [11, 22, 33] {
            assert!(tickets.redeem(Moment(hour * HOUR), ticket).is_some(), "{hour}");
            assert_whole(&tickets);
        }
        assert!(tickets.redeem(Moment(46 * HOUR), ticket).is_none());
        assert!(tickets.is_empty());
        assert_whole(&tickets);
    }

    #[test]
    fn old_ones_go_when_new_ones_come() {
        let mut tickets = Tickets::default();
        for _ in 0..3 {
            tickets.mint(Moment(0), Owner::CALLERS, grant("a")).unwrap();
        }
        tickets.mint(Moment(13 * HOUR), Owner::CALLERS, grant("a")).unwrap();
        assert_eq!(tickets.len(), 1);
        assert_whole(&tickets);
    }

    #[test]
    fn archives_count_for_all_their_files() {
        let mut tickets = Tickets::default();
        let (owner, other) = (tickets.new_owner(), tickets.new_owner());
        let [first, second] = [(); 2].map(|()| tickets.mint(Moment(0), owner, archive(MOST_OF_ONE / 2)).unwrap());
        let kept = tickets.mint(Moment(0), other, archive(9)).unwrap();
        tickets.redeem(Moment(HOUR), first).unwrap();
        let one_more = tickets.mint(Moment(HOUR), owner, grant("a")).unwrap();
        assert_whole(&tickets);
        assert!(tickets.redeem(Moment(HOUR), second).is_none());
        for ticket in [first, kept, one_more] {
            assert!(tickets.redeem(Moment(HOUR), ticket).is_some());
        }
    }

    #[test]
    fn there_are_never_too_many_and_the_longest_unused_goes_first() {
        let mut tickets = Tickets::default();
        let owner = tickets.new_owner();
        let [first, second] = [(); 2].map(|()| tickets.mint(Moment(0), owner, grant("a")).unwrap());
        let from_other = tickets.mint(Moment(0), Owner::CALLERS, grant("a")).unwrap();
        tickets.redeem(Moment(HOUR), first).unwrap();
        for _ in 0..MOST_OF_ONE - 1 {
            tickets.mint(Moment(HOUR), owner, grant("a")).unwrap();
        }
        assert_eq!(tickets.len(), MOST_OF_ONE + 1);
        assert!(tickets.redeem(Moment(HOUR), first).is_some());
        assert!(tickets.redeem(Moment(HOUR), second).is_none());
        for _ in 0..MOST / MOST_OF_ONE {
            let owner = tickets.new_owner();
            for _ in 0..MOST_OF_ONE {
                tickets.mint(Moment(HOUR), owner, grant("a")).unwrap();
            }
        }
        assert_eq!(tickets.len(), MOST);
        assert!(tickets.redeem(Moment(HOUR), from_other).is_none());
        assert_whole(&tickets);
    }
}
