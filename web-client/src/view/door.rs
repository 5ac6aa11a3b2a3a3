//! The door: one field for the one password.

use web_sys::HtmlInputElement;

use super::Scene;
use super::page::{find, find_as, mark_if, show_if, write};
use crate::model::{Link, Sight};

pub(super) fn draw(scene: &Scene<'_>, is_new: bool) {
    let (model, words) = (scene.model, scene.words);
    let unlock = &model.unlock;
    let waits = scene.seconds_until(unlock.wait_until);
    let trouble = match (&model.link, unlock.is_wrong, unlock.is_empty) {
        (Link::Lost { why, .. }, ..) => model.settings.language.loss(why),
        (Link::Locked, true, _) if waits > 0 => {
            [words.wrong, &scene.measures.count(&words.wait_seconds, waits)].join(" ")
        }
        (Link::Locked, true, _) => words.wrong.to_owned(),
        (Link::Locked, _, true) => words.empty_password.to_owned(),
        _ => String::new(),
    };
    write("door-trouble", &trouble);
    let enter = match model.link {
        Link::Connecting => words.connecting,
        Link::Unlocking => words.unlocking,
        _ => words.unlock,
    };
    write("enter", enter);
    let is_busy = matches!(model.link, Link::Connecting | Link::Unlocking);
    if let Some(button) = find_as::<web_sys::HtmlButtonElement>("enter") {
        button.set_disabled(is_busy || waits > 0);
    }
    write("show", if unlock.is_shown { words.hide } else { words.show });
    if let Some(button) = find("show") {
        mark_if(&button, "aria-pressed", unlock.is_shown);
    }
    if let Some(field) = find_as::<HtmlInputElement>("password") {
        field.set_type(if unlock.is_shown { "text" } else { "password" });
        if is_new {
            field.set_value("");
        }
        let was_refused = field.get_attribute("aria-invalid").as_deref() == Some("true");
        let is_refused = unlock.is_wrong || unlock.is_empty;
        mark_if(&field, "aria-invalid", is_refused);
        if is_refused && !was_refused {
            // The button that was pressed could not keep the keyboard while it was disabled.
            let _ = field.focus();
            field.select();
        }
    }
    write("hint-safe", if model.is_secure { words.secure_hint } else { words.insecure_hint });
    show_if("hint-legacy", matches!(&model.node, Sight::Known(node) if node.legacy));
}

/// Takes the password out of its field, once it has opened the door.
pub(super) fn forget() {
    if let Some(field) = find_as::<HtmlInputElement>("password") {
        field.set_value("");
    }
}
