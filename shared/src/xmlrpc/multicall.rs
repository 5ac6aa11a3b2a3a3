//! `system.multicall`: several calls in one, and their answers in one.
//!
//! Only the shape is here; the calls are made by whoever serves. A multicall inside a multicall is refused, so that one
//! request costs no more than [`MULTICALL_CALLS`](crate::limits::MULTICALL_CALLS) calls.

use super::{MethodCall, Value};
use crate::{Fault, limits};

/// The calls in the parameters of `system.multicall`; for what is no call, the fault to answer in its place.
///
/// # Errors
/// A [`Fault`] for all of it: no array, or too many calls.
pub fn read_multicall(mut params: Vec<Value>) -> Result<Vec<Result<MethodCall, Fault>>, Fault> {
    let (Some(Value::Array(calls)), true) = (params.pop(), params.is_empty()) else {
        return Err(Fault::new(Fault::BAD_PARAMETERS, "system.multicall takes one array of calls"));
    };
    if calls.len() > limits::MULTICALL_CALLS {
        return Err(Fault::new(
            Fault::BAD_PARAMETERS,
            format!("system.multicall makes at most {} calls, not {}", limits::MULTICALL_CALLS, calls.len()),
        ));
    }
    Ok(calls.into_iter().map(read_one).collect())
}

fn read_one(call: Value) -> Result<MethodCall, Fault> {
    let fault = |why: &str| Err(Fault::new(Fault::BAD_PARAMETERS, why));
    let Value::Struct(members) = call else {
        return fault("a call in system.multicall is a struct of methodName and params");
    };
    let (mut method, mut params) = (None, None);
    for (name, value) in members {
        match (name.as_str(), value) {
            ("methodName", value) => method = value.into_text().ok(),
            ("params", Value::Array(items)) => params = Some(items),
            _ => {}
        }
    }
    match (method, params) {
        (Some(method), _) if method == "system.multicall" => fault("system.multicall cannot call itself"),
        (Some(method), Some(params)) => Ok(MethodCall { method, params }),
        (None, _) => fault("a call in system.multicall has no methodName"),
        (_, None) => fault("a call in system.multicall has no array of params"),
    }
}

/// The answer to `system.multicall`: each result alone in an array, each fault as its struct.
#[must_use]
pub fn multicall_answer(results: Vec<Result<Value, Fault>>) -> Value {
    let one = |result| match result {
        Ok(value) => Value::Array(vec![value]),
        Err(Fault { code, message }) => Value::Struct(vec![
            ("faultCode".to_owned(), Value::Int(code)),
            ("faultString".to_owned(), Value::String(message)),
        ]),
    };
    Value::Array(results.into_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Value, params: Value) -> Value {
        Value::Struct(vec![("methodName".into(), method), ("params".into(), params)])
    }

    #[test]
    fn each_call_is_good_or_a_fault_of_its_own() {
        let none = Value::Array(vec![]);
        let calls = read_multicall(vec![Value::Array(vec![
            call("f".into(), Value::Array(vec![1.into()])),
            call("system.multicall".into(), none.clone()),
            call(1.into(), none.clone()),
            call("f".into(), Value::Nil),
            Value::Struct(vec![("params".into(), none)]),
            "f".into(),
        ])])
        .unwrap();
        assert_eq!(calls[0], Ok(MethodCall { method: "f".into(), params: vec![1.into()] }));
        for fault in &calls[1..] {
            assert_eq!(fault.as_ref().unwrap_err().code, Fault::BAD_PARAMETERS);
        }
        assert_eq!(calls.len(), 6);
    }

    #[test]
    fn too_many_calls_or_none_are_one_fault() {
        let many = |count| read_multicall(vec![Value::Array(vec![call("f".into(), Value::Array(vec![])); count])]);
        assert_eq!(many(limits::MULTICALL_CALLS).unwrap().len(), limits::MULTICALL_CALLS);
        assert!(many(limits::MULTICALL_CALLS + 1).is_err());
        for params in [vec![], vec![Value::Nil], vec![Value::Array(vec![]), Value::Array(vec![])]] {
            assert!(read_multicall(params).is_err());
        }
    }

    #[test]
    fn results_are_in_arrays_and_faults_in_structs() {
        let answer = multicall_answer(vec![Ok(7.into()), Err(Fault::new(4, "no"))]);
        let [result, fault] = answer.as_array().unwrap() else { panic!("two answers") };
        assert_eq!(result, &Value::Array(vec![7.into()]));
        assert_eq!(fault.member("faultCode"), Some(&4.into()));
        assert_eq!(fault.member("faultString"), Some(&"no".into()));
    }
}
