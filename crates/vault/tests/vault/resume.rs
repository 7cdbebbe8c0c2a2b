//! Calls that ran when the recorder went, and the second part of their recording.

use std::sync::Arc;

use earwitness_model::{CallId, Decision, EndedBy, Flag, InbandDigits, Outcome, RecordingId};
use earwitness_vault::{
    LedgerKind, Opening, RecordingSealer, VOLUME_VERSION, Vault, VolumeHead, WasRunning, Writer,
};

use crate::support::{
    NOW, Office, START, begin, call_id, check_whole, disk::WatchedDisk, entries, entry, media, opening,
    record, running_call, summary,
};

/// A recorder that is killed while call 2 runs, told of as in `told`.
fn killed(told: &[u32]) -> (Office, RecordingId) {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    for &cseq in told {
        writer.append(running.running(&running_call(2, cseq))).unwrap();
        writer.append(running.seal(media(2, [cseq]))).unwrap();
    }
    writer.commit(NOW).unwrap();
    (office.copy(), running.id())
}

#[test]
fn of_an_interrupted_recording_the_newest_that_was_told_of_the_call_comes_out() {
    let (office, recording) = killed(&[1, 2, 3]);
    let vault = office.open();
    let last = START.plus_nanos(1_000_000);
    let expected = WasRunning { recording, call: running_call(2, 3), last };
    assert_eq!(vault.waiting(), [expected]);
    let listed = entry(&vault, 2);
    assert_eq!(listed.summary.answer, running_call(2, 3).answered);
    assert_eq!(listed.summary.outcome, Outcome::Answered);
    assert_eq!(listed.summary.sip_call_ids, summary(2).sip_call_ids);
    assert_eq!(listed.summary.flags, [Flag::Interrupted]);
    let end = listed.summary.end.clone().unwrap();
    assert_eq!((end.at, end.by), (last, Some(EndedBy::CaptureEnd)));
    assert_eq!(vault.verify(&listed, Some(&office.opener(&vault))), []);
    assert_eq!(vault.check_index(), []);
}

#[test]
fn a_call_of_which_nothing_was_told_is_interrupted_and_not_taken_up() {
    let (office, recording) = killed(&[]);
    let vault = office.open();
    assert_eq!((&vault.recovery().interrupted[..], vault.waiting().len()), (&[recording][..], 0));
    let summary = entry(&vault, 2).summary;
    assert_eq!((summary.answer, summary.end, summary.outcome), (None, None, Outcome::InProgress));
}

#[test]
fn a_call_that_ended_is_not_taken_up() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.running(&running_call(1, 1))).unwrap();
    writer.append(recording.finish(summary(1))).unwrap();
    writer.commit(NOW).unwrap();
    let copy = office.copy();
    let copied = copy.open();
    assert_eq!((copied.recovery().volumes, copied.waiting().len()), (1, 0));
    assert_eq!(copied.verify(&entry(&copied, 1), Some(&copy.opener(&copied))), []);
}

#[test]
fn the_second_part_is_a_row_of_its_own_that_names_the_first() {
    let (office, first) = killed(&[7]);
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let call = CallId::new(START.nanos() / 1_000_000 + 60_000, 2);
    let second = Opening { call, continues: Some(first), ..opening(2) };
    let (mut part, opened) = sealer.begin(&second, NOW).unwrap();
    writer.append(opened).unwrap();
    writer.append(part.seal(earwitness_model::Segment { call, ..media(2, [8]) })).unwrap();
    let mut whole = summary(2);
    whole.id = call;
    writer.append(part.finish(whole.clone())).unwrap();
    writer.close(NOW).unwrap();
    let listed: Vec<_> = entries(&vault)
        .into_iter()
        .map(|entry| (entry.summary.id, entry.recording.unwrap().continues))
        .collect();
    assert_eq!(listed, [(call_id(1), None), (call_id(2), None), (call, Some(first))]);
    let entry = vault.index().get(call).unwrap().unwrap();
    assert_eq!(vault.manifest(&entry).unwrap().continues, Some(first));
    assert_eq!(vault.verify(&entry, Some(&office.opener(&vault))), []);
    let before = entries(&vault);
    vault.rebuild_index().unwrap();
    assert_eq!(entries(&vault), before);
    let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Recorded).count();
    assert_eq!(told, 3);
}

/// The second part of call 2, begun after `first`.
fn second_part(vault: &Vault, first: RecordingId) -> (Writer, RecordingSealer) {
    let (sealer, mut writer) = vault.writer().unwrap();
    let (part, opened) = sealer.begin(&Opening { continues: Some(first), ..opening(3) }, NOW).unwrap();
    writer.append(opened).unwrap();
    (writer, part)
}

#[test]
fn a_call_waits_through_any_opening_until_its_second_part_has_told_of_it() {
    let (office, first) = killed(&[7]);
    let waiting = office.open().waiting();
    assert_eq!((waiting.len(), waiting[0].recording), (1, first));
    for _reader in 0..3 {
        let vault = office.open();
        assert!(vault.recovery().is_clean());
        assert_eq!(vault.waiting(), waiting);
    }
    let vault = office.open();
    let (mut writer, mut part) = second_part(&vault, first);
    writer.commit(NOW).unwrap();
    assert_eq!(vault.waiting(), waiting, "a second part that has told nothing takes nothing up");
    assert_eq!(office.copy().open().waiting(), waiting);
    writer.append(part.running(&running_call(3, 8))).unwrap();
    assert_eq!(vault.waiting(), waiting, "what is not durable takes nothing up");
    writer.commit(NOW).unwrap();
    assert_eq!(vault.waiting(), []);
    let killed_again = office.copy().open().waiting();
    assert_eq!((killed_again.len(), &killed_again[0].call), (1, &running_call(3, 8)));
    assert_ne!(killed_again[0].recording, first);
    writer.append(part.finish(summary(3))).unwrap();
    writer.close(NOW).unwrap();
    drop(vault);
    assert_eq!(office.open().waiting(), []);
    assert!(!office.dir().join("waiting").exists());
}

#[test]
fn a_call_whose_second_part_is_on_the_disk_does_not_wait_though_nobody_took_it_out() {
    for ends in [false, true] {
        let (office, first) = killed(&[7]);
        let vault = office.open();
        let left = std::fs::read(office.dir().join("waiting")).unwrap();
        let (mut writer, mut part) = second_part(&vault, first);
        writer.append(part.running(&running_call(3, 8))).unwrap();
        if ends {
            writer.append(part.finish(summary(3))).unwrap();
        }
        writer.commit(NOW).unwrap();
        let copy = office.copy();
        std::fs::write(copy.dir().join("waiting"), left).unwrap();
        let expected = if ends { vec![] } else { vec![running_call(3, 8)] };
        let waiting: Vec<_> = copy.open().waiting().into_iter().map(|was| was.call).collect();
        assert_eq!(waiting, expected);
    }
}

#[test]
fn a_call_that_is_given_up_waits_no_more_and_names_nobody_while_it_waits() {
    let (office, first) = killed(&[7]);
    let vault = office.open();
    let file = office.dir().join("waiting");
    let bytes = std::fs::read(&file).unwrap();
    for secret in [&b"0312227"[..], b"dialog-2"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap()) & 0o777, 0o600);
    vault.stop_waiting(&[first]).unwrap();
    assert_eq!((vault.waiting(), file.exists()), (vec![], false));
    drop(vault);
    assert_eq!(office.open().waiting(), []);
}

#[test]
fn a_file_of_waiting_calls_that_does_not_open_is_as_if_it_was_not_there() {
    let (office, _) = killed(&[7]);
    drop(office.open());
    let file = office.dir().join("waiting");
    let whole = std::fs::read(&file).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let vault = office.open();
        assert_eq!(vault.waiting(), []);
        assert_eq!(vault.verify(&entry(&vault, 2), None), []);
    }
}

/// A volume as the version before wrote it: nothing else was different.
fn make_old(office: &Office) {
    let mut bytes = std::fs::read(office.volume()).unwrap();
    let head = VolumeHead::from_bytes(&bytes).unwrap();
    assert_eq!(head.version, VOLUME_VERSION);
    bytes[..64].copy_from_slice(&VolumeHead { version: 1, ..head }.to_bytes());
    std::fs::write(office.volume(), bytes).unwrap();
}

#[test]
fn a_volume_of_the_version_before_is_read_and_not_gone_on_in() {
    let office = crate::support::office_with([1]);
    make_old(&office);
    let vault = Vault::open_on(Arc::new(WatchedDisk::default()), &office.dir()).unwrap();
    let opener = office.opener(&vault);
    check_whole(&vault, &opener, 1);
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    let volumes = [1, 2].map(|n| entry(&vault, n).recording.unwrap().volume);
    assert_eq!(volumes, [1, 2]);
    check_whole(&vault, &opener, 2);
    assert_eq!(vault.rebuild_index().unwrap().recordings, 2);
}

#[test]
fn a_volume_of_the_version_before_that_was_not_closed_is_recovered() {
    let (office, recording) = killed(&[]);
    make_old(&office);
    let vault = office.open();
    assert_eq!(vault.recovery().interrupted, [recording]);
    check_whole(&vault, &office.opener(&vault), 1);
}

#[test]
fn a_call_whose_digits_in_the_audio_are_wanted_is_taken_up_as_such() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    let mut call = running_call(1, 1);
    let Decision::Admit(keep) = &mut call.verdict.decision else { panic!("it is admitted") };
    keep.inband_digits = InbandDigits::List;
    writer.append(recording.running(&call)).unwrap();
    writer.commit(NOW).unwrap();
    let waiting = office.copy().open().waiting();
    assert_eq!((waiting.len(), &waiting[0].call), (1, &call));
}
