//! Decides about files this tab offers: which can be, what replaces what, and what is told of who reads them.

use shared::SharedPath;

use crate::effect::{Effect, Order};
use crate::event::HoldEvent;
use crate::model::{Dropped, Held, Kept, Link, Model, Notice, Reading};
use crate::pool::sort;

/// Most files a tab offers.
const MOST: usize = 20_000;
/// Most readings that are remembered.
const MOST_READINGS: usize = 200;
/// Who reads more of the same file within so many milliseconds goes on: a large file is fetched in parts, several at once.
const NEXT_PART_MS: f64 = 10_000.0;

pub(super) fn update(model: &mut Model, event: HoldEvent, effects: &mut Vec<Effect>) {
    match event {
        HoldEvent::Dragged(is_over) if is_over == model.is_dragged_over => return,
        HoldEvent::Dragged(is_over) => model.is_dragged_over = is_over,
        HoldEvent::Dropped(files) => {
            model.is_dragged_over = false;
            if model.is_unlocked() {
                offer(model, files, effects);
            } else {
                // Before the door is open nothing is shared: it may be the password, pasted beside its field.
                effects.push(Effect::Release(files.iter().map(|file| file.handle).collect()));
            }
        }
        HoldEvent::Withdrawn(handle) => withdraw(model, &[handle], effects),
        HoldEvent::AllWithdrawn => {
            let all: Vec<u32> = model.hold.files.iter().map(|file| file.handle).collect();
            withdraw(model, &all, effects);
        }
        HoldEvent::CopiesWanted => {
            let missing = model.hold.files.iter_mut().filter(|file| file.kept != Kept::There);
            missing.for_each(|file| file.kept = Kept::Wanted);
            put(model, effects);
        }
        HoldEvent::Copied { path, error } => {
            let kept = if error.is_some() { Kept::Failed } else { Kept::There };
            keep(model, |file| file.path.as_str() == path, kept);
            if let Some(why) = error {
                model.hold.not_kept = (path, why);
            }
        }
        HoldEvent::CopiesEnded => keep(model, |_| true, Kept::Failed),
        HoldEvent::Reading { id, reader, handle, bytes } => {
            let (readings, now) = (&mut model.hold.readings, model.now);
            // The last word of whoever read what was withdrawn.
            let Some(file) = model.hold.files.iter().find(|file| file.handle == handle) else { return };
            let size = file.size;
            let goes_on = |reading: &&mut Reading| {
                let is_near = reading.ended_at.is_none_or(|ended| now - ended < NEXT_PART_MS);
                reading.handle == handle && reading.reader == reader && reading.bytes < size && is_near
            };
            if let Some(part) = part_of(readings, id) {
                part.1 = bytes;
            } else if let Some(reading) = readings.iter_mut().rev().find(goes_on) {
                reading.parts.push((id, bytes));
                reading.ended_at = None;
            } else {
                if readings.len() >= MOST_READINGS {
                    readings.remove(0);
                }
                readings.push(Reading { parts: vec![(id, bytes)], before: 0, reader, handle, bytes, ended_at: None });
            }
            let of_part = readings.iter_mut().find(|reading| reading.parts.iter().any(|part| part.0 == id));
            of_part.into_iter().for_each(sum_up);
        }
        HoldEvent::ReadingEnded { id, is_whole } => {
            let is_of = |reading: &&mut Reading| reading.parts.iter().any(|part| part.0 == id);
            if let Some(reading) = model.hold.readings.iter_mut().find(is_of) {
                let of_part = reading.parts.iter().filter(|part| part.0 == id).map(|part| part.1);
                reading.before += of_part.sum::<u64>();
                reading.parts.retain(|part| part.0 != id);
                sum_up(reading);
                if reading.parts.is_empty() {
                    reading.ended_at = Some(model.now);
                }
                let file = model.hold.files.iter_mut().find(|file| file.handle == reading.handle);
                let is_read = |file: &&mut Held| is_whole || (reading.parts.is_empty() && reading.bytes >= file.size);
                if let Some(file) = file.filter(is_read) {
                    file.times_read += 1;
                    reading.bytes = file.size;
                }
            }
        }
    }
    effects.push(Effect::Draw);
}

/// This came of the copies of those files that the node was to have.
fn keep(model: &mut Model, which: impl Fn(&Held) -> bool, kept: Kept) {
    let wanted = model.hold.files.iter_mut().filter(|file| file.kept == Kept::Wanted && which(file));
    wanted.for_each(|file| file.kept = kept);
}

/// Has the node fetch what it is to have a copy of, all of it in one go: what was asked for before is not any more.
pub(super) fn put(model: &Model, effects: &mut Vec<Effect>) {
    let wanted = model.hold.files.iter().filter(|file| file.kept == Kept::Wanted);
    let wanted: Vec<u32> = wanted.map(|file| file.handle).collect();
    // Before that, opening the session does this.
    if !wanted.is_empty() && matches!(model.link, Link::Open { .. }) {
        effects.push(Effect::Transport(Order::Put(wanted)));
    }
}

/// A part of a reading.
fn part_of(readings: &mut [Reading], id: u32) -> Option<&mut (u32, u64)> {
    readings.iter_mut().flat_map(|reading| reading.parts.iter_mut()).find(|part| part.0 == id)
}

fn sum_up(reading: &mut Reading) {
    reading.bytes = reading.parts.iter().fold(reading.before, |bytes, part| bytes.saturating_add(part.1));
}

/// Offers files; one under a path that is offered already takes its place.
fn offer(model: &mut Model, files: Vec<Dropped>, effects: &mut Vec<Effect>) {
    let mut new: Vec<Held> = Vec::new();
    let mut refused = Vec::new();
    for Dropped { handle, path, size, modified } in files {
        match SharedPath::parse(&path) {
            Ok(path) if model.hold.files.len() + new.len() < MOST => {
                new.push(Held { handle, path, size, modified, times_read: 0, kept: Kept::None });
            }
            _ => refused.push(handle),
        }
    }
    sort(&mut new, |one, other| one.path.cmp(&other.path));
    let forbidden = refused.len();
    new.dedup_by(|twin, kept| {
        let is_twin = twin.path == kept.path;
        if is_twin {
            refused.push(twin.handle);
        }
        is_twin
    });
    let is_new = |file: &&Held| new.binary_search_by(|new| new.path.cmp(&file.path)).is_ok();
    let replaced: Vec<u32> = model.hold.files.iter().filter(is_new).map(|file| file.handle).collect();
    withdraw(model, &replaced, effects);
    super::notice(model, if forbidden > 0 { Notice::NotOffered(forbidden) } else { Notice::Offered(new.len()) });
    if !refused.is_empty() {
        effects.push(Effect::Release(refused));
    }
    if !new.is_empty() {
        model.hold.files.extend(new.iter().cloned());
        sort(&mut model.hold.files, |one, other| one.path.cmp(&other.path));
        // Before that, opening the session offers all.
        if matches!(model.link, Link::Open { .. }) {
            effects.push(Effect::Transport(Order::Offer(new)));
        }
    }
}

fn withdraw(model: &mut Model, handles: &[u32], effects: &mut Vec<Effect>) {
    if handles.is_empty() {
        return;
    }
    model.hold.files.retain(|file| !handles.contains(&file.handle));
    model.hold.readings.retain(|reading| !handles.contains(&reading.handle));
    if matches!(model.link, Link::Open { .. }) {
        effects.push(Effect::Transport(Order::Withdraw(handles.to_vec())));
    }
    effects.push(Effect::Release(handles.to_vec()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LinkEvent};
    use crate::update;

    fn file(handle: u32, path: &str) -> Dropped {
        Dropped { handle, path: path.into(), size: 10, modified: 0 }
    }

    fn send(model: &mut Model, event: HoldEvent) -> Vec<Effect> {
        update(model, Event::Hold(event))
    }

    fn opened() -> Model {
        let mut model = Model::default();
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        model
    }

    #[test]
    fn a_path_dropped_again_is_replaced_and_others_stay() {
        let mut model = opened();
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(1, "a.txt"), file(2, "b/c.txt")]));
        let effects = send(&mut model, HoldEvent::Dropped(vec![file(3, "a.txt")]));
        assert!(effects.contains(&Effect::Transport(Order::Withdraw(vec![1]))));
        assert!(effects.contains(&Effect::Release(vec![1])));
        let handles: Vec<_> = model.hold.files.iter().map(|file| file.handle).collect();
        assert_eq!(handles, [3, 2]);
    }

    #[test]
    fn what_is_pasted_or_dropped_at_the_door_is_not_shared() {
        let mut model = Model::default();
        let effects = send(&mut model, HoldEvent::Dropped(vec![file(1, "snippet.txt")]));
        assert_eq!(effects, [Effect::Release(vec![1]), Effect::Draw]);
        assert!(model.hold.files.is_empty());
    }

    #[test]
    fn of_two_files_of_one_name_one_is_shared_and_said_to_be() {
        let mut model = opened();
        let effects = send(&mut model, HoldEvent::Dropped(vec![file(1, "a"), file(2, "b"), file(3, "a")]));
        assert!(effects.contains(&Effect::Release(vec![3])));
        assert_eq!((model.hold.files.len(), model.notice.unwrap().0), (2, Notice::Offered(2)));
    }

    #[test]
    fn what_is_refused_is_said_though_others_are_shared() {
        let mut model = opened();
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(1, "a"), file(2, "../up")]));
        assert_eq!((model.hold.files.len(), model.notice.unwrap().0), (1, Notice::NotOffered(1)));
    }

    #[test]
    fn names_that_nobody_could_fetch_are_refused_in_words() {
        let mut model = opened();
        let effects = send(&mut model, HoldEvent::Dropped(vec![file(1, "../up"), file(2, "")]));
        assert!(effects.contains(&Effect::Release(vec![1, 2])));
        assert_eq!(model.notice.unwrap().0, Notice::NotOffered(2));
        assert!(model.hold.files.is_empty());
    }

    #[test]
    fn a_file_that_is_read_in_parts_was_read_once() {
        let mut model = opened();
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(1, "a.txt")]));
        let read = |id, bytes| HoldEvent::Reading { id, reader: Some("Bo".into()), handle: 1, bytes };
        for (id, bytes) in [(1, 3), (2, 1), (1, 4)] {
            let _ = send(&mut model, read(id, bytes));
        }
        assert_eq!((model.hold.readings.len(), model.hold.readings[0].bytes), (1, 5));
        for id in [1, 2] {
            let _ = send(&mut model, HoldEvent::ReadingEnded { id, is_whole: false });
        }
        assert!(!model.hold.is_read() && model.hold.files[0].times_read == 0);
        let _ = send(&mut model, read(3, 5));
        assert!(model.hold.is_read());
        let _ = send(&mut model, HoldEvent::ReadingEnded { id: 3, is_whole: false });
        assert_eq!((model.hold.readings.len(), model.hold.files[0].times_read), (1, 1));
        // Whoever reads after that reads anew.
        let _ = send(&mut model, read(4, 10));
        let _ = send(&mut model, HoldEvent::ReadingEnded { id: 4, is_whole: true });
        assert_eq!((model.hold.readings.len(), model.hold.files[0].times_read), (2, 2));
        let _ = send(&mut model, HoldEvent::Reading { id: 5, reader: None, handle: 1, bytes: 1 });
        assert_eq!(model.hold.readings.len(), 3, "somebody else");
    }

    #[test]
    fn copies_are_asked_for_again_in_the_next_session_until_they_are_there() {
        let mut model = opened();
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(1, "a.txt"), file(2, "b.txt"), file(3, "c.txt")]));
        let put = |handles: &[u32]| Effect::Transport(Order::Put(handles.to_vec()));
        assert!(send(&mut model, HoldEvent::CopiesWanted).contains(&put(&[1, 2, 3])));
        let _ = send(&mut model, HoldEvent::Copied { path: "a.txt".into(), error: None });
        let _ = send(&mut model, HoldEvent::Copied { path: "b.txt".into(), error: Some("full".into()) });
        let _ = send(&mut model, HoldEvent::CopiesEnded);
        let kept: Vec<_> = model.hold.files.iter().map(|file| file.kept).collect();
        assert_eq!(kept, [Kept::There, Kept::Failed, Kept::Failed]);
        assert_eq!(model.hold.not_kept, ("b.txt".into(), "full".into()));
        assert!(send(&mut model, HoldEvent::CopiesWanted).contains(&put(&[2, 3])), "what failed is tried again");
        model.unlock.secret = Some(crate::model::Secret::new("x".into()));
        let _ = update(&mut model, Event::Link(LinkEvent::Lost(crate::model::Loss::Interrupted)));
        assert_eq!(send(&mut model, HoldEvent::CopiesWanted), [Effect::Draw], "there is nobody to ask");
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(4, "private.txt")]));
        let effects = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        let at = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
        let is_offer = |effect: &Effect| matches!(effect, Effect::Transport(Order::Offer(_)));
        assert!(at(&is_offer) < at(&|effect| *effect == put(&[2, 3])), "neither what is there nor what came later");
    }

    #[test]
    fn closing_is_warned_about_while_somebody_reads() {
        let mut model = opened();
        let _ = send(&mut model, HoldEvent::Dropped(vec![file(1, "a.txt")]));
        let reading = HoldEvent::Reading { id: 9, reader: None, handle: 1, bytes: 0 };
        assert!(send(&mut model, reading).contains(&Effect::WarnBeforeClosing(true)));
        let ended = send(&mut model, HoldEvent::ReadingEnded { id: 9, is_whole: true });
        assert!(ended.contains(&Effect::WarnBeforeClosing(false)));
        assert_eq!(model.hold.files[0].times_read, 1);
    }
}
