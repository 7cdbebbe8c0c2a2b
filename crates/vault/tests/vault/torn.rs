//! Tails that were torn, with the index as it was.

use crate::support::{NOW, Office, begin, check_whole, copy_dir, entry, media, record, summary};

#[test]
fn a_tail_torn_at_any_byte_costs_the_torn_block_only() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.seal(media(2, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    let whole = std::fs::metadata(office.volume()).unwrap().len();
    writer.append(running.seal(media(2, [3]))).unwrap();
    writer.commit(NOW).unwrap();
    let bytes = std::fs::read(office.volume()).unwrap();
    let before = office.copy();
    drop((writer, vault));
    for cut in (whole as usize..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let torn = before.copy();
        std::fs::write(torn.volume(), &bytes[..cut]).unwrap();
        let vault = torn.open();
        let recovery = vault.recovery();
        assert_eq!((recovery.cut_bytes, recovery.damaged_bytes), (cut as u64 - whole, 0), "cut at {cut}");
        assert_eq!(recovery.interrupted, [running.id()], "cut at {cut}");
        let opener = torn.opener(&vault);
        check_whole(&vault, &opener, 1);
        let entry = entry(&vault, 2);
        assert_eq!(vault.verify(&entry, Some(&opener)), [], "cut at {cut}");
        let packets: usize = opener.segments(&entry).unwrap().map(|s| s.unwrap().media().count()).sum();
        assert_eq!(packets, 4, "cut at {cut}");
    }
}

#[test]
fn a_call_whose_row_was_lost_is_listed_again_and_told_to_the_ledger_once() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let before = office.copy();
    record(&sealer, &mut writer, 2).unwrap();
    writer.commit(NOW).unwrap();
    // The volume and the keys of after, index and ledger of before.
    let lost = office.copy();
    for part in ["index", "ledger"] {
        std::fs::remove_dir_all(lost.dir().join(part)).unwrap();
        copy_dir(&before.dir().join(part), &lost.dir().join(part));
    }
    let opened = lost.open();
    assert_eq!((opened.recovery().listed, opened.recovery().volumes), (1, 1));
    check_whole(&opened, &lost.opener(&opened), 2);
    assert_eq!(opened.ledger().rows().count(), 2);
    assert_eq!(entry(&opened, 2), entry(&vault, 2));
}

#[test]
fn a_recording_whose_key_never_came_is_said_so_and_not_listed() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let keys = std::fs::read(office.key_file()).unwrap();
    let running = begin(&sealer, &mut writer, 2).unwrap();
    writer.commit(NOW).unwrap();
    let lost = office.copy();
    std::fs::write(lost.key_file(), &keys).unwrap();
    let opened = lost.open();
    assert_eq!(opened.recovery().without_key, [running.id()]);
    assert_eq!(opened.index().len(), 1);
    drop(opened);
    assert!(lost.open().recovery().is_clean());
}

#[test]
fn a_torn_key_row_is_cut_before_the_next_one() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.close(NOW).unwrap();
    drop((vault, sealer));
    let mut keys = std::fs::read(office.key_file()).unwrap();
    keys.extend_from_slice(b"EWKY\x01\0\x00\x01 torn");
    std::fs::write(office.key_file(), &keys).unwrap();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    let empty = begin(&sealer, &mut writer, 3).unwrap();
    writer.append(empty.finish(summary(3))).unwrap();
    writer.close(NOW).unwrap();
    let opener = office.opener(&vault);
    check_whole(&vault, &opener, 1);
    check_whole(&vault, &opener, 2);
}
