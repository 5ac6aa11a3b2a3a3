//! A file shown in a dialog: image, sound, film, text; a PDF only by a link to the browser's own viewer.

use gloo::utils::document;
use shared::Printable;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement};

use super::Scene;
use super::page::{find, find_as, mark, set, write};
use crate::model::{Preview, Shown, Viewer};
use crate::text::fill;

pub(super) fn draw(scene: &Scene<'_>) {
    let (Some(dialog), Some(stage)) = (find_as::<HtmlDialogElement>("preview"), find("preview-stage")) else { return };
    let Some(preview) = &scene.model.preview else {
        if dialog.open() {
            // What plays stops, and its memory goes.
            empty(&stage);
            dialog.close();
        }
        return;
    };
    if !dialog.open() {
        let _ = dialog.show_modal();
    }
    write("preview-name", &Printable::short(&preview.name, 120).to_string());
    let failed = |why| fill(scene.words.preview_failed, &scene.model.settings.language.reason(why));
    let words = match &preview.shown {
        Shown::Asking => scene.words.preview_loading.to_owned(),
        Shown::Text { is_cut: true, .. } => scene.words.preview_cut.to_owned(),
        Shown::Failed(why) => failed(why),
        _ => String::new(),
    };
    write("preview-words", &words);
    let state = [preview.id.to_string().as_str(), state_of(&preview.shown)].join(" ");
    if stage.get_attribute("data-shown").as_deref() != Some(&state) {
        mark(&stage, "data-shown", &state);
        empty(&stage);
        if let Some(element) = element(scene, preview) {
            let _ = stage.append_child(&element);
        }
    }
}

fn state_of(shown: &Shown) -> &'static str {
    match shown {
        Shown::Asking => "asking",
        Shown::At(_) => "at",
        Shown::Text { .. } => "text",
        Shown::Failed(_) => "failed",
    }
}

fn element(scene: &Scene<'_>, preview: &Preview) -> Option<Element> {
    let make = |name: &str| document().create_element(name).ok();
    match (&preview.shown, preview.viewer) {
        (Shown::Text { text, .. }, Viewer::Text) => {
            let element = make("pre")?;
            mark(&element, "tabindex", "0");
            mark(&element, "dir", "auto");
            set(&element, text);
            Some(element)
        }
        (Shown::At(address), viewer) => {
            let (name, attribute) = match viewer {
                Viewer::Image => ("img", "src"),
                Viewer::Audio => ("audio", "src"),
                Viewer::Video => ("video", "src"),
                Viewer::Pdf => ("a", "href"),
                Viewer::Text => return None,
            };
            let element = make(name)?;
            mark(&element, attribute, address);
            match viewer {
                Viewer::Image => mark(&element, "alt", &Printable::short(&preview.name, 120).to_string()),
                Viewer::Pdf => {
                    mark(&element, "target", "_blank");
                    mark(&element, "rel", "noopener noreferrer");
                    set(&element, scene.words.preview_open);
                }
                _ => {
                    mark(&element, "controls", "");
                    mark(&element, "playsinline", "");
                }
            }
            Some(element)
        }
        _ => None,
    }
}

fn empty(stage: &Element) {
    if let Some(media) = stage.first_element_child().and_then(|it| it.dyn_into::<web_sys::HtmlMediaElement>().ok()) {
        let _ = media.pause();
    }
    stage.set_text_content(None);
}
