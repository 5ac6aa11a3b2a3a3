//! Comparisons with other nodes, in sessions: at first sight, and then with one random member now and then.

use std::sync::Arc;
use std::time::Duration;

use shared::PeerUrl;
use shared::bridge::Message;
use shared::limits::MEMBERS_COMPARED_EVERY;
use shared::membership::{Comparison, Swim};

use crate::dial::CallError;
use crate::link::LinkError;
use crate::node::Node;

/// By when each question must be answered.
const ANSWER: Duration = Duration::from_secs(10);

/// Compares now and then. It never ends.
pub(super) async fn now_and_then(node: &Arc<Node>) {
    loop {
        let fifth = u64::try_from(MEMBERS_COMPARED_EVERY.as_millis() / 5).unwrap_or(0);
        let more = node.membership().with(|swim| swim.below(2 * fifth)).unwrap_or(fifth);
        tokio::time::sleep(MEMBERS_COMPARED_EVERY - Duration::from_millis(fifth) + Duration::from_millis(more)).await;
        with_one(node);
    }
}

/// Compares with a random member.
pub(super) fn with_one(node: &Arc<Node>) {
    if let Some(url) = node.membership().with(Swim::pick).flatten() {
        start(Arc::clone(node), url);
    }
}

/// Compares with a node, in a task of its own: at most a few at once, for each ends in time.
pub(super) fn start(node: Arc<Node>, url: PeerUrl) {
    tokio::spawn(async move {
        let Ok(_place) = node.membership().comparing.try_acquire() else { return };
        if let Err(error) = with(&node, &url).await {
            tracing::debug!(peer = %url, %error, "a comparison of members failed");
        }
        node.membership().roused.notify_one();
    });
}

async fn with(node: &Node, url: &PeerUrl) -> Result<(), CallError> {
    let membership = node.membership();
    let mut comparison = Comparison::default();
    while let Some(ask) = membership.with(|swim| swim.ask(&comparison)).flatten() {
        let link = node.dialer().link(url).await?;
        let mut replies = link.ask(ask, 0).await?.within(ANSWER);
        let Message::MembersTold(told) = replies.message().await? else { return Err(LinkError::Senseless.into()) };
        membership.with(|swim| swim.handle_told(node.now(), &mut comparison, &told));
    }
    Ok(())
}
