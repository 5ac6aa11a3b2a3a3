//! What is told of peers: of ours what we know, of others what we heard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::bridge::{PeerInfo, PeerKind, TabId};
use shared::limits::PEERS_PER_RECORD;
use shared::{Catalog, MemberState, Moment, PeerUrl};

use crate::node::Node;

/// What a peer shares, as far as it is told.
struct Shares {
    files: u64,
    revision: u64,
}

impl Shares {
    fn of(catalog: &Catalog) -> Self {
        Self { files: catalog.len() as u64, revision: catalog.revision() }
    }
}

/// What is told of these peers, in their order. `itself` is who tells.
pub(super) fn infos(node: &Node, peers: &[PeerUrl], itself: &PeerUrl) -> Vec<PeerInfo> {
    let (since, own, now) = node.with_host(|host, now| {
        let members = host.roster().members().into_iter().filter(|member| member.state == MemberState::Alive);
        let since: BTreeMap<PeerUrl, Moment> = members.map(|member| (member.url, member.since)).collect();
        let own: BTreeMap<PeerUrl, Shares> =
            host.catalogs().map(|(url, files)| (url.clone(), Shares::of(files))).collect();
        (since, own, now)
    });
    // A node's tabs come with it.
    let nodes: BTreeSet<_> = peers.iter().map(PeerUrl::authority).collect();
    let followed = nodes.into_iter().flat_map(|authority| node.replicas().current(authority));
    let followed: BTreeMap<PeerUrl, Shares> = followed.map(|(url, files)| (url, Shares::of(&files))).collect();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let told = |peer: &PeerUrl| {
        let (url, itself) = (peer.to_string(), peer == itself);
        let (ours, theirs) = (own.get(peer), followed.get(peer));
        let shares = ours.or(theirs);
        let (counted, revision) = (shares.map(|shares| shares.files), shares.map(|shares| shares.revision));
        if peer == node.url() {
            let name = Some(node.name().to_owned());
            let here_ms = millis(now.since(Moment::default()));
            return PeerInfo { url, kind: PeerKind::Node, name, here_ms, files: counted, itself, revision };
        }
        let tab = TabId::of_path(peer.path()).filter(|_| ours.is_some()).and_then(|id| node.tabs().find(id));
        if let Some(tab) = tab {
            let here_ms = millis(tab.since().elapsed());
            return PeerInfo { url, kind: PeerKind::Tab, name: tab.name(), here_ms, files: counted, itself, revision };
        }
        let here_ms = since.get(peer).map_or(0, |since| millis(now.since(*since)));
        let known = node.known_peers().of(peer);
        let kind = match (&known, TabId::of_path(peer.path())) {
            (Some(known), _) => known.kind,
            (None, Some(_)) => PeerKind::Tab,
            (None, None) if node.is_modern(peer) => PeerKind::Node,
            (None, None) => PeerKind::Legacy,
        };
        let (name, said) = known.map(|known| (known.name, known.files)).unwrap_or_default();
        PeerInfo { url, kind, name, here_ms, files: counted.or(said), itself, revision }
    };
    peers.iter().take(PEERS_PER_RECORD).map(told).collect()
}
