//! `tinyp2p doctor`: why nodes are not found, or not reached, and what to do about it.

use std::fmt;
use std::process::ExitCode;

use serde_json::json;
use shared::{PeerUrl, Printable, limits};

use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::whom::{Whom, WhomParser};
use crate::dial::CallError;
use crate::discover::{Called, Ears, Examined, examine};

/// Say why nodes are not found, or not reached: looks at the networks of this machine, and calls who is heard there.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// A node to call, too, like http://192.168.1.7:9004, or an invite.
    #[arg(value_name = "URL", value_parser = WhomParser, default_value = "lan", hide_default_value = true)]
    whom: Whom,
    /// Print one line of JSON per check.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let dialer = self.caller.dialer(&self.whom).await?;
        let named = match &self.whom {
            Whom::Peer(url, _) => Some(url.clone()),
            Whom::Lan => None,
        };
        if !self.json {
            output::note("listening for a few seconds …");
        }
        let checks = checks(&examine(&dialer, named).await);
        for check in &checks {
            if self.json {
                output::say(output::ascii(&check.as_json()));
            } else {
                output::say(check);
            }
        }
        let is_well = checks.iter().all(|check| check.state != State::Bad);
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    state: State,
    about: String,
    /// What was seen, and what to do where that is not well.
    words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// It may be meant so.
    Note,
    Bad,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "FAIL",
        }
    }
}

impl Check {
    fn new(state: State, about: impl fmt::Display, words: impl Into<String>) -> Self {
        Self { state, about: about.to_string(), words: words.into() }
    }

    fn as_json(&self) -> serde_json::Value {
        json!({ "state": self.state.as_str().to_lowercase(), "about": self.about, "words": self.words })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {}: {}", self.state.as_str(), self.about, self.words)
    }
}

fn checks(seen: &Examined) -> Vec<Check> {
    let mut checks = Vec::new();
    for (interface, address) in &seen.networks {
        checks.push(Check::new(State::Good, interface, format!("this machine is {address} there")));
    }
    if seen.networks.is_empty() {
        let words = "this machine has no address that others could reach; connect it to a network";
        checks.push(Check::new(State::Bad, "networks", words));
    }
    checks.extend(seen.multicast.iter().map(|(name, is_v6, ears)| multicast(name, *is_v6, ears)));
    checks.extend(seen.nodes.iter().map(node));
    if seen.nodes.is_empty() {
        let words = "none says to be here. Is one running (tinyp2p serve, without --no-discovery) on the same network? Guest \
                     WLANs and networks behind another router pass on no announcements: name a node by its URL there";
        checks.push(Check::new(State::Bad, "nodes", words));
    }
    if seen.left_out > 0 {
        checks.push(Check::new(State::Note, "nodes", format!("{} more were heard, and not called", seen.left_out)));
    }
    checks
}

/// Whether announcements pass.
fn multicast(name: &str, is_v6: bool, ears: &Result<Ears, String>) -> Check {
    let about = format!("{name}, multicast over IPv{}", if is_v6 { 6 } else { 4 });
    match ears {
        Ok(Ears::Others) => Check::new(State::Good, about, "other machines are heard"),
        Ok(Ears::Echo) => Check::new(
            State::Note,
            about,
            "only this machine is heard: there may be nobody else, or the network keeps its devices apart",
        ),
        // Nodes find each other over one of the two just as well.
        Ok(Ears::Nobody) => Check::new(
            if is_v6 { State::Note } else { State::Bad },
            about,
            "not even this machine is heard: a firewall here may drop multicast DNS; let UDP port 5353 in",
        ),
        Err(why) => Check::new(
            State::Bad,
            about,
            format!("cannot listen: {why} (another program may have UDP port 5353 for itself, or it is a tunnel)"),
        ),
    }
}

/// What came of calling a node.
fn node(called: &Called) -> Check {
    let where_it_is = if called.is_here { " (this machine)" } else { "" };
    let about = format!("{}{where_it_is}", called.url);
    match &called.answer {
        Ok((told, time)) => {
            let name = told.peers.first().and_then(|itself| itself.name.as_deref());
            let name = name.map(|name| format!("“{}” ", Printable::short(name, limits::PEER_NAME_BYTES)));
            let words = format!(
                "{}proves the password, answers in {} ms, knows {} peers",
                name.unwrap_or_default(),
                time.as_millis(),
                told.peers.len().saturating_sub(1)
            );
            Check::new(State::Good, about, words)
        }
        Err(error) if error.is_refusal() => Check::new(State::Note, about, format!("another password: {error}")),
        Err(CallError::NoBridge) => Check::new(State::Note, about, CallError::NoBridge.to_string()),
        Err(error) => Check::new(State::Bad, about, format!("{error}. {}", advice(&called.url))),
    }
}

fn advice(url: &PeerUrl) -> String {
    format!(
        "Is it still running there? A firewall of that machine may keep others out (let TCP port {} in), or the network keeps \
         its devices apart",
        url.port()
    )
}
