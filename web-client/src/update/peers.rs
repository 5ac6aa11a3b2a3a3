//! Decides about who is here, and about this tab's own name.

use super::renew;
use crate::effect::{Effect, Order};
use crate::event::PeersEvent;
use crate::model::{Link, Model, Peer, PeerKind};
use crate::pool::{naming, sort};

/// Most peers that are shown.
const MOST: usize = 1_000;

pub(super) fn update(model: &mut Model, event: PeersEvent, effects: &mut Vec<Effect>) {
    match event {
        PeersEvent::Changed(mut peers) => {
            peers.truncate(MOST);
            // This tab first, then nodes, tabs and the old, each by name.
            sort(&mut peers, |one, other| {
                let kinds = rank(one.kind).cmp(&rank(other.kind));
                kinds.then_with(|| naming(&one.name, &other.name)).then_with(|| one.url.cmp(&other.url))
            });
            let shares = |peer: &Peer| (peer.files, peer.revision);
            let is_same = |(one, other): (&Peer, &Peer)| one.url == other.url && shares(one) == shares(other);
            let is_as_before = model.peers.len() == peers.len() && model.peers.iter().zip(&peers).all(is_same);
            let has_changed = !model.peers.is_empty() && !is_as_before;
            model.peers = peers;
            model.peers_told_at = model.now;
            model.peers_told += 1;
            if has_changed {
                renew::changed(model, effects);
            }
        }
        PeersEvent::Named(name) => {
            let name = crate::model::tidy_name(&name);
            if name == model.settings.name {
                return;
            }
            model.settings.name.clone_from(&name);
            effects.push(Effect::Remember(model.settings.to_text()));
            if matches!(model.link, Link::Open { .. }) {
                effects.push(Effect::Transport(Order::Introduce(name)));
            }
        }
    }
    effects.push(Effect::Draw);
}

fn rank(kind: PeerKind) -> u8 {
    match kind {
        PeerKind::Ours => 0,
        PeerKind::Node => 1,
        PeerKind::Tab => 2,
        PeerKind::Legacy => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::update;

    #[test]
    fn this_tab_comes_first_and_the_old_last() {
        let peer = |name: &str, kind| Peer {
            url: shared::PeerUrl::parse(&format!("http://{name}:1")).unwrap(),
            kind,
            name: name.into(),
            here_ms: 0,
            files: None,
            revision: None,
        };
        let mut model = Model::default();
        let peers = vec![
            peer("a", PeerKind::Legacy),
            peer("B", PeerKind::Node),
            peer("a2", PeerKind::Node),
            peer("z", PeerKind::Ours),
        ];
        let _ = update(&mut model, Event::Peers(PeersEvent::Changed(peers)));
        let names: Vec<_> = model.peers.iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!(names, ["z", "a2", "B", "a"]);
    }

    #[test]
    fn a_name_is_remembered_and_told_once() {
        let mut model = Model { link: Link::Open { url: None }, ..Model::default() };
        let named = || Event::Peers(PeersEvent::Named("  my\nphone ".into()));
        let effects = update(&mut model, named());
        assert!(effects.contains(&Effect::Transport(Order::Introduce("myphone".into()))));
        assert_eq!(update(&mut model, named()), []);
    }
}
