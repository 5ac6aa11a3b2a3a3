//! Who is here and what they have: the node's answers as the page's events.

use std::time::Duration;

use shared::bridge::{Message, PeerInfo, PeerKind, ResetCode, Row, Search, SearchKind, SearchScope};
use shared::{ContentId, PeerUrl, peer_name};

use super::{Tab, Work, reason};
use crate::event::{Event, PoolEvent};
use crate::model;
use crate::model::PatternKind;
use crate::pool::Offer;
use crate::wire::{Link, Reply, ReplyError};

/// Most rows that are wanted of one peer.
const MOST: u32 = 200_000;
/// How much of an answer may be under way: rows of many peers come at once.
const WINDOW: u32 = 4 << 20;
/// How long nothing may come: the node waits for a slow peer less long than this.
const PATIENCE: Duration = Duration::from_secs(60);

impl Tab {
    pub(super) fn search(&self, id: u32, kind: PatternKind, pattern: String) {
        let (Some(tab), Some(link)) = (self.strong(), self.link()) else { return };
        self.begin(Work::Search(id), async move {
            let event = match tab.ask_all(&link, id, kind, pattern).await {
                Err(ReplyError::Reset(why)) if why.code == ResetCode::BAD_REQUEST => {
                    PoolEvent::PatternBad { search: id, why: why.text }
                }
                Err(ReplyError::Interrupted) => return,
                Ok(()) => PoolEvent::Done { search: id },
                Err(why) => {
                    // Nobody in particular: what came before stays, and it is said that it is not all.
                    let Some(url) = tab.node_url() else {
                        return tab.tell(Event::Pool(PoolEvent::Done { search: id }));
                    };
                    let error = Some(reason(&why));
                    tab.tell(Event::Pool(PoolEvent::Answered { search: id, peer: url, error }));
                    PoolEvent::Done { search: id }
                }
            };
            tab.tell(Event::Pool(event));
        });
    }

    async fn ask_all(&self, link: &Link, id: u32, kind: PatternKind, pattern: String) -> Result<(), ReplyError> {
        let kind = match kind {
            PatternKind::Words => SearchKind::Words,
            PatternKind::Glob => SearchKind::Glob,
            PatternKind::Regex => SearchKind::Regex,
        };
        let search = Search { kind, pattern, scope: SearchScope::Pool, most: MOST, away: Some(true) };
        let mut replies = link.ask(search, WINDOW)?;
        loop {
            let event = match replies.next(PATIENCE).await? {
                Reply::Message(Message::Found(found)) => {
                    let offers = found.rows.into_iter().map(offer).collect();
                    let seen = found.last_seen_s;
                    let peer = PeerUrl::parse(&found.peer).ok();
                    peer.map(|peer| PoolEvent::Found { search: id, peer, offers, seen })
                }
                Reply::Message(Message::Answered(answered)) => {
                    let peer = PeerUrl::parse(&answered.peer).ok();
                    peer.map(|peer| PoolEvent::Answered {
                        search: id,
                        peer,
                        error: answered.error.map(model::Reason::Said),
                    })
                }
                Reply::Ended => return Ok(()),
                Reply::Message(_) | Reply::Data(_) | Reply::Failed(_) => None,
            };
            if let Some(event) = event {
                self.tell(Event::Pool(event));
            }
        }
    }

    /// The node's own URL, as it told.
    fn node_url(&self) -> Option<PeerUrl> {
        let peers = self.peers.borrow();
        peers.iter().find(|peer| peer.itself).and_then(|peer| PeerUrl::parse(&peer.url).ok())
    }
}

fn offer(row: Row) -> Offer {
    Offer { path: row.path, size: row.size, modified: row.modified, id: row.id.map(ContentId) }
}

/// A peer as the page shows it; `own` is this tab's URL. What has no proper URL is none.
pub(super) fn peer(told: &PeerInfo, own: Option<&PeerUrl>) -> Option<model::Peer> {
    let url = PeerUrl::parse(&told.url).ok()?;
    let kind = match told.kind {
        _ if own == Some(&url) => model::PeerKind::Ours,
        PeerKind::Node => model::PeerKind::Node,
        PeerKind::Tab => model::PeerKind::Tab,
        PeerKind::Legacy => model::PeerKind::Legacy,
    };
    let name = told.name.as_deref().and_then(peer_name).unwrap_or_default();
    Some(model::Peer { url, kind, name, here_ms: told.here_ms, files: told.files, revision: told.revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, name: Option<String>) -> PeerInfo {
        PeerInfo {
            url: url.into(),
            kind: PeerKind::Tab,
            name,
            here_ms: 5,
            files: Some(2),
            itself: false,
            revision: None,
        }
    }

    #[test]
    fn this_tab_is_known_among_the_peers() {
        let own = PeerUrl::parse("http://attic:9004/peer/x").unwrap();
        assert_eq!(peer(&told(own.as_str(), None), Some(&own)).unwrap().kind, model::PeerKind::Ours);
        assert_eq!(peer(&told("http://attic:9004/peer/y", None), Some(&own)).unwrap().kind, model::PeerKind::Tab);
        assert_eq!(peer(&told(own.as_str(), None), None).unwrap().kind, model::PeerKind::Tab);
    }

    #[test]
    fn names_are_cut_and_strange_urls_left_out() {
        let long = peer(&told("http://attic:1", Some("é".repeat(500))), None).unwrap();
        assert_eq!(long.name, "é".repeat(shared::limits::PEER_NAME_BYTES / 2));
        assert_eq!(peer(&told("javascript:alert(1)", None), None), None);
    }
}
