//! The program at a terminal: its prompt, and the end of the window it is in.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::harness::node::{Node, program, tinyp2p};
use crate::harness::process::{Running, wait_for};
use crate::harness::tree::{binary, tree};
use crate::harness::{ok, test};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("a_prompt_that_is_ended_leaves_the_terminal_with_its_echo", prompt),
        test("a_password_is_typed_and_never_shown", typed),
        test("what_is_put_has_a_bar_while_it_is_read_and_another_while_it_is_sent", bars),
        test("a_closed_window_ends_a_node_as_ctrl_c_does", closed_window),
    ]
}

/// A terminal of which we are the screen and the keys.
fn terminal() -> (OwnedFd, PathBuf) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
    (screen, name.into())
}

/// A command of ours at this terminal, which becomes our program once the terminal is its own.
fn at(tty: &File, arguments: &[&str]) -> Command {
    let ours = program();
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(ours.get_program());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env_remove("TINYP2P_PASSWORD").args(arguments).stdin(tty.try_clone().unwrap());
    command
}

fn shows_what_is_typed(tty: &File) -> bool {
    tcgetattr(tty).unwrap().local_modes.contains(LocalModes::ECHO)
}

fn typed() {
    let password = "correct horse battery";
    let share = tree(&[("listed.txt", b"a")]);
    let node = Node::serve(share.path(), password, &[]);
    let (screen, name) = terminal();
    let tty = File::options().read(true).write(true).open(name).unwrap();
    let mut command = at(&tty, &["ls", &node.url]);
    command.stdout(tty.try_clone().unwrap()).stderr(tty.try_clone().unwrap());
    let mut asking = Running::new(command.spawn().unwrap());
    fcntl_setfl(&screen, OFlags::NONBLOCK).unwrap();
    let (mut screen, mut shown) = (File::from(screen), Vec::new());
    let read = |screen: &mut File, shown: &mut Vec<u8>| {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut piece) {
            shown.extend_from_slice(&piece[..count]);
        }
    };
    // Symptom: who typed the moment they were asked saw it, as programs do that type.
    let until = Instant::now() + Duration::from_secs(60);
    while !shown.ends_with(b"Password: ") {
        assert!(asking.is_running() && Instant::now() < until);
        read(&mut screen, &mut shown);
    }
    writeln!(screen, "{password}").unwrap();
    ok(&asking.wait(Duration::from_secs(60)));
    // What was written to a terminal before its writer ended is there to be read.
    read(&mut screen, &mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.starts_with("Password: ") && shown.contains("listed.txt"), "{shown:?}");
    assert!(!shown.contains("horse"), "{shown:?}");
    assert!(shows_what_is_typed(&tty));
}

fn bars() {
    let password = "correct horse battery";
    let (share, mine) = (tree(&[]), tree(&[("film.bin", &binary(9 << 20))]));
    let node = Node::serve(share.path(), password, &["--drop-box"]);
    let (screen, name) = terminal();
    let tty = File::options().read(true).write(true).open(name).unwrap();
    let mut command = at(&tty, &["put", &node.url]);
    command.arg(mine.path().join("film.bin")).env("TINYP2P_PASSWORD", password);
    command.stdout(tty.try_clone().unwrap()).stderr(tty.try_clone().unwrap());
    let putting = Running::new(command.spawn().unwrap());
    // Until nobody is at the terminal any more, which a screen is told by an error.
    drop((tty, command));
    let shown = thread::spawn(move || {
        let (mut screen, mut shown) = (File::from(screen), Vec::new());
        let _nobody_is_there = screen.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    ok(&putting.wait(Duration::from_secs(60)));
    let shown = shown.join().unwrap();
    let of = |what: &str| shown.find(what).unwrap_or_else(|| panic!("no {what:?} in {shown:?}"));
    // A name, and a bar in its colour.
    let bar = |name: &str| of(&format!("{name:24} \u{1b}[36m"));
    assert!(of("0 of 1 files") < bar("reading") && bar("reading") < bar("film.bin"), "{shown:?}");
    // Symptom: the last words stood behind the bar, which was there still.
    let last = shown.trim_end().rsplit(['\r', '\n']).next().unwrap();
    assert_eq!(last.trim_start_matches("\u{1b}[2K"), "1 file, 9.00 MiB", "{shown:?}");
}

fn prompt() {
    let url = "http://127.0.0.1:1";
    for command in [["ls", url], ["get", url], ["peers", url], ["serve", "--ask"]] {
        let (_screen, name) = terminal();
        let tty = File::options().read(true).write(true).open(name).unwrap();
        let child = at(&tty, &command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut asking = Running::new(child);
        wait_for("the prompt", Duration::from_secs(20), || {
            assert!(asking.is_running(), "{}", asking.error_text());
            (!shows_what_is_typed(&tty)).then_some(())
        });
        let output = asking.signal(Signal::TERM, Duration::from_secs(5));
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(shows_what_is_typed(&tty), "after {command:?}");
    }
}

fn closed_window() {
    let share = tree(&[("a.txt", b"a")]);
    let ours = tinyp2p("correct horse battery");
    let mut command = Command::new("env");
    // Whoever runs the tests may have them outlive a closed window (nohup), and so would what they start.
    command.arg("--default-signal=HUP").arg(ours.get_program());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let serve = ["serve", "--bind", "127.0.0.1", "--port", "0", "--json"];
    let node = Node::start(command.args(serve).arg(share.path()));
    let output = node.process.signal(Signal::HUP, Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
