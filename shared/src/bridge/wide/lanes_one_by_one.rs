//! Four numbers of 32 bits, one after the other: for tests where there is no WebAssembly.

pub(super) type Row = [u32; 4];

pub(super) fn of(row: [u32; 4]) -> Row {
    row
}

pub(super) fn add([a, b, c, d]: Row, [e, f, g, h]: Row) -> Row {
    [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)]
}

pub(super) fn xor([a, b, c, d]: Row, [e, f, g, h]: Row) -> Row {
    [a ^ e, b ^ f, c ^ g, d ^ h]
}

pub(super) fn left<const BITS: u32, const OTHERS: u32>(row: Row) -> Row {
    row.map(|number| number << BITS | number >> OTHERS)
}

pub(super) fn left_8(row: Row) -> Row {
    row.map(|number| number.rotate_left(8))
}

pub(super) fn left_16(row: Row) -> Row {
    row.map(|number| number.rotate_left(16))
}

pub(super) fn turn_1([a, b, c, d]: Row) -> Row {
    [b, c, d, a]
}

pub(super) fn turn_2([a, b, c, d]: Row) -> Row {
    [c, d, a, b]
}

pub(super) fn turn_3([a, b, c, d]: Row) -> Row {
    [d, a, b, c]
}

pub(super) fn halves([a, b, c, d]: Row) -> [u64; 2] {
    [[a, b], [c, d]].map(|[low, high]| u64::from(low) | u64::from(high) << 32)
}
