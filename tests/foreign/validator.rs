//! The validator1 suite (UserLand, 1999): eight methods that every XML-RPC implementation is measured with.
//!
//! They are no part of the node. Here a server of tests offers them through the node's own codec and HTTP layer, and
//! clients in other languages call them with values of every type, random ones among them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use native_node::http::{CallContext, Methods, Peer, Reply, ServeLimits, rpc_routes, serve};
use shared::Fault;
use shared::xmlrpc::{MethodCall, MethodInfo, Value};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::language::Http;

/// A running server of the suite; ended when dropped.
#[derive(Debug)]
pub(crate) struct Validator {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Seen>>>,
    #[expect(dead_code, reason = "held so that it runs")]
    runtime: Runtime,
}

impl Validator {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let watch = from_fn(move |request: Request, next: Next| watch(Arc::clone(&seen), request, next));
        let routes = rpc_routes::<Suite>().with_state(Arc::new(Suite)).layer(watch);
        runtime.spawn(serve(listener, routes, ServeLimits::default(), CancellationToken::new()));
        Self { url, requests, runtime }
    }

    /// How many calls came, and what HTTP they came in.
    pub(crate) fn seen(&self) -> (usize, Http) {
        let seen = self.requests.lock().unwrap();
        let keeps_connection = seen.iter().all(|call| call.from == seen[0].from);
        let packs = seen.iter().find_map(|call| call.packed.clone());
        let unpacks = seen.iter().find_map(|call| call.answer_packed.clone());
        (seen.len(), Http { keeps_connection, packs, unpacks })
    }
}

async fn watch(seen: Arc<Mutex<Vec<Seen>>>, request: Request, next: Next) -> Response {
    let encoding = |headers: &HeaderMap| Some(headers.get(CONTENT_ENCODING)?.to_str().ok()?.to_owned());
    let Peer(from) = *request.extensions().get::<Peer>().unwrap();
    let packed = encoding(request.headers());
    let response = next.run(request).await;
    let answer_packed = encoding(response.headers());
    seen.lock().unwrap().push(Seen { from, packed, answer_packed });
    response
}

/// What HTTP said of one call.
#[derive(Debug)]
struct Seen {
    /// The connection, by the caller's end of it.
    from: SocketAddr,
    /// How the call was packed.
    packed: Option<String>,
    /// How the answer was packed.
    answer_packed: Option<String>,
}

/// The eight methods.
#[derive(Debug)]
struct Suite;

const fn method(name: &'static str, signatures: &'static [&'static [&'static str]]) -> MethodInfo {
    MethodInfo { name, signatures, help: "One of the eight of the validator1 suite." }
}

const TABLE: &[MethodInfo] = &[
    method("validator1.arrayOfStructsTest", &[&["int", "array"]]),
    method("validator1.countTheEntities", &[&["struct", "string"]]),
    method("validator1.easyStructTest", &[&["int", "struct"]]),
    method("validator1.echoStructTest", &[&["struct", "struct"]]),
    method(
        "validator1.manyTypesTest",
        &[&["array", "int", "boolean", "string", "double", "dateTime.iso8601", "base64"]],
    ),
    method("validator1.moderateSizeArrayCheck", &[&["string", "array"]]),
    method("validator1.nestedStructTest", &[&["int", "struct"]]),
    method("validator1.simpleStructReturnTest", &[&["struct", "int"]]),
];

impl Methods for Suite {
    fn table(&self) -> &'static [MethodInfo] {
        TABLE
    }

    async fn call(self: Arc<Self>, call: MethodCall, _context: CallContext) -> Result<Reply, Fault> {
        let name = call.method.strip_prefix("validator1.").unwrap_or_default();
        let answer = match (name, call.params.as_slice()) {
            ("arrayOfStructsTest", [Value::Array(structs)]) => {
                structs.iter().map(|stooges| member(stooges, "curly")).sum::<Option<i32>>().map(Value::Int)
            }
            ("countTheEntities", [Value::String(text)]) => Some(count_the_entities(text)),
            ("easyStructTest", [stooges]) => sum_of_stooges(stooges),
            ("echoStructTest", [Value::Struct(members)]) => Some(Value::Struct(members.clone())),
            ("manyTypesTest", [_, _, _, _, _, _]) => Some(Value::Array(call.params)),
            ("moderateSizeArrayCheck", [Value::Array(texts)]) => first_and_last(texts),
            ("nestedStructTest", [calendar]) => {
                let day = ["2000", "04", "01"].iter().try_fold(calendar, |within, name| within.member(name));
                day.and_then(sum_of_stooges)
            }
            ("simpleStructReturnTest", [Value::Int(number)]) => times(*number),
            _ if TABLE.iter().any(|info| info.name == call.method) => None,
            _ => return Err(Fault::new(Fault::NO_SUCH_METHOD, "not one of the eight")),
        };
        answer.map(Reply::Value).ok_or_else(|| Fault::new(Fault::BAD_PARAMETERS, "not what the suite sends"))
    }
}

fn member(value: &Value, name: &str) -> Option<i32> {
    value.member(name)?.as_int()?.try_into().ok()
}

fn sum_of_stooges(stooges: &Value) -> Option<Value> {
    ["moe", "larry", "curly"].iter().map(|name| member(stooges, name)).sum::<Option<i32>>().map(Value::Int)
}

fn count_the_entities(text: &str) -> Value {
    let count = |name: &str, symbol| {
        (name.to_owned(), Value::Int(i32::try_from(text.matches::<char>(symbol).count()).unwrap()))
    };
    Value::Struct(vec![
        count("ctLeftAngleBrackets", '<'),
        count("ctRightAngleBrackets", '>'),
        count("ctAmpersands", '&'),
        count("ctApostrophes", '\''),
        count("ctQuotes", '"'),
    ])
}

fn first_and_last(texts: &[Value]) -> Option<Value> {
    Some(Value::String(format!("{}{}", texts.first()?.as_str()?, texts.last()?.as_str()?)))
}

fn times(number: i32) -> Option<Value> {
    let times = |name: &str, factor| Some((name.to_owned(), Value::Int(number.checked_mul(factor)?)));
    Some(Value::Struct(vec![times("times10", 10)?, times("times100", 100)?, times("times1000", 1000)?]))
}
