//! Days that are closed: in time, late, and by a machine that loses its power meanwhile.

use std::{collections::BTreeSet, sync::Arc};

use earwitness_model::{RuleSetHash, WallTime};
use earwitness_vault::{
    CivilDay, Closes, Closing, Counted, Ended, FailedBecause, LedgerKind, LedgerNote, Vault, Watching,
    failed_call,
};

use crate::support::{
    Office,
    disk::{Crash, Image, Images, WatchedDisk},
    record, summary,
};

const HOUR: i64 = 3_600_000_000_000;
/// 2026-11-21 00:00 in Seoul.
const MIDNIGHT: i64 = 1_795_186_800_000_000_000;

fn at(day: i64, hour: i64) -> WallTime {
    WallTime::from_nanos(MIDNIGHT + (day * 24 + hour) * HOUR)
}

fn day(number: u32) -> CivilDay {
    CivilDay::from_ymd_opt(2026, 11, 21 + number).unwrap()
}

fn watching(ended: Option<Ended>) -> Watching {
    Watching { rule_set: RuleSetHash([5; 32]), interfaces: vec!["eth1".into()], ended }
}

fn ended(calls: u64) -> Ended {
    Ended { calls, known: 0 }
}

/// Two calls on the first day, which is closed at midnight, and two on the second, one of which failed.
fn working_days(vault: &Vault) {
    vault.tell(at(0, 9), &LedgerNote::RecorderStarted(watching(None))).unwrap();
    vault.keep_rule_text(RuleSetHash([5; 32]), "rules").unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.exclude(&summary(2));
    writer.commit(at(0, 10)).unwrap();
    vault.close_day(at(1, 0), day(0), (vault.rows_told(), ended(2))).unwrap();
    record(&sealer, &mut writer, 3).unwrap();
    writer.fail(&summary(4), FailedBecause::KeyNotWrapped);
    writer.close(at(1, 9)).unwrap();
    vault.tell(at(1, 18), &LedgerNote::RecorderStopped(watching(Some(ended(4))))).unwrap();
}

#[test]
fn a_day_that_is_closed_has_its_rows_and_a_head_and_the_next_day_the_others() {
    let office = Office::new();
    let vault = office.open();
    working_days(&vault);
    assert_eq!(vault.close_missed_days(at(2, 1)).unwrap(), 1);
    let [first, second] = [0, 1].map(|number| vault.statement(day(number), at(2, 1)).unwrap());
    assert_eq!((first.counts.seen, first.counts.recorded), (2, 1));
    assert_eq!(first.counts.excluded(), 1);
    assert_eq!(first.counts.counted, Counted::ByRecorders);
    assert_eq!((second.counts.seen, second.counts.recorded), (2, 1));
    assert_eq!(second.counts.failed, [(FailedBecause::KeyNotWrapped, 1)]);
    assert!(first.counts.balances() && second.counts.balances());
    assert!(first.agrees() && second.agrees());
    let closing =
        |statement: &earwitness_vault::Statement| statement.closed.as_ref().unwrap().content.closing;
    assert_eq!((closing(&first), closing(&second)), (Closing::InTime, Closing::Late));
    let closed: Vec<_> = vault.heads().unwrap().into_iter().map(|head| (head.day, head.closes)).collect();
    assert_eq!(closed, [(day(0), Closes::Day), (day(1), Closes::Day)]);
    assert_eq!(vault.check_heads(vec![]).unwrap().findings, []);
    let coverage = first.coverage.unwrap();
    assert_eq!(coverage.of.from, at(0, 0));
}

#[test]
fn the_reason_of_a_failed_call_comes_back_and_the_index_is_rebuilt_with_it() {
    let office = Office::new();
    let vault = office.open();
    working_days(&vault);
    let rows: Vec<_> = vault.ledger().rows().map(Result::unwrap).collect();
    let failed = rows.iter().find(|row| row.kind == LedgerKind::Failed).unwrap();
    assert_eq!(failed_call(failed), Some((summary(4).id, FailedBecause::KeyNotWrapped)));
    let before: Vec<_> = vault.index().newest_last(None, None).map(Result::unwrap).collect();
    vault.rebuild_index().unwrap();
    let after: Vec<_> = vault.index().newest_last(None, None).map(Result::unwrap).collect();
    assert_eq!((before.len(), before), (4, after));
    let proof = vault.prove_call(summary(4).id).unwrap().verify(&vault.verifying_key()).unwrap();
    assert_eq!(proof.number, failed.number);
}

#[test]
fn days_without_a_recorder_are_closed_late_each_with_its_rows_and_one_head_over_all() {
    let office = Office::new();
    let vault = office.open();
    vault.tell(at(0, 9), &LedgerNote::RecorderStarted(watching(None))).unwrap();
    let (_, mut writer) = vault.writer().unwrap();
    writer.exclude(&summary(1));
    writer.commit(at(0, 10)).unwrap();
    writer.exclude(&summary(2));
    writer.close(at(2, 10)).unwrap();
    vault.tell(at(2, 18), &LedgerNote::RecorderStopped(watching(Some(ended(2))))).unwrap();
    assert_eq!(vault.close_missed_days(at(2, 20)).unwrap(), 2);
    assert_eq!(vault.close_missed_days(at(5, 8)).unwrap(), 3);
    assert_eq!(vault.close_missed_days(at(5, 9)).unwrap(), 0);
    let seen: Vec<_> = (0..6)
        .map(|number| vault.statement(day(number), at(5, 9)).unwrap())
        .map(|statement| (statement.counts.seen, statement.counts.balances(), statement.closed.is_some()))
        .collect();
    let closed = |seen| (seen, true, true);
    assert_eq!(seen, [closed(1), closed(0), closed(1), closed(0), closed(0), (0, true, false)]);
    let heads: Vec<_> = vault.heads().unwrap().into_iter().map(|head| head.day).collect();
    assert_eq!(heads, [day(1), day(4)]);
    // A clock that is set back three years closes nothing, and nothing twice.
    assert_eq!(vault.close_missed_days(at(-1095, 0)).unwrap(), 0);
}

/// As [`working_days`], but that nobody closed the first one when it ended.
fn a_day_goes_unclosed(vault: &Vault) -> (u64, Ended) {
    vault.tell(at(0, 9), &LedgerNote::RecorderStarted(watching(None))).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.exclude(&summary(2));
    writer.commit(at(0, 10)).unwrap();
    let first = (vault.rows_told(), ended(2));
    record(&sealer, &mut writer, 3).unwrap();
    writer.commit(at(1, 9)).unwrap();
    first
}

#[test]
fn a_day_that_could_not_be_closed_in_time_is_closed_late_before_the_next_one() {
    let office = Office::new();
    let vault = office.open();
    a_day_goes_unclosed(&vault);
    vault.close_day(at(2, 0), day(1), (vault.rows_told(), ended(3))).unwrap();
    let [first, second] = [0, 1].map(|number| vault.statement(day(number), at(2, 1)).unwrap());
    let closing =
        |statement: &earwitness_vault::Statement| statement.closed.as_ref().unwrap().content.closing;
    assert_eq!((closing(&first), closing(&second)), (Closing::Late, Closing::InTime));
    assert_eq!((first.counts.seen, second.counts.seen), (2, 1));
    assert!(first.counts.balances() && second.counts.balances());
    assert!(first.agrees() && second.agrees());
    assert_eq!(vault.close_missed_days(at(2, 2)).unwrap(), 0);
    assert_eq!(vault.check_heads(vec![]).unwrap().findings, []);
}

#[test]
fn a_closing_that_is_tried_again_closes_the_day_once_with_the_rows_that_it_had_then() {
    let office = Office::new();
    let vault = office.open();
    let first = a_day_goes_unclosed(&vault);
    let closings = |vault: &Vault| {
        vault.ledger().rows().filter(|row| row.as_ref().unwrap().kind == LedgerKind::DayClosed).count()
    };
    let head = vault.close_day(at(1, 0), day(0), first).unwrap();
    let again = vault.close_day(at(1, 0), day(0), first).unwrap();
    assert_eq!((closings(&vault), &head.path, head.day), (1, &again.path, again.day));
    vault.close_day(at(2, 0), day(1), (vault.rows_told(), ended(3))).unwrap();
    assert_eq!(closings(&vault), 2);
    let [first, second] = [0, 1].map(|number| vault.statement(day(number), at(2, 1)).unwrap());
    assert_eq!((first.counts.seen, second.counts.seen), (2, 1));
    assert_eq!((first.counts.counted, second.counts.counted), (Counted::ByRecorders, Counted::ByRecorders));
}

#[test]
fn a_clock_that_leaps_by_decades_closes_no_thousand_days() {
    let office = Office::new();
    let vault = office.open();
    working_days(&vault);
    assert_eq!(vault.close_missed_days(at(20_000, 0)).unwrap(), 400);
}

#[test]
fn after_a_power_cut_at_any_operation_every_call_belongs_to_one_day_and_heads_fit() {
    let mut images = Images::default();
    for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
        let office = Office::new();
        let mut image = Image::of(&office.dir());
        let disk = WatchedDisk::default();
        working_days(&Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap());
        let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
        assert!(told.len() > 60, "{}", told.len());
        for (place, told) in told.iter().enumerate() {
            image.apply(told);
            check(&office, &image, crash, &format!("{crash:?} after {place}, {told:?}"));
            images.count(crash);
        }
    }
    images.tell("days that are closed");
}

fn check(office: &Office, image: &Image, crash: Crash, place: &str) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("vault");
    image.leave(crash, &office.dir(), &dir);
    let vault = Vault::open(&dir).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(vault.ledger().verify(), [], "{place}");
    assert_eq!(vault.check_heads(vec![]).unwrap().findings, [], "{place}");
    assert!(matches!(vault.rule_text(RuleSetHash([5; 32])), Ok(None | Some(_))), "{place}");
    let now = at(4, 1);
    vault.close_missed_days(now).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(vault.close_missed_days(now).unwrap(), 0, "{place}");
    assert_eq!(vault.check_heads(vec![]).unwrap().findings, [], "{place}");
    let rows: Vec<_> = vault.ledger().rows().map(Result::unwrap).collect();
    let closed: Vec<_> = rows
        .iter()
        .filter_map(|row| match LedgerNote::of(row) {
            Some(LedgerNote::DayClosed(closed)) => Some(closed),
            _ => None,
        })
        .collect();
    let days: BTreeSet<_> = closed.iter().map(|closed| closed.day).collect();
    assert_eq!(days.len(), closed.len(), "{place}: a day is closed once");
    assert!(closed.windows(2).all(|two| two[0].to == two[1].from), "{place}: {closed:?}");
    let of_calls = rows
        .iter()
        .filter(|row| [LedgerKind::Recorded, LedgerKind::Excluded, LedgerKind::Failed].contains(&row.kind));
    let accounted: u64 = closed.iter().map(|closed| closed.counts.accounted()).sum();
    let again: u64 = closed.iter().map(|closed| closed.counts.again).sum();
    let lost: u64 = closed
        .iter()
        .flat_map(|closed| &closed.counts.failed)
        .map(|(because, count)| if *because == FailedBecause::RecorderDied { *count } else { 0 })
        .sum();
    assert!(of_calls.count() as u64 >= accounted + again - lost, "{place}: {closed:?}");
    for closed in &closed {
        let statement = vault.statement(closed.day, now).unwrap();
        assert!(statement.agrees() && statement.counts.balances(), "{place}: {statement:?}");
    }
}
