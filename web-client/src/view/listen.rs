//! Every listener of the page. It turns what a person does into events and decides nothing about them.
//!
//! A press is heard once, at the document: `data-do` on a button says what it does, `data-id` and `data-key` to what.

use std::rc::Rc;

use gloo::events::{EventListener, EventListenerOptions};
use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{
    ClipboardEvent, DataTransfer, DragEvent, Element, FileList, HtmlInputElement, HtmlSelectElement, KeyboardEvent,
    MouseEvent,
};

use super::page::{find, find_as};
use crate::event::{Event, HoldEvent, LinkEvent, PeersEvent, PoolEvent, PreviewEvent, SaveEvent, Step, UnlockEvent};
use crate::model::{Mode, Panel, Secret, Way};
use crate::pool::{Column, Kind};
use crate::text::Language;

/// Who is told of what the person does.
pub(crate) trait Hands {
    /// Something happened.
    fn hear(&self, event: Event);
    /// The list is to be drawn again: it was scrolled, or the screen has changed.
    fn list_moved(&self, is_resized: bool);
    /// How many rows a page of the list has.
    fn rows_in_sight(&self) -> i32;
    /// Files were picked.
    fn picked(&self, files: &FileList);
    /// Files, folders or text were dropped or pasted.
    fn given(&self, what: &DataTransfer);
    /// The page's address without a fragment.
    fn address(&self) -> String;
    /// An invite may have been opened in this very tab.
    fn invited(&self);
}

/// Hears all that the person does; hearing ends when the listeners are dropped.
pub(crate) fn listen(hands: Rc<dyn Hands>) -> Vec<EventListener> {
    let mut ears = Ears { hands, listeners: Vec::new() };
    ears.presses();
    ears.fields();
    ears.keys();
    ears.list();
    ears.files();
    ears.dialogs();
    ears.network();
    ears.listeners
}

struct Ears {
    hands: Rc<dyn Hands>,
    listeners: Vec<EventListener>,
}

impl Ears {
    fn on(
        &mut self,
        target: Option<web_sys::EventTarget>,
        kind: &'static str,
        act: impl Fn(&dyn Hands, &web_sys::Event) + 'static,
    ) {
        let Some(target) = target else { return };
        let hands = Rc::clone(&self.hands);
        // Some of what is heard is to be kept from the browser.
        let options = EventListenerOptions::enable_prevent_default();
        self.listeners.push(EventListener::new_with_options(&target, kind, options, move |event| act(&*hands, event)));
    }

    fn on_id(&mut self, id: &str, kind: &'static str, act: impl Fn(&dyn Hands, &web_sys::Event) + 'static) {
        self.on(find(id).map(Into::into), kind, act);
    }

    fn presses(&mut self) {
        self.on(Some(document().into()), "click", |hands, event| {
            let Some(element) = element_of(event).and_then(|it| it.closest("[data-do]").ok().flatten()) else { return };
            let is_range = event.dyn_ref::<MouseEvent>().is_some_and(MouseEvent::shift_key);
            press(hands, &element, is_range);
        });
    }

    fn fields(&mut self) {
        self.on_id("door", "submit", |hands, event| {
            event.prevent_default();
            if let Some(field) = find_as::<HtmlInputElement>("password") {
                hands.hear(Event::Unlock(UnlockEvent::Given(Secret::new(field.value()))));
            }
        });
        self.on_id("search", "input", |hands, event| hands.hear(Event::Pool(PoolEvent::Typed(value_of(event)))));
        self.on_id("own-name", "change", |hands, event| hands.hear(Event::Peers(PeersEvent::Named(value_of(event)))));
        self.on_id("language", "change", |hands, event| {
            let select = event.target().and_then(|it| it.dyn_into::<HtmlSelectElement>().ok());
            let language = select.and_then(|select| Language::of_tag(&select.value()));
            language.into_iter().for_each(|language| hands.hear(Event::LanguageChosen(language)));
        });
        self.on_id("sort", "change", |hands, event| {
            let key = event.target().and_then(|it| it.dyn_into::<HtmlSelectElement>().ok()).map(|it| it.value());
            let column = Column::ALL.into_iter().find(|column| Some(column.key()) == key.as_deref());
            column.into_iter().for_each(|column| hands.hear(Event::Pool(PoolEvent::Sorted(column))));
        });
    }

    fn keys(&mut self) {
        self.on_id("search", "keydown", |hands, event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            match key.key().as_str() {
                "Enter" => hands.hear(Event::Pool(PoolEvent::Entered)),
                "ArrowDown" => {
                    event.prevent_default();
                    if let Some(list) = find_as::<web_sys::HtmlElement>("list") {
                        let _ = list.focus();
                    }
                    hands.hear(Event::Pool(PoolEvent::Walked { step: Step::By(0), is_range: false }));
                }
                _ => {}
            }
        });
        self.on_id("list", "keydown", |hands, event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            // A button inside of the list has its own keys.
            let is_list = element_of(event).is_some_and(|it| it.id() == "list");
            if let Some(heard) = list_key(hands, key).filter(|_| is_list) {
                event.prevent_default();
                hands.hear(heard);
            }
        });
        self.on(Some(document().into()), "keydown", |_, event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            let is_wanted = key.key() == "/" && !key.ctrl_key() && !key.meta_key() && !is_typing(event);
            if let Some(field) = find_as::<HtmlInputElement>("search").filter(|_| is_wanted) {
                event.prevent_default();
                let _ = field.focus();
            }
        });
    }

    fn list(&mut self) {
        self.on_id("list", "scroll", |hands, _| hands.list_moved(false));
        self.on(Some(window().into()), "resize", |hands, _| hands.list_moved(true));
        self.on_id("list", "dblclick", |hands, event| {
            let row = element_of(event).and_then(|it| it.closest(".row").ok().flatten());
            let row = row.filter(|_| element_of(event).is_some_and(|it| it.closest("button").ok().flatten().is_none()));
            row.and_then(|row| number(&row, "data-id"))
                .into_iter()
                .for_each(|row| hands.hear(Event::Pool(PoolEvent::RowSaveWanted(row))));
        });
    }

    fn files(&mut self) {
        for id in ["files", "folder"] {
            self.on_id(id, "change", |hands, event| {
                let Some(field) = event.target().and_then(|it| it.dyn_into::<HtmlInputElement>().ok()) else { return };
                field.files().into_iter().for_each(|files| hands.picked(&files));
                // So that the same files can be picked again.
                field.set_value("");
            });
        }
        for kind in ["dragenter", "dragover"] {
            self.on(Some(document().into()), kind, |hands, event| {
                let transfer = event.dyn_ref::<DragEvent>().and_then(DragEvent::data_transfer);
                if transfer.is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0)) {
                    event.prevent_default();
                    hands.hear(Event::Hold(HoldEvent::Dragged(true)));
                }
            });
        }
        self.on(Some(document().into()), "dragleave", |hands, event| {
            // Leaving an element for another inside of the page is no leaving.
            if event.dyn_ref::<DragEvent>().is_some_and(|event| event.related_target().is_none()) {
                hands.hear(Event::Hold(HoldEvent::Dragged(false)));
            }
        });
        self.on(Some(document().into()), "drop", |hands, event| {
            let Some(transfer) = event.dyn_ref::<DragEvent>().and_then(DragEvent::data_transfer) else { return };
            if !is_typing(event) || transfer.types().includes(&"Files".into(), 0) {
                event.prevent_default();
                hands.given(&transfer);
            }
            hands.hear(Event::Hold(HoldEvent::Dragged(false)));
        });
        self.on(Some(document().into()), "paste", |hands, event| {
            let transfer = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data);
            let is_of_files = |it: &DataTransfer| it.types().includes(&"Files".into(), 0);
            if let Some(transfer) = transfer.filter(|it| !is_typing(event) || is_of_files(it)) {
                event.prevent_default();
                hands.given(&transfer);
            }
        });
    }

    fn dialogs(&mut self) {
        // The escape key closes a dialog by itself.
        // What is wrong with a picture or a film is told to itself alone, and can only be heard on the way there.
        if let Some(stage) = find("preview-stage") {
            let hands = Rc::clone(&self.hands);
            let listener = EventListener::new_with_options(
                &stage,
                "error",
                EventListenerOptions::run_in_capture_phase(),
                move |_| {
                    hands.hear(Event::Preview(PreviewEvent::Unplayable));
                },
            );
            self.listeners.push(listener);
        }
        self.on_id("preview", "close", |hands, _| hands.hear(Event::Preview(PreviewEvent::Closed)));
        self.on_id("invite-dialog", "close", |hands, _| hands.hear(Event::Unlock(UnlockEvent::InviteClosed)));
    }

    fn network(&mut self) {
        self.on(Some(window().into()), "online", |hands, _| hands.hear(Event::Link(LinkEvent::Online)));
        self.on(Some(window().into()), "hashchange", |hands, _| hands.invited());
        self.on(Some(window().into()), "offline", |hands, _| hands.hear(Event::Link(LinkEvent::Offline)));
    }
}

/// What a press on this element means.
fn press(hands: &dyn Hands, element: &Element, is_range: bool) {
    let what = element.get_attribute("data-do").unwrap_or_default();
    let key = element.get_attribute("data-key").unwrap_or_default();
    let line = element.closest("[data-id]").ok().flatten();
    let id = line.and_then(|line| number(&line, "data-id"));
    let pool = Event::Pool;
    let event = match (what.as_str(), id) {
        ("retry", _) => Event::Retried,
        ("show", _) => Event::Unlock(UnlockEvent::ShownOrHidden),
        ("invite", _) => Event::Unlock(UnlockEvent::InviteWanted(hands.address())),
        ("invite-copy", _) => {
            // Not the clipboard's own way, which is not there on plain http.
            let field = find_as::<HtmlInputElement>("invite-link");
            field.into_iter().for_each(|field| field.select());
            let is_copied = document().dyn_ref::<web_sys::HtmlDocument>().map(|it| it.exec_command("copy"));
            if is_copied != Some(Ok(true)) {
                return;
            }
            Event::Unlock(UnlockEvent::InviteCopied)
        }
        ("invite-close", _) => Event::Unlock(UnlockEvent::InviteClosed),
        ("leave", _) => Event::Unlock(UnlockEvent::Left),
        ("reconnect", _) => Event::Link(LinkEvent::Now),
        ("mode", _) => match Mode::ALL.into_iter().find(|mode| mode.key() == key) {
            Some(mode) => pool(PoolEvent::ModeChosen(mode)),
            None => return,
        },
        ("kind", _) => pool(PoolEvent::KindChosen(Kind::ALL.into_iter().find(|kind| kind.key() == key))),
        ("sort", _) => match Column::ALL.into_iter().find(|column| column.key() == key) {
            Some(column) => pool(PoolEvent::Sorted(column)),
            None => return,
        },
        ("panel", _) => match Panel::ALL.into_iter().find(|panel| panel.key() == key) {
            Some(panel) => Event::PanelChosen(panel),
            None => return,
        },
        ("row", Some(row)) => pool(PoolEvent::Pressed { row: Some(row), is_range }),
        ("save-row", Some(row)) => pool(PoolEvent::RowSaveWanted(row)),
        ("preview", Some(row)) => Event::Preview(PreviewEvent::Wanted(row)),
        ("preview-save", _) => Event::Preview(PreviewEvent::SaveWanted),
        ("preview-close", _) => Event::Preview(PreviewEvent::Closed),
        ("select-all", _) => pool(PoolEvent::AllSelected),
        ("select-none", _) => pool(PoolEvent::NoneSelected),
        ("save-selected", _) => pool(PoolEvent::SaveWanted),
        ("save-zip", _) => pool(PoolEvent::ZipWanted),
        ("save-button", Some(id)) if key == "cancel" => Event::Save(SaveEvent::Cancelled(id)),
        ("save-button", Some(id)) => Event::Save(SaveEvent::Retried(id)),
        ("clear", _) => Event::Save(SaveEvent::Cleared),
        ("cancel-all", _) => Event::Save(SaveEvent::AllCancelled),
        ("way", _) => {
            Event::Save(SaveEvent::WayChosen(if key == Way::Session.key() { Way::Session } else { Way::Ticket }))
        }
        ("withdraw", Some(handle)) => Event::Hold(HoldEvent::Withdrawn(handle)),
        ("withdraw-all", _) => Event::Hold(HoldEvent::AllWithdrawn),
        ("put-all", _) => Event::Hold(HoldEvent::CopiesWanted),
        ("skip", _) => return super::focus_on("list"),
        // A picker opens only from within a press.
        ("add-files", _) => return open_picker("files"),
        ("add-folder", _) => return open_picker("folder"),
        _ => return,
    };
    hands.hear(event);
}

/// What a key means in the list.
fn list_key(hands: &dyn Hands, key: &KeyboardEvent) -> Option<Event> {
    let is_range = key.shift_key();
    let walk = |step| Some(PoolEvent::Walked { step, is_range });
    let has_control = key.ctrl_key() || key.meta_key();
    let event = match key.key().as_str() {
        "ArrowDown" => walk(Step::By(1)),
        "ArrowUp" => walk(Step::By(-1)),
        "PageDown" => walk(Step::By(hands.rows_in_sight())),
        "PageUp" => walk(Step::By(-hands.rows_in_sight())),
        "Home" => walk(Step::First),
        "End" => walk(Step::Last),
        " " => Some(PoolEvent::Pressed { row: None, is_range }),
        "Enter" => Some(PoolEvent::SaveWanted),
        "Escape" => Some(PoolEvent::NoneSelected),
        "a" if has_control => Some(PoolEvent::AllSelected),
        "v" if !has_control => return Some(Event::Preview(PreviewEvent::CursorWanted)),
        _ => None,
    };
    event.map(Event::Pool)
}

fn open_picker(id: &str) {
    if let Some(field) = find_as::<HtmlInputElement>(id) {
        field.click();
    }
}

fn element_of(event: &web_sys::Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn value_of(event: &web_sys::Event) -> String {
    let field = event.target().and_then(|it| it.dyn_into::<HtmlInputElement>().ok());
    field.map(|field| field.value()).unwrap_or_default()
}

/// Whether the person is in a field, where keys and pastes are text.
fn is_typing(event: &web_sys::Event) -> bool {
    element_of(event).is_some_and(|it| it.matches("input, select, textarea").unwrap_or(false))
}

fn number(element: &Element, attribute: &str) -> Option<u32> {
    element.get_attribute(attribute)?.parse().ok()
}
