//! The image that a crash would leave, at every operation of a working day.

use std::sync::Arc;

use earwitness_vault::{Finding, NotTaken, Opener, Vault};

use crate::support::{
    NOW, Office, begin, check_whole,
    disk::{Crash, Image, Images, Told, WatchedDisk},
    entries, entry, media, record, running_call, summary,
};

/// Two calls in one commit, one running through, a commit, its end, a refused call, and the close.
fn working_day(office: &Office, disk: &WatchedDisk) {
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.running(&running_call(2, 1))).unwrap();
    writer.append(running.seal(media(2, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    disk.note(Told::Acknowledged(1));
    writer.append(running.seal(media(2, [3]))).unwrap();
    record(&sealer, &mut writer, 3).unwrap();
    writer.append(running.finish(summary(2))).unwrap();
    writer.exclude(&summary(4));
    writer.commit(NOW).unwrap();
    disk.note(Told::Acknowledged(3));
    writer.close(NOW).unwrap();
}

/// The same calls on a disk that gets full in the middle of each commit, refuses a block, and has room again.
fn working_day_of_want(office: &Office, disk: &WatchedDisk) {
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.running(&running_call(2, 1))).unwrap();
    writer.append(running.seal(media(2, [1, 2]))).unwrap();
    for room in [100, 800, 2_500] {
        disk.set_room(Some(room));
        assert!(writer.commit(NOW).unwrap_err().is_full());
    }
    disk.set_room(None);
    writer.commit(NOW).unwrap();
    disk.note(Told::Acknowledged(1));
    disk.set_free(0);
    let Err(NotTaken::ForNow { block, .. }) = writer.append(running.seal(media(2, [3]))) else {
        panic!("there is no room")
    };
    disk.set_free(1 << 30);
    record(&sealer, &mut writer, 3).unwrap();
    writer.append(*block).unwrap();
    writer.append(running.finish(summary(2))).unwrap();
    writer.exclude(&summary(4));
    disk.set_room(Some(1_800));
    let mut writer = *writer.close(NOW).unwrap_err().writer;
    disk.set_room(None);
    writer.commit(NOW).unwrap();
    disk.note(Told::Acknowledged(3));
    writer.close(NOW).unwrap();
}

/// Of a call that ran when its first half second was committed, that is there; while it has no end, it can be taken up.
fn check_running(vault: &Vault, opener: &Opener, at: &str) {
    let entry = entry(vault, 2);
    let packets: usize = opener.segments(&entry).unwrap().map(|s| s.unwrap().media().count()).sum();
    assert!(packets >= 4, "{at}: {packets} packets");
    let was_running: Vec<_> = vault.waiting().into_iter().map(|was| was.call).collect();
    let expected = if entry.recording.unwrap().interrupted { vec![running_call(2, 1)] } else { Vec::new() };
    assert_eq!(was_running, expected, "{at}");
}

/// Opens the image and says how many calls it lists; what was acknowledged is whole, what is listed verifies, and a second opening finds nothing to do.
fn check(office: &Office, image: &Image, crash: Crash, acknowledged: &[u32], at: &str) -> usize {
    check_and(office, (image, crash), acknowledged, at, |_, _| {})
}

/// [`check`], and what `also` wants to see.
fn check_and(
    office: &Office,
    (image, crash): (&Image, Crash),
    acknowledged: &[u32],
    at: &str,
    also: impl Fn(&Vault, &Opener),
) -> usize {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("vault");
    image.leave(crash, &office.dir(), &dir);
    let vault = Vault::open(&dir).unwrap_or_else(|error| panic!("{at}: {error}"));
    let opener = vault.opener(earwitness_vault::Unlock::KeyFile(office.key())).unwrap();
    for &n in acknowledged {
        check_whole(&vault, &opener, n);
    }
    let listed = entries(&vault);
    for entry in &listed {
        assert_eq!(vault.verify(entry, Some(&opener)), Vec::<Finding>::new(), "{at}");
    }
    assert_eq!(vault.check_index(), [], "{at}");
    assert!(vault.ledger().verify().is_empty(), "{at}");
    also(&vault, &opener);
    let waiting = vault.waiting();
    drop((vault, opener));
    let again = Vault::open(&dir).unwrap();
    assert!(again.recovery().is_clean(), "{at}: {:?}", again.recovery());
    assert_eq!(again.waiting(), waiting, "{at}: whoever opens a vault to read takes nothing up");
    assert_eq!(entries(&again), listed, "{at}");
    listed.len()
}

fn check_every_boundary(procedure: &str, crash: Crash, day: fn(&Office, &WatchedDisk)) {
    let mut images = Images::default();
    let office = Office::new();
    let mut image = Image::of(&office.dir());
    let disk = WatchedDisk::default();
    day(&office, &disk);
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    assert!(told.len() > 30, "{}", told.len());
    let mut acknowledged = Vec::new();
    for (place, told) in told.iter().enumerate() {
        if let Told::Acknowledged(n) = told {
            acknowledged.push(*n);
        }
        if let Told::Append(path, _) = told
            && crash == Crash::Kill
        {
            let mut torn = image.clone();
            torn.apply(&told.half().unwrap());
            let at = format!("in the middle of {place} {}", path.display());
            check(&office, &torn, crash, &acknowledged, &at);
            images.count(crash);
        }
        image.apply(told);
        let at = format!("{crash:?} after {place}");
        check_and(&office, (&image, crash), &acknowledged, &at, |vault, opener| {
            if acknowledged.contains(&1) {
                check_running(vault, opener, &at);
            }
        });
        images.count(crash);
    }
    images.tell(procedure);
    assert_eq!(acknowledged, [1, 3]);
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    check_every_boundary("append and close", Crash::Kill, working_day);
}

#[test]
fn a_power_cut_that_forgets_what_was_not_synced_loses_nothing_acknowledged() {
    check_every_boundary("append and close", Crash::Forget, working_day);
}

#[test]
fn a_power_cut_that_leaves_zeros_loses_nothing_acknowledged() {
    check_every_boundary("append and close", Crash::Zeros, working_day);
}

#[test]
fn a_process_killed_on_a_full_disk_loses_nothing_acknowledged() {
    check_every_boundary("append and close, disk full", Crash::Kill, working_day_of_want);
}

#[test]
fn a_power_cut_on_a_full_disk_loses_nothing_acknowledged() {
    check_every_boundary("append and close, disk full", Crash::Forget, working_day_of_want);
}

#[test]
fn a_crash_within_recovery_is_a_crash_like_any_other() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    for n in [2, 3] {
        let mut running = begin(&sealer, &mut writer, n).unwrap();
        writer.append(running.running(&running_call(n, 1))).unwrap();
        writer.append(running.seal(media(n, [1, 2]))).unwrap();
    }
    writer.commit(NOW).unwrap();
    let killed = office.copy();
    for torn in [killed.volume(), killed.key_file()] {
        let mut bytes = std::fs::read(&torn).unwrap();
        bytes.extend_from_slice(&[0x45; 99]);
        std::fs::write(&torn, bytes).unwrap();
    }
    std::fs::remove_dir_all(killed.dir().join("index")).unwrap();
    let mut image = Image::of(&killed.dir());
    let disk = WatchedDisk::default();
    let recovered = Vault::open_on(Arc::new(disk.clone()), &killed.dir()).unwrap();
    assert_eq!((recovered.recovery().interrupted.len(), recovered.recovery().cut_bytes), (2, 198));
    drop(recovered);
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    assert!(told.len() > 5, "{told:?}");
    let mut images = Images::default();
    for (place, told) in told.iter().enumerate() {
        image.apply(told);
        for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
            let at = format!("{crash:?} after {place} of recovery");
            let both_wait = |vault: &Vault, _: &Opener| assert_eq!(vault.waiting().len(), 2, "{at}");
            assert_eq!(check_and(&killed, (&image, crash), &[1], &at, both_wait), 3, "{at}");
            images.count(crash);
        }
    }
    images.tell("recover");
}

#[test]
fn a_commit_syncs_keys_then_volumes_then_the_ledger() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    disk.journal.lock().unwrap().told.clear();
    writer.commit(NOW).unwrap();
    let synced: Vec<String> = disk
        .journal
        .lock()
        .unwrap()
        .told
        .iter()
        .filter_map(|told| {
            let Told::Sync(path) = told else { return None };
            Some(path.extension()?.to_str()?.to_owned())
        })
        .collect();
    assert_eq!(synced.iter().map(String::as_str).take(3).collect::<Vec<_>>(), ["keys", "vol", "log"]);
}
