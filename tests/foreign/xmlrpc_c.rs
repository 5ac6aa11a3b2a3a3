//! The `xmlrpc` command of xmlrpc-c, which sends what it is told and prints what it got for a person to read.

use std::process::{Command, Output};

use libtest_mimic::Trial;

use super::{files, probe_command, shared, token};
use crate::harness::node::run;
use crate::harness::{Trials, ok, stdout};

pub(crate) fn trials() -> Vec<Trial> {
    let command = probe_command("xmlrpc");
    let mut trials = Trials::needing("the xmlrpc command (libxmlrpc-core-c3-dev)", &command);
    trials.add("foreign::xmlrpc_c_calls_a_node", |()| calls_a_node());
    trials.into_vec()
}

fn calls_a_node() {
    let files = files();
    let (node, _share) = shared(&files);
    let token = format!("s/{}", token(&node.url));
    let call = |method: &str, params: &[&str]| -> Output {
        let url = format!("{}/RPC2", node.url);
        run(Command::new("xmlrpc").args([&url, method]).args(params))
    };
    let result = |method: &str, params: &[&str]| {
        let output = call(method, params);
        ok(&output);
        stdout(&output).strip_prefix("Result:\n\n").expect("a result").trim_end().to_owned()
    };
    let fault = |method: &str, params: &[&str]| -> i32 {
        let output = call(method, params);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        let code = said.rsplit_once("(XML-RPC fault code ").and_then(|(_, code)| code.split(')').next()?.parse().ok());
        code.unwrap_or_else(|| panic!("a fault: {said}"))
    };

    let texts = "Array of 1 items:\n  Index  0 Array of 4 items:\n             Index  0 String: 'ascii.txt'\n             \
                 Index  1 String: 'big.txt'\n             Index  2 String: 'crlf.txt'\n             \
                 Index  3 String: 'utf8.txt'";
    assert_eq!(result("f", &[&token, "i/1", "s/txt$"]), texts);
    assert!(result("f", &[&token, "i/1", "s/"]).contains(&format!("Array of {} items", files.len())));
    assert_eq!(result("f", &[&token, "I/1", "s/^ascii"]).lines().count(), 3);

    assert_eq!(result("f", &[&token, "i/2", "s/ascii.txt"]), "String: \n  hello, world\\n");
    // The library takes every line end for LF, also one written &#13;.
    assert_eq!(result("f", &[&token, "i/2", "s/crlf.txt"]), "String: \n  one\\n\n  two\\n\n  three\\n\n  \\n");

    assert_eq!(result("f", &[&token, "i/2", "s/empty"]), "String: ''");
    assert_eq!(result("f", &[&token, "d/2", "s/only space"]), "String: ' '");
    let every_byte = super::tagged::hex(&(0..=255).collect::<Vec<u8>>());
    assert_eq!(result("f", &[&token, "i/2", "s/binary.bin"]), format!("Bit string: {every_byte}"));
    // A name as bytes, and a number as a boolean.
    assert_eq!(result("f", &[&token, "i/2", &format!("h/{}", super::tagged::hex(b"bell.dat"))]), "Bit string: 07");
    assert_eq!(
        result("f", &[&token, "b/true", "s/^empty$"]).lines().last(),
        Some("             Index  0 String: 'empty'")
    );

    assert_eq!(result("f", &["s/wrong", "i/1", "s/"]), "Boolean: FALSE");
    assert_eq!(result("f", &["n/", "i/1", "s/"]), "Boolean: FALSE");
    assert_eq!(fault("f", &[&token, "i/2", "s/no such file"]), shared::Fault::APPLICATION);
    assert_eq!(fault("f", &[&token, "i/0", "s/no list"]), shared::Fault::BAD_PARAMETERS);
    assert_eq!(fault("no.such.method", &[]), shared::Fault::NO_SUCH_METHOD);

    assert!(result("system.listMethods", &[]).starts_with("Array of 9 items:\n"));
    assert!(result("system.methodHelp", &["s/f"]).contains("the function of tinyp2p 1.0"));
    assert!(result("system.methodSignature", &["s/tinyp2p.search"]).contains("Index  3 String: 'string'"));
    assert!(result("system.getCapabilities", &[]).starts_with("Struct of 5 members:\n"));
    let found = result("tinyp2p.search", &[&token, "s/glob", "s/ascii.*"]);
    assert!(found.contains("Key:   String: 'size'\n             Value: Floating Point: 13.0"), "{found}");
}
