//! Decides about the file shown: only what may be, and only what came for it.

use super::save::File;
use crate::effect::{Effect, Order};
use crate::event::PreviewEvent;
use crate::model::{Link, Model, Preview, Reason, Shown, Viewer};

pub(super) fn update(model: &mut Model, event: PreviewEvent, effects: &mut Vec<Effect>) {
    match event {
        PreviewEvent::Wanted(id) => return open(model, id, effects),
        PreviewEvent::CursorWanted => {
            let cursor = model.pool.results.selection.cursor();
            return cursor.into_iter().for_each(|row| open(model, model.pool.id_of(row), effects));
        }
        PreviewEvent::Ready { id, address } => {
            // Whatever a peer might bring about, nothing but these is ever shown.
            let is_safe = address.starts_with("blob:") || (address.starts_with('/') && !address.starts_with("//"));
            set(model, id, if is_safe { Shown::At(address) } else { Shown::Failed(Reason::StrangeAddress) });
        }
        PreviewEvent::Text { id, text, is_cut } => set(model, id, Shown::Text { text, is_cut }),
        PreviewEvent::Failed { id, why } => set(model, id, Shown::Failed(why)),
        PreviewEvent::Unplayable => {
            if let Some(preview) = model.preview.as_mut().filter(|preview| matches!(preview.shown, Shown::At(_))) {
                preview.shown = Shown::Failed(Reason::Unplayable);
            }
        }
        PreviewEvent::SaveWanted => {
            if let Some(Preview { name, size, content, sources, .. }) = model.preview.clone() {
                super::save::begin_all(model, vec![File { name, size, content, sources }], None, effects);
            }
        }
        PreviewEvent::Closed if model.preview.is_none() => return,
        PreviewEvent::Closed => close(model, effects),
    }
    effects.push(Effect::Draw);
}

fn open(model: &mut Model, id: u32, effects: &mut Vec<Effect>) {
    let Some((found, row)) = model.pool.file_of(id) else { return };
    let name = found.name(row).to_owned();
    let Some((viewer, media_type)) = Viewer::of(&name).filter(|_| found.holders(row) > 0) else { return };
    let (sources, size, content) = (found.sources(row), found.size(row), found.content(row));
    let id = model.chance();
    close(model, effects);
    let asked = sources.clone();
    let is_open = matches!(model.link, Link::Open { .. });
    let shown = if is_open { Shown::Asking } else { Shown::Failed(Reason::Ended) };
    model.preview = Some(Preview { id, name, size, content, sources, viewer, shown });
    if is_open {
        effects.push(Effect::Transport(Order::OpenPreview { id, sources: asked, size, viewer, media_type }));
    }
    effects.push(Effect::Draw);
}

/// What is asked for in a session that is over does not come any more.
pub(super) fn lose(model: &mut Model) {
    if let Some(preview) = model.preview.as_mut().filter(|preview| preview.shown == Shown::Asking) {
        preview.shown = Shown::Failed(Reason::Ended);
    }
}

fn set(model: &mut Model, id: u32, shown: Shown) {
    if let Some(preview) = model.preview.as_mut().filter(|preview| preview.id == id) {
        preview.shown = shown;
    }
}

fn close(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some(preview) = model.preview.take() {
        effects.push(Effect::Transport(Order::ClosePreview(preview.id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LinkEvent, PoolEvent};
    use crate::pool::Offer;
    use crate::update;
    use crate::update::Timer;

    #[test]
    fn nothing_is_waited_for_that_cannot_come() {
        let mut model = Model::default();
        let _ =
            update(&mut model, Event::Unlock(crate::event::UnlockEvent::Given(crate::model::Secret::new("x".into()))));
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        let _ = update(&mut model, Event::Pool(crate::update::pool::tests::found(1, &["a.png"])));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let wanted = || Event::Preview(PreviewEvent::Wanted(0));
        let shown = |model: &Model| model.preview.as_ref().map(|preview| preview.shown.clone());
        let _ = update(&mut model, wanted());
        assert_eq!(shown(&model), Some(Shown::Asking));
        let _ = update(&mut model, Event::Link(LinkEvent::Lost(crate::model::Loss::Interrupted)));
        assert_eq!(shown(&model), Some(Shown::Failed(Reason::Ended)));
        let _ = update(&mut model, wanted());
        assert_eq!(shown(&model), Some(Shown::Failed(Reason::Ended)));
    }

    #[test]
    fn only_what_is_safe_is_asked_for_and_only_from_safe_addresses() {
        let mut model = Model::default();
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        let offer = |path: &str| Offer { path: path.into(), size: Some(1), modified: None, id: None };
        let peer = shared::PeerUrl::parse("http://attic:1").unwrap();
        let found = PoolEvent::Found { search: 1, peer, offers: vec![offer("a.png"), offer("b.exe")], seen: None };
        let _ = update(&mut model, Event::Pool(found));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let mut send = |event| update(&mut model, Event::Preview(event));
        assert_eq!(send(PreviewEvent::Wanted(1)), []);
        let asked = send(PreviewEvent::Wanted(0));
        let Effect::Transport(Order::OpenPreview { id, media_type, .. }) = asked[0] else { panic!("{asked:?}") };
        assert_eq!(media_type, "image/png");
        for address in ["javascript:alert(1)", "//evil.example/a.png", "http://evil.example/"] {
            let _ = send(PreviewEvent::Ready { id, address: address.into() });
        }
        assert_eq!(send(PreviewEvent::Closed), [Effect::Transport(Order::ClosePreview(id)), Effect::Draw]);
        assert_eq!(model.preview, None);
    }
}
