//! Decides when what is shown is asked for again, because somebody came or went or holds other files, and shows that.
//!
//! What is found again is put together beside what is shown, and takes its place when it is whole: nothing flickers, and who
//! reads stays where it is.

use super::Timer;
use super::pool::ask;
use crate::effect::Effect;
use crate::model::{Link, Model, Renewal};
use crate::pool::Results;

/// How long a pool that has changed is left alone before it is searched again, in milliseconds, and how long for each thousand
/// rows besides: what changes all the time must not keep a page busy.
const RENEW_MS: u32 = 1_500;
const RENEW_MS_PER_THOUSAND: u32 = 100;

/// Somebody came or went, or holds other files than before.
pub(super) fn changed(model: &mut Model, effects: &mut Vec<Effect>) {
    if !std::mem::replace(&mut model.pool.is_stale, true) {
        let thousands = model.pool.results.found().len() as u32 / 1_000;
        effects.push(Effect::SetTimer(Timer::Renew, RENEW_MS + thousands * RENEW_MS_PER_THOUSAND));
    }
}

/// Asks again what is shown. Who types or selects is not disturbed: then it is tried again later.
pub(super) fn renew(model: &mut Model, effects: &mut Vec<Effect>) {
    model.pool.is_stale = false;
    if !matches!(model.link, Link::Open { .. }) {
        // Opening the session asks.
        return;
    }
    let pool = &mut model.pool;
    let is_busy = pool.is_typing || pool.progress.is_searching || pool.renewal.is_some() || pool.is_working;
    if is_busy || pool.results.selection.count() > 0 {
        return changed(model, effects);
    }
    if pool.trouble.is_none() {
        let mut results = Results::new(pool.sort);
        results.choose_as(&pool.results);
        pool.renewal = Some(Box::new(Renewal { results, ..Renewal::default() }));
        ask(model, effects);
    }
}

/// Shows what was found again in the place of what was found before, once it is whole.
pub(super) fn show_renewed(model: &mut Model, effects: &mut Vec<Effect>) {
    let pool = &mut model.pool;
    let is_whole = |renewal: &mut Box<Renewal>| renewal.is_done && !renewal.results.is_unfinished();
    let Some(mut renewal) = pool.renewal.take_if(is_whole) else { return };
    if pool.results.selection.count() > 0 {
        return changed(model, effects);
    }
    renewal.results.stand_as(&pool.results);
    pool.progress = renewal.progress;
    pool.former = (pool.shown, std::mem::replace(&mut pool.results, renewal.results));
    pool.shown = pool.asked;
    pool.is_renewed = true;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Order;
    use crate::event::{Event, PoolEvent};
    use crate::pool::Column;
    use crate::update;
    use crate::update::pool::tests::{found, opened, send};
    use shared::PeerUrl;

    /// A page with these rows, and one more peer than before.
    fn stale(names: &[&str]) -> Model {
        use crate::event::PeersEvent;
        use crate::model::{Peer, PeerKind};
        let mut model = opened();
        let _ = send(&mut model, found(1, names));
        let _ = send(&mut model, PoolEvent::Done { search: 1 });
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let peers = |files| {
            let url = PeerUrl::parse("http://attic:1").unwrap();
            vec![Peer {
                url,
                kind: PeerKind::Node,
                name: "attic".into(),
                here_ms: 0,
                files: Some(files),
                revision: None,
            }]
        };
        let mut told = |files| update(&mut model, Event::Peers(PeersEvent::Changed(peers(files))));
        assert_eq!(told(2), [Effect::Draw], "who is here when the page is opened is no change");
        assert_eq!(told(3), [Effect::SetTimer(Timer::Renew, RENEW_MS), Effect::Draw]);
        assert_eq!(told(4), [Effect::Draw], "once");
        model
    }

    fn shown(model: &Model) -> Vec<String> {
        let results = &model.pool.results;
        results.shown().iter().map(|row| results.found().name(*row).to_owned()).collect()
    }

    #[test]
    fn a_pool_that_changed_is_searched_again_and_shown_when_that_is_whole() {
        let mut model = stale(&["b", "c"]);
        let _ = send(&mut model, PoolEvent::Walked { step: crate::pool::Step::Last, is_range: false });
        let asked = update(&mut model, Event::TimeUp(Timer::Renew));
        let search = Order::Search { id: 2, kind: crate::model::Mode::Words, pattern: String::new() };
        assert_eq!(asked, [Effect::Transport(search)]);
        let drawn = model.pool.id_of(1);
        let _ = send(&mut model, found(2, &["a", "b", "c"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        assert_eq!(shown(&model), ["b", "c"], "it is not whole");
        assert!(!model.pool.progress.is_searching);
        let _ = send(&mut model, PoolEvent::Done { search: 2 });
        assert_eq!(shown(&model), ["a", "b", "c"]);
        assert_eq!(model.pool.results.cursor_place(), Some(2), "it stays with its file");
        assert!(model.pool.is_renewed);
        // What is still drawn is of before.
        let _ = send(&mut model, PoolEvent::RowSaveWanted(drawn));
        assert_eq!(model.saves.list[0].name, "c");
        // The next search is one as any other.
        let _ = send(&mut model, PoolEvent::Typed("b".into()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        let _ = send(&mut model, found(3, &["b"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        assert_eq!((shown(&model), model.pool.is_renewed), (vec!["b".to_owned()], false));
    }

    #[test]
    fn a_kind_that_is_chosen_while_the_pool_is_renewed_stays_chosen() {
        use crate::pool::Kind;
        let mut model = stale(&["b.jpg", "c.txt"]);
        let _ = update(&mut model, Event::TimeUp(Timer::Renew));
        let _ = send(&mut model, found(2, &["a.jpg", "b.jpg", "c.txt"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = send(&mut model, PoolEvent::KindChosen(Some(Kind::Image)));
        let _ = send(&mut model, PoolEvent::Done { search: 2 });
        assert_eq!(shown(&model), ["a.jpg", "b.jpg"]);
    }

    #[test]
    fn who_types_sorts_or_selects_is_not_disturbed_by_what_changes() {
        let again = [Effect::SetTimer(Timer::Renew, RENEW_MS)];
        let mut model = stale(&["b", "c"]);
        let first = Some(model.pool.id_of(0));
        let _ = send(&mut model, PoolEvent::Pressed { row: first, is_range: false });
        assert_eq!(update(&mut model, Event::TimeUp(Timer::Renew)), again, "something is selected");
        let _ = send(&mut model, PoolEvent::NoneSelected);
        let _ = send(&mut model, PoolEvent::Typed("b".into()));
        assert_eq!(update(&mut model, Event::TimeUp(Timer::Renew)), again, "somebody types");
        let _ = send(&mut model, PoolEvent::Typed(String::new()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        assert_eq!(update(&mut model, Event::TimeUp(Timer::Renew)), again, "it is being searched");
        let _ = send(&mut model, found(2, &["b", "c"]));
        let _ = send(&mut model, PoolEvent::Done { search: 2 });
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = update(&mut model, Event::TimeUp(Timer::Renew));
        let sorted = send(&mut model, PoolEvent::Sorted(Column::Name));
        assert!(sorted.contains(&Effect::Transport(Order::CancelSearch(3))) && sorted.contains(&again[0]));
        let _ = send(&mut model, found(3, &["late"]));
        let _ = send(&mut model, PoolEvent::Done { search: 3 });
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        assert_eq!(shown(&model), ["c", "b"]);
        // Selected while it came: it is asked once more, later.
        let _ = update(&mut model, Event::TimeUp(Timer::Renew));
        let first = Some(model.pool.id_of(0));
        let _ = send(&mut model, PoolEvent::Pressed { row: first, is_range: false });
        assert!(send(&mut model, PoolEvent::Done { search: 5 }).contains(&again[0]));
        assert_eq!((shown(&model).len(), model.pool.results.selection.count()), (2, 1));
    }
}
