//! `tinyp2p ls`: what all peers share, without fetching any of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;
use shared::{PeerUrl, Printable, SharedPath};

use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::{PatternArguments, peer_url};
use crate::download::{Offered, Wanted, offers_known};

/// List the matching files of all peers of a network.
#[derive(Debug, clap::Args)]
pub(super) struct Ls {
    /// Any peer of the network, like http://192.168.1.7:9004.
    #[arg(value_parser = peer_url)]
    url: PeerUrl,
    #[command(flatten)]
    pattern: PatternArguments,
    /// Show size, time of the last change, and who has it.
    #[arg(short, long)]
    long: bool,
    /// Print one line of JSON per file and holder.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

impl Ls {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let dialer = self.caller.dialer().await?;
        let wanted = Wanted::new(self.pattern.kind(), &self.pattern.pattern, true).map_err(Failure::Usage)?;
        let mut rows: BTreeMap<SharedPath, Vec<(PeerUrl, Offered)>> = BTreeMap::new();
        let mut code = ExitCode::SUCCESS;
        let mut offers = offers_known(&dialer, &self.url, &wanted).await?;
        while let Some((peer, offered)) = offers.next().await {
            match offered {
                Ok(files) => {
                    for refused in &files.refused {
                        eprintln!("{peer} offers a name that is not accepted: {refused}");
                        code = ExitCode::FAILURE;
                    }
                    if files.more_refused > 0 {
                        eprintln!("{peer} offers {} more such names", files.more_refused);
                    }
                    for file in files.files {
                        rows.entry(file.path.clone()).or_default().push((peer.clone(), file));
                    }
                }
                Err(error) => {
                    eprintln!("{peer}: {error}");
                    code = ExitCode::FAILURE;
                }
            }
        }
        match self.print(&rows) {
            // Whoever reads us through `head` has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(error.to_string())),
            _ => Ok(code),
        }
    }

    fn print(&self, rows: &BTreeMap<SharedPath, Vec<(PeerUrl, Offered)>>) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let widest = rows.values().flatten().map(|(peer, _)| peer.as_str().len()).max().unwrap_or_default();
        for (path, holders) in rows {
            if self.json {
                for (peer, file) in holders {
                    let line = json!({
                        "path": path.as_str(), "peer": peer.as_str(), "size": file.size, "modified": file.modified,
                        "id": file.id.map(|id| id.to_string()),
                    });
                    writeln!(out, "{}", output::ascii(&line))?;
                }
            } else if self.long {
                for (peer, file) in holders {
                    let size = file.size.map_or_else(|| "?".to_owned(), output::bytes);
                    let date = file.modified.map_or_else(|| "?".to_owned(), output::date);
                    writeln!(out, "{size:>10}  {date:>16}  {:widest$}  {}", peer.as_str(), Printable(path.as_str()))?;
                }
            } else {
                writeln!(out, "{}", Printable(path.as_str()))?;
            }
        }
        out.flush()
    }
}
