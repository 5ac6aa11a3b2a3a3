//! Very many tabs at one node that do nothing: they cost little, and all answer.

use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::Trial;
use native_node::bridge::{Identity, Named, Opened, connect};
use native_node::link::{Answer, Handler, Link};
use shared::Password;
use shared::bridge::{Exchange, Message, ResetCode, Role, Side};

use super::{PASSWORD, peer};
use crate::harness::node::Node;
use crate::harness::tab::hello;
use crate::harness::test;
use crate::harness::tree::tree;

const TABS: u64 = 2_000;

pub(super) fn trials() -> Vec<Trial> {
    vec![test("tabs::two_thousand_idle_tabs_take_little_memory", idle)]
}

/// Hears nothing and answers nothing.
struct Deaf;

impl Handler for Deaf {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, _: Message, answer: Answer) {
        answer.fail(ResetCode::UNKNOWN, "");
    }
}

fn idle() {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let identity = Identity::new(&Password::new(PASSWORD), false).await.unwrap();
        let url = peer(&node.url);
        let open = async |number: u64| {
            let Opened { session, socket, .. } = connect(&identity, &url, Named::ByPerson).await.unwrap();
            let (link, _) = Link::start(session, socket, Side::Initiator, Arc::new(Deaf));
            let secret = [number.to_le_bytes(), [0; 8]].concat();
            link.say(hello(Role::Tab, "idle", Some(secret))).await.unwrap();
            link
        };
        // What comes with the first is not counted: the password is prepared, code is loaded.
        let mut links = vec![open(0).await];
        node.forget_peak_memory();
        let before = node.peak_memory();
        for number in 1..TABS {
            links.push(open(number).await);
        }
        let joined = begun.elapsed();
        let asking = links.iter().map(async |link| {
            let mut replies = link.ask(Exchange { of: String::new(), tell: vec![] }, 0).await.unwrap();
            replies.message().await.is_ok()
        });
        let answers = futures_util::future::join_all(asking).await;
        assert!(answers.iter().all(|answered| *answered));
        let growth = node.peak_memory().saturating_sub(before);
        eprintln!("{TABS} idle tabs: {} KiB each; opened in {joined:?}", growth / 1024 / TABS);
        assert!(growth <= 64 << 20, "{growth} bytes more");
    });
}
