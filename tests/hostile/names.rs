//! Names that lead out of the share, or to things that are no files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::victim::Victim;
use super::wire::{call, rpc, string};
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::tree;
use crate::harness::{Trials, test};

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        test("hostile::a1_names_never_lead_out_of_the_share", || traversal(None)),
        test("hostile::a4_a7_links_and_things_that_are_no_files", links_and_devices),
        test("hostile::a14_our_own_files_are_never_shared", own_files),
    ];
    let can = Trace::can();
    let mut traced = Trials::needing("strace that may attach", &can);
    traced.add("hostile::a1_nothing_outside_of_the_share_is_opened", |()| {
        traversal(Some("openat,openat2,open,readlink,readlinkat"));
    });
    trials.extend(traced.into_vec());
    trials
}

/// A system-call trace of a running process.
pub(super) struct Trace {
    strace: Child,
    written: tempfile::NamedTempFile,
}

impl Trace {
    /// Whether this machine allows one.
    pub(super) fn can() -> Result<(), String> {
        static CAN: OnceLock<Result<(), String>> = OnceLock::new();
        let look = || {
            // It waits for its input, and is as much ours as any node.
            let cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
            let cat = Running::new(cat.map_err(|error| error.to_string())?);
            Self::attach(cat.id(), "read").map(|trace| drop(trace.end()))
        };
        CAN.get_or_init(look).clone()
    }

    /// Of these calls, where [`Trace::can`] says so.
    pub(super) fn of(id: u32, calls: &str) -> Self {
        Self::attach(id, calls).unwrap()
    }

    fn attach(id: u32, calls: &str) -> Result<Self, String> {
        let written = tempfile::NamedTempFile::new().unwrap();
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-s", "300", "-e", &format!("trace={calls}"), "-p", &id.to_string(), "-o"])
            .arg(written.path())
            .stderr(Stdio::null())
            .spawn();
        let mut strace = strace.map_err(|error| format!("there is no strace here: {error}"))?;
        let is_traced = || {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
            status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
        };
        let start = Instant::now();
        while !is_traced() {
            if start.elapsed() > Duration::from_secs(60) || !matches!(strace.try_wait(), Ok(None)) {
                let (_gone, _reaped) = (strace.kill(), strace.wait());
                return Err("strace may not attach here".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { strace, written })
    }

    /// Ends it; one call a line.
    pub(super) fn end(mut self) -> Vec<String> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.strace.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.strace.wait().unwrap();
        fs::read_to_string(self.written.path()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// With a trace of these calls, what is opened is looked at, too.
fn traversal(calls: Option<&str>) {
    let outer = tree(&[("secret.txt", b"the secret")]);
    let secret = outer.path().join("secret.txt").display().to_string();
    let share = tree(&[("in.txt", b"inside"), ("d/deep.txt", b"deep")]);
    let victim = Victim::sharing(share, &["--hidden"]);
    let trace = calls.map(|calls| Trace::of(victim.node.process.id(), calls));
    let mut plain: Vec<String> = [
        "/etc/passwd",
        "../secret.txt",
        "d/../../secret.txt",
        "a/../../x",
        "..",
        ".",
        "",
        "/",
        "./in.txt",
        "d/./deep.txt",
        "d/../in.txt",
        "d//deep.txt",
        "in.txt/",
        "/in.txt",
        "..\\secret.txt",
        "C:\\x",
        "\\\\?\\C:\\x",
        "//h/s",
        "file:///etc/passwd",
        "~/.bashrc",
        "/proc/self/environ",
        "/proc/self/cwd/in.txt",
        "d/../../../../../../etc/passwd",
        "in.txt:stream",
        "IN.TXT",
        "in.txt.",
        "d",
        "d/",
        "/dev/zero",
        "....//....//etc/passwd",
        "in.txt\u{7f}",
        "in\u{2024}txt",
    ]
    .map(str::to_owned)
    .to_vec();
    let beside = outer.path().file_name().unwrap().to_string_lossy();
    plain.extend([format!("../{beside}/secret.txt"), format!("d/../../{beside}/secret.txt"), secret]);
    plain.push("../".repeat(1_000) + "etc/passwd");
    plain.push("a".repeat(500_000));
    let encode = |name: &str| name.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let once: Vec<String> = plain.iter().filter(|it| it.len() < 1_000 && !it.is_empty()).map(|it| encode(it)).collect();
    let twice: Vec<String> = once.iter().map(|it| it.replace('%', "%25")).collect();
    let dots = [
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "..%2fsecret.txt",
        "..%5csecret.txt",
        "%c0%ae%c0%ae/x",
        "in%2etxt",
    ];
    let mut faults = BTreeSet::new();
    let names: Vec<String> = plain.into_iter().chain(once).chain(twice).chain(dots.map(str::to_owned)).collect();
    for name in &names {
        for n in [2, 3, -1] {
            let answer = rpc(&victim.node, victim.f(n, &string(name)));
            assert_eq!(answer.fault(), -32500, "{name:?}: {answer:?}");
            assert!(!answer.body.contains("secret"), "{name:?}: {answer:?}");
            faults.insert(answer.body);
        }
    }
    assert_eq!(faults.len(), 1, "a prober learns nothing from the text: {faults:?}");
    // Bytes that no text has.
    for base64 in ["aW4udHh0AA==", "//8=", "Li4Ac2VjcmV0"] {
        let answer = rpc(&victim.node, victim.f(2, &format!("<base64>{base64}</base64>")));
        assert!([-32500, -32602].contains(&answer.fault()), "{answer:?}");
    }
    // And the trace has eyes: an honest name is seen.
    assert!(rpc(&victim.node, victim.f(2, &string("d/deep.txt"))).body.contains("deep"));
    if let Some(trace) = trace {
        let opened = trace.end();
        let name_of = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let opened: BTreeSet<String> = opened.iter().filter_map(|line| name_of(line)).collect();
        eprintln!("{} names asked for, opened: {opened:?}", names.len());
        assert!(opened.iter().any(|name| name.ends_with("deep.txt")), "{opened:?}");
        let root = victim.folder().display().to_string();
        let is_inside = |name: &String| {
            ["d", "d/deep.txt", "deep.txt", "in.txt", "."].contains(&name.as_str()) || name.starts_with(&root)
        };
        // What the runtime itself looks at, whoever asks for what.
        let is_own =
            |name: &String| name.starts_with("/proc/sys/") || name.starts_with("/sys/") || name == "/proc/self/cgroup";
        let outside: Vec<_> = opened.iter().filter(|name| !is_inside(name) && !is_own(name)).collect();
        assert!(outside.is_empty(), "opened outside of the share: {outside:?}");
    }
    victim.must_be_well("names", 16 << 20);
}

fn links_and_devices() {
    let outside = tree(&[("secret.txt", b"the secret"), ("d/secret.txt", b"the secret")]);
    let share = tree(&[("in.txt", b"inside")]);
    let at = |name: &str| share.path().join(name);
    symlink(outside.path().join("secret.txt"), at("link")).unwrap();
    symlink(outside.path().join("d"), at("folder")).unwrap();
    symlink("/etc/passwd", at("passwd")).unwrap();
    symlink("../../../../../../../../etc/passwd", at("relative")).unwrap();
    symlink(concat!("/proc/self/ro", "ot/etc/passwd"), at("magic")).unwrap();
    symlink("loop", at("loop")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("unreadable"), "unreadable").unwrap();
    fs::set_permissions(at("unreadable"), fs::Permissions::from_mode(0o000)).unwrap();
    let victim = Victim::sharing(share, &[]);
    wait_for("the listing", Duration::from_secs(30), || victim.names().contains(&"in.txt".to_owned()).then_some(()));
    let odd = [
        "link",
        "folder",
        "folder/secret.txt",
        "passwd",
        "relative",
        "magic",
        "loop",
        "zero",
        "fifo",
        "socket",
        "empty",
    ];
    let names = victim.names();
    assert!(names.iter().all(|name| ["in.txt", "unreadable"].contains(&name.as_str())), "{names:?}");
    let refuse = |name: &str| {
        let answer = rpc(&victim.node, victim.f(2, &string(name)));
        assert_eq!(answer.fault(), -32500, "{name}: {answer:?}");
    };
    odd.iter().for_each(|name| refuse(name));
    // A listed file that turns into something else, before anybody notices.
    for number in 0..20 {
        let name = format!("turning{number}");
        let path = victim.folder().join(&name);
        fs::write(&path, "a file").unwrap();
        wait_for("it to be listed", Duration::from_secs(30), || victim.names().contains(&name).then_some(()));
        fs::remove_file(&path).unwrap();
        match number % 3 {
            0 => mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
            1 => symlink(outside.path().join("secret.txt"), &path).unwrap(),
            _ => symlink("/dev/zero", &path).unwrap(),
        }
        refuse(&name);
    }
    victim.must_be_well("links and devices", 16 << 20);
}

fn own_files() {
    let files: [(&str, &[u8]); 7] = [
        ("in.txt", b"inside"),
        (".seen", b"hidden"),
        (".tinyp2p", b"ours"),
        (".tinyp2p-key", b"ours"),
        (".tinyp2p.abc.part", b"ours"),
        (".tinyp2p.d/state", b"ours"),
        ("d/.tinyp2p.abc.part", b"ours"),
    ];
    for (more, seen) in [(&[][..], false), (&["--hidden"][..], true)] {
        let victim = Victim::sharing(tree(&files), more);
        let search = |kind: &str, pattern: &str| {
            rpc(&victim.node, call("tinyp2p.search", &[&string(&victim.token), &string(kind), &string(pattern)])).body
        };
        wait_for("the listing", Duration::from_secs(30), || search("regex", "").contains("in.txt").then_some(()));
        for found in [
            search("regex", ""),
            search("regex", r"\.tiny"),
            search("glob", ".tinyp2p*"),
            search("words", "tinyp2p"),
            rpc(&victim.node, victim.f(1, &string(""))).body,
        ] {
            assert!(!found.contains(".tinyp2p"), "{found}");
        }
        assert_eq!(search("regex", "").contains(".seen"), seen);
        for (name, _) in &files[2..] {
            assert_eq!(rpc(&victim.node, victim.f(2, &string(name))).fault(), -32500, "{name}");
        }
        victim.must_be_well("our own files", 8 << 20);
    }
}
