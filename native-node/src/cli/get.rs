//! `tinyp2p get`: download what matches, from every peer.

use std::path::PathBuf;
use std::process::ExitCode;

use shared::PeerUrl;
use tokio_util::sync::CancellationToken;

use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::{PatternArguments, peer_url};
use crate::download::{self, Job};

/// Download every matching file that is not here yet, from all peers of a network.
///
/// Nothing that is already here is ever replaced. A file appears under its name only when it is complete and on the disk.
#[derive(Debug, clap::Args)]
pub(super) struct Get {
    /// Any peer of the network, like http://192.168.1.7:9004.
    #[arg(value_parser = peer_url)]
    url: PeerUrl,
    #[command(flatten)]
    pattern: PatternArguments,
    /// Save into this folder; it is made where it is missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// Only say what would be downloaded.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Give up on a file that is larger than this many bytes, where its size is not known before.
    #[arg(long, value_name = "BYTES", default_value_t = download::MAX_UNANNOUNCED)]
    max_file_size: u64,
    /// Neither give pieces of a large file to others who fetch the same at this time, nor take them from there.
    #[arg(long)]
    alone: bool,
    /// Print one line of JSON per file, and one at the end, instead of progress.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

impl Get {
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<ExitCode, Failure> {
        let dialer = self.caller.dialer().await?;
        let job = Job {
            pool: self.url,
            kind: self.pattern.kind(),
            pattern: self.pattern.pattern,
            folders: true,
            to: self.to,
            dry_run: self.dry_run,
            max_file_size: self.max_file_size,
            alone: self.alone,
        };
        // Its bars are gone before the last word is said.
        let report = {
            let observer = output::observer(self.json);
            download::run(&dialer, job, observer.as_ref(), shutdown).await?
        };
        Ok(output::conclude(&report, self.json))
    }
}
