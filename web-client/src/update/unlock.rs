//! Decides about the password: given, wrong, left, and passed on as an invite.

use crate::effect::{Effect, Order};
use crate::event::UnlockEvent;
use crate::model::{Link, Model, Notice, Saving, Secret};

pub(super) fn update(model: &mut Model, event: UnlockEvent, effects: &mut Vec<Effect>) {
    match event {
        UnlockEvent::ShownOrHidden => model.unlock.is_shown = !model.unlock.is_shown,
        UnlockEvent::Given(secret) => {
            if secret.reveal().is_empty() {
                model.unlock.is_empty = true;
            } else if model.unlock.wait_until <= model.now && can_be_given(model) {
                connect(model, secret, effects);
                return;
            }
        }
        UnlockEvent::Left if model.is_warning && !matches!(model.notice, Some((Notice::LeaveAgain, _))) => {
            super::notice(model, Notice::LeaveAgain);
        }
        UnlockEvent::Left => {
            model.notice = None;
            leave(model);
            effects.push(Effect::Transport(Order::Disconnect));
        }
        UnlockEvent::InviteWanted(base) => {
            let Some(secret) = &model.unlock.secret else { return };
            let link = secret.invite(&for_others(model, base));
            model.invite = Some(link.clone());
            effects.push(Effect::PassOn(link));
            return;
        }
        UnlockEvent::InviteReady { is_copied, code } => {
            // It may be closed by now.
            model.invite_code = code.filter(|_| model.invite.is_some());
            if is_copied {
                super::notice(model, Notice::Copied);
            }
        }
        UnlockEvent::InviteCopied => {
            super::notice(model, Notice::Copied);
            (model.invite, model.invite_code) = (None, None);
        }
        UnlockEvent::InviteClosed if model.invite.is_none() => return,
        UnlockEvent::InviteClosed => {
            model.invite = None;
            model.invite_code = None;
        }
    }
    effects.push(Effect::Draw);
}

/// The page's address as others can open it: who opened it on the node's own machine knows it by a name that leads each of them
/// to theirs, and the node has another.
fn for_others(model: &Model, base: String) -> String {
    let is_near =
        |url: &str| ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|near| url.starts_with(near));
    match &model.link {
        Link::Open { url: Some(ours) } if is_near(&base) && !is_near(ours.as_str()) => {
            ["http://", ours.authority(), "/"].concat()
        }
        _ => base,
    }
}

/// Whether a password is of use: not while one is tried, nor inside.
fn can_be_given(model: &Model) -> bool {
    matches!(model.link, Link::Locked | Link::Lost { .. }) && !model.unlock.has_been_open
}

/// Tries a password.
pub(super) fn connect(model: &mut Model, secret: Secret, effects: &mut Vec<Effect>) {
    model.unlock.is_wrong = false;
    model.unlock.is_empty = false;
    model.unlock.is_shown = false;
    model.unlock.secret = Some(secret.clone());
    model.link = Link::Connecting;
    effects.extend([Effect::Transport(Order::Connect(secret)), Effect::Draw]);
}

/// Forgets the password and what came through it; files this tab holds stay with it.
pub(super) fn leave(model: &mut Model) {
    model.unlock.secret = None;
    model.unlock.has_been_open = false;
    model.link = Link::Locked;
    model.invite = None;
    model.invite_code = None;
    model.preview = None;
    model.peers.clear();
    let asked = model.pool.asked;
    model.pool = crate::model::Pool { mode: model.pool.mode, sort: model.pool.sort, asked, ..Default::default() };
    model.hold.readings.clear();
    for save in &mut model.saves.list {
        if matches!(save.state, Saving::Running | Saving::Waiting) {
            save.state = Saving::Cancelled;
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::PeerUrl;

    use crate::event::{Event, LinkEvent, UnlockEvent};
    use crate::model::{Link, Model, Notice, Secret};
    use crate::{Effect, update};

    fn given(password: &str) -> Event {
        Event::Unlock(UnlockEvent::Given(Secret::new(password.into())))
    }

    #[test]
    fn a_wrong_password_waits_as_long_as_the_node_says() {
        let mut model = Model { now: 1_000.0, ..Model::default() };
        let _ = update(&mut model, given("wrong"));
        let _ = update(&mut model, Event::Link(LinkEvent::Refused { wait_s: 30 }));
        assert!(model.unlock.is_wrong && model.link == Link::Locked);
        let _ = update(&mut model, given("again"));
        assert_eq!(model.link, Link::Locked, "too early");
        model.now = 31_001.0;
        let _ = update(&mut model, given("again"));
        assert_eq!(model.link, Link::Connecting);
    }

    #[test]
    fn nothing_typed_calls_nobody() {
        let mut model = Model::default();
        assert_eq!(update(&mut model, given("")), [Effect::Draw]);
        assert!(model.unlock.is_empty);
    }

    #[test]
    fn an_invite_is_made_of_the_password_that_works() {
        let mut model = Model::default();
        let wanted = || Event::Unlock(UnlockEvent::InviteWanted("http://attic:9004/".into()));
        assert_eq!(update(&mut model, wanted()), []);
        let _ = update(&mut model, given("two words"));
        let link = Secret::new("http://attic:9004/#two%20words".into());
        assert_eq!(update(&mut model, wanted()), [Effect::PassOn(link)]);
        let _ = update(&mut model, Event::Unlock(UnlockEvent::Left));
        assert_eq!(update(&mut model, wanted()), []);
    }

    #[test]
    fn an_invite_made_on_the_nodes_own_machine_leads_others_there() {
        for (here, ours, base) in [
            ("http://localhost:9004/", "http://10.0.0.1:9004/peer/ab", "http://10.0.0.1:9004/"),
            ("http://127.0.0.1:9004/", "http://10.0.0.1:9004/peer/ab", "http://10.0.0.1:9004/"),
            ("http://[::1]:9004/", "http://127.0.0.1:9004/peer/ab", "http://[::1]:9004/"),
            ("http://attic:9004/", "http://10.0.0.1:9004/peer/ab", "http://attic:9004/"),
        ] {
            let mut model = Model::default();
            let _ = update(&mut model, given("x"));
            let url = PeerUrl::parse(ours).ok();
            let _ = update(&mut model, Event::Link(LinkEvent::Open { url }));
            let _ = update(&mut model, Event::Unlock(UnlockEvent::InviteWanted(here.into())));
            assert_eq!(model.invite, Some(Secret::new(format!("{base}#x"))), "{here}");
        }
    }

    #[test]
    fn who_would_break_something_off_by_leaving_presses_twice() {
        let mut model = Model { is_warning: true, ..Model::default() };
        let _ = update(&mut model, given("x"));
        let _ = update(&mut model, Event::Link(LinkEvent::Open { url: None }));
        model.is_warning = true;
        let left = || Event::Unlock(UnlockEvent::Left);
        super::update(&mut model, UnlockEvent::Left, &mut Vec::new());
        assert!(model.is_unlocked() && matches!(model.notice, Some((Notice::LeaveAgain, _))));
        let _ = update(&mut model, left());
        assert_eq!(model.link, Link::Locked);
    }

    #[test]
    fn a_code_that_comes_after_the_invite_was_closed_is_not_kept() {
        let code = || Some(Secret::new("box\npath".into()));
        let ready = |is_copied| Event::Unlock(UnlockEvent::InviteReady { is_copied, code: code() });
        let mut model = Model::default();
        let _ = update(&mut model, given("x"));
        let _ = update(&mut model, Event::Unlock(UnlockEvent::InviteWanted("http://attic:9004/".into())));
        let _ = update(&mut model, ready(true));
        assert_eq!(model.invite_code, code());
        assert!(matches!(model.notice, Some((Notice::Copied, _))));
        let _ = update(&mut model, Event::Unlock(UnlockEvent::InviteClosed));
        let _ = update(&mut model, ready(false));
        assert_eq!(model.invite_code, None);
    }
}
