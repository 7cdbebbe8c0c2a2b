//! Days as rows tell them, recorder by recorder.

use earwitness_model::{CallId, RecordingId, RuleSetHash, WallTime};

use super::*;
use crate::{
    ledger::{Alive, Counted, FailedBecause, Recovered, Watching},
    manifest::RecordedRow,
};

fn row(kind: LedgerKind, payload: Vec<u8>) -> Row {
    Row { number: 0, kind, at: WallTime::from_nanos(0), payload }
}

fn note(note: LedgerNote) -> Row {
    row(note.kind(), note.to_bytes())
}

fn id(call: u8) -> [u8; 16] {
    [call; 16]
}

fn recorded(call: u8) -> Row {
    part(call, call, false)
}

fn part(call: u8, recording: u8, interrupted: bool) -> Row {
    second_part(call, recording, interrupted, None)
}

fn second_part(call: u8, recording: u8, interrupted: bool, of: Option<u8>) -> Row {
    let told = RecordedRow {
        call: CallId::from_bytes(id(call)),
        recording: RecordingId::from_bytes(id(recording)),
        manifest: [recording; 32],
        interrupted,
        continues: of.map(|of| RecordingId::from_bytes(id(of))),
    };
    row(LedgerKind::Recorded, told.to_bytes())
}

fn watching(ended: Option<Ended>) -> Watching {
    Watching { rule_set: RuleSetHash([1; 32]), interfaces: vec!["eth1".into()], ended }
}

fn started() -> Row {
    note(LedgerNote::RecorderStarted(watching(None)))
}

fn ended(calls: u64, known: u64) -> Option<Ended> {
    Some(Ended { calls, known })
}

fn stopped(calls: u64, known: u64) -> Row {
    note(LedgerNote::RecorderStopped(watching(ended(calls, known))))
}

fn alive(calls: u64) -> Row {
    note(LedgerNote::Alive(Alive { frames: 0, calls: 0, ended: ended(calls, 0) }))
}

fn recovered() -> Row {
    note(LedgerNote::Recovered(Recovered::default()))
}

fn tally(counter: Counter, rows: impl IntoIterator<Item = Row>) -> Tally {
    let mut tally = Tally::going_on(counter);
    rows.into_iter().for_each(|row| tally.handle_row(&row));
    tally
}

fn day(rows: impl IntoIterator<Item = Row>) -> DayCounts {
    tally(Counter::NoRecorder, rows).close(None).0
}

#[test]
fn a_recorder_that_stopped_in_order_counted_every_call() {
    let counts = day([started(), recorded(1), recorded(2), alive(2), recorded(3), stopped(4, 1)]);
    assert_eq!((counts.seen, counts.recorded, counts.counted), (3, 3, Counted::ByRecorders));
    assert!(counts.balances());
    assert_eq!((counts.started, counts.stopped, counts.died, counts.again), (1, 1, 0, 0));
}

#[test]
fn a_call_that_was_counted_and_has_no_row_shows_and_so_does_a_row_that_nobody_counted() {
    let counts = day([started(), recorded(1), stopped(2, 0)]);
    assert_eq!((counts.seen, counts.accounted(), counts.balances()), (2, 1, false));
    let counts = day([started(), recorded(1), recorded(2), stopped(1, 0)]);
    assert_eq!((counts.seen, counts.accounted(), counts.balances()), (1, 2, false));
}

#[test]
fn what_a_recorder_told_of_before_it_died_and_no_row_has_failed_with_it() {
    let rows = [started(), recorded(1), alive(3), part(2, 2, true), recovered(), started(), stopped(0, 0)];
    let counts = day(rows);
    assert_eq!(counts.failed, [(FailedBecause::RecorderDied, 2)]);
    assert_eq!((counts.recorded, counts.interrupted, counts.seen, counts.died), (2, 1, 4, 1));
    assert!(counts.balances());
}

#[test]
fn a_call_that_goes_on_after_a_crash_is_one_call_of_two_recordings() {
    let rows = [started(), recorded(1), alive(1), part(2, 2, true), recovered(), started()];
    // Its second part has an id of its own, and a third one goes on from that.
    let rest = [second_part(9, 3, true, Some(2)), recovered(), started()];
    let rest = rest.into_iter().chain([second_part(10, 5, false, Some(3)), recorded(4), stopped(2, 0)]);
    let counts = day(rows.into_iter().chain(rest));
    assert_eq!((counts.seen, counts.recorded, counts.interrupted, counts.again), (3, 3, 0, 2));
    assert!(counts.balances());
}

#[test]
fn a_second_part_whose_first_was_yesterday_is_no_call_of_today() {
    let counts = day([started(), second_part(9, 3, false, Some(2)), recorded(4), stopped(2, 0)]);
    assert_eq!((counts.seen, counts.recorded, counts.again), (1, 1, 1));
    assert!(counts.balances());
}

#[test]
fn a_row_of_a_program_that_did_not_tell_what_goes_on_from_what_is_read() {
    let row = recorded(7).payload;
    let before = &row[..row.len() - 1];
    let told = RecordedRow::from_bytes(before).unwrap();
    assert_eq!((told.call, told.continues), (CallId::from_bytes(id(7)), None));
    assert_eq!(RecordedRow::from_bytes(&before[..before.len() - 1]), None);
}

#[test]
fn a_recording_told_of_twice_by_a_recovery_is_one() {
    let rows = [started(), recorded(1), recorded(2), recorded(2), recovered()];
    let counts = day(rows);
    assert_eq!((counts.seen, counts.recorded, counts.again), (2, 2, 0));
    assert!(counts.balances());
}

#[test]
fn a_day_that_ends_while_a_recorder_runs_has_its_calls_and_the_next_day_the_others() {
    let mut both = tally(Counter::NoRecorder, [started(), recorded(1), alive(1), recorded(2)]);
    let (first, counter) = both.close(ended(2, 0));
    assert_eq!((first.seen, first.recorded, first.counted), (2, 2, Counted::ByRecorders));
    assert_eq!(counter, Counter::At(Ended { calls: 2, known: 0 }));
    let mut rest = tally(counter, [recorded(3), stopped(3, 0)]);
    let (second, counter) = rest.close(None);
    assert_eq!((second.seen, second.recorded, second.started), (1, 1, 0));
    assert!(second.balances());
    assert_eq!(counter, Counter::NoRecorder);
}

#[test]
fn of_a_day_that_was_cut_and_whose_counter_nobody_knows_the_rows_are_all_there_is() {
    let mut both = tally(Counter::NoRecorder, [started(), recorded(1), recorded(2)]);
    let (first, counter) = both.close(None);
    assert_eq!((first.seen, first.counted, counter), (2, Counted::InPart, Counter::Unknown));
    both.handle_row(&recorded(3));
    both.handle_row(&stopped(3, 0));
    let (second, _) = both.close(None);
    assert_eq!((second.seen, second.counted, second.died), (1, Counted::InPart, 0));
    assert!(first.balances() && second.balances());
}

#[test]
fn rows_of_no_recorder_are_calls_that_recovery_or_a_rebuild_found() {
    let counts = day([part(1, 1, true), recovered(), recorded(2)]);
    assert_eq!((counts.seen, counts.recorded, counts.died), (2, 2, 0));
}

#[test]
fn what_cannot_be_read_is_counted_and_no_call() {
    let counts = day([
        row(LedgerKind::Recorded, vec![1]),
        row(LedgerKind::Excluded, vec![]),
        row(LedgerKind::Failed, vec![0xfa, 200]),
        row(LedgerKind::Alive, vec![9]),
        row(LedgerKind::IndexRebuilt, vec![]),
    ]);
    assert_eq!((counts.unread, counts.seen, counts.accounted()), (4, 0, 0));
}
