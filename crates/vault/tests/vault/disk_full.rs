//! A disk without room, and with room again.

use std::sync::Arc;

use earwitness_vault::{LedgerKind, NotClosed, NotTaken, Sealed, Vault, VaultError, Writer};

use crate::support::{
    NOW, Office, begin, call_id, check_whole, disk::WatchedDisk, entry, media, record, signalling, summary,
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

/// Gives a block until it is taken: each time it is given back there is more room.
fn append_at_last(writer: &mut Writer, disk: &WatchedDisk, block: Sealed) -> u32 {
    let mut block = Box::new(block);
    for refused in 0.. {
        match writer.append(*block) {
            Ok(()) => return refused,
            Err(NotTaken::ForNow { block: back, why }) => {
                assert!(why.is_full() && !why.must_reopen(), "{why}");
                block = back;
            }
            Err(NotTaken::Never(why)) => panic!("{why}"),
        }
        disk.set_room((refused < 2).then_some(u64::from(refused) * 500));
    }
    unreachable!("there is room in the end")
}

#[test]
fn a_block_that_finds_no_room_is_given_back_and_goes_in_later_in_its_place() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.seal(signalling(1))).unwrap();
    writer.commit(NOW).unwrap();
    let mut refused = 0;
    for n in 0..900 {
        if n % 300 == 0 {
            disk.set_room(Some(0));
        }
        refused += append_at_last(&mut writer, &disk, recording.seal(media(1, n * 10..n * 10 + 10)));
    }
    assert!(refused > 1, "{refused}");
    disk.set_room(None);
    writer.append(recording.finish(summary(1))).unwrap();
    writer.close(NOW).unwrap();
    let entry = entry(&vault, 1);
    let opener = office.opener(&vault);
    assert_eq!(vault.verify(&entry, Some(&opener)), []);
    assert_eq!(opener.segments(&entry).unwrap().map(Result::unwrap).count(), 901);
}

#[test]
fn a_call_whose_volume_could_not_be_made_waits_for_it() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let (mut recording, opened) = sealer.begin(&crate::support::opening(1), NOW).unwrap();
    disk.set_room(Some(10));
    assert_eq!(append_at_last(&mut writer, &disk, opened), 2);
    disk.set_room(None);
    writer.append(recording.seal(media(1, [1]))).unwrap();
    writer.append(recording.finish(summary(1))).unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    let opener = office.opener(&vault);
    assert_eq!(vault.verify(&entry(&vault, 1), Some(&opener)), []);
    check_whole(&vault, &opener, 2);
}

#[test]
fn the_reserve_is_for_ending_what_was_begun() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let reserve = vault.space().unwrap().reserve;
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut running = begin(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    disk.set_free(((1 << 30) / 100) - 1);
    assert_eq!(vault.space().unwrap().usable(), 0);
    let mut back = Vec::new();
    for block in [running.seal(media(1, [1])), sealer.begin(&crate::support::opening(2), NOW).unwrap().1] {
        match writer.append(block) {
            Err(NotTaken::ForNow { block, why: VaultError::NoRoom { free, .. } }) => {
                assert!(free < reserve);
                back.push(*block);
            }
            other => panic!("{other:?}"),
        }
    }
    // What was refused waits: the second call goes on, and a third ends on a disk without room.
    disk.set_free(1 << 30);
    let mut third = begin(&sealer, &mut writer, 3).unwrap();
    writer.append(third.seal(media(3, [1]))).unwrap();
    disk.set_free(0);
    writer.append(third.finish(summary(3))).unwrap();
    assert_eq!(writer.commit(NOW).unwrap().calls, [call_id(3)]);
    disk.set_free(1 << 30);
    for block in back {
        writer.append(block).unwrap();
    }
    writer.append(running.finish(summary(1))).unwrap();
    writer.close(NOW).unwrap();
    let opener = office.opener(&vault);
    for n in [1, 3] {
        assert_eq!(vault.verify(&entry(&vault, n), Some(&opener)), [], "call {n}");
    }
}

#[test]
fn a_writer_that_cannot_close_is_given_back_and_closes_when_it_can() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    for room in [0, 300, 1_000, 2_000, 3_000] {
        disk.set_room(Some(room));
        let NotClosed { writer: back, why } = writer.close(NOW).unwrap_err();
        assert!(why.is_full(), "{why}");
        writer = *back;
    }
    disk.set_room(None);
    assert_eq!(writer.close(NOW).unwrap().calls, [call_id(1)]);
    check_whole(&vault, &office.opener(&vault), 1);
    drop(vault);
    assert!(office.open().recovery().is_clean());
}

/// Calls side by side on a disk that has room and has none, as `seed` says.
fn a_day_of_want(seed: u64) -> u32 {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut running: Vec<_> = (1..5).map(|n| begin(&sealer, &mut writer, n).unwrap()).collect();
    let mut refused = 0;
    for step in 0..60 {
        disk.set_room((random(3) > 0).then(|| random(4_000)));
        if random(3) == 0 {
            refused += u32::from(writer.commit(NOW).is_err_and(|error| {
                assert!(error.is_full(), "{error}");
                true
            }));
        }
        let n = random(4) as u32;
        let block = running[n as usize].seal(media(n + 1, [step]));
        refused += append_at_last(&mut writer, &disk, block);
    }
    disk.set_room(Some(random(2_000)));
    for (n, recording) in (1..).zip(running) {
        refused += append_at_last(&mut writer, &disk, recording.finish(summary(n)));
    }
    refused += u32::from(writer.commit(NOW).is_err());
    disk.set_room(None);
    writer.close(NOW).unwrap();
    let opener = office.opener(&vault);
    let mut segments = 0;
    for n in 1..5 {
        let entry = entry(&vault, n);
        assert_eq!(vault.verify(&entry, Some(&opener)), [], "seed {seed}, call {n}");
        segments += opener.segments(&entry).unwrap().map(Result::unwrap).count();
    }
    assert_eq!((segments, vault.check_index()), (60, Vec::new()), "seed {seed}");
    let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Recorded).count();
    assert_eq!(told, 4, "seed {seed}: each is told of once");
    drop((vault, opener, sealer));
    assert!(office.open().recovery().is_clean());
    refused
}

#[test]
fn whenever_there_is_no_room_nothing_that_was_sealed_is_lost_or_told_twice() {
    let refused: u32 = (0..16).map(a_day_of_want).sum();
    assert!(refused > 50, "{refused}");
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
        assert_eq!(vault.ledger().rows().count(), 1, "{room} bytes: told of once");
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
