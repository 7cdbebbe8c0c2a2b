//! Rows that are proven, and proofs that somebody touched.

use std::{path::Path, sync::Arc};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::{
    disk::RealDisk,
    ledger::{Ledger, LedgerError, LedgerKind, origin},
    metadata_key::MetadataKey,
};

fn pair() -> (Ed25519KeyPair, VerifyingKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = VerifyingKey::try_from(pair.public_key().as_ref()).unwrap();
    (pair, public)
}

/// A ledger of `count` rows over two months.
fn ledger(dir: &Path, count: i64) -> Ledger {
    let key = MetadataKey::new(CipherSuite::Aria256Gcm, [7; 32]);
    let (mut ledger, _) = Ledger::open(Arc::new(RealDisk), dir, key).unwrap();
    for number in 0..count {
        let at = WallTime::from_nanos(1_795_219_200_000_000_000 + number * 86_400_000_000_000);
        ledger.append(LedgerKind::Recorded, at, format!("call {number}").as_bytes()).unwrap();
    }
    ledger
}

fn proof(ledger: &mut Ledger, number: u64) -> RowProof {
    let settled = ledger.settled().unwrap();
    let (pair, public) = pair();
    let head = Checkpoint { origin: origin(&[1; 16]), size: settled.rows(), root: settled.root().unwrap() };
    RowProof { head: head.sign(&pair, &public), ..settled.prove(number, head.size).unwrap() }
}

#[test]
fn every_row_is_proven_and_says_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger(dir.path(), 21);
    for number in 0..21 {
        let proof = proof(&mut ledger, number);
        let row = proof.verify(&pair().1).unwrap();
        assert_eq!((row.number, row.kind), (number, LedgerKind::Recorded));
        assert_eq!(row.payload, format!("call {number}").as_bytes());
        assert_eq!(proof.origin(), Some(origin(&[1; 16])));
        let text = serde_json::to_string(&proof).unwrap();
        assert_eq!(serde_json::from_str::<RowProof>(&text).unwrap(), proof);
        let bytes = postcard::to_stdvec(&proof).unwrap();
        assert_eq!(postcard::from_bytes::<RowProof>(&bytes).unwrap(), proof);
    }
    let settled = ledger.settled().unwrap();
    assert!(matches!(settled.prove(21, 21), Err(LedgerError::NotTold)));
    assert!(matches!(settled.prove(0, 22), Err(LedgerError::NotTold)));
}

#[test]
fn the_key_of_one_row_opens_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger(dir.path(), 3);
    let (one, other) = (proof(&mut ledger, 1), proof(&mut ledger, 2));
    let mixed = RowProof { key: other.key, ..one.clone() };
    assert_eq!(mixed.verify(&pair().1), Err(ProofFault::Sealed { number: 1 }));
    let mixed = RowProof { path: other.path.clone(), ..one.clone() };
    assert!(mixed.verify(&pair().1).is_err());
    let mixed = RowProof { row: other.row, key: other.key, ..one };
    assert!(mixed.verify(&pair().1).is_err());
}

#[test]
fn a_proof_with_any_byte_changed_or_cut_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = proof(&mut ledger(dir.path(), 9), 4);
    let key = pair().1;
    let is_proven = |changed: RowProof| changed.verify(&key).is_ok();
    for at in 0..whole.row.len() {
        let mut changed = whole.clone();
        changed.row[at] ^= 1;
        assert!(!is_proven(changed), "row, byte {at}");
        let row = whole.row[..at].to_vec();
        assert!(!is_proven(RowProof { row, ..whole.clone() }), "row cut at {at}");
    }
    for at in 0..32 {
        let mut changed = whole.clone();
        changed.key[at] ^= 0x80;
        assert!(!is_proven(changed), "key, byte {at}");
        for beside in 0..whole.path.len() {
            let mut changed = whole.clone();
            changed.path[beside][at] ^= 4;
            assert!(!is_proven(changed), "path {beside}, byte {at}");
        }
    }
    for size in [0, 8, 10, u64::MAX] {
        let fault = RowProof { tree_size: size, ..whole.clone() }.verify(&key);
        assert_eq!(fault, Err(ProofFault::TreeSize { proof: size, head: 9 }));
    }
    let long = RowProof { path: vec![[0; 32]; 65], ..whole.clone() };
    assert_eq!(long.verify(&key), Err(ProofFault::Path { number: 4, size: 9 }));
    let suite = RowProof { suite: CipherSuite::Aes256Gcm, ..whole.clone() };
    assert_eq!(suite.verify(&key), Err(ProofFault::Sealed { number: 4 }));
    let headless = RowProof { head: String::new(), ..whole };
    assert_eq!(headless.verify(&key), Err(ProofFault::Head(CheckpointFault::NotANote)));
}

#[test]
fn a_text_that_is_no_proof_is_an_error() {
    for text in [
        "{}",
        "[]",
        r#"{"row":"0","key":"","suite":"aes-256-gcm","tree_size":1,"path":[],"head":""}"#,
        r#"{"row":"00","key":"00","suite":"aes-256-gcm","tree_size":1,"path":[],"head":""}"#,
        r#"{"row":"+1","key":"00","suite":"rot13","tree_size":1,"path":["é"],"head":""}"#,
    ] {
        assert!(serde_json::from_str::<RowProof>(text).is_err(), "{text}");
    }
}
