//! The most memory that node and client need for a gigabyte.

use crate::PASSWORD;
use crate::files::{Into, one_text, ours};
use crate::harness::{node::Node, original::Original};
use crate::measure::{Row, mebibytes, run};

const GIGABYTE: usize = 1 << 30;

pub(crate) fn contest(_: &Original, _: usize) -> Vec<Row> {
    let share = one_text(GIGABYTE);
    let node = Node::serve(share.path(), PASSWORD, &[]);
    let into = Into::new(1, GIGABYTE);
    let client = run(ours(into.path(), &node.url));
    vec![Row::new(
        "most memory for 1 GiB of text: server, client",
        "– (256 MiB: above)".into(),
        format!("{}, {}", mebibytes(node.peak_memory()), mebibytes(client.peak_memory)),
        format!("{:.2} s", client.seconds),
        "≤ 48 MiB each",
    )]
}
