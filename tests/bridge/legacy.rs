//! What `--legacy off` and another password for peers of 2004 change.

use libtest_mimic::Trial;
use shared::{Password, PeerUrl};

use super::caller::{Caller, destination, secret};
use super::on_runtime;
use crate::harness::node::{Node, run, tinyp2p};
use crate::harness::test;
use crate::harness::tree::tree;
use crate::hostile::victim::PASSWORD;
use crate::hostile::wire::{Answer, ask, call, request, rpc, string};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("bridge::d9_without_2004_every_token_is_a_wrong_one", off),
        test("bridge::another_password_for_2004_is_good_for_2004_only", another_password),
        test("bridge::weak_passwords_are_refused_or_warned_about", weak),
    ]
}

/// `f(token, 1, "")` and the search, with the token of this password for the node's URL.
fn calls(node: &Node, password: &str) -> [Answer; 2] {
    let token = Password::new(password).token(&PeerUrl::parse(&node.url).unwrap());
    let token = string(token.reveal());
    let f = rpc(node, call("f", &[&token, "<int>1</int>", &string("")]));
    [f, rpc(node, call("tinyp2p.search", &[&token, &string("words"), &string("")]))]
}

/// An answer without the moment it was given in.
fn timeless(answer: &Answer) -> (String, String) {
    let head: Vec<&str> = answer.head.lines().filter(|line| !line.to_lowercase().starts_with("date:")).collect();
    (head.join("\n"), answer.body.clone())
}

fn about(node: &Node) -> serde_json::Value {
    serde_json::from_str(&ask(node, request(node, "GET /node.json HTTP/1.1", "", "")).unwrap().body).unwrap()
}

fn off() {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &["--legacy", "off"]);
    let (right, wrong) = (calls(&node, PASSWORD), calls(&node, "wrong"));
    for (right, wrong) in right.iter().zip(&wrong) {
        assert!(right.is_refusal(), "{right:?}");
        assert_eq!(timeless(right), timeless(wrong));
    }
    assert_eq!(about(&node)["legacy"], false);
    on_runtime(async {
        let session = Caller::of(&node).await.prove(&secret(PASSWORD), &destination(&node)).await.session();
        assert!(!session.peer.flags.contains(shared::bridge::Flags::LEGACY));
    });
    // With 2004 on, a wrong token is answered with the very same bytes.
    let on = Node::serve(share.path(), PASSWORD, &[]);
    for (on, off) in calls(&on, "wrong").iter().zip(&wrong) {
        assert_eq!(on.body, off.body);
    }
    assert!(calls(&on, PASSWORD)[0].body.contains("a.txt"));
    assert_eq!(about(&on)["legacy"], true);
}

fn another_password() {
    let share = tree(&[("a.txt", b"a")]);
    let mut command = tinyp2p(PASSWORD);
    command.args(["serve", "--bind", "127.0.0.1", "--port", "0", "--json"]).arg(share.path());
    command.env("TINYP2P_LEGACY_PASSWORD", "another one for the old");
    let node = Node::start(&mut command);
    assert!(calls(&node, "another one for the old")[0].body.contains("a.txt"));
    assert!(calls(&node, PASSWORD)[0].is_refusal());
    on_runtime(async {
        let name = destination(&node);
        Caller::of(&node).await.prove(&secret(PASSWORD), &name).await.session();
        let refused = Caller::of(&node).await.prove(&secret("another one for the old"), &name).await;
        assert_eq!(refused.code(), Some(4001));
    });
    let output = run(command.args(["--legacy", "off"]));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("of no use with --legacy off"), "{output:?}");
}

fn weak() {
    let share = tree(&[]);
    let refused = run(tinyp2p("secret").args(["serve", "--legacy", "off"]).arg(share.path()));
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("easily guessed"), "{refused:?}");
    let warned = |password: &str, more: &[&str]| {
        let node = Node::serve(share.path(), password, more);
        let output = node.process.interrupt(std::time::Duration::from_secs(10));
        String::from_utf8_lossy(&output.stderr).contains("easily guessed")
    };
    assert!(warned("secret", &[]));
    assert!(!warned("secret", &["--weak"]));
    assert!(!warned("secret", &["--weak", "--legacy", "off"]));
    assert!(!warned("correct horse battery", &[]));
}
