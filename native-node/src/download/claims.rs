//! Who is at which file, so that each is fetched once, and from another holder where the first one fails.
//!
//! Files that are not the same and would be saved under one path get a number, each the next that is free. Which of them gets
//! which depends on who answers first; which names there are in the end does not, so that the next download finds all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard};

use shared::{ContentId, PeerUrl, SharedPath};

use crate::lock::LockExt;

use super::Offered;

/// Most numbers of one path that are looked at.
const MOST_OF_A_PATH: usize = 4_096;

#[derive(Debug)]
enum State {
    /// On its way; these offer it too.
    Taken(Vec<(PeerUrl, Offered)>),
    /// Every holder so far failed.
    Free,
    Done,
}

/// What tells a file from others, as far as its holders say.
#[derive(Debug, Clone, Copy)]
struct Facts {
    /// A hash of what they call it: there may be a million.
    name: u64,
    size: Option<u64>,
    id: Option<ContentId>,
}

impl Facts {
    /// Whether it may be the same file: it has no other size, and holds the same or, where that is not known, has the same name.
    fn can_be(&self, other: &Self) -> bool {
        let is_of_size = self.size.zip(other.size).is_none_or(|(size, of_other)| size == of_other);
        is_of_size && self.id.zip(other.id).map_or(self.name == other.name, |(id, of_other)| id == of_other)
    }

    fn learn(&mut self, other: &Self) {
        self.size = self.size.or(other.size);
        self.id = self.id.or(other.id);
    }
}

#[derive(Debug)]
struct Claim {
    state: State,
    facts: Facts,
    /// The path that it would have without its number, where it has one from us.
    unnumbered: Option<SharedPath>,
    /// What has this path with a number, in the order of the numbers, from 1 on.
    numbered: Vec<(Facts, SharedPath)>,
}

#[derive(Debug, Default)]
struct Files {
    /// By the path that each file is to be saved as.
    claims: BTreeMap<SharedPath, Claim>,
    hasher: RandomState,
}

impl Files {
    /// As what a file is to be saved, and what that would be without a number; none where too many want this path.
    fn path_for(&mut self, path: &SharedPath, file: &Facts) -> Option<(SharedPath, Option<SharedPath>)> {
        let mut home = path.clone();
        let numbered = loop {
            match self.claims.get_mut(&home) {
                Some(claim) if !claim.facts.can_be(file) => match &claim.unnumbered {
                    // What is called by a number that we gave to another gets the next of those.
                    Some(unnumbered) => home = unnumbered.clone(),
                    None => break &mut claim.numbered,
                },
                _ => return Some((home, None)),
            }
        };
        if let Some((facts, path)) = numbered.iter_mut().find(|(facts, _)| facts.can_be(file)) {
            facts.learn(file);
            return Some((path.clone(), Some(home)));
        }
        let mut number = numbered.len();
        while number < MOST_OF_A_PATH {
            number += 1;
            let path = home.numbered(u32::try_from(number).ok()?).ok()?;
            // Somebody may call a file by that number.
            let taken = self.claims.get(&path).map(|claim| claim.facts);
            self.claims.get_mut(&home)?.numbered.push((taken.unwrap_or(*file), path.clone()));
            if taken.is_none_or(|facts| facts.can_be(file)) {
                return Some((path, Some(home)));
            }
        }
        None
    }
}

/// Whose turn a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Of the peer that offers it.
    Its,
    /// Somebody else is at it.
    Others,
    /// Nobody's: it turned out to be here already.
    Here,
    /// Nobody's: there are too many others that would be saved under the same path.
    Crowded,
}

/// The claims of one download.
#[derive(Debug, Default)]
pub(super) struct Claims {
    files: Mutex<Files>,
    /// Holders that failed a file while it came from several.
    tried: Mutex<BTreeSet<(SharedPath, PeerUrl)>>,
}

impl Claims {
    /// Whether this file is for this peer's turn, which first gets the path that it is to be saved as.
    pub(super) fn claim(&self, peer: &PeerUrl, file: &mut Offered, is_here: impl FnOnce(&SharedPath) -> bool) -> Turn {
        let mut files = self.files();
        let facts = Facts { name: files.hasher.hash_one(&file.name), size: file.size, id: file.id };
        let Some((path, unnumbered)) = files.path_for(&file.path, &facts) else { return Turn::Crowded };
        file.path = path;
        let Some(claim) = files.claims.get_mut(&file.path) else {
            let is_here = is_here(&file.path);
            let state = if is_here { State::Done } else { State::Taken(Vec::new()) };
            files.claims.insert(file.path.clone(), Claim { state, facts, unnumbered, numbered: Vec::new() });
            return if is_here { Turn::Here } else { Turn::Its };
        };
        claim.facts.learn(&facts);
        match &mut claim.state {
            State::Done => Turn::Others,
            State::Taken(others) => {
                others.push((peer.clone(), file.clone()));
                Turn::Others
            }
            free @ State::Free => {
                *free = State::Taken(Vec::new());
                Turn::Its
            }
        }
    }

    /// It is saved.
    pub(super) fn done(&self, path: &SharedPath) {
        if let Some(claim) = self.files().claims.get_mut(path) {
            claim.state = State::Done;
        }
    }

    /// Who else has a file; nobody: it is free for a holder that is still to come.
    pub(super) fn next_holder(&self, path: &SharedPath) -> Option<(PeerUrl, Offered)> {
        let mut files = self.files();
        let claim = files.claims.get_mut(path)?;
        let next = match &mut claim.state {
            State::Taken(others) => others.pop(),
            _ => None,
        };
        if next.is_none() {
            claim.state = State::Free;
        }
        next
    }

    /// A peer failed a file while others sent it too: it is not to be asked again.
    pub(super) fn tried(&self, peer: &PeerUrl, path: &SharedPath) {
        self.tried.locked().insert((path.clone(), peer.clone()));
    }

    /// Whether it did.
    pub(super) fn was_tried(&self, peer: &PeerUrl, path: &SharedPath) -> bool {
        self.tried.locked().contains(&(path.clone(), peer.clone()))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.locked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that files get, each of them (name, size, first byte of its id) of another peer; with the turns.
    fn claimed(files: &[(&str, u64, Option<u8>)]) -> Vec<(String, Turn)> {
        let claims = Claims::default();
        let claim = |(name, size, id): &(&str, u64, Option<u8>)| {
            let path = SharedPath::parse(name).unwrap().to_saved();
            let (size, id) = (Some(*size).filter(|size| *size > 0), id.map(|byte| ContentId([byte; 32])));
            let name = (*name).to_owned();
            let mut file = Offered { name, path, size, modified: None, version: None, id, executable: false };
            let turn = claims.claim(&PeerUrl::parse("http://a:1").unwrap(), &mut file, |_| false);
            (file.path.to_string(), turn)
        };
        files.iter().map(claim).collect()
    }

    fn paths(files: &[(&str, u64, Option<u8>)]) -> Vec<String> {
        claimed(files).into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn only_what_can_be_the_same_file_is_the_same() {
        let same = [("a", 1, Some(1)), ("a", 1, Some(1)), ("a", 1, None), ("a", 0, None)];
        assert_eq!(paths(&same), ["a"; 4]);
        assert!(claimed(&same)[1..].iter().all(|(_, turn)| *turn == Turn::Others));
        assert_eq!(paths(&[("a", 1, Some(1)), ("a", 1, Some(2)), ("a", 2, None)]), ["a", "a (1)", "a (2)"]);
        // Who lies about one of them has a file of its own.
        assert_eq!(paths(&[("a", 1, Some(1)), ("a", 2, Some(1)), ("a", 1, Some(1))]), ["a", "a (1)", "a"]);
        // What the second says goes for the first, which said nothing.
        assert_eq!(paths(&[("a", 0, None), ("a", 1, Some(1)), ("a", 1, Some(2))]), ["a", "a", "a (1)"]);
        // Who has fetched `a?` from elsewhere shares it as `a_`.
        assert_eq!(paths(&[("a?", 1, Some(1)), ("a_", 1, Some(1)), ("a*", 1, Some(2))]), ["a_", "a_", "a_ (1)"]);
        assert_eq!(paths(&[("a?", 1, None), ("a*", 1, None), ("a?", 1, None)]), ["a_", "a_ (1)", "a_"]);
    }

    #[test]
    fn the_names_that_there_are_in_the_end_are_the_same_whoever_is_first() {
        let first = [("a (1)", 1, Some(3)), ("a", 1, Some(1)), ("a", 1, Some(2)), ("a", 1, Some(3))];
        assert_eq!(paths(&first), ["a (1)", "a", "a (2)", "a (1)"]);
        let last = [("a", 1, Some(3)), ("a", 1, Some(2)), ("a", 1, Some(1)), ("a (1)", 1, Some(3))];
        assert_eq!(paths(&last), ["a", "a (1)", "a (2)", "a"]);
        let other = [("a", 1, Some(1)), ("a", 1, Some(2)), ("a (1)", 1, Some(2)), ("a (1)", 1, Some(3))];
        assert_eq!(paths(&other), ["a", "a (1)", "a (1)", "a (2)"]);
    }

    #[test]
    fn too_many_of_one_path_are_refused_and_cost_little() {
        let names: Vec<String> = (0..5_000).map(|number| format!("{number:013b}")).collect();
        let names: Vec<String> = names.iter().map(|name| name.replace('0', "?").replace('1', "*")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1, None)).collect();
        let claimed = claimed(&files);
        let crowded = claimed.iter().filter(|(_, turn)| *turn == Turn::Crowded).count();
        assert_eq!(crowded, names.len() - MOST_OF_A_PATH - 1);
        let paths: BTreeSet<_> = claimed.iter().filter(|(_, turn)| *turn == Turn::Its).map(|(path, _)| path).collect();
        assert_eq!(paths.len(), MOST_OF_A_PATH + 1);
    }
}
