//! Kept for exactly the time that was said: destroyed after it, and never before.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use earwitness_model::{CallId, Decision, PacketTime, WallTime};
use earwitness_vault::{
    Certificate, ClockTrust, DisposalOrder, Entry, Fault, Finding, LedgerKind, NewHold, NewProposal,
    NotCertified, PastDamage, Release, Vault, VaultError,
};

use crate::support::{
    Kept, NOW, Office, check_whole, copy_dir,
    disk::{Crash, Image, Images, Told, WatchedDisk},
    entries, entry, media, office_with, opening, record_as, summary,
};

/// 2027-02-20, five minutes after midnight in Seoul: ninety days and five minutes later.
pub(crate) const DUE: WallTime = WallTime::from_nanos(1_803_049_500_000_000_000);
const DAY: i64 = 86_400_000_000_000;

pub(crate) fn order() -> DisposalOrder {
    let by = "uid 7 (kim)".to_owned();
    DisposalOrder { by, clock: ClockTrust::Synchronised, past_damage: PastDamage::Refuse }
}

fn later(by: i64) -> WallTime {
    WallTime::from_nanos(DUE.nanos() + by)
}

/// Everything that lies under `dir`.
pub(crate) fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn is_sound(vault: &Vault) {
    assert_eq!(vault.check_index(), []);
    assert_eq!(vault.ledger().verify(), []);
    for entry in entries(vault) {
        assert_eq!(vault.verify(&entry, None), Vec::<Finding>::new());
    }
}

#[test]
fn on_the_day_after_the_last_nothing_opens_and_a_signed_certificate_says_what_was_destroyed() {
    let office = office_with(1..=3);
    let vault = office.open();
    let opener = office.opener(&vault);
    let kept: Vec<Entry> = entries(&vault);
    assert_eq!(opener.segments(&kept[0]).unwrap().count(), 4, "its keys are in memory");
    assert_eq!(vault.dispose_due(later(-6 * 60 * 1_000_000_000), &order()).unwrap(), None, "a minute before");
    check_whole(&vault, &opener, 1);
    let certificate = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    for entry in &kept {
        assert!(opener.segments(entry).is_err(), "whoever had it open");
    }
    assert_eq!(entries(&vault), []);
    assert_eq!(files(&office.dir().join("volumes")), Vec::<std::path::PathBuf>::new());
    assert_eq!(files(&office.dir().join("keys/day")), Vec::<std::path::PathBuf>::new());
    assert!(!office.key_file().exists());
    assert!(!office.dir().join("disposing").exists());
    is_sound(&vault);
    let names = vault.certificates().unwrap();
    assert_eq!(names, std::slice::from_ref(&certificate.run));
    let text = vault.certificate(&names[0]).unwrap();
    assert_eq!(Certificate::verified(&text, &vault.verifying_key()).as_ref(), Ok(&certificate));
    let ids: Vec<String> =
        kept.iter().map(|entry| entry.recording.as_ref().unwrap().id.to_string()).collect();
    let mut told: Vec<_> = certificate.recordings.iter().map(|one| one.recording.clone()).collect();
    told.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(certificate.at, "2027-02-20T00:05:00+09:00");
    let first = &certificate.recordings[0];
    assert_eq!((first.kept_until.as_str(), first.rule.as_deref()), ("2027-02-19", Some("desk")));
    assert_eq!((first.day.as_str(), first.key_was_there), ("2026-11-21", true));
    assert_eq!(certificate.ended_days.len(), 1);
    let rows: Vec<_> = vault.ledger().rows().map(|row| row.unwrap().kind).collect();
    assert_eq!(rows.iter().filter(|kind| **kind == LedgerKind::Disposed).count(), 3);
    assert_eq!(rows.last(), Some(&LedgerKind::DisposalRun));
    assert_eq!(vault.dispose_due(later(DAY), &order()).unwrap(), None, "there is nothing more");
    vault.rebuild_index().unwrap();
    assert_eq!(entries(&vault), []);
    drop((vault, opener));
    let again = office.open();
    assert!(again.recovery().is_clean(), "{:?}", again.recovery());
}

#[test]
fn a_changed_certificate_is_none() {
    let office = office_with([1]);
    let vault = office.open();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let text = vault.certificate(&vault.certificates().unwrap()[0]).unwrap();
    let key = vault.verifying_key();
    assert!(Certificate::verified(&text, &key).is_ok());
    let changed = text.replace("2027-02-19", "2027-02-18");
    assert_eq!(Certificate::verified(&changed, &key), Err(NotCertified::Signature));
    let other = Office::new().open().verifying_key();
    assert_eq!(Certificate::verified(&text, &other), Err(NotCertified::OtherKey));
    for cut in (0..text.len()).step_by(97) {
        assert!(Certificate::verified(&text[..cut], &key).is_err(), "cut at {cut}");
    }
    for name in ["", "../vault", "01KAJ0000000000000000000000", &"A".repeat(26)] {
        assert!(matches!(vault.certificate(name), Err(VaultError::NoSuchAct { .. })), "{name}");
    }
}

#[test]
fn volumes_and_ledger_of_the_day_before_are_noise_afterwards_and_name_nobody() {
    let office = office_with(1..=3);
    let backup = tempfile::tempdir().unwrap();
    for part in ["volumes", "ledger"] {
        copy_dir(&office.dir().join(part), &backup.path().join(part));
    }
    let vault = office.open();
    let kept = entries(&vault);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    drop(vault);
    // Restored beside all the keys that there are.
    for part in ["volumes", "ledger"] {
        std::fs::remove_dir_all(office.dir().join(part)).unwrap();
        copy_dir(&backup.path().join(part), &office.dir().join(part));
    }
    std::fs::remove_dir_all(office.dir().join("index")).unwrap();
    let vault = office.open();
    assert_eq!(entries(&vault), [], "not even the manifests open");
    let opener = office.opener(&vault);
    for entry in &kept {
        assert!(opener.segments(entry).is_err());
    }
}

#[test]
fn what_the_index_said_of_a_call_is_overwritten() {
    let office = office_with(1..=3);
    let rows = |office: &Office| {
        let index = files(&office.dir().join("index"));
        index.iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let before = office.dir().join("index");
    let day = files(&before).into_iter().find(|path| path.extension().is_some_and(|e| e == "rows")).unwrap();
    let columns = std::fs::read(day.with_extension("columns")).unwrap_or_default();
    let day = std::fs::read(day).unwrap();
    let vault = office.open();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    drop(vault);
    let after = rows(&office);
    // 16 sealed bytes occur nowhere by chance.
    let pieces = day.chunks_exact(16).chain(columns.chunks_exact(16));
    let left = pieces.filter(|piece| after.iter().any(|file| file.windows(16).any(|bytes| bytes == *piece)));
    // Heads of rows stay: they have the call's id, which names nobody.
    assert!(left.count() <= 2 * 3, "of {} bytes", day.len());
}

#[test]
fn a_hold_keeps_what_is_due_until_its_end_or_its_release() {
    let office = office_with(1..=3);
    let vault = office.open();
    let [held, other] = [entry(&vault, 1), entry(&vault, 2)];
    let lay = |entries: &[Entry], until: Option<&str>| {
        let until = until.map(|day| day.parse().unwrap());
        vault.hold(NOW, NewHold { entries, reason: "소송 2026가합1", until, by: "uid 7" }).unwrap()
    };
    let hold = lay(std::slice::from_ref(&held), None);
    lay(std::slice::from_ref(&other), Some("2027-03-01"));
    assert!(entry(&vault, 1).hold && !entry(&vault, 3).hold);
    vault.rebuild_index().unwrap();
    assert!(entry(&vault, 1).hold && !entry(&vault, 3).hold, "a rebuild knows of holds");
    let plan = vault.dispose_plan(DUE, DUE).unwrap();
    assert_eq!(plan.planned.iter().map(|one| one.hold.is_some()).filter(|held| *held).count(), 2);
    let certificate = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!((certificate.recordings.len(), certificate.held.len()), (1, 2));
    assert_eq!(certificate.ended_days, []);
    assert!(certificate.held.iter().all(|held| held.apart), "{:?}", certificate.held);
    assert!(!office.volume().exists(), "nothing is left in it that can be opened");
    assert_eq!(files(&office.dir().join("held")).len(), 2);
    assert!(entries(&vault).iter().all(|entry| entry.recording.as_ref().unwrap().is_apart()));
    let opener = office.opener(&vault);
    check_whole(&vault, &opener, 1);
    check_whole(&vault, &opener, 2);
    assert_eq!(entries(&vault).len(), 2);
    is_sound(&vault);
    let listed = entries(&vault);
    vault.rebuild_index().unwrap();
    assert_eq!(entries(&vault), listed);
    // Its end comes.
    assert!(!vault.holds(later(8 * DAY)).unwrap()[1].has_lapsed);
    let second = vault.dispose_due(later(10 * DAY), &order()).unwrap().unwrap();
    assert_eq!((second.recordings.len(), second.held.len()), (1, 1));
    check_whole(&vault, &opener, 1);
    let release = Release { hold: hold.id, reason: "종결".into(), by: "uid 8".into() };
    vault.release(later(10 * DAY), &release).unwrap();
    assert!(matches!(vault.release(later(10 * DAY), &release), Err(VaultError::NoSuchAct { .. })));
    let third = vault.dispose_due(later(10 * DAY), &order()).unwrap().unwrap();
    assert_eq!((third.recordings.len(), third.held.len(), third.ended_days.len()), (1, 0, 1));
    assert_eq!(entries(&vault), []);
    assert_eq!(files(&office.dir().join("held")), Vec::<std::path::PathBuf>::new());
    is_sound(&vault);
}

#[test]
fn two_persons_can_keep_a_recording_longer_or_shorter_and_one_cannot() {
    let office = office_with(1..=3);
    let vault = office.open();
    let propose = |n: u32, until: &str, by: &str| {
        let (entries, until) = (&[entry(&vault, n)][..], until.parse().unwrap());
        vault.propose_retention(NOW, NewProposal { entries, until, reason: "분쟁", by }).unwrap()
    };
    let (longer, shorter) = (propose(1, "2027-06-30", "uid 7"), propose(2, "2026-12-01", "uid 7"));
    assert!(matches!(vault.approve_retention(NOW, longer.id, "uid 7"), Err(VaultError::SamePerson)));
    assert_eq!(vault.proposals().unwrap().len(), 2);
    assert_eq!(vault.dispose_due(WallTime::from_nanos(NOW.nanos() + 12 * DAY), &order()).unwrap(), None);
    for id in [longer.id, shorter.id] {
        vault.approve_retention(NOW, id, "uid 8").unwrap();
    }
    assert_eq!(vault.proposals().unwrap(), []);
    let listed_until = |n: u32| entry(&vault, n).recording.unwrap().retention_until.to_string();
    let listed = || [1, 2, 3].map(listed_until);
    let told = ["2027-06-30", "2026-12-01", "2027-02-19"];
    assert_eq!(listed(), told, "the listing says so");
    vault.rebuild_index().unwrap();
    assert_eq!(listed(), told, "and when it is made again");
    is_sound(&vault);
    for n in [1, 2] {
        assert_eq!(vault.verify(&entry(&vault, n), None), []);
    }
    let first = vault.dispose_due(WallTime::from_nanos(NOW.nanos() + 12 * DAY), &order()).unwrap().unwrap();
    let id = |n: u32| entry(&vault, n).recording.unwrap().id.to_string();
    assert_eq!(first.recordings.len(), 1);
    assert_eq!(entries(&vault).len(), 2);
    let (one, three) = (id(1), id(3));
    let second = vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert_eq!(second.recordings.iter().map(|one| &one.recording).collect::<Vec<_>>(), [&three]);
    check_whole(&vault, &office.opener(&vault), 1);
    let third = vault.dispose_due(later(132 * DAY), &order()).unwrap().unwrap();
    assert_eq!(third.recordings.iter().map(|one| &one.recording).collect::<Vec<_>>(), [&one]);
    is_sound(&vault);
}

#[test]
fn nothing_is_destroyed_by_a_clock_that_leapt_unless_somebody_says_that_it_is_right() {
    let office = office_with([1]);
    let vault = office.open();
    let alone = DisposalOrder { clock: ClockTrust::Alone, ..order() };
    assert!(matches!(vault.dispose_due(DUE, &alone), Err(VaultError::ClockLeapt { .. })));
    check_whole(&vault, &office.opener(&vault), 1);
    let confirmed = DisposalOrder { clock: ClockTrust::Confirmed, ..order() };
    assert_eq!(vault.dispose_due(DUE, &confirmed).unwrap().unwrap().recordings.len(), 1);
}

#[test]
fn what_was_recorded_while_the_clock_was_three_years_back_is_kept_for_its_time() {
    let office = office_with([1]);
    let vault = office.open();
    let three_years = 3 * 365 * DAY;
    vault.note(LedgerKind::RecorderStarted, NOW, &[0; 32]).unwrap();
    let back = WallTime::from_nanos(NOW.nanos() - three_years);
    vault.note(LedgerKind::RecorderStarted, back, &[0; 32]).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut early = opening(2);
    early.facts.start = PacketTime::from_nanos(back.nanos());
    let (mut recording, opened) = sealer.begin(&early, back).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(2, [1, 2]))).unwrap();
    let mut ended = summary(2);
    ended.facts.start = early.facts.start;
    writer.append(recording.finish(ended)).unwrap();
    writer.close(back).unwrap();
    vault.note(LedgerKind::RecorderStarted, NOW, &[0; 32]).unwrap();
    let soon = WallTime::from_nanos(NOW.nanos() + DAY);
    assert_eq!(vault.dispose_due(soon, &order()).unwrap(), None, "it is a day old");
    assert_eq!(entries(&vault).len(), 2);
    assert_eq!(vault.dispose_due(DUE, &order()).unwrap().unwrap().recordings.len(), 2);
}

#[test]
fn with_a_damaged_ledger_nothing_is_destroyed_until_somebody_has_looked() {
    let office = office_with(1..=2);
    let log = files(&office.dir().join("ledger"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "log"));
    let log = log.unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let vault = office.open();
    assert!(matches!(vault.dispose_due(DUE, &order()), Err(VaultError::LedgerDamaged { .. })));
    assert_eq!(entries(&vault).len(), 2);
    let past = DisposalOrder { past_damage: PastDamage::Accept, ..order() };
    assert_eq!(vault.dispose_due(DUE, &past).unwrap().unwrap().recordings.len(), 2);
}

#[test]
fn a_damaged_intent_stops_disposals_and_nothing_else_and_is_named() {
    let office = office_with([1]);
    std::fs::write(office.dir().join("disposing"), b"torn").unwrap();
    let vault = office.open();
    check_whole(&vault, &office.opener(&vault), 1);
    assert!(vault.recovery().disposal.as_ref().is_some_and(|why| why.contains("disposing is damaged")));
    let error = vault.dispose_due(DUE, &order()).unwrap_err();
    assert!(matches!(&error, VaultError::Intent { .. }) && error.is_damage(), "{error}");
    assert_eq!(vault.check_index().iter().map(|found| &found.fault).collect::<Vec<_>>(), [&Fault::Disposing]);
    check_whole(&vault, &office.opener(&vault), 1);
}

/// What is kept of three calls when they fall due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Nothing: the day ends, with its own keys.
    Nothing,
    /// The first, which is held.
    One,
}

impl Keeping {
    pub(crate) const fn shown(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::One => "what is held",
        }
    }

    pub(crate) fn office(self) -> Office {
        let office = office_with(1..=3);
        if self == Self::One {
            let vault = office.open();
            let (entries, until) = (&[entry(&vault, 1)][..], None);
            vault.hold(NOW, NewHold { entries, reason: "소송", until, by: "uid 7" }).unwrap();
        }
        office
    }
}

/// Opens what a crash within a disposal left in `dir`: all of `before` is as it was, or all of it is done, and told of once.
/// Gives how many calls are listed, and what `index check` finds.
pub(crate) fn check_interrupted(
    (office, before): (&Office, &[Entry]),
    keeping: Keeping,
    dir: &Path,
    at: &str,
) -> (usize, Vec<Finding>) {
    let vault = Vault::open(dir).unwrap_or_else(|error| panic!("{at}: {error}"));
    let opener = vault.opener(earwitness_vault::Unlock::KeyFile(office.key())).unwrap();
    let listed = entries(&vault);
    // What is held lies elsewhere afterwards.
    let open = |before: &Entry| {
        let now = vault.index().get(before.summary.id).unwrap();
        let segments = opener.segments(now.as_ref().unwrap_or(before));
        segments.is_ok_and(|all| all.flatten().count() == 4)
    };
    let open: Vec<bool> = before.iter().map(open).collect();
    let expected: &[bool] = match (listed.len(), keeping) {
        (3, _) => &[true, true, true],
        (1, Keeping::One) => &[true, false, false],
        (0, Keeping::Nothing) => &[false, false, false],
        (other, _) => panic!("{at}: {other} calls are listed"),
    };
    assert_eq!(open, expected, "{at}");
    assert_eq!(vault.ledger().verify(), [], "{at}");
    assert!(!dir.join("disposing").exists(), "{at}");
    let certificates = vault.certificates().unwrap().len();
    assert_eq!(certificates, usize::from(listed.len() < 3), "{at}");
    let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Disposed).count();
    assert_eq!(told, 3 - listed.len(), "{at}: each is told of once");
    (listed.len(), vault.check_index())
}

/// From which operation on a disposal has said that it was done.
pub(crate) fn when_told(told: &[Told]) -> usize {
    let is_row = |told: &Told| matches!(told, Told::Append(path, _) | Told::Overwrite(path, ..) if path.ends_with("2027-02.log"));
    let is_begun = |told: &Told| matches!(told, Told::Rename(_, to) if to.ends_with("disposing"));
    // Before it begins it tells that the clock is right.
    let begun = told.iter().position(is_begun).unwrap();
    begun + told[begun..].iter().position(is_row).unwrap() + 1
}

/// The disposal, after each thing that the vault tells the disk. The index has its own way to it: it is as it was before or after
/// (`index_crash.rs` cuts within).
fn check_every_boundary(crash: Crash, keeping: Keeping) -> Images {
    let office = keeping.office();
    let before = entries(&office.open());
    let first_index = tempfile::tempdir().unwrap();
    copy_dir(&office.dir().join("index"), first_index.path());
    let mut image = Image::of(&office.dir());
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    drop(vault);
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    let acknowledged = when_told(&told);
    let (mut begun, mut images) = (false, Images::default());
    for (place, told) in told.iter().enumerate() {
        let mut torn = None;
        if let Told::Overwrite(..) = told
            && crash == Crash::Kill
        {
            let mut half = image.clone();
            half.apply(&told.half().unwrap());
            torn = Some(half);
        }
        image.apply(told);
        begun |= matches!(told, Told::Rename(_, to) if to.ends_with("disposing"));
        for (image, half) in [(Some(&image), ""), (torn.as_ref(), "half of ")] {
            let Some(image) = image else { continue };
            let at = format!("{crash} after {half}{place}, keeping {keeping:?}: {told:?}");
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("vault");
            image.leave(crash, &office.dir(), &dir);
            let is_over = begun && !dir.join("disposing").exists() && place > acknowledged;
            std::fs::remove_dir_all(dir.join("index")).unwrap();
            copy_dir(
                &if is_over { office.dir().join("index") } else { first_index.path().to_owned() },
                &dir.join("index"),
            );
            let (listed, found) = check_interrupted((&office, &before), keeping, &dir, &at);
            assert_eq!(found, [], "{at}");
            if place > acknowledged && crash == Crash::Kill {
                assert_ne!(listed, 3, "{at}: what was told was done");
            }
            images.count(crash);
        }
    }
    images
}

#[test]
fn a_disposal_killed_at_any_step_goes_on_or_has_not_begun() {
    for keeping in [Keeping::Nothing, Keeping::One] {
        let images = check_every_boundary(Crash::Kill, keeping);
        images.tell(&format!("disposal, keeping {}", keeping.shown()));
        assert!(images.all() > 20, "{images:?}");
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_disposal_leaves_all_or_ends_it() {
    for crash in [Crash::Forget, Crash::Zeros] {
        for keeping in [Keeping::Nothing, Keeping::One] {
            check_every_boundary(crash, keeping).tell(&format!("disposal, keeping {}", keeping.shown()));
        }
    }
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// In turns of forty days, calls of two classes are recorded on a disk that is filled in some way, and disposals are tried while it
/// is filled in others: before anything is due, and when those of thirty days are and those of three years are not.
#[test]
fn a_full_disk_removes_what_is_due_or_nothing_whatever_it_is_filled_with() {
    const PATTERNS: u64 = 1_000;
    const PER_TURN: u64 = 50;
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let opener = office.opener(&vault);
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut chance = Chance(7);
    let (mut begun, mut refused, mut stopped, mut were_due) = (0, 0, 0, 0);
    let mut kept = BTreeSet::new();
    let of_class = |vault: &Vault, class: &str| -> BTreeSet<CallId> {
        let is_of = |entry: &Entry| matches!(&entry.summary.verdict.decision, Decision::Admit(keep) if keep.retention.name == class);
        entries(vault).iter().filter(|entry| is_of(entry)).map(|entry| entry.summary.id).collect()
    };
    // Of the turn before, a day may end whose volume was open, and find no room for that.
    let is_nothing = |found: Result<Option<Certificate>, VaultError>, at: &str| match found {
        Ok(ended) => assert!(ended.is_none_or(|ended| ended.recordings.is_empty()), "{at}"),
        Err(error) => assert!(error.is_full(), "{at}: {error}"),
    };
    for turn in 0..PATTERNS / PER_TURN {
        let since = WallTime::from_nanos(NOW.nanos() + turn as i64 * 40 * DAY);
        // Midnight after the last of thirty days, in Seoul.
        let ends = since.nanos() + 31 * DAY - 9 * 3_600_000_000_000;
        let [before, due] = [-60_000_000_000, 300_000_000_000].map(|by| WallTime::from_nanos(ends + by));
        for pattern in 0..PER_TURN / 2 {
            disk.set_room((chance.below(3) > 0).then(|| chance.below(20_000)));
            if pattern % 5 == 0 {
                begun += 1;
                let class = if begun % 2 == 0 { ("short", 30) } else { ("long", 1_095) };
                let how = Kept { class: class.0, days: class.1, since };
                refused += u32::from(record_as(&sealer, &mut writer, begun, how).is_err());
            }
            refused += u32::from(writer.commit(since).is_err());
            is_nothing(vault.dispose_due(since, &order()), &format!("{turn}, {pattern}"));
        }
        disk.set_room(None);
        writer.commit(since).unwrap();
        let (long, short) = (of_class(&vault, "long"), of_class(&vault, "short"));
        assert!(long.is_superset(&kept), "{turn}");
        (kept, were_due) = (long, were_due + short.len());
        for pattern in 0..PER_TURN / 2 {
            disk.set_room((chance.below(12) > 0).then(|| chance.below(2_500)));
            if pattern < 5 {
                is_nothing(vault.dispose_due(before, &order()), &format!("{turn}, {pattern} before"));
                assert_eq!(of_class(&vault, "short"), short, "{turn}, {pattern}");
                continue;
            }
            match vault.dispose_due(due, &order()) {
                // What went on from an earlier one is certified and not told of here.
                Ok(_) => {}
                Err(error) => {
                    assert!(error.is_full(), "{turn}, {pattern}: {error}");
                    stopped += 1;
                }
            }
            assert_eq!(of_class(&vault, "long"), kept, "{turn}, {pattern}");
        }
        disk.set_room(None);
        vault.dispose_due(due, &order()).unwrap();
        assert_eq!(of_class(&vault, "short"), BTreeSet::new(), "{turn}: {short:?}");
        for entry in entries(&vault).iter().filter(|entry| entry.recording.is_some()) {
            assert_eq!(vault.verify(entry, Some(&opener)), [], "{turn}");
        }
    }
    let key = vault.verifying_key();
    let certified =
        vault.certificates().unwrap().into_iter().flat_map(|run| {
            Certificate::verified(&vault.certificate(&run).unwrap(), &key).unwrap().recordings
        });
    let certified: Vec<_> = certified.map(|gone| gone.class).collect();
    assert_eq!(certified, vec!["short"; were_due], "each of them, once");
    println!("{begun} calls, {refused} times no room to record, {stopped} times none to dispose");
    assert!(refused > 25 && stopped > 25, "{refused} {stopped}");
    assert!(were_due >= 40 && kept.len() >= 40, "{were_due} were due, {} are kept", kept.len());
}

/// What is in force of holds and changes is what the ledger has, wherever the power is cut.
#[test]
fn a_hold_or_an_approval_is_in_force_or_was_never_made_wherever_the_power_is_cut() {
    let mut images = Images::default();
    for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
        let office = office_with(1..=3);
        let mut image = Image::of(&office.dir());
        let disk = WatchedDisk::default();
        let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
        let new = |n: u32| [entry(&vault, n)];
        let hold =
            vault.hold(NOW, NewHold { entries: &new(1), reason: "소송", until: None, by: "uid 7" }).unwrap();
        disk.note(Told::Acknowledged(1));
        let until = "2028-01-01".parse().unwrap();
        let proposal = vault
            .propose_retention(NOW, NewProposal { entries: &new(2), until, reason: "분쟁", by: "uid 7" })
            .unwrap();
        vault.approve_retention(NOW, proposal.id, "uid 8").unwrap();
        disk.note(Told::Acknowledged(2));
        vault.release(NOW, &Release { hold: hold.id, reason: "종결".into(), by: "uid 7".into() }).unwrap();
        disk.note(Told::Acknowledged(3));
        let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
        let mut acknowledged = 0;
        for (place, told) in told.iter().enumerate() {
            if let Told::Acknowledged(n) = told {
                acknowledged = *n;
            }
            image.apply(told);
            let at = format!("{crash:?} after {place}");
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("vault");
            image.leave(crash, &office.dir(), &dir);
            let vault = Vault::open(&dir).unwrap_or_else(|error| panic!("{at}: {error}"));
            let certificate = vault.dispose_due(DUE, &order()).unwrap().unwrap();
            let gone = 3 - entries(&vault).len();
            assert_eq!(certificate.recordings.len(), gone, "{at}");
            let is_listed =
                |n: u32| entries(&vault).iter().any(|entry| entry.summary.id == crate::support::call_id(n));
            assert!(!is_listed(3), "{at}");
            assert!(acknowledged < 2 || is_listed(2), "{at}: the approval was acknowledged");
            let is_released = vault.ledger().rows().flatten().any(|row| row.kind == LedgerKind::Released);
            assert!(acknowledged == 0 || is_released || is_listed(1), "{at}: the hold was acknowledged");
            if acknowledged == 3 {
                assert!(!is_listed(1), "{at}: the release was acknowledged");
            }
            images.count(crash);
        }
        assert!(told.len() > 8, "{}", told.len());
    }
    images.tell("hold, approval and release");
}
