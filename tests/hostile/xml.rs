//! Bodies that are no call, or one that nobody should be able to afford.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use super::victim::{GoodCaller, Victim};
use super::wire::{Answer, at_best, call, rpc, string};
use crate::harness::test;

/// The request is no well-formed XML, or has a character or encoding that is none.
const NOT_XML: [i32; 3] = [-32700, -32701, -32702];
const NOT_CONFORMING: i32 = -32600;
const NO_SUCH_METHOD: i32 = -32601;
const BAD_PARAMETERS: i32 = -32602;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("hostile::c5_c6_entities_are_never_expanded", entities),
        test("hostile::c7_c8_deep_and_broad_documents_are_refused_at_once", deep_and_broad),
        test("hostile::c9_bad_characters_and_numbers_are_faults", bad_scalars),
        test("hostile::c_malformed_calls_are_faults_with_standard_codes", malformed),
        test("hostile::c_a_wrong_token_of_any_type_learns_nothing", wrong_tokens),
        test("hostile::c_f_with_another_number_of_parameters_is_a_fault", arity),
        test("hostile::c_a_multicall_costs_no_more_than_a_call", multicall),
    ]
}

#[track_caller]
fn must_be_cheap(victim: &Victim, what: &str, body: &str, within: Duration) {
    let (answers, took) = at_best(|| rpc(&victim.node, body));
    let codes: Vec<_> = answers.iter().map(Answer::fault).collect();
    eprintln!("{what}: faults {codes:?} after {took:?}");
    assert!(codes.iter().all(|code| (-32702..=-32600).contains(code)), "{answers:?}");
    assert!(took < within, "{what} took {took:?}");
}

fn entities() {
    let victim = Victim::with(&[("secret.txt", b"the secret")]);
    let mut laughs = String::from("<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY a0 \"lol\">");
    for level in 1..=9 {
        laughs += &format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10));
    }
    laughs += "]><methodCall><methodName>&a9;</methodName></methodCall>";
    let secret = victim.folder().join("secret.txt");
    let outside = |id: &str| {
        format!(
            "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY % p {id}> %p; <!ENTITY e {id}>]>\
             <methodCall><methodName>f</methodName><params><param><value>&e;</value></param></params></methodCall>"
        )
    };
    let cases = [
        ("billion laughs", laughs),
        ("an entity of a file", outside(&format!("SYSTEM \"file://{}\"", secret.display()))),
        ("an entity of a URL", outside(&format!("PUBLIC \"x\" \"{}/\"", victim.node.url))),
        ("a DOCTYPE alone", "<!DOCTYPE methodCall><methodCall><methodName>f</methodName></methodCall>".to_owned()),
        ("an unknown entity", "<methodCall><methodName>&e;</methodName></methodCall>".to_owned()),
        ("an endless DOCTYPE", format!("<!DOCTYPE {}", "[".repeat(900_000))),
    ];
    for (what, body) in &cases {
        must_be_cheap(&victim, what, body, Duration::from_millis(50));
        assert!(!rpc(&victim.node, body).body.contains("the secret"));
    }
    victim.must_be_well("entities", 8 << 20);
}

fn deep_and_broad() {
    let victim = Victim::with(&[]);
    let good = GoodCaller::of(&victim);
    let value = |value: &str| call("f", &[value]);
    let nested = |open: &str, close: &str, times| value(&format!("{}{}", open.repeat(times), close.repeat(times)));
    let attributes: String = (0..80_000).map(|number| format!(" a{number}='1'")).collect();
    let cases = [
        ("30,000 nested arrays", nested("<array><data><value>", "</value></data></array>", 20_000)),
        ("nested arrays that are never closed", nested("<array><data><value>", "", 50_000)),
        ("100,000 nested elements", nested("<a>", "</a>", 100_000)),
        ("nested structs", nested("<struct><member><name>a</name><value>", "</value></member></struct>", 14_000)),
        ("80,000 attributes", format!("<methodCall{attributes}><methodName>f</methodName></methodCall>")),
        ("the same attribute often", format!("<methodCall{}></methodCall>", " a='1'".repeat(80_000))),
        ("an element with a long name", format!("<{}>", "a".repeat(1_000_000))),
        ("100,000 values", value(&format!("<array><data>{}</data></array>", "<value/>".repeat(100_000)))),
        ("a comment that never ends", format!("<!--{}", "-".repeat(1_000_000))),
        ("many comments", format!("{}<x/>", "<!---->".repeat(140_000))),
        ("CDATA without an end", format!("<methodCall><methodName><![CDATA[{}", "]".repeat(1_000_000))),
        ("a processing instruction", format!("<?{}", "?".repeat(1_000_000))),
        ("references", format!("<methodCall><methodName>{}", "&amp;".repeat(200_000))),
        ("less-than signs", "<".repeat(1_000_000)),
        ("ampersands", format!("<methodCall>{}", "&".repeat(1_000_000))),
    ];
    for (what, body) in &cases {
        assert!(body.len() <= 1 << 20, "{what} is a body of {} bytes", body.len());
        must_be_cheap(&victim, what, body, Duration::from_millis(500));
    }
    good.must_have_been_served("deep and broad documents");
    victim.must_be_well("deep and broad documents", 40 << 20);
}

fn bad_scalars() {
    let victim = Victim::with(&[]);
    for value in [
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&#xFFFFFFFFFFFFFFFFFF;",
        "&#;",
        "&#x;",
        "&#-1;",
        "&#8;",
        "&;",
        "&amp",
        "\u{1}",
        "\u{ffff}",
        "<i4>9e9</i4>",
        "<i4>2147483648</i4>",
        "<i4>-2147483649</i4>",
        "<i4></i4>",
        "<i4>1 2</i4>",
        "<i4>0x10</i4>",
        "<i4>\u{661}</i4>",
        "<int>99999999999999999999999999999999</int>",
        "<i8>9223372036854775808</i8>",
        "<double>nan</double>",
        "<double>inf</double>",
        "<double>-Infinity</double>",
        "<double>1e999999</double>",
        "<double>1,5</double>",
        "<double></double>",
        "<boolean>2</boolean>",
        "<boolean>true</boolean>",
        "<boolean/>",
        "<base64>a</base64>",
        "<base64>====</base64>",
        "<base64>*</base64>",
        "<dateTime.iso8601>yesterday</dateTime.iso8601>",
        "<struct><member><value/></member></struct>",
        "<struct><member><name>a</name></member></struct>",
        "<array><value/></array>",
        "<array><data><data/></data></array>",
        "<i4>1</i4><i4>2</i4>",
        "<unknown>1</unknown>",
    ] {
        let answer = rpc(&victim.node, call("system.methodHelp", &[value]));
        let code = answer.fault();
        assert!(NOT_XML.contains(&code) || code == NOT_CONFORMING, "{value}: {answer:?}");
    }
    victim.must_be_well("bad characters and numbers", 8 << 20);
}

fn malformed() {
    let victim = Victim::with(&[]);
    let whole = victim.f(1, &string(""));
    let utf16: Vec<u8> =
        whole.replace("?>", " encoding='UTF-16'?>").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(Vec<u8>, &[i32])> = vec![
        (b"".to_vec(), &NOT_XML),
        (b" \r\n\t".to_vec(), &NOT_XML),
        (b"hello".to_vec(), &NOT_XML),
        (b"{\"jsonrpc\": \"2.0\"}".to_vec(), &NOT_XML),
        (b"\0\0\0\0".to_vec(), &NOT_XML),
        (vec![0xff; 1000], &NOT_XML),
        (vec![0xff, 0xfe], &NOT_XML),
        (utf16.into_iter().take(41).collect(), &NOT_XML),
        (b"<?xml version='1.0' encoding='klingon'?><methodCall/>".to_vec(), &[-32701]),
        (b"<methodCall><methodName>\xff\xfe</methodName></methodCall>".to_vec(), &[-32702]),
        (b"<methodCall><methodName>f</methodCall></methodName>".to_vec(), &NOT_XML),
        (b"<methodCall><methodName>f</methodName></methodCall><more/>".to_vec(), &NOT_XML),
        (b"<methodCall/>".to_vec(), &[NOT_CONFORMING]),
        (b"<html><body>hello</body></html>".to_vec(), &[NOT_CONFORMING]),
        (b"<methodResponse><params/></methodResponse>".to_vec(), &[NOT_CONFORMING]),
        (call("no such name!", &[]).into_bytes(), &[NOT_CONFORMING, NO_SUCH_METHOD]),
        (call("", &[]).into_bytes(), &[NOT_CONFORMING, NO_SUCH_METHOD]),
        (call("nothing.like.this", &[]).into_bytes(), &[NO_SUCH_METHOD]),
        (call(&"x".repeat(100_000), &[]).into_bytes(), &[NOT_CONFORMING, NO_SUCH_METHOD]),
        (call("system.nothing", &[]).into_bytes(), &[NO_SUCH_METHOD]),
        (call("system.multicall", &[]).into_bytes(), &[BAD_PARAMETERS]),
        (call("tinyp2p.search", &["<nil/>"]).into_bytes(), &[BAD_PARAMETERS]),
    ];
    for (body, codes) in &cases {
        let answer = rpc(&victim.node, body);
        let shown = String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned();
        assert!(codes.contains(&answer.fault()), "{shown}: {answer:?}");
        assert!(answer.head.to_lowercase().contains("content-type: text/xml"), "{shown}: {answer:?}");
    }
    // Cut anywhere, a call is a fault.
    for end in 0..whole.len() {
        let code = rpc(&victim.node, &whole[..end]).fault();
        assert!(NOT_XML.contains(&code), "cut at {end}: {code}");
    }
    victim.must_be_well("malformed calls", 8 << 20);
}

fn wrong_tokens() {
    let victim = Victim::with(&[("a.txt", b"a")]);
    let right = victim.token.clone();
    let tokens = [
        string(""),
        string("wrong"),
        string(&right.to_uppercase()),
        string(&format!("{right} ")),
        string(&right[..31]),
        string(&"0".repeat(500_000)),
        "<int>0</int>".to_owned(),
        "<boolean>1</boolean>".to_owned(),
        "<nil/>".to_owned(),
        "<double>1.0</double>".to_owned(),
        "<base64>/////w==</base64>".to_owned(),
        "<dateTime.iso8601>20040101T00:00:00</dateTime.iso8601>".to_owned(),
        format!("<array><data><value>{}</value></data></array>", string(&right)),
        format!("<struct><member><name>a</name><value>{}</value></member></struct>", string(&right)),
    ];
    let numbers =
        ["<int>0</int>", "<int>1</int>", "<int>2</int>", "<nil/>", "<string>x</string>", "<array><data/></array>"];
    let list = super::wire::strings(["http://127.0.0.1:1"]);
    let arguments = [list.as_str(), "<string>a.txt</string>", "<string>(</string>", "<nil/>", "<struct/>"];
    for token in &tokens {
        for n in numbers {
            for argument in arguments {
                let answer = rpc(&victim.node, call("f", &[token, n, argument]));
                assert!(answer.is_refusal(), "{n} {argument}: {answer:?}");
            }
        }
        for kind in ["regex", "nothing"] {
            let answer = rpc(&victim.node, call("tinyp2p.search", &[token, &string(kind), &string("(")]));
            assert!(answer.is_refusal(), "{answer:?}");
        }
    }
    victim.must_be_well("wrong tokens", 16 << 20);
}

fn arity() {
    let victim = Victim::with(&[]);
    let token = string(&victim.token);
    for count in [0, 1, 2, 4, 100, 30_000] {
        let params: Vec<&str> = std::iter::repeat_n(token.as_str(), count.min(4))
            .chain(std::iter::repeat_n("", count.saturating_sub(4)))
            .collect();
        let code = rpc(&victim.node, call("f", &params)).fault();
        assert!([BAD_PARAMETERS, NOT_CONFORMING].contains(&code), "{count} parameters: {code}");
    }
    victim.must_be_well("another number of parameters", 16 << 20);
}

fn multicall() {
    let share = tempfile::tempdir().unwrap();
    for number in 0..5_000 {
        std::fs::write(share.path().join(format!("{number:05}-{}", "n".repeat(100))), "").unwrap();
    }
    let victim = Victim::sharing(share, &[]);
    crate::harness::process::wait_for("all files", Duration::from_secs(20), || {
        (victim.names().len() == 5_000).then_some(())
    });
    let before = victim.growth();
    let good = GoodCaller::of(&victim);
    let one = |method: &str, params: &[String]| {
        let params: String = params.iter().map(|param| format!("<value>{param}</value>")).collect();
        format!(
            "<value><struct><member><name>methodName</name><value>{method}</value></member>\
             <member><name>params</name><value><array><data>{params}</data></array></value></member></struct></value>"
        )
    };
    let token = string(&victim.token);
    for call_again in [
        one("f", &[token.clone(), "<int>1</int>".into(), string("")]),
        one("tinyp2p.search", &[token, string("regex"), string("")]),
        one("system.multicall", &["<array><data/></array>".into()]),
        one("system.listMethods", &[]),
    ] {
        let start = Instant::now();
        let calls = format!("<array><data>{}</data></array>", call_again.repeat(256));
        let answer = rpc(&victim.node, call("system.multicall", &[&calls]));
        assert_eq!(answer.status, 200);
        eprintln!("a multicall of 256: {} KiB after {:?}", answer.body.len() >> 10, start.elapsed());
    }
    let calls = format!("<array><data>{}</data></array>", one("f", &[]).repeat(257));
    assert_eq!(rpc(&victim.node, call("system.multicall", &[&calls])).fault(), BAD_PARAMETERS);
    good.must_have_been_served("multicalls");
    victim.must_be_well("multicalls", before + (48 << 20));
}
