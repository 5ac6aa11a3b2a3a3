//! `tinyp2p put`: put files and folders into a node that takes them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::caller::{dialer_of, password_for};
use super::output::{self, Failure};
use super::password::PasswordArguments;
use super::whom::{Whom, WhomParser};
use crate::put::{self, Putting};

/// Put files and folders into the folder of a node that takes them, for everybody there.
///
/// The node has to be one that was started with `serve --drop-box`. Nothing that it has is replaced: another file of the same name
/// gets a number, and what it has already is not sent. What was interrupted goes on where it was: run the same command again.
#[derive(Debug, clap::Args)]
pub(super) struct PutArguments {
    /// The node, like http://192.168.1.7:9004, or an invite; "lan": one on this network that proves the password and takes files.
    #[arg(value_name = "URL", value_parser = WhomParser)]
    whom: Whom,
    /// Files, and folders with all that is in them except hidden files and links.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print one line of JSON per file, and one at the end, instead of progress.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

impl PutArguments {
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<ExitCode, Failure> {
        let files = self.files;
        // Before a password is asked for, or anybody looked for.
        let putting = tokio::task::spawn_blocking(move || Putting::of(&files)).await;
        let putting = putting.map_err(|error| Failure::Failed(error.to_string()))??;
        let found = async {
            let password = password_for(&self.whom, &self.password).await?;
            // A peer of 2004 takes no files.
            let dialer = dialer_of(password, None, putting.start()).await?;
            let will_do = async |url: &_| put::takes(&dialer, url).await.is_ok();
            let node = self.whom.peer_that(&dialer, will_do).await?;
            Ok::<_, Failure>((dialer, node))
        };
        let (dialer, node) = shutdown.run_until_cancelled(found).await.ok_or(Failure::Interrupted)??;
        let report = putting.run(&dialer, &node, Arc::from(output::observer(self.json)), &shutdown).await?;
        Ok(output::conclude_put(&report, self.json))
    }
}
