//! What the vault proves to a stranger, who has its public key and another implementation of RFC 9162.

use ct_merkle::{InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use earwitness_vault::{
    Checkpoint, Closes, LedgerError, LedgerKind, ProofFault, RecordedRow, RowProof, Vault, VaultError,
};
use sha2::Sha256;

use crate::support::{NOW, Office, call_id, entry, office_with, record, summary};

/// The rows of a ledger's file without their CRCs, by the drawing of the format and nothing of ours.
fn leaves(office: &Office) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    let bytes = std::fs::read(office.dir().join("ledger/2026-11.log")).unwrap();
    let mut rest = &bytes[53..];
    while !rest.is_empty() {
        let sealed = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (row, behind) = rest.split_at(4 + 4 + 8 + 1 + 8 + 32 + sealed);
        tree.push(row.to_vec());
        rest = &behind[4..];
    }
    tree
}

fn recording(vault: &Vault, n: u32) -> earwitness_model::RecordingId {
    entry(vault, n).recording.unwrap().id
}

#[test]
fn a_recording_is_proven_to_who_has_the_public_key_and_another_implementation() {
    let office = office_with(1..=20);
    let vault = office.open();
    let key = vault.verifying_key();
    for n in [1, 7, 20] {
        let id = recording(&vault, n);
        let proof = vault.prove_recorded(id).unwrap();
        let row = proof.verify(&key).unwrap();
        let told = RecordedRow::from_bytes(&row.payload).unwrap();
        assert_eq!((row.kind, told.recording, told.call), (LedgerKind::Recorded, id, call_id(n)));
        assert_eq!(told.manifest, vault.manifest(&entry(&vault, n)).unwrap().hash());
        assert_eq!(proof.origin(), Some(vault.origin()));
        let theirs = leaves(&office);
        let head = Checkpoint::verified(&proof.head, &key).unwrap();
        assert_eq!((theirs.len(), theirs.root().as_bytes().as_slice()), (head.size, &head.root[..]));
        let root = RootHash::<Sha256>::new(head.root.into(), head.size);
        let path = InclusionProof::try_from_bytes(proof.path.concat()).unwrap();
        root.verify_inclusion(&proof.row, row.number, &path).unwrap();
    }
}

#[test]
fn proofs_of_rows_that_a_head_has_name_the_same_head_and_later_rows_make_a_new_one() {
    let office = office_with(1..=3);
    let vault = office.open();
    let one = vault.prove_recorded(recording(&vault, 1)).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 4).unwrap();
    writer.close(NOW).unwrap();
    assert_eq!(vault.prove_recorded(recording(&vault, 1)).unwrap(), one);
    let four = vault.prove_recorded(recording(&vault, 4)).unwrap();
    assert_ne!(four.head, one.head);
    assert_eq!(vault.sign_head().unwrap().note, four.head, "nothing was told since");
    let heads = vault.heads().unwrap();
    let closes: Vec<_> = heads.iter().map(|head| (head.day.to_string(), head.closes)).collect();
    let day = "2026-11-21".to_owned();
    assert_eq!(closes, [(day.clone(), Closes::Nothing(1)), (day, Closes::Nothing(2))]);
    assert_eq!([&heads[0].note, &heads[1].note], [&one.head, &four.head]);
}

#[test]
fn what_the_ledger_does_not_tell_is_not_proven() {
    let office = office_with([1]);
    let vault = office.open();
    let (_, mut writer) = vault.writer().unwrap();
    writer.exclude(&summary(2));
    writer.close(NOW).unwrap();
    let not_told =
        |proof: Result<RowProof, VaultError>| matches!(proof, Err(VaultError::Ledger(LedgerError::NotTold)));
    assert!(not_told(vault.prove_recorded(earwitness_model::RecordingId::from_bytes([9; 16]))));
    let rows = vault.ledger().rows().count() as u64;
    assert!(not_told(vault.prove_row(rows)) && not_told(vault.prove_row(u64::MAX)));
    let excluded = vault.prove_row(rows - 1).unwrap().verify(&vault.verifying_key()).unwrap();
    assert_eq!(excluded.kind, LedgerKind::Excluded);
}

#[test]
fn another_vaults_key_believes_nothing() {
    let (office, other) = (office_with([1]), office_with([1]));
    let vault = office.open();
    let proof = vault.prove_recorded(recording(&vault, 1)).unwrap();
    let theirs = other.open().verifying_key();
    assert!(matches!(proof.verify(&theirs), Err(ProofFault::Head(_))));
}

#[test]
fn rows_that_are_not_those_of_the_head_are_not_proven() {
    let office = office_with(1..=3);
    let id = {
        let vault = office.open();
        let id = recording(&vault, 3);
        vault.prove_recorded(id).unwrap();
        id
    };
    // The ledger as it was before, and other calls after that: its chain is whole.
    let path = office.dir().join("ledger/2026-11.log");
    let other = office_with([9]);
    std::fs::copy(other.dir().join("keys/index.key"), office.dir().join("keys/index.key")).unwrap();
    std::fs::copy(other.dir().join("ledger/2026-11.log"), &path).unwrap();
    std::fs::remove_dir_all(office.dir().join("index")).unwrap();
    let vault = office.open();
    assert!(matches!(vault.prove_recorded(id), Err(VaultError::Ledger(LedgerError::NotTold))));
    let (_, mut writer) = vault.writer().unwrap();
    (10..30).for_each(|n| writer.exclude(&summary(n)));
    writer.close(NOW).unwrap();
    let proven = vault.prove_row(0);
    assert!(matches!(proven, Err(VaultError::Ledger(LedgerError::OtherRows { size: 3, .. }))), "{proven:?}");
}
