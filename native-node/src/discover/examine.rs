//! Looks why nodes are not found, or not reached: what a person would try one after the other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use shared::PeerUrl;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::mdns::{Ears, Event, Found, Mdns};
use super::{interfaces, urls};
use crate::dial::{CallError, Dialer, Exchanged, Way};

/// How long it is listened: every node answers within the first second.
const LISTEN: Duration = Duration::from_secs(5);
/// Most nodes that are called; who has another password has a guess at ours by that.
const NODES: usize = 16;

/// What was seen.
#[derive(Debug)]
pub struct Examined {
    /// Addresses of this machine that others may reach, and the interfaces they belong to.
    pub networks: Vec<(String, IpAddr)>,
    /// Whom is heard on each interface, over IPv6 or not, or why nobody can be.
    pub multicast: Vec<(String, bool, Result<Ears, String>)>,
    /// Nodes that say to be there, or were named; the first of its URLs that answers, or all that do not.
    pub nodes: Vec<Called>,
    /// How many more there are.
    pub left_out: usize,
}

/// A node that was called.
#[derive(Debug)]
pub struct Called {
    /// Where.
    pub url: PeerUrl,
    /// Whether it is on this machine.
    pub is_here: bool,
    /// What it says of itself, after how long.
    pub answer: Result<(Exchanged, Duration), CallError>,
}

/// Looks at the networks of this machine, listens there for some seconds, and calls who is heard, and `named`.
pub async fn examine(dialer: &Dialer, named: Option<PeerUrl>) -> Examined {
    let everywhere = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    let mut mdns = Mdns::new(everywhere, None);
    let (mut found, end) = (BTreeMap::<String, Found>::new(), tokio::time::Instant::now() + LISTEN);
    // Where it cannot listen on any network, it says why below.
    while let Ok(Ok(event)) = timeout_at(end, mdns.next()).await {
        match event {
            Event::Found(node) => drop(found.insert(node.name.clone(), node)),
            Event::Gone(name) => drop(found.remove(&name)),
        }
    }
    let ears = mdns.ears().map(|(link, ears)| (link.name.clone(), link.is_v6, ears.map_err(ToString::to_string)));
    let multicast = ears.collect();
    let interfaces = interfaces::look(everywhere);
    let networks = interfaces.iter().filter(|one| one.is_for_urls()).map(|one| (one.name.clone(), one.address));
    let networks: Vec<_> = networks.collect();
    let is_here = |url: &PeerUrl| networks.iter().any(|(_, address)| url.host() == address.to_string());

    let found: Vec<_> = found.values().map(urls).collect();
    // Who was heard is called once, though it be named as well.
    let named = named.filter(|url| !found.iter().flatten().any(|heard| heard == url));
    let all: Vec<_> = named.map(|url| vec![url]).into_iter().chain(found).collect();
    let left_out = all.len().saturating_sub(NODES);
    let mut calls = JoinSet::new();
    for (index, urls) in all.into_iter().take(NODES).enumerate() {
        let dialer = dialer.clone();
        calls.spawn(async move { (index, call(&dialer, urls).await) });
    }
    let mut called = calls.join_all().await;
    called.sort_by_key(|(index, _)| *index);
    let nodes = called.into_iter().flat_map(|(_, called)| called);
    let nodes = nodes.map(|(url, answer)| Called { is_here: is_here(&url), url, answer }).collect();
    Examined { networks, multicast, nodes, left_out }
}

type Answer = Result<(Exchanged, Duration), CallError>;

/// The first of these URLs that answers, or what came of each.
async fn call(dialer: &Dialer, urls: Vec<PeerUrl>) -> Vec<(PeerUrl, Answer)> {
    let mut failed = Vec::new();
    for url in urls {
        let begun = Instant::now();
        // Nobody who was only found gets a token of 2004.
        let answer = match dialer.links().way(&url).await {
            Ok(Way::Bridge(_)) => dialer.exchange(&url, &[]).await,
            Ok(Way::Legacy) => Err(CallError::NoBridge),
            Err(error) => Err(error),
        };
        match answer {
            Ok(told) => return vec![(url, Ok((told, begun.elapsed())))],
            // It is there, and had its guess.
            Err(error) if error.is_refusal() => return vec![(url, Err(error))],
            Err(error) => failed.push((url, Err(error))),
        }
    }
    failed
}
