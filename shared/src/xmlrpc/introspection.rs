//! What an XML-RPC server says about itself: its methods and which conventions it keeps.
//!
//! Answers are made from a table that the caller gives, so that what is listed and what is served cannot differ.
//! `system.multicall` is listed here and done by its own module and the caller, who alone can call.

use super::Value;
use super::chars::shown;
use crate::Fault;

/// What there is to know about one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its name, as it is called.
    pub name: &'static str,
    /// Each way to call it: the type of the answer, then those of the parameters.
    pub signatures: &'static [&'static [&'static str]],
    /// What it does, for a person.
    pub help: &'static str,
}

/// The methods that every server of ours has besides its own.
pub const SYSTEM_METHODS: &[MethodInfo] = &[
    MethodInfo {
        name: "system.getCapabilities",
        signatures: &[&["struct"]],
        help: "Names the conventions that this server keeps, each with its text and version.",
    },
    MethodInfo { name: "system.listMethods", signatures: &[&["array"]], help: "Lists the names of all methods." },
    MethodInfo {
        name: "system.methodHelp",
        signatures: &[&["string", "string"]],
        help: "Says what the method of this name does.",
    },
    MethodInfo {
        name: "system.methodSignature",
        signatures: &[&["array", "string"]],
        help: "Lists the ways to call the method of this name: the type of the answer, then those of the parameters.",
    },
    MethodInfo {
        name: "system.multicall",
        signatures: &[&["array", "array"]],
        help: "Makes several calls, each a struct of methodName and params. Answers an array with, for each, an array \
               with its one result, or the struct of its fault.",
    },
];

/// The conventions with where they are written down and in which version.
const CAPABILITIES: [(&str, &str, i32); 5] = [
    ("xmlrpc", "http://www.xmlrpc.com/spec", 1),
    ("faults_interop", "http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20_010_516),
    ("introspect", "http://xmlrpc-c.sourceforge.net/xmlrpc-c/introspection.html", 1),
    ("system.multicall", "http://www.xmlrpc.com/discuss/msgReader$1208", 1),
    // We read nil in calls; no answer of ours holds one.
    ("nil", "http://www.ontosys.com/xml-rpc/extensions.php", 1),
];

/// Answers the methods of `system.` that ask about the server; `None` for every other method, `system.multicall` too.
///
/// `methods` are the server's own; [`SYSTEM_METHODS`] are added to them.
#[must_use]
pub fn answer_system(method: &str, params: &[Value], methods: &[MethodInfo]) -> Option<Result<Value, Fault>> {
    let all = || methods.iter().chain(SYSTEM_METHODS);
    let named = || match params {
        [name] => match name.as_str() {
            Some(name) => all().find(|info| info.name == name).ok_or_else(|| no_such_method(name)),
            None => Err(Fault::new(Fault::BAD_PARAMETERS, format!("{method} takes the name of a method"))),
        },
        _ => Err(Fault::new(Fault::BAD_PARAMETERS, format!("{method} takes 1 parameter, not {}", params.len()))),
    };
    let alone = |value: &dyn Fn() -> Value| match params {
        [] => Ok(value()),
        _ => Err(Fault::new(Fault::BAD_PARAMETERS, format!("{method} takes no parameters, not {}", params.len()))),
    };
    Some(match method {
        "system.listMethods" => alone(&|| Value::Array(all().map(|info| info.name.into()).collect())),
        "system.getCapabilities" => alone(&capabilities),
        "system.methodHelp" => named().map(|info| info.help.into()),
        "system.methodSignature" => named().map(signatures),
        _ => return None,
    })
}

/// The fault for a method that is not there.
fn no_such_method(name: &str) -> Fault {
    Fault::new(Fault::NO_SUCH_METHOD, format!("there is no method {}; ask system.listMethods", shown(name)))
}

fn signatures(info: &MethodInfo) -> Value {
    let types = |types: &&[&str]| Value::Array(types.iter().map(|&name| name.into()).collect());
    Value::Array(info.signatures.iter().map(types).collect())
}

fn capabilities() -> Value {
    let capability = |(name, url, version): (&str, &str, i32)| {
        let members = vec![("specUrl".to_owned(), url.into()), ("specVersion".to_owned(), version.into())];
        (name.to_owned(), Value::Struct(members))
    };
    Value::Struct(CAPABILITIES.into_iter().map(capability).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: MethodInfo =
        MethodInfo { name: "f", signatures: &[&["array", "string", "int", "string"]], help: "The function of 2004." };

    fn ask(method: &str, params: &[Value]) -> Result<Value, Fault> {
        answer_system(method, params, &[F]).unwrap()
    }

    #[test]
    fn every_listed_method_has_help_and_a_signature() {
        let listed = ask("system.listMethods", &[]).unwrap();
        let names: Vec<&str> = listed.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(names.len(), 6);
        assert_eq!(names[0], "f");
        for name in names {
            assert!(!ask("system.methodHelp", &[name.into()]).unwrap().as_str().unwrap().is_empty());
            assert!(!ask("system.methodSignature", &[name.into()]).unwrap().as_array().unwrap().is_empty());
        }
        let signature: Vec<Value> = ["array", "string", "int", "string"].map(Value::from).into();
        assert_eq!(ask("system.methodSignature", &["f".into()]), Ok(Value::Array(vec![Value::Array(signature)])));
    }

    #[test]
    fn capabilities_have_a_text_and_a_version() {
        let capabilities = ask("system.getCapabilities", &[]).unwrap();
        let faults = capabilities.member("faults_interop").unwrap();
        assert_eq!(faults.member("specVersion").and_then(Value::as_int), Some(20_010_516));
        for (_, capability) in capabilities.as_struct().unwrap() {
            assert!(capability.member("specUrl").unwrap().as_str().unwrap().starts_with("http://"));
        }
    }

    #[test]
    fn what_cannot_be_asked_is_a_fault() {
        assert_eq!(ask("system.methodHelp", &["g".into()]).unwrap_err().code, Fault::NO_SUCH_METHOD);
        for (method, params) in [
            ("system.methodHelp", vec![]),
            ("system.methodSignature", vec![Value::Nil]),
            ("system.listMethods", vec!["f".into()]),
            ("system.getCapabilities", vec![1.into()]),
        ] {
            assert_eq!(ask(method, &params).unwrap_err().code, Fault::BAD_PARAMETERS);
        }
        assert_eq!(answer_system("system.multicall", &[], &[F]), None);
        assert_eq!(answer_system("f", &[], &[F]), None);
    }
}
