//! Drives the gossip: asks the roster whom to call, calls, tells it what came of it.
//!
//! All decisions are the roster's, which knows no clock and no socket. Here are only the clock and the sockets.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::{Dial, DialOutcome, MemberState, PeerUrl, Printable};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bridge::DialError;
use crate::dial::CallError;
use crate::node::Node;
use crate::swim;

/// Keeps the roster alive until `shutdown`. Of those in `join`, which a person named, it is told if they cannot be reached.
pub(crate) async fn keep(node: Arc<Node>, join: Vec<PeerUrl>, shutdown: CancellationToken) {
    let mut named: BTreeSet<PeerUrl> = join.into_iter().collect();
    let mut calls = JoinSet::new();
    loop {
        while let Some(dial) = node.with_host(|host, now| host.roster_mut().poll_dial(now)) {
            let node = Arc::clone(&node);
            calls.spawn(async move { (call(&node, &dial).await, dial.url) });
        }
        // Peers come and go by what was asked and by what was not answered in time.
        node.peers_changed();
        let wake = node.with_host(|host, now| host.roster().next_wakeup(now).since(now));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wake) => {}
            // Somebody named peers that are new to us.
            () = node.roster_changed() => {}
            Some(Ok(((outcome, failure), url))) = calls.join_next() => {
                // Once: what becomes of it later is told as of any other.
                if named.remove(&url) && let Some(error) = failure {
                    tracing::warn!("{url} cannot be joined: {}; trying on", Printable(&error.to_string()));
                }
                let (before, after) = node.with_host(|host, now| {
                    let before = host.roster().state_of(&url);
                    host.roster_mut().handle_dialed(now, &url, outcome);
                    (before, host.roster().state_of(&url))
                });
                if before != after {
                    say(&url, after);
                }
            }
        }
    }
}

/// Tells the person who comes and goes.
fn say(peer: &PeerUrl, state: Option<MemberState>) {
    match state {
        Some(MemberState::Alive) => tracing::info!(%peer, "is here"),
        Some(MemberState::Gone) => tracing::info!(%peer, "is gone"),
        Some(MemberState::Refused) => tracing::warn!(%peer, "refuses our password; it is left out"),
        Some(MemberState::Alias) => tracing::info!(%peer, "leads to a peer that goes by another name"),
        Some(MemberState::Candidate | MemberState::Suspect) | None => {}
    }
}

/// One call, as the roster understands its end; and what went wrong, where it may go well another time.
async fn call(node: &Arc<Node>, dial: &Dial) -> (DialOutcome, Option<CallError>) {
    let outcome = match node.dialer().exchange(&dial.url, &dial.tell).await {
        Ok(exchanged) => {
            exchanged.peers.iter().for_each(|peer| node.learn_about(&dial.url, peer));
            if let Some(of) = node.dialer().goes_by(&dial.url, &exchanged).await {
                return (DialOutcome::Alias { of, urls: exchanged.urls.unwrap_or_default() }, None);
            }
            if exchanged.is_node {
                swim::met(node, &dial.url);
            }
            exchanged.urls.map_or(DialOutcome::Lone, DialOutcome::Answered)
        }
        Err(CallError::Dial(DialError::Myself)) => DialOutcome::Myself,
        Err(error) if error.is_refusal() => DialOutcome::Refused,
        Err(error) => {
            tracing::debug!(peer = %dial.url, error = %Printable(&error.to_string()), "a call failed");
            return (DialOutcome::Unreachable, Some(error));
        }
    };
    (outcome, None)
}
