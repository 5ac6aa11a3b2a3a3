//! CPace with ristretto255 and SHA-512, initiator and responder: CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace-21.
//!
//! Strings in, strings out, as the draft has them; which strings the bridge puts in is not decided here. Names and steps
//! are the draft's, so that the two can be read side by side.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `G_Ristretto255.DSI` (section 8.3).
const DSI: &[u8] = b"CPaceRistretto255";
/// `G.DSI || b"_ISK"` (section 7.2).
const DSI_ISK: &[u8] = b"CPaceRistretto255_ISK";
/// `H.s_in_bytes`: what SHA-512 takes in at once (section 6.2).
const HASH_BLOCK_BYTES: usize = 128;

/// Appends `prepend_len(part)` of section 6.3: the length in LEB128, then the bytes.
pub(super) fn push_lv(to: &mut Vec<u8>, part: &[u8]) {
    let mut rest = part.len();
    while rest >= 0x80 {
        to.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
    to.extend_from_slice(part);
}

/// `lv_cat` of section 6.3: every part behind its length.
pub(super) fn lv_cat(parts: &[&[u8]]) -> Vec<u8> {
    // Room for lengths of two bytes: a Vec that grew would leave a copy of the password's secret behind.
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 2).sum());
    for part in parts {
        push_lv(&mut out, part);
    }
    out
}

/// `generator_string` of appendix A: zeros fill the first block of the hash after the secret, so that what is hashed in
/// one go holds nothing that an attacker chooses.
fn generator_string(prs: &[u8], ci: &[u8], sid: &[u8]) -> Zeroizing<Vec<u8>> {
    let lengths = 2; // the LEB128 bytes before DSI and PRS, both shorter than 128
    let zeros = HASH_BLOCK_BYTES.saturating_sub(1 + lengths + DSI.len() + prs.len());
    let padding = [0_u8; HASH_BLOCK_BYTES];
    Zeroizing::new(lv_cat(&[DSI, prs, padding.get(..zeros).unwrap_or_default(), ci, sid]))
}

/// `G.calculate_generator` of section 8.3.
fn calculate_generator(prs: &[u8], ci: &[u8], sid: &[u8]) -> RistrettoPoint {
    let mut hash = Zeroizing::new([0_u8; 64]);
    Sha512::new().chain_update(generator_string(prs, ci, sid)).finalize_into((&mut *hash).into());
    RistrettoPoint::from_uniform_bytes(&hash)
}

/// `G.sample_scalar` of section 8.3: the bits above the group's 252 are cleared.
fn sample_scalar(random: &[u8; 32]) -> Scalar {
    let mut bytes = Zeroizing::new(*random);
    if let Some(top) = bytes.last_mut() {
        *top &= 0x0f;
    }
    Scalar::from_bytes_mod_order(*bytes)
}

/// `G.scalar_mult_vfy` of section 8.3; [`None`] where the draft returns `G.I`: the point is no canonical encoding, or
/// the result is the neutral element.
fn scalar_mult_vfy(scalar: &Scalar, point: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let mut product = scalar * CompressedRistretto(*point).decompress()?;
    let encoded = (!product.is_identity()).then(|| Zeroizing::new(product.compress().to_bytes()));
    product.zeroize();
    encoded
}

/// One end's half of a run: the secret scalar and the share that is sent. Used up by [`Run::finish`], since a scalar must
/// not serve twice (section 10.9). Wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub(super) struct Run {
    scalar: Scalar,
    #[zeroize(skip)]
    share: [u8; 32],
    #[zeroize(skip)]
    sid: [u8; 32],
}

/// What one end put on the wire: its share (`Ya` or `Yb`) and its associated data (`ADa` or `ADb`).
pub(super) struct Side<'a> {
    pub(super) share: &'a [u8; 32],
    pub(super) data: &'a [u8],
}

impl Run {
    /// Begins a run: `prs` of at most 127 bytes is what both ends know, `ci` and `sid` both ends have the same view of,
    /// `random` is 32 bytes nobody else has seen and nobody uses again.
    pub(super) fn new(prs: &[u8], ci: &[u8], sid: [u8; 32], random: &[u8; 32]) -> Self {
        let mut generator = calculate_generator(prs, ci, &sid);
        let scalar = sample_scalar(random);
        let mut point = scalar * generator;
        let share = point.compress().to_bytes();
        point.zeroize();
        generator.zeroize();
        Self { scalar, share, sid }
    }

    /// Our share, to be sent.
    pub(super) fn share(&self) -> &[u8; 32] {
        &self.share
    }

    /// The intermediate session key (section 7.2) from what the initiator `a` and the responder `b` sent, one of which is
    /// us and the other, with the share `theirs`, not. [`None`] if `theirs` is no point to compute with: abort then.
    pub(super) fn finish(self, theirs: &[u8; 32], a: &Side<'_>, b: &Side<'_>) -> Option<Zeroizing<[u8; 64]>> {
        let k = scalar_mult_vfy(&self.scalar, theirs)?;
        Some(intermediate_session_key(&self.sid, &k, a, b))
    }
}

/// `H.hash(lv_cat(G.DSI_ISK, sid, K) || transcript_ir(Ya, ADa, Yb, ADb))`.
fn intermediate_session_key(sid: &[u8], k: &[u8; 32], a: &Side<'_>, b: &Side<'_>) -> Zeroizing<[u8; 64]> {
    let head = Zeroizing::new(lv_cat(&[DSI_ISK, sid, k]));
    let transcript = lv_cat(&[a.share, a.data, b.share, b.data]);
    let mut isk = Zeroizing::new([0_u8; 64]);
    Sha512::new().chain_update(head).chain_update(transcript).finalize_into((&mut *isk).into());
    isk
}

#[cfg(test)]
#[path = "tests/cpace.rs"]
mod tests;
