//! The one place where the page decides. Pure: the same model and event always give the same model and effects.

mod hold;
mod link;
mod peers;
mod pool;
mod preview;
mod renew;
mod save;
mod unlock;

use crate::effect::Effect;
use crate::event::Event;
use crate::model::{Link, Model, Notice, Saving, Sight};

/// A timer; there is one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A pause in typing.
    Typing,
    /// Time for the browser between two slices of work.
    Work,
    /// When a pool that has changed is searched again.
    Renew,
    /// A second, while something on the page counts.
    Second,
    /// When the node is called again.
    Reconnect,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Typing, Self::Work, Self::Renew, Self::Second, Self::Reconnect];
}

/// How long a short message stays, in milliseconds.
const NOTICE_MS: f64 = 4_000.0;
/// How long an ended reading stays in sight, in milliseconds.
const READING_STAYS_MS: f64 = 15_000.0;

/// Takes an event into the model and says what is to be done about it, in order.
#[must_use = "an effect that nobody performs never happens"]
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    decide(model, event, &mut effects);
    if counts(model) && !model.is_ticking {
        model.is_ticking = true;
        effects.push(Effect::SetTimer(Timer::Second, 1_000));
    }
    let must_warn =
        model.hold.is_read() || model.hold.wants_copies() || model.saves.list.iter().any(save::would_be_lost);
    if must_warn != model.is_warning {
        model.is_warning = must_warn;
        effects.push(Effect::WarnBeforeClosing(must_warn));
    }
    effects
}

fn decide(model: &mut Model, event: Event, effects: &mut Vec<Effect>) {
    match event {
        Event::Opened(opened) => {
            model.is_secure = opened.is_secure;
            model.seed = opened.seed;
            model.settings = opened.settings;
            effects.extend([Effect::Draw, Effect::AskNode]);
            if let Some(secret) = opened.invited {
                effects.push(Effect::WipeAddress);
                unlock::connect(model, secret, effects);
            }
        }
        // An impatient second press must not ask twice.
        Event::Retried if model.node == Sight::Asking => {}
        Event::Retried => {
            model.node = Sight::Asking;
            effects.extend([Effect::Draw, Effect::AskNode]);
        }
        Event::NodeAnswered(answer) => {
            model.node = match answer {
                Ok(node) => Sight::Known(node),
                Err(why) => Sight::Lost(why),
            };
            effects.push(Effect::Draw);
        }
        Event::TimeUp(timer) => time_up(model, timer, effects),
        Event::PanelChosen(panel) => {
            model.panel = panel;
            effects.push(Effect::Draw);
        }
        Event::LanguageChosen(language) => {
            model.settings.language = language;
            effects.extend([Effect::Remember(model.settings.to_text()), Effect::Draw]);
        }
        Event::Unlock(event) => unlock::update(model, event, effects),
        Event::Link(event) => link::update(model, event, effects),
        Event::Pool(event) => pool::update(model, event, effects),
        Event::Save(event) => save::update(model, event, effects),
        Event::Hold(event) => hold::update(model, event, effects),
        Event::Peers(event) => peers::update(model, event, effects),
        Event::Preview(event) => preview::update(model, event, effects),
    }
}

fn time_up(model: &mut Model, timer: Timer, effects: &mut Vec<Effect>) {
    match timer {
        Timer::Typing => pool::search(model, effects),
        Timer::Work => pool::work(model, effects),
        Timer::Renew => renew::renew(model, effects),
        Timer::Reconnect => link::reconnect(model, effects),
        Timer::Second => {
            model.is_ticking = false;
            let now = model.now;
            model.notice.take_if(|(_, until)| *until <= now);
            model.hold.readings.retain(|reading| reading.ended_at.is_none_or(|ended| now - ended < READING_STAYS_MS));
            effects.push(Effect::Draw);
        }
    }
}

/// Whether something on the page changes with time alone.
fn counts(model: &Model) -> bool {
    model.notice.is_some()
        || model.unlock.wait_until > model.now
        || matches!(model.link, Link::Lost { retry_at: Some(_), .. })
        || model.saves.list.iter().any(|save| save.state == Saving::Running)
        || model.hold.readings.iter().any(|reading| reading.ended_at.is_some())
}

/// Shows a short message for a while.
fn notice(model: &mut Model, notice: Notice) {
    model.notice = Some((notice, model.now + NOTICE_MS));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Order;
    use crate::event::Opened;
    use crate::model::{Node, NodeError, Secret, Settings};

    fn attic() -> Node {
        let url = shared::PeerUrl::parse("http://192.168.1.7:9004").unwrap();
        Node { name: "attic".into(), version: "0.1.0".into(), url, legacy: false, drop_box: false }
    }

    fn opened(invited: Option<Secret>) -> Event {
        Event::Opened(Opened { is_secure: false, seed: 7, settings: Settings::default(), invited })
    }

    #[test]
    fn opening_asks_and_the_answer_is_shown() {
        let mut model = Model::default();
        assert_eq!(update(&mut model, opened(None)), [Effect::Draw, Effect::AskNode]);
        assert_eq!(update(&mut model, Event::NodeAnswered(Ok(attic()))), [Effect::Draw]);
        assert_eq!(model.node, Sight::Known(attic()));
    }

    #[test]
    fn an_invite_is_wiped_before_it_is_used() {
        let mut model = Model::default();
        let secret = Secret::new("horse".into());
        let effects = update(&mut model, opened(Some(secret.clone())));
        let wiped = effects.iter().position(|effect| *effect == Effect::WipeAddress).unwrap();
        let used = Effect::Transport(Order::Connect(secret));
        assert!(wiped < effects.iter().position(|effect| *effect == used).unwrap());
    }

    #[test]
    fn a_lost_node_is_asked_again_once_per_wish() {
        let mut model = Model::default();
        let lost = Event::NodeAnswered(Err(NodeError::Unreachable));
        assert_eq!(update(&mut model, lost), [Effect::Draw]);
        assert_eq!(model.node, Sight::Lost(NodeError::Unreachable));
        assert_eq!(update(&mut model, Event::Retried), [Effect::Draw, Effect::AskNode]);
        assert_eq!(update(&mut model, Event::Retried), []);
    }
}
