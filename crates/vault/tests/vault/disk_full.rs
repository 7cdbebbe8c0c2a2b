//! A disk without room, and with room again.

use std::sync::Arc;

use earwitness_vault::{Vault, VaultError};

use crate::support::{
    NOW, Office, begin, check_whole, disk::WatchedDisk, entry, media, record, signalling, summary,
};

#[test]
fn a_commit_that_finds_no_room_loses_nothing_and_succeeds_when_there_is() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let committed = std::fs::read(office.volume()).unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    for room in [0, 100, 700, 1_500] {
        disk.set_room(Some(room));
        let error = writer.commit(NOW).unwrap_err();
        assert!(error.is_full(), "{error}");
        assert_eq!(std::fs::read(office.volume()).unwrap(), committed, "cut back to whole blocks");
    }
    disk.set_room(None);
    assert_eq!(writer.commit(NOW).unwrap().calls.len(), 1);
    let opener = office.opener(&vault);
    check_whole(&vault, &opener, 1);
    check_whole(&vault, &opener, 2);
}

#[test]
fn segments_that_find_no_room_are_counted_and_the_call_is_listed_with_what_there_is() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.seal(&signalling(1))).unwrap();
    writer.commit(NOW).unwrap();
    disk.set_room(Some(0));
    let mut refused = 0;
    for n in 0..600 {
        let outcome = writer.append(recording.seal(&media(1, n * 10..n * 10 + 10)));
        refused += u64::from(outcome.is_err_and(|error| error.is_full()));
    }
    assert!(refused > 200, "{refused}");
    disk.set_room(None);
    writer.append(recording.finish(&summary(1))).unwrap();
    assert_eq!(writer.commit(NOW).unwrap().dropped, refused);
    let entry = entry(&vault, 1);
    let opener = office.opener(&vault);
    assert_eq!(vault.verify(&entry, None).len() as u64, refused, "each missing block is named");
    let whole = opener.segments(&entry).unwrap().flatten().count() as u64;
    assert_eq!(whole, 1 + 600 - refused);
}

#[test]
fn a_call_whose_volume_could_not_be_made_is_still_seen() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let (recording, opened) = sealer.begin(&crate::support::opening(1), NOW).unwrap();
    disk.set_room(Some(10));
    assert!(writer.append(opened).unwrap_err().is_full());
    disk.set_room(None);
    assert!(writer.append(recording.finish(&summary(1))).is_err());
    writer.commit(NOW).unwrap();
    assert_eq!(entry(&vault, 1).recording, None);
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    check_whole(&vault, &office.opener(&vault), 2);
}

#[test]
fn wherever_a_commit_runs_out_of_room_the_next_one_ends_it() {
    let mut failed = 0;
    for room in (0..6_000).step_by(150) {
        let office = Office::new();
        let disk = WatchedDisk::default();
        let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
        let (sealer, mut writer) = vault.writer().unwrap();
        record(&sealer, &mut writer, 1).unwrap();
        disk.set_room(Some(room));
        match writer.commit(NOW) {
            Ok(_) => break,
            Err(error) => assert!(error.is_full(), "{room} bytes: {error}"),
        }
        failed += 1;
        disk.set_room(None);
        writer.commit(NOW).unwrap_or_else(|error| panic!("{room} bytes: {error}"));
        check_whole(&vault, &office.opener(&vault), 1);
    }
    assert!((15..40).contains(&failed), "{failed}");
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_the_vault_is_opened_again() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    disk.journal.lock().unwrap().broken = true;
    assert!(matches!(writer.commit(NOW), Err(VaultError::Io { doing: "sync", .. })));
    disk.journal.lock().unwrap().broken = false;
    assert!(matches!(writer.commit(NOW), Err(VaultError::MustReopen)));
    assert!(matches!(record(&sealer, &mut writer, 3), Err(VaultError::MustReopen)));
    drop((writer, vault));
    let vault = office.open();
    check_whole(&vault, &office.opener(&vault), 1);
}
