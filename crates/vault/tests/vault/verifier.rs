//! Checking many recordings costs what they are, not what their day is.

use std::sync::Arc;

use earwitness_model::Decision;
use earwitness_vault::{Fault, Finding, Vault};

use crate::support::{
    NOW, Office, begin, call_id, disk::WatchedDisk, entries, entry, media, office_with, opening, record,
    summary,
};

/// Calls of two classes, in turn.
fn office_of_two_classes(calls: u32) -> Office {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in 1..=calls {
        let mut opening = opening(n);
        if let (1, Decision::Admit(keep)) = (n % 2, &mut opening.verdict.decision) {
            keep.retention.name = "complaint-3y".into();
        }
        let (mut recording, opened) = sealer.begin(&opening, NOW).unwrap();
        writer.append(opened).unwrap();
        writer.append(recording.seal(media(n, [1, 2]))).unwrap();
        writer.append(recording.finish(summary(n))).unwrap();
    }
    writer.close(NOW).unwrap();
    office
}

#[test]
fn a_key_file_is_read_once_for_all_recordings_of_its_day() {
    let office = office_of_two_classes(12);
    let key_bytes: u64 = ["citizen-90d", "complaint-3y"]
        .map(|class| office.dir().join("keys").join(class).join("2026-11-21.keys"))
        .map(|path| path.metadata().unwrap().len())
        .iter()
        .sum();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let listed = entries(&vault);
    assert_eq!(listed.len(), 12);
    let mut verifier = vault.verifier(None);
    disk.journal.lock().unwrap().key_bytes = 0;
    for entry in &listed {
        assert_eq!(verifier.verify(entry), []);
    }
    assert_eq!(disk.journal.lock().unwrap().key_bytes, key_bytes);
    disk.journal.lock().unwrap().key_bytes = 0;
    assert_eq!(vault.verify_all(None, &mut |_, findings| assert_eq!(findings, [])).unwrap().recordings, 12);
    assert_eq!(disk.journal.lock().unwrap().key_bytes, key_bytes);
}

#[test]
fn a_recording_that_comes_while_others_are_checked_has_its_key() {
    let office = office_with([1]);
    let vault = office.open();
    let mut verifier = vault.verifier(None);
    assert_eq!(verifier.verify(&entry(&vault, 1)), []);
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    assert_eq!(verifier.verify(&entry(&vault, 2)), []);
}

#[test]
fn every_recording_whose_key_is_not_there_is_found_and_its_file_read_once() {
    let office = office_with(1..=6);
    let whole = std::fs::read(office.key_file()).unwrap();
    // The head, and not one row.
    std::fs::write(office.key_file(), &whole[..128]).unwrap();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    disk.journal.lock().unwrap().key_bytes = 0;
    let mut missing = Vec::new();
    let mut note = |entry: &earwitness_vault::Entry, findings: &[Finding]| {
        assert_eq!(findings.iter().map(|finding| &finding.fault).collect::<Vec<_>>(), [&Fault::KeyMissing]);
        missing.push(entry.summary.id);
    };
    assert_eq!(vault.verify_all(None, &mut note).unwrap().broken, 6);
    assert_eq!(missing, (1..=6).map(call_id).collect::<Vec<_>>());
    assert_eq!(disk.journal.lock().unwrap().key_bytes, 128);
}

#[test]
fn what_is_written_and_not_committed_is_no_finding() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut second = begin(&sealer, &mut writer, 2).unwrap();
    // The first recording's manifest is written out with what comes after it.
    while office.volume().metadata().unwrap().len() < 1 << 20 {
        writer.append(second.seal(media(2, 0..100))).unwrap();
    }
    assert_eq!(vault.check_index(), []);
    writer.commit(NOW).unwrap();
    assert_eq!((vault.check_index(), entries(&vault).len()), (Vec::new(), 1));
}
