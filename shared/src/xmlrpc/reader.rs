//! Calls to us, read strictly: whoever calls a server of today can write proper XML-RPC, or learns what is wrong.
//!
//! Everything that is no call is a [`Fault`] with the code that "Specification for Fault Code Interoperability" gives it.

use super::document::{self, Document, Problem, Rules};
use super::{Value, chars, encoding};
use crate::{Fault, limits};

/// A call of some method, ours or not.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// The name of the method: letters, digits and `_ . : /`.
    pub method: String,
    /// Its parameters, in order.
    pub params: Vec<Value>,
}

/// Reads the body of a call. `charset` is the parameter of that name in HTTP's `Content-Type`, if there is one.
///
/// Linear in the size of the body, and without recursion. Line ends become LF, as XML has it; text is never trimmed.
///
/// # Errors
/// The [`Fault`] to answer with: the caller's mistake, or a call beyond our [`limits`].
pub fn read_call(body: &[u8], charset: Option<&str>) -> Result<MethodCall, Fault> {
    if body.len() > limits::CALL_BYTES {
        return Err(Fault::new(
            Fault::NOT_CONFORMING,
            format!("the call is longer than {} bytes, which is all that is read here", limits::CALL_BYTES),
        ));
    }
    let text = encoding::decode(body, charset)?;
    if !chars::is_xml_text(&text) {
        return Err(Fault::new(Fault::NOT_WELL_FORMED, "the call holds a character that XML does not have"));
    }
    match document::read(&text, Rules::Call) {
        Ok(Document::Call(call)) => Ok(call),
        Ok(Document::Answer(_) | Document::Fault(_)) => {
            Err(Fault::new(Fault::NOT_CONFORMING, "this is a response, not a call"))
        }
        Err(Problem::Truncated) => Err(Fault::new(Fault::NOT_WELL_FORMED, "the XML of the call ends too early")),
        Err(Problem::NotWellFormed(why)) => Err(Fault::new(Fault::NOT_WELL_FORMED, why)),
        Err(Problem::NotConforming(why)) => Err(Fault::new(Fault::NOT_CONFORMING, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::value::strategy;
    use crate::xmlrpc::write_call;
    use proptest::prelude::*;

    fn call(value: &str) -> String {
        format!("<methodCall><methodName>f</methodName><params><param>{value}</param></params></methodCall>")
    }

    fn read(value: &str) -> Result<Value, Fault> {
        read_call(call(value).as_bytes(), None).map(|mut call| call.params.pop().unwrap())
    }

    fn code(body: impl AsRef<[u8]>) -> i32 {
        read_call(body.as_ref(), None).unwrap_err().code
    }

    #[test]
    fn reads_text_as_xml_has_it_and_never_trims() {
        for (value, text) in [
            ("<value><string> a\n</string></value>", " a\n"),
            ("<value>  </value>", "  "),
            ("<value/>", ""),
            ("<value> <string/> </value>", ""),
            ("<value>a<!-- x -->b<?x y?><![CDATA[<&]]></value>", "ab<&"),
            ("<value>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;</value>", "<&>\"'A😀"),
            ("<value>a\r\nb\rc&#13;\n</value>", "a\nb\nc\r\n"),
            ("<value><string a='1' b=\"&lt;>\">x</string></value>", "x"),
        ] {
            assert_eq!(read(value), Ok(Value::from(text)), "{value}");
        }
    }

    #[test]
    fn a_call_may_have_no_params() {
        for body in [
            "<methodCall><methodName>a.b</methodName></methodCall>",
            "<?xml version=\"1.0\"?>\n<methodCall>\n<methodName>a.b</methodName><params/>\n</methodCall>\n<!-- x -->",
        ] {
            let call = read_call(body.as_bytes(), None).unwrap();
            assert_eq!((call.method.as_str(), call.params.len()), ("a.b", 0));
        }
    }

    #[test]
    fn what_is_not_xml_is_32700() {
        for value in [
            "<value>&nbsp;</value>",
            "<value>& </value>",
            "<value>&#0;</value>",
            "<value>&#xD800;</value>",
            "<value>&#xFFFE;</value>",
            "<value>&#1;</value>",
            "<value>\u{1}</value>",
            "<value>\u{ffff}</value>",
            "<value></valve>",
            "<value><string></value></string>",
            "<value>]]></value>",
            "<value a=1></value>",
            "<value a='1' a='2'></value>",
            "<value a='<'></value>",
            "<value a='&x;'></value>",
            "<value><!-- -- --></value>",
            "<value>",
            "</value>",
            "<value><![CDATA[</value>",
        ] {
            assert_eq!(code(call(value)), Fault::NOT_WELL_FORMED, "{value}");
        }
        let good = call("<value>a</value>");
        for body in [
            "".into(),
            "hello".into(),
            format!("{good}x"),
            format!("{good}{good}"),
            format!("x{good}"),
            format!(" <?xml version='1.0'?>{good}"),
            format!("<?xml?>{good}"),
            format!("<?xml version='1.0'?><?xml version='1.0'?>{good}"),
            format!("{good}&#32;"),
            format!("{good}<![CDATA[]]>"),
        ] {
            assert_eq!(code(&body), Fault::NOT_WELL_FORMED, "{body}");
        }
        for end in 0..good.len() {
            assert_eq!(code(&good[..end]), Fault::NOT_WELL_FORMED, "cut at {end}");
        }
    }

    #[test]
    fn xml_that_is_no_call_is_32600() {
        for value in [
            "",
            "<value><text/></value>",
            "<value><STRING>x</STRING></value>",
            "<value>a<string>x</string></value>",
            "<value><string>a</string><string>b</string></value>",
            "<value><string><b>x</b></string></value>",
            "<value><array/></value>",
            "<value><array><value/></array></value>",
            "<value><array><data/><data/></array></value>",
            "<value><struct><member><name>a</name></member></struct></value>",
            "<value/><value/>",
            "<value><struct><member><value/><name>a</name></member></struct></value>",
            "<value><int>x</int></value>",
            "<value><string>x</string>y</value>",
            "<value><array>x<data/></array></value>",
        ] {
            assert_eq!(code(call(value)), Fault::NOT_CONFORMING, "{value}");
        }
        for body in [
            "<html/>",
            "<methodCall/>",
            "<methodCall><methodName/></methodCall>",
            "<methodCall><methodName>a b</methodName></methodCall>",
            "<methodCall><params/></methodCall>",
            "<methodResponse><params/></methodResponse>",
        ] {
            assert_eq!(code(body), Fault::NOT_CONFORMING, "{body}");
        }
    }

    #[test]
    fn c5_c6_a_document_type_is_a_fault() {
        let mut laughs = String::from("<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a0 'ha'>");
        for level in 1..10 {
            laughs += &format!("<!ENTITY a{level} '{}'>", format!("&a{};", level - 1).repeat(10));
        }
        laughs += &format!("]>{}", call("<value>&a9;</value>"));
        assert_eq!(code(laughs), Fault::NOT_CONFORMING);
        let outside = format!("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">{}", call("<value>a</value>"));
        assert_eq!(code(outside), Fault::NOT_CONFORMING);
        assert_eq!(code(call("<value><!DOCTYPE a></value>")), Fault::NOT_CONFORMING);
    }

    #[test]
    fn c7_a_hundred_thousand_nested_arrays_are_a_fault() {
        // As many as a call can hold; the reader stops at the seventeenth.
        for open in ["<value><array><data>", "<value><struct><member><name>a</name>", "<a>"] {
            let body = call(&open.repeat(limits::CALL_BYTES / open.len() - 10));
            assert_eq!(code(body), Fault::NOT_CONFORMING);
        }
        let nest = |depth: usize| {
            read(&format!("{}{}", "<value><array><data>".repeat(depth), "</data></array></value>".repeat(depth)))
        };
        assert!(nest(limits::XML_DEPTH).is_ok());
        assert_eq!(nest(limits::XML_DEPTH + 1).unwrap_err().code, Fault::NOT_CONFORMING);
    }

    #[test]
    fn c8_eighty_thousand_attributes_are_read_in_time() {
        let attributes: String = (0..80_000).map(|number| format!(" a{number}=''")).collect();
        assert_eq!(read(&format!("<value{attributes}>x</value>")), Ok(Value::from("x")));
    }

    #[test]
    fn floods_of_one_character_are_faults() {
        for flood in ["<", "&", "&#", "<!", "<!--", "<?", "]", "<![CDATA[", "</", ">"] {
            let body = flood.repeat(limits::CALL_BYTES / flood.len());
            assert!(read_call(body.as_bytes(), None).is_err(), "{flood}");
            let inside = call(&format!("<value>{}", flood.repeat(limits::CALL_BYTES / flood.len() / 2)));
            assert!(read_call(inside.as_bytes(), None).is_err(), "{flood}");
        }
    }

    #[test]
    fn too_much_is_a_fault() {
        let values =
            |count: usize| read(&format!("<value><array><data>{}</data></array></value>", "<value/>".repeat(count)));
        assert!(values(limits::CALL_VALUES - 1).is_ok());
        assert_eq!(values(limits::CALL_VALUES).unwrap_err().code, Fault::NOT_CONFORMING);
        assert_eq!(code(vec![b' '; limits::CALL_BYTES + 1]), Fault::NOT_CONFORMING);
    }

    #[test]
    fn encodings_reach_the_values() {
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(call("<value>é</value>").encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(read_call(&utf16, None).unwrap().params, [Value::from("é")]);
        let mut latin: Vec<u8> = call("<value>e</value>").into();
        let at = latin.windows(3).position(|window| window == b">e<").unwrap();
        latin[at + 1] = 0xe9;
        assert_eq!(read_call(&latin, Some("iso-8859-1")).unwrap().params, [Value::from("é")]);
        assert_eq!(code(&latin), Fault::BAD_CHARACTER);
        assert_eq!(read_call(&latin, Some("koi8-r")).unwrap_err().code, Fault::UNSUPPORTED_ENCODING);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_we_write_we_read(params in proptest::collection::vec(strategy::value(4), 0..4)) {
            let call = read_call(&write_call("f", &params), None).unwrap();
            prop_assert_eq!(call, MethodCall { method: "f".into(), params });
        }

        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_call(&body, None);
        }

        #[test]
        fn no_tag_soup_makes_it_panic(parts in proptest::collection::vec(proptest::sample::select(vec![
            "<methodCall>", "</methodCall>", "<methodName>", "</methodName>", "<params>", "</params>", "<param>", "</param>",
            "<value>", "</value>", "<array>", "</array>", "<data>", "</data>", "<struct>", "</struct>", "<member>",
            "</member>", "<name>", "</name>", "<string>", "</string>", "<nil/>", "x", " ", "&#1;", "<![CDATA[", "]]>"]), 0..30)) {
            let _ = read_call(parts.concat().as_bytes(), None);
        }
    }
}
