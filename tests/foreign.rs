//! A real node called by programs in other languages, each through an XML-RPC library that knows nothing of us.
//!
//! What a language needs and this machine lacks is said loudly, and its trials are left out; `tests/install.sh` installs it.

mod curl;
mod language;
mod suite;
mod tagged;
mod validator;
mod xmlrpc_c;

use std::process::Command;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;
use shared::xmlrpc::Value;
use shared::{Fault, Password, PeerUrl};
use tempfile::TempDir;

use crate::harness::node::Node;
use crate::harness::process::wait_for;
use crate::harness::tree::{binary, text, tree};
use crate::harness::{Trials, stdout};
use language::{Call, Language};
use tagged::TOKEN;

const PASSWORD: &str = "correct & horse <ü>";

pub(crate) fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for (name, what, language) in Language::all() {
        let mut trials = Trials::needing(what, &language);
        trials.add(&format!("foreign::{name}_calls_a_node"), calls_a_node);
        trials.add(&format!("foreign::{name}_passes_validator1"), suite::passes);
        all.extend(trials.into_vec());
    }
    all.extend(xmlrpc_c::trials());
    all.extend(curl::trials());
    all
}

/// Files of every kind. So many that their listing is worth packing.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = [
        ("ascii.txt", b"hello, world\n".to_vec()),
        ("crlf.txt", b"one\r\ntwo\rthree\n\r\n".to_vec()),
        ("utf8.txt", "café 日本 😀\n\u{85}\u{2028}".into()),
        ("special <&> 'name' \"é\".xml", b"<a b=\"c\">&amp; ]]> 'd' </a>\t~\x7f".to_vec()),
        ("spaces", b"  \n two \n  ".to_vec()),
        ("only space", b" ".to_vec()),
        ("empty", Vec::new()),
        ("big.txt", text(150_000)),
        ("big.bin", binary(150_000)),
        ("binary.bin", (0..=255).collect()),
        ("latin1.dat", b"caf\xe9\n".to_vec()),
        ("bell.dat", b"\x07".to_vec()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    files.extend((0..60).map(|number| (format!("one of many files {number:02}.dat"), b"one of many".to_vec())));
    files.sort();
    files
}

/// A node that shares these files and has looked at them.
fn shared(files: &[(String, Vec<u8>)]) -> (Node, TempDir) {
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let share = tree(&files);
    let ascii = std::fs::File::options().write(true).open(share.path().join("ascii.txt")).unwrap();
    ascii.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_100_000_000_500)).unwrap();
    let node = Node::serve(share.path(), PASSWORD, &[]);
    wait_for("the share to be listed", Duration::from_secs(10), || {
        let listed = crate::harness::node::run(crate::harness::node::tinyp2p(PASSWORD).args(["ls", &node.url]));
        (stdout(&listed).lines().count() == files.len()).then_some(())
    });
    (node, share)
}

/// The token of such a node.
fn token(url: &str) -> String {
    Password::new(PASSWORD).token(&PeerUrl::parse(url).unwrap()).reveal().to_owned()
}

/// Whether there is a command of this name.
fn probe_command(name: &str) -> Result<(), String> {
    match Command::new(name).arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// What the content of a file is to a caller: text where XML can carry it, bytes elsewhere.
fn content(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\x07') && !text.contains('\0') => text.into(),
        _ => Value::Bytes(bytes.to_vec()),
    }
}

/// What the client of 2004 could write, by its name and its bytes.
fn is_plain((name, bytes): &(String, Vec<u8>)) -> bool {
    name.is_ascii() && bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'\x7f'))
}

fn names<'a>(files: impl Iterator<Item = &'a (String, Vec<u8>)>) -> Value {
    Value::Array(vec![Value::Array(files.map(|(name, _)| name.as_str().into()).collect())])
}

fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
}

fn structure(members: &[(&str, Value)]) -> Value {
    Value::Struct(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn calls_a_node(language: &Language) {
    let files = files();
    let (node, _share) = shared(&files);
    let mut calls = of_2004(&node.url, language, &files);
    calls.extend(about_itself());
    calls.extend(in_one(&node.url, language));
    language.make(&node.url, PASSWORD, &calls);
}

/// `f`, in all its forms, and our own search.
fn of_2004(url: &str, language: &Language, files: &[(String, Vec<u8>)]) -> Vec<Call> {
    let token = || Value::from(TOKEN);
    let (f, list, fetch) = ("f", Value::Int(1), Value::Int(2));
    let shown = || files.iter().filter(|file| !language.is_of_2004 || is_plain(file));
    let mut calls = vec![
        Call::is(f, &[token(), 0.into(), texts(&[])], texts(&[url])),
        Call::is(f, &[token(), list.clone(), "".into()], names(shown())),
        Call::is(f, &[token(), list.clone(), "txt$".into()], names(shown().filter(|(name, _)| name.ends_with("txt")))),
        Call::is(
            f,
            &[token(), list.clone(), "<&> '.*\"é".into()],
            names(shown().filter(|(name, _)| name.contains('&'))),
        ),
        Call::is(f, &[token(), list.clone(), "no such file".into()], Value::Array(vec![texts(&[])])),
        Call::fails(f, &[token(), list.clone(), "(".into()], Fault::BAD_PARAMETERS),
        Call::fails(f, &[token(), fetch.clone(), "no such file".into()], Fault::APPLICATION),
        Call::fails(f, &[token(), fetch.clone(), "../ascii.txt".into()], Fault::APPLICATION),
        Call::fails(f, &[token(), fetch.clone()], Fault::BAD_PARAMETERS),
        Call::fails(f, &[], Fault::BAD_PARAMETERS),
        Call::fails("g", &[token()], Fault::NO_SUCH_METHOD),
    ];
    for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with("one of many")) {
        calls.push(Call::is(f, &[token(), fetch.clone(), name.as_str().into()], content(bytes)));
    }
    for wrong in ["wrong".into(), "".into(), 0.into(), Value::Array(vec![token()])] {
        calls.push(Call::is(f, &[wrong, list.clone(), "".into()], false.into()));
    }
    let search = "tinyp2p.search";
    let found = structure(&[
        ("path", "ascii.txt".into()),
        ("size", Value::Double(13.0)),
        ("modified", Value::Double(1_100_000_000.5)),
    ]);
    calls.push(Call::is(search, &[token(), "words".into(), "TXT asc".into()], Value::Array(vec![found.clone()])));
    calls.push(Call::is(search, &[token(), "glob".into(), "as*.txt".into()], Value::Array(vec![found.clone()])));
    calls.push(Call::is(search, &[token(), "regex".into(), "^asc".into()], Value::Array(vec![found])));
    calls.push(Call::fails(search, &[token(), "magic".into(), "x".into()], Fault::BAD_PARAMETERS));
    calls.push(Call::is(search, &["wrong".into(), "words".into(), "x".into()], false.into()));
    calls
}

/// What every XML-RPC server tells about itself.
fn about_itself() -> Vec<Call> {
    let capability = |url: &str, version: i32| structure(&[("specUrl", url.into()), ("specVersion", version.into())]);
    vec![
        Call::is(
            "system.listMethods",
            &[],
            texts(&[
                "f",
                "tinyp2p.search",
                "tinyp2p.ticket",
                "tinyp2p.drop_box",
                "system.getCapabilities",
                "system.listMethods",
                "system.methodHelp",
                "system.methodSignature",
                "system.multicall",
            ]),
        ),
        Call::says("system.methodHelp", &["f".into()], "the function of tinyp2p 1.0"),
        Call::says("system.methodHelp", &["system.multicall".into()], "several calls"),
        Call::is(
            "system.methodSignature",
            &["f".into()],
            Value::Array(vec![
                texts(&["array", "string", "int", "array"]),
                texts(&["array", "string", "int", "string"]),
                texts(&["string", "string", "int", "string"]),
                texts(&["base64", "string", "int", "string"]),
            ]),
        ),
        Call::fails("system.methodHelp", &["g".into()], Fault::NO_SUCH_METHOD),
        Call::fails("system.methodSignature", &[], Fault::BAD_PARAMETERS),
        Call::is(
            "system.getCapabilities",
            &[],
            structure(&[
                ("xmlrpc", capability("http://www.xmlrpc.com/spec", 1)),
                (
                    "faults_interop",
                    capability("http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20_010_516),
                ),
                ("introspect", capability("http://xmlrpc-c.sourceforge.net/xmlrpc-c/introspection.html", 1)),
                ("system.multicall", capability("http://www.xmlrpc.com/discuss/msgReader$1208", 1)),
                ("nil", capability("http://www.ontosys.com/xml-rpc/extensions.php", 1)),
            ]),
        ),
    ]
}

/// Several calls in one, by hand and by the library's own way; those that fail fail alone.
fn in_one(url: &str, language: &Language) -> Vec<Call> {
    let token = || Value::from(TOKEN);
    let calls: [(&str, &[Value]); 6] = [
        ("f", &[token(), 0.into(), texts(&[])]),
        ("f", &[token(), 2.into(), "no such file".into()]),
        ("f", &[token(), 2.into(), "crlf.txt".into()]),
        ("no.such.method", &[]),
        ("f", &[token(), 2.into(), "binary.bin".into()]),
        ("f", &["wrong".into(), 2.into(), "crlf.txt".into()]),
    ];
    let answers: [Result<Value, i32>; 6] = [
        Ok(texts(&[url])),
        Err(Fault::APPLICATION),
        Ok("one\r\ntwo\rthree\n\r\n".into()),
        Err(Fault::NO_SUCH_METHOD),
        Ok(Value::Bytes((0..=255).collect())),
        Ok(false.into()),
    ];
    let failed = |code: i32| structure(&[("faultCode", code.into())]);
    let by_hand = Value::Array(
        calls
            .iter()
            .map(|(method, params)| {
                structure(&[("methodName", (*method).into()), ("params", Value::Array(params.to_vec()))])
            })
            .collect(),
    );
    let alone = |answer: &Result<Value, i32>| match answer {
        Ok(value) => Value::Array(vec![value.clone()]),
        Err(code) => failed(*code),
    };
    let mut made = vec![
        Call::is("system.multicall", &[by_hand], Value::Array(answers.iter().map(alone).collect())),
        Call::fails("system.multicall", &["no list".into()], Fault::BAD_PARAMETERS),
    ];
    if language.makes_several {
        made.push(Call::several(&calls, answers.map(|answer| answer.unwrap_or_else(failed)).into()));
    }
    made
}
