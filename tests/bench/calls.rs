//! How many times a second the list of peers is answered, to 32 callers at once that keep their connections where they may.

use std::cell::Cell;
use std::time::{Duration, Instant};

use shared::Call;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::original::Original;
use crate::harness::{node::Node, tree::tree};
use crate::measure::{Row, Unit, alternate};
use crate::{PASSWORD, raw};

const CLIENTS: usize = 32;
/// How long each round calls.
const WINDOW: Duration = Duration::from_secs(2);

pub(crate) fn contest(original: &Original, rounds: usize) -> Vec<Row> {
    let share = tree(&[("a.txt", b"a")]);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let server = original.serve(share.path(), PASSWORD, &[]);
    raw::teach(&server.url);
    let (broken_by_original, broken_by_ours) = (Cell::new(0), Cell::new(0));
    let count = |url: &str, broken: &Cell<u64>| {
        let tally = load(url);
        broken.set(broken.get() + tally.broken);
        tally.rate
    };
    let row = alternate(
        "`f(token, 0, [])`, 32 clients",
        (Unit::Rate, "≥ 10×"),
        rounds,
        || count(&server.url, &broken_by_original),
        || count(&node.url, &broken_by_ours),
    );
    let (theirs, ours) = (broken_by_original.get(), broken_by_ours.get());
    vec![row.with_remark(&format!(" (connections broken: {theirs}, {ours})"))]
}

struct Tally {
    rate: f64,
    /// Calls that ended in a reset or half an answer.
    broken: u64,
}

/// Calls from one thread, so that the other core is the server's.
fn load(url: &str) -> Tally {
    let call = Call::Exchange(Vec::new());
    let expected = raw::ask(url, &call).expect("an answer");
    assert_eq!(raw::strings(&expected), 1, "one peer is listed");
    let body_of =
        |answer: &[u8]| answer.windows(4).position(|four| four == b"\r\n\r\n").map(|end| answer[end..].to_vec());
    let body = body_of(&expected).expect("a body");
    let (request, address) = (raw::request(url, &call), raw::address(url));
    let (answered, broken) = (Cell::new(0_u64), Cell::new(0_u64));
    let client = async || {
        let mut connection = None;
        let mut answer = Vec::with_capacity(4 << 10);
        loop {
            match exchange(&mut connection, address, &request, &mut answer).await {
                Ok(()) => {
                    assert!(answer.ends_with(&body), "another answer: {}", String::from_utf8_lossy(&answer));
                    answered.set(answered.get() + 1);
                }
                Err(_) => {
                    connection = None;
                    broken.set(broken.get() + 1);
                }
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Instant::now();
    runtime.block_on(async {
        let clients = futures_util::future::join_all((0..CLIENTS).map(|_| client()));
        // They never end by themselves.
        let _late = tokio::time::timeout(WINDOW, clients).await;
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = answered.get() as f64 / start.elapsed().as_secs_f64();
    Tally { rate, broken: broken.get() }
}

/// One call and its whole answer, on the connection from before if the server left it open.
async fn exchange(
    connection: &mut Option<TcpStream>,
    address: &str,
    request: &[u8],
    answer: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            stream
        }
    };
    stream.write_all(request).await?;
    answer.clear();
    while raw::length(answer).is_none_or(|length| answer.len() < length) {
        if stream.read_buf(answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    if answer.starts_with(b"HTTP/1.1") {
        *connection = Some(stream);
    }
    Ok(())
}
