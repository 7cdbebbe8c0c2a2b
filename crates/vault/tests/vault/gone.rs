//! What the ledger tells of and the volumes do not hold any more.

use earwitness_model::RecordingId;
use earwitness_vault::{Fault, Finding, LedgerKind, Vault};

use crate::support::{NOW, Office, begin, check_whole, entries, entry, media, office_with, record, summary};

/// In the order of findings.
fn ids(vault: &Vault) -> Vec<RecordingId> {
    let mut ids: Vec<_> = entries(vault).into_iter().map(|entry| entry.recording.unwrap().id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_volume_taken_away_is_missed_even_after_a_rebuild() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let listed = ids(&vault);
    assert_eq!(vault.check_index(), []);
    std::fs::remove_file(office.volume()).unwrap();
    let rebuilt = vault.rebuild_index().unwrap();
    assert_eq!((rebuilt.recordings, rebuilt.gone, rebuilt.told_ledger), (0, 2, 0));
    let path = office.dir().join("ledger");
    let gone = |id| Finding { recording: Some(id), path: path.clone(), fault: Fault::RecordingGone(id) };
    assert_eq!(vault.check_index(), [gone(listed[0]), gone(listed[1])]);
    assert!(vault.ledger().verify().is_empty(), "the ledger itself is whole");
}

#[test]
fn a_ledger_taken_away_is_missed() {
    let office = office_with([1, 2]);
    let listed = ids(&office.open());
    for file in std::fs::read_dir(office.dir().join("ledger")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let vault = office.open();
    let path = office.dir().join("ledger");
    let untold =
        |id: &RecordingId| Finding { recording: Some(*id), path: path.clone(), fault: Fault::Untold(*id) };
    let mut found = vault.check_index();
    found.sort_by_key(|finding| finding.recording);
    assert_eq!(found, listed.iter().map(untold).collect::<Vec<_>>());
    assert_eq!(vault.rebuild_index().unwrap().told_ledger, 2);
}

#[test]
fn a_volume_from_before_lacks_what_was_recorded_since() {
    let office = office_with([1]);
    let before = std::fs::read(office.volume()).unwrap();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    std::fs::write(office.volume(), before).unwrap();
    assert_eq!(vault.rebuild_index().unwrap().gone, 1);
    let [finding] = &vault.check_index()[..] else { panic!("one is gone") };
    assert!(matches!(finding.fault, Fault::RecordingGone(id) if !ids(&vault).contains(&id)));
    check_whole(&vault, &office.opener(&vault), 1);
}

#[test]
fn a_manifest_that_is_not_the_one_told_of_is_found() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.seal(media(1, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    let running = office.copy();
    writer.append(recording.finish(summary(1))).unwrap();
    writer.close(NOW).unwrap();
    // The recorder of a copy signs another end of the same recording.
    drop(running.open());
    let id = entry(&vault, 1).recording.unwrap().id;
    std::fs::copy(running.volume(), office.volume()).unwrap();
    assert_eq!(vault.rebuild_index().unwrap().gone, 0);
    let faults: Vec<_> = vault.check_index().into_iter().map(|finding| finding.fault).collect();
    assert_eq!(faults, [Fault::ManifestReplaced(id)]);
    let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Recorded).count();
    assert_eq!(told, 1, "a rebuild does not tell the ledger of the other one");
}
