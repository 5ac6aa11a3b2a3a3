//! What we and our tabs share, told to a node that follows it: all of it once, then changes as they happen.
//!
//! Nothing waits here for a follower: each message is made when there is room for it, of the catalogs as they are then.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::bridge::{Changes, Follow, Following, ResetCode};
use shared::limits::{FOLLOW_EVERY, TABS};
use shared::{PeerUrl, Telling, Update};

use super::refusal::{Refusal, ours};
use super::search::row;
use super::session::Desk;
use crate::follow;
use crate::link::{Answer, Unwanted};
use crate::node::Node;

/// For how long a follower waits for the first look through the folder: one that takes longer is told what is there.
const FIRST_LOOK: Duration = Duration::from_secs(60 * 60);

pub(super) async fn answer(desk: &Desk, asked: Follow, mut answer: Answer) {
    if !desk.is_of_node() {
        return answer.fail(ResetCode::BAD_REQUEST, "only nodes follow a catalog");
    }
    // Nobody holds of us what we never had.
    if asked.since.len() > TABS + 1 {
        return answer.fail(ResetCode::BAD_REQUEST, "so many catalogs are not held here");
    }
    // One follows from its first message to the end of the session: to wait for a place would be for ever.
    let Some(_place) = desk.place_to_follow() else {
        return answer.fail(ResetCode::BUSY, "the catalogs are followed in this session already");
    };
    let _unwanted = tell(desk, asked, &mut answer).await;
}

async fn tell(desk: &Desk, asked: Follow, answer: &mut Answer) -> Result<(), Unwanted> {
    let node = desk.node();
    let epoch = node.epoch();
    let mut told = FollowerState::default();
    if asked.epoch == Some(epoch) {
        let held = asked.since.into_iter().filter_map(|since| {
            let peer: Result<PeerUrl, Refusal> = ours(node, &since.of);
            Some((peer.ok()?, Telling::since(since.revision)))
        });
        told.peers = held.collect();
    }
    answer.reply(Following { epoch, same: follow::proofs(node, desk.link()) }).await?;
    tokio::select! {
        // A part would be told as a whole, and then told anew again and again.
        () = node.wait_for_the_first_look(FIRST_LOOK) => {}
        () = answer.unwanted() => return Err(Unwanted),
    }
    let mut changed = node.changes();
    let mut has_told_all = false;
    loop {
        changed.mark_unchanged();
        while let Some(changes) = told.next(node) {
            answer.reply(changes).await?;
        }
        if !std::mem::replace(&mut has_told_all, true) {
            answer.reply(Following { epoch, same: Vec::new() }).await?;
        }
        tokio::select! {
            changed = changed.changed() => changed.map_err(|_| Unwanted)?,
            () = answer.unwanted() => return Err(Unwanted),
        }
        // What comes at once is told at once, what comes after it together. (The last time that nothing was told is long ago.)
        if told.has_just_told() {
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }
}

/// What one follower was told.
#[derive(Default)]
struct FollowerState {
    peers: BTreeMap<PeerUrl, Telling>,
    /// Who was looked at last: each gets its turn.
    last: Option<PeerUrl>,
    at: Option<tokio::time::Instant>,
}

impl FollowerState {
    fn has_just_told(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < FOLLOW_EVERY)
    }

    /// The next thing to tell; none where all is told.
    fn next(&mut self, node: &Node) -> Option<Changes> {
        let (peer, update) = node.with_host(|host, _| {
            if let Some(gone) = self.peers.keys().find(|peer| !host.has(peer)).cloned() {
                self.peers.remove(&gone);
                return Some((gone, None));
            }
            let after = |url: &PeerUrl| self.last.as_ref().is_none_or(|last| url > last);
            let (before, behind): (Vec<_>, Vec<_>) = host.catalogs().partition(|(url, _)| !after(url));
            for (url, catalog) in behind.into_iter().chain(before) {
                let telling = self.peers.entry(url.clone()).or_insert_with(Telling::anew);
                if let Some(update) = telling.next(catalog) {
                    return Some((url.clone(), Some(update)));
                }
            }
            None
        })?;
        self.last = Some(peer.clone());
        self.at = Some(tokio::time::Instant::now());
        let of = peer.tab_path().to_owned();
        let Some(Update { whole, from, put, gone, to }) = update else {
            return Some(Changes { of, left: true, ..Changes::default() });
        };
        let put = put.iter().map(|(path, entry)| row(path.as_str(), entry)).collect();
        let gone = gone.iter().map(ToString::to_string).collect();
        Some(Changes { of, left: false, whole, from, put, gone, to })
    }
}
