//! Who was asked for one content so far, how each did, and so whom to ask next.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::{ContentId, PeerUrl};

use super::SourceError;
use super::holding::{Holding, others};
use crate::node::Node;

/// How a holder did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is asked, or was, and there is nothing to say against it.
    Asked,
    /// Others were faster: it is asked again where nobody else is left.
    Slow,
    /// It broke off: it is asked again when it is back, where nobody else is left.
    Away,
    /// It sent something else than it promised, or nothing, and is not asked again.
    Barred,
}

impl Standing {
    /// Of somebody who failed so.
    pub(super) fn after(why: &SourceError) -> Self {
        match why {
            SourceError::Interrupted | SourceError::NotHere => Self::Away,
            _ => Self::Barred,
        }
    }
}

/// The holders of one content that one reader has met, whoever was asked first first.
#[derive(Debug, Default)]
pub(super) struct Holders(Vec<(Holding, Standing)>);

impl Holders {
    /// How somebody did.
    pub(super) fn note(&mut self, holding: &Holding, standing: Standing) {
        match self.0.iter_mut().find(|(known, _)| known.holder.url() == holding.holder.url()) {
            Some((_, known)) => *known = standing,
            None => self.0.push((holding.clone(), standing)),
        }
    }

    /// Whom to ask now: somebody who was not asked yet, else the first of those who were slow.
    pub(super) async fn next(&mut self, node: &Arc<Node>, id: ContentId, size: u64) -> Option<Holding> {
        let known = self.urls(|_| true);
        let next = match others(node, id, size, &known).await.into_iter().next() {
            Some(other) => other,
            None => self.of(Standing::Slow).next()?.clone(),
        };
        self.note(&next, Standing::Asked);
        Some(next)
    }

    /// Whoever of those who broke off is back first. None once none of them can be expected any more.
    pub(super) async fn back(&mut self, node: &Node) -> Option<Holding> {
        let wait = |away: Holding| async move { away.holder.back(node).await.is_ok().then_some(away) };
        let waiting: FuturesUnordered<_> = self.of(Standing::Away).cloned().map(wait).collect();
        let back = std::pin::pin!(waiting.filter_map(std::future::ready)).next().await?;
        self.note(&back, Standing::Asked);
        Some(back)
    }

    /// Who is of no use among several that send at once.
    pub(super) fn left_out(&self) -> Vec<PeerUrl> {
        self.urls(|standing| matches!(standing, Standing::Slow | Standing::Barred))
    }

    fn of(&self, wanted: Standing) -> impl Iterator<Item = &Holding> {
        self.0.iter().filter(move |(_, standing)| *standing == wanted).map(|(holding, _)| holding)
    }

    fn urls(&self, wanted: impl Fn(Standing) -> bool) -> Vec<PeerUrl> {
        let wanted = self.0.iter().filter(|(_, standing)| wanted(*standing));
        wanted.filter_map(|(holding, _)| holding.holder.url().cloned()).collect()
    }
}
