//! From CPace's key to the keys of a session: HKDF and HMAC with SHA-512 (RFC 5869, RFC 2104).
//!
//! Every key and label of the bridge is here, once.

use std::fmt;

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A derived key: 32 bytes, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

const CONFIRM_INITIATOR: &[u8] = b"tp2 cI";
const CONFIRM_RESPONDER: &[u8] = b"tp2 cR";
const RECORDS_INITIATOR: &[u8] = b"tp2 kI";
const RECORDS_RESPONDER: &[u8] = b"tp2 kR";
const EXPORTER: &[u8] = b"tp2 exp";
const NEXT: &[u8] = b"tp2 next";

/// HMAC-SHA512 of `parts`, one after the other. Keys of up to 128 bytes, the block of SHA-512, are used as they are.
fn hmac<const N: usize>(key: &[u8; N], parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    const { assert!(N <= 128) };
    hmac_of(key, parts)
}

/// Once, whatever the length of the key: the page is the smaller for it.
pub(super) fn hmac_of(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    // RFC 2104 fills the key up with zeros; given as a whole block, there is no length that could be wrong.
    let mut block = hmac::digest::Key::<Hmac<Sha512>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha512>::new(&block);
    block.as_mut_slice().zeroize();
    parts.iter().for_each(|part| mac.update(part));
    let mut out = Zeroizing::new([0; 64]);
    mac.finalize_into((&mut *out).into());
    out
}

/// HKDF-Expand to 32 bytes: the first half of its first block.
fn expand<const N: usize>(prk: &[u8; N], info: &[&[u8]]) -> Key {
    let mut parts = info.to_vec();
    parts.push(&[1]);
    first_half(&hmac(prk, &parts))
}

fn first_half(bytes: &[u8; 64]) -> Key {
    let mut half = Zeroizing::new([0; 32]);
    half.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    half
}

/// `TH`, what both ends have seen: SHA-512(M0 ‖ M1 ‖ M2), and through it versions, suites, flags, ids and names.
pub(super) fn transcript_hash(m0: &[u8], m1: &[u8], m2: &[u8]) -> [u8; 64] {
    Sha512::new().chain_update(m0).chain_update(m1).chain_update(m2).finalize().into()
}

/// What one handshake yields.
pub(super) struct Keys {
    transcript: [u8; 64],
    confirm_initiator: Key,
    confirm_responder: Key,
    /// For what the initiator seals.
    pub(super) records_initiator: Key,
    /// For what the responder seals.
    pub(super) records_responder: Key,
    /// For what programs above bind to the session.
    pub(super) exporter: Exporter,
}

impl Keys {
    /// PRK = HKDF-Extract(TH, ISK), and from it a key for each label.
    pub(super) fn new(transcript: [u8; 64], isk: &[u8; 64]) -> Self {
        let prk = hmac(&transcript, &[isk]);
        Self {
            transcript,
            confirm_initiator: expand(&prk, &[CONFIRM_INITIATOR]),
            confirm_responder: expand(&prk, &[CONFIRM_RESPONDER]),
            records_initiator: expand(&prk, &[RECORDS_INITIATOR]),
            records_responder: expand(&prk, &[RECORDS_RESPONDER]),
            exporter: Exporter(expand(&prk, &[EXPORTER])),
        }
    }

    /// Ta, which is M3: HMAC-SHA512(cI, TH), its first half.
    pub(super) fn initiator_proof(&self) -> Key {
        first_half(&hmac(&self.confirm_initiator, &[&self.transcript]))
    }

    /// Tb, which is M4: HMAC-SHA512(cR, TH ‖ Ta), its first half.
    pub(super) fn responder_proof(&self, initiator_proof: &[u8; 32]) -> Key {
        first_half(&hmac(&self.confirm_responder, &[&self.transcript, initiator_proof]))
    }
}

/// The key of records after this one: HKDF of the key with the label "tp2 next", without a salt.
pub(super) fn next_key(key: &[u8; 32]) -> Key {
    expand(&hmac(&[0; 64], &[key]), &[NEXT])
}

/// Makes secrets that both ends of one session have and nobody else: to bind something outside of the session to it.
/// Wiped when dropped; never shown by `Debug`.
#[derive(ZeroizeOnDrop)]
pub struct Exporter(Key);

impl Exporter {
    /// 32 bytes for the purpose `label`: HKDF-Expand of the exporter secret with "tp2 exp/" and the label.
    #[must_use]
    pub fn secret(&self, label: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.0, &[EXPORTER, b"/", label.as_bytes()])
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter(…)")
    }
}

#[cfg(test)]
mod tests {
    use hkdf::Hkdf;

    use super::*;
    use crate::bridge::tests::hex;

    #[test]
    fn hmac_is_rfc_4231s() {
        // Test cases 1 and 2.
        assert_eq!(
            hmac(&[0x0b; 20], &[b"Hi ", b"There"]).as_slice(),
            hex(
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
            )
        );
        assert_eq!(
            hmac(b"Jefe", &[b"what do ya want for nothing?"]).as_slice(),
            hex(
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            )
        );
    }

    #[test]
    fn keys_are_those_of_hkdf() {
        let keys = Keys::new([3; 64], &[4; 64]);
        let hkdf = Hkdf::<Sha512>::new(Some(&[3; 64]), &[4; 64]);
        let expanded = |hkdf: &Hkdf<Sha512>, info: &[u8]| {
            let mut out = [0; 32];
            hkdf.expand(info, &mut out).unwrap();
            out
        };
        assert_eq!(*keys.confirm_initiator, expanded(&hkdf, b"tp2 cI"));
        assert_eq!(*keys.confirm_responder, expanded(&hkdf, b"tp2 cR"));
        assert_eq!(*keys.records_initiator, expanded(&hkdf, b"tp2 kI"));
        assert_eq!(*keys.records_responder, expanded(&hkdf, b"tp2 kR"));
        assert_eq!(*keys.exporter.0, expanded(&hkdf, b"tp2 exp"));
        assert_eq!(*next_key(&[5; 32]), expanded(&Hkdf::new(None, &[5; 32]), b"tp2 next"));
    }

    #[test]
    fn exported_secrets_differ_by_label() {
        let exporter = Keys::new([3; 64], &[4; 64]).exporter;
        assert_ne!(exporter.secret("ticket"), exporter.secret("tab"));
        assert_eq!(exporter.secret("tab"), exporter.secret("tab"));
        assert_eq!(format!("{exporter:?}"), "Exporter(…)");
    }
}
