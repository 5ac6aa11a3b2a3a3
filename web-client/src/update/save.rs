//! Decides about files on their way to the disk: which way, how many at a time, and what follows an end.

use shared::ContentId;

use crate::effect::{Effect, Order};
use crate::event::SaveEvent;
use crate::model::{Link, Model, Notice, Save, Saving, Way};
use crate::pool::{Found, Source};

/// Saves at a time: each holds up to 256 MiB in memory, and more would only slow each other down.
const AT_ONCE: usize = 2;
/// What an archive is called.
const ZIP: &str = "tinyp2p.zip";
/// Most saves that are remembered.
const MOST: usize = 5_000;

pub(super) fn update(model: &mut Model, event: SaveEvent, effects: &mut Vec<Effect>) {
    let now = model.now;
    match event {
        SaveEvent::Progress { id, bytes } => {
            if let Some(save) = running(model, id) {
                save.measure(now, bytes);
            }
        }
        SaveEvent::HandedOver { id } => end(model, id, Saving::HandedOver),
        SaveEvent::Done { id, is_verified } => {
            if let Some(save) = running(model, id) {
                save.is_verified = is_verified;
            }
            end(model, id, Saving::Done);
        }
        SaveEvent::GivenUp { id, peer } => {
            if let Some(save) = running(model, id).filter(|save| !save.given_up.contains(&peer)) {
                save.given_up.push(peer);
            }
        }
        SaveEvent::Failed { id, why } => end(model, id, Saving::Failed(why)),
        SaveEvent::Cancelled(id) => {
            let save = model.saves.list.iter_mut().find(|save| save.id == id);
            if let Some(save) = save.filter(|save| matches!(save.state, Saving::Running | Saving::Waiting)) {
                // One that waits may have begun in a session that was lost.
                effects.push(Effect::Transport(Order::CancelSave(id)));
                save.state = Saving::Cancelled;
            }
        }
        SaveEvent::AllCancelled => {
            for save in model.saves.list.iter_mut().filter(|save| !has_ended(save)) {
                effects.push(Effect::Transport(Order::CancelSave(save.id)));
                save.state = Saving::Cancelled;
            }
        }
        SaveEvent::Retried(id) => {
            let way = |save: &Save| match save.way {
                Way::Zip => Way::Zip,
                _ => model.settings.way_for(model.is_secure, save.size),
            };
            if let Some(save) = model.saves.list.iter_mut().find(|save| save.id == id && has_ended(save)) {
                save.way = way(save);
                save.state = Saving::Waiting;
                (save.bytes, save.speed) = (0, 0.0);
                save.given_up.clear();
            }
        }
        SaveEvent::Cleared => model.saves.list.retain(|save| !has_ended(save)),
        SaveEvent::WayChosen(way) => {
            model.settings.way = Some(way);
            effects.push(Effect::Remember(model.settings.to_text()));
        }
    }
    begin_waiting(model, effects);
    effects.push(Effect::Draw);
}

/// How many more may run or wait.
pub(super) fn room(model: &Model) -> usize {
    MOST.saturating_sub(model.saves.list.iter().filter(|save| !has_ended(save)).count())
}

/// Begins to save rows, or lets them wait for their turn.
pub(super) fn begin(model: &mut Model, rows: &[u32], effects: &mut Vec<Effect>) {
    let found = model.pool.results.found();
    let files = rows.iter().map(|row| File::of(found, *row)).collect();
    begin_all(model, files, None, effects);
}

/// Begins to save what is selected as one archive, each file from one who holds it.
pub(super) fn begin_zip(model: &mut Model, effects: &mut Vec<Effect>) {
    let results = &model.pool.results;
    let sources = results.selection.rows().filter_map(|row| results.found().sources(row).into_iter().next()).collect();
    let archive = File { name: ZIP.to_owned(), size: None, content: None, sources };
    begin_all(model, vec![archive], Some(Way::Zip), effects);
}

/// A file that is to be saved.
pub(super) struct File {
    pub(super) name: String,
    pub(super) size: Option<u64>,
    pub(super) content: Option<ContentId>,
    /// Where it is.
    pub(super) sources: Vec<Source>,
}

impl File {
    /// The one of a row.
    pub(super) fn of(found: &Found, row: u32) -> Self {
        let (name, size, content) = (found.name(row).to_owned(), found.size(row), found.content(row));
        Self { name, size, content, sources: found.sources(row) }
    }
}

/// The same, for any files.
pub(super) fn begin_all(model: &mut Model, files: Vec<File>, way: Option<Way>, effects: &mut Vec<Effect>) {
    let mut begun = 0;
    if model.saves.list.len() + files.len() > MOST {
        model.saves.list.retain(|save| !has_ended(save));
    }
    for File { name, size, content, sources } in files {
        if sources.is_empty() || model.saves.list.len() >= MOST {
            continue;
        }
        // One row is one content; a second wish while the first is under way changes nothing.
        let is_same = |save: &Save| !has_ended(save) && save.sources == sources;
        if model.saves.list.iter().any(is_same) {
            continue;
        }
        model.saves.last_id += 1;
        model.saves.list.push(Save {
            id: model.saves.last_id,
            name,
            size,
            content,
            sources,
            given_up: Vec::new(),
            is_verified: false,
            way: way.unwrap_or_else(|| model.settings.way_for(model.is_secure, size)),
            state: Saving::Waiting,
            bytes: 0,
            speed: 0.0,
            measured_at: 0.0,
            measured_bytes: 0,
        });
        begun += 1;
    }
    if begun > 0 {
        super::notice(model, Notice::Saving(begun));
    }
    begin_waiting(model, effects);
}

/// Begins what waits, as far as there is room.
pub(super) fn begin_waiting(model: &mut Model, effects: &mut Vec<Effect>) {
    if !matches!(model.link, Link::Open { .. }) {
        return;
    }
    let now = model.now;
    let running = model.saves.list.iter().filter(|save| save.state == Saving::Running).count();
    let waiting = model.saves.list.iter_mut().filter(|save| save.state == Saving::Waiting);
    for save in waiting.take(AT_ONCE.saturating_sub(running)) {
        save.state = Saving::Running;
        (save.measured_at, save.measured_bytes) = (now, save.bytes);
        effects.push(Effect::Transport(Order::Save {
            id: save.id,
            name: save.name.clone(),
            size: save.size,
            content: save.content,
            sources: save.sources.clone(),
            way: save.way,
        }));
    }
}

/// What ran in a session that is lost waits for the next.
pub(super) fn wait_again(model: &mut Model) {
    for save in model.saves.list.iter_mut().filter(|save| save.state == Saving::Running) {
        save.state = Saving::Waiting;
        save.speed = 0.0;
    }
}

/// Whether closing the page would lose it.
pub(super) fn would_be_lost(save: &Save) -> bool {
    match save.state {
        Saving::Waiting => true,
        Saving::Running => save.way == Way::Session,
        _ => false,
    }
}

fn has_ended(save: &Save) -> bool {
    !matches!(save.state, Saving::Waiting | Saving::Running)
}

fn running(model: &mut Model, id: u32) -> Option<&mut Save> {
    model.saves.list.iter_mut().find(|save| save.id == id && save.state == Saving::Running)
}

fn end(model: &mut Model, id: u32, state: Saving) {
    // A save the person has cancelled stays cancelled.
    if let Some(save) = running(model, id) {
        if state == Saving::Done {
            save.bytes = save.size.unwrap_or(save.bytes);
        }
        save.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LinkEvent, PoolEvent};
    use crate::model::{Loss, Reason};
    use crate::pool::Offer;
    use crate::update;
    use crate::update::Timer;
    use shared::PeerUrl;

    fn with_rows(names: &[&str]) -> Model {
        let mut model = Model::default();
        model.unlock.secret = Some(crate::model::Secret::new("horse".into()));
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        let offers =
            names.iter().map(|name| Offer { path: (*name).into(), size: Some(1000), modified: None, id: None });
        let peer = PeerUrl::parse("http://attic:1").unwrap();
        let found = PoolEvent::Found { search: 1, peer, offers: offers.collect(), seen: None };
        let _ = update(&mut model, Event::Pool(found));
        let _ = update(&mut model, Event::TimeUp(Timer::Work));
        model
    }

    fn send(model: &mut Model, event: SaveEvent) -> Vec<Effect> {
        update(model, Event::Save(event))
    }

    fn begun(effects: &[Effect]) -> Vec<u32> {
        let id = |effect: &Effect| match effect {
            Effect::Transport(Order::Save { id, .. }) => Some(*id),
            _ => None,
        };
        effects.iter().filter_map(id).collect()
    }

    #[test]
    fn many_are_saved_a_few_at_a_time() {
        let mut model = with_rows(&["a", "b", "c"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::AllSelected));
        assert_eq!(begun(&update(&mut model, Event::Pool(PoolEvent::SaveWanted))), [1, 2]);
        assert_eq!(begun(&send(&mut model, SaveEvent::Done { id: 1, is_verified: false })), [3]);
        assert_eq!(model.saves.list[0].thousandths(), Some(1000));
        assert_eq!(model.pool.results.selection.count(), 0);
    }

    #[test]
    fn what_is_selected_is_one_archive() {
        let mut model = with_rows(&["a", "d/b", "c"]);
        for row in [0, 1] {
            let _ = update(&mut model, Event::Pool(PoolEvent::Pressed { row: Some(row), is_range: false }));
        }
        assert_eq!(begun(&update(&mut model, Event::Pool(PoolEvent::ZipWanted))), [1]);
        let save = &model.saves.list[0];
        let paths: Vec<_> = save.sources.iter().map(|source| source.path.as_str()).collect();
        assert_eq!((paths, save.name.as_str()), (vec!["a", "d/b"], "tinyp2p.zip"));
        assert_eq!((save.way, model.pool.results.selection.count()), (Way::Zip, 0));
        // Tried again it is an archive again.
        let _ = send(&mut model, SaveEvent::Failed { id: 1, why: Reason::NoSource });
        assert_eq!(begun(&send(&mut model, SaveEvent::Retried(1))), [1]);
        assert_eq!(model.saves.list[0].way, Way::Zip);
    }

    #[test]
    fn the_same_file_is_not_saved_twice_at_once() {
        let mut model = with_rows(&["a"]);
        assert_eq!(begun(&update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)))), [1]);
        assert_eq!(begun(&update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)))), [0_u32; 0]);
    }

    #[test]
    fn a_lost_session_lets_it_wait_and_a_new_one_begins_it_again() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        let _ = update(&mut model, Event::Link(LinkEvent::Lost(Loss::Interrupted)));
        assert_eq!(model.saves.list[0].state, Saving::Waiting);
        assert_eq!(begun(&update(&mut model, Event::Link(LinkEvent::Open { url: None }))), [1_u32]);
    }

    #[test]
    fn what_was_cancelled_stays_cancelled_and_can_be_tried_again() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        assert!(send(&mut model, SaveEvent::Cancelled(1)).contains(&Effect::Transport(Order::CancelSave(1))));
        let _ = send(&mut model, SaveEvent::Done { id: 1, is_verified: false });
        assert_eq!(model.saves.list[0].state, Saving::Cancelled);
        assert_eq!(begun(&send(&mut model, SaveEvent::Retried(1))), [1]);
    }

    #[test]
    fn the_beginning_of_what_is_cancelled_between_two_sessions_is_not_kept() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        let _ = send(&mut model, SaveEvent::Progress { id: 1, bytes: 250 });
        let _ = update(&mut model, Event::Link(LinkEvent::Lost(Loss::Interrupted)));
        assert!(send(&mut model, SaveEvent::Cancelled(1)).contains(&Effect::Transport(Order::CancelSave(1))));
    }

    #[test]
    fn what_goes_on_after_a_break_is_not_said_to_be_faster_than_it_is() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        let _ = send(&mut model, SaveEvent::Progress { id: 1, bytes: 800 });
        let _ = update(&mut model, Event::Link(LinkEvent::Lost(Loss::Interrupted)));
        model.now = 10_000.0;
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        model.now = 11_000.0;
        let _ = send(&mut model, SaveEvent::Progress { id: 1, bytes: 850 });
        assert_eq!(model.saves.list[0].speed, 50.0);
    }

    #[test]
    fn who_sent_something_else_is_remembered_until_it_is_tried_again() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        let peer = PeerUrl::parse("http://attic:1").unwrap();
        for _ in 0..2 {
            let _ = send(&mut model, SaveEvent::GivenUp { id: 1, peer: peer.clone() });
        }
        let _ = send(&mut model, SaveEvent::Failed { id: 1, why: Reason::Lied });
        assert_eq!(model.saves.list[0].given_up, [peer]);
        assert_eq!(begun(&send(&mut model, SaveEvent::Retried(1))), [1]);
        let _ = send(&mut model, SaveEvent::Done { id: 1, is_verified: true });
        assert!(model.saves.list[0].given_up.is_empty() && model.saves.list[0].is_verified);
    }

    #[test]
    fn speed_and_time_left_follow_what_arrives() {
        let mut model = with_rows(&["a"]);
        let _ = update(&mut model, Event::Pool(PoolEvent::RowSaveWanted(0)));
        model.now = 1_000.0;
        let _ = send(&mut model, SaveEvent::Progress { id: 1, bytes: 250 });
        let save = &model.saves.list[0];
        assert_eq!((save.speed, save.seconds_left(), save.thousandths()), (250.0, Some(4), Some(250)));
    }
}
