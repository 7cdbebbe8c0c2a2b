//! A disk that fails once, at every single thing that it is asked: what was acknowledged is there afterwards, what is wrong is
//! named, and nothing panics.

use std::{collections::BTreeSet, sync::Arc};

use earwitness_model::{CallSummary, WallTime};
use earwitness_vault::{
    ClockTrust, Disk, DisposalOrder, Finding, LedgerKind, NewHold, NotTaken, OpenAs, Opener, PastDamage,
    Sealer, Unlock, Vault, VaultError, Writer,
};

use crate::support::{
    CITIZEN, Kept, NOW, Office, START, begin, call_id, check_whole, entries, entry, media,
    memory::{Asked, Files, MemoryDisk, Trouble},
    office_with, opening, record, record_as, running_call, summary,
};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

/// Every way to fail: what is asked, and what is answered.
const WAYS: [(Asked, i32); 8] = [
    (Asked::Read, EIO),
    (Asked::Write, EIO),
    (Asked::Sync, EIO),
    (Asked::Write, ENOSPC),
    (Asked::Sync, ENOSPC),
    (Asked::Open, EACCES),
    (Asked::Name, EACCES),
    (Asked::Name, EIO),
];

/// A vault with one call, as files, and a disk to try them on. Lock and index stay where they are.
struct Bench {
    office: Office,
    files: Files,
    /// The index as it is.
    index: Files,
}

impl Bench {
    fn new(office: Office) -> Self {
        let (files, index) = (files_but(&office, &["index", "lock"]), files_in(&office.dir().join("index")));
        Self { office, files, index }
    }

    fn disk(&self) -> MemoryDisk {
        let dir = self.office.dir();
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("index") {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        std::fs::create_dir(dir.join("index")).unwrap();
        self.index.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
        MemoryDisk::with(&self.files)
    }

    fn open(&self, disk: &MemoryDisk) -> Result<Vault, VaultError> {
        Vault::open_on(Arc::new(disk.clone()), &self.office.dir())
    }
}

fn files_in(dir: &std::path::Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// The files of an office but for those below these names.
pub(crate) fn files_but(office: &Office, without: &[&str]) -> Files {
    let mut files = files_in(&office.dir());
    files.retain(|path, _| without.iter().all(|name| !path.starts_with(office.dir().join(name))));
    files
}

/// Two more calls in two commits; says which were acknowledged.
fn day(vault: &Vault) -> Result<BTreeSet<u32>, (BTreeSet<u32>, VaultError)> {
    let mut acknowledged = BTreeSet::new();
    match record_two(vault, &mut acknowledged) {
        Ok(()) => Ok(acknowledged),
        Err(error) => Err((acknowledged, error)),
    }
}

fn record_two(vault: &Vault, acknowledged: &mut BTreeSet<u32>) -> Result<(), VaultError> {
    let (sealer, mut writer) = vault.writer()?;
    record(&sealer, &mut writer, 2)?;
    let mut running = begin(&sealer, &mut writer, 3)?;
    writer.append(running.running(&running_call(3, 1)))?;
    writer.append(running.seal(media(3, [1, 2])))?;
    commit(&mut writer, acknowledged, &[2])?;
    record(&sealer, &mut writer, 4)?;
    writer.append(running.finish(summary(3)))?;
    writer.exclude(&summary(5));
    commit(&mut writer, acknowledged, &[4])?;
    writer.close(NOW).map(drop).map_err(|closed| closed.why)
}

/// As a recorder does: what failed is tried again unless that is in vain.
fn commit(writer: &mut Writer, acknowledged: &mut BTreeSet<u32>, calls: &[u32]) -> Result<(), VaultError> {
    for _try in 0..2 {
        match writer.commit(NOW) {
            Ok(_) => {
                acknowledged.extend(calls);
                return Ok(());
            }
            Err(error) if error.must_reopen() => return Err(error),
            Err(_passes) => {}
        }
    }
    writer.commit(NOW).map(|_committed| acknowledged.extend(calls))
}

/// On a disk that is whole again: what was acknowledged is whole, what is listed verifies, and nothing is left to do.
fn check_after(bench: &Bench, disk: &MemoryDisk, acknowledged: &BTreeSet<u32>, at: &str) {
    disk.set_trouble(None);
    let vault = bench.open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    let opener = vault.opener(Unlock::KeyFile(bench.office.key())).unwrap();
    for &n in acknowledged {
        check_whole(&vault, &opener, n);
    }
    for entry in entries(&vault) {
        assert_eq!(vault.verify(&entry, Some(&opener)), Vec::<Finding>::new(), "{at}");
    }
    assert_eq!(vault.check_index(), [], "{at}");
    assert_eq!(vault.ledger().verify(), [], "{at}");
    drop((vault, opener));
    let again = bench.open(disk).unwrap();
    assert!(again.recovery().is_clean(), "{at}: {:?}", again.recovery());
}

fn names(error: &VaultError, disk: &MemoryDisk) -> bool {
    let (_, _, last) = disk.came();
    let name = last.unwrap();
    let sentence = error.to_string();
    // What is written beside its place is told by its place.
    let name = name.to_string_lossy();
    sentence.contains(name.strip_suffix(".new").unwrap_or(&name)) || matches!(error, VaultError::MustReopen)
}

/// Fails once at each thing that `act` asks for, until it asks for no more; gives how often.
fn each_failure(bench: &Bench, (asked, errno): (Asked, i32), mut act: impl FnMut(&MemoryDisk, &str)) -> u64 {
    for place in 0.. {
        let disk = bench.disk();
        disk.set_trouble(Some(Trouble { asked, from: place, times: 1, errno, only: None }));
        act(&disk, &format!("{asked:?} number {place} answers {errno}"));
        let (_, came, _) = disk.came();
        if came == 0 {
            return place;
        }
    }
    unreachable!("nobody asks for ever")
}

#[test]
fn whatever_fails_once_while_calls_are_recorded_nothing_acknowledged_is_lost() {
    let bench = Bench::new(office_with([1]));
    for way in WAYS {
        let failures = each_failure(&bench, way, |disk, at| {
            let trouble = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let mut acknowledged = BTreeSet::from([1]);
                match bench.open(disk) {
                    Err(error) => assert!(names(&error, disk), "{at}: {error}"),
                    Ok(vault) => match day(&vault) {
                        Ok(all) => acknowledged.extend(all),
                        Err((some, error)) => {
                            let came = disk.came();
                            assert!(came.1 == 0 || names(&error, disk), "{at}: {error} and not {came:?}");
                            acknowledged.extend(some);
                        }
                    },
                }
                acknowledged
            }));
            let came = disk.came();
            let acknowledged = trouble.unwrap_or_else(|_| panic!("{at}"));
            check_after(&bench, disk, &acknowledged, at);
            disk.remember(came.1);
        });
        println!("{:?} that answers {}: {failures} places", way.0, way.1);
        assert!(failures > 0 || way.0 == Asked::Read, "{way:?} was never asked");
    }
}

/// Two calls of two classes, that have no file in common but those of the vault as a whole.
fn office_of_two_classes() -> Office {
    let office = office_with([1]);
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record_as(&sealer, &mut writer, 2, Kept { class: OTHER, ..CITIZEN }).unwrap();
    writer.close(NOW).unwrap();
    office
}

const OTHER: &str = "other-90d";

/// Checks all recordings while there is trouble with `path`: both are checked, and only one that has something there can be wrong.
/// Gives what was found.
fn check_both(vault: &Vault, opener: Option<&Opener>, path: impl Fn() -> String) -> Vec<String> {
    let (mut told, mut wrong) = (Vec::new(), Vec::new());
    let verified = vault.verify_all(opener, &mut |entry, findings| {
        told.extend(findings.iter().map(ToString::to_string));
        if !findings.is_empty() {
            wrong.push(if entry.summary.id == call_id(1) { CITIZEN.class } else { OTHER });
        }
    });
    assert_eq!(verified.unwrap().recordings, 2, "{}", path());
    assert!(wrong.iter().all(|class| path().contains(class)), "{}: {wrong:?} {told:?}", path());
    told
}

#[test]
fn whatever_cannot_be_read_while_checking_is_named_and_the_rest_is_checked() {
    let bench = Bench::new(office_of_two_classes());
    for way in [(Asked::Read, EIO), (Asked::Open, EACCES), (Asked::Name, EACCES)] {
        let whole = bench.disk();
        let vault = bench.open(&whole).unwrap();
        let failures = {
            let mut place = 0;
            loop {
                whole.set_trouble(Some(Trouble {
                    asked: way.0,
                    from: place,
                    times: 1,
                    errno: way.1,
                    only: None,
                }));
                let mut told: Vec<String> = vault.check_index().iter().map(ToString::to_string).collect();
                let path = || whole.came().2.unwrap_or_default().to_string_lossy().into_owned();
                told.extend(check_both(&vault, None, path));
                told.extend(vault.ledger().verify().iter().map(ToString::to_string));
                let (_, came, last) = whole.came();
                if came == 0 {
                    assert_eq!(told, Vec::<String>::new());
                    break place;
                }
                let last = last.unwrap();
                let is_named = told.iter().any(|sentence| sentence.contains(&*last.to_string_lossy()));
                // What is only looked for is not missed when it is not there.
                assert!(
                    is_named || !bench.files.keys().any(|path| path.starts_with(&last)),
                    "{way:?} number {place}, of {}: {told:?}",
                    last.display()
                );
                place += 1;
            }
        };
        println!("{:?} that answers {}: {failures} places", way.0, way.1);
        assert!(failures > 4, "{failures}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_any_more_costs_what_is_in_it_and_nothing_else() {
    let bench = Bench::new(office_of_two_classes());
    for path in bench.files.keys() {
        let disk = bench.disk();
        let trouble =
            |asked| Trouble { asked, from: 0, times: u64::MAX, errno: EACCES, only: Some(path.clone()) };
        disk.set_trouble(Some(trouble(Asked::Open)));
        let name = path.to_string_lossy().into_owned();
        match bench.open(&disk) {
            Err(error) => assert!(error.to_string().contains(&name), "{name}: {error}"),
            Ok(vault) => {
                let mut told: Vec<String> = vault.check_index().iter().map(ToString::to_string).collect();
                if let Ok(opener) = vault.opener(Unlock::KeyFile(bench.office.key())) {
                    told.extend(check_both(&vault, Some(&opener), || name.clone()));
                }
                told.extend(vault.ledger().verify().iter().map(ToString::to_string));
                let (_, came, _) = disk.came();
                let is_named = told.iter().any(|sentence| sentence.contains(&name));
                assert!(came == 0 || is_named, "{name}: {told:?}");
            }
        }
        check_after(&bench, &disk, &BTreeSet::from([1, 2]), &name);
    }
}

#[test]
fn whatever_fails_once_while_a_kill_is_mended_the_next_opening_mends_it() {
    let office = office_with([1]);
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.running(&running_call(2, 1))).unwrap();
    writer.append(running.seal(media(2, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    let killed = office.copy();
    drop((writer, running, sealer, vault));
    for torn in [killed.volume(), killed.key_file()] {
        let mut bytes = std::fs::read(&torn).unwrap();
        bytes.extend_from_slice(&[0x45; 99]);
        std::fs::write(&torn, bytes).unwrap();
    }
    let bench = Bench::new(killed);
    for way in WAYS {
        let failures = each_failure(&bench, way, |disk, at| {
            match bench.open(disk) {
                Err(error) => assert!(names(&error, disk), "{at}: {error}"),
                Ok(vault) => drop(vault),
            }
            let (_, came, _) = disk.came();
            disk.set_trouble(None);
            let vault = bench.open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
            // On a full disk it waits in memory: for the process that found it.
            let waiting = if way.1 == ENOSPC { vault.waiting().len().max(1) } else { vault.waiting().len() };
            assert_eq!((entries(&vault).len(), waiting), (2, 1), "{at}");
            drop(vault);
            check_after(&bench, disk, &BTreeSet::from([1]), at);
            disk.remember(came);
        });
        println!("{:?} that answers {}: {failures} places", way.0, way.1);
        assert!(failures > 0, "{way:?} was never asked");
    }
}

#[test]
fn a_block_that_a_failing_disk_does_not_take_comes_back_and_is_taken_later() {
    let bench = Bench::new(office_with([1]));
    let disk = bench.disk();
    let vault = bench.open(&disk).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    disk.set_trouble(Some(Trouble { asked: Asked::Open, from: 0, times: 1, errno: EIO, only: None }));
    let begun = sealer.begin(&opening(2), NOW);
    let (mut recording, opened) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            assert!(names(&error, &disk), "{error}");
            disk.set_trouble(None);
            sealer.begin(&opening(2), NOW).unwrap()
        }
    };
    disk.set_trouble(Some(Trouble { asked: Asked::Open, from: 0, times: 2, errno: EIO, only: None }));
    let opened = match writer.append(opened) {
        Err(NotTaken::ForNow { block, .. }) => *block,
        other => panic!("{other:?}"),
    };
    disk.set_trouble(None);
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(2, [1]))).unwrap();
    writer.append(recording.finish(summary(2))).unwrap();
    writer.close(NOW).unwrap();
    assert_eq!(entries(&vault).len(), 2);
    assert_eq!(vault.check_index(), []);
}

/// Ninety days and five minutes after the calls.
const DUE: WallTime = WallTime::from_nanos(1_803_049_500_000_000_000);

fn dispose(vault: &Vault) -> Result<(), VaultError> {
    let order = DisposalOrder {
        by: "uid 7".into(),
        clock: ClockTrust::Synchronised,
        past_damage: PastDamage::Refuse,
    };
    vault.dispose_due(DUE, &order).map(drop)
}

fn hold(vault: &Vault, n: u32) -> Result<(), VaultError> {
    let entries = [entry(vault, n)];
    vault.hold(NOW, NewHold { entries: &entries, reason: "소송", until: None, by: "uid 7" }).map(drop)
}

#[test]
fn whatever_fails_once_while_what_is_due_is_destroyed_the_next_disposal_ends_it_and_holds_keep() {
    let office = office_with([1, 2, 3]);
    hold(&office.open(), 1).unwrap();
    let bench = Bench::new(office);
    for way in WAYS {
        let failures = each_failure(&bench, way, |disk, at| {
            let ended = bench.open(disk).and_then(|vault| dispose(&vault));
            let came = disk.came();
            if let Err(error) = ended {
                assert!(names(&error, disk), "{at}: {error}");
            }
            disk.set_trouble(None);
            let vault = bench.open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
            dispose(&vault).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(entries(&vault).len(), 1, "{at}");
            let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Disposed).count();
            assert_eq!(told, 2, "{at}");
            drop(vault);
            check_after(&bench, disk, &BTreeSet::from([1]), at);
            disk.remember(came.1);
        });
        println!("{:?} that answers {}: {failures} places of a disposal", way.0, way.1);
        assert!(failures > 0, "{way:?} was never asked");
    }
}

#[test]
fn whatever_fails_once_while_a_hold_is_laid_it_is_in_force_or_was_refused() {
    let bench = Bench::new(office_with([1, 2]));
    for way in WAYS {
        each_failure(&bench, way, |disk, at| {
            let laid = bench.open(disk).and_then(|vault| hold(&vault, 1));
            let came = disk.came();
            disk.set_trouble(None);
            let vault = bench.open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
            dispose(&vault).unwrap_or_else(|error| panic!("{at}: {error}"));
            let kept = entries(&vault).len();
            assert!(kept == 1 || laid.is_err(), "{at}: it was acknowledged");
            drop(vault);
            let kept = if kept == 1 { BTreeSet::from([1]) } else { BTreeSet::new() };
            check_after(&bench, disk, &kept, at);
            disk.remember(came.1);
        });
    }
}

/// Seals and appends call `n`, which began so many days later.
fn record_on_day((sealer, writer): (&Sealer, &mut Writer), n: u32, day: i64) {
    let mut opening = opening(n);
    opening.facts.start = START.plus_nanos(day * 86_400_000_000_000);
    opening.at = opening.facts.start;
    let summary = CallSummary { facts: opening.facts.clone(), ..summary(n) };
    let (mut recording, opened) = sealer.begin(&opening, NOW).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(n, [1, 2]))).unwrap();
    writer.append(recording.finish(summary)).unwrap();
}

#[test]
fn a_row_that_a_failing_disk_does_not_take_leaves_the_keys_of_a_day_that_is_made_again_as_they_were() {
    let bench = Bench::new(Office::new());
    let disk = bench.disk();
    let vault = bench.open(&disk).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    (1..=3).for_each(|n| record_on_day((&sealer, &mut writer), n, 0));
    writer.commit(NOW).unwrap();
    // Its volume is closed as one of many.
    (4..=20).for_each(|n| record_on_day((&sealer, &mut writer), n, i64::from(n)));
    writer.commit(NOW).unwrap();
    dispose(&vault).unwrap();
    let keys = bench.office.key_file();
    let size = || disk.open(&keys, OpenAs::Read).and_then(|file| file.size());
    size().expect_err("the day has ended, and its keys are gone");
    sealer.close_batches();
    record_on_day((&sealer, &mut writer), 21, 0);
    let before = size().unwrap();
    let only = Some(keys.clone());
    disk.set_trouble(Some(Trouble { asked: Asked::Write, from: 0, times: 1, errno: EIO, only }));
    writer.commit(NOW).unwrap_err();
    assert_eq!((disk.came().1, size().unwrap()), (1, before));
    writer.close(NOW).unwrap();
    let opener = vault.opener(Unlock::KeyFile(bench.office.key())).unwrap();
    assert_eq!(vault.verify(&entry(&vault, 21), Some(&opener)), []);
    assert_eq!(vault.check_index(), []);
}
