//! What foca wants done, kept until somebody asks for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use foca::{Notification, Runtime, Timer};

use super::Event;
use super::life::Life;
use crate::Moment;

/// Most packets that one step may leave to be sent; further ones count as lost.
const OUT: usize = 4_096;

/// Packets, timers and events of one node.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// When the step is that is being made.
    pub(super) now: Moment,
    pub(super) out: VecDeque<(Life, Vec<u8>)>,
    pub(super) events: VecDeque<Event>,
    timers: BTreeMap<(Moment, u64), Timer<Life>>,
    /// When the dead are forgotten, by node: who dies in life after life is one all the same.
    graves: BTreeMap<u128, (Moment, u64)>,
    count: u64,
}

impl Queue {
    /// The next timer that is due.
    pub(super) fn due(&mut self, now: Moment) -> Option<Timer<Life>> {
        let first = self.timers.first_entry().filter(|first| first.key().0 <= now)?;
        let timer = first.remove();
        if let Timer::RemoveDown(life) = &timer {
            self.graves.remove(&life.key());
        }
        Some(timer)
    }

    /// When one is.
    pub(super) fn next(&self) -> Moment {
        self.timers.first_key_value().map_or(Moment(u64::MAX), |(at, _)| at.0)
    }
}

impl Runtime<Life> for Queue {
    fn notify(&mut self, notification: Notification<'_, Life>) {
        let event = match notification {
            Notification::MemberUp(life) => life.url().map(Event::Up),
            Notification::MemberDown(life) => life.url().map(Event::Down),
            Notification::Active => Some(Event::Joined),
            Notification::Idle => Some(Event::Alone),
            // The same node in another life, or ourselves.
            _ => None,
        };
        self.events.extend(event);
    }

    fn send_to(&mut self, to: Life, packet: &[u8]) {
        if self.out.len() < OUT {
            self.out.push_back((to, packet.to_vec()));
        }
    }

    fn submit_after(&mut self, timer: Timer<Life>, after: Duration) {
        self.count += 1;
        let at = (self.now + after, self.count);
        if let Timer::RemoveDown(life) = &timer
            && let Some(before) = self.graves.insert(life.key(), at)
        {
            self.timers.remove(&before);
        }
        self.timers.insert(at, timer);
    }
}
