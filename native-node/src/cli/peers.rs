//! `tinyp2p peers`: who is in a network, and who of them answers.

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use shared::PeerUrl;
use tokio::task::JoinSet;

use super::caller;
use super::output::{self, Failure};
use super::password::PasswordArguments;
use super::peer_url;
use crate::dial::{CallError, Exchanged};
use crate::download::peers_of;

/// List the peers of a network: what kind each is, and whether it answers.
#[derive(Debug, clap::Args)]
pub(super) struct Peers {
    /// Any peer of the network, like http://192.168.1.7:9004.
    #[arg(value_parser = peer_url)]
    url: PeerUrl,
    /// Print one line of JSON per peer.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

impl Peers {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let dialer = caller::dialer(self.password.given_or_asked()?).await?;
        let mut asked = JoinSet::new();
        for (index, peer) in peers_of(&dialer, &self.url).await?.into_iter().enumerate() {
            let dialer = dialer.clone();
            asked.spawn(async move {
                let start = Instant::now();
                let answer = dialer.exchange(&peer, &[]).await;
                (index, peer, answer, start.elapsed().as_millis())
            });
        }
        let mut rows = asked.join_all().await;
        rows.sort_by_key(|(index, ..)| *index);
        let mut code = ExitCode::SUCCESS;
        for (_, peer, answer, milliseconds) in rows {
            if answer.is_err() {
                code = ExitCode::FAILURE;
            }
            if self.json {
                output::say(output::ascii(&as_json(&peer, &answer, milliseconds)));
            } else {
                match &answer {
                    Ok(exchanged) => {
                        output::say(format_args!("{peer}  {}, answers in {milliseconds} ms", kind(exchanged)))
                    }
                    Err(error) => output::say(format_args!("{peer}  {error}")),
                }
            }
        }
        Ok(code)
    }
}

/// What answers is named for what its owner would call it.
fn kind(exchanged: &Exchanged) -> &'static str {
    if exchanged.is_node { "node" } else { "2004 (not encrypted, not verifiable)" }
}

fn as_json(peer: &PeerUrl, answer: &Result<Exchanged, CallError>, milliseconds: u128) -> serde_json::Value {
    match answer {
        Ok(exchanged) => json!({
            "url": peer.as_str(),
            "kind": if exchanged.is_node { "node" } else { "2004" },
            "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
        }),
        Err(error) => json!({ "url": peer.as_str(), "error": error.to_string() }),
    }
}
