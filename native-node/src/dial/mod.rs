//! Calls to other peers: over the bridge where the other end speaks it, else, and only under rules, the 2004 way.
//!
//! A token of 2004 is for ever good for whoever saw it, and an oracle to guess the password from. So a URL is first asked
//! for the bridge; one that ever spoke it is never called the old way again, whatever it answers today, or whoever sits in
//! between could have a token by breaking the bridge. Silence is no answer: it is tried again later, not the old way.

mod answer;
mod arriving;
mod content;
mod legacy;
mod links;
mod part;
mod reply;

use shared::bridge::{Exchange, Hello, Message, PeerInfo, Read, ReadMany, Role, Row, Search, SearchKind, SearchScope};
use shared::{PatternKind, PeerUrl, Scope, limits};
use std::time::Duration;

use crate::link::{Link, LinkError, Reply};

pub use answer::{CallError, HostFound};
pub use content::ContentStream;
pub use legacy::LegacyDialer;
pub use links::{Held, Links, Start, Way};
pub use part::{Outlined, fetch_part_over, outlined};

/// The whole of an exchange must be over by then.
const EXCHANGE: Duration = Duration::from_secs(10);
/// How long a node may take for the next part of a search.
const SEARCH: Duration = Duration::from_secs(15);
/// How long for all of them, however many there are.
const WHOLE_SEARCH: Duration = Duration::from_secs(5 * 60);
/// How long the URL that a node goes by may take to lead to it.
const OWN_URL: Duration = Duration::from_secs(1);
/// How much of one file may be under way to us, in bytes: what a LAN holds, several times.
const WINDOW: u32 = 4 << 20;
/// The same in a session of somebody who puts files here.
const WINDOW_OVER: u32 = 2 << 20;
/// Most bytes of names that one search may bring us.
const FOUND_BYTES: usize = limits::REPLY_BYTES;

/// Calls peers. Cheap to clone; clones share their sessions.
#[derive(Debug, Clone)]
pub struct Dialer {
    links: Links,
    legacy: LegacyDialer,
    /// Whoever is called is the other end of this session.
    over: Option<Link>,
}

/// Whom a peer knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// The URLs it knows, as they came. `None`: a lone original, whose empty list makes it answer with a fault.
    pub urls: Option<Vec<String>>,
    /// What a modern node tells of those, itself first; nothing from a peer of 2004.
    pub peers: Vec<PeerInfo>,
    /// Whether it speaks the bridge.
    pub is_node: bool,
}

/// How a peer is asked.
enum Asked {
    Bridge(Link),
    Legacy,
}

impl Dialer {
    /// A dialer over these sessions, and with this way of calling peers of 2004.
    #[must_use]
    pub fn new(links: Links, legacy: LegacyDialer) -> Self {
        Self { links, legacy, over: None }
    }

    /// One that calls nobody but the other end of this session, whatever it is called.
    #[must_use]
    pub(crate) fn over(&self, link: Link) -> Self {
        Self { over: Some(link), ..self.clone() }
    }

    /// The sessions.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Tells whom we know, hears whom it knows.
    ///
    /// # Errors
    /// A [`CallError`] within seconds, however the other end behaves.
    pub async fn exchange(&self, url: &PeerUrl, tell: &[PeerUrl]) -> Result<Exchanged, CallError> {
        let asked = async {
            let link = match self.way(url).await? {
                Asked::Bridge(link) => link,
                Asked::Legacy => {
                    let urls =
                        self.links.called_legacy(url, self.legacy.exchange(url, self.links.named(url), tell).await)?;
                    return Ok(Exchanged { urls, peers: Vec::new(), is_node: false });
                }
            };
            let tell = tell.iter().map(ToString::to_string).collect();
            let mut replies = link.ask(Exchange { of: url.tab_path().to_owned(), tell }, 0).await?.within(EXCHANGE);
            let Message::Exchanged(exchanged) = replies.message().await? else {
                return Err(LinkError::Senseless.into());
            };
            let urls = exchanged.peers.iter().map(|peer| peer.url.clone()).collect();
            Ok(Exchanged { urls: Some(urls), peers: exchanged.peers, is_node: true })
        };
        tokio::time::timeout(EXCHANGE, asked).await.unwrap_or(Err(CallError::Silent))
    }

    /// The URL that a node goes by, if that is another than it was just called by and leads to the same process from here.
    pub async fn goes_by(&self, called: &PeerUrl, told: &Exchanged) -> Option<PeerUrl> {
        let itself = told.peers.iter().find(|peer| peer.itself)?;
        let own = PeerUrl::parse(&itself.url).ok().filter(|own| own != called)?;
        if !Scope::of_url(called)?.admits_url(&own) {
            return None;
        }
        let same = async {
            let (one, other) = (self.link(called).await.ok()?, self.link(&own).await.ok()?);
            (one.other_end() == other.other_end()).then_some(own)
        };
        tokio::time::timeout(OWN_URL, same).await.ok().flatten()
    }

    /// The session with a URL's node.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004.
    pub async fn link(&self, url: &PeerUrl) -> Result<Link, CallError> {
        match self.way(url).await? {
            Asked::Bridge(link) => Ok(link),
            Asked::Legacy => Err(CallError::NoBridge),
        }
    }

    /// Whether a URL is that of a modern node, as far as can be told now.
    ///
    /// # Errors
    /// That it cannot be told: see [`CallError`].
    pub async fn is_node(&self, url: &PeerUrl) -> Result<bool, CallError> {
        Ok(matches!(self.way(url).await?, Asked::Bridge(_)))
    }

    /// What a modern node and its tabs have that matches; nothing is checked yet but the bounds.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004.
    pub async fn search(&self, url: &PeerUrl, kind: PatternKind, pattern: &str) -> Result<HostFound, CallError> {
        let mut found = HostFound::default();
        self.ask_search(url, search_of(SearchScope::Here, kind, pattern), |said| match said {
            Message::Found(rows) if rows.last_seen_s.is_none() => found.add(&rows.peer, rows.rows),
            Message::Answered(answered) => found.answered(answered),
            _ => {}
        })
        .await?;
        Ok(found)
    }

    /// The same of everybody, as a modern node knows it: told is each [`Message::Found`] and [`Message::Answered`] as it
    /// comes, each of one peer, which it names by URL; with `away`, of those that are away, too, behind all others.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NoBridge`] for a peer of 2004.
    pub async fn search_pool(
        &self,
        url: &PeerUrl,
        kind: PatternKind,
        pattern: &str,
        away: bool,
        told: impl FnMut(Message),
    ) -> Result<(), CallError> {
        let search = search_of(SearchScope::Pool, kind, pattern);
        self.ask_search(url, Search { away: away.then_some(true), ..search }, told).await
    }

    async fn ask_search(&self, url: &PeerUrl, search: Search, told: impl FnMut(Message)) -> Result<(), CallError> {
        let asking = self.ask_search_of(url, search, told);
        tokio::time::timeout(WHOLE_SEARCH, asking).await.unwrap_or(Err(CallError::Slow))
    }

    async fn ask_search_of(
        &self,
        url: &PeerUrl,
        search: Search,
        mut told: impl FnMut(Message),
    ) -> Result<(), CallError> {
        let link = self.link(url).await?;
        let mut replies = link.ask(search, WINDOW).await?.within(SEARCH);
        let mut held = 0_usize;
        while let Some(reply) = replies.next().await? {
            let Reply::Message(message @ (Message::Found(_) | Message::Answered(_)), _) = reply else {
                return Err(LinkError::Senseless.into());
            };
            held += size_of::<Message>();
            if let Message::Found(found) = &message {
                held += found.rows.iter().map(|row| size_of::<Row>() + row.path.len()).sum::<usize>();
            }
            if held > FOUND_BYTES {
                return Err(CallError::NotAPeer("it finds more than can be held here".into()));
            }
            told(message);
        }
        Ok(())
    }

    /// The names in the folder of a peer of 2004 that match an expression of Python's `re`, checked by nobody yet.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn names(&self, url: &PeerUrl, pattern: &str) -> Result<Vec<shared::xmlrpc::Name>, CallError> {
        match self.way(url).await? {
            Asked::Legacy => {
                self.links.called_legacy(url, self.legacy.names(url, self.links.named(url), pattern).await)
            }
            Asked::Bridge(_) => Err(CallError::NotAPeer("it became a modern node just now; ask again".into())),
        }
    }

    /// The bytes of a file, as they come.
    ///
    /// # Errors
    /// See [`CallError`]; the stream has errors of its own.
    pub async fn fetch(&self, url: &PeerUrl, name: &str) -> Result<ContentStream, CallError> {
        let link = match self.way(url).await? {
            Asked::Bridge(link) => link,
            Asked::Legacy => {
                return self.links.called_legacy(url, self.legacy.fetch(url, self.links.named(url), name).await);
            }
        };
        let path = name.to_owned();
        let read = Read {
            peer: None,
            of: url.tab_path().to_owned(),
            path,
            from: 0,
            length: None,
            version: None,
            reader: None,
            aside: None,
        };
        ContentStream::of_bridge(link.ask(read, self.window(WINDOW)).await?).await
    }

    /// The bytes of several small files of a modern node in the order asked for; none for what it would not give this way.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn fetch_all(&self, url: &PeerUrl, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, CallError> {
        let link = self.link(url).await?;
        let paths = names.iter().map(|name| (*name).to_owned()).collect();
        let mut replies = link.ask(ReadMany { of: url.tab_path().to_owned(), paths }, self.window(2 * WINDOW)).await?;
        let Message::Files(files) = replies.message().await? else { return Err(LinkError::Senseless.into()) };
        let announced: u64 = files.sizes.iter().flatten().map(|size| u64::from(*size)).sum();
        if files.sizes.len() != names.len() || announced > limits::BATCH_BYTES {
            return Err(LinkError::Senseless.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or_default());
        while let Some(reply) = replies.next().await? {
            let Reply::Data(record) = reply else { return Err(LinkError::Senseless.into()) };
            bytes.extend_from_slice(record.payload());
            if bytes.len() as u64 > announced {
                return Err(LinkError::Senseless.into());
            }
        }
        if bytes.len() as u64 != announced {
            return Err(LinkError::Senseless.into());
        }
        let mut rest = bytes.as_slice();
        let file = |size: Option<u32>| {
            let (file, after) = rest.split_at_checked(usize::try_from(size?).ok()?)?;
            rest = after;
            Some(file.to_vec())
        };
        Ok(files.sizes.into_iter().map(file).collect())
    }

    /// How much may be under way to us: less where we fetch for others to have it, from many at once.
    fn window(&self, of_person: u32) -> u32 {
        if self.over.is_some() { WINDOW_OVER } else { of_person }
    }

    /// The session with a URL's node, or none: then it is of 2004, and may be called so.
    async fn way(&self, url: &PeerUrl) -> Result<Asked, CallError> {
        if let Some(link) = &self.over {
            return Ok(Asked::Bridge(link.clone()));
        }
        match self.links.way(url).await? {
            Way::Bridge(link) => Ok(Asked::Bridge(link)),
            Way::Legacy if self.legacy.is_on() => Ok(Asked::Legacy),
            Way::Legacy => Err(CallError::LegacyOff),
        }
    }
}

/// All rows of those who are here.
fn search_of(scope: SearchScope, kind: PatternKind, pattern: &str) -> Search {
    let kind = match kind {
        PatternKind::Words => SearchKind::Words,
        PatternKind::Glob => SearchKind::Glob,
        PatternKind::Regex => SearchKind::Regex,
    };
    Search { kind, pattern: pattern.to_owned(), scope, most: 0, away: None }
}

/// How a command introduces itself: it has neither a name nor a URL.
pub(crate) fn hello_of_command() -> Hello {
    Hello {
        role: Role::Command,
        name: String::new(),
        program: concat!("tinyp2p/", env!("CARGO_PKG_VERSION")).to_owned(),
        url: None,
        tab: None,
    }
}
