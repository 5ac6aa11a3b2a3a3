//! Puts the model on the page and hears the person: one file for each panel, one with all selectors, one with all listeners.

mod banner;
mod door;
mod hold;
mod list;
mod listen;
mod page;
mod peers;
mod pool;
mod preview;
mod saves;

use std::cell::Cell;

use gloo::utils::document;
use shared::Printable;
use shared::bridge::TabId;

use crate::model::{Link, Model, Peer, PeerKind, Sight};
use crate::text::{Language, Measures, Words, fill};
use list::List;
use page::{each, find, find_as, mark, show, show_if, tag, write};

pub(crate) use listen::{Hands, listen};
pub(crate) use page::write as write_text;
pub(crate) use page::{TROUBLE, show_state};

/// Most lines that are shown of anything but files found.
const MOST_LINES: usize = 200;

/// The page, with what it remembers of its last drawing.
#[derive(Default)]
pub(crate) struct View {
    list: List,
    language: Cell<Option<Language>>,
    state: Cell<&'static str>,
}

impl View {
    /// Draws the whole model.
    pub(crate) fn draw(&self, model: &Model) {
        let language = model.settings.language;
        let scene = Scene { model, words: language.words(), measures: Measures(language) };
        if self.language.replace(Some(language)) != Some(language) {
            speak(language);
            self.list.forget();
        }
        let state = state(model);
        let is_new = self.state.replace(state) != state;
        draw_frame(&scene, state);
        // Outside, too: it lies over everything until it is closed.
        preview::draw(&scene);
        match state {
            "door" => {
                if is_new {
                    self.list.clear();
                }
                door::draw(&scene, is_new);
            }
            "open" => {
                banner::draw(&scene);
                pool::draw(&scene, &self.list);
                saves::draw(&scene);
                hold::draw(&scene);
                peers::draw(&scene);
            }
            _ => {}
        }
        if is_new {
            if state == "open" {
                door::forget();
            }
            focus(state);
        }
    }

    /// Draws the list alone, as after a scroll.
    pub(crate) fn draw_list(&self, model: &Model) {
        let language = model.settings.language;
        self.list.draw(&Scene { model, words: language.words(), measures: Measures(language) });
    }

    /// Sizes may have changed with the screen.
    pub(crate) fn forget_sizes(&self) {
        self.list.forget();
    }

    /// How many rows a page of the list has.
    pub(crate) fn rows_in_sight(&self) -> i32 {
        self.list.rows_in_sight()
    }
}

/// What all panels draw from.
struct Scene<'a> {
    model: &'a Model,
    words: &'static Words,
    measures: Measures,
}

impl Scene<'_> {
    /// A word by its name.
    fn word(&self, name: &str) -> &'static str {
        self.measures.0.find(name).unwrap_or_default()
    }

    /// How many milliseconds from now, in seconds, rounded up.
    fn seconds_until(&self, time: f64) -> u64 {
        ((time - self.model.now) / 1000.0).ceil().max(0.0) as u64
    }
}

fn state(model: &Model) -> &'static str {
    if model.is_unlocked() {
        return "open";
    }
    match &model.node {
        Sight::Asking => "asking",
        Sight::Known(_) => "door",
        Sight::Lost(_) => "lost",
    }
}

fn draw_frame(scene: &Scene<'_>, state: &'static str) {
    let Scene { model, words, .. } = scene;
    show_state(state);
    if let Some(root) = document().document_element() {
        mark(&root, "data-panel", model.panel.key());
    }
    let trouble = match &model.node {
        Sight::Lost(why) => model.settings.language.node_error(why),
        _ => String::new(),
    };
    write(TROUBLE, &trouble);
    if let Sight::Known(node) = &model.node {
        let name = Printable::short(&node.name, 60).to_string();
        write("node-name", &name);
        write("bar-name", if state == "open" { &name } else { "tinyp2p" });
        write("node-version", &fill(words.version, &Printable::short(&node.version, 20).to_string()));
        let title = [name.as_str(), "tinyp2p"].join(" · ");
        if document().title() != title {
            document().set_title(&title);
        }
    }
    let (status, is_lost) = match model.link {
        Link::Open { .. } => (words.status_open, false),
        Link::Lost { .. } => (words.status_lost, true),
        _ => (words.status_connecting, false),
    };
    write("status", status);
    if let Some(status) = find("status") {
        mark(&status, "class", if is_lost { "status when-open is-lost" } else { "status when-open" });
    }
    each("#nav button", |button| {
        let is_here = button.get_attribute("data-key").as_deref() == Some(model.panel.key());
        if is_here {
            mark(&button, "aria-current", "page")
        } else {
            button.remove_attribute("aria-current").unwrap_or(())
        }
    });
    show_if("drop", model.is_dragged_over && state == "open");
    let notice = model.notice.filter(|_| state == "open");
    show_if("notice", notice.is_some());
    write("notice", &notice.map(|(notice, _)| model.settings.language.notice(notice)).unwrap_or_default());
    draw_invite(model);
}

/// The invite link, selected in a field: where there is no clipboard, the person copies it from there; and as a code for the
/// camera of a phone.
fn draw_invite(model: &Model) {
    let Some(dialog) = find_as::<web_sys::HtmlDialogElement>("invite-dialog") else { return };
    let field = find_as::<web_sys::HtmlInputElement>("invite-link");
    match (&model.invite, dialog.open()) {
        (Some(link), false) => {
            let _ = dialog.show_modal();
            if let Some(field) = field {
                field.set_value(link.reveal());
                field.select();
            }
        }
        (None, is_open) => {
            if is_open {
                dialog.close();
            }
            // The escape key closes the dialog without us; the link holds the password.
            if let Some(field) = field.filter(|field| !field.value().is_empty()) {
                field.set_value("");
            }
        }
        _ => {}
    }
    let Some(code) = find("invite-code") else { return };
    let drawn = model.invite_code.as_ref().and_then(|code| code.reveal().split_once('\n'));
    show(&code, drawn.is_some());
    if let Some((bounds, _)) = drawn {
        mark(&code, "viewBox", bounds);
    }
    if let Some(dark) = tag(&code, "path") {
        mark(&dark, "d", drawn.map_or("", |(_, path)| path));
    }
}

/// Puts a language's words wherever the markup asks for one.
fn speak(language: Language) {
    let words = language.words();
    if let Some(root) = document().document_element() {
        mark(&root, "lang", language.key());
    }
    let word = |element: &web_sys::Element, attribute: &str| language.find(&element.get_attribute(attribute)?);
    each("[data-word]", |element| page::set(&element, word(&element, "data-word").unwrap_or_default()));
    each("[data-label]", |element| mark(&element, "aria-label", word(&element, "data-label").unwrap_or_default()));
    each("[data-hint]", |element| mark(&element, "placeholder", word(&element, "data-hint").unwrap_or_default()));
    if let Some(select) = find_as::<web_sys::HtmlSelectElement>("language") {
        select.set_value(language.key());
    }
    pool::speak(words);
}

/// Puts the keyboard where the person goes on, when the page has become another.
fn focus(state: &str) {
    // On a phone a keyboard over half of the screen would be in the way.
    let is_phone = || find_as::<web_sys::HtmlElement>("nav").is_some_and(|nav| nav.offset_height() > 0);
    match state {
        "door" => focus_on("password"),
        "open" => focus_on(if is_phone() { "pool-title" } else { "search" }),
        _ => {}
    }
}

/// Gives the keyboard to the element of this id.
fn focus_on(id: &str) {
    if let Some(element) = find_as::<web_sys::HtmlElement>(id) {
        let _ = element.focus();
    }
}

/// A peer's name as it may be shown; a tab that has none is called what it is, for its URL says nothing to a person.
fn peer_name(scene: &Scene<'_>, url: &shared::PeerUrl) -> String {
    let (model, words) = (scene.model, scene.words);
    match model.peers.iter().find(|peer| peer.url == *url) {
        Some(peer) if !peer.name.is_empty() => Printable::short(&peer.name, 60).to_string(),
        Some(Peer { kind: PeerKind::Ours, .. }) => words.ours.to_owned(),
        _ if TabId::of_path(url.path()).is_some() => words.tab.to_owned(),
        _ => Printable::short(url.as_str().trim_start_matches("http://"), 60).to_string(),
    }
}

/// Says how many lines are not shown.
fn draw_more(scene: &Scene<'_>, id: &str, count: usize) {
    let more = count.saturating_sub(MOST_LINES);
    show_if(id, more > 0);
    if more > 0 {
        write(id, &fill(scene.words.and_more, &scene.measures.number(more as u64)));
    }
}
