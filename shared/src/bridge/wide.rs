//! ChaCha20 (RFC 8439) in four blocks at a time, for the page: the cipher of the crate has nothing wide for WebAssembly, and
//! there takes four times as long as Poly1305.
//!
//! Only the key stream is made here; what is authenticated, in which order and how it is compared stays with the crate
//! `chacha20poly1305`, which takes any cipher of that shape. Tests hold both against each other, natively in [`lanes`] that
//! do lane by lane what those of WebAssembly do at once.

use chacha20poly1305::aead::array::Array;
use chacha20poly1305::aead::consts::{U12, U32};
use chacha20poly1305::aead::inout::InOutBuf;
use cipher::{
    IvSizeUser, KeyIvInit, KeySizeUser, OverflowError, SeekNum, StreamCipher, StreamCipherError, StreamCipherSeek,
};
use zeroize::ZeroizeOnDrop;

#[cfg_attr(target_arch = "wasm32", path = "wide/lanes.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "wide/lanes_one_by_one.rs")]
mod lanes;

use lanes::{Row, add, halves, left, left_8, left_16, of, turn_1, turn_2, turn_3, xor};

/// Bytes of a block.
const BLOCK: usize = 64;
/// Bytes of four.
const BLOCKS: usize = 4 * BLOCK;
/// Where the key stream ends, in bytes.
const END: u64 = (1 << 32) * BLOCK as u64;

/// A key stream, from wherever it stands.
#[derive(ZeroizeOnDrop)]
pub(super) struct Wide {
    key: [u32; 8],
    nonce: [u32; 3],
    /// Bytes before this place; a multiple of [`BLOCK`] whenever bytes are asked for.
    #[zeroize(skip)]
    at: u64,
}

/// Four quarter rounds of each of some blocks, side by side.
macro_rules! quarters {
    ($($a:ident $b:ident $c:ident $d:ident),*) => {
        $($a = add($a, $b); $d = left_16(xor($d, $a));)*
        $($c = add($c, $d); $b = left::<12, 20>(xor($b, $c));)*
        $($a = add($a, $b); $d = left_8(xor($d, $a));)*
        $($c = add($c, $d); $b = left::<7, 25>(xor($b, $c));)*
    };
}

/// Makes rows of the diagonals, and, with the outer two the other way around, the reverse.
macro_rules! turns {
    ($($b:ident $c:ident $d:ident),*) => {
        $($b = turn_1($b); $c = turn_2($c); $d = turn_3($d);)*
    };
}

/// XORs rows into the next bytes.
macro_rules! put {
    ($eights:ident, $($row:expr),*) => {
        $(for half in halves($row) {
            if let Some(eight) = $eights.next() {
                *eight = (u64::from_le_bytes(*eight) ^ half).to_le_bytes();
            }
        })*
    };
}

/// XORs the four blocks from number `count` on into `io`. By macros, not loops: made small, a loop would keep its rows in
/// memory.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn blocks(key: &[u32; 8], nonce: &[u32; 3], count: u32, io: &mut [u8; BLOCKS]) {
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let [n0, n1, n2] = *nonce;
    let (a, b, c) =
        (of([0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]), of([k0, k1, k2, k3]), of([k4, k5, k6, k7]));
    let (d, one) = (of([count, n0, n1, n2]), of([1, 0, 0, 0]));
    let e = add(d, one);
    let f = add(e, one);
    let g = add(f, one);
    let (mut a0, mut b0, mut c0, mut d0): (Row, Row, Row, Row) = (a, b, c, d);
    let (mut a1, mut b1, mut c1, mut d1) = (a, b, c, e);
    let (mut a2, mut b2, mut c2, mut d2) = (a, b, c, f);
    let (mut a3, mut b3, mut c3, mut d3) = (a, b, c, g);
    for _ in 0..10 {
        quarters!(a0 b0 c0 d0, a1 b1 c1 d1, a2 b2 c2 d2, a3 b3 c3 d3);
        turns!(b0 c0 d0, b1 c1 d1, b2 c2 d2, b3 c3 d3);
        quarters!(a0 b0 c0 d0, a1 b1 c1 d1, a2 b2 c2 d2, a3 b3 c3 d3);
        turns!(d0 c0 b0, d1 c1 b1, d2 c2 b2, d3 c3 b3);
    }
    let mut eights = io.as_chunks_mut::<8>().0.iter_mut();
    put!(eights, add(a0, a), add(b0, b), add(c0, c), add(d0, d));
    put!(eights, add(a1, a), add(b1, b), add(c1, c), add(d1, e));
    put!(eights, add(a2, a), add(b2, b), add(c2, c), add(d2, f));
    put!(eights, add(a3, a), add(b3, b), add(c3, c), add(d3, g));
}

impl KeySizeUser for Wide {
    type KeySize = U32;
}

impl IvSizeUser for Wide {
    type IvSize = U12;
}

impl KeyIvInit for Wide {
    fn new(key: &Array<u8, U32>, nonce: &Array<u8, U12>) -> Self {
        let (mut wide, words) =
            (Self { key: [0; 8], nonce: [0; 3], at: 0 }, |bytes: &[u8; 4]| u32::from_le_bytes(*bytes));
        wide.key.iter_mut().zip(key.as_chunks().0).for_each(|(word, bytes)| *word = words(bytes));
        wide.nonce.iter_mut().zip(nonce.as_chunks().0).for_each(|(word, bytes)| *word = words(bytes));
        wide
    }
}

impl StreamCipher for Wide {
    fn check_remaining(&self, length: usize) -> Result<(), StreamCipherError> {
        let end = self.at.checked_add(length as u64).filter(|end| *end <= END);
        // Whoever stops within a block must seek before it goes on.
        end.filter(|_| self.at.is_multiple_of(BLOCK as u64)).map(drop).ok_or(StreamCipherError)
    }

    fn unchecked_apply_keystream_inout(&mut self, mut bytes: InOutBuf<'_, '_, u8>) {
        if bytes.get_in().as_ptr() != bytes.get_out().as_ptr() {
            let plain = bytes.get_in().to_vec();
            bytes.get_out().copy_from_slice(&plain);
        }
        let out = bytes.get_out();
        // What does not fit was refused before.
        let mut count = u32::try_from(self.at / BLOCK as u64).unwrap_or(u32::MAX);
        self.at = self.at.saturating_add(out.len() as u64);
        let (whole, rest) = out.as_chunks_mut();
        for io in whole {
            blocks(&self.key, &self.nonce, count, io);
            count = count.wrapping_add(4);
        }
        if !rest.is_empty() {
            let mut last = [0; BLOCKS];
            blocks(&self.key, &self.nonce, count, &mut last);
            rest.iter_mut().zip(last).for_each(|(byte, key)| *byte ^= key);
        }
    }

    fn unchecked_write_keystream(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        self.unchecked_apply_keystream_inout(bytes.into());
    }
}

impl StreamCipherSeek for Wide {
    fn try_current_pos<T: SeekNum>(&self) -> Result<T, OverflowError> {
        // As the crate counts: the block after this place, and what of the one before it is used.
        let used = (self.at % BLOCK as u64) as u8;
        let used = if used == 0 { BLOCK as u8 } else { used };
        T::from_block_byte(self.at.div_ceil(BLOCK as u64), used, BLOCK as u8)
    }

    fn try_seek<T: SeekNum>(&mut self, place: T) -> Result<(), StreamCipherError> {
        let (block, byte) = place.into_block_byte::<u64>(BLOCK as u8)?;
        let at = block.checked_mul(BLOCK as u64).and_then(|at| at.checked_add(u64::from(byte)));
        self.at = at.filter(|at| *at <= END).ok_or(StreamCipherError)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, ChaChaPoly1305, KeyInit, Nonce, Tag};
    use proptest::prelude::*;

    use super::*;

    fn sealed<A>(key: [u8; 32], nonce: [u8; 12], mut bytes: Vec<u8>) -> (Vec<u8>, Tag)
    where
        A: KeyInit<KeySize = U32> + AeadInOut<NonceSize = U12, TagSize = chacha20poly1305::consts::U16>,
    {
        let nonce: Nonce = nonce.into();
        let tag = A::new(&key.into()).encrypt_inout_detached(&nonce, b"", bytes.as_mut_slice().into()).unwrap();
        (bytes, tag)
    }

    fn must_be_same(key: [u8; 32], nonce: [u8; 12], bytes: &[u8]) {
        let wide = sealed::<ChaChaPoly1305<Wide>>(key, nonce, bytes.to_vec());
        assert!(wide == sealed::<ChaCha20Poly1305>(key, nonce, bytes.to_vec()), "{} bytes", bytes.len());
        let (mut back, tag) = wide;
        let nonce: Nonce = nonce.into();
        let opener = ChaChaPoly1305::<Wide>::new(&key.into());
        opener.decrypt_inout_detached(&nonce, b"", back.as_mut_slice().into(), &tag).unwrap();
        assert_eq!(back, bytes);
    }

    #[test]
    fn seals_what_the_crate_seals_at_every_length() {
        let bytes: Vec<u8> = (0..1_100_u32).map(|at| (at * 7) as u8).collect();
        for length in 0..bytes.len() {
            must_be_same([length as u8; 32], [9; 12], &bytes[..length]);
        }
        must_be_same([0xff; 32], [0xff; 12], &vec![0xa5; (1 << 20) + 5]);
    }

    #[test]
    fn the_key_stream_ends_where_its_counter_does() {
        let mut wide = Wide::new(&[1; 32].into(), &[2; 12].into());
        wide.try_seek(END - BLOCKS as u64).unwrap();
        assert!(wide.check_remaining(BLOCKS).is_ok() && wide.check_remaining(BLOCKS + 1).is_err());
        assert!(wide.try_seek(END + 1).is_err());
        wide.try_seek(7_u64).unwrap();
        assert!(wide.check_remaining(1).is_err(), "not from within a block");
        for place in [0, 7, 63, 64, 65, END] {
            wide.try_seek(place).unwrap();
            assert_eq!(wide.try_current_pos::<u64>().unwrap(), place);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn seals_what_the_crate_seals(
            key in any::<[u8; 32]>(),
            nonce in any::<[u8; 12]>(),
            bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        ) {
            must_be_same(key, nonce, &bytes);
        }
    }
}
