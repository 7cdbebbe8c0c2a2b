//! Nothing is destroyed early by a clock that was wrong, and what a hold or two persons said is what happens.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use earwitness_model::{CallId, PacketTime, WallTime};
use earwitness_vault::{
    ClockStatus, ClockTrust, DisposalOrder, Entry, Fault, Finding, LedgerKind, LedgerNote, NewHold,
    NewProposal, Opening, PastDamage, Release, Synchronised, Vault, VaultError,
};

use crate::support::{
    NOW, Office, START, begin, call_id, disk::WatchedDisk, entries, entry, media, office_with, opening,
    record, running_call, summary,
};

/// 2027-02-20, five minutes after midnight in Seoul: ninety days and five minutes later.
const DUE: WallTime = WallTime::from_nanos(1_803_049_500_000_000_000);
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;
/// What a machine without a clock of its own says when it begins.
const NO_CLOCK: WallTime = WallTime::from_nanos(DAY);

fn after(time: WallTime, by: i64) -> WallTime {
    WallTime::from_nanos(time.nanos() + by)
}

fn order(clock: ClockTrust) -> DisposalOrder {
    DisposalOrder { by: "uid 7 (kim)".to_owned(), clock, past_damage: PastDamage::Refuse }
}

fn dispose(vault: &Vault, now: WallTime) -> Result<usize, VaultError> {
    let certificate = vault.dispose_due(now, &order(ClockTrust::Alone))?;
    Ok(certificate.map_or(0, |certificate| certificate.recordings.len()))
}

/// [`dispose`], by a clock of which somebody says that it is right.
fn dispose_by_a_right_clock(vault: &Vault, now: WallTime) -> usize {
    let certificate = vault.dispose_due(now, &order(ClockTrust::Confirmed)).unwrap();
    certificate.map_or(0, |certificate| certificate.recordings.len())
}

fn alive(vault: &Vault, at: WallTime) {
    vault.note(LedgerKind::Alive, at, &[0; 32]).unwrap();
}

fn lay(vault: &Vault, entries: &[Entry], now: WallTime) -> Result<earwitness_vault::Hold, VaultError> {
    vault.hold(now, NewHold { entries, reason: "소송", until: None, by: "uid 7" })
}

/// Records call `n`, which begins at `begun` by the clock of the recorder; `meanwhile` comes before its end is told, at `told`.
fn record_across(vault: &Vault, n: u32, (begun, told): (WallTime, WallTime), meanwhile: impl FnOnce(&Vault)) {
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut early = opening(n);
    early.facts.start = PacketTime::from_nanos(begun.nanos());
    let (mut recording, opened) = sealer.begin(&early, begun).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(n, [1, 2]))).unwrap();
    let mut ended = summary(n);
    ended.facts.start = early.facts.start;
    writer.append(recording.finish(ended)).unwrap();
    writer.write_out().unwrap();
    meanwhile(vault);
    writer.close(told).unwrap();
}

#[test]
fn a_call_that_began_by_a_wrong_clock_and_ended_by_the_right_one_is_kept_for_its_time() {
    let office = office_with([1]);
    let vault = office.open();
    vault.note(LedgerKind::RecorderStarted, NO_CLOCK, &[0; 32]).unwrap();
    record_across(&vault, 2, (NO_CLOCK, after(NOW, HOUR)), |vault| {
        alive(vault, after(NOW, HOUR));
        assert_eq!(dispose(vault, after(NOW, HOUR)).unwrap(), 0, "its end is there, and the ledger not told");
    });
    assert_eq!(dispose(&vault, after(NOW, DAY)).unwrap(), 0, "it is a day old");
    assert_eq!(entries(&vault).len(), 2);
    drop(vault);
    let vault = office.open();
    assert_eq!(dispose(&vault, after(NOW, DAY)).unwrap(), 0, "whoever learns it from the ledger");
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 2);
}

#[test]
fn a_call_that_began_by_a_wrong_clock_and_that_a_crash_ended_is_kept_for_its_time() {
    let office = office_with([1]);
    let vault = office.open();
    vault.note(LedgerKind::RecorderStarted, NO_CLOCK, &[0; 32]).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut early = opening(2);
    early.facts.start = PacketTime::from_nanos(NO_CLOCK.nanos());
    let (mut recording, opened) = sealer.begin(&early, NO_CLOCK).unwrap();
    writer.append(opened).unwrap();
    writer.append(recording.seal(media(2, [1, 2]))).unwrap();
    alive(&vault, after(NOW, HOUR));
    writer.commit(after(NOW, HOUR)).unwrap();
    let killed = office.copy();
    let vault = killed.open();
    assert_eq!(vault.recovery().interrupted, [recording.id()]);
    vault.note(LedgerKind::RecorderStarted, after(NOW, 2 * HOUR), &[0; 32]).unwrap();
    assert_eq!(dispose(&vault, after(NOW, DAY)).unwrap(), 0);
    assert_eq!(entries(&vault).len(), 2);
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 2);
}

#[test]
fn a_leap_is_over_when_the_ledger_is_told_that_others_keep_the_clock_and_a_clock_set_back_then_is_behind() {
    let office = office_with([1]);
    let vault = office.open();
    vault.note(LedgerKind::RecorderStarted, DUE, &[0; 32]).unwrap();
    for (synchronised, is_believed) in [(Synchronised::No, false), (Synchronised::Yes, true)] {
        let status = ClockStatus {
            synchronised,
            offset_nanos: 0,
            estimated_error_micros: 3,
            maximum_error_micros: 90,
        };
        vault.tell(DUE, &LedgerNote::ClockStatus(status)).unwrap();
        assert_eq!(vault.dispose_plan(DUE, DUE).unwrap().leap.is_none(), is_believed);
        assert_eq!(dispose(&vault, DUE).is_ok(), is_believed, "{synchronised:?}");
    }
    assert_eq!(entries(&vault), []);
    let back = after(DUE, -10 * DAY);
    alive(&vault, back);
    record_across(&vault, 2, (back, back), |_| ());
    alive(&vault, after(DUE, HOUR));
    assert_eq!(dispose(&vault, after(back, 91 * DAY)).unwrap(), 0, "it is eighty-one days old");
    assert_eq!(dispose_by_a_right_clock(&vault, after(DUE, 91 * DAY)), 1);
}

#[test]
fn whoever_destroys_by_a_clock_that_others_keep_tells_the_ledger_that_it_is_right() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let hold = lay(&vault, &[entry(&vault, 1)], NOW).unwrap();
    vault.note(LedgerKind::RecorderStarted, DUE, &[0; 32]).unwrap();
    assert!(matches!(dispose(&vault, DUE), Err(VaultError::ClockLeapt { .. })));
    let first = vault.dispose_due(DUE, &order(ClockTrust::Synchronised)).unwrap().unwrap();
    assert_eq!(first.recordings.len(), 1);
    let release = Release { hold: hold.id, reason: "종결".into(), by: "uid 7".into() };
    vault.release(after(DUE, HOUR), &release).unwrap();
    assert_eq!(dispose(&vault, after(DUE, HOUR)).unwrap(), 1, "within minutes, and nobody is asked again");
}

#[test]
fn what_was_destroyed_since_it_was_looked_up_cannot_be_held_nor_kept_longer() {
    let office = office_with(1..=3);
    let vault = office.open();
    let [first, second] = [entry(&vault, 1), entry(&vault, 2)];
    let propose = |entry: &Entry| {
        let (entries, until) = (std::slice::from_ref(entry), "2028-01-01".parse().unwrap());
        vault.propose_retention(NOW, NewProposal { entries, until, reason: "분쟁", by: "uid 7" }).unwrap().id
    };
    let (longer, other) = (propose(&first), propose(&second));
    lay(&vault, std::slice::from_ref(&second), NOW).unwrap();
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 2);
    let is_gone = |said: Result<(), VaultError>| matches!(said, Err(VaultError::Destroyed { .. }));
    let of_both = [second.clone(), first.clone()];
    assert!(is_gone(lay(&vault, &of_both, DUE).map(drop)), "its key is zeros");
    assert!(is_gone(vault.approve_retention(DUE, longer, "uid 8").map(drop)));
    assert_eq!(vault.holds(DUE).unwrap().len(), 1);
    vault.approve_retention(DUE, other, "uid 8").unwrap();
    let hold = vault.holds(DUE).unwrap()[0].hold.id;
    vault.release(DUE, &Release { hold, reason: "종결".into(), by: "uid 7".into() }).unwrap();
    assert_eq!(dispose_by_a_right_clock(&vault, after(DUE, 400 * DAY)), 1);
    assert!(is_gone(lay(&vault, &[second], DUE).map(drop)), "its day has ended");
}

#[test]
fn what_a_disposal_that_did_not_end_has_destroyed_cannot_be_held_and_is_told_of() {
    let office = office_with(1..=3);
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let kept = entries(&vault);
    let (of_one, until) = (&kept[..1], "2028-01-01".parse().unwrap());
    let new = NewProposal { entries: of_one, until, reason: "분쟁", by: "uid 7" };
    let longer = vault.propose_retention(DUE, new).unwrap().id;
    vault.note(LedgerKind::ClockConfirmed, DUE, &[]).unwrap();
    // There is room for what it is about to do, and none in the ledger for what it did.
    let failed = (0..100_u64).find(|step| {
        disk.set_room(Some(step * 50));
        assert!(dispose(&vault, DUE).is_err(), "{step}");
        office.dir().join("disposing").exists()
    });
    assert!(failed.is_some());
    disk.set_room(None);
    let opener = office.opener(&vault);
    assert!(kept.iter().all(|entry| opener.segments(entry).is_err()), "the keys are zeros");
    assert!(matches!(lay(&vault, &kept[..1], DUE), Err(VaultError::Destroyed { .. })));
    assert!(matches!(vault.approve_retention(DUE, longer, "uid 8"), Err(VaultError::Destroyed { .. })));
    drop(opener);
    assert_eq!(
        dispose(&vault, DUE).unwrap(),
        0,
        "the one that did not end is ended, and nothing more is due"
    );
    let told = vault.ledger().rows().flatten().filter(|row| row.kind == LedgerKind::Disposed).count();
    assert_eq!((told, entries(&vault).len()), (3, 0));
    assert_eq!(vault.certificates().unwrap().len(), 1);
    assert_eq!(vault.check_index(), []);
}

/// The one file of the ledger.
fn ledger_file(office: &Office) -> PathBuf {
    office.dir().join("ledger/2026-11.log")
}

#[test]
fn a_hold_whose_row_was_the_last_and_is_damaged_stops_disposals_until_somebody_has_looked() {
    let office = office_with(1..=3);
    let vault = office.open();
    let begins = std::fs::metadata(ledger_file(&office)).unwrap().len() as usize;
    lay(&vault, &[entry(&vault, 2)], NOW).unwrap();
    drop(vault);
    let whole = std::fs::read(ledger_file(&office)).unwrap();
    for at in (begins..whole.len()).step_by(23) {
        let copy = office.copy();
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(ledger_file(&copy), changed).unwrap();
        for time in ["opened", "opened again"] {
            let vault = copy.open();
            let refused = vault.dispose_due(DUE, &order(ClockTrust::Confirmed));
            assert!(
                matches!(refused, Err(VaultError::LedgerDamaged { places: 1 })),
                "byte {at}, {time}: {refused:?}"
            );
            assert_eq!(entries(&vault).len(), 3);
            assert_eq!(vault.ledger().verify(), []);
        }
        if at == begins {
            let vault = copy.open();
            let found = vault.check_index();
            assert!(matches!(&found[..], [Finding { fault: Fault::Stranger, .. }]), "{found:?}");
            std::fs::remove_file(&found[0].path).unwrap();
            assert_eq!(dispose_by_a_right_clock(&vault, DUE), 3, "somebody has looked");
        }
    }
    // What a crash leaves of a row was never said to be in force.
    let torn = office.copy();
    std::fs::write(ledger_file(&torn), &whole[..whole.len() - 3]).unwrap();
    assert_eq!(dispose_by_a_right_clock(&torn.open(), DUE), 3);
}

#[test]
fn rows_that_are_damaged_under_an_open_vault_before_they_were_read_stop_disposals_too() {
    let office = office_with(1..=3);
    let vault = office.open();
    lay(&vault, &[entry(&vault, 2)], NOW).unwrap();
    drop(vault);
    let vault = office.open();
    let mut changed = std::fs::read(ledger_file(&office)).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(ledger_file(&office), changed).unwrap();
    let refused = vault.dispose_due(DUE, &order(ClockTrust::Confirmed));
    assert!(matches!(&refused, Err(VaultError::Ledger(_))), "{refused:?}");
    assert_eq!(entries(&vault).len(), 3);
}

/// Call 2, cut by a restart: its first part is call 2, and its second part is a call of its own, which this gives. Call 1 is whole.
/// Whether the second part has the Call-ID of the first: a stream has none.
fn office_that_was_restarted(has_call_id: bool) -> (Office, CallId) {
    let before = Office::new();
    let vault = before.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.running(&running_call(2, 7))).unwrap();
    writer.append(running.seal(media(2, [7]))).unwrap();
    writer.commit(NOW).unwrap();
    let office = before.copy();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let call = CallId::new(START.nanos() / 1_000_000 + 60_000, 2);
    let opening = Opening { call, continues: Some(running.id()), ..opening(2) };
    let (part, opened) = sealer.begin(&opening, after(NOW, 60_000_000_000)).unwrap();
    writer.append(opened).unwrap();
    let mut whole = summary(2);
    whole.id = call;
    whole.sip_call_ids.retain(|_| has_call_id);
    writer.append(part.finish(whole)).unwrap();
    writer.close(NOW).unwrap();
    (office, call)
}

#[test]
fn a_hold_on_one_part_of_a_call_that_a_restart_cut_keeps_the_other_and_so_does_a_longer_time() {
    for has_call_id in [true, false] {
        let (office, second) = office_that_was_restarted(has_call_id);
        for (named, other) in [(call_id(2), second), (second, call_id(2))] {
            let (held, longer) = (office.copy(), office.copy());
            let both = BTreeSet::from([Some(named), Some(other)]);
            let vault = held.open();
            let entry = [vault.index().get(named).unwrap().unwrap()];
            let hold = lay(&vault, &entry, NOW).unwrap();
            assert_eq!(hold.subjects.iter().map(|subject| subject.call).collect::<BTreeSet<_>>(), both);
            assert!(vault.index().get(other).unwrap().unwrap().hold);
            assert_eq!(dispose_by_a_right_clock(&vault, DUE), 1);
            assert_eq!(entries(&vault).len(), 2);
            let vault = longer.open();
            let until = "2028-01-01".parse().unwrap();
            let new = NewProposal { entries: &entry, until, reason: "분쟁", by: "uid 7" };
            let proposal = vault.propose_retention(NOW, new).unwrap();
            assert_eq!(proposal.subjects.len(), 2);
            vault.approve_retention(NOW, proposal.id, "uid 8").unwrap();
            assert_eq!(dispose_by_a_right_clock(&vault, DUE), 1);
            assert_eq!(dispose_by_a_right_clock(&vault, after(DUE, 400 * DAY)), 2);
        }
    }
}

#[test]
fn a_longer_time_is_of_all_recordings_of_the_call_and_the_last_word_counts() {
    let office = office_with([1, 2, 2]);
    let vault = office.open();
    for until in ["2027-06-30", "2028-01-01"] {
        let (entries, until) = (&[entry(&vault, 2)][..], until.parse().unwrap());
        let new = NewProposal { entries, until, reason: "분쟁", by: "uid 7" };
        let proposal = vault.propose_retention(NOW, new).unwrap();
        vault.approve_retention(NOW, proposal.id, "uid 8").unwrap();
    }
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 1);
    assert_eq!(dispose_by_a_right_clock(&vault, after(DUE, 200 * DAY)), 0);
    assert_eq!(dispose_by_a_right_clock(&vault, after(DUE, 400 * DAY)), 2);
    assert_eq!(entries(&vault), []);
}

#[test]
fn a_hold_keeps_a_recording_of_its_call_whose_manifest_is_damaged() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let first = entry(&vault, 2).recording.unwrap();
    record_across(&vault, 2, (after(NOW, HOUR), after(NOW, HOUR)), |_| ());
    assert_ne!(entry(&vault, 2).recording.unwrap().id, first.id);
    let hold = lay(&vault, &[entry(&vault, 2)], NOW).unwrap();
    let mut bytes = std::fs::read(office.volume()).unwrap();
    bytes[first.manifest_at as usize + 80] ^= 1;
    std::fs::write(office.volume(), bytes).unwrap();
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 1, "call 1, and nothing of call 2");
    let release = Release { hold: hold.id, reason: "종결".into(), by: "uid 7".into() };
    vault.release(DUE, &release).unwrap();
    assert_eq!(dispose_by_a_right_clock(&vault, DUE), 2);
}
