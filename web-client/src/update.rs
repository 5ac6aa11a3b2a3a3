//! The one place where the page decides. Pure: the same model and event always give the same model and effects.

use crate::effect::Effect;
use crate::event::Event;
use crate::model::{Model, Sight};

/// Takes an event into the model and says what is to be done about it, in order.
#[must_use = "an effect that nobody performs never happens"]
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Opened => vec![Effect::Draw, Effect::AskNode],
        // An impatient second press must not ask twice.
        Event::Retried if model.node == Sight::Asking => Vec::new(),
        Event::Retried => {
            model.node = Sight::Asking;
            vec![Effect::Draw, Effect::AskNode]
        }
        Event::NodeAnswered(answer) => {
            model.node = match answer {
                Ok(node) => Sight::Known(node),
                Err(why) => Sight::Lost(why),
            };
            vec![Effect::Draw]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Node, NodeError};

    fn attic() -> Node {
        let url = shared::PeerUrl::parse("http://192.168.1.7:9004").unwrap();
        Node { name: "attic".into(), version: "0.1.0".into(), url }
    }

    #[test]
    fn opening_asks_and_the_answer_is_shown() {
        let mut model = Model::default();
        assert_eq!(update(&mut model, Event::Opened), [Effect::Draw, Effect::AskNode]);
        assert_eq!(update(&mut model, Event::NodeAnswered(Ok(attic()))), [Effect::Draw]);
        assert_eq!(model.node, Sight::Known(attic()));
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
