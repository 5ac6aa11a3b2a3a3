//! Programs in other languages, each with an XML-RPC library that knows nothing of us, and the calls they are told to make.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};
use shared::xmlrpc::Value;

use super::tagged::{comparable, fault, tag, untag};
use crate::harness::node::run;
use crate::harness::original::Original;
use crate::harness::{ok, stdout, workspace};

/// One language with its library, as it is on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Language {
    /// The interpreter with the program that makes the calls.
    command: Vec<OsString>,
    /// Calls itself as the client of 2004 does, and so is shown what that could write.
    pub(crate) is_of_2004: bool,
    /// Its library has a way of its own to make several calls in one.
    pub(crate) makes_several: bool,
    /// Tells a struct from an array even if it is empty, or if its names are numbers.
    pub(crate) knows_structs: bool,
    /// What its library does on the wire.
    pub(crate) http: Http,
}

/// How a library uses HTTP, so that a trial can tell that it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// Makes all calls over one connection.
    pub(crate) keeps_connection: bool,
    /// How it packs long calls.
    pub(crate) packs: Option<String>,
    /// How long answers come to it packed.
    pub(crate) unpacks: Option<String>,
}

impl Http {
    fn new(keeps_connection: bool, packs: Option<&str>, unpacks: Option<&str>) -> Self {
        Self { keeps_connection, packs: packs.map(str::to_owned), unpacks: unpacks.map(str::to_owned) }
    }
}

impl Language {
    /// Every language with what it needs, and the language or why it is missing.
    pub(crate) fn all() -> Vec<(&'static str, &'static str, Result<Self, String>)> {
        vec![
            ("python3", "python3", Self::python3()),
            ("python27", "Python 2.7", Self::python27()),
            ("perl", "Perl with RPC::XML (librpc-xml-perl)", Self::perl()),
            ("ruby", "Ruby with xmlrpc/client (ruby-xmlrpc)", Self::ruby()),
            ("php", "PHP with its xmlrpc extension (php-xmlrpc)", Self::php()),
        ]
    }

    fn python3() -> Result<Self, String> {
        probe("python3", &["-c", "import xmlrpc.client"])?;
        let http = Http::new(true, Some("gzip"), Some("gzip"));
        Ok(Self { makes_several: true, ..Self::new("python3", "client.py", http) })
    }

    fn python27() -> Result<Self, String> {
        let python = Original::find()?.interpreter().to_owned();
        let http = Http::new(true, Some("gzip"), Some("gzip"));
        Ok(Self { makes_several: true, is_of_2004: true, ..Self::new(python, "client.py", http) })
    }

    fn perl() -> Result<Self, String> {
        probe("perl", &["-MRPC::XML::Client", "-MJSON::PP", "-e", "1"])?;
        Ok(Self::new("perl", "client.pl", Http::new(true, Some("deflate"), None)))
    }

    fn ruby() -> Result<Self, String> {
        probe("ruby", &["-r", "xmlrpc/client", "-e", "1"])?;
        Ok(Self { makes_several: true, ..Self::new("ruby", "client.rb", Http::new(true, None, Some("gzip"))) })
    }

    fn php() -> Result<Self, String> {
        probe("php", &["-r", "exit(function_exists('xmlrpc_encode_request') ? 0 : 1);"])?;
        Ok(Self { knows_structs: false, ..Self::new("php", "client.php", Http::new(false, None, None)) })
    }

    fn new(interpreter: impl Into<OsString>, program: &str, http: Http) -> Self {
        let program: PathBuf = workspace().join("tests/foreign").join(program);
        let command = vec![interpreter.into(), program.into()];
        Self { command, is_of_2004: false, makes_several: false, knows_structs: true, http }
    }

    /// Makes all the calls with one client, and compares each outcome with what is expected.
    pub(crate) fn make(&self, url: &str, password: &str, calls: &[Call]) {
        let told: Vec<Json> = calls.iter().map(Call::told).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        serde_json::to_writer(&mut file, &told).unwrap();
        let outcomes = run(&mut self.command(url, password, file.path()));
        ok(&outcomes);
        let outcomes: Vec<Json> = serde_json::from_str(&stdout(&outcomes)).expect("a list in JSON");
        assert_eq!(outcomes.len(), calls.len());
        for (call, outcome) in calls.iter().zip(&outcomes) {
            call.check(outcome);
        }
    }

    fn command(&self, url: &str, password: &str, calls: &Path) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg(url).arg(calls).env("TINYP2P_PASSWORD", password);
        command
    }
}

/// Whether a command can be run here and succeeds.
pub(crate) fn probe(program: &str, arguments: &[&str]) -> Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it fails").to_owned()),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// One call, and what must come of it.
#[derive(Debug)]
pub(crate) struct Call {
    method: &'static str,
    params: Json,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    Is(Value),
    Fault(i32),
    Says(&'static str),
}

impl Call {
    /// A call that is answered with exactly this value.
    pub(crate) fn is(method: &'static str, params: &[Value], expected: Value) -> Self {
        Self::new(method, params, Expected::Is(expected))
    }

    /// A call that is answered with a fault of this code.
    pub(crate) fn fails(method: &'static str, params: &[Value], code: i32) -> Self {
        Self::new(method, params, Expected::Fault(code))
    }

    /// A call that is answered with a text in which these words are.
    pub(crate) fn says(method: &'static str, params: &[Value], words: &'static str) -> Self {
        Self::new(method, params, Expected::Says(words))
    }

    /// Several calls in one, by the library's own way; each with its result or its fault.
    pub(crate) fn several(calls: &[(&str, &[Value])], expected: Vec<Value>) -> Self {
        let calls = calls.iter().map(|(method, params)| json!([method, all(params)])).collect();
        Self { method: "(several)", params: Json::Array(calls), expected: Expected::Is(Value::Array(expected)) }
    }

    fn new(method: &'static str, params: &[Value], expected: Expected) -> Self {
        Self { method, params: all(params), expected }
    }

    fn told(&self) -> Json {
        json!([self.method, self.params])
    }

    fn check(&self, outcome: &Json) {
        let call = || {
            let params = self.params.to_string();
            format!("{}{}", self.method, params.chars().take(500).collect::<String>())
        };
        match &self.expected {
            Expected::Fault(code) => assert_eq!(fault(outcome), Some(*code), "{}: {outcome}", call()),
            Expected::Says(words) => {
                let said = untag(outcome);
                assert!(said.as_str().is_some_and(|said| said.contains(words)), "{}: {outcome}", call());
            }
            Expected::Is(expected) => {
                let (found, expected) = (comparable(untag(outcome)), comparable(expected.clone()));
                assert!(found == expected, "{}\nfound {}\nexpected {}", call(), short(&found), short(&expected));
            }
        }
    }
}

fn all(params: &[Value]) -> Json {
    params.iter().map(tag).collect()
}

/// Enough of a value to see what is wrong with it.
fn short(value: &Value) -> String {
    format!("{value:?}").chars().take(2_000).collect()
}
