//! The methods a node offers over XML-RPC: the `f` of 2004, and a search that says more than names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::limits::ARCHIVE_FILES;
use shared::xmlrpc::{FCall, MethodCall, MethodInfo, Value, read_f};
use shared::{Answer, Catalog, Fault, Form, Listing, PatternKind, SharedPath};

use super::content::{Content, refusal};
use crate::archive::{self, Collecting, Wish};
use crate::folder::inspect_unless;
use crate::node::{Arrival, Node};
use crate::search_pool::{SearchClock, TOO_COSTLY, on_another_thread};
use crate::source::{self, FileVersion, SourceError};
use crate::tabs;
use crate::ticket::{Grant, Owner, Ticket, Use};

/// What is known of a call besides its parameters.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who calls.
    pub address: SocketAddr,
    /// The `Host` header: under which name we were called.
    pub host: Option<String>,
    /// The path that was posted to.
    pub path: String,
    /// Whether the caller is the client of 2004, which dies of what it cannot read.
    pub is_of_2004: bool,
}

impl CallContext {
    /// Who calls, as shown to whoever holds a file.
    fn reader(&self) -> String {
        self.address.ip().to_string()
    }

    fn arrival(&self) -> Arrival<'_> {
        Arrival { address: self.address.ip(), host: self.host.as_deref(), path: &self.path }
    }
}

/// What a method answers.
#[derive(Debug)]
pub enum Reply {
    /// A value, small enough to be held.
    Value(Value),
    /// The names that a search finds, as `[[name, …]]`.
    Names(Listing),
    /// The bytes of a file, streamed.
    Content(Content),
}

/// A set of methods behind one XML-RPC endpoint.
pub trait Methods: Send + Sync + 'static {
    /// What `system.listMethods` and its like tell.
    fn table(&self) -> &'static [MethodInfo];

    /// Answers one call; `system.*` never comes here.
    fn call(
        self: Arc<Self>,
        call: MethodCall,
        context: CallContext,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send;
}

const TABLE: &[MethodInfo] = &[
    MethodInfo {
        name: "f",
        signatures: &[
            &["array", "string", "int", "array"],
            &["array", "string", "int", "string"],
            &["string", "string", "int", "string"],
            &["base64", "string", "int", "string"],
        ],
        help: "f(token, n, arg), the function of tinyp2p 1.0 (2004). token: HMAC-MD5 of this server's URL under the \
               password, in hexadecimal. n = 0: arg lists peers' URLs, answered with the peers known here. n = 1: arg is \
               a regular expression, answered with [[names]]. Any other n: arg is a name, answered with the file's bytes. \
               A wrong token is answered with the boolean 0.",
    },
    MethodInfo {
        name: "tinyp2p.search",
        signatures: &[&["array", "string", "string", "string"]],
        help: "tinyp2p.search(token, kind, pattern): the files that match, in folders too, as structs of path, size (bytes) \
               and modified (seconds since 1970, UTC), both doubles. kind: words, glob or regex. A wrong token is answered \
               with the boolean 0.",
    },
    MethodInfo {
        name: "tinyp2p.ticket",
        signatures: &[&["string", "string", "string"], &["string", "string", "array", "string"]],
        help: "tinyp2p.ticket(token, path): a URL of this one file as it is now, for whoever has the URL: plain HTTP, any \
               part of it (Range), to be resumed. It is good for twelve hours after it was last used, and not after the file \
               changed. tinyp2p.ticket(token, paths, name): the same of several files as one archive, a zip or a tar as name \
               ends; a path that ends in / is all that is in this folder, / alone is everything. A wrong token is answered \
               with the boolean 0.",
    },
    MethodInfo {
        name: "tinyp2p.drop_box",
        signatures: &[&["string", "string"]],
        help: "tinyp2p.drop_box(token): a URL below which whoever has it may put files into this node's folder by plain HTTP \
               (PUT, a path following the URL, Content-Length), where the node runs with --drop-box. It is good for twelve \
               hours after it was last used. A wrong token is answered with the boolean 0.",
    },
];

/// How long a listing waits for a node that was just started to have seen its folder.
pub(crate) const FIRST_LOOK_PATIENCE: Duration = Duration::from_secs(3);
/// How long a listing for a client of 2004 looks into files just dropped, before the rest of them are left out.
const LISTING_INSPECTION_PATIENCE: Duration = Duration::from_secs(5);

impl Methods for Node {
    fn table(&self) -> &'static [MethodInfo] {
        TABLE
    }

    async fn call(self: Arc<Self>, call: MethodCall, context: CallContext) -> Result<Reply, Fault> {
        match call.method.as_str() {
            "f" => f(&self, call.params, &context).await,
            "tinyp2p.search" => search(&self, call.params, &context).await,
            "tinyp2p.ticket" => ticket(&self, call.params, &context).await,
            "tinyp2p.drop_box" => drop_box(&self, call.params, &context),
            _ => Err(Fault::new(Fault::NO_SUCH_METHOD, "no such method; system.listMethods names those there are")),
        }
    }
}

/// The function of 2004.
async fn f(node: &Arc<Node>, params: Vec<Value>, context: &CallContext) -> Result<Reply, Fault> {
    let FCall { token, call } = read_f(params)?;
    let peer = tabs::asked_at(node, &context.path);
    if matches!(call, Ok(shared::Call::List(_))) {
        node.wait_for_the_first_look(FIRST_LOOK_PATIENCE).await;
    }
    match node.answer(context.arrival(), &token, call)? {
        Answer::Refused => Ok(Reply::Value(Value::Bool(false))),
        Answer::Peers(peers) => {
            Ok(Reply::Value(Value::Array(peers.into_iter().map(|url| Value::String(url.to_string())).collect())))
        }
        Answer::Files { catalog, pattern } => {
            let (of_2004, clock) = (context.is_of_2004, SearchClock::start());
            // What a tab has not looked into yet, nobody else can.
            let share = (peer == *node.url()).then(|| node.share());
            on_another_thread(move || {
                let listing = Listing::new(catalog, PatternKind::Regex, &pattern)?.until(move || clock.is_late());
                if !of_2004 {
                    return Ok(Reply::Names(listing));
                }
                say_left_out(listing.left_out());
                let start = Instant::now();
                let is_over = move || start.elapsed() > LISTING_INSPECTION_PATIENCE;
                Ok(Reply::Names(listing.only_plain(move |path, _| {
                    let share = share.as_ref().filter(|_| !is_over());
                    let opened = share.and_then(|share| share.open_file(path).ok());
                    let form = opened.and_then(|opened| inspect_unless(&opened, is_over).ok().flatten());
                    form.unwrap_or(Form::Unknown)
                })))
            })
            .await?
        }
        Answer::Give { path, entry } => {
            Content::open_at(node, &peer, path, entry, context.reader()).await.map(Reply::Content)
        }
    }
}

/// Says once per process that 2004 clients are not shown everything: it is true of every later listing too.
fn say_left_out(count: usize) {
    static SAID: std::sync::Once = std::sync::Once::new();
    if count == 0 {
        return;
    }
    SAID.call_once(|| {
        tracing::info!(
            count,
            "a client of 2004 asked for a listing; files it could not write (not plain ASCII) are left out"
        );
    });
}

/// What a search is answered with that took too long.
pub(super) fn too_costly() -> Fault {
    Fault::new(Fault::APPLICATION, TOO_COSTLY)
}

/// A search that also tells sizes and times, for scripts.
async fn search(node: &Arc<Node>, params: Vec<Value>, context: &CallContext) -> Result<Reply, Fault> {
    let bad = || Fault::new(Fault::BAD_PARAMETERS, "tinyp2p.search takes three strings: token, kind, pattern");
    let [token, kind, pattern] = <[Value; 3]>::try_from(params).map_err(|_| bad())?;
    let call = pattern.into_text().map(shared::Call::List).map_err(|_| bad());
    node.wait_for_the_first_look(FIRST_LOOK_PATIENCE).await;
    let Answer::Files { catalog, pattern } =
        node.answer(context.arrival(), token.as_str().unwrap_or_default(), call)?
    else {
        return Ok(Reply::Value(Value::Bool(false)));
    };
    let kind = match kind.as_str() {
        Some("words") => PatternKind::Words,
        Some("glob") => PatternKind::Glob,
        Some("regex") => PatternKind::Regex,
        _ => return Err(Fault::new(Fault::BAD_PARAMETERS, "kind is one of: words, glob, regex")),
    };
    let clock = SearchClock::start();
    on_another_thread(move || {
        let listing = Listing::new(catalog, kind, &pattern)?.until(move || clock.is_late());
        // Doubles hold every size up to 8 PiB exactly; XML-RPC's own integers end at 2 GiB.
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 bytes and seconds")]
        let files = listing.files().map(|(path, entry)| {
            Value::Struct(vec![
                ("path".into(), Value::String(path.as_str().to_owned())),
                ("size".into(), Value::Double(entry.size as f64)),
                ("modified".into(), Value::Double(entry.modified as f64 / 1e9)),
            ])
        });
        let files = Value::Array(files.collect());
        if listing.is_late() { Err(too_costly()) } else { Ok(Reply::Value(files)) }
    })
    .await?
}

/// A URL for scripts and for whatever speaks HTTP and no XML-RPC.
async fn ticket(node: &Arc<Node>, params: Vec<Value>, context: &CallContext) -> Result<Reply, Fault> {
    let bad = || {
        let words = "tinyp2p.ticket takes a token and a path, or a token, an array of paths and the name of an archive";
        Fault::new(Fault::BAD_PARAMETERS, words)
    };
    let params = match <[Value; 3]>::try_from(params) {
        Ok([token, Value::Array(paths), Value::String(name)]) => {
            let paths = paths.into_iter().map(Value::into_text).collect::<Result<Vec<_>, _>>().map_err(|_| bad())?;
            return archive_ticket(node, &token, paths, name, context).await;
        }
        Ok(_) => return Err(bad()),
        Err(params) => params,
    };
    let [token, path] = <[Value; 2]>::try_from(params).map_err(|_| bad())?;
    let call = path.into_text().map(shared::Call::Fetch).map_err(|_| bad());
    let Answer::Give { path, .. } = node.answer(context.arrival(), token.as_str().unwrap_or_default(), call)? else {
        return Ok(Reply::Value(Value::Bool(false)));
    };
    let peer = tabs::asked_at(node, &context.path);
    // As it is, not as it was last seen: on some file systems we see changes seconds later.
    let version = source::look(node, &peer, &path, &context.reader()).await.map_err(|why| refusal(&why))?;
    let file = FileVersion { peer, path, version };
    let name = file.path.file_name().to_owned();
    address(node, Grant::File { file, for_use: Use::Save }, context, |ticket| ticket.address(&name))
}

/// A URL to put files at.
fn drop_box(node: &Arc<Node>, params: Vec<Value>, context: &CallContext) -> Result<Reply, Fault> {
    let bad = || Fault::new(Fault::BAD_PARAMETERS, "tinyp2p.drop_box takes a token");
    let [token] = <[Value; 1]>::try_from(params).map_err(|_| bad())?;
    let known =
        node.answer(context.arrival(), token.as_str().unwrap_or_default(), Ok(shared::Call::List(String::new())))?;
    if !matches!(known, Answer::Files { .. }) {
        return Ok(Reply::Value(Value::Bool(false)));
    }
    if node.drop_box().is_none() || tabs::asked_at(node, &context.path) != *node.url() {
        return Err(Fault::new(Fault::APPLICATION, "no files are taken here; a node takes some with serve --drop-box"));
    }
    address(node, Grant::DropBox, context, Ticket::drop_box_address)
}

/// The same for files and folders as one archive.
async fn archive_ticket(
    node: &Arc<Node>,
    token: &Value,
    paths: Vec<String>,
    name: String,
    context: &CallContext,
) -> Result<Reply, Fault> {
    node.wait_for_the_first_look(FIRST_LOOK_PATIENCE).await;
    let everything = Ok(shared::Call::List(String::new()));
    let Answer::Files { catalog, .. } =
        node.answer(context.arrival(), token.as_str().unwrap_or_default(), everything)?
    else {
        return Ok(Reply::Value(Value::Bool(false)));
    };
    let peer = tabs::asked_at(node, &context.path);
    // As many folders as may be named, and as many files as may be in them.
    let files = on_another_thread(move || chosen(&catalog, &paths)).await??;
    let files = files.into_iter().map(|path| Wish { peer: peer.clone(), path }).collect();
    let collecting = Collecting { name, files, reader: context.reader() };
    let archive = archive::collect(node, collecting).await;
    let archive = archive.map_err(|why| Fault::new(Fault::APPLICATION, why.to_string()))?;
    let name = archive.name().to_owned();
    address(node, Grant::Archive(archive), context, |ticket| ticket.address(&name))
}

/// The files of these paths, of which those that end in "/" are folders; of too many only so many that it shows.
fn chosen(catalog: &Catalog, paths: &[String]) -> Result<Vec<SharedPath>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        match path.strip_suffix('/') {
            Some(folder) => {
                let folder = match folder {
                    "" => None,
                    folder => Some(SharedPath::parse(folder).map_err(|_| refusal(&SourceError::Missing))?),
                };
                let all = catalog.iter_below(folder.as_ref()).map(|(file, _)| file.to_path());
                files.extend(all.take((ARCHIVE_FILES + 1).saturating_sub(files.len())));
            }
            None => match SharedPath::parse(path).ok().filter(|path| catalog.entry(path).is_some()) {
                Some(path) => files.push(path),
                None => return Err(refusal(&SourceError::Missing)),
            },
        }
    }
    Ok(files)
}

/// The URL of what is granted.
fn address(
    node: &Node,
    grant: Grant,
    context: &CallContext,
    path: impl FnOnce(Ticket) -> String,
) -> Result<Reply, Fault> {
    let ticket = node.mint_ticket(Owner::CALLERS, grant);
    let ticket = ticket.map_err(|_| Fault::new(Fault::INTERNAL, "this machine gives no randomness"))?;
    // By the name it was called, which certainly leads here.
    let called = context.host.as_ref().map(|host| format!("http://{host}"));
    let base = called.unwrap_or_else(|| node.url().as_str().trim_end_matches('/').to_owned());
    Ok(Reply::Value(Value::String(format!("{base}{}", path(ticket)))))
}
