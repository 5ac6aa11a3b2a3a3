//! What a search has found, stored compactly: one row for each content, with all who hold it.
//!
//! Equal content is what bears the same name and the same id at different peers, or, as long as one of them does not know its
//! file's id, the same known size. An unknown size proves nothing, another id is another content, and two files of one peer
//! are never one: it would not offer the same thing twice. What only those had who are away now is a row without a holder. It
//! does not know in which order rows are shown.

use std::collections::BTreeMap;

use shared::{ContentId, PeerUrl};

use super::Kind;
use super::naming;

/// A file somebody offers, as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its path below the peer's shared folder, with `/`.
    pub path: String,
    /// Its size in bytes; peers of 2004 do not say.
    pub size: Option<u64>,
    /// When it was changed, in nanoseconds since 1970; peers of 2004 do not say.
    pub modified: Option<i64>,
    /// What it holds, where its holder knows.
    pub id: Option<ContentId>,
}

/// Where one copy of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Who holds it.
    pub peer: PeerUrl,
    /// Its path there.
    pub path: String,
}

/// All rows of one search. A row is named by its number, which never changes.
#[derive(Debug, Default)]
pub struct Found {
    /// All paths, one behind the other.
    text: String,
    copies: Vec<Copy>,
    rows: Vec<Row>,
    peers: Vec<PeerUrl>,
    /// How long ago each of these was last seen, in seconds, or [`HERE`].
    seen: Vec<u64>,
    /// What rows hold, of those of which it is known.
    ids: Vec<ContentId>,
    /// From the hash of a name and size to the newest row with it. A tree, so that no peer can make it slow.
    folded: BTreeMap<u64, u32>,
}

#[derive(Debug)]
struct Row {
    head: u64,
    size: Option<u64>,
    modified: i64,
    first: u32,
    last: u32,
    /// The next older row of the same hash.
    older: u32,
    /// Which of the ids is its own.
    id: u32,
    holders: u16,
    kind: Kind,
}

#[derive(Debug)]
struct Copy {
    start: u32,
    length: u16,
    /// Where the name begins in the path.
    name: u16,
    peer: u16,
    next: u32,
}

/// No row, no copy, no id.
const NONE: u32 = u32::MAX;
/// Of a peer that is here.
const HERE: u64 = u64::MAX;
/// A time that nobody told.
const NO_TIME: i64 = i64::MIN;
/// Rows of the same name and size that are looked through for one to fold into: a peer with a thousand empty
/// `__init__.py` must not make each further one slower.
const LOOKED_THROUGH: usize = 24;

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is a row of its own.
    Row(u32),
    /// It was folded into this row.
    Folded(u32),
    /// There is no room, or it is no file's path.
    Nothing,
}

impl Found {
    /// Adds what `peer` offers.
    pub(crate) fn add(&mut self, peer: &PeerUrl, offer: &Offer) -> Added {
        let Some(peer) = self.peer_number(peer) else { return Added::Nothing };
        let name_at = offer.path.rfind('/').map_or(0, |slash| slash + 1);
        let name = offer.path.get(name_at..).unwrap_or_default();
        let (Ok(start), Ok(length), Ok(name_start)) =
            (u32::try_from(self.text.len()), u16::try_from(offer.path.len()), u16::try_from(name_at))
        else {
            return Added::Nothing;
        };
        if name.is_empty() || self.is_full() {
            return Added::Nothing;
        }
        let copy = count(self.copies.len());
        let hash = offer.size.map(|size| hash(name, size));
        let newest = hash.and_then(|hash| self.folded.get(&hash).copied()).unwrap_or(NONE);
        let into = self.row_to_fold_into(newest, peer, name, offer);
        let is_here = self.seen.get(usize::from(peer)) == Some(&HERE);
        if into.is_some() && !is_here {
            return Added::Nothing;
        }
        self.text.push_str(&offer.path);
        self.copies.push(Copy { start, length, name: name_start, peer, next: NONE });
        if let Some(into) = into {
            self.fold_in(into, copy, offer);
            return Added::Folded(into);
        }
        let number = count(self.rows.len());
        if let Some(hash) = hash {
            self.folded.insert(hash, number);
        }
        let id = self.keep(offer.id);
        self.rows.push(Row {
            id,
            head: naming::head(name),
            size: offer.size,
            modified: offer.modified.unwrap_or(NO_TIME),
            first: copy,
            last: copy,
            older: newest,
            holders: u16::from(is_here),
            kind: Kind::of(name),
        });
        Added::Row(number)
    }

    /// The row that holds the same content without this peer: best one of the same path.
    fn row_to_fold_into(&self, newest: u32, peer: u16, name: &str, offer: &Offer) -> Option<u32> {
        let mut best = None;
        let mut next = newest;
        for _ in 0..LOOKED_THROUGH {
            let Some(row) = self.row(next) else { break };
            let is_other = self.content(next).is_some_and(|id| offer.id.is_some_and(|other| other != id));
            let is_same = row.size == offer.size && !is_other && self.name(next) == name;
            if is_same && self.copies_of(next).all(|copy| copy.peer != peer) {
                if self.copies_of(next).any(|copy| self.path_of(copy) == offer.path) {
                    return Some(next);
                }
                best = Some(next);
            }
            next = row.older;
        }
        best
    }

    fn keep(&mut self, id: Option<ContentId>) -> u32 {
        let Some(id) = id else { return NONE };
        self.ids.push(id);
        count(self.ids.len() - 1)
    }

    fn fold_in(&mut self, into: u32, copy: u32, offer: &Offer) {
        let id = if self.content(into).is_none() { self.keep(offer.id) } else { NONE };
        let Some(row) = self.rows.get_mut(into as usize) else { return };
        if let Some(last) = self.copies.get_mut(row.last as usize) {
            last.next = copy;
        }
        row.last = copy;
        if id != NONE {
            row.id = id;
        }
        row.holders = row.holders.saturating_add(1);
        if row.modified == NO_TIME {
            row.modified = offer.modified.unwrap_or(NO_TIME);
        }
    }

    fn peer_number(&mut self, peer: &PeerUrl) -> Option<u16> {
        if let Some(number) = self.peers.iter().position(|known| known == peer) {
            return u16::try_from(number).ok();
        }
        let number = u16::try_from(self.peers.len()).ok()?;
        self.peers.push(peer.clone());
        self.seen.push(HERE);
        Some(number)
    }

    /// A peer is away, last seen so many seconds ago: what it offers next can be had of nobody.
    pub(crate) fn saw(&mut self, peer: &PeerUrl, seconds: u64) {
        let number = self.peer_number(peer);
        if let Some(seen) = number.and_then(|number| self.seen.get_mut(usize::from(number))) {
            *seen = seconds;
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether there was no room for all that was found.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= super::MOST_ROWS
            || self.copies.len() >= super::MOST_COPIES
            || self.text.len() >= super::MOST_TEXT
    }

    /// A row's name.
    #[must_use]
    pub fn name(&self, row: u32) -> &str {
        let copy = self.first(row);
        copy.and_then(|copy| self.path_of(copy).get(usize::from(copy.name)..)).unwrap_or_default()
    }

    /// The folder in which the first holder has it; empty at the top.
    #[must_use]
    pub fn folder(&self, row: u32) -> &str {
        let copy = self.first(row);
        copy.and_then(|copy| self.path_of(copy).get(..usize::from(copy.name).saturating_sub(1))).unwrap_or_default()
    }

    /// A row's size, if anybody said.
    #[must_use]
    pub fn size(&self, row: u32) -> Option<u64> {
        self.row(row)?.size
    }

    /// When a row was changed, in nanoseconds since 1970, if anybody said.
    #[must_use]
    pub fn modified(&self, row: u32) -> Option<i64> {
        self.row(row).map(|row| row.modified).filter(|time| *time != NO_TIME)
    }

    /// What a row holds, if any of its holders knows.
    #[must_use]
    pub fn content(&self, row: u32) -> Option<ContentId> {
        self.ids.get(self.row(row)?.id as usize).copied()
    }

    /// A row's kind.
    #[must_use]
    pub fn kind(&self, row: u32) -> Kind {
        self.row(row).map_or(Kind::Other, |row| row.kind)
    }

    /// How many seconds ago its holder was last seen, where it is away.
    #[must_use]
    pub fn last_seen(&self, row: u32) -> Option<u64> {
        if self.holders(row) > 0 {
            return None;
        }
        self.seen.get(usize::from(self.first(row)?.peer)).copied()
    }

    /// How many hold it: none where it was only seen at somebody who is away.
    #[must_use]
    pub fn holders(&self, row: u32) -> u16 {
        self.row(row).map_or(0, |row| row.holders)
    }

    /// Who holds it.
    pub fn holding(&self, row: u32) -> impl Iterator<Item = &PeerUrl> {
        self.copies_of(row).filter_map(|copy| self.peers.get(usize::from(copy.peer)))
    }

    /// All places where it can be had.
    #[must_use]
    pub fn sources(&self, row: u32) -> Vec<Source> {
        let source = |copy: &Copy| {
            let peer = self.peers.get(usize::from(copy.peer))?.clone();
            Some(Source { peer, path: self.path_of(copy).to_owned() })
        };
        if self.holders(row) > 0 { self.copies_of(row).filter_map(source).collect() } else { Vec::new() }
    }

    /// The first bytes of its name's place in the order of names.
    pub(crate) fn head(&self, row: u32) -> u64 {
        self.row(row).map_or(0, |row| row.head)
    }

    fn row(&self, row: u32) -> Option<&Row> {
        self.rows.get(row as usize)
    }

    fn first(&self, row: u32) -> Option<&Copy> {
        self.copies.get(self.row(row)?.first as usize)
    }

    fn copies_of(&self, row: u32) -> impl Iterator<Item = &Copy> {
        std::iter::successors(self.first(row), |copy| self.copies.get(copy.next as usize))
    }

    fn path_of(&self, copy: &Copy) -> &str {
        let start = copy.start as usize;
        self.text.get(start..start + usize::from(copy.length)).unwrap_or_default()
    }
}

/// A length as a number; [`super::MOST_COPIES`] keeps it in range.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}

/// FNV-1a. Whoever makes names collide gains nothing: names are compared, and few of them.
fn hash(name: &str, size: u64) -> u64 {
    let bytes = name.bytes().chain(size.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> PeerUrl {
        PeerUrl::parse(&format!("http://{name}:9004")).unwrap()
    }

    fn offer(path: &str, size: Option<u64>) -> Offer {
        Offer { path: path.into(), size, modified: Some(7), id: None }
    }

    #[test]
    fn equal_content_is_one_row_with_its_holders() {
        let (attic, cellar) = (peer("attic"), peer("cellar"));
        let mut found = Found::default();
        assert_eq!(found.add(&attic, &offer("Music/song.mp3", Some(5))), Added::Row(0));
        assert_eq!(found.add(&cellar, &offer("song.mp3", Some(5))), Added::Folded(0));
        assert_eq!((found.len(), found.holders(0), found.name(0), found.folder(0)), (1, 2, "song.mp3", "Music"));
        let sources = found.sources(0);
        assert_eq!(sources[1], Source { peer: cellar.clone(), path: "song.mp3".into() });
        assert_eq!(found.holding(0).collect::<Vec<_>>(), [&attic, &cellar]);
    }

    #[test]
    fn other_sizes_unknown_sizes_and_the_same_peer_are_never_folded() {
        let (attic, old) = (peer("attic"), peer("old"));
        let mut found = Found::default();
        for (index, (peer, path, size)) in [
            (&attic, "a.txt", Some(5)),
            (&old, "a.txt", Some(6)),
            (&old, "a.txt", None),
            (&attic, "a.txt", None),
            (&attic, "sub/a.txt", Some(5)),
            (&attic, "A.txt", Some(5)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(found.add(peer, &offer(path, size)), Added::Row(u32::try_from(index).unwrap()), "{path}");
        }
    }

    #[test]
    fn an_id_tells_what_name_and_size_do_not() {
        let known = |path: &str, id: u8| Offer { id: Some(ContentId([id; 32])), ..offer(path, Some(5)) };
        let peers = ["a", "b", "c", "d", "e"].map(peer);
        let mut found = Found::default();
        assert_eq!(found.add(&peers[0], &known("song.mp3", 1)), Added::Row(0));
        assert_eq!(found.add(&peers[1], &known("song.mp3", 2)), Added::Row(1));
        assert_eq!(found.add(&peers[2], &known("Music/song.mp3", 1)), Added::Folded(0));
        // Who does not know yet is one of them until it does.
        assert_eq!(found.add(&peers[3], &offer("song.mp3", Some(5))), Added::Folded(1));
        assert_eq!(found.add(&peers[4], &known("other.mp3", 1)), Added::Row(2));
        assert_eq!([0, 1, 2].map(|row| found.holders(row)), [2, 2, 1]);
        assert_eq!(found.content(1), Some(ContentId([2; 32])));
        // A row that nobody knew is known by whoever comes.
        assert_eq!(found.add(&peers[0], &offer("b", Some(5))), Added::Row(3));
        assert_eq!(found.content(3), None);
        assert_eq!(found.add(&peers[1], &known("b", 3)), Added::Folded(3));
        assert_eq!(found.content(3), Some(ContentId([3; 32])));
        assert_eq!(found.add(&peers[2], &known("b", 4)), Added::Row(4));
    }

    #[test]
    fn what_only_those_had_who_are_away_is_a_row_that_nobody_holds() {
        let (here, away, other) = (peer("here"), peer("away"), peer("other"));
        let mut found = Found::default();
        found.add(&here, &offer("both.txt", Some(5)));
        found.saw(&away, 300);
        found.saw(&other, 9_000);
        assert_eq!(found.add(&away, &offer("both.txt", Some(5))), Added::Nothing);
        assert_eq!(found.add(&away, &offer("gone.txt", Some(5))), Added::Row(1));
        assert_eq!(found.add(&other, &offer("gone.txt", Some(5))), Added::Nothing);
        assert_eq!([0, 1].map(|row| (found.holders(row), found.last_seen(row))), [(1, None), (0, Some(300))]);
        assert_eq!((found.sources(0).len(), found.sources(1).len()), (1, 0));
        assert_eq!(found.holding(1).collect::<Vec<_>>(), [&away], "to be named");
    }

    #[test]
    fn the_same_path_is_preferred_to_the_same_name() {
        let (attic, cellar) = (peer("attic"), peer("cellar"));
        let mut found = Found::default();
        for path in ["one/cover.jpg", "two/cover.jpg", "three/cover.jpg"] {
            found.add(&attic, &offer(path, Some(9)));
        }
        assert_eq!(found.add(&cellar, &offer("two/cover.jpg", Some(9))), Added::Folded(1));
        // Each further one still finds a row that this peer is not in.
        assert_eq!(found.add(&cellar, &offer("three/cover.jpg", Some(9))), Added::Folded(2));
    }

    #[test]
    fn thousands_of_equal_names_of_one_peer_cost_no_more_each() {
        let attic = peer("attic");
        let mut found = Found::default();
        for number in 0..50_000 {
            found.add(&attic, &offer(&format!("{number}/__init__.py"), Some(0)));
        }
        assert_eq!(found.len(), 50_000);
    }

    #[test]
    fn what_has_no_name_is_left_out() {
        let mut found = Found::default();
        for path in ["", "folder/", &"x".repeat(70_000)] {
            assert_eq!(found.add(&peer("attic"), &offer(path, Some(1))), Added::Nothing);
        }
        assert!(found.is_empty());
    }
}
