//! Days that end: with the last of their recordings, all of their keys, and whatever was open, lost or in the way then.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use earwitness_model::{Decision, Period, WallTime};
use earwitness_vault::{Entry, LedgerKind, NewHold, Release, Vault, VaultError};

use crate::{
    disposal::{DUE, files, order},
    support::{
        NOW, Office, call_id, check_whole,
        disk::{Crash, Image, Images, Told, WatchedDisk},
        entries, entry, media, office_with, opening, record, summary,
    },
};

const DAY: i64 = 86_400_000_000_000;

/// Names of what lies in the directories of keys and volumes.
fn left(dir: &Path) -> Vec<PathBuf> {
    let inner = ["keys/day", "keys/citizen-90d", "volumes/citizen-90d/2026-11-21", "held"];
    let names = |inner: &&str| std::fs::read_dir(dir.join(inner)).into_iter().flatten().flatten();
    inner.iter().flat_map(names).map(|entry| entry.path()).collect()
}

fn told(vault: &Vault, kind: LedgerKind) -> usize {
    vault.ledger().rows().flatten().filter(|row| row.kind == kind).count()
}

/// A day that went on under a second key, for the head of the first key file was damaged: a call under each.
fn two_generations() -> Office {
    let office = office_with([1]);
    let mut bytes = std::fs::read(office.key_file()).unwrap();
    bytes[20] ^= 1;
    std::fs::write(office.key_file(), bytes).unwrap();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    assert!(second_key_file(&office).exists());
    office
}

fn second_key_file(office: &Office) -> PathBuf {
    office.dir().join("keys/citizen-90d/2026-11-21.2.keys")
}

#[test]
fn what_was_destroyed_in_an_open_volume_is_not_listed_again_after_a_kill_and_its_day_ends() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let first = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!((first.recordings.len(), first.ended_days.len()), (1, 0), "its volume is open");
    let killed = office.copy();
    let vault = killed.open();
    assert_eq!(vault.recovery().volumes, 1);
    assert_eq!(entries(&vault), []);
    assert_eq!((told(&vault, LedgerKind::Recorded), vault.recovery().listed), (1, 0));
    let second = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!((second.recordings.len(), second.ended_days.len()), (0, 1));
    assert_eq!(left(&killed.dir()), Vec::<PathBuf>::new());
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap(), None);
    assert_eq!((vault.check_index(), vault.ledger().verify()), (vec![], vec![]));
}

#[test]
fn a_key_that_was_being_overwritten_when_the_power_went_is_overwritten_to_its_end_and_not_cut_off() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let mut image = Image::of(&office.dir());
    disk.journal.lock().unwrap().told.clear();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    let is_keys = |path: &Path| path.extension() == Some("keys".as_ref());
    let mut halves = 0;
    for told in told {
        if matches!(&told, Told::Overwrite(path, ..) if is_keys(path)) {
            let mut image = image.clone();
            image.apply(&told.half().unwrap());
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("vault");
            image.leave(Crash::Kill, &office.dir(), &dir);
            let vault = Vault::open(&dir).unwrap();
            assert_eq!(vault.recovery().cut_bytes, 0, "what is cut off stays on the medium");
            vault.dispose_due(DUE, &order()).unwrap();
            assert_eq!((left(&dir), entries(&vault)), (vec![], vec![]));
            halves += 1;
        }
        image.apply(&told);
    }
    assert!(halves > 0);
}

#[test]
fn a_recorder_that_runs_on_closes_the_volumes_of_past_days_and_the_days_end() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    writer.commit(NOW).unwrap();
    assert!(office.volume().with_extension("open").exists(), "more calls come on the same day");
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap(), None, "a volume is open");
    writer.commit(DUE).unwrap();
    let ended = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!((ended.recordings.len(), ended.ended_days[0].day.as_str()), (0, "2026-11-21"));
    assert_eq!(left(&office.dir()), Vec::<PathBuf>::new());
    writer.close(DUE).unwrap();
}

#[test]
fn what_an_earlier_disposal_destroyed_is_not_listed_again_with_the_other_recording_of_its_call() {
    let office = office_with([1]);
    let vault = office.open();
    // An import of the same call, by rules that keep it longer.
    let mut longer = opening(1);
    let Decision::Admit(keep) = &mut longer.verdict.decision else { panic!("it is kept") };
    keep.retention.keep = Period { months: 0, days: 200 };
    let (sealer, mut writer) = vault.writer().unwrap();
    let hour = WallTime::from_nanos(NOW.nanos() + DAY / 24);
    let (mut recording, opened) = sealer.begin(&longer, hour).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(1, [1, 2]))).unwrap();
    let id = recording.id();
    writer.append(recording.finish(summary(1))).unwrap();
    writer.close(hour).unwrap();
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap().unwrap().recordings.len(), 1);
    assert_eq!(entry(&vault, 1).recording.unwrap().id, id);
    assert_eq!(office.opener(&vault).segments(&entry(&vault, 1)).unwrap().flatten().count(), 1);
    let june = WallTime::from_nanos(DUE.nanos() + 132 * DAY);
    assert_eq!(vault.dispose_due(june, &order()).unwrap().unwrap().recordings.len(), 1);
    assert_eq!(entries(&vault), []);
    assert_eq!(left(&office.dir()), Vec::<PathBuf>::new());
}

#[test]
fn a_crash_while_a_day_of_two_keys_ends_leaves_none_of_them() {
    let office = two_generations();
    let mut image = Image::of(&office.dir());
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    drop(vault);
    assert_eq!(left(&office.dir()), Vec::<PathBuf>::new());
    let mut images = Images::default();
    for (place, told) in std::mem::take(&mut disk.journal.lock().unwrap().told).iter().enumerate() {
        image.apply(told);
        images.count(Crash::Kill);
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("vault");
        image.leave(Crash::Kill, &office.dir(), &dir);
        let vault = Vault::open(&dir).unwrap();
        vault.dispose_due(DUE, &order()).unwrap();
        assert_eq!(left(&dir), Vec::<PathBuf>::new(), "after {place}, {told:?}");
    }
    images.tell("the end of a day of two keys");
}

#[test]
fn a_key_file_that_is_lost_hides_none_of_the_keys_behind_it() {
    let office = two_generations();
    std::fs::remove_file(office.key_file()).unwrap();
    let vault = office.open();
    check_whole_but_for_the_lost_file(&vault, &office);
    let certificate = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let mut keys: Vec<_> = certificate.recordings.iter().map(|one| one.key_was_there).collect();
    keys.sort_unstable();
    assert_eq!((keys, certificate.ended_days.len()), (vec![false, true], 1));
    assert_eq!(left(&office.dir()), Vec::<PathBuf>::new());
}

fn check_whole_but_for_the_lost_file(vault: &Vault, office: &Office) {
    let opener = office.opener(vault);
    assert!(matches!(opener.segments(&entry(vault, 1)).err(), Some(VaultError::KeyGone { .. })));
    assert_eq!(opener.segments(&entry(vault, 2)).unwrap().flatten().count(), 4);
}

#[test]
fn a_ledger_that_has_no_room_leaves_no_key_in_memory_of_what_was_destroyed() {
    let office = office_with([1]);
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let opener = office.opener(&vault);
    let kept = entry(&vault, 1);
    assert_eq!(opener.segments(&kept).unwrap().count(), 4, "its keys are in memory");
    // The intent finds room, and the ledger does not.
    let intent = office.dir().join("disposing");
    let mut room = 0;
    while !intent.exists() {
        room += 16;
        disk.set_room(Some(room));
        assert!(vault.dispose_due(DUE, &order()).unwrap_err().is_full());
    }
    assert_eq!(told(&vault, LedgerKind::Disposed), 0);
    assert!(opener.segments(&kept).is_err());
    disk.set_room(None);
    vault.dispose_due(DUE, &order()).unwrap();
    assert_eq!(told(&vault, LedgerKind::Disposed), 1);
}

/// What lies in the way of a day's end is out of it when something comes into that day.
fn check_what_came_into_a_day(in_the_way: &str) {
    let office = office_with([1]);
    let vault = office.open();
    let file = office.dir().join("keys/day/citizen-90d-2026-11-21").with_extension(in_the_way);
    let aside = office.root().join("aside");
    // What cannot be overwritten.
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    vault.dispose_due(DUE, &order()).unwrap_err();
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    // An import of what is kept longer.
    let mut longer = opening(2);
    let Decision::Admit(keep) = &mut longer.verdict.decision else { panic!("it is kept") };
    keep.retention.keep = Period { months: 0, days: 1000 };
    let (sealer, mut writer) = vault.writer().unwrap();
    let (mut recording, opened) = sealer.begin(&longer, NOW).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(2, [1, 2]))).unwrap();
    writer.append(recording.finish(summary(2))).unwrap();
    writer.close(NOW).unwrap();
    vault.dispose_due(DUE, &order()).unwrap();
    let listed: Vec<_> = entries(&vault).iter().map(|entry| entry.summary.id).collect();
    assert_eq!(listed, [call_id(2)]);
    assert_eq!(office.opener(&vault).segments(&entry(&vault, 2)).unwrap().flatten().count(), 1);
    assert!(!office.dir().join("disposing").exists());
}

#[test]
fn what_came_into_a_day_that_could_not_end_keeps_it_and_opens() {
    // The private key is there, or has gone already.
    for in_the_way in ["age", "salt"] {
        check_what_came_into_a_day(in_the_way);
    }
}

#[test]
fn what_is_held_alone_on_its_day_is_set_apart_when_its_time_is_over_and_every_certificate_names_it() {
    let office = office_with([1]);
    let vault = office.open();
    let held = [entry(&vault, 1)];
    vault.hold(NOW, NewHold { entries: &held, reason: "소송", until: None, by: "uid 7" }).unwrap();
    let certificate = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!((certificate.recordings.len(), certificate.held.len()), (0, 1));
    assert!(certificate.held[0].apart);
    assert!(!office.volume().exists());
    assert!(entry(&vault, 1).recording.unwrap().is_apart());
    check_whole(&vault, &office.opener(&vault), 1);
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap(), None, "once");
    // Another day's recording is destroyed on its day, and the certificate names what is held.
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut later = opening(2);
    later.facts.start = later.facts.start.plus_nanos(DAY);
    let (recording, opened) = sealer.begin(&later, DUE).unwrap();
    writer.append(opened).unwrap();
    let mut ended = summary(2);
    ended.facts.start = later.facts.start;
    writer.append(recording.finish(ended)).unwrap();
    writer.close(DUE).unwrap();
    let next = vault.dispose_due(WallTime::from_nanos(DUE.nanos() + DAY), &order()).unwrap().unwrap();
    let held: Vec<_> = next.held.iter().map(|one| (&one.recording, one.apart)).collect();
    assert_eq!((next.recordings.len(), held), (1, vec![(&certificate.held[0].recording, true)]));
    assert_eq!(vault.check_index(), []);
}

#[test]
fn what_is_held_alone_is_whole_wherever_setting_it_apart_is_cut() {
    let office = office_with([1]);
    let vault = office.open();
    let held = [entry(&vault, 1)];
    vault.hold(NOW, NewHold { entries: &held, reason: "소송", until: None, by: "uid 7" }).unwrap();
    drop(vault);
    let mut image = Image::of(&office.dir());
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    let mut images = Images::default();
    for (place, told) in told.iter().enumerate() {
        image.apply(told);
        for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
            let at = format!("{crash} after {place}, {told:?}");
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("vault");
            image.leave(crash, &office.dir(), &dir);
            // What it leads to is asked of the volumes.
            std::fs::remove_dir_all(dir.join("index")).unwrap();
            let vault = Vault::open(&dir).unwrap_or_else(|error| panic!("{at}: {error}"));
            let opener = vault.opener(earwitness_vault::Unlock::KeyFile(office.key())).unwrap();
            vault.dispose_due(DUE, &order()).unwrap_or_else(|error| panic!("{at}: {error}"));
            check_whole(&vault, &opener, 1);
            assert!(entry(&vault, 1).recording.unwrap().is_apart(), "{at}");
            assert!(!dir.join("volumes/citizen-90d/2026-11-21/1.vol").exists(), "{at}");
            assert_eq!(vault.check_index(), [], "{at}");
            images.count(crash);
        }
    }
    images.tell("setting apart what is held alone");
}

#[test]
fn what_is_held_is_read_again_on_another_day_or_when_a_hold_changes_and_not_at_every_look() {
    let office = office_with(1..=2);
    let vault = office.open();
    let lay = |entries: &[Entry]| {
        vault.hold(NOW, NewHold { entries, reason: "소송", until: None, by: "uid 7" }).unwrap()
    };
    let hold = lay(&[entry(&vault, 1)]);
    lay(&[entry(&vault, 2)]);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap(), None);
    // A volume that cannot be read: who reads it says so.
    let held = files(&office.dir().join("held")).remove(0);
    let aside = office.root().join("aside");
    std::fs::rename(&held, &aside).unwrap();
    std::fs::create_dir(&held).unwrap();
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap(), None, "nothing has changed");
    let tomorrow = WallTime::from_nanos(DUE.nanos() + DAY);
    vault.dispose_due(tomorrow, &order()).unwrap_err();
    std::fs::remove_dir(&held).unwrap();
    std::fs::rename(&aside, &held).unwrap();
    assert_eq!(vault.dispose_due(tomorrow, &order()).unwrap(), None);
    let release = Release { hold: hold.id, reason: "종결".into(), by: "uid 8".into() };
    vault.release(tomorrow, &release).unwrap();
    assert_eq!(vault.dispose_due(tomorrow, &order()).unwrap().unwrap().recordings.len(), 1);
}
