//! Who is here, and what this tab is called.

use gloo::utils::document;
use shared::Printable;
use web_sys::HtmlInputElement;

use super::page::{find_as, lines, mark, part, show_if, write, write_part};
use super::{MOST_LINES, Scene, draw_more, peer_name};
use crate::model::PeerKind;
use crate::text::{DOT, fill, joined};

pub(super) fn draw(scene: &Scene<'_>) {
    let (words, measures, peers) = (scene.words, scene.measures, &scene.model.peers);
    write("peers-count", &if peers.is_empty() { String::new() } else { measures.number(peers.len() as u64) });
    // The node says nothing more while nothing changes.
    let told_ms = (scene.model.now - scene.model.peers_told_at) as u64;
    show_if("peers-none", peers.iter().all(|peer| peer.kind == PeerKind::Ours));
    if let Some(field) = find_as::<HtmlInputElement>("own-name") {
        let name = &scene.model.settings.name;
        if field.value() != *name && document().active_element().as_ref() != Some(&field) {
            field.set_value(name);
        }
    }
    lines("peers", "t-peer", peers.len().min(MOST_LINES), |index, line| {
        let Some(peer) = peers.get(index) else { return };
        if let Some(dot) = part(line, "mark") {
            mark(&dot, "data-kind", peer.kind.key());
        }
        write_part(line, "name", &peer_name(scene, &peer.url));
        mark(line, "title", &Printable(peer.url.as_str()).to_string());
        let mut what = vec![scene.word(peer.kind.key()).to_owned()];
        what.extend(peer.files.map(|files| measures.count(&words.files, files)));
        what.push(fill(words.here_since, &measures.span((peer.here_ms + told_ms) / 1000)));
        write_part(line, "what", &joined(&what, DOT));
    });
    draw_more(scene, "peers-more", peers.len());
}
