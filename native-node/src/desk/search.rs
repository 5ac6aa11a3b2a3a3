//! Which files match: of the node and its tabs here, of everybody in `pool`; and, behind them, of those that are away.
//!
//! A search runs on a thread of its own kind, some thousands of rows at a time: a million names delay nobody, nothing waits in
//! memory for an end that takes rows slowly, and no thread waits for it.

use std::sync::Arc;

use shared::bridge::{Answered, Found, Message, ResetCode, Row, Search, SearchKind, SearchScope};
use shared::limits::{CHUNK_BYTES, PATTERN_BYTES, ROWS_PER_RECORD};
use shared::{Catalog, Entry, Listing, PathRef, Pattern, PatternError, PatternKind, PeerUrl, SharedPath};

use super::pool;
use super::refusal::Refusal;
use super::session::Desk;
use crate::follow::Away;
use crate::http::FIRST_LOOK_PATIENCE;
use crate::link::{Answer, Unwanted};
use crate::node::Node;
use crate::search_pool::{SearchClock, TOO_COSTLY, on_another_thread};

/// Messages that are made in one go.
const AT_ONCE: usize = 8;

pub(super) async fn answer(desk: &Desk, search: Search, mut answer: Answer) {
    if search.pattern.len() > PATTERN_BYTES {
        return answer.fail(ResetCode::BAD_REQUEST, PatternError::TooLong.to_string());
    }
    let _place = tokio::select! {
        place = desk.place_to_search() => place,
        () = answer.unwanted() => return,
    };
    let wanted = match read(desk, search).await {
        Ok(wanted) => wanted,
        Err(refusal) => return answer.fail(refusal.code, refusal.words),
    };
    let done = match wanted.scope {
        SearchScope::Here => here(desk.node(), &wanted, Vec::new(), &mut answer).await,
        SearchScope::Pool => pool::search(desk.node(), &wanted, &mut answer).await,
    };
    match done {
        Ok(()) => {
            // Nobody waits any more is as good.
            let _unwanted = answer.end().await;
        }
        Err(Some(refusal)) => answer.fail(refusal.code, refusal.words),
        Err(None) => {}
    }
}

/// What is looked for, checked.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) search: Search,
    pub(super) pattern: Pattern,
    scope: SearchScope,
}

impl Query {
    /// Most rows of one peer; none: all.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.search.most).ok().filter(|most| *most > 0).unwrap_or(usize::MAX)
    }
}

/// Why a search was not answered in full: none where nobody wants the answer any more.
pub(super) type Stopped = Option<Refusal>;

async fn read(desk: &Desk, search: Search) -> Result<Query, Refusal> {
    if search.scope == SearchScope::Pool {
        desk.may_ask_others()?;
    }
    let kind = match search.kind {
        SearchKind::Words => PatternKind::Words,
        SearchKind::Glob => PatternKind::Glob,
        SearchKind::Regex => PatternKind::Regex,
    };
    desk.node().wait_for_the_first_look(FIRST_LOOK_PATIENCE).await;
    // To compile one may take some milliseconds.
    let (text, scope) = (search.pattern.clone(), search.scope);
    let compiled = on_another_thread(move || Pattern::new(kind, &text)).await?;
    let pattern = compiled.map_err(|error| Refusal::new(ResetCode::BAD_REQUEST, error.to_string()))?;
    Ok(Query { search, pattern, scope })
}

/// Searches the node and its tabs, then what is held of others.
pub(super) async fn here(
    node: &Arc<Node>,
    wanted: &Query,
    replicas: Vec<(PeerUrl, Arc<Catalog>)>,
    answer: &mut Answer,
) -> Result<(), Stopped> {
    look(Looking::new(node, wanted, replicas), answer).await
}

/// Searches what those shared that are away.
pub(super) async fn away(node: &Node, wanted: &Query, away: Vec<Away>, answer: &mut Answer) -> Result<(), Stopped> {
    look(Looking::of_away(node, wanted, away), answer).await
}

async fn look(mut looking: Looking, answer: &mut Answer) -> Result<(), Stopped> {
    // Where this is dropped, a thread may be at work.
    let _gives_up = GivesUp(Arc::clone(&looking.clock));
    loop {
        let thinking = on_another_thread(move || {
            let messages = looking.go_on();
            (looking, messages)
        });
        let (went_on, messages) = thinking.await.map_err(|why| Some(why.into()))?;
        looking = went_on;
        let is_over = messages.len() < AT_ONCE;
        for message in messages {
            answer.reply(message).await.map_err(|Unwanted| None)?;
        }
        if is_over {
            return Ok(());
        }
    }
}

/// Ends a search that nobody waits for any more.
struct GivesUp(Arc<SearchClock>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Whose catalog is searched.
struct Holder {
    /// What is told of it, but for the rows.
    told: Found,
    listing: Listing,
}

/// A search of several catalogs, and how far it is.
struct Looking {
    /// Those to be searched yet; the one at hand is the last.
    peers: Vec<Holder>,
    after: Option<SharedPath>,
    /// Rows of the peer at hand that may still be told.
    left: usize,
    most: usize,
    clock: Arc<SearchClock>,
    is_linear: bool,
}

impl Looking {
    fn new(node: &Node, wanted: &Query, replicas: Vec<(PeerUrl, Arc<Catalog>)>) -> Self {
        let catalogs: Vec<_> = node.with_host(|host, _| {
            let mut ours: Vec<_> = host.catalogs().map(|(url, files)| (url.clone(), Arc::clone(files))).collect();
            // Taken from the end: the node first, then its tabs.
            ours.sort_by_key(|(url, _)| url == node.url());
            ours
        });
        let here = |(url, files): (PeerUrl, _)| (Found::new(url.to_string(), Vec::new()), files);
        // From the end: ours before those of others.
        Self::of(wanted, replicas.into_iter().chain(catalogs).map(here))
    }

    fn of_away(node: &Node, wanted: &Query, away: Vec<Away>) -> Self {
        let told = |Away { peer, files, seen }: Away| {
            let name = node.known_peers().of(&peer).and_then(|known| known.name);
            (Found { last_seen_s: Some(seen.as_secs()), name, ..Found::new(peer.to_string(), Vec::new()) }, files)
        };
        Self::of(wanted, away.into_iter().map(told))
    }

    fn of(wanted: &Query, holders: impl Iterator<Item = (Found, Arc<Catalog>)>) -> Self {
        let clock = Arc::new(SearchClock::start());
        let holder = |(told, files)| {
            let clock = Arc::clone(&clock);
            Holder { told, listing: Listing::of(files, wanted.pattern.clone()).until(move || clock.is_late()) }
        };
        let (peers, most, is_linear) = (holders.map(holder).collect(), wanted.most(), wanted.pattern.is_linear());
        Self { peers, after: None, left: most, most, clock, is_linear }
    }

    /// The next messages: as many as there are to be at once, or the last.
    fn go_on(&mut self) -> Vec<Message> {
        if self.is_linear {
            self.clock.begin_step();
        }
        let mut messages = Vec::with_capacity(AT_ONCE);
        while messages.len() < AT_ONCE
            && let Some(Holder { told, listing }) = self.peers.last()
        {
            let (rows, last) = rows_after(listing, self.after.as_ref(), self.left);
            self.left -= rows.len();
            if !rows.is_empty() {
                messages.push(Message::Found(Found { rows, ..told.clone() }));
            }
            self.after = last.or(self.after.take());
            let more = listing.files_after(self.after.as_ref()).next().is_some();
            if more && self.left > 0 && !listing.is_late() {
                continue;
            }
            // Both may be one too many by now; nobody counts.
            let error = listing.is_late().then(|| TOO_COSTLY.to_owned());
            messages.push(Message::Answered(Answered { peer: told.peer.clone(), error, more }));
            self.peers.pop();
            (self.after, self.left) = (None, self.most);
        }
        messages
    }
}

/// Rows for one record, and the path of the last.
fn rows_after(listing: &Listing, after: Option<&SharedPath>, most: usize) -> (Vec<Row>, Option<SharedPath>) {
    let (mut rows, mut last, mut bytes) = (Vec::new(), None, 0);
    for (path, entry) in listing.files_after(after).take(most.min(ROWS_PER_RECORD)) {
        bytes += path.as_str().len() + ROW_BYTES;
        if bytes > CHUNK_BYTES && !rows.is_empty() {
            break;
        }
        rows.push(row(path.as_str(), entry));
        last = Some(path);
    }
    (rows, last.map(PathRef::to_path))
}

/// A file as it is told to others.
pub(super) fn row(path: &str, entry: &Entry) -> Row {
    let (size, modified) = (Some(entry.size), Some(entry.modified));
    Row {
        path: path.to_owned(),
        size,
        modified,
        id: entry.id.map(|id| id.0),
        executable: entry.executable.then_some(true),
    }
}

/// What a row takes besides its path, at most, in bytes.
pub(super) const ROW_BYTES: usize = 67;
