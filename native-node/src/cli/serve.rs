//! `tinyp2p serve`: share a folder and be a member.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use shared::{Password, PeerUrl};
use tokio_util::sync::CancellationToken;

use super::legacy::LegacyArguments;
use super::output::{self, Failure};
use super::password::{self, PasswordArguments};
use super::whom::PeerParser;
use super::{PORT, peer_url, qr, size};
use crate::discover::Discovery;
use crate::drop_box::DropBoxLimits;
use crate::http::ServeLimits;
use crate::run::{self, Config, NodeError};

/// How many ports after it are tried when it is taken.
const NEXT_PORTS: u16 = 20;

/// Share a folder with everybody who has the password.
///
/// Everything in DIR can then be listed and fetched by all peers, from their browsers too. Nothing is ever written to it, unless you
/// say --drop-box.
/// With no password given, and nobody to join, one is made and shown.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The folder to share.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Listen on this address only.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    bind: IpAddr,
    /// Listen on this port; 0 takes any free one. [default: 9004, or the next free one]
    #[arg(long, overrides_with = "port")]
    port: Option<u16>,
    /// The URL that others reach this node by, where it cannot know it (behind a router, in a container).
    #[arg(long, value_parser = peer_url)]
    url: Option<PeerUrl>,
    /// Join the network of this peer, by its URL or an invite. Can be given more than once; one that answers is enough.
    #[arg(long, value_name = "URL", value_parser = PeerParser)]
    join: Vec<(PeerUrl, Option<Password>)>,
    /// Neither look for other nodes on this network nor be found there.
    #[arg(long)]
    no_discovery: bool,
    /// What people see this node called. [default: the machine's name]
    #[arg(long)]
    name: Option<String>,
    /// Another host name that this node may be called by. Can be given more than once.
    #[arg(long, value_name = "HOST")]
    alias: Vec<String>,
    /// Share files and folders whose names begin with a dot, too.
    #[arg(long)]
    hidden: bool,
    /// Let everybody who has the password put files into DIR, from the page or by `tinyp2p put`; with a SIZE like 50G, as long as
    /// DIR holds no more than that. Nothing that is there is replaced, and some of the disk is left free.
    #[arg(long, value_name = "SIZE", value_parser = size, num_args = 0..=1, require_equals = true)]
    drop_box: Option<Option<u64>>,
    /// Take no larger file than this into the drop box.
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "drop_box")]
    max_file_size: Option<u64>,
    /// Ask for the password.
    #[arg(long)]
    ask: bool,
    /// Print one line of JSON once the node listens.
    #[arg(long)]
    pub(super) json: bool,
    /// Show a QR code for the camera of a phone: it opens the page, and unlocks it where the password was made here.
    #[arg(long, conflicts_with = "json")]
    qr: bool,
    /// Serve the page from this folder instead of the one built in (for working on the page).
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    #[command(flatten)]
    legacy: LegacyArguments,
    /// Take a password that is easily guessed.
    #[arg(long)]
    weak: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

impl Serve {
    pub(super) async fn run(mut self, shutdown: CancellationToken) -> Result<ExitCode, Failure> {
        let (join, invited): (Vec<_>, Vec<_>) = std::mem::take(&mut self.join).into_iter().unzip();
        let given = self.password.given()?.or_else(|| invited.into_iter().flatten().next());
        let (password, made) = match given {
            Some(given) => (given, None),
            // Whoever joins others must know their password; a new one would only be refused.
            None if self.ask || !join.is_empty() => {
                let asked = shutdown.run_until_cancelled(self.password.given_or_asked());
                (asked.await.ok_or(Failure::Interrupted)??, None)
            }
            None => {
                let made = password::make()?;
                (Password::new(made.clone()), Some(made))
            }
        };
        let legacy_password = self.legacy.password()?;
        if !self.weak {
            self.legacy.judge(&password, legacy_password.as_ref())?;
        }
        let listener = self.bind()?;
        let discovery = if self.no_discovery {
            Discovery::Off
        } else if made.is_some() {
            Discovery::Shown
        } else {
            Discovery::Seeking
        };
        let limits = |folder_bytes| DropBoxLimits { folder_bytes, file_bytes: self.max_file_size };
        let drop_box = self.drop_box.map(limits);
        let config = Config {
            legacy: self.legacy.is_on(),
            legacy_password,
            url: self.url,
            join,
            discovery,
            name: self.name,
            aliases: self.alias,
            hidden: self.hidden,
            drop_box,
            www: self.www,
            limits: ServeLimits::of_this_process(),
            ..Config::new(password, self.dir)
        };
        let address = listener.local_addr().map_err(NodeError::Listener)?;
        let mut listener = listener;
        loop {
            let prepared = run::prepare(config.clone(), listener).await?;
            if self.json {
                output::announce_json(prepared.node(), made.as_deref());
            } else {
                output::announce(prepared.node(), made.as_deref(), prepared.is_found());
                if self.qr {
                    output::show_code(&qr::link(prepared.node().url(), made.as_deref()));
                }
            }
            if !prepared.run_here(&shutdown).await? {
                return Ok(ExitCode::SUCCESS);
            }
            output::note("this machine has another address now, and so has this node:");
            listener = run::bind(address)?;
        }
    }

    /// The port that was asked for, or the first free one.
    fn bind(&self) -> Result<tokio::net::TcpListener, Failure> {
        if let Some(port) = self.port {
            return Ok(run::bind(SocketAddr::new(self.bind, port))?);
        }
        for port in PORT..PORT + NEXT_PORTS {
            match run::bind(SocketAddr::new(self.bind, port)) {
                Err(error) if error.is_taken() => {}
                bound => return Ok(bound?),
            }
        }
        Ok(run::bind(SocketAddr::new(self.bind, 0))?)
    }
}
