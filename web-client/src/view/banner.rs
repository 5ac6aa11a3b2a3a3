//! What the person is told calmly when the session is lost: why, and when it is tried again.

use super::Scene;
use super::page::{show_if, write};
use crate::model::Link;
use crate::text::fill;

pub(super) fn draw(scene: &Scene<'_>) {
    let Link::Lost { why, retry_at } = &scene.model.link else {
        show_if("banner", false);
        return;
    };
    let when = match retry_at.map(|at| scene.seconds_until(at)) {
        Some(0) => scene.words.retrying.to_owned(),
        Some(seconds) => fill(scene.words.retry_in, &scene.measures.span(seconds)),
        None => String::new(),
    };
    write("banner-why", &scene.model.settings.language.loss(why));
    write("banner-when", &when);
    show_if("banner", true);
}
