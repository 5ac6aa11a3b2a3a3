//! Puts the model on the page and hears the person. Every selector and every listener of the page is in this file.
//!
//! It writes text, never HTML: what a node says of itself can never become part of the page's code.

use gloo::events::EventListener;
use gloo::utils::document;
use web_sys::Element;

use crate::{Event, Model, Sight};

/// The element that holds an error, also for `panics` and `boot.js`.
pub(crate) const TROUBLE: &str = "trouble";

/// Draws the whole model.
pub(crate) fn draw(model: &Model) {
    let (state, trouble) = match &model.node {
        Sight::Asking => ("asking", String::new()),
        Sight::Known(node) => {
            write("node-name", &node.name);
            write("node-url", node.url.as_str());
            write("node-version", &node.version);
            document().set_title(&format!("{} · tinyp2p", node.name));
            ("known", String::new())
        }
        Sight::Lost(why) => ("lost", why.to_string()),
    };
    write(TROUBLE, &trouble);
    show_state(state);
}

/// Lets the style sheet show what belongs to a state; `www/style.css` knows the names.
pub(crate) fn show_state(state: &str) {
    if let Some(root) = document().document_element() {
        // Fails only for a name that is no attribute name, which this one is.
        let _ = root.set_attribute("data-state", state);
    }
}

/// Writes text into the element with this id; one that is not there is left out.
pub(crate) fn write(id: &str, text: &str) {
    if let Some(element) = find(id) {
        element.set_text_content(Some(text));
    }
}

/// Hears all that the person does; hearing ends when the listeners are dropped.
pub(crate) fn listen(send: impl Fn(Event) + Clone + 'static) -> Vec<EventListener> {
    let heard = [("retry", "click", Event::Retried)];
    let listeners = heard.into_iter().filter_map(|(id, kind, event)| {
        let send = send.clone();
        Some(EventListener::new(&find(id)?.into(), kind, move |_| send(event.clone())))
    });
    listeners.collect()
}

fn find(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}
