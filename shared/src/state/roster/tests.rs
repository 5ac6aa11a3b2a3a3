//! The state machine, step by step, against a clock that the test turns.

use super::*;
use std::time::Duration;

fn url(text: &str) -> PeerUrl {
    PeerUrl::parse(text).unwrap()
}

fn texts(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|url| (*url).to_owned()).collect()
}

fn listed(roster: &Roster) -> Vec<&str> {
    roster.live().map(PeerUrl::as_str).collect()
}

fn state(roster: &Roster, of: &str) -> Option<MemberState> {
    roster.members().into_iter().find(|member| member.url.as_str() == of).map(|member| member.state)
}

const ME: &str = "http://10.0.0.1:9004";
const A: &str = "http://10.0.0.2:9004";
const B: &str = "http://10.0.0.3:9004";

/// Runs until `end`, answering each dial at once with what `answer` says; the dials and their times.
fn run(
    roster: &mut Roster,
    now: &mut Moment,
    end: Moment,
    mut answer: impl FnMut(&Dial) -> DialOutcome,
) -> Vec<(Moment, String)> {
    let mut dials = Vec::new();
    loop {
        while let Some(dial) = roster.poll_dial(*now) {
            dials.push((*now, dial.url.to_string()));
            roster.handle_dialed(*now, &dial.url, answer(&dial));
        }
        let next = roster.next_wakeup(*now).max(Moment(now.0 + 1));
        if next > end {
            *now = end;
            return dials;
        }
        *now = next;
    }
}

fn joined(now: &mut Moment) -> Roster {
    let mut roster = Roster::new(url(ME), 7);
    assert!(roster.handle_exchange(*now, Scope::Lan, &texts(&[A])).len() == 1, "nobody unverified is listed");
    let soon = *now + Duration::from_secs(1);
    run(&mut roster, now, soon, |_| DialOutcome::Answered(texts(&[A, ME])));
    assert_eq!(listed(&roster), [ME, A]);
    roster
}

#[test]
fn a_caller_is_dialed_after_it_was_answered_and_then_listed() {
    let mut now = Moment(5_000);
    let mut roster = Roster::new(url(ME), 7);
    assert_eq!(roster.handle_exchange(now, Scope::Lan, &texts(&[A, ME])), [url(ME)]);
    assert_eq!(roster.poll_dial(now), None, "a newcomer of 2004 does not listen yet");
    let wake = roster.next_wakeup(now);
    assert!((50..=200).contains(&wake.since(now).as_millis()));
    now = wake;
    assert_eq!(roster.poll_dial(now), Some(Dial { url: url(A), tell: vec![url(ME)] }));
    assert_eq!(roster.poll_dial(now), None);
    roster.handle_dialed(now, &url(A), DialOutcome::Lone);
    assert_eq!(roster.handle_exchange(now, Scope::Lan, &[]), [url(ME), url(A)]);
}

#[test]
fn a_peer_that_dies_is_suspect_then_gone_and_comes_back_at_once() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    // The next exchange is 8 to 12 s away, its retries 1 s and 2 s.
    let end = now + Duration::from_secs(16);
    let dials = run(&mut roster, &mut now, end, |_| DialOutcome::Unreachable);
    let apart: Vec<_> = dials.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_millis()).collect();
    assert!(matches!(apart[..], [875..=1000, 1750..=2000]), "suspect after 1 s and 2 s: {apart:?}");
    assert_eq!(state(&roster, A), Some(MemberState::Gone));
    assert_eq!(listed(&roster), [ME]);
    let minute = now + Duration::from_secs(300);
    let dials = run(&mut roster, &mut now, minute, |_| DialOutcome::Unreachable);
    assert!((6..12).contains(&dials.len()), "back-off up to a minute: {dials:?}");
    let answer = roster.handle_exchange(now, Scope::Lan, &texts(&[ME, B, B, B, A, B]));
    assert_eq!(answer, [url(ME)], "a rumour raises no dead");
    assert!(roster.next_wakeup(now) > now);
    let before = now;
    roster.handle_exchange(now, Scope::Lan, &texts(&[A]));
    let back = now + Duration::from_secs(1);
    run(&mut roster, &mut now, back, |dial| {
        if dial.url == url(A) { DialOutcome::Answered(vec![]) } else { DialOutcome::Unreachable }
    });
    assert_eq!(state(&roster, A), Some(MemberState::Alive));
    assert!(now.since(before) <= Duration::from_secs(1));
}

#[test]
fn what_is_listed_answered_less_than_90_seconds_ago() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let slept = now + Duration::from_secs(91);
    assert_eq!(roster.handle_exchange(slept, Scope::Lan, &[]), [url(ME)]);
    assert_eq!(roster.poll_dial(slept).map(|dial| dial.url), Some(url(A)), "and it is asked at once");
}

#[test]
fn the_gone_are_forgotten_after_a_day_and_seeds_never() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    roster.add_seed(now, url(B));
    let later = now + Duration::from_secs(25 * 3600);
    let dials = run(&mut roster, &mut now, later, |_| DialOutcome::Unreachable);
    assert_eq!((state(&roster, A), state(&roster, B)), (None, Some(MemberState::Candidate)));
    let of = |peer: &str| dials.iter().filter(|(_, url)| url == peer).map(|(at, _)| *at).collect::<Vec<_>>();
    assert!((170..220).contains(&of(A).len()), "{} dials of the dead in a day", of(A).len());
    assert!(of(B).windows(2).all(|pair| pair[1].since(pair[0]) <= Duration::from_secs(30)));
}

#[test]
fn another_password_is_shown_and_asked_rarely() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let later = now + Duration::from_secs(3600);
    let dials = run(&mut roster, &mut now, later, |_| DialOutcome::Refused);
    assert_eq!(state(&roster, A), Some(MemberState::Refused));
    assert_eq!(listed(&roster), [ME]);
    assert!(dials.len() <= 6, "{dials:?}");
}

#[test]
fn ourselves_under_another_name_is_neither_dialed_again_nor_listed() {
    let mut now = Moment(0);
    let mut roster = Roster::new(url(ME), 7);
    roster.add_own(url("http://localhost:9004"));
    roster.add_seed(now, url(B));
    roster.add_seed(now, url("http://localhost:9004"));
    let end = now + Duration::from_secs(100);
    let dials = run(&mut roster, &mut now, end, |_| DialOutcome::Myself);
    assert_eq!(dials.len(), 1);
    assert!(roster.is_own(&url(B)) && roster.members().is_empty());
    roster.handle_exchange(now, Scope::Loopback, &texts(&[B, ME, "http://localhost:9004"]));
    assert!(roster.members().is_empty());
}

/// A pool in which another name of A is typed, too.
fn joined_by_alias(now: &mut Moment, alias: &str) -> Roster {
    let mut roster = joined(now);
    roster.add_seed(*now, url(alias));
    let soon = *now + Duration::from_secs(1);
    run(&mut roster, now, soon, |dial| match dial.url.as_str() {
        A => DialOutcome::Answered(vec![]),
        B => DialOutcome::Unreachable,
        _ => DialOutcome::Alias { of: url(A), urls: texts(&[A, ME, B]) },
    });
    roster
}

const BOX: &str = "http://box.local:9004";

#[test]
fn a_peer_of_two_names_is_listed_once_by_the_one_it_goes_by() {
    let mut now = Moment(0);
    let mut roster = joined_by_alias(&mut now, BOX);
    assert_eq!((listed(&roster), state(&roster, BOX)), (vec![ME, A], Some(MemberState::Alias)));
    assert_eq!(state(&roster, B), Some(MemberState::Candidate), "what it names is learned");
    let later = now + limits::ALIAS_PROBE_AFTER * 3 / 4;
    let dials = run(&mut roster, &mut now, later, |_| DialOutcome::Answered(vec![]));
    assert!(dials.iter().all(|(_, url)| url != BOX), "{dials:?}");
    let later = now + limits::ALIAS_PROBE_AFTER / 4;
    let dials = run(&mut roster, &mut now, later, |_| DialOutcome::Answered(vec![]));
    assert!(dials.iter().any(|(_, url)| url == BOX), "{dials:?}");
    assert_eq!(state(&roster, BOX), Some(MemberState::Alive), "it is another's name now");
}

#[test]
fn a_peer_that_is_not_found_by_the_name_it_goes_by_is_listed_by_the_other_at_once() {
    let mut now = Moment(0);
    let mut roster = joined_by_alias(&mut now, BOX);
    roster.handle_told_down(now, &url(A));
    let soon = now + Duration::from_secs(3);
    run(&mut roster, &mut now, soon, |dial| match dial.url == url(A) {
        true => DialOutcome::Unreachable,
        false => DialOutcome::Answered(vec![]),
    });
    assert_eq!(listed(&roster).iter().collect::<BTreeSet<_>>(), BTreeSet::from([&ME, &B, &BOX]));
    // Both are gone, and come back.
    let later = now + Duration::from_secs(300);
    run(&mut roster, &mut now, later, |_| DialOutcome::Unreachable);
    assert_eq!(listed(&roster), [ME]);
    let later = now + Duration::from_secs(120);
    run(&mut roster, &mut now, later, |dial| match dial.url == url(BOX) {
        true => DialOutcome::Alias { of: url(A), urls: vec![] },
        false => DialOutcome::Answered(vec![]),
    });
    assert_eq!((listed(&roster)[1..].contains(&A), state(&roster, BOX)), (true, Some(MemberState::Alias)));
}

#[test]
fn a_name_for_nearer_callers_is_no_better() {
    let mut now = Moment(0);
    let mut roster = Roster::new(url(ME), 7);
    roster.add_seed(now, url(BOX));
    let soon = now + Duration::from_secs(1);
    let near = url("http://127.0.0.1:9004");
    run(&mut roster, &mut now, soon, |_| DialOutcome::Alias { of: near.clone(), urls: vec![] });
    assert_eq!(listed(&roster), [ME, BOX]);
    // Nor is one that is ours, whatever somebody says.
    run(&mut roster, &mut now, Moment(120_000), |_| DialOutcome::Alias { of: url(ME), urls: vec![] });
    assert_eq!(listed(&roster), [ME, BOX]);
}

#[test]
fn a_peer_of_a_thousand_names_fills_nothing() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let names: Vec<_> = (0..4_000).map(|i| format!("http://box{i}.local:9004")).collect();
    for names in names.chunks(200) {
        let later = now + Duration::from_secs(60);
        run(&mut roster, &mut now, later, |dial| match dial.url == url(A) {
            true => DialOutcome::Answered(names.to_vec()),
            false => DialOutcome::Alias { of: url(A), urls: vec![] },
        });
    }
    assert_eq!(listed(&roster), [ME, A]);
    let aliases = roster.members().iter().filter(|member| member.state == MemberState::Alias).count();
    assert_eq!(aliases, limits::ROSTER_TOMBSTONES);
}

#[test]
fn a_loopback_peer_is_listed_for_loopback_callers_only() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let near = "http://127.0.0.1:9001";
    roster.handle_exchange(now, Scope::Lan, &texts(&[near, "nonsense"]));
    assert_eq!(state(&roster, near), None);
    roster.handle_exchange(now, Scope::Loopback, &texts(&[near]));
    let soon = now + Duration::from_secs(1);
    run(&mut roster, &mut now, soon, |_| DialOutcome::Lone);
    assert_eq!(roster.handle_exchange(now, Scope::Loopback, &[]), [url(ME), url(A), url(near)]);
    assert_eq!(roster.handle_exchange(now, Scope::Lan, &[]), [url(ME), url(A)]);
}

#[test]
fn of_a_long_list_the_caller_itself_is_learned() {
    let mut roster = Roster::new(url(ME), 7);
    let mut names: Vec<_> = (0..400).map(|i| format!("http://10.9.{}.{}:9004", i / 200, i % 200)).collect();
    names.push(A.to_owned());
    roster.handle_exchange(Moment(0), Scope::Lan, &names);
    assert_eq!(roster.members().len(), limits::ROSTER_NEW_PER_EXCHANGE);
    assert_eq!(state(&roster, A), Some(MemberState::Candidate));
}

#[test]
fn a_dial_that_its_driver_lost_is_made_again() {
    let mut roster = Roster::new(url(ME), 7);
    roster.add_seed(Moment(0), url(A));
    assert!(roster.poll_dial(Moment(0)).is_some());
    let mut now = Moment(0);
    let end = Moment(180_000);
    assert!(!run(&mut roster, &mut now, end, |_| DialOutcome::Lone).is_empty());
    assert!(roster.joined());
}

#[test]
fn no_more_members_than_the_limit() {
    let mut now = Moment(0);
    let mut roster = Roster::new(url(ME), 7);
    let names: Vec<_> = (0..400).map(|i| format!("http://10.9.{}.{}:9004", i / 200, i % 200)).collect();
    roster.add_seed(now, url(A));
    run(&mut roster, &mut now, Moment(600_000), |_| DialOutcome::Answered(names.clone()));
    assert_eq!(listed(&roster).len(), limits::ROSTER_PEERS);
    assert_eq!(roster.handle_exchange(now, Scope::Lan, &[]).len(), limits::ROSTER_PEERS);
}

#[test]
fn c14_tabs_are_listed_after_ourselves_and_never_dialed() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let (tab, gone) = ("http://10.0.0.1:9004/peer/ab", "http://10.0.0.1:9004/peer/cd");
    roster.add_local(now, url(tab));
    assert_eq!(listed(&roster), [ME, tab, A]);
    assert_eq!(roster.handle_exchange(now, Scope::Lan, &texts(&[tab, gone, B])), [url(ME), url(tab), url(A)]);
    // Another name of ours, under which somebody else lists the same tab.
    roster.add_own(url("http://box.local:9004"));
    roster.handle_exchange(now, Scope::Lan, &texts(&["http://box.local:9004/peer/ab", "http://box.local:9004/peer/"]));
    assert_eq!(roster.members().len(), 2, "what is ours is no candidate");
    assert!(roster.is_own(&url(gone)) && !roster.is_own(&url("http://10.0.0.1:9005/peer/ab")));
    assert!(!roster.is_own(&url("http://10.0.0.1:9004/x")));
    roster.remove_local(&url(tab));
    assert_eq!(listed(&roster), [ME, A]);
}

#[test]
fn a_new_tab_is_told_within_a_second() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    let tab = "http://10.0.0.1:9004/peer/ab";
    roster.add_local(now, url(tab));
    let soon = now + limits::LOCAL_TOLD_WITHIN;
    let mut told = Vec::new();
    let dials = run(&mut roster, &mut now, soon, |dial| {
        told = dial.tell.clone();
        DialOutcome::Answered(vec![])
    });
    assert_eq!((dials.len(), told), (1, vec![url(ME), url(tab), url(A)]));
    // The same once more is no news.
    roster.add_local(now, url(tab));
    let soon = now + Duration::from_secs(2);
    assert!(run(&mut roster, &mut now, soon, |_| DialOutcome::Lone).is_empty());
}

#[test]
fn whom_the_membership_holds_for_alive_is_asked_seldom_and_listed() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    roster.handle_told_up(now, &url(A));
    let later = now + Duration::from_secs(3600);
    let mut unlisted = 0;
    let dials = run(&mut roster, &mut now, later, |dial| {
        unlisted += u32::from(dial.url != url(A));
        DialOutcome::Lone
    });
    // Exchanges every 10 s are with it as well: they are the only one there is.
    assert!((290..=460).contains(&dials.len()) && unlisted == 0, "{}", dials.len());
    roster.handle_told_up(now, &url(B));
    assert_eq!((state(&roster, B), listed(&roster)), (Some(MemberState::Candidate), vec![ME, A]), "named is not alive");
    let soon = now + Duration::from_secs(1);
    run(&mut roster, &mut now, soon, |_| DialOutcome::Lone);
    assert_eq!(listed(&roster), [ME, A, B]);
    // Asleep for long: nobody is listed by an answer of yesterday.
    let slept = now + limits::VOUCHED_LISTED_FOR + Duration::from_secs(1);
    assert_eq!(roster.handle_exchange(slept, Scope::Lan, &[]), [url(ME)]);
}

#[test]
fn whom_the_membership_holds_for_dead_is_asked_at_once_and_that_decides() {
    let mut now = Moment(0);
    let mut roster = joined(&mut now);
    now = now + Duration::from_secs(5);
    roster.handle_told_down(now, &url(A));
    assert_eq!(listed(&roster), [ME, A], "nobody goes on somebody's word");
    assert_eq!(roster.poll_dial(now).map(|dial| dial.url), Some(url(A)));
    roster.handle_dialed(now, &url(A), DialOutcome::Lone);
    assert_eq!(listed(&roster), [ME, A]);
    // Said again and again, it is not dialed again and again.
    roster.handle_told_down(now, &url(A));
    assert_eq!(roster.poll_dial(now), None);
    now = now + limits::TOLD_DOWN_AFTER;
    assert!(roster.poll_dial(now).is_some());
    roster.handle_dialed(now, &url(A), DialOutcome::Unreachable);
    assert_eq!(listed(&roster), [ME]);
    let end = now + Duration::from_secs(4);
    run(&mut roster, &mut now, end, |_| DialOutcome::Unreachable);
    assert_eq!(state(&roster, A), Some(MemberState::Gone));
    // It is back, says the membership: dialed soon, whatever the back-off.
    let end = now + Duration::from_secs(200);
    run(&mut roster, &mut now, end, |_| DialOutcome::Unreachable);
    roster.handle_told_up(now, &url(A));
    let soon = now + Duration::from_secs(1);
    run(&mut roster, &mut now, soon, |_| DialOutcome::Lone);
    assert_eq!(listed(&roster), [ME, A]);
}
