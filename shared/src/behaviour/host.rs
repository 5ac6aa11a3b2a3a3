//! The function of 2004, `f(token, n, arg)`, as one pure function.
//!
//! A native node and a browser tab are only places where bytes live: the same [`Host::answer`] answers for both. It cannot
//! call anybody, so the deadlock of 2004 (two servers joining through each other wait for ever) is impossible by type. It
//! reads no file either: content is answered with [`Answer::Give`], and whoever holds the bytes streams them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Call, Catalog, Entry, Fault, Moment, Password, PeerUrl, Roster, Scope, SharedPath};

/// Everything one process answers for: its peers (the node itself, later its tabs), each with a catalog, and one roster.
#[derive(Debug)]
pub struct Host {
    password: Password,
    catalogs: BTreeMap<PeerUrl, Arc<Catalog>>,
    roster: Roster,
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
        Self { password, catalogs: BTreeMap::from([(own, Arc::default())]), roster }
    }

    /// Answers one call to `peer`, one of this host's own URLs.
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
            Call::Exchange(urls) => Ok(Answer::Peers(self.roster.handle_exchange(now, caller.scope, &urls))),
            Call::List(pattern) => Ok(Answer::Files { catalog: self.catalog(peer), pattern }),
            Call::Fetch(name) => {
                let shared = SharedPath::parse(&name).ok();
                let catalog = self.catalogs.get(peer);
                match shared.and_then(|path| Some((catalog?.entry(&path).copied()?, path))) {
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

    /// A snapshot of what one of our peers shares; empty for a URL that is not ours.
    #[must_use]
    pub fn catalog(&self, peer: &PeerUrl) -> Arc<Catalog> {
        self.catalogs.get(peer).cloned().unwrap_or_default()
    }

    /// The catalog of one of our peers, to change. Snapshots already handed out stay as they were.
    pub fn catalog_mut(&mut self, peer: &PeerUrl) -> Option<&mut Catalog> {
        self.catalogs.get_mut(peer).map(Arc::make_mut)
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
    use crate::Form;

    const OWN: &str = "http://10.0.0.1:9004";

    fn url(text: &str) -> PeerUrl {
        PeerUrl::parse(text).unwrap()
    }

    fn host() -> Host {
        let mut host = Host::new(Password::new("secret"), url(OWN), Roster::new(url(OWN), 1));
        let entry = Entry { size: 3, modified: 0, form: Form::Unknown };
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
    fn peers_begin_with_ourselves() {
        let Ok(Answer::Peers(peers)) = ask(&mut host(), OWN, &[], Ok(Call::Exchange(vec![]))) else { panic!() };
        assert_eq!(peers, [url(OWN)]);
    }
}
