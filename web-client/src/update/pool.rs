//! Decides about the search: when it is asked, what of the answers counts, and what is done with rows.

use super::renew::{changed, show_renewed};
use super::{Timer, save};
use crate::effect::{Effect, Order};
use crate::event::PoolEvent;
use crate::model::{Link, Model, Progress};
use crate::pool::{Found, Results};

/// A pause in typing that is long enough to ask, in milliseconds.
const PAUSE_MS: u32 = 150;
/// Between two slices of work, in milliseconds: the browser draws and hears the person.
const BREATH_MS: u32 = 0;

pub(super) fn update(model: &mut Model, event: PoolEvent, effects: &mut Vec<Effect>) {
    let pool = &mut model.pool;
    match event {
        PoolEvent::Typed(field) => {
            pool.field = field;
            pool.is_typing = true;
            effects.push(Effect::SetTimer(Timer::Typing, PAUSE_MS));
        }
        PoolEvent::Entered if !pool.is_typing => return,
        PoolEvent::Entered => return search(model, effects),
        PoolEvent::ModeChosen(mode) => {
            pool.mode = mode;
            return search(model, effects);
        }
        PoolEvent::Found { search, peer, offers, seen } => {
            if search != pool.asked {
                return;
            }
            show(model, search);
            let results = model.pool.incoming();
            if let Some(seconds) = seen {
                results.saw(&peer, seconds);
            }
            results.take(peer, offers);
            return schedule(model, effects);
        }
        PoolEvent::Answered { search, error, .. } => {
            if search != pool.asked {
                return;
            }
            let progress = pool.renewal.as_mut().map_or(&mut pool.progress, |renewal| &mut renewal.progress);
            progress.answered += 1;
            progress.failed += u32::from(error.is_some());
        }
        PoolEvent::Done { search } => {
            if search != pool.asked {
                return;
            }
            show(model, search);
            match &mut model.pool.renewal {
                Some(renewal) => renewal.is_done = true,
                None => model.pool.progress.is_searching = false,
            }
            show_renewed(model, effects);
        }
        PoolEvent::PatternBad { search, why } => {
            if search != pool.asked {
                return;
            }
            if pool.renewal.take().is_none() {
                pool.trouble = Some(why);
                pool.progress.is_searching = false;
            }
        }
        PoolEvent::Sorted(column) => {
            pool.sort = pool.sort.pressed(column);
            pool.results.sort_by(pool.sort);
            // It would come in another order.
            if pool.renewal.take().is_some() {
                effects.push(Effect::Transport(Order::CancelSearch(pool.asked)));
                // Nothing of it counts any more.
                pool.asked += 1;
                changed(model, effects);
            }
            schedule(model, effects);
        }
        PoolEvent::KindChosen(kind) => {
            pool.results.choose(kind);
            if let Some(renewal) = &mut pool.renewal {
                renewal.results.choose_as(&pool.results);
            }
        }
        PoolEvent::Walked { step, is_range } => pool.results.walk(step, is_range),
        PoolEvent::Pressed { row, is_range } => {
            let row = match row {
                Some(id) => pool.row_of(id),
                None => pool.results.selection.cursor(),
            };
            if let Some(row) = row {
                pool.results.press(row, is_range);
            }
        }
        PoolEvent::AllSelected => pool.results.select_all(),
        PoolEvent::NoneSelected => pool.results.selection.clear(),
        PoolEvent::SaveWanted => {
            let selection = &pool.results.selection;
            let mut rows: Vec<u32> = selection.rows().collect();
            if rows.is_empty() {
                rows.extend(selection.cursor());
            }
            let (begun, left) = rows.split_at(rows.len().min(save::room(model)));
            save::begin(model, begun, effects);
            // What is too much at once stays selected.
            model.pool.results.select_only(left);
        }
        PoolEvent::ZipWanted => {
            save::begin_zip(model, effects);
            model.pool.results.selection.clear();
        }
        PoolEvent::RowSaveWanted(id) => {
            let file = |(found, row): (&Found, u32)| save::File::of(found, row);
            let files = pool.file_of(id).map(file).into_iter().collect();
            save::begin_all(model, files, None, effects);
        }
    }
    effects.push(Effect::Draw);
}

/// Asks what the field asks for.
pub(super) fn search(model: &mut Model, effects: &mut Vec<Effect>) {
    let pool = &mut model.pool;
    pool.is_typing = false;
    pool.trouble = None;
    if !matches!(model.link, Link::Open { .. }) {
        // Opening the session asks it; what is there is of another search.
        pool.progress.is_searching = true;
        effects.push(Effect::Draw);
        return;
    }
    let is_asking = pool.renewal.take().is_some_and(|renewal| !renewal.is_done);
    if pool.progress.is_searching || is_asking {
        effects.push(Effect::Transport(Order::CancelSearch(pool.asked)));
    }
    pool.former = Default::default();
    pool.progress = Progress { is_searching: true, ..Progress::default() };
    ask(model, effects);
    effects.push(Effect::Draw);
}

pub(super) fn ask(model: &mut Model, effects: &mut Vec<Effect>) {
    let pool = &mut model.pool;
    pool.asked += 1;
    let (kind, pattern) = pool.pattern();
    effects.push(Effect::Transport(Order::Search { id: pool.asked, kind, pattern: pattern.to_owned() }));
}

/// Puts the results of another search away for those of this; until its first word they stay, so that nothing flickers.
fn show(model: &mut Model, search: u32) {
    let pool = &mut model.pool;
    if pool.shown == search || pool.renewal.is_some() {
        return;
    }
    pool.is_renewed = false;
    let mut results = Results::new(pool.sort);
    results.choose_as(&pool.results);
    pool.former = (pool.shown, std::mem::replace(&mut pool.results, results));
    pool.shown = search;
}

/// One slice of work, and the next if there is more.
pub(super) fn work(model: &mut Model, effects: &mut Vec<Effect>) {
    model.pool.is_working = false;
    model.pool.incoming().work();
    show_renewed(model, effects);
    effects.push(Effect::Draw);
    schedule(model, effects);
}

fn schedule(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.pool.incoming().is_unfinished() && !model.pool.is_working {
        model.pool.is_working = true;
        effects.push(Effect::SetTimer(Timer::Work, BREATH_MS));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::{Event, LinkEvent};
    use crate::pool::{Column, Kind, Offer};
    use crate::update;
    use shared::PeerUrl;

    pub(crate) fn send(model: &mut Model, event: PoolEvent) -> Vec<Effect> {
        update(model, Event::Pool(event))
    }

    pub(crate) fn opened() -> Model {
        let mut model = Model::default();
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        model
    }

    pub(crate) fn found(search: u32, names: &[&str]) -> PoolEvent {
        let offers =
            names.iter().map(|name| Offer { path: (*name).into(), size: Some(3), modified: None, id: None }).collect();
        PoolEvent::Found { search, peer: PeerUrl::parse("http://attic:1").unwrap(), offers, seen: None }
    }

    fn rows(model: &Model) -> usize {
        model.pool.results.shown().len()
    }

    #[test]
    fn a_press_on_a_row_of_the_search_before_is_about_the_file_that_was_drawn_there() {
        let mut model = opened();
        let _ = send(&mut model, found(1, &["a", "b"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let drawn = [0, 1].map(|row| model.pool.id_of(row));
        let _ = send(&mut model, PoolEvent::Typed("c".into()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        let _ = send(&mut model, found(2, &["c", "d", "e"]));
        let _ = send(&mut model, PoolEvent::RowSaveWanted(drawn[1]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let new = model.pool.id_of(1);
        let _ = send(&mut model, PoolEvent::RowSaveWanted(new));
        let names: Vec<_> = model.saves.list.iter().map(|save| save.name.as_str()).collect();
        assert_eq!(names, ["b", "d"]);
        let _ = send(&mut model, PoolEvent::Pressed { row: Some(drawn[1]), is_range: false });
        assert_eq!(model.pool.results.selection.rows().count(), 0, "it is not there to be selected");
    }

    #[test]
    fn a_pause_in_typing_asks_and_cancels_what_was_asked_before() {
        let mut model = opened();
        let typed = send(&mut model, PoolEvent::Typed("mp3".into()));
        assert_eq!(typed, [Effect::SetTimer(Timer::Typing, PAUSE_MS), Effect::Draw]);
        let asked = update(&mut model, Event::TimeUp(Timer::Typing));
        assert_eq!(asked[0], Effect::Transport(Order::CancelSearch(1)));
        let search = Order::Search { id: 2, kind: crate::model::Mode::Words, pattern: "mp3".into() };
        assert_eq!(asked[1], Effect::Transport(search));
    }

    #[test]
    fn old_results_stay_until_the_new_search_has_a_word() {
        let mut model = opened();
        let _ = send(&mut model, found(1, &["a", "b"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = send(&mut model, PoolEvent::Typed("b".into()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        assert_eq!(rows(&model), 2);
        assert_eq!(send(&mut model, found(1, &["late"])), [], "of a search nobody waits for");
        let _ = send(&mut model, PoolEvent::Done { search: 2 });
        assert_eq!(rows(&model), 0);
    }

    #[test]
    fn a_bad_pattern_is_told_and_takes_nothing_away() {
        let mut model = opened();
        let _ = send(&mut model, found(1, &["a"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = send(&mut model, PoolEvent::Typed("/(/".into()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        let _ = send(&mut model, PoolEvent::PatternBad { search: 2, why: "a ( is not closed".into() });
        assert_eq!((rows(&model), model.pool.trouble.as_deref()), (1, Some("a ( is not closed")));
        let _ = send(&mut model, PoolEvent::Typed("/a/".into()));
        let _ = update(&mut model, Event::TimeUp(Timer::Typing));
        assert_eq!(model.pool.trouble, None);
    }

    #[test]
    fn sorting_and_filtering_keep_what_is_selected() {
        let mut model = opened();
        let _ = send(&mut model, found(1, &["a.mp3", "b.jpg"]));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = send(&mut model, PoolEvent::Pressed { row: Some(1), is_range: false });
        let _ = send(&mut model, PoolEvent::Sorted(Column::Size));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        let _ = send(&mut model, PoolEvent::KindChosen(Some(Kind::Audio)));
        assert_eq!((rows(&model), model.pool.results.selection.count()), (1, 1));
    }
}
