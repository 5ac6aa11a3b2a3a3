//! The vectors of draft-irtf-cfrg-cpace-21, appendices A and B.3, and that a bad point aborts a run.

use super::*;
use crate::bridge::tests::{INVALID, hex};

const PRS: &[u8] = b"Password";
const CI: &[u8] = b"\x0bA_initiator\x0bB_responder";
const YA: &str = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
const YB: &str = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
const SECRET_A: &str = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08";
const SECRET_B: &str = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d";
const K: &str = "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f";

fn sid() -> Vec<u8> {
    hex("7e4b4791d6a8ef019b936c79fb7f2c57")
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

#[test]
fn prepend_len_writes_leb128() {
    // Appendix A.1.2.
    let prepended = |part: &[u8]| lv_cat(&[part]);
    assert_eq!(prepended(b""), [0]);
    assert_eq!(prepended(b"1234"), hex("0431323334"));
    let numbers: Vec<u8> = (0..128).collect();
    assert_eq!(prepended(&numbers[..127])[..3], [0x7f, 0, 1]);
    assert_eq!(prepended(&numbers)[..4], [0x80, 0x01, 0, 1]);
    assert_eq!(lv_cat(&[b"1234", b"5", b"", b"678"]), hex("043132333401350003363738"), "appendix A.1.4");
}

#[test]
fn generator_is_the_drafts() {
    // B.3.1.
    let string = generator_string(PRS, CI, &sid());
    let mut expected = hex("11435061636552697374726574746f3235350850617373776f726464");
    expected.extend([0; 100]);
    expected.extend(hex("180b415f696e69746961746f720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f2c57"));
    assert_eq!(string.as_slice(), expected);
    assert_eq!(string.len(), 170);
    assert_eq!(
        Sha512::digest(string.as_slice()).as_slice(),
        hex(
            "da6d3ddc8802fca9058755ffd3ebde08a9c2c74945901a258482a288b6663af06bf645c93cd1c51512307199c80e84908916d983b34af77205f90851a657ee27"
        )
    );
    assert_eq!(
        calculate_generator(PRS, CI, &sid()).compress().to_bytes().as_slice(),
        hex("222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56")
    );
}

#[test]
fn shares_secret_point_and_key_are_the_drafts() {
    // B.3.2 to B.3.5.
    let generator = calculate_generator(PRS, CI, &sid());
    let (a, b) = (sample_scalar(&bytes(SECRET_A)), sample_scalar(&bytes(SECRET_B)));
    assert_eq!((a * generator).compress().to_bytes().as_slice(), hex(YA));
    assert_eq!((b * generator).compress().to_bytes().as_slice(), hex(YB));
    assert_eq!(scalar_mult_vfy(&a, &bytes(YB)).unwrap().as_slice(), hex(K));
    assert_eq!(scalar_mult_vfy(&b, &bytes(YA)).unwrap().as_slice(), hex(K));
    let side_a = Side { share: &bytes(YA), data: b"ADa" };
    let side_b = Side { share: &bytes(YB), data: b"ADb" };
    assert_eq!(
        intermediate_session_key(&sid(), &bytes(K), &side_a, &side_b).as_slice(),
        hex(
            "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447"
        )
    );
}

#[test]
fn scalar_mult_vfy_is_the_drafts() {
    // B.3.10 and B.3.11.
    let scalar = sample_scalar(&bytes("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05"));
    let good = bytes("2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c");
    assert_eq!(
        scalar_mult_vfy(&scalar, &good).unwrap().as_slice(),
        hex("7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e")
    );
    for bad in INVALID {
        assert!(scalar_mult_vfy(&scalar, &bytes(bad)).is_none(), "{bad}");
    }
}

#[test]
fn two_runs_agree_only_on_the_same_inputs() {
    let run = |prs: &[u8], ci: &[u8], sid: u8| {
        let a = Run::new(b"secret", b"channel", [7; 32], &[1; 32]);
        let b = Run::new(prs, ci, [sid; 32], &[2; 32]);
        let (ya, yb) = (*a.share(), *b.share());
        let side_a = Side { share: &ya, data: b"a" };
        let side_b = Side { share: &yb, data: b"b" };
        a.finish(&yb, &side_a, &side_b).unwrap() == b.finish(&ya, &side_a, &side_b).unwrap()
    };
    assert!(run(b"secret", b"channel", 7));
    assert!(!run(b"Secret", b"channel", 7));
    assert!(!run(b"secret", b"another", 7));
    assert!(!run(b"secret", b"channel", 8));
}

#[test]
fn a_scalar_of_all_bits_is_cut_to_252() {
    assert_eq!(sample_scalar(&[0xff; 32]), sample_scalar(&bytes(&format!("{}0f", "ff".repeat(31)))));
}
