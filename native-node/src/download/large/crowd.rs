//! Others who fetch the same at this time: found through the nodes that hold it, and asked for what they have so far.
//!
//! ```text
//! hear_of_others: Swarm over each node's session ─► URLs ─► dial ─┐
//!                 Swarm::listen, once there is anybody ─► Met ────┴─► a partner: one more holder in the Plan
//! ```
//! That somebody cannot be called is normal, firewalls being what they are: it costs a few attempts, and who cannot be called
//! can call.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::bridge::{self, InstanceId, Message, ResetCode, Swarming};
use shared::limits::{SWARM_FETCHERS, SWARM_PIECES_PER_RECORD};
use shared::{ContentId, PeerUrl, Scope};
use tokio::sync::mpsc;

use super::holder::Partner;
use super::{Holder, State, Transfer, back_off};
use crate::dial::CallError;
use crate::download::fetch::FetchError;
use crate::link::{Link, LinkError, Replies, Reply};
use crate::names::url_of;
use crate::swarm::{Met, Shared};

/// Smaller files than this are fetched before others would be found, in bytes.
const LEAST: u64 = 4 << 20;
/// How long the first bytes may wait for word whether others fetch the same.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// Nodes that are asked who else fetches the same.
const NODES: usize = 4;
/// Partners that we dialed, at once: each of thirty that has so many at random has all pieces near.
const DIALED: usize = 12;
/// … and those that called us besides.
const PARTNERS: usize = 32;
/// … and all that ever were, in one transfer.
const PARTNERS_EVER: usize = 1_000;
/// Dials under way at once.
const DIALS: usize = 6;
/// Dials in one transfer, whatever is told.
const MOST_DIALS: u32 = 256;
/// How often one is dialed.
const TRIES: u32 = 3;
/// How long one is left alone that could not be reached, or ended.
const RETRY: Duration = Duration::from_secs(5);
/// Lies after which nobody else is believed to fetch the same.
const LIES: u32 = 3;
/// For how long others are waited for that nobody could reach.
const LONELY: Duration = Duration::from_secs(10);
/// By when a node or a partner must have begun to answer.
const FIRST: Duration = Duration::from_secs(10);

/// What is known of others.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// What others are given.
    pub(super) shared: Option<Shared>,
    /// By node: how many there are, and where.
    told: BTreeMap<PeerUrl, (u32, Vec<PeerUrl>)>,
    /// Whether a node has said a first word, or will not.
    is_told: bool,
    /// Who they are, by the ids of their processes: whoever dialed, once is enough.
    partners: BTreeSet<InstanceId>,
    dialed: usize,
    lies: u32,
    since: Option<Instant>,
}

/// What became of one URL that was told.
#[derive(Debug, Default)]
struct Tried {
    count: u32,
    at: Option<Instant>,
}

impl Transfer<'_> {
    /// Waits for word whether others fetch the same, but not long.
    pub(super) async fn hear_first_word(&self) {
        let told = async {
            let mut changed = self.changed.subscribe();
            while !self.lock().crowd.is_told {
                let _changed = changed.changed().await;
            }
        };
        let _in_time = tokio::time::timeout(FIRST_WORD, told).await;
    }

    /// Whether others could be of help, and we to them.
    pub(super) fn is_shareable(&self) -> bool {
        self.download.swarm.is_some() && self.size >= LEAST
    }

    /// Finds others, for as long as this is polled.
    pub(super) async fn hear_of_others(&self) {
        let Some((id, mut met)) = self.share().await else {
            self.lock().crowd.is_told = true;
            self.tell_changed();
            return;
        };
        let mut changed = self.changed.subscribe();
        let (mut asked, mut dials) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut nodes = BTreeSet::new();
        let (mut tried, mut dialed) = (BTreeMap::<PeerUrl, Tried>::new(), 0_u32);
        loop {
            for holder in self.holders().into_iter().filter(|holder| holder.partner.is_none()) {
                if nodes.len() < NODES && nodes.insert(holder.number) {
                    asked.push(self.ask_who_else(id, holder));
                }
            }
            while dials.len() < DIALS
                && dialed < MOST_DIALS
                && let Some(url) = self.next_to_dial(&tried, dials.len())
            {
                dialed += 1;
                let tries = tried.entry(url.clone()).or_default();
                (tries.count, tries.at) = (tries.count + 1, Some(Instant::now()));
                dials.push(self.dial(url));
            }
            self.lock().settle_mode(!dials.is_empty());
            tokio::select! {
                Some(()) = asked.next() => {}
                Some((url, link)) = dials.next() => match link {
                    Some(link) => self.join(id, url, link, true),
                    None => tracing::debug!(%url, "another receiver cannot be reached"),
                },
                Some(Met { link, address }) = met.recv() => {
                    if let Some(url) = url_of(address) {
                        self.join(id, url, link, false);
                    }
                }
                _ = changed.changed() => {}
                // Who failed may be tried again.
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Shares what is there, once it can be proved. None where it never is.
    async fn share(&self) -> Option<(ContentId, mpsc::Receiver<Met>)> {
        let swarm = self.download.swarm.as_ref().filter(|_| self.is_shareable())?;
        let mut changed = self.changed.subscribe();
        while self.lock().outline.is_none() {
            changed.changed().await.ok()?;
        }
        let mut state = self.lock();
        let id = state.id?;
        let (shared, met) = swarm.share(id, self.size, &self.part)?;
        let pieces = shared::transfer::pieces_of(self.size);
        shared.proved((0..pieces).filter(|piece| state.plan.has(*piece)));
        state.crowd.shared = Some(shared);
        Some((id, met))
    }

    /// Asks a node who else fetches this, for as long as the node is there. We listen once there is anybody.
    async fn ask_who_else(&self, id: ContentId, holder: Arc<Holder>) {
        let (mut tries, mut port) = (0, None);
        while !holder.is_gone() {
            let heard = self.hear_node(id, &holder, &mut port).await;
            self.lock().crowd.hears(&holder.peer, None);
            self.tell_changed();
            match heard {
                Err(CallError::Link(error)) if error.code() == Some(ResetCode::UNKNOWN) => return,
                Err(error) => tracing::debug!(peer = %holder.peer, %error, "it does not say who else fetches the same"),
                Ok(()) => {}
            }
            tokio::time::sleep(back_off(tries)).await;
            tries += 1;
        }
    }

    async fn hear_node(&self, id: ContentId, holder: &Holder, port: &mut Option<u16>) -> Result<(), CallError> {
        let link = self.download.dialer.link(&holder.peer).await?;
        let scope = Scope::of_url(&holder.peer).unwrap_or(Scope::Lan);
        let mut replies = self.ask_to_share(&link, id, *port).await?;
        while let Some(Swarming { you, others, at, .. }) = next_of(&mut replies).await? {
            replies = replies.without_deadline();
            let at = at.iter().take(SWARM_FETCHERS).filter_map(|url| PeerUrl::parse(url).ok());
            // An address, and none that is nearer than the node itself.
            let at = at.filter(|url| url.host().trim_matches(['[', ']']).parse::<IpAddr>().is_ok());
            let at = at.filter(|url| scope.admits_url(url)).collect();
            self.lock().crowd.hears(&holder.peer, Some((others, at)));
            self.tell_changed();
            if others > 0 && port.is_none() {
                let own = you.and_then(|you| you.parse().ok());
                *port = own.and_then(|own| self.download.swarm.as_ref()?.listen(own));
                if port.is_some() {
                    // Asked before the first stream ends: we are never gone.
                    replies = self.ask_to_share(&link, id, *port).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask_to_share(&self, link: &Link, id: ContentId, port: Option<u16>) -> Result<Replies, LinkError> {
        Ok(link.ask(bridge::Swarm { id: id.0, size: self.size, port }, 0).await?.within(FIRST))
    }

    /// Somebody who was told of and not tried of late.
    fn next_to_dial(&self, tried: &BTreeMap<PeerUrl, Tried>, dialing: usize) -> Option<PeerUrl> {
        let state = self.lock();
        if state.crowd.lies >= LIES || state.crowd.dialed + dialing >= DIALED || state.plan.is_done() {
            return None;
        }
        let is_due = |url: &PeerUrl| {
            let of_it = tried.get(url);
            of_it.is_none_or(|tried| tried.count < TRIES && tried.at.is_none_or(|at| at.elapsed() > RETRY))
        };
        let told: BTreeSet<&PeerUrl> = state.crowd.told.values().flat_map(|(_, at)| at).collect();
        let due: Vec<&PeerUrl> = told.into_iter().filter(|url| is_due(url)).collect();
        // At random, so that the crowd is one.
        let chance = usize::try_from(getrandom::u32().unwrap_or_default()).unwrap_or_default();
        due.get(chance.checked_rem(due.len())?).map(|url| (*url).clone())
    }

    async fn dial(&self, url: PeerUrl) -> (PeerUrl, Option<Link>) {
        let Some(swarm) = &self.download.swarm else { return (url, None) };
        let link = swarm.dial(&url).await;
        let link = link.inspect_err(|error| tracing::debug!(%url, %error, "another receiver cannot be called")).ok();
        (url, link)
    }

    /// One more who fetches the same, to be asked for what it has.
    fn join(&self, id: ContentId, peer: PeerUrl, link: Link, is_dialed: bool) {
        let mut state = self.lock();
        let is_room =
            state.crowd.partners.len() < PARTNERS && state.crowd.lies < LIES && state.holders.len() < PARTNERS_EVER;
        if !is_room || !state.crowd.partners.insert(link.other_end()) {
            drop(state);
            if is_dialed {
                link.close();
            }
            return;
        }
        tracing::debug!(%peer, is_dialed, "somebody else fetches the same");
        state.crowd.dialed += usize::from(is_dialed);
        let number = u32::try_from(state.holders.len()).unwrap_or(u32::MAX);
        state.plan.joined(number);
        let partner = Partner { link, is_dialed };
        state.holders.push(Arc::new(Holder::partner(number, peer, id, self.size, partner)));
        drop(state);
        self.tell_changed();
    }

    /// Fetches from somebody else who fetches the same, as long as it does. An error is our own, and ends all.
    pub(super) async fn attend_partner(&self, holder: &Holder, partner: &Partner) -> Result<(), FetchError> {
        let _leaves = Leaves(self, holder, partner);
        let hearing = async {
            if let Err(error) = self.hear_partner(holder, partner).await {
                tracing::debug!(peer = %holder.peer, %error, "it is heard no more");
            }
            // What is on its way from there may still come.
            self.lock().plan.left(holder.number);
            holder.give_up(CallError::Silent.into());
            self.tell_changed();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            fetched = self.fetch(holder) => fetched,
            () = hearing => Ok(()),
        }
    }

    /// Takes in what a partner has, until it ends.
    async fn hear_partner(&self, holder: &Holder, partner: &Partner) -> Result<(), LinkError> {
        let id = holder.id.ok_or(LinkError::Senseless)?;
        let mut replies = self.ask_to_share(&partner.link, id, None).await?;
        while let Some(Swarming { pieces, coming, .. }) = next_of(&mut replies).await? {
            replies = replies.without_deadline();
            let coming: Vec<u64> = coming.into_iter().map(u64::from).collect();
            let mut state = self.lock();
            state.plan.comes(self.now(), holder.number, &coming);
            for piece in pieces.into_iter().take(SWARM_PIECES_PER_RECORD) {
                state.plan.gained(holder.number, piece.into());
            }
            drop(state);
            holder.gained.notify_one();
        }
        Ok(())
    }
}

/// What ends with a partner, however it ends.
struct Leaves<'a>(&'a Transfer<'a>, &'a Holder, &'a Partner);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let Self(transfer, holder, partner) = self;
        let has_lied = matches!(holder.why_gone(), Some(FetchError::Lied));
        let mut state = transfer.lock();
        state.plan.left(holder.number);
        state.crowd.partners.remove(&partner.link.other_end());
        state.crowd.dialed -= usize::from(partner.is_dialed);
        state.crowd.lies += u32::from(has_lied);
        drop(state);
        match &transfer.download.swarm {
            Some(swarm) if partner.is_dialed && !has_lied => swarm.leave(partner.link.clone()),
            _ if partner.is_dialed || has_lied => partner.link.close(),
            _ => {}
        }
    }
}

impl Crowd {
    /// What a node says now; none where it says nothing any more.
    fn hears(&mut self, node: &PeerUrl, told: Option<(u32, Vec<PeerUrl>)>) {
        match told {
            Some(told) => self.told.insert(node.clone(), told),
            None => self.told.remove(node),
        };
        self.is_told = true;
    }
}

impl State {
    /// Tells others what comes to us just now from who has everything.
    pub(super) fn tell_coming(&self) {
        if let Some(shared) = &self.crowd.shared {
            shared.comes(self.plan.coming());
        }
    }

    /// Whether others are reckoned with: who are there, or may come to be reached.
    fn settle_mode(&mut self, is_dialing: bool) {
        let is_told = self.crowd.told.values().any(|(others, _)| *others > 0);
        if !is_told {
            self.crowd.since = None;
        }
        let since = is_told.then(|| *self.crowd.since.get_or_insert_with(Instant::now));
        let may_come = since.is_some_and(|since| is_dialing || since.elapsed() < LONELY);
        self.plan.set_crowded(!self.crowd.partners.is_empty() || may_come);
    }
}

/// The next word about a content.
async fn next_of(replies: &mut Replies) -> Result<Option<Swarming>, LinkError> {
    match replies.next().await? {
        Some(Reply::Message(Message::Swarming(told), _)) => Ok(Some(told)),
        None => Ok(None),
        _ => Err(LinkError::Senseless),
    }
}
