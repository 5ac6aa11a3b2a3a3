//! Files on their way to the disk, those that run and then the newest first, and the choice of the way.

use shared::Printable;
use web_sys::Element;

use super::page::{each, lines, mark, mark_if, set, show, show_if, tag, write, write_name, write_part};
use super::{MOST_LINES, Scene, draw_more, peer_name};
use crate::model::{Save, Saving, Way};
use crate::text::{DOT, fill, fill_two, joined};

pub(super) fn draw(scene: &Scene<'_>) {
    let (words, list) = (scene.words, &scene.model.saves.list);
    let open = list.iter().filter(|save| matches!(save.state, Saving::Running | Saving::Waiting)).count();
    write("saves-count", &if open > 0 { scene.measures.number(open as u64) } else { String::new() });
    write("nav-saves", &scene.measures.number(open as u64));
    show_if("nav-saves", open > 0);
    show_if("saves-none", list.is_empty());
    show_if("saves-clear", list.len() > open);
    show_if("saves-cancel", open > 1);
    let is_running = |save: &&Save| save.state == Saving::Running;
    let others = list.iter().rev().filter(|save| !is_running(save));
    let first: Vec<&Save> = list.iter().rev().filter(is_running).chain(others).take(MOST_LINES).collect();
    lines("saves-list", "t-save", first.len(), |index, line| {
        first.get(index).into_iter().for_each(|save| draw_save(scene, save, line));
    });
    draw_more(scene, "saves-more", list.len());
    let way = scene.model.settings.way(scene.model.is_secure);
    each("[data-do=way]", |button| {
        mark_if(&button, "aria-pressed", button.get_attribute("data-key").as_deref() == Some(way.key()));
    });
    let hint = if way == Way::Session { words.way_session_hint } else { words.way_ticket_hint };
    let is_asked = if scene.model.is_secure { "" } else { words.way_asks_hint };
    write("way-hint", [hint, is_asked].join(" ").trim_end());
}

fn draw_save(scene: &Scene<'_>, save: &Save, line: &Element) {
    let words = scene.words;
    mark(line, "data-id", &save.id.to_string());
    mark(line, "class", if matches!(save.state, Saving::Failed(_)) { "line is-failed" } else { "line" });
    let name = Printable::short(&save.name, 200).to_string();
    write_name(line, &save.name);
    write_part(line, "what", &what(scene, save));
    let is_open = matches!(save.state, Saving::Running | Saving::Waiting);
    let can_retry = matches!(save.state, Saving::Failed(_) | Saving::Cancelled);
    if let Some(button) = tag(line, "button") {
        let word = if is_open { words.cancel } else { words.again };
        set(&button, word);
        mark(&button, "aria-label", &[word, &name].join(" "));
        mark(&button, "data-key", if is_open { "cancel" } else { "retry" });
        show(&button, is_open || can_retry);
    }
    if let Some(bar) = tag(line, "progress") {
        show(&bar, save.state == Saving::Running);
        match save.thousandths() {
            Some(value) => mark(&bar, "value", &value.to_string()),
            None => bar.remove_attribute("value").unwrap_or(()),
        }
        mark(&bar, "aria-label", &name);
    }
}

/// How far it is, and who was given up for it.
fn what(scene: &Scene<'_>, save: &Save) -> String {
    let given_up = save.given_up.iter().map(|peer| fill(scene.words.given_up, &peer_name(scene, peer)));
    let parts: Vec<_> = std::iter::once(how_far(scene, save)).chain(given_up).collect();
    joined(&parts, DOT)
}

fn how_far(scene: &Scene<'_>, save: &Save) -> String {
    let (words, measures) = (scene.words, scene.measures);
    match &save.state {
        Saving::Waiting => words.waiting.to_owned(),
        Saving::HandedOver if scene.model.is_secure => words.handed_over.to_owned(),
        Saving::HandedOver => [words.handed_over, words.in_clear].join(DOT),
        Saving::Done => {
            let how = if save.is_verified { words.verified } else { words.unverified };
            [words.done, &measures.size(save.bytes), how].join(DOT)
        }
        Saving::Failed(why) => fill(words.failed, &scene.model.settings.language.reason(why)),
        Saving::Cancelled => words.cancelled.to_owned(),
        Saving::Running => {
            let bytes = measures.size(save.bytes);
            let mut parts = vec![match save.size {
                Some(size) => fill_two(words.of, &bytes, &measures.size(size)),
                None => bytes,
            }];
            if save.speed >= 1.0 {
                parts.push(fill(words.at_speed, &measures.size(save.speed as u64)));
            }
            parts.extend(save.seconds_left().map(|seconds| fill(words.left, &measures.span(seconds))));
            joined(&parts, DOT)
        }
    }
}
