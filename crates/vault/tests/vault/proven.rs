//! What the vault proves to a stranger, who has its public key and another implementation of RFC 9162.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use earwitness_model::{RuleSetHash, WallTime};
use earwitness_vault::{
    Checkpoint, CheckpointFault, ClockStatus, Closes, HeadFault, HeadsChecked, KeptHead, LedgerError,
    LedgerKind, LedgerNote, ProofFault, RecordedRow, RowProof, Synchronised, Vault, VaultError,
    is_consistent,
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

/// A vault of three calls, and the same one in which a fourth came and a head was signed over all.
fn before_and_after() -> (Office, Office, String) {
    let after = office_with(1..=3);
    let before = after.copy();
    let vault = after.open();
    record_more(&vault, [4]);
    let head = vault.sign_head().unwrap().note;
    drop(vault);
    (before, after, head)
}

fn record_more(vault: &Vault, calls: impl IntoIterator<Item = u32>) {
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in calls {
        record(&sealer, &mut writer, n).unwrap();
    }
    writer.close(NOW).unwrap();
}

fn kept(note: &str) -> KeptHead {
    KeptHead { path: "kept.txt".into(), note: note.to_owned() }
}

fn faults(checked: HeadsChecked) -> Vec<HeadFault> {
    checked.findings.into_iter().map(|finding| finding.fault).collect()
}

#[test]
fn rows_that_are_not_those_of_the_head_are_not_proven_and_are_found() {
    let (before, after, head) = before_and_after();
    let vault = before.open();
    record_more(&vault, [5, 6, 7]);
    let checked = vault.check_heads(vec![kept(&head)]).unwrap();
    assert_eq!(faults(checked), [HeadFault::OtherRows { from: 0, to: 4 }]);
    let three = vault.prove_consistency(3, 6).unwrap();
    assert!(!three.is_empty());
    drop(vault);
    std::fs::create_dir_all(before.dir().join("ledger/heads")).unwrap();
    let name = "ledger/heads/2026-11-21.1.txt";
    std::fs::copy(after.dir().join(name), before.dir().join(name)).unwrap();
    let vault = before.open();
    let proven = vault.prove_row(0);
    assert!(matches!(proven, Err(VaultError::Ledger(LedgerError::OtherRows { size: 4, .. }))), "{proven:?}");
}

#[test]
fn rows_cut_from_the_end_are_found_by_a_head_that_is_kept_elsewhere_and_by_nothing_else() {
    let (before, after, head) = before_and_after();
    let vault = before.open();
    assert_eq!(vault.ledger().verify(), [], "the chain is whole");
    assert_eq!(faults(vault.check_heads(vec![]).unwrap()), []);
    let checked = vault.check_heads(vec![kept(&head)]).unwrap();
    assert_eq!((checked.rows, checked.whole), (3, 0));
    assert_eq!(faults(checked), [HeadFault::RowsMissing { rows: 3, missing: 1 }]);
    let vault = after.open();
    let checked = vault.check_heads(vec![kept(&head)]).unwrap();
    assert_eq!((checked.rows, checked.whole, checked.signed_rows), (4, 2, 4));
    assert_eq!(checked.findings, []);
}

#[test]
fn heads_that_were_changed_swapped_or_are_anothers_are_named() {
    let (_, after, head) = before_and_after();
    let vault = after.open();
    let other = office_with([1]);
    let theirs = other.open().sign_head().unwrap().note;
    let path = after.dir().join("ledger/heads");
    std::fs::write(path.join("2026-11-20.txt"), head.replace("\n4\n", "\n3\n")).unwrap();
    std::fs::write(path.join("2026-11-19.txt"), &theirs).unwrap();
    std::fs::write(path.join("2026-11-18.txt"), [0xff, 0xfe, b'\n']).unwrap();
    std::fs::write(path.join("2026-11-17.txt"), vec![b'a'; 100_000]).unwrap();
    std::fs::write(path.join("not a head.txt"), "no").unwrap();
    let found = faults(vault.check_heads(vec![]).unwrap());
    let count = |fault: &HeadFault| found.iter().filter(|other| *other == fault).count();
    assert_eq!(count(&HeadFault::Note(CheckpointFault::Signature)), 1, "{found:?}");
    assert_eq!(count(&HeadFault::Note(CheckpointFault::OtherKey)), 1, "{found:?}");
    assert_eq!(count(&HeadFault::Note(CheckpointFault::NotANote)), 1, "{found:?}");
    assert_eq!(count(&HeadFault::Note(CheckpointFault::TooLong)), 1, "{found:?}");
    assert_eq!(found.len(), 4);
    // What is wrong with heads keeps nobody from a proof, an anchor, or the head that a day was closed with.
    vault.prove_row(0).unwrap().verify(&vault.verifying_key()).unwrap();
    assert_eq!(vault.sign_head().unwrap().note, head);
    let read: Vec<_> = vault.heads().unwrap().into_iter().map(|head| head.path).collect();
    let [bad, good] = ["2026-11-18.txt", "2026-11-21.1.txt"].map(|name| path.join(name));
    assert!(!read.contains(&bad) && read.contains(&good) && read.is_sorted(), "{read:?}");
}

#[test]
fn a_row_that_was_changed_in_the_file_makes_every_head_over_it_another_one() {
    let (_, after, _) = before_and_after();
    let path = after.dir().join("ledger/2026-11.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let second = bytes.windows(4).enumerate().filter(|(_, magic)| *magic == b"row\n").nth(1).unwrap().0;
    bytes[second + 70] ^= 1;
    let end = bytes.windows(4).enumerate().filter(|(_, magic)| *magic == b"row\n").nth(2).unwrap().0;
    let crc = crc32c::crc32c(&bytes[second..end - 4]).to_le_bytes();
    bytes[end - 4..end].copy_from_slice(&crc);
    std::fs::write(&path, bytes).unwrap();
    let vault = after.open();
    let found = faults(vault.check_heads(vec![]).unwrap());
    assert_eq!(found, [HeadFault::OtherRows { from: 0, to: 4 }]);
    assert!(matches!(vault.prove_row(3), Err(VaultError::Ledger(LedgerError::Broken(_)))));
}

#[test]
fn a_consistency_proof_of_two_heads_holds_in_another_implementation() {
    let (_, office, four) = before_and_after();
    let vault = office.open();
    record_more(&vault, 5..=12);
    let twelve = vault.sign_head().unwrap().note;
    let key = vault.verifying_key();
    let [old, new] = [&four, &twelve].map(|note| Checkpoint::verified(note, &key).unwrap());
    let path = vault.prove_consistency(old.size, new.size).unwrap();
    assert!(is_consistent((old.size, old.root), (new.size, new.root), &path));
    let proof = ConsistencyProof::try_from_bytes(path.concat()).unwrap();
    let [old, new] = [old, new].map(|head| RootHash::<Sha256>::new(head.root.into(), head.size));
    new.verify_consistency(&old, &proof).unwrap();
    assert!(vault.prove_consistency(4, 100).is_err() && vault.prove_consistency(0, 4).is_err());
}

#[test]
fn the_text_of_rules_is_kept_once_and_what_was_changed_is_not_believed() {
    let office = office_with([1]);
    let vault = office.open();
    let hash = RuleSetHash([5; 32]);
    assert_eq!(vault.rule_text(hash).unwrap(), None);
    vault.keep_rule_text(hash, "[[rule]]\n# 민원 031-222-7001\n").unwrap();
    vault.keep_rule_text(hash, "other").unwrap();
    assert_eq!(vault.rule_text(hash).unwrap().as_deref(), Some("[[rule]]\n# 민원 031-222-7001\n"));
    let path = office.dir().join("ledger/rules").join("05".repeat(32));
    let whole = std::fs::read(&path).unwrap();
    assert!(!whole.windows(4).any(|text| text == b"7001"), "it names the office's numbers");
    let other = office.dir().join("ledger/rules").join("06".repeat(32));
    std::fs::copy(&path, other).unwrap();
    let moved = vault.rule_text(RuleSetHash([6; 32]));
    assert!(matches!(moved, Err(VaultError::RulesDamaged { .. })), "{moved:?}");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(vault.rule_text(hash).is_err(), "byte {at}");
    }
    vault.keep_rule_text(hash, "made again").unwrap();
    assert_eq!(vault.rule_text(hash).unwrap().as_deref(), Some("made again"));
}

#[test]
fn the_clock_is_told_as_it_was_then() {
    let office = Office::new();
    let vault = office.open();
    let at = |seconds: i64| WallTime::from_nanos(NOW.nanos() + seconds * 1_000_000_000);
    let status = |synchronised| ClockStatus {
        synchronised,
        offset_nanos: 12,
        estimated_error_micros: 3,
        maximum_error_micros: 90,
    };
    for (seconds, synchronised) in [(0, Synchronised::No), (3600, Synchronised::Yes)] {
        vault.tell(at(seconds), &LedgerNote::ClockStatus(status(synchronised))).unwrap();
    }
    assert_eq!(vault.clock_status_at(at(-1)).unwrap(), None);
    assert_eq!(vault.clock_status_at(at(3599)).unwrap(), Some((at(0), status(Synchronised::No))));
    assert_eq!(vault.clock_status_at(at(9999)).unwrap(), Some((at(3600), status(Synchronised::Yes))));
}
