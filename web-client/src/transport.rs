//! The session with the node, as the page sees it: orders go in, events come out.
//!
//! Not built yet: every attempt to connect is answered as if the node could not be reached.

use std::rc::Rc;

use crate::effect::Order;
use crate::event::{Event, LinkEvent};
use crate::model::Loss;
use crate::runner::Files;

/// The one session of this tab.
pub(crate) struct Transport {
    send: Rc<dyn Fn(Event)>,
}

impl Transport {
    /// Will bring events to `send`, and read the files this tab offers from `files`.
    pub(crate) fn new(send: Rc<dyn Fn(Event)>, files: Rc<Files>) -> Self {
        drop(files);
        Self { send }
    }

    /// Does what is ordered.
    pub(crate) fn perform(&self, order: Order) {
        if let Order::Connect(_) | Order::Reconnect = order {
            (self.send)(Event::Link(LinkEvent::Lost(Loss::Unreachable)));
        }
    }
}
