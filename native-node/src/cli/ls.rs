//! `tinyp2p ls`: what all peers share, without fetching any of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;
use shared::{ContentId, PeerUrl, Printable};

use super::PatternArguments;
use super::caller::CallerArguments;
use super::output::{self, Failure};
use super::whom::{Whom, WhomParser};
use crate::download::{LastSeen, Offered, offers_known};

/// List the matching files of all peers of a network.
#[derive(Debug, clap::Args)]
pub(super) struct Ls {
    /// Any peer of the network, like http://192.168.1.7:9004, or an invite; "lan": a node on this network that proves the
    /// password.
    #[arg(value_name = "URL", value_parser = WhomParser)]
    whom: Whom,
    #[command(flatten)]
    pattern: PatternArguments,
    /// Show size, time of the last change, and who has it.
    #[arg(short, long)]
    long: bool,
    /// Show also what those shared in the last 24 hours that are away now; it cannot be fetched before they are back.
    #[arg(long)]
    away: bool,
    /// Print one line of JSON per file and holder.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    caller: CallerArguments,
}

/// Who has a file, or had it when last seen.
struct Holder {
    peer: PeerUrl,
    file: Offered,
    last_seen: Option<LastSeen>,
}

/// The widest that is said of when somebody was last seen.
const SEEN: usize = "last seen 24 hours ago".len();

/// What everybody has, by the name its holders give it.
type Rows = BTreeMap<String, Vec<Holder>>;

impl Ls {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        // Before anybody is looked for.
        let wanted = self.pattern.wanted()?;
        let dialer = self.caller.dialer(&self.whom).await?;
        let pool = self.whom.peer(&dialer).await?;
        let mut rows = Rows::new();
        let mut code = ExitCode::SUCCESS;
        let mut offers = offers_known(&dialer, &pool, &wanted, self.away).await?;
        while let Some((peer, offered)) = offers.next().await {
            match offered {
                Ok(files) => {
                    for refused in &files.refused {
                        output::note(format_args!("{peer} offers a name that is not accepted: {refused}"));
                        code = ExitCode::FAILURE;
                    }
                    if files.more_refused > 0 {
                        output::note(format_args!("{peer} offers {} more such names", files.more_refused));
                    }
                    for file in files.files {
                        let (peer, last_seen) = (peer.clone(), files.last_seen.clone());
                        rows.entry(file.name.clone()).or_default().push(Holder { peer, file, last_seen });
                    }
                }
                Err(error) => {
                    output::note(format_args!("{peer}: {error}"));
                    code = ExitCode::FAILURE;
                }
            }
        }
        if self.away {
            leave_out_what_is_here(&mut rows);
        }
        if rows.is_empty() && code == ExitCode::SUCCESS && !self.pattern.is_everything() {
            output::note(output::NOTHING);
            code = ExitCode::FAILURE;
        }
        match self.print(&rows) {
            // Whoever reads us through `head` has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(error.to_string())),
            _ => Ok(code),
        }
    }

    fn print(&self, rows: &Rows) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let widest = rows.values().flatten().map(|holder| holder.peer.as_str().len()).max().unwrap_or_default();
        let seen = |holder: &Holder| holder.last_seen.as_ref().map(|seen| output::last_seen(seen.seconds));
        for (name, holders) in rows {
            if self.json {
                for holder @ Holder { peer, file, .. } in holders {
                    let mut line = json!({
                        "path": name, "peer": peer.as_str(), "size": file.size, "modified": file.modified,
                        "id": file.id.map(|id| id.to_string()),
                    });
                    if let Some(fields) = line.as_object_mut() {
                        if file.path.as_str() != name {
                            fields.insert("save_as".to_owned(), json!(file.path.as_str()));
                        }
                        if self.away {
                            let seconds = holder.last_seen.as_ref().map(|seen| seen.seconds);
                            fields.insert("last_seen_s".to_owned(), json!(seconds));
                        }
                    }
                    writeln!(out, "{}", output::ascii(&line))?;
                }
            } else if self.long {
                for holder @ Holder { peer, file, .. } in holders {
                    let size = file.size.map_or_else(|| "?".to_owned(), output::bytes);
                    let date = file.modified.map_or_else(|| "?".to_owned(), output::date);
                    write!(out, "{size:>10}  {date:>16}  {:widest$}  ", peer.as_str())?;
                    if self.away {
                        write!(out, "{:SEEN$}  ", seen(holder).as_deref().unwrap_or("here"))?;
                    }
                    writeln!(out, "{}", Printable(name))?;
                }
            } else {
                // Those who are here come first, of the others who was seen last.
                let nearest = holders.iter().min_by_key(|holder| holder.last_seen.as_ref().map(|seen| seen.seconds));
                match nearest.and_then(seen) {
                    Some(seen) => writeln!(out, "{}  ({seen})", Printable(name))?,
                    None => writeln!(out, "{}", Printable(name))?,
                }
            }
        }
        out.flush()
    }
}

/// Of a content that somebody has who is here, nobody who is away is of interest.
fn leave_out_what_is_here(rows: &mut Rows) {
    let all = rows.values().flatten();
    let here: BTreeSet<ContentId> =
        all.filter(|holder| holder.last_seen.is_none()).filter_map(|holder| holder.file.id).collect();
    rows.retain(|_, holders| {
        holders.retain(|Holder { file, last_seen, .. }| {
            last_seen.is_none() || file.id.is_none_or(|id| !here.contains(&id))
        });
        !holders.is_empty()
    });
}
