//! Another officer, by steps of which any may be the last.

use std::{path::Path, sync::Arc};

use age::secrecy::ExposeSecret;
use earwitness_vault::{Abandoned, KeysError, LedgerKind, LedgerNote, OfficerKey, Opener, Vault, VaultError};

use crate::disk_errors::files_but;
use crate::support::{
    NOW, Office, START, check_whole,
    disk::{Crash, Image, Images, Told, WatchedDisk},
    entries, media,
    memory::{Asked, MemoryDisk, Trouble},
    office_with, opening, record, summary,
};

const DAY: i64 = 86_400 * 1_000_000_000;

fn key_of(office: &Office) -> OfficerKey {
    OfficerKey::read(&office.key(), None).unwrap()
}

fn same(key: &OfficerKey) -> OfficerKey {
    OfficerKey::from_secret("another".into(), key.to_secret().expose_secret()).unwrap()
}

/// Records call `n` on a day of its own.
fn record_on_day(vault: &Vault, n: u32, day: i64) {
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut opening = opening(n);
    opening.facts.start = START.plus_nanos(day * DAY);
    opening.at = opening.facts.start;
    let mut summary = summary(n);
    summary.facts = opening.facts.clone();
    let (mut recording, opened) = sealer.begin(&opening, NOW).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(n, [1, 2]))).unwrap();
    writer.append(recording.finish(summary)).unwrap();
    writer.close(NOW).unwrap();
}

/// Every recording opens.
fn check_all(vault: &Vault, opener: &Opener, at: &str) {
    let listed = entries(vault);
    assert!(listed.len() >= 2, "{at}");
    for entry in &listed {
        let packets: usize = opener.segments(entry).unwrap().map(|s| s.unwrap().media().count()).sum();
        assert!(packets >= 4, "{at}");
        assert_eq!(vault.verify(entry, Some(opener)), [], "{at}");
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Nothing is left of a rotation that ended.
fn check_settled(dir: &Path, at: &str) {
    assert!(!dir.join("keys/officer.next").exists(), "{at}");
    let left: Vec<_> = names(&dir.join("keys/day")).into_iter().filter(|n| n.ends_with(".next")).collect();
    assert_eq!(left, [""; 0], "{at}");
}

fn rotations(vault: &Vault) -> usize {
    vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::KeysRotated).count()
}

/// Two days; the second one's calls begin a day later.
fn two_days() -> Office {
    let office = office_with([1]);
    record_on_day(&office.open(), 2, 1);
    office
}

#[test]
fn the_officer_after_opens_everything_and_the_officer_before_is_told_so() {
    let office = two_days();
    let (before, after) = (key_of(&office), OfficerKey::generate());
    let vault = office.open();
    let rotated = vault.rotate_officer(&before, &after.recipient(), (NOW, "uid 0 (root)")).unwrap();
    assert_eq!((rotated.days, rotated.unopened.len()), (2, 0));
    check_all(&vault, &vault.opener_with(same(&after)).unwrap(), "after");
    let refused = vault.opener_with(same(&before)).err().unwrap();
    let told = refused.to_string();
    assert!(matches!(refused, VaultError::Keys(KeysError::FormerOfficer { .. })));
    assert!(told.contains("another officer now") && told.contains(&after.recipient().to_string()), "{told}");
    let stranger = vault.opener_with(OfficerKey::generate()).err().unwrap();
    assert!(matches!(stranger, VaultError::OtherOfficer { .. }), "{stranger}");
    let row = vault.ledger().rows().flatten().find(|row| row.kind == LedgerKind::KeysRotated).unwrap();
    let Some(LedgerNote::KeysRotated(note)) = LedgerNote::of(&row) else { panic!("{row:?}") };
    assert_eq!((note.from, note.to), (before.recipient().to_string(), after.recipient().to_string()));
    assert_eq!((note.days, note.by.as_str()), (2, "uid 0 (root)"));
    // A day that begins later is the officer's after, and so is everything when the vault is opened again.
    record_on_day(&vault, 3, 2);
    check_all(&vault, &vault.opener_with(same(&after)).unwrap(), "a new day");
    drop(vault);
    let vault = office.open();
    check_all(&vault, &vault.opener_with(same(&after)).unwrap(), "opened again");
    let refused = vault.rotate_officer(&after, &after.recipient(), (NOW, "x")).unwrap_err();
    assert!(matches!(refused, VaultError::Keys(KeysError::SameOfficer)), "{refused}");
    let refused = vault.rotate_officer(&before, &before.recipient(), (NOW, "x")).unwrap_err();
    assert!(matches!(refused, VaultError::Keys(KeysError::FormerOfficer { .. })), "{refused}");
    // And back again.
    vault.rotate_officer(&after, &before.recipient(), (NOW, "x")).unwrap();
    check_all(&vault, &office.opener(&vault), "back");
    assert_eq!(rotations(&vault), 2);
}

#[test]
fn every_old_wrap_is_overwritten_and_synced_under_its_name_before_it_is_replaced() {
    let office = two_days();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    disk.journal.lock().unwrap().told.clear();
    vault.rotate_officer(&key_of(&office), &OfficerKey::generate().recipient(), (NOW, "x")).unwrap();
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    let mut replaced = 0;
    for (place, operation) in told.iter().enumerate() {
        let Told::Rename(from, to) = operation else { continue };
        if from.extension().is_none_or(|extension| extension != "next") {
            continue;
        }
        replaced += 1;
        let before = &told[place - 2..place];
        let [Told::Overwrite(zeroed, 0, zeros), Told::Sync(synced)] = before else { panic!("{before:?}") };
        assert_eq!((zeroed, synced), (to, to));
        assert!(zeros.len() > 200 && zeros.iter().all(|&byte| byte == 0));
        let committed = told[..place].iter().any(
            |told| matches!(told, Told::Rename(_, to) if to.file_name().is_some_and(|n| n == "officer.pub")),
        );
        assert!(committed, "nothing of the officer before goes before the officer after is named");
    }
    assert_eq!(replaced, 2);
}

/// What a crash left: it opens with the officer that it names, and the rotation can be ended.
fn check_image(
    office: &Office,
    (image, crash): (&Image, Crash),
    keys: &(OfficerKey, OfficerKey),
    at: &str,
) -> bool {
    let (before, after) = keys;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("vault");
    image.leave(crash, &office.dir(), &dir);
    let named = std::fs::read_to_string(dir.join("keys/officer.pub")).unwrap();
    let is_rotated = named.trim() == after.recipient().to_string();
    assert!(is_rotated || named.trim() == before.recipient().to_string(), "{at}: {named}");
    let vault = Vault::open(&dir).unwrap_or_else(|error| panic!("{at}: {error}"));
    let (opens, not) = if is_rotated { (after, before) } else { (before, after) };
    check_all(&vault, &vault.opener_with(same(opens)).unwrap(), at);
    assert!(vault.opener_with(same(not)).is_err(), "{at}");
    if is_rotated {
        check_settled(&dir, at);
        assert_eq!(rotations(&vault), 1, "{at}");
    } else {
        assert_eq!(rotations(&vault), 0, "{at}");
        // Days that begin now are of both.
        record_on_day(&vault, 9, 40);
        vault.rotate_officer(&same(before), &after.recipient(), (NOW, "again")).unwrap();
        check_all(&vault, &vault.opener_with(same(after)).unwrap(), at);
        check_settled(&dir, at);
        assert_eq!((rotations(&vault), entries(&vault).len()), (1, 3), "{at}");
    }
    drop(vault);
    let vault = Vault::open(&dir).unwrap();
    check_all(&vault, &vault.opener_with(same(after)).unwrap(), at);
    is_rotated
}

#[test]
fn a_crash_at_any_step_leaves_one_officer_who_opens_everything() {
    let office = two_days();
    let keys = (key_of(&office), OfficerKey::generate());
    let mut image = Image::of(&office.dir());
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    vault.rotate_officer(&keys.0, &keys.1.recipient(), (NOW, "x")).unwrap();
    drop(vault);
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    let (mut images, mut rotated) = (Images::default(), 0);
    for (place, operation) in told.iter().enumerate() {
        if let Told::Append(..) = operation {
            let mut torn = image.clone();
            torn.apply(&operation.half().unwrap());
            rotated +=
                usize::from(check_image(&office, (&torn, Crash::Kill), &keys, &format!("torn {place}")));
            images.count(Crash::Kill);
        }
        image.apply(operation);
        for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
            let at = format!("{crash:?} after {place} {operation:?}").chars().take(160).collect::<String>();
            rotated += usize::from(check_image(&office, (&image, crash), &keys, &at));
            images.count(crash);
        }
    }
    images.tell("rotate");
    let images = images.all();
    assert!(images > 80 && rotated > 20 && rotated < images, "{images} {rotated}");
}

#[test]
fn a_rotation_that_did_not_come_to_its_moment_is_ended_for_the_same_officer_or_given_up() {
    let office = two_days();
    let (before, after, other) = (key_of(&office), OfficerKey::generate(), OfficerKey::generate());
    let begun = format!("{}\n# begun 5 by uid 0\n", after.recipient());
    std::fs::write(office.dir().join("keys/officer.next"), begun).unwrap();
    let torn = office.dir().join("keys/day/citizen-90d-2026-11-21.age.next.new");
    std::fs::write(&torn, b"half of a wrapped key").unwrap();
    let vault = office.open();
    record_on_day(&vault, 3, 2);
    let next = office.dir().join("keys/day/citizen-90d-2026-11-23.age.next");
    assert!(next.exists(), "a new day is wrapped to both");
    let refused = vault.rotate_officer(&before, &other.recipient(), (NOW, "x")).unwrap_err();
    assert!(matches!(refused, VaultError::Keys(KeysError::RotationUnderway { .. })), "{refused}");
    assert_eq!(vault.abandon_rotation().unwrap(), Abandoned::GivenUp);
    assert_eq!(vault.abandon_rotation().unwrap(), Abandoned::Nothing);
    check_settled(&office.dir(), "given up");
    assert!(!torn.exists());
    check_all(&vault, &office.opener(&vault), "given up");
    vault.rotate_officer(&before, &other.recipient(), (NOW, "x")).unwrap();
    check_all(&vault, &vault.opener_with(same(&other)).unwrap(), "the other");
}

#[test]
fn whatever_fails_once_in_a_rotation_that_is_given_up_then_one_officer_opens_everything() {
    let office = two_days();
    let (before, after) = (key_of(&office), OfficerKey::generate());
    let files = files_but(&office, &["index", "lock"]);
    let mut became = [0; 3];
    for (asked, errno) in
        [(Asked::Read, 5), (Asked::Write, 5), (Asked::Sync, 5), (Asked::Open, 13), (Asked::Name, 5)]
    {
        for place in 0.. {
            let at = format!("{asked:?} number {place}");
            let disk = MemoryDisk::with(&files);
            let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
            disk.set_trouble(Some(Trouble { asked, from: place, times: 1, errno, only: None }));
            let rotated = vault.rotate_officer(&before, &after.recipient(), (NOW, "x"));
            let (_, came, _) = disk.came();
            disk.set_trouble(None);
            let (vault, abandoned) = match vault.abandon_rotation() {
                Ok(abandoned) => (vault, abandoned),
                // A ledger that could not be synced takes no more rows.
                Err(_must_reopen) => {
                    drop(vault);
                    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
                    let abandoned = vault.abandon_rotation().unwrap_or_else(|error| panic!("{at}: {error}"));
                    (vault, abandoned)
                }
            };
            became[abandoned as usize] += 1;
            let is_after = match abandoned {
                Abandoned::Ended => true,
                Abandoned::GivenUp => false,
                Abandoned::Nothing => vault.officer().to_string() == after.recipient().to_string(),
            };
            assert!(is_after || rotated.is_err(), "{at}");
            let opens = if is_after { &after } else { &before };
            check_all(&vault, &vault.opener_with(same(opens)).unwrap(), &at);
            drop(vault);
            let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
            check_all(&vault, &vault.opener_with(same(opens)).unwrap(), &at);
            if came == 0 {
                break;
            }
        }
    }
    println!("{became:?} had nothing to give up, were given up, had come to their moment");
    assert!(became.iter().all(|&count| count >= 5), "{became:?}");
}

#[test]
fn days_that_a_recorder_begins_meanwhile_are_the_officers_after() {
    let office = two_days();
    let (before, after) = (key_of(&office), OfficerKey::generate());
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    std::thread::scope(|scope| {
        let rotating = scope.spawn(|| vault.rotate_officer(&before, &after.recipient(), (NOW, "x")).unwrap());
        for n in 10..40 {
            let mut opening = opening(n);
            opening.facts.start = START.plus_nanos(i64::from(n) * DAY);
            opening.at = opening.facts.start;
            let mut summary = summary(n);
            summary.facts = opening.facts.clone();
            let (mut recording, opened) = sealer.begin(&opening, NOW).unwrap();
            writer.append(opened).unwrap();
            writer.append(recording.seal(media(n, [1, 2]))).unwrap();
            writer.append(recording.finish(summary)).unwrap();
        }
        rotating.join().unwrap();
    });
    writer.close(NOW).unwrap();
    assert_eq!(entries(&vault).len(), 32);
    check_all(&vault, &vault.opener_with(same(&after)).unwrap(), "after");
    check_settled(&office.dir(), "after");
}

#[test]
fn a_day_that_was_destroyed_in_the_middle_of_a_rotation_does_not_come_back() {
    let office = two_days();
    let after = OfficerKey::generate();
    let day = office.dir().join("keys/day/citizen-90d-2026-11-21.age");
    let wrapped =
        age::encrypt(&after.recipient().to_string().parse::<age::x25519::Recipient>().unwrap(), b"x");
    std::fs::write(day.with_extension("age.next"), wrapped.unwrap()).unwrap();
    std::fs::remove_file(&day).unwrap();
    let key = key_of(&office);
    let begun = format!("{}\n# begun 5 by uid 0\n", after.recipient());
    std::fs::write(office.dir().join("keys/officer.next"), begun).unwrap();
    let vault = office.open();
    vault.rotate_officer(&key, &after.recipient(), (NOW, "x")).unwrap();
    check_settled(&office.dir(), "ended");
    assert!(!day.exists());
}

#[test]
fn a_day_key_that_nobody_opens_is_named_and_stops_nothing() {
    let office = office_with([1, 2]);
    let day = office.dir().join("keys/day/other-90d-2026-01-01.age");
    std::fs::write(&day, b"not a key").unwrap();
    let after = OfficerKey::generate();
    let vault = office.open();
    let rotated = vault.rotate_officer(&key_of(&office), &after.recipient(), (NOW, "x")).unwrap();
    assert_eq!((rotated.days, rotated.unopened), (1, vec![day.clone()]));
    let opener = vault.opener_with(same(&after)).unwrap();
    for n in [1, 2] {
        check_whole(&vault, &opener, n);
    }
    assert_eq!(std::fs::read(day).unwrap(), b"not a key", "what cannot be opened is left as it is");
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 3).unwrap();
    writer.close(NOW).unwrap();
    check_whole(&vault, &opener, 3);
}
