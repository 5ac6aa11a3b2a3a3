//! `tinyp2p get`: download what matches, from every peer.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use shared::PeerUrl;
use tokio_util::sync::CancellationToken;

use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::whom::{Whom, WhomParser};
use super::{PatternArguments, size};
use crate::dial::Dialer;
use crate::download::{self, Job, LastSeen, Report, Selection, offers_known};

/// Download every matching file that is not here yet, from all peers of a network.
///
/// Nothing that is already here is ever replaced. A file appears under its name only when it is complete and on the disk.
#[derive(Debug, clap::Args)]
pub(super) struct Get {
    /// Any peer of the network, like http://192.168.1.7:9004, or an invite; "lan": a node on this network that proves the
    /// password.
    #[arg(value_name = "URL", value_parser = WhomParser)]
    whom: Whom,
    #[command(flatten)]
    pattern: PatternArguments,
    /// Save into this folder; it is made where it is missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// Only say what would be downloaded.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Leave out files that are larger than this: bytes, or as in 10M or 2G. [default: any size that is told before it is
    /// fetched, and 16G of a peer of 2004, which does not tell]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file_size: Option<u64>,
    /// Neither give pieces of a large file to others who fetch the same at this time, nor take them from there.
    #[arg(long)]
    alone: bool,
    /// Print one line of JSON per file, and one at the end, instead of progress.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

impl Get {
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<ExitCode, Failure> {
        // Before a password is asked for, or anybody looked for.
        let wanted = self.pattern.wanted()?;
        let found = async {
            let dialer = self.caller.dialer(&self.whom).await?;
            let pool = self.whom.peer(&dialer).await?;
            Ok::<_, Failure>((dialer, pool))
        };
        let (dialer, pool) = shutdown.run_until_cancelled(found).await.ok_or(Failure::Interrupted)??;
        let job = Job {
            pool: pool.clone(),
            wanted: wanted.clone(),
            to: self.to.clone(),
            dry_run: self.dry_run,
            max_file_size: self.max_file_size,
            alone: self.alone,
        };
        // Its bars are gone before the last word is said.
        let report = {
            let observer = output::observer(self.json);
            download::run(&dialer, job, observer.as_ref(), shutdown.clone()).await?
        };
        let gone = tokio::select! {
            gone = gone(&dialer, &pool, &wanted, &report) => gone,
            () = shutdown.cancelled() => Gone::default(),
        };
        Ok(output::conclude(&report, &gone, self.json, self.pattern.is_everything()))
    }
}

/// Where nothing matches, what would if somebody were back.
async fn gone(dialer: &Dialer, pool: &PeerUrl, wanted: &Selection, report: &Report) -> Gone {
    let mut gone = Gone::default();
    if !report.is_nothing() {
        return gone;
    }
    // What is told then is more than is owed: without it nothing is said.
    let Ok(mut offers) = offers_known(dialer, pool, wanted, true).await else { return gone };
    let mut names = BTreeSet::new();
    while let Some((peer, offered)) = offers.next().await {
        let Ok(offered) = offered else { continue };
        let Some(last_seen) = offered.last_seen.filter(|_| !offered.files.is_empty()) else { continue };
        let count = offered.files.len();
        names.extend(offered.files.into_iter().map(|file| file.path));
        gone.peers.push(GonePeer { peer, last_seen, count });
    }
    gone.files = names.len();
    gone.peers.sort_by_key(|gone| gone.last_seen.seconds);
    gone
}

/// What matches at peers that are away.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// Those that have any of it, who was seen last first.
    pub(super) peers: Vec<GonePeer>,
    /// How many files of different names.
    pub(super) files: usize,
}

/// A peer that is away.
#[derive(Debug)]
pub(super) struct GonePeer {
    pub(super) peer: PeerUrl,
    pub(super) last_seen: LastSeen,
    /// How many of its files match.
    pub(super) count: usize,
}
