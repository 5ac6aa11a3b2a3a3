//! The two commands of 2004, argument for argument.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use shared::{Password, PatternKind, PeerUrl};
use tokio::net::lookup_host;
use tokio_util::sync::CancellationToken;

use super::caller;
use super::get::Gone;
use super::output::{self, Failure};
use super::password;
use crate::download::{self, Job, Selection};
use crate::http::ServeLimits;
use crate::run::{self, Config};

/// `PASSWORD server HOST PORT [OTHERURL…]` or `PASSWORD client SERVERURL PATTERN`.
#[derive(Debug)]
pub(super) struct Classic {
    password: Password,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Server { host: String, port: String, others: Vec<String> },
    Client { server: String, pattern: String },
}

const SERVER: &str = "usage: tinyp2p PASSWORD server HOST PORT [OTHERURL…]";
const CLIENT: &str = "usage: tinyp2p PASSWORD client SERVERURL PATTERN";

/// Recognises the form of 2004: its second word is `server` or `client`, and there are enough of them. No command of ours
/// has such a second word with as many arguments. Where there are not, and the first is no command, it says what is missing:
/// who reads our arguments otherwise would show the password.
pub(super) fn parse(arguments: &[OsString], is_command: impl Fn(&str) -> bool) -> Option<Result<Classic, Failure>> {
    let words: Vec<&str> = arguments.iter().skip(1).map(|word| word.to_str()).collect::<Option<_>>()?;
    let (password, action) = match words.as_slice() {
        [password, "server", host, port, others @ ..] => {
            let others = others.iter().map(|other| (*other).to_owned()).collect();
            (password, Action::Server { host: (*host).to_owned(), port: (*port).to_owned(), others })
        }
        [password, "client", server, pattern] => {
            (password, Action::Client { server: (*server).to_owned(), pattern: (*pattern).to_owned() })
        }
        [first, ..] if first.starts_with('-') || is_command(first) => return None,
        [_, "server", ..] => return Some(Err(Failure::Usage(SERVER.to_owned()))),
        [_, "client", ..] => return Some(Err(Failure::Usage(CLIENT.to_owned()))),
        _ => return None,
    };
    Some(Ok(Classic { password: Password::new(*password), action }))
}

impl Classic {
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<ExitCode, Failure> {
        output::note(password::IN_ARGUMENTS);
        match self.action {
            Action::Server { host, port, others } => serve(self.password, &host, &port, &others, shutdown).await,
            Action::Client { server, pattern } => {
                let pool = url(&server)?;
                let job = Job {
                    pool,
                    // As in 2004: what lies directly in the peers' folders.
                    wanted: Selection::new(PatternKind::Regex, &pattern, false).map_err(Failure::Usage)?,
                    to: ".".into(),
                    dry_run: false,
                    max_file_size: None,
                    alone: false,
                };
                let dialer = caller::dialer(self.password.clone(), Some(self.password)).await?;
                // Its bars are gone before the last word is said.
                let report = {
                    let observer = output::observer(false);
                    download::run(&dialer, job, observer.as_ref(), shutdown).await?
                };
                // As in 2004, that nothing matches is no failure.
                Ok(output::conclude(&report, &Gone::default(), false, true))
            }
        }
    }
}

fn url(text: &str) -> Result<PeerUrl, Failure> {
    PeerUrl::parse(text).map_err(|error| Failure::Usage(format!("{}: {error}", shared::Printable::short(text, 100))))
}

async fn serve(
    password: Password,
    host: &str,
    port: &str,
    others: &[String],
    shutdown: CancellationToken,
) -> Result<ExitCode, Failure> {
    // The text that was typed is what the token is keyed by, so it is what others must type too.
    let own = url(&format!("http://{host}:{port}"))?;
    let join = others.iter().map(|other| url(other)).collect::<Result<_, _>>()?;
    let addresses = lookup_host((own.host(), own.port())).await;
    let address: SocketAddr = addresses
        .map_err(|error| Failure::Usage(format!("{host} cannot be found: {error}")))?
        .next()
        .ok_or_else(|| Failure::Usage(format!("{host} has no address")))?;
    let listener = run::bind(address)?;
    let limits = ServeLimits::of_this_process();
    let config = Config { url: Some(own), join, limits, ..Config::new(password, ".") };
    let prepared = run::prepare(config, listener).await?;
    output::announce(prepared.node(), None, false);
    prepared.run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_classic(line: &str) -> bool {
        let words: Vec<OsString> = std::iter::once("tinyp2p").chain(line.split(' ')).map(OsString::from).collect();
        matches!(parse(&words, is_command), Some(Ok(_)))
    }

    fn is_command(word: &str) -> bool {
        ["serve", "get", "ls", "peers"].contains(&word)
    }

    #[test]
    fn tells_the_form_of_2004_from_ours() {
        assert!(is_classic("secret server 127.0.0.1 9001"));
        assert!(is_classic("secret server 127.0.0.1 9001 http://a:1 http://b:2"));
        assert!(is_classic("secret client http://a:1 txt"));
        assert!(is_classic("serve server 127.0.0.1 9001"));
        for ours in ["serve .", "get http://a:1 client", "ls http://a:1 x --long", "peers http://a:1", "secret client"]
        {
            assert!(!is_classic(ours), "{ours}");
        }
        let said = |line: &str| {
            let words: Vec<OsString> = std::iter::once("tinyp2p").chain(line.split(' ')).map(OsString::from).collect();
            parse(&words, is_command).map(|parsed| parsed.map(drop).map_err(|failure| failure.to_string()))
        };
        assert_eq!(said("hunter2 server 192.168.1.7"), Some(Err(SERVER.to_owned())));
        assert_eq!(said("hunter2 client http://a:1"), Some(Err(CLIENT.to_owned())));
        assert_eq!(said("hunter2 client http://a:1 x y"), Some(Err(CLIENT.to_owned())));
        for ours in ["get server", "-v client", "hunter2", "serve server"] {
            assert_eq!(said(ours), None, "{ours}");
        }
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let words: Vec<OsString> = ["tinyp2p", "hunter2", "client", "http://a:1", "x"].map(OsString::from).to_vec();
        assert!(!format!("{:?}", parse(&words, is_command)).contains("hunter2"));
    }
}
