//! Nodes that find each other on a network of their own, and who is to gain nothing by that.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use mdns_sd::{ServiceDaemon, ServiceEvent, ServiceInfo};
use native_node::discover::{POOL, SERVICE};

use crate::harness::alone::alone;
use crate::harness::capture::Capture;
use crate::harness::node::{Node, program, run, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::tree;

const PASSWORD: &str = "correct horse";
const OTHER: &str = "battery staple";
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// This machine's address on the only network there is.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Where multicast DNS is spoken (RFC 6762).
const MDNS_PORT: u16 = 5353;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        alone("discover::nodes_of_one_password_find_each_other_and_leave_others_alone", together),
        alone("discover::who_wants_no_discovery_says_nothing", silent),
        alone("discover::a_node_of_several_addresses_is_one_peer", once),
        alone("discover::nodes_on_a_machine_that_gets_another_address_go_by_that", moved),
        alone("discover::a_doctor_says_who_is_not_reached_and_why", doctor),
        alone("discover::c23_a_flood_of_announcements_ends_neither_memory_nor_discovery", flood),
        alone("discover::d11_who_only_says_to_be_a_node_gets_a_handshake_and_nothing_else", impostors),
    ]
}

/// A network with multicast: two ends of a wire.
fn network() {
    for step in [
        "link add wire type veth peer name end",
        "link set end up",
        "address add 10.77.0.1/24 dev wire",
        "link set wire up",
    ] {
        let output = run(Command::new("ip").args(step.split(' ')));
        assert!(output.status.success(), "ip {step}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A node on all interfaces, which says in its log whom it finds.
fn serve(password: &str, name: &str, more: &[&str]) -> Node {
    let share = tree::tree(&[(&format!("of-{name}.txt"), b"x")]);
    let mut command = tinyp2p(password);
    command.env("TINYP2P_LOG", "native_node=info").args(["serve", "--json", "--name", name]);
    if !more.contains(&"--port") {
        command.args(["--port", "0"]);
    }
    // Nothing of it is read.
    Node::start(command.args(more).arg(share.keep()))
}

fn meet(one: &Node, other: &Node) {
    wait_for("two nodes to list each other", PATIENCE, || {
        (one.lists(PASSWORD, &other.url) && other.lists(PASSWORD, &one.url)).then_some(())
    });
}

/// Waits until two nodes announce the mark of one pool.
fn both_say_that_they_belong_together() {
    let daemon = ServiceDaemon::new().unwrap();
    let (events, mut marks) = (daemon.browse(SERVICE).unwrap(), BTreeMap::new());
    let end = Instant::now() + PATIENCE;
    while !(marks.len() == 2
        && marks.values().all(|mark: &Option<String>| mark.is_some() && Some(mark) == marks.values().next()))
    {
        let left = end.checked_duration_since(Instant::now()).expect("both announce one mark");
        if let Ok(ServiceEvent::ServiceResolved(found)) = events.recv_timeout(left) {
            let mark = found.get_property_val_str(POOL).map(str::to_owned);
            marks.insert(found.get_fullname().to_owned(), mark);
        }
    }
    daemon.shutdown().unwrap();
}

/// How often somebody came to it with another password.
fn wrong_passwords(node: &Node) -> usize {
    node.process.error_text().matches("has another password address=").count()
}

fn together() {
    network();
    let mut capture = Capture::start();
    let silent = serve(PASSWORD, "silent", &["--no-discovery"]);
    let (attic, cellar) = (serve(PASSWORD, "attic", &[]), serve(PASSWORD, "cellar", &[]));
    assert!(attic.url.starts_with("http://10.77.0.1:"), "{}", attic.url);
    meet(&attic, &cellar);
    both_say_that_they_belong_together();
    let foreign = serve(OTHER, "foreign", &[]);
    let left_alone = |node: &Node| node.process.error_text().matches("it is left alone").count();
    wait_for("another pool to be noticed", PATIENCE, || (left_alone(&foreign) == 1).then_some(()));
    // Who comes later finds them all, and tells of the pool it belongs to before it is asked.
    let garden = serve(PASSWORD, "garden", &["--drop-box"]);
    meet(&garden, &attic);
    meet(&garden, &cellar);
    for node in [&attic, &cellar, &garden] {
        wait_for("the other pool to be noticed", PATIENCE, || (left_alone(node) == 1).then_some(()));
        assert!(!node.lists(PASSWORD, &foreign.url) && !node.lists(PASSWORD, &silent.url));
    }
    assert!(!foreign.lists(OTHER, &attic.url) && !silent.lists(PASSWORD, &attic.url));
    // Each of the three tried it once. It tried one of the two that were there, and not both.
    assert_eq!(wrong_passwords(&foreign), 3);
    assert_eq!(wrong_passwords(&attic) + wrong_passwords(&cellar), 1);
    assert_eq!(wrong_passwords(&silent), 0);

    // So do commands, without any URL.
    let found = run(tinyp2p(PASSWORD).args(["ls", "lan"]));
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(["attic", "cellar", "garden"].iter().all(|name| found.contains(&format!("of-{name}.txt"))), "{found}");

    let to = tempfile::tempdir().unwrap();
    let got = run(tinyp2p(OTHER).args(["get", "lan", "--to"]).arg(to.path()));
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(std::fs::read(to.path().join("of-foreign.txt")).unwrap(), b"x");
    let nobody = run(tinyp2p("nobody knows this").args(["peers", "lan"]));
    let words = String::from_utf8(nobody.stderr).unwrap();
    assert!(
        !nobody.status.success() && words.contains("nobody who was found on this network proves this password"),
        "{words}"
    );

    // Of those it finds, it puts files at one that takes them.
    let given = tree::tree(&[("given.txt", b"x")]);
    let put = run(tinyp2p(PASSWORD).args(["put", "--json", "lan"]).arg(given.path().join("given.txt")));
    let told = String::from_utf8(put.stdout).unwrap();
    assert!(put.status.success() && told.contains(&garden.url), "{told}");

    // At another port it is found again.
    cellar.process.kill();
    let cellar = serve(PASSWORD, "cellar", &[]);
    meet(&cellar, &attic);
    // Where none takes any, that is said.
    garden.process.kill();
    let none = run(tinyp2p(PASSWORD).args(["put", "lan"]).arg(given.path().join("given.txt")));
    let words = String::from_utf8(none.stderr).unwrap();
    assert!(
        !none.status.success() && words.contains("no node of this password on this network takes files"),
        "{words}"
    );

    // Who makes a password beside them is told that there is something to join.
    let mut command = program();
    command
        .env("TINYP2P_LOG", "native_node=info")
        .env_remove("TINYP2P_PASSWORD")
        .args(["serve", "--json", "--port", "0"]);
    let made = Node::start(command.arg(tree::tree(&[]).keep()));
    wait_for("a word about the pools", PATIENCE, || {
        made.process.error_text().contains("another tinyp2p pool is on this network (http://10.77.0.1:").then_some(())
    });

    let seen = capture.seen();
    assert!(!seen.datagrams(MDNS_PORT).is_empty());
    for secret in [PASSWORD, OTHER, "attic", "cellar", "garden", ".txt"] {
        assert!(!seen.has(secret.as_bytes()), "{secret} was on the wire");
    }
}

fn silent() {
    network();
    let mut capture = Capture::start();
    let label = SERVICE.split('.').next().unwrap().as_bytes();
    let first = serve(PASSWORD, "first", &["--no-discovery"]);
    let second = serve(PASSWORD, "second", &["--no-discovery", "--join", &first.url]);
    meet(&first, &second);
    let seen = capture.seen();
    assert!(seen.datagrams(MDNS_PORT).is_empty() && !seen.has(label));
    // Whoever wants it is heard.
    let _attic = serve(PASSWORD, "attic", &[]);
    wait_for("a node to be heard", PATIENCE, || {
        let seen = capture.seen();
        (!seen.datagrams(MDNS_PORT).is_empty() && seen.has(label)).then_some(())
    });
}

/// It is announced at each of its addresses, and goes by the last of them.
fn once() {
    network();
    let output = run(Command::new("ip").args(["address", "add", "10.77.0.3/24", "dev", "wire"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let port = free_port();
    let url = format!("http://10.77.0.3:{port}");
    // It makes a password, so it looks for nobody.
    let mut command = program();
    command.env_remove("TINYP2P_PASSWORD").args(["serve", "--json", "--port", &port.to_string(), "--url", &url]);
    let cellar = Node::start(command.arg(tree::tree(&[("of-cellar.txt", b"x")]).keep()));
    let said: serde_json::Value = serde_json::from_str(cellar.process.output_text().trim()).unwrap();
    let words = said["password"].as_str().unwrap().to_owned();
    let attic = serve(&words, "attic", &["--bind", &ADDRESS.to_string()]);
    wait_for("it to be found", PATIENCE, || {
        let said = attic.process.error_text();
        said.contains("was found on this network").then(|| {
            assert!(said.contains(&format!("was found on this network peer={url}\n")), "{said}");
        })
    });
    wait_for("them to list each other", PATIENCE, || {
        (attic.lists(&words, &url) && cellar.lists(&words, &attic.url)).then_some(())
    });
    let listed = run(tinyp2p(&words).args(["peers", "--json", &attic.url]));
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 2);
    let files = run(tinyp2p(&words).args(["ls", "--json", "lan", "of-cellar"]));
    assert_eq!(String::from_utf8(files.stdout).unwrap().lines().count(), 1);
}

/// As where a laptop is carried to another network.
fn moved() {
    network();
    let (mut attic, mut cellar) = (serve(PASSWORD, "attic", &[]), serve(PASSWORD, "cellar", &[]));
    meet(&attic, &cellar);
    for step in ["address del 10.77.0.1/24 dev wire", "address add 10.77.0.9/24 dev wire"] {
        let output = run(Command::new("ip").args(step.split(' ')));
        assert!(output.status.success(), "ip {step}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for node in [&mut attic, &mut cellar] {
        let url = node.url.replace("10.77.0.1:", "10.77.0.9:");
        wait_for("it to say so", PATIENCE, || {
            node.process.output_text().contains(&format!("\"url\":\"{url}\"")).then_some(())
        });
        node.url = url;
    }
    meet(&attic, &cellar);
    let files = run(tinyp2p(PASSWORD).args(["ls", "--json", &attic.url]));
    assert_eq!(String::from_utf8(files.stdout).unwrap().lines().count(), 2);
}

/// Answers whatever comes as a server of 2004 answers a call of the bridge, and says what that was.
fn listener(address: Ipv4Addr) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (say, said) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 16 << 10];
            let length = stream.read(&mut head).unwrap_or(0);
            let _gone = stream.write_all(b"HTTP/1.0 501 Unsupported method ('GET')\r\nContent-Length: 0\r\n\r\n");
            if say.send(String::from_utf8_lossy(&head[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    (port, said)
}

fn impostors() {
    network();
    let nobody = run(tinyp2p(PASSWORD).args(["peers", "lan"]));
    let words = String::from_utf8(nobody.stderr).unwrap();
    assert!(!nobody.status.success() && words.contains("no node is found on this network; name one"), "{words}");
    let daemon = ServiceDaemon::new().unwrap();
    let (old_port, old) = listener(ADDRESS);
    let (near_port, near) = listener(Ipv4Addr::LOCALHOST);
    let announce = |name: &str, address: &str, port: u16| {
        let none: &[(&str, &str)] = &[];
        let host = format!("{name}.local.");
        let mut service = ServiceInfo::new(SERVICE, name, &host, address, port, none).unwrap();
        service.set_requires_probe(false);
        daemon.register(service).unwrap();
    };
    announce("old", &ADDRESS.to_string(), old_port);
    // What is nearer to it than to us, and what is on no network of ours.
    announce("near", "127.0.0.1", near_port);
    announce("far", "192.0.2.1", 80);
    let node = serve(PASSWORD, "attic", &[]);
    let asked = old.recv_timeout(PATIENCE).expect("it is asked for the bridge");
    assert!(asked.starts_with("GET /bridge HTTP/1.1\r\n"), "{asked}");
    // Whoever comes next is found; so the others were looked at, too.
    let other = serve(PASSWORD, "cellar", &[]);
    meet(&node, &other);
    for asked in old.try_iter() {
        assert!(asked.starts_with("GET /bridge HTTP/1.1\r\n"), "{asked}");
    }
    assert!(near.try_recv().is_err(), "nobody on the network leads a node to its own machine");
    for url in [format!("http://{ADDRESS}:{old_port}"), format!("http://127.0.0.1:{near_port}")] {
        assert!(!node.lists(PASSWORD, &url));
    }
    daemon.shutdown().unwrap();
}

/// What a doctor says: whether all is well, and of each thing how it is, and why.
fn examined(more: &[&str]) -> (bool, Vec<(String, String, String)>) {
    let output = run(tinyp2p(PASSWORD).args(["doctor", "--json"]).args(more));
    let said = String::from_utf8(output.stdout).unwrap();
    let check = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let [state, about, words] = ["state", "about", "words"].map(|key| line[key].as_str().unwrap().to_owned());
        (state, about, words)
    };
    (output.status.success(), said.lines().map(check).collect())
}

fn doctor() {
    let says = |checks: &[(String, String, String)], state: &str, about: &str, words: &str| {
        let is_so = checks.iter().any(|check| check.0 == state && check.1.contains(about) && check.2.contains(words));
        assert!(is_so, "{state} {about} {words}: {checks:?}");
    };
    let (is_well, alone) = examined(&[]);
    assert!(!is_well);
    says(&alone, "fail", "networks", "connect it to a network");
    says(&alone, "fail", "nodes", "none says to be here");

    network();
    let (attic, foreign) = (serve(PASSWORD, "attic", &[]), serve(OTHER, "foreign", &["--no-discovery"]));
    let (is_well, well) = examined(&[]);
    assert!(is_well, "{well:?}");
    says(&well, "ok", "wire", "this machine is 10.77.0.1 there");
    says(&well, "note", "wire, multicast over IPv4", "only this machine is heard");
    says(&well, "ok", &format!("{} (this machine)", attic.url), "“attic” proves the password");
    let named =
        |checks: Vec<(String, String, String)>| checks.iter().filter(|check| check.1.contains(&attic.url)).count();
    assert_eq!(named(examined(&[&attic.url]).1), 1, "who is heard and named is called once");
    let (_, called) = examined(&[&foreign.url]);
    says(&called, "note", &foreign.url, "another password");

    let daemon = ServiceDaemon::new().unwrap();
    let none: &[(&str, &str)] = &[];
    let gone = free_port();
    let mut service = ServiceInfo::new(SERVICE, "gone", "gone.local.", "10.77.0.1", gone, none).unwrap();
    service.set_requires_probe(false);
    daemon.register(service).unwrap();
    let (is_well, ill) = examined(&[]);
    assert!(!is_well);
    says(&ill, "fail", &format!("http://10.77.0.1:{gone}"), "it cannot be reached");
    says(&ill, "fail", "http://10.77.0.1", &format!("let TCP port {gone} in"));
    daemon.shutdown().unwrap();

    attic.process.kill();
    wait_for("the port to be free", PATIENCE, || UdpSocket::bind(("0.0.0.0", MDNS_PORT)).ok().map(drop));
    let _for_itself = UdpSocket::bind(("0.0.0.0", MDNS_PORT)).unwrap();
    let (is_well, deaf) = examined(&[]);
    assert!(!is_well);
    says(&deaf, "fail", "wire, multicast over IPv4", "another program may have UDP port 5353 for itself");
}

/// An answer nobody asked for (RFC 6762, section 6), with these records.
fn answer(records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let header = [0, 0, 0x84, 0, 0, 0, count[0], count[1], 0, 0, 0, 0];
    [&header[..], &records.concat()].concat()
}

/// A record of this type that is good for three years, as it is on the wire (RFC 1035, section 4.1.3).
fn record(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&wire_name(name)[..], &[0, kind, 0, 1], &100_000_000_u32.to_be_bytes(), &length, data].concat()
}

fn wire_name(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    name.trim_end_matches('.').split('.').flat_map(label).chain([0]).collect()
}

/// Types of records: an address of a machine, the name of a service, and where it is.
const A: u8 = 1;
const PTR: u8 = 12;
const SRV: u8 = 33;

/// Packets of a flood, as fast as one thread sends them.
const PACKETS: u32 = 100_000;

/// What is said in one of them: first addresses, which a listener would keep for years, then names of nodes, then where they are.
fn flooding(number: u32) -> Vec<u8> {
    let records = (0..24).map(|at| match number / (PACKETS / 3) {
        0 => record(&format!("m{number}-{at}.local."), A, &number.to_be_bytes()),
        1 => record(SERVICE, PTR, &wire_name(&format!("n{number}-{at}.{SERVICE}"))),
        _ if at == 0 => record(SERVICE, PTR, &wire_name(&format!("s{number}.{SERVICE}"))),
        _ if at == 1 => {
            let host = wire_name(&format!("h{number}.local."));
            record(&format!("s{number}.{SERVICE}"), SRV, &[&[0, 0, 0, 0, 0x23, 0x2c][..], &host].concat())
        }
        _ => record(&format!("h{number}.local."), A, &[10, 77, 0, at]),
    });
    answer(&records.collect::<Vec<_>>())
}

fn flood() {
    network();
    let attic = serve(PASSWORD, "attic", &[]);
    // Preparing the password takes 19 MiB for a moment, and a session waits for that.
    assert!(attic.lists(PASSWORD, &attic.url));
    attic.forget_peak_memory();
    let before = attic.peak_memory();
    let socket = UdpSocket::bind((ADDRESS, 0)).unwrap();
    for number in 0..PACKETS {
        // What does not fit into a queue on the way is lost, as it may be.
        let _full = socket.send_to(&flooding(number), (Ipv4Addr::new(224, 0, 0, 251), MDNS_PORT));
        if number == PACKETS / 2 {
            assert!(attic.lists(PASSWORD, &attic.url), "it goes on with all else meanwhile");
        }
    }
    let grown = attic.peak_memory().saturating_sub(before);
    println!("a flood of announcements: {} MiB more at most", grown >> 20);
    assert!(grown < 24 << 20, "{} MiB", grown >> 20);
    // It still looks for others.
    meet(&attic, &serve(PASSWORD, "cellar", &[]));
}
