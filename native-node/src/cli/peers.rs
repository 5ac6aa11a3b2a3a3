//! `tinyp2p peers`: who is in a network, and who of them answers.

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use shared::bridge::PeerInfo;
use shared::{PeerUrl, Printable, limits};
use tokio::task::JoinSet;

use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::whom::{Whom, WhomParser};
use crate::dial::{CallError, Exchanged};
use crate::download::peers_of;

/// List the peers of a network: what kind each is, and whether it answers.
#[derive(Debug, clap::Args)]
pub(super) struct Peers {
    /// Any peer of the network, like http://192.168.1.7:9004, or an invite; "lan": a node on this network that proves the
    /// password.
    #[arg(value_name = "URL", value_parser = WhomParser)]
    whom: Whom,
    /// Print one line of JSON per peer.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

impl Peers {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let dialer = self.caller.dialer(&self.whom).await?;
        let pool = self.whom.peer(&dialer).await?;
        let mut asked = JoinSet::new();
        for (index, peer) in peers_of(&dialer, &pool).await?.into_iter().enumerate() {
            let (peer, told) = peer;
            let dialer = dialer.clone();
            asked.spawn(async move {
                let start = Instant::now();
                let answer = dialer.exchange(&peer, &[]).await;
                (index, Row { peer, told, answer, milliseconds: start.elapsed().as_millis() })
            });
        }
        let mut rows = asked.join_all().await;
        rows.sort_by_key(|(index, _)| *index);
        let mut code = ExitCode::SUCCESS;
        for (_, row) in rows {
            if row.answer.is_err() {
                code = ExitCode::FAILURE;
            }
            if self.json {
                output::say(output::ascii(&row.as_json()));
            } else {
                output::say(&row);
            }
        }
        Ok(code)
    }
}

/// One peer.
struct Row {
    peer: PeerUrl,
    /// What the node that was asked first tells of it.
    told: Option<PeerInfo>,
    /// What it says itself.
    answer: Result<Exchanged, CallError>,
    milliseconds: u128,
}

impl Row {
    fn is_tab(&self) -> bool {
        self.peer.is_of_tab()
    }

    /// What it is called: what it says of itself counts before what others say.
    fn name(&self) -> Option<String> {
        // A tab is answered for by its node, which names itself first.
        let itself = self.answer.as_ref().ok().filter(|_| !self.is_tab()).and_then(|exchanged| exchanged.peers.first());
        let name = itself.or(self.told.as_ref())?.name.as_deref()?;
        Some(Printable::short(name, limits::PEER_NAME_BYTES).to_string())
    }

    fn as_json(&self) -> serde_json::Value {
        match &self.answer {
            Ok(exchanged) => json!({
                "url": self.peer.as_str(),
                "kind": if !exchanged.is_node { "2004" } else if self.is_tab() { "tab" } else { "node" },
                "name": self.name(),
                "milliseconds": u64::try_from(self.milliseconds).unwrap_or(u64::MAX),
            }),
            Err(error) => json!({ "url": self.peer.as_str(), "error": error.to_string() }),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.peer)?;
        let kind = match &self.answer {
            Err(error) => return write!(f, "{error}"),
            Ok(exchanged) if !exchanged.is_node => "2004 (not encrypted, not verifiable)",
            Ok(_) if self.is_tab() => "tab",
            Ok(_) => "node",
        };
        write!(f, "{kind}")?;
        if let Some(name) = self.name() {
            write!(f, " “{name}”")?;
        }
        write!(f, ", answers in {} ms", self.milliseconds)
    }
}
