//! How a module brings its trials: each with a name, and left out loudly where what it needs is not on this machine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};

use libtest_mimic::{Completion, Failed, Trial};

/// A trial that needs nothing but this project.
pub(crate) fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || caught(body))
}

/// Whether there is a program of this name, or why not: what [`Trials::needing`] takes.
pub(crate) fn can_be_run(program: &str) -> Result<(), String> {
    Command::new(program).arg("--version").output().map(drop).map_err(|error| error.to_string())
}

/// Trials that all need one thing, which may be missing here.
pub(crate) struct Trials<'a, T> {
    needed: &'a Result<T, String>,
    trials: Vec<Trial>,
}

impl<'a, T: Clone + Send + 'static> Trials<'a, T> {
    /// Where `needed` is missing, all that is added reports itself as ignored, and standard error says why.
    pub(crate) fn needing(what: &str, needed: &'a Result<T, String>) -> Self {
        if let Err(why) = needed {
            eprintln!("IGNORED: tests that need {what}: {why}");
        }
        Self { needed, trials: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, body: impl FnOnce(&T) + Send + 'static) {
        self.trials.push(match self.needed.clone() {
            Ok(needed) => test(name, move || body(&needed)),
            // Not by the flag, which `--include-ignored` takes for a trial that can be run.
            Err(why) => Trial::ignorable_test(name, move || Ok(Completion::ignored_with(why))),
        });
    }

    pub(crate) fn into_vec(self) -> Vec<Trial> {
        self.trials
    }
}

/// Turns a failed assertion into a failed trial.
fn caught(body: impl FnOnce()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default().into()
    })
}

/// Fails with all that a command said unless it succeeded.
#[track_caller]
pub(crate) fn ok(output: &Output) {
    assert!(
        output.status.success(),
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What a command printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
