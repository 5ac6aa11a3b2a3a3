//! Addresses for plain downloads.

use std::process::Command;
use std::time::Duration;

use shared::xmlrpc::{read_reply, write_call};
use shared::{Password, PeerUrl};

use crate::PASSWORD;
use crate::harness::process::wait_for;

/// Where the file of the peer at this URL can be had, once it is listed.
pub(crate) fn ticket(url: &str, name: &str) -> String {
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(url).expect("a URL")).reveal().to_owned();
    let call = String::from_utf8(write_call("tinyp2p.ticket", &[token.as_str().into(), name.into()])).expect("XML");
    wait_for("a ticket", Duration::from_secs(20), || {
        let answer = Command::new("curl").args(["--silent", "--data-binary", &call, url]).output().expect("curl");
        read_reply(&answer.stdout).ok()?.ok()?.into_text().ok()
    })
}
