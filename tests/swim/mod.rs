//! Who is alive among real nodes: by their datagrams, and without them.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::harness::alone::alone;
use crate::harness::capture::Capture;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::proxy::Proxy;
use crate::harness::{target, test};

const PASSWORD: &str = "correct horse";
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("swim::who_is_killed_is_listed_no_more", killed),
        test("swim::who_ends_says_so", ends),
        test("swim::with_its_port_taken_all_goes_on", taken),
        test("swim::a_node_that_is_joined_by_another_name_is_listed_once", joined_by_alias),
        test("swim::who_cannot_be_reached_by_datagram_stays_listed", unreachable),
        alone("swim::datagrams_say_nothing_and_change_nothing_to_strangers", strangers),
    ]
}

/// A node that says in its log what it hears of others.
fn serve(more: &[&str]) -> Node {
    let folder = target("swim");
    let mut command = tinyp2p(PASSWORD);
    command.env("TINYP2P_LOG", "native_node=debug").args(["serve", "--bind", "127.0.0.1", "--json"]);
    if !more.contains(&"--port") {
        command.args(["--port", "0"]);
    }
    Node::start(command.args(more).arg(&folder))
}

fn says(node: &Node, what: &str, url: &str) -> bool {
    node.process.error_text().lines().any(|line| line.contains(what) && line.ends_with(&format!("peer={url}")))
}

fn is_up(node: &Node, url: &str) -> bool {
    says(node, "is up among nodes", url)
}

fn is_down(node: &Node, url: &str) -> bool {
    says(node, "is down among nodes", url)
}

fn lists(node: &Node, url: &str) -> bool {
    node.lists(PASSWORD, url)
}

fn joined_by_alias() {
    let a = serve(&[]);
    let alias = format!("http://localhost:{}", a.port());
    let b = serve(&["--join", &alias]);
    wait_for("the newcomer to find out whom it joined", PATIENCE, || {
        let text = b.process.error_text();
        text.contains("leads to a peer that goes by another name").then_some(())
    });
    wait_for("the two to list each other", PATIENCE, || (lists(&a, &b.url) && lists(&b, &a.url)).then_some(()));
    assert!(!lists(&b, &alias));
    let url = a.url.clone();
    a.process.kill();
    wait_for("it to be listed no more", PATIENCE, || (!lists(&b, &url)).then_some(()));
    assert!(!lists(&b, &alias), "by neither name");
}

/// Three nodes, the last two of which joined through the first, and who hear each other.
fn three() -> [Node; 3] {
    let a = serve(&[]);
    // The last one may come back where it was.
    let port = free_port().to_string();
    let (b, c) = (serve(&["--join", &a.url]), serve(&["--port", &port, "--join", &a.url]));
    wait_for("three nodes to hear each other", PATIENCE, || {
        let pairs = [(&a, &b), (&a, &c), (&b, &a), (&b, &c), (&c, &a), (&c, &b)];
        pairs.iter().all(|(one, other)| is_up(one, &other.url)).then_some(())
    });
    wait_for("three nodes to list each other", PATIENCE, || {
        [(&a, &b), (&a, &c), (&b, &c), (&c, &b)].iter().all(|(one, other)| lists(one, &other.url)).then_some(())
    });
    [a, b, c]
}

fn killed() {
    let [a, b, c] = three();
    let (url, start) = (c.url.clone(), Instant::now());
    c.process.kill();
    for node in [&a, &b] {
        wait_for("the others to hear of it", PATIENCE, || is_down(node, &url).then_some(()));
        wait_for("it to be listed no more", PATIENCE, || (!lists(node, &url)).then_some(()));
    }
    eprintln!("kill -9: not listed after {:?}", start.elapsed());
    assert!(lists(&a, &b.url) && lists(&b, &a.url));
    assert!(!is_down(&a, &b.url) && !is_down(&b, &a.url), "nobody else was given up");
}

fn ends() {
    let [a, b, c] = three();
    let (url, start) = (c.url.clone(), Instant::now());
    let said = c.process.interrupt(PATIENCE);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("said goodbye to nodes others=Some(2)"), "{said}");
    for node in [&a, &b] {
        wait_for("the others to hear of it", PATIENCE, || is_down(node, &url).then_some(()));
        wait_for("it to be listed no more", PATIENCE, || (!lists(node, &url)).then_some(()));
    }
    eprintln!("Ctrl-C: not listed after {:?}", start.elapsed());
    // Back under the same address, it is another life.
    let again = serve(&["--port", url.rsplit(':').next().unwrap(), "--join", &a.url]);
    assert_eq!(again.url, url);
    wait_for("it to be listed again", PATIENCE, || (lists(&a, &url) && lists(&b, &url)).then_some(()));
}

fn taken() {
    let port = free_port().to_string();
    let _socket = UdpSocket::bind(format!("127.0.0.1:{port}")).unwrap();
    let a = serve(&["--port", &port]);
    let says_so = || a.process.error_text().contains("no datagrams are taken").then_some(());
    wait_for("it to say so", PATIENCE, says_so);
    let b = serve(&["--join", &a.url]);
    let c = serve(&["--join", &a.url]);
    wait_for("all to list each other", PATIENCE, || {
        [(&a, &b), (&b, &c), (&c, &b), (&b, &a)].iter().all(|(one, other)| lists(one, &other.url)).then_some(())
    });
    // The other two hear each other all the same.
    wait_for("the others to hear each other", PATIENCE, || (is_up(&b, &c.url) && is_up(&c, &b.url)).then_some(()));
    assert!(!is_up(&b, &a.url));
    let url = a.url.clone();
    a.process.kill();
    wait_for("it to be listed no more", 2 * PATIENCE, || (!lists(&b, &url)).then_some(()));
}

/// Only its TCP port is passed on to it, as by many a router.
fn unreachable() {
    let a = serve(&[]);
    let port = free_port().to_string();
    let proxy = Proxy::to(&format!("127.0.0.1:{port}"));
    let url = proxy.url.clone();
    let b = serve(&["--port", &port, "--url", &url, "--join", &a.url]);
    wait_for("it to be heard, but not to hear", PATIENCE, || is_down(&a, &url).then_some(()));
    // The word of others takes nobody from the list.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        assert!(lists(&a, &url) && lists(&b, &a.url));
    }
}

fn strangers() {
    let mut capture = Capture::start();
    let a = serve(&[]);
    let b = serve(&["--join", &a.url]);
    wait_for("two nodes to hear each other", PATIENCE, || (is_up(&a, &b.url) && is_up(&b, &a.url)).then_some(()));
    let seen = wait_for("them to speak for a while", PATIENCE, || {
        let seen = capture.seen();
        (seen.datagrams(a.port()).len() >= 5 && seen.datagrams(b.port()).len() >= 5).then_some(seen)
    });
    // Whoever listens learns who speaks with whom, and nothing more: both addresses stand in each, sealed.
    let datagrams = seen.datagrams(a.port());
    for port in [a.port(), b.port()] {
        let address = [&[127, 0, 0, 1][..], &port.to_be_bytes()].concat();
        assert!(datagrams.iter().all(|packet| packet.windows(6).all(|window| window != address)));
    }

    let url = b.url.clone();
    b.process.kill();
    wait_for("it to be given up", PATIENCE, || (is_down(&a, &url) && !lists(&a, &url)).then_some(()));
    let heard = a.process.error_text().matches("among nodes").count();
    a.forget_peak_memory();
    let before = a.peak_memory();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut junk, mut dice) = (vec![0_u8; 2_000], 1_u64);
    for round in 0..2_000_usize {
        for (number, packet) in datagrams.iter().enumerate() {
            // As it was, and with one byte changed.
            socket.send_to(packet, a.address()).unwrap();
            let mut changed = packet.to_vec();
            let place = (round + number) % changed.len();
            changed[place] ^= 1;
            socket.send_to(&changed, a.address()).unwrap();
        }
        for byte in &mut junk {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (dice >> 33).to_le_bytes()[0];
        }
        socket.send_to(&junk[..round], a.address()).unwrap();
    }
    assert!(!lists(&a, &url), "nobody rises from the dead");
    assert_eq!(a.process.error_text().matches("among nodes").count(), heard, "{}", a.process.error_text());
    let growth = a.peak_memory().saturating_sub(before);
    eprintln!("{} datagrams of a stranger: memory grew by {growth} bytes", 2_000 * (2 * datagrams.len() + 1));
    assert!(growth < 4 << 20);
}
