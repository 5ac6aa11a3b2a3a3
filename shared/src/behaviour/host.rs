//! The function of 2004, `f(token, n, arg)`, as one pure function.
//!
//! A native node and a browser tab are only places where bytes live: the same [`Host::answer`] answers for both. It cannot
//! call anybody, so the deadlock of 2004 (two servers joining through each other wait for ever) is impossible by type. It
//! reads no file either: content is answered with [`Answer::Give`], and whoever holds the bytes streams them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Call, Catalog, Entry, Fault, Moment, Password, PeerUrl, Roster, Scope, SharedPath};

/// Everything one process answers for: its peers (the node itself and its tabs), each with a catalog, and one roster.
#[derive(Debug)]
pub struct Host {
    password: Password,
    held: BTreeMap<PeerUrl, Held>,
    roster: Roster,
    /// Where the catalog of a peer that comes begins to count: beyond all that ended.
    next_revision: u64,
}

/// What one of our peers shares.
#[derive(Debug, Default)]
struct Held {
    catalog: Arc<Catalog>,
    /// Not listed, and still given to who asks for a file by its name: for a while, whoever holds the bytes may come back.
    is_away: bool,
}

/// Who calls, and under which of our names.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// How near the caller's address is: bounds which URLs it may teach us.
    pub scope: Scope,
    /// The spellings of our URL that this call may have used; the token must fit the peer's own URL or one of these. The
    /// place that serves puts only names in here that are its own, or a member could pass tokens on from one to another.
    pub called: &'a [PeerUrl],
    /// The token as it came.
    pub token: &'a str,
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A wrong token: the boolean 0, not a fault.
    Refused,
    /// `n` = 0: the live peers, ourselves first.
    Peers(Vec<PeerUrl>),
    /// `n` = 1: a snapshot to match the pattern against, outside of any lock.
    Files {
        /// The catalog as it was when the call came.
        catalog: Arc<Catalog>,
        /// The pattern as it came, not yet compiled.
        pattern: String,
    },
    /// Any other `n`: these bytes.
    Give {
        /// Which file.
        path: SharedPath,
        /// Its facts as last seen.
        entry: Entry,
    },
}

impl Host {
    /// A host of no files yet, at the URL its roster calls its own.
    #[must_use]
    pub fn new(password: Password, own: PeerUrl, roster: Roster) -> Self {
        Self { password, held: BTreeMap::from([(own, Held::default())]), roster, next_revision: 0 }
    }

    /// Answers one call to `peer`, one of this host's own URLs. One that has left shares nothing and knows the others: a
    /// client of 2004 dies of any other answer.
    ///
    /// # Errors
    /// A [`Fault`] for whoever holds the password; everybody else learns only that the token is wrong.
    pub fn answer(
        &mut self,
        now: Moment,
        peer: &PeerUrl,
        caller: Caller<'_>,
        call: Result<Call, Fault>,
    ) -> Result<Answer, Fault> {
        if !self.admits(peer, caller) {
            return Ok(Answer::Refused);
        }
        match call? {
            Call::Exchange(urls) => Ok(Answer::Peers(self.exchange(now, peer, caller.scope, &urls))),
            Call::List(pattern) => Ok(Answer::Files { catalog: self.catalog(peer), pattern }),
            Call::Fetch(name) => {
                let shared = SharedPath::parse(&name).ok();
                match shared.and_then(|path| Some((self.entry(peer, &path)?, path))) {
                    Some((entry, path)) => Ok(Answer::Give { path, entry }),
                    // One text for what never was, what is not shared and what leads outside: it tells a prober nothing.
                    None => Err(Fault::new(Fault::APPLICATION, "no such file is shared here; list with n = 1 first")),
                }
            }
        }
    }

    /// Whether the caller's token proves the password to this peer. Every spelling is tried, each once, so that the time
    /// does not tell which one was near.
    #[must_use]
    pub fn admits(&self, peer: &PeerUrl, caller: Caller<'_>) -> bool {
        std::iter::once(peer)
            .chain(caller.called.iter().filter(|url| *url != peer))
            .fold(false, |admitted, url| self.password.token(url).matches(caller.token) | admitted)
    }

    /// `n` = 0 for a caller that needs no token: learns from what it lists, and answers whom to list, the peer that was
    /// asked first.
    pub fn exchange(&mut self, now: Moment, peer: &PeerUrl, from: Scope, urls: &[String]) -> Vec<PeerUrl> {
        let mut listed = self.roster.handle_exchange(now, from, urls);
        if let Some(asked) = listed.iter().position(|url| url == peer) {
            listed.get_mut(..=asked).unwrap_or_default().rotate_right(1);
        }
        listed
    }

    /// A snapshot of what one of our peers shares; empty for a URL that is not ours, and for a peer that is away.
    #[must_use]
    pub fn catalog(&self, peer: &PeerUrl) -> Arc<Catalog> {
        self.held.get(peer).filter(|held| !held.is_away).map(|held| Arc::clone(&held.catalog)).unwrap_or_default()
    }

    /// What is known of one file of one of our peers, also while that is away.
    #[must_use]
    pub fn entry(&self, peer: &PeerUrl, path: &SharedPath) -> Option<Entry> {
        self.held.get(peer)?.catalog.entry(path).copied()
    }

    /// All our peers that are not away, each with a snapshot of what it shares.
    pub fn catalogs(&self) -> impl Iterator<Item = (&PeerUrl, &Arc<Catalog>)> {
        self.held.iter().filter(|(_, held)| !held.is_away).map(|(url, held)| (url, &held.catalog))
    }

    /// Whether this is a peer of ours that is not away.
    #[must_use]
    pub fn has(&self, peer: &PeerUrl) -> bool {
        self.held.get(peer).is_some_and(|held| !held.is_away)
    }

    /// Adds a peer that shares nothing yet; one that there is is left as it is.
    pub fn add_peer(&mut self, peer: PeerUrl) {
        let catalog = || Arc::new(Catalog::begun_at(self.next_revision));
        self.held.entry(peer).or_insert_with(|| Held { catalog: catalog(), is_away: false });
    }

    /// Says whether a peer of ours, not ourselves, is away: not listed, but remembered. It is listed while it is here and
    /// shares something.
    pub fn set_away(&mut self, now: Moment, peer: &PeerUrl, is_away: bool) {
        if let Some(held) = self.held.get_mut(peer).filter(|_| peer != self.roster.own()) {
            held.is_away = is_away;
            self.list(now, peer);
        }
    }

    /// Forgets a peer of ours, not ourselves, and what it shares.
    pub fn remove_peer(&mut self, peer: &PeerUrl) {
        if peer != self.roster.own() {
            if let Some(held) = self.held.remove(peer) {
                self.next_revision = self.next_revision.max(held.catalog.revision() + 1);
            }
            self.roster.remove_local(peer);
        }
    }

    /// Lists a peer of ours, or not any more, as what it shares has changed.
    pub fn list(&mut self, now: Moment, peer: &PeerUrl) {
        if peer == self.roster.own() {
            return;
        }
        if self.catalog(peer).is_empty() {
            self.roster.remove_local(peer);
        } else {
            self.roster.add_local(now, peer.clone());
        }
    }

    /// The catalog of one of our peers, to change. Snapshots already handed out stay as they were.
    pub fn catalog_mut(&mut self, peer: &PeerUrl) -> Option<&mut Catalog> {
        self.held.get_mut(peer).map(|held| Arc::make_mut(&mut held.catalog))
    }

    /// Who is there.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Who is there, to feed with what was heard.
    pub fn roster_mut(&mut self) -> &mut Roster {
        &mut self.roster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://10.0.0.1:9004";

    fn url(text: &str) -> PeerUrl {
        PeerUrl::parse(text).unwrap()
    }

    fn host() -> Host {
        let mut host = Host::new(Password::new("secret"), url(OWN), Roster::new(url(OWN), 1));
        let entry = Entry::unread(3, 0);
        host.catalog_mut(&url(OWN)).unwrap().insert(SharedPath::parse("d/a.txt").unwrap(), entry);
        host
    }

    fn ask(host: &mut Host, token_for: &str, called: &[PeerUrl], call: Result<Call, Fault>) -> Result<Answer, Fault> {
        let token = Password::new("secret").token(&url(token_for));
        let caller = Caller { scope: Scope::Lan, called, token: token.reveal() };
        host.answer(Moment(0), &url(OWN), caller, call)
    }

    #[test]
    fn a_wrong_token_is_refused_before_anything_else_is_looked_at() {
        let mut host = host();
        for call in [Ok(Call::Exchange(vec![])), Ok(Call::Fetch("d/a.txt".into())), Err(Fault::new(-1, "bad n"))] {
            assert!(matches!(ask(&mut host, "http://10.0.0.1:9005", &[], call), Ok(Answer::Refused)));
        }
    }

    #[test]
    fn a_token_for_another_name_of_ours_counts_only_when_it_is_given_as_ours() {
        let mut host = host();
        let local = [url("http://localhost:9004")];
        let list = || Ok(Call::List(String::new()));
        assert!(matches!(ask(&mut host, "http://localhost:9004", &local, list()), Ok(Answer::Files { .. })));
        assert!(matches!(ask(&mut host, "http://localhost:9004", &[], list()), Ok(Answer::Refused)));
    }

    #[test]
    fn gives_only_what_the_catalog_holds() {
        let mut host = host();
        let mut fetch = |name: &str| ask(&mut host, OWN, &[], Ok(Call::Fetch(name.into())));
        assert!(matches!(fetch("d/a.txt"), Ok(Answer::Give { .. })));
        let faults: Vec<Fault> = ["a.txt", "../d/a.txt", "/etc/passwd", "", "d/a.txt\0", "%2e%2e/x", "C:\\x"]
            .into_iter()
            .map(|name| fetch(name).unwrap_err())
            .collect();
        assert!(faults.windows(2).all(|pair| pair.first() == pair.last()), "one text for all: {faults:?}");
    }

    #[test]
    fn a_tab_is_listed_while_it_is_here_and_shares_something() {
        let tab = url("http://10.0.0.1:9004/peer/ab");
        let mut host = host();
        let exchange = |host: &mut Host| host.exchange(Moment(0), &tab, Scope::Lan, &[]);
        host.add_peer(tab.clone());
        host.set_away(Moment(0), &tab, false);
        assert_eq!(exchange(&mut host), [url(OWN)]);
        let entry = Entry::unread(3, 0);
        let path = SharedPath::parse("a.txt").unwrap();
        host.catalog_mut(&tab).unwrap().insert(path.clone(), entry);
        host.list(Moment(0), &tab);
        assert_eq!(exchange(&mut host), [tab.clone(), url(OWN)], "who is asked comes first");
        assert_eq!(host.exchange(Moment(0), &url(OWN), Scope::Lan, &[]), [url(OWN), tab.clone()]);
        host.set_away(Moment(0), &tab, true);
        assert_eq!(exchange(&mut host), [url(OWN)]);
        assert!(host.catalog(&tab).is_empty() && host.catalogs().count() == 1);
        assert_eq!(host.entry(&tab, &path), Some(entry), "it is remembered for those who read it");
        host.remove_peer(&tab);
        assert_eq!(host.entry(&tab, &path), None);
        host.remove_peer(&url(OWN));
        host.set_away(Moment(0), &url(OWN), true);
        assert_eq!(host.catalog(&url(OWN)).len(), 1, "ourselves we never are away");
    }

    #[test]
    fn a_tab_answers_to_its_own_token_and_one_that_left_to_the_same() {
        let tab = url("http://10.0.0.1:9004/peer/ab");
        let mut host = host();
        let mut ask = |token_for: &PeerUrl, call| {
            let token = Password::new("secret").token(token_for);
            let caller = Caller { scope: Scope::Lan, called: &[], token: token.reveal() };
            host.answer(Moment(0), &tab, caller, Ok(call))
        };
        assert!(matches!(ask(&url(OWN), Call::Exchange(vec![])), Ok(Answer::Refused)));
        let Ok(Answer::Peers(peers)) = ask(&tab, Call::Exchange(vec![])) else { panic!() };
        assert_eq!(peers, [url(OWN)]);
        let Ok(Answer::Files { catalog, .. }) = ask(&tab, Call::List(String::new())) else { panic!() };
        assert!(catalog.is_empty());
        assert!(ask(&tab, Call::Fetch("d/a.txt".into())).is_err());
    }

    #[test]
    fn peers_begin_with_ourselves() {
        let Ok(Answer::Peers(peers)) = ask(&mut host(), OWN, &[], Ok(Call::Exchange(vec![]))) else { panic!() };
        assert_eq!(peers, [url(OWN)]);
    }
}
