//! Small things only the browser knows or can: its address bar, its memory, its clipboard.

use gloo::events::{EventListener, EventListenerOptions};
use gloo::utils::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::BeforeUnloadEvent;

use crate::event::Opened;
use crate::model::{Secret, Settings};
use crate::text::Language;

/// Under which name settings are remembered.
const SETTINGS: &str = "tinyp2p";

/// What is known when the page is opened.
pub(super) fn opened() -> Opened {
    let preferred = window().navigator().languages();
    let preferred = preferred.iter().filter_map(|tag| Language::of_tag(&tag.as_string()?)).next();
    let settings = Settings { language: preferred.unwrap_or_default(), ..Settings::default() };
    let remembered = storage().and_then(|storage| storage.get_item(SETTINGS).ok().flatten());
    Opened {
        is_secure: window().is_secure_context(),
        seed: (js_sys::Math::random() * f64::from(u32::MAX)) as u32,
        settings: remembered.map_or(settings.clone(), |text| settings.with_text(&text)),
        invited: invited(),
    }
}

/// The password of an invite link in the address bar.
pub(super) fn invited() -> Option<Secret> {
    window().location().hash().ok().and_then(|hash| Secret::from_fragment(&hash))
}

/// Remembers a text; where the browser forbids it, nothing is remembered.
pub(super) fn remember(text: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(SETTINGS, text);
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// The page's address without a fragment.
pub(super) fn address() -> String {
    let address = window().location().href().unwrap_or_default();
    address.split('#').next().unwrap_or_default().to_owned()
}

/// Takes the fragment out of the address bar and out of the history.
pub(super) fn wipe_address() {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address()));
    }
}

/// Puts a text into the clipboard, where there is one: not on plain http.
pub(super) async fn copy(text: &str) -> bool {
    if !window().is_secure_context() {
        return false;
    }
    JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// Lets the browser ask before the page is closed, for as long as this is kept.
pub(super) fn warn_before_closing() -> EventListener {
    let options = EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&window(), "beforeunload", options, |event| {
        event.prevent_default();
        if let Some(event) = event.dyn_ref::<BeforeUnloadEvent>() {
            event.set_return_value("1");
        }
    })
}
