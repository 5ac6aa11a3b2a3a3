//! What is told of peers: of ours what we know, of others what we heard.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::bridge::{PeerInfo, PeerKind, TabId};
use shared::limits::PEERS_PER_RECORD;
use shared::{MemberState, Moment, PeerUrl};

use crate::node::Node;

/// What is told of these peers, in their order. `itself` is who tells.
pub(super) fn infos(node: &Node, peers: &[PeerUrl], itself: &PeerUrl) -> Vec<PeerInfo> {
    let (since, counts, now) = node.with_host(|host, now| {
        let members = host.roster().members().into_iter().filter(|member| member.state == MemberState::Alive);
        let since: BTreeMap<PeerUrl, Moment> = members.map(|member| (member.url, member.since)).collect();
        let counts: BTreeMap<PeerUrl, usize> = host.catalogs().map(|(url, files)| (url.clone(), files.len())).collect();
        (since, counts, now)
    });
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let told = |peer: &PeerUrl| {
        let (url, itself) = (peer.to_string(), peer == itself);
        let counted = counts.get(peer).map(|count| *count as u64);
        if peer == node.url() {
            let name = Some(node.name().to_owned());
            let here_ms = millis(now.since(Moment::default()));
            return PeerInfo { url, kind: PeerKind::Node, name, here_ms, files: counted, itself };
        }
        let tab = TabId::of_path(peer.path()).filter(|_| counted.is_some()).and_then(|id| node.tabs().find(id));
        if let Some(tab) = tab {
            let here_ms = millis(tab.since().elapsed());
            return PeerInfo { url, kind: PeerKind::Tab, name: tab.name(), here_ms, files: counted, itself };
        }
        let here_ms = since.get(peer).map_or(0, |since| millis(now.since(*since)));
        let known = node.known_peers().of(peer);
        let kind = match (&known, TabId::of_path(peer.path())) {
            (Some(known), _) => known.kind,
            (None, Some(_)) => PeerKind::Tab,
            (None, None) if node.is_modern(peer) => PeerKind::Node,
            (None, None) => PeerKind::Old,
        };
        let (name, files) = known.map(|known| (known.name, known.files)).unwrap_or_default();
        PeerInfo { url, kind, name, here_ms, files, itself }
    };
    peers.iter().take(PEERS_PER_RECORD).map(told).collect()
}
