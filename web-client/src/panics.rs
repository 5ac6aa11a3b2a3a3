//! A panic is shown to the person and kept in the console, never lost: a page that silently stopped would look alive.

use std::panic;

use crate::view;

/// From now on a panic ends on the page.
pub(crate) fn show_to_the_person() {
    panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
        view::write_text(view::TROUBLE, &format!("This page has made a mistake and stopped; reload it. ({panic})"));
        view::show_state("broken");
    }));
}
