//! Our node and the program of 2004, in every direction, with the real program.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use shared::SharedPath;

use crate::harness::node::{Node, get, get_as_in_2004, run, tinyp2p};
use crate::harness::original::Original;
use crate::harness::ports::free_port;
use crate::harness::tree::{assert_same, binary, content, summary, text, tree};
use crate::harness::{Trials, ok, stdout, test};

const PASSWORD: &str = "correct horse";

pub(crate) fn trials() -> Vec<Trial> {
    let original = Original::find();
    let mut trials = Trials::needing("the program of 2004 under Python 2.7", &original);
    trials.add("original_client_downloads_from_our_node_byte_for_byte", original_client_our_server);
    trials.add("our_client_downloads_from_an_original_byte_for_byte", our_client_original_server);
    trials.add("a_lone_original_is_usable", lone_original);
    trials.add("original_client_is_never_killed_by_our_node", original_client_is_never_killed);
    trials.add("original_client_survives_a_peer_that_died", original_client_survives_a_dead_peer);
    trials.add("our_client_never_overwrites", never_overwrites);
    trials.add("files_dropped_while_we_run_reach_the_original_within_a_second", dropped_files);
    trials.add("golden_vectors", |_| {
        let vectors = std::fs::read_to_string(Original::folder().join("vectors.json")).expect("the recorded vectors");
        crate::xmlrpc_vectors::check(&vectors);
    });
    for order in orders() {
        let name: String = order.iter().map(|kind| if *kind == Kind::Original { 'o' } else { 'n' }).collect();
        for (join, joining) in [(Join::TheFirst, "the_first"), (Join::TheOneBefore, "the_one_before")] {
            let name = format!("mesh_started_in_order_{name}_each_joining_{joining}");
            trials.add(&name, move |original| mesh(original, &order, join));
        }
    }
    let mut trials = trials.into_vec();
    trials.push(test("ours_to_ours_any_bytes_any_name", ours_to_ours));
    trials.push(test("a_gigabyte_goes_through_f_in_flat_memory", a_gigabyte));
    trials
}

/// What the client of 2004 can write.
fn plain_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("ascii.txt", b"hello, world\n".to_vec()),
        ("crlf.txt", b"one\r\ntwo\rthree\n\r\n".to_vec()),
        ("special.xml", b"<a b=\"c\">&amp; ]]> 'd' </a>\t~\x7f".to_vec()),
        ("empty", Vec::new()),
        ("five.txt", text(5 << 20)),
        ("a name & <tag> 'quoted'.txt", b"named".to_vec()),
    ]
}

fn as_tree<'a>(files: &'a [(&'a str, Vec<u8>)]) -> Vec<(&'a str, &'a [u8])> {
    files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect()
}

fn expected(files: &[(&str, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect()
}

/// The same under the names that our client saves them by, which are safe on every system.
fn as_saved(files: &[(&str, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
    let saved = |name: &str| SharedPath::parse(name).unwrap().to_saved().to_string();
    files.iter().map(|(name, bytes)| (saved(name), bytes.clone())).collect()
}

fn original_client_our_server(original: &Original) {
    let files = plain_files();
    let share = tree(&as_tree(&files));
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    ok(&original.get(into.path(), PASSWORD, &node.url, ""));
    assert_same(&content(into.path()), &expected(&files));

    let some = tempfile::tempdir().unwrap();
    ok(&original.get(some.path(), PASSWORD, &node.url, "^(ascii|crlf)"));
    assert_eq!(summary(&content(some.path())), ["ascii.txt (13 bytes)", "crlf.txt (17 bytes)"]);

    let none = tempfile::tempdir().unwrap();
    let refused = original.get(none.path(), "wrong", &node.url, "");
    assert!(content(none.path()).is_empty() && !refused.status.success(), "False is no list to an original");
}

fn our_client_original_server(original: &Original) {
    let mut files = plain_files();
    files.push(("control.bin", (0..32).collect()));
    files.push(("every-byte.bin", (0..=255).collect()));
    files.push(("latin1.txt", b"caf\xe9\n".to_vec()));
    files.push(("utf8.txt", "café 日本 😀\n".into()));
    files.push(("big.bin", binary(1 << 20)));
    let share = tree(&as_tree(&files));
    let server = original.serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    ok(&get(&server.url, PASSWORD, "", into.path()));
    assert_same(&content(into.path()), &as_saved(&files));

    let as_in_2004 = tempfile::tempdir().unwrap();
    ok(&get_as_in_2004(&server.url, PASSWORD, "txt$", as_in_2004.path()));
    let texts = files.iter().filter(|(name, _)| name.ends_with("txt")).cloned().collect::<Vec<_>>();
    assert_same(&content(as_in_2004.path()), &as_saved(&texts));

    let refused = get(&server.url, "wrong", "", as_in_2004.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("refuses the password"), "{refused:?}");
}

fn lone_original(original: &Original) {
    let share = tree(&[("only.txt", b"me")]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    let listed = run(tinyp2p(PASSWORD).args(["ls", &server.url]));
    ok(&listed);
    assert_eq!(stdout(&listed), "only.txt\n");
    let peers = run(tinyp2p(PASSWORD).args(["peers", &server.url]));
    ok(&peers);
    assert!(stdout(&peers).starts_with(&format!("{}  2004", server.url)), "{peers:?}");
}

/// Everything in a share that would kill the original's client, and one file it can take.
fn original_client_is_never_killed(original: &Original) {
    let share = tree(&[
        ("good.txt", b"good"),
        ("binary.bin", &[0, 1, 2, 255]),
        ("utf8.txt", "é".as_bytes()),
        ("latin1.txt", b"\xe9"),
        ("control.txt", b"bell\x07"),
        ("naïve.txt", b"a name it cannot write"),
        ("folder/inside.txt", b"a folder it would try to open"),
        (".hidden", b"hidden"),
    ]);
    rustix::fs::mkfifoat(rustix::fs::CWD, share.path().join("fifo"), rustix::fs::Mode::RUSR).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", share.path().join("link-out")).unwrap();
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    let output = original.get(into.path(), PASSWORD, &node.url, "");
    ok(&output);
    assert_eq!(summary(&content(into.path())), ["good.txt (4 bytes)"]);
    crate::harness::process::wait_for("the log to say that files were left out", Duration::from_secs(60), || {
        node.process.error_text().contains("left out").then_some(())
    });
}

fn original_client_survives_a_dead_peer(original: &Original) {
    let (ours, theirs) = (tree(&[("ours.txt", b"ours")]), tree(&[("theirs.txt", b"theirs")]));
    let node = Node::serve(ours.path(), PASSWORD, &[]);
    let peer = original.serve(theirs.path(), PASSWORD, &[&node.url]);
    let never_there = format!("http://127.0.0.1:{}", free_port());
    // The original joined; once its own client sees it in our list, we know it too.
    crate::harness::process::wait_for("the original to be listed", Duration::from_secs(20), || {
        let into = tempfile::tempdir().unwrap();
        ok(&original.get(into.path(), PASSWORD, &node.url, ""));
        (content(into.path()).len() == 2).then_some(())
    });
    // A peer that never existed is named to our node, as a hostile or forgetful member would.
    let told = run(std::process::Command::new("python3").args([
        "-c",
        "import sys, hmac, xmlrpc.client as x\n\
         url, password, other = sys.argv[1:]\n\
         token = hmac.new(password.encode(), url.encode(), 'md5').hexdigest()\n\
         print(x.ServerProxy(url).f(token, 0, [other]))",
        &node.url,
        PASSWORD,
        &never_there,
    ]));
    ok(&told);
    assert!(!stdout(&told).contains(&never_there), "never listed unless it answers: {told:?}");
    drop(peer);
    // The dead peer was alive a moment ago and may be listed until it is missed. Then the original's client works again.
    let start = Instant::now();
    loop {
        let into = tempfile::tempdir().unwrap();
        if original.get(into.path(), PASSWORD, &node.url, "").status.success() {
            assert_eq!(summary(&content(into.path())), ["ours.txt (4 bytes)"]);
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(100), "a dead peer is still listed after 100 s");
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn never_overwrites(original: &Original) {
    let share = tree(&[("a.txt", b"theirs"), ("b.txt", b"theirs")]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    let into = tree(&[("a.txt", b"mine")]);
    ok(&get_as_in_2004(&server.url, PASSWORD, "", into.path()));
    ok(&get(&server.url, PASSWORD, "", into.path()));
    assert_same(&content(into.path()), &expected(&[("a.txt", b"mine".to_vec()), ("b.txt", b"theirs".to_vec())]));
}

fn dropped_files(original: &Original) {
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    ok(&original.get(into.path(), PASSWORD, &node.url, ""));
    assert!(content(into.path()).is_empty());
    std::fs::write(share.path().join("new.txt"), b"just now").unwrap();
    let start = Instant::now();
    crate::harness::process::wait_for("the new file", Duration::from_secs(5), || {
        let listed = run(tinyp2p(PASSWORD).args(["ls", &node.url]));
        (stdout(&listed) == "new.txt\n").then_some(())
    });
    let took = start.elapsed();
    ok(&original.get(into.path(), PASSWORD, &node.url, ""));
    assert_eq!(summary(&content(into.path())), ["new.txt (8 bytes)"]);
    eprintln!("a file dropped into a share was listed after {took:?}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Original,
    Ours,
}

/// Whom each newcomer names.
#[derive(Debug, Clone, Copy)]
enum Join {
    TheFirst,
    TheOneBefore,
}

/// Every order in which two originals and two of ours can be started.
fn orders() -> Vec<[Kind; 4]> {
    let mut orders = Vec::new();
    for bits in 0_u8..16 {
        if bits.count_ones() == 2 {
            orders.push([0, 1, 2, 3].map(|bit| if bits & (1 << bit) == 0 { Kind::Original } else { Kind::Ours }));
        }
    }
    orders
}

/// Each member's list leads to everybody's files, for both kinds of client.
fn mesh(original: &Original, order: &[Kind; 4], join: Join) {
    #[expect(dead_code, reason = "held so that they run")]
    enum Member {
        Original(crate::harness::original::OriginalServer),
        Ours(Node),
    }
    let mut members = Vec::new();
    let mut urls: Vec<String> = Vec::new();
    let mut shares = Vec::new();
    let mut all = BTreeMap::new();
    for (number, kind) in order.iter().enumerate() {
        // No CR: between two originals it becomes LF, because the server sends it raw and XML's rules change it.
        let (name, bytes) =
            (format!("{number}.txt"), format!("I am <{number}> & \"that\" is all\n").repeat(40).into_bytes());
        let share = tree(&[(&name, &bytes)]);
        all.insert(name, bytes);
        let joined = match join {
            Join::TheFirst => urls.first(),
            Join::TheOneBefore => urls.last(),
        };
        let others: Vec<&str> = joined.map(String::as_str).into_iter().collect();
        let member = match kind {
            Kind::Original => {
                let server = original.serve(share.path(), PASSWORD, &others);
                urls.push(server.url.clone());
                Member::Original(server)
            }
            Kind::Ours => {
                let join: Vec<&str> = others.iter().flat_map(|other| ["--join", other]).collect();
                let node = Node::serve(share.path(), PASSWORD, &join);
                urls.push(node.url.clone());
                Member::Ours(node)
            }
        };
        members.push(member);
        shares.push(share);
    }
    let start = Instant::now();
    for (number, url) in urls.iter().enumerate() {
        for by_original in [true, false] {
            crate::harness::process::wait_for("everybody's files", Duration::from_secs(90), || {
                let into = tempfile::tempdir().unwrap();
                // An original that is a member lists everybody but itself until somebody tells it its own URL.
                let output = if by_original {
                    original.get(into.path(), PASSWORD, url, "")
                } else {
                    get_as_in_2004(url, PASSWORD, "", into.path())
                };
                let found = content(into.path());
                (output.status.success() && found == all).then_some(())
            });
        }
        eprintln!("{order:?}: all found through member {number} after {:?}", start.elapsed());
    }
}

fn ours_to_ours() {
    let mut files = plain_files();
    files.push(("every-byte.bin", (0..=255).collect()));
    files.push(("latin1.txt", b"caf\xe9\n".to_vec()));
    files.push(("utf8 ü 日本 😀.txt", "café 日本 😀\u{feff}\n".into()));
    files.push(("folder/deep/er/file.bin", binary(3 << 20)));
    files.push(("folder/empty", Vec::new()));
    files.push(("just-over.txt", text((64 << 10) + 1)));
    files.push(("just-over.bin", binary((64 << 10) + 1)));
    files.push(("chunk.bin", binary(256 << 10)));
    files.push(("chunk.txt", text(256 << 10)));
    let share = tree(&as_tree(&files));
    let first = Node::serve(share.path(), PASSWORD, &[]);
    let other = tree(&[("other.txt", b"of the second")]);
    let second = Node::serve(other.path(), PASSWORD, &["--join", &first.url]);
    files.push(("other.txt", b"of the second".to_vec()));
    for url in [&first.url, &second.url] {
        crate::harness::process::wait_for("the two to know each other", Duration::from_secs(20), || {
            let into = tempfile::tempdir().unwrap();
            ok(&get(url, PASSWORD, "", into.path()));
            (content(into.path()) == as_saved(&files)).then_some(())
        });
    }
}

fn a_gigabyte() {
    const GIGABYTE: u64 = 1 << 30;
    let share = tempfile::tempdir().unwrap();
    // Half of it lines of text, then one byte that is none: sent as base64, after the node looked through all the text.
    let path = share.path().join("big");
    let piece = text(1 << 20);
    let mut file = std::fs::File::create(&path).unwrap();
    for _ in 0..512 {
        std::io::Write::write_all(&mut file, &piece).unwrap();
    }
    let piece = binary(1 << 20);
    for _ in 0..512 {
        std::io::Write::write_all(&mut file, &piece).unwrap();
    }
    drop(file);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = tempfile::tempdir().unwrap();
    let get = tinyp2p(PASSWORD)
        .args(["get", &node.url, "--to"])
        .arg(into.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut getting = crate::harness::process::Running::new(get.unwrap());
    let mut client_peak = 0;
    while getting.is_running() {
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", getting.id()))
            && status.contains("VmHWM:")
        {
            client_peak = client_peak.max(crate::harness::node::peak_memory_in(&status));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ok(&getting.wait(Duration::from_secs(1)));
    let same = run(std::process::Command::new("cmp").arg(&path).arg(into.path().join("big")));
    ok(&same);
    assert_eq!(std::fs::metadata(into.path().join("big")).unwrap().len(), GIGABYTE);
    let node_peak = node.peak_memory();
    eprintln!("1 GiB through f: node at most {} MiB, client {} MiB", node_peak >> 20, client_peak >> 20);
    assert!(node_peak <= 48 << 20 && client_peak <= 48 << 20, "memory grew: node {node_peak}, client {client_peak}");
}
