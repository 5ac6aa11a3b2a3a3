//! Four numbers of 32 bits at once, in WebAssembly's registers of 128. In one instruction each, and safe all of them.

use core::arch::wasm32::{
    i8x16_shuffle, u32x4, u32x4_add, u32x4_shl, u32x4_shr, u32x4_shuffle, u64x2_extract_lane, v128, v128_or, v128_xor,
};

pub(super) type Row = v128;

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn of([a, b, c, d]: [u32; 4]) -> Row {
    u32x4(a, b, c, d)
}

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn add(one: Row, other: Row) -> Row {
    u32x4_add(one, other)
}

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn xor(one: Row, other: Row) -> Row {
    v128_xor(one, other)
}

/// Each number turned by so many bits to the left; 32 less those is the other.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn left<const BITS: u32, const OTHERS: u32>(row: Row) -> Row {
    v128_or(u32x4_shl(row, BITS), u32x4_shr(row, OTHERS))
}

/// Whole bytes are only moved.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn left_8(row: Row) -> Row {
    i8x16_shuffle::<3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14>(row, row)
}

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn left_16(row: Row) -> Row {
    i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(row, row)
}

/// The numbers in a circle, by one place to the front.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn turn_1(row: Row) -> Row {
    u32x4_shuffle::<1, 2, 3, 0>(row, row)
}

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn turn_2(row: Row) -> Row {
    u32x4_shuffle::<2, 3, 0, 1>(row, row)
}

#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn turn_3(row: Row) -> Row {
    u32x4_shuffle::<3, 0, 1, 2>(row, row)
}

/// The first two numbers, and the last two.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn halves(row: Row) -> [u64; 2] {
    [u64x2_extract_lane::<0>(row), u64x2_extract_lane::<1>(row)]
}
