//! Sessions that break in the middle: what was told is not told again.

use libtest_mimic::Trial;

use super::{PATIENCE, Searcher, serve, wait_until_followed};
use crate::harness::between::{Between, From, Way};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::tree;

pub(super) fn trials() -> Vec<Trial> {
    vec![test("follow::who_was_cut_off_is_told_what_changed_and_not_all", cut_off)]
}

/// So that the whole takes 450 KB, and what changes a tenth of it.
const FILES: usize = 2_000;
const CHANGES: usize = 120;

fn cut_off() {
    let share = tempfile::tempdir().unwrap();
    let write = |name: &str, number: usize| {
        std::fs::write(share.path().join(format!("{name} {number:05} {}", "x".repeat(180))), "").unwrap();
    };
    (0..FILES).for_each(|number| write("first", number));
    // In between whichever of the two dials.
    let betweens = [Between::new(), Between::new()];
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    for (between, port) in betweens.iter().zip(&ports) {
        between.lead_to(&format!("127.0.0.1:{port}"));
    }
    let empty = tree(&[]);
    let _a = serve(share.path(), &["--port", &ports[0], "--url", &betweens[0].url]);
    let b = serve(empty.path(), &["--port", &ports[1], "--url", &betweens[1].url, "--join", &betweens[0].url]);
    let searcher = Searcher::calling(&format!("http://127.0.0.1:{}", ports[1]));
    wait_until_followed(&b, &betweens[0].url, 1);
    // What `b` heard of `a`, over all connections since.
    let heard = || {
        let as_caller: usize = betweens[0].heard().iter().map(|heard| heard.to_caller.len()).sum();
        let as_called: usize = betweens[1].heard().iter().map(|heard| heard.from_caller.len()).sum();
        as_caller + as_called
    };
    let whole = heard();
    assert!(whole > FILES * 180, "{whole} bytes");
    // Each file changes once more when it is hashed.
    wait_for("all files to be hashed", PATIENCE, || {
        let found = searcher.search("first");
        let hashed = found.rows.get(&betweens[0].url).into_iter().flatten().filter(|row| row.id.is_some());
        (hashed.count() == FILES).then_some(())
    });

    // Cut in the middle of what changed, once and again.
    betweens[0].will(Way::Cut(From::Node, 20_000));
    betweens[1].will(Way::Cut(From::Caller, 20_000));
    (0..CHANGES).for_each(|number| write("second", number));
    wait_for("a session to be cut again", PATIENCE, || (heard() >= 20_000).then_some(()));
    betweens.iter().for_each(|between| between.will(Way::Pass));
    wait_until_followed(&b, &betweens[0].url, 2);
    wait_for("all that changed to be found", PATIENCE, || {
        (searcher.search("second").names(&betweens[0].url).len() == CHANGES).then_some(())
    });
    let again = heard();
    assert!(again < whole / 2, "{again} bytes for a tenth of {whole}");
    let found = searcher.search("");
    assert_eq!((found.names(&betweens[0].url).len(), found.failed.len()), (FILES + CHANGES, 0));
}
