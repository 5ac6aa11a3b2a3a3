//! A network of its own for a trial, in which nobody else speaks: the trial runs in another process of this program, inside
//! a network namespace that has nothing but loopback. No root is needed where the system allows namespaces to everybody.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Completion, Failed, Trial};

use super::process::Running;

/// Set in the process inside.
const INSIDE: &str = "TINYP2P_TEST_ALONE";
/// Longer than any trial.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether this process was started for one such trial.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// A trial in a network of its own; left out loudly where there can be none.
pub(crate) fn alone(name: &'static str, body: fn()) -> Trial {
    if is_inside() {
        return super::test(name, body);
    }
    Trial::ignorable_test(name, move || {
        let can = unshare("ip link set lo up", &[]).stdout(Stdio::null()).output();
        let why = match can {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            let reason = format!("no network of its own is to be had here (unshare, ip): {why}");
            eprintln!("IGNORED: {name}: {reason}");
            return Ok(Completion::ignored_with(reason));
        }
        let this = env::current_exe()?.display().to_string();
        let mut inside = unshare("ip link set lo up && exec \"$0\" --exact \"$1\"", &[&this, name]);
        inside.env(INSIDE, "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = Running::new(inside.spawn()?).wait(PATIENCE);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        // One trial, and it was not left out.
        if output.status.success() && said.contains("1 passed") {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            return Ok(Completion::Completed);
        }
        Err(Failed::from(format!("{}\n{said}", output.status)))
    })
}

fn unshare(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", script]).args(arguments);
    command
}
