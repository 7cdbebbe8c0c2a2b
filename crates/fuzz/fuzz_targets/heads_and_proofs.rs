//! Whatever somebody hands in as a signed head, a proof of a row, a certificate or a time stamp: it never panics, and
//! nothing of it is believed without a signature. What parses says the same when it is written again.
#![no_main]

use earwitness_evidence::Paper;
use earwitness_vault::{Checkpoint, RowProof, Stamp, is_consistent, root_by_inclusion};
use ed25519_dalek::VerifyingKey;
use libfuzzer_sys::fuzz_target;

/// The public key of the seed of 32 sevens.
const KEY: [u8; 32] = [
    0xea, 0x4a, 0x6c, 0x63, 0xe2, 0x9c, 0x52, 0x0a, 0xbe, 0xf5, 0x50, 0x7b, 0x13, 0x2e, 0xc5, 0xf9, 0x95, 0x47, 0x76, 0xae,
    0xbe, 0xbe, 0x7b, 0x92, 0x42, 0x1e, 0xea, 0x69, 0x14, 0x46, 0xd2, 0x2c,
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(key) = VerifyingKey::from_bytes(&KEY) else { return };
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(head) = Checkpoint::unverified(text) {
            assert!(text.starts_with(&head.body()));
        }
        assert!(Checkpoint::verified(text, &key).is_err(), "signed by nobody");
        if let Ok(proof) = serde_json::from_str::<RowProof>(text) {
            assert!(proof.verify(&key).is_err());
        }
    }
    if let Some(paper) = Paper::read(bytes) {
        assert!(paper.check(&key).genuine().is_err());
    }
    drop(Stamp::read(bytes, b"content"));
    if let Some((numbers, path)) = bytes.split_first_chunk::<24>() {
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| numbers[at + byte]));
        let path: Vec<[u8; 32]> = path.chunks_exact(32).map(|hash| std::array::from_fn(|at| hash[at])).collect();
        let root = root_by_inclusion(number(0), number(8), [1; 32], &path);
        assert!(root.is_none() || number(0) < number(8));
        std::hint::black_box(is_consistent((number(0), [1; 32]), (number(16), [2; 32]), &path));
    }
});
