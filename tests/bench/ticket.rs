//! Addresses for plain downloads.

use std::process::Command;
use std::time::Duration;

use shared::xmlrpc::{Value, read_reply, write_call};
use shared::{Password, PeerUrl};

use crate::PASSWORD;
use crate::harness::process::wait_for;

/// Where the file of the peer at this URL can be had, once it is listed.
pub(crate) fn ticket(url: &str, name: &str) -> String {
    address(url, "tinyp2p.ticket", &[name])
}

/// What a method answers that takes a token, this and answers with a URL, once it does.
pub(crate) fn address(url: &str, method: &str, more: &[&str]) -> String {
    let token = Password::new(PASSWORD).token(&PeerUrl::parse(url).expect("a URL"));
    let parameters: Vec<Value> = [&[token.reveal()], more].concat().into_iter().map(Value::from).collect();
    let call = String::from_utf8(write_call(method, &parameters)).expect("XML");
    wait_for("an address", Duration::from_secs(20), || {
        let answer = Command::new("curl").args(["--silent", "--data-binary", &call, url]).output().expect("curl");
        read_reply(&answer.stdout).ok()?.ok()?.into_text().ok()
    })
}
