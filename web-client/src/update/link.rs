//! Decides about the session: what follows when it opens, and when it is tried again after it was lost.

use super::{Timer, hold, pool, save, unlock};
use crate::effect::{Effect, Order};
use crate::event::LinkEvent;
use crate::model::{Link, Loss, Model};

/// First wait before the node is called again, in milliseconds; doubled each time.
const FIRST_WAIT_MS: u32 = 1_000;
/// Longest wait.
const LONGEST_WAIT_MS: u32 = 30_000;

pub(super) fn update(model: &mut Model, event: LinkEvent, effects: &mut Vec<Effect>) {
    match event {
        // While it is tried again the banner stays, so that it does not flicker.
        LinkEvent::Connecting if model.unlock.has_been_open => {}
        LinkEvent::Connecting => model.link = Link::Connecting,
        LinkEvent::Unlocking if model.unlock.has_been_open => {}
        LinkEvent::Unlocking => model.link = Link::Unlocking,
        LinkEvent::Open { url } => open(model, url, effects),
        LinkEvent::Lost(why) => lost(model, why, effects),
        LinkEvent::Refused { wait_s } => {
            unlock::leave(model);
            model.unlock.is_wrong = true;
            model.unlock.wait_until = model.now + f64::from(wait_s) * 1000.0;
        }
        LinkEvent::Online | LinkEvent::Now => {
            if matches!(model.link, Link::Lost { .. }) {
                model.unlock.attempts = 0;
                reconnect(model, effects);
                return;
            }
        }
        LinkEvent::Offline => {
            if let Link::Lost { why, retry_at } = &mut model.link {
                *why = Loss::Offline;
                *retry_at = None;
            }
        }
    }
    effects.push(Effect::Draw);
}

fn open(model: &mut Model, url: Option<shared::PeerUrl>, effects: &mut Vec<Effect>) {
    let is_open_already = matches!(model.link, Link::Open { .. });
    model.link = Link::Open { url };
    model.unlock.has_been_open = true;
    model.unlock.attempts = 0;
    if is_open_already {
        // Only the URL has come.
        return;
    }
    if !model.settings.name.is_empty() {
        effects.push(Effect::Transport(Order::Introduce(model.settings.name.clone())));
    }
    if !model.hold.files.is_empty() {
        effects.push(Effect::Transport(Order::Offer(model.hold.files.clone())));
    }
    hold::put(model, effects);
    pool::search(model, effects);
    save::begin_waiting(model, effects);
}

fn lost(model: &mut Model, why: Loss, effects: &mut Vec<Effect>) {
    if model.unlock.secret.is_none() {
        model.link = Link::Locked;
        return;
    }
    // Doubled each time, less up to a half by chance: many tabs of a restarted node must not all call at once.
    let wait = FIRST_WAIT_MS.saturating_mul(1 << model.unlock.attempts.min(10)).min(LONGEST_WAIT_MS);
    let wait = wait - model.chance() % (wait / 2);
    model.unlock.attempts += 1;
    let retry_at = (why != Loss::Offline).then_some(model.now + f64::from(wait));
    model.link = Link::Lost { why, retry_at };
    if retry_at.is_some() {
        effects.push(Effect::SetTimer(Timer::Reconnect, wait));
    }
    let now = model.now;
    model.hold.readings.iter_mut().for_each(|reading| reading.ended_at = reading.ended_at.or(Some(now)));
    model.pool.progress.is_searching = false;
    save::wait_again(model);
    super::preview::lose(model);
}

/// Calls the node again, if it still is to be called.
pub(super) fn reconnect(model: &mut Model, effects: &mut Vec<Effect>) {
    if let (Link::Lost { retry_at, .. }, Some(secret)) = (&mut model.link, &model.unlock.secret) {
        *retry_at = Some(model.now);
        effects.extend([Effect::Transport(Order::Reconnect(secret.clone())), Effect::Draw]);
    }
}

#[cfg(test)]
mod tests {
    use crate::effect::Order;
    use crate::event::{Event, LinkEvent, UnlockEvent};
    use crate::model::{Held, Link, Loss, Model, Secret};
    use crate::update::Timer;
    use crate::{Effect, update};

    fn send(model: &mut Model, event: LinkEvent) -> Vec<Effect> {
        update(model, Event::Link(event))
    }

    fn opened() -> Model {
        let mut model = Model { now: 5_000.0, seed: 3, ..Model::default() };
        let _ = update(&mut model, Event::Unlock(UnlockEvent::Given(Secret::new("horse".into()))));
        let _ = send(&mut model, LinkEvent::Open { url: None });
        model
    }

    fn wait(effects: &[Effect]) -> u32 {
        let wait = effects.iter().find_map(|effect| match effect {
            Effect::SetTimer(Timer::Reconnect, wait) => Some(*wait),
            _ => None,
        });
        wait.unwrap()
    }

    fn is_called(effects: &[Effect]) -> bool {
        effects.contains(&Effect::Transport(Order::Reconnect(Secret::new("horse".into()))))
    }

    #[test]
    fn a_lost_session_is_tried_again_ever_more_slowly_but_never_given_up() {
        let mut model = opened();
        for longest in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let wait = wait(&send(&mut model, LinkEvent::Lost(Loss::Interrupted)));
            assert!(wait <= longest && wait > longest / 2, "{wait} of {longest}");
            let again = update(&mut model, Event::TimeUp(Timer::Reconnect));
            assert!(is_called(&again));
        }
        let _ = send(&mut model, LinkEvent::Open { url: None });
        assert!(wait(&send(&mut model, LinkEvent::Lost(Loss::Interrupted))) <= 1_000);
    }

    #[test]
    fn a_node_that_was_never_reached_leaves_the_person_at_the_door() {
        let mut model = Model { seed: 3, ..Model::default() };
        let given = || Event::Unlock(UnlockEvent::Given(Secret::new("horse".into())));
        let _ = update(&mut model, given());
        let _ = send(&mut model, LinkEvent::Lost(Loss::Unreachable));
        assert!(matches!(model.link, Link::Lost { .. }) && !model.is_unlocked());
        let _ = update(&mut model, given());
        assert_eq!(model.link, Link::Connecting);
    }

    #[test]
    fn without_a_network_it_waits_for_the_network() {
        let mut model = opened();
        let _ = send(&mut model, LinkEvent::Lost(Loss::Offline));
        assert!(matches!(model.link, Link::Lost { retry_at: None, .. }));
        let again = send(&mut model, LinkEvent::Online);
        assert!(is_called(&again));
    }

    #[test]
    fn what_this_tab_offers_is_offered_again() {
        let mut model = opened();
        let path = shared::SharedPath::parse("a.txt").unwrap();
        let held = Held { handle: 1, path, size: 1, modified: 0, times_read: 0, kept: crate::model::Kept::None };
        model.hold.files.push(held.clone());
        let _ = send(&mut model, LinkEvent::Lost(Loss::Interrupted));
        let effects = send(&mut model, LinkEvent::Open { url: None });
        assert!(effects.contains(&Effect::Transport(Order::Offer(vec![held]))));
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Transport(Order::Search { .. }))));
    }
}
