use earwitness_model::RuleSetHash;
use proptest::prelude::*;

use super::*;
use crate::ledger::{Alive, Recovered, Watching};

const fn at(seconds: i64) -> WallTime {
    WallTime::from_nanos(seconds * 1_000_000_000)
}

fn span(from: i64, to: i64) -> Span {
    Span { from: at(from), to: at(to) }
}

fn note(seconds: i64, note: &LedgerNote) -> Row {
    Row { number: 0, kind: note.kind(), at: at(seconds), payload: note.to_bytes() }
}

fn watching(interfaces: &[&str]) -> Watching {
    let interfaces = interfaces.iter().map(ToString::to_string).collect();
    Watching { rule_set: RuleSetHash([1; 32]), interfaces, ended: None }
}

fn started(seconds: i64) -> Row {
    note(seconds, &LedgerNote::RecorderStarted(watching(&["eth1"])))
}

fn stopped(seconds: i64) -> Row {
    note(seconds, &LedgerNote::RecorderStopped(watching(&["eth1"])))
}

fn alive(seconds: i64) -> Row {
    note(seconds, &LedgerNote::Alive(Alive::default()))
}

fn stepped(seconds: i64, by_seconds: i64) -> Row {
    note(seconds, &LedgerNote::ClockStepped { by_nanos: by_seconds * 1_000_000_000 })
}

fn lost(seconds: i64, from: i64, to: i64, frames: u64) -> Row {
    let gap = CoverageGap {
        from: at(from),
        to: at(to),
        cause: CoverageCause::KernelDrops,
        frames: Some(frames),
        interface: Some("eth1".into()),
    };
    note(seconds, &LedgerNote::CoverageGap(gap))
}

type Gap = (i64, i64, CoverageCause);

/// What the rows tell until `until`: spans watched, gaps, seconds covered.
fn check(rows: Vec<Row>, until: i64, watched: &[(i64, i64)], gaps: &[Gap], covered: i64) {
    let found = coverage(rows, None, at(until)).unwrap();
    let seconds = |time: WallTime| time.nanos() / 1_000_000_000;
    let found_gaps: Vec<Gap> =
        found.gaps.iter().map(|gap| (seconds(gap.from), seconds(gap.to), gap.cause)).collect();
    assert_eq!(found.watched, watched.iter().map(|&(from, to)| span(from, to)).collect::<Vec<_>>());
    assert_eq!(found_gaps, gaps);
    assert_eq!(found.covered_nanos, covered * 1_000_000_000);
}

#[test]
fn a_recorder_that_runs_covers_up_to_now() {
    check(vec![started(0), alive(60), alive(120)], 150, &[(0, 150)], &[], 150);
    check(vec![started(0), alive(60), stopped(90)], 90, &[(0, 90)], &[], 90);
}

#[test]
fn a_killed_recorder_was_down_from_its_last_sign_to_its_next_beginning() {
    let rows = vec![started(0), alive(60), started(1_000), alive(1_060)];
    let gaps = [(60, 1_000, CoverageCause::RecorderDown)];
    check(rows, 1_060, &[(0, 60), (1_000, 1_060)], &gaps, 120);
}

#[test]
fn what_recovery_says_ends_the_recorder_and_reading_in_between_is_no_sign_of_life() {
    let mut exported = alive(300);
    (exported.kind, exported.payload) = (LedgerKind::Exported, Vec::new());
    let rows = vec![started(0), note(200, &LedgerNote::Recovered(Recovered::default())), exported];
    check(rows, 400, &[(0, 0)][..0], &[(0, 400, CoverageCause::RecorderDown)], 0);
}

#[test]
fn a_recorder_that_was_stopped_is_told_from_one_that_died() {
    let rows = vec![started(0), stopped(50), started(80), alive(140)];
    let gaps = [(50, 80, CoverageCause::RecorderStopped), (140, 900, CoverageCause::RecorderDown)];
    check(rows, 900, &[(0, 50), (80, 140)], &gaps, 110);
}

#[test]
fn a_recorder_of_files_watches_nothing() {
    let file = |seconds| note(seconds, &LedgerNote::RecorderStarted(watching(&[])));
    assert_eq!(coverage(vec![file(0), alive(60)], None, at(100)), None);
    let rows =
        vec![started(0), stopped(50), file(100), note(110, &LedgerNote::RecorderStopped(watching(&[])))];
    check(rows, 200, &[(0, 50)], &[(50, 200, CoverageCause::RecorderStopped)], 50);
}

#[test]
fn a_machine_that_slept_gave_no_sign_of_life() {
    let rows = vec![started(0), alive(60), alive(3_600), alive(3_660)];
    let gaps = [(60, 3_600, CoverageCause::NoSignOfLife)];
    check(rows, 3_660, &[(0, 60), (3_600, 3_660)], &gaps, 120);
}

#[test]
fn losses_are_gaps_within_what_was_watched_and_pieces_of_one_loss_are_one() {
    let rows = vec![started(0), lost(20, 10, 20, 5), lost(30, 20, 30, 7), alive(60), lost(70, 25, 26, 1)];
    let found = coverage(rows.clone(), None, at(100)).unwrap();
    assert_eq!(found.gaps.len(), 1);
    assert_eq!(found.gaps[0].frames, Some(13));
    assert!((found.share() - 0.8).abs() < 1e-9);
    check(rows, 100, &[(0, 100)], &[(10, 30, CoverageCause::KernelDrops)], 80);
}

#[test]
fn a_loss_that_took_no_time_is_still_a_gap() {
    let found = coverage(vec![started(0), lost(20, 10, 10, 5), alive(60)], None, at(60)).unwrap();
    assert_eq!((found.gaps.len(), found.covered_nanos), (1, 59_999_999_999));
}

#[test]
fn a_clock_that_is_stepped_makes_no_gap_and_hides_none() {
    let rows = vec![started(0), alive(60), stepped(3_680, 3_600), alive(3_720)];
    check(rows, 3_720, &[(0, 3_720)], &[], 3_720);
    let rows = vec![started(3_600), alive(3_660), stepped(80, -3_600), alive(120)];
    let found = coverage(rows, Some(at(60)), at(3_700)).unwrap();
    assert_eq!(found.watched, [span(80, 120), span(3_600, 3_680)]);
    let slept = vec![started(0), alive(60), stepped(9_000, 3_600), alive(9_050)];
    let gaps = [(60, 5_400, CoverageCause::NoSignOfLife)];
    check(slept, 9_050, &[(0, 60), (9_000, 9_050)], &gaps, 110);
}

#[test]
fn what_was_asked_for_is_answered_and_no_more() {
    let rows = vec![started(100), lost(150, 120, 140, 1), alive(160), stopped(200), started(300), alive(360)];
    let found = coverage(rows, Some(at(50)), at(130)).unwrap();
    assert_eq!((found.of, found.watched.clone()), (span(50, 130), vec![span(100, 130)]));
    let gaps: Vec<_> = found.gaps.iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(gaps, [(at(50), at(100)), (at(120), at(130))]);
    assert_eq!(found.covered_nanos, 20_000_000_000);
}

fn any_row() -> impl Strategy<Value = Row> {
    let seconds = 0..5_000_i64;
    prop_oneof![
        seconds.clone().prop_map(started),
        seconds.clone().prop_map(stopped),
        seconds.clone().prop_map(alive),
        (seconds.clone(), -4_000..4_000_i64).prop_map(|(at, by)| stepped(at, by)),
        (seconds.clone(), seconds.clone(), 0..500_i64).prop_map(|(at, from, long)| lost(
            at,
            from,
            from + long,
            1
        )),
        (seconds, prop::sample::select(LedgerKind::ALL), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(seconds, kind, payload)| Row { number: 0, kind, at: at(seconds), payload }),
    ]
}

proptest! {
    #[test]
    fn whatever_the_rows_say_coverage_is_a_share_of_the_span_and_gaps_lie_within_it(
        rows in prop::collection::vec(any_row(), 0..30), since in 0..4_000_i64, long in 0..3_000_i64
    ) {
        let Some(found) = coverage(rows, Some(at(since)), at(since + long)) else { return Ok(()) };
        prop_assert!((0.0..=1.0).contains(&found.share()), "{}", found.share());
        for pair in found.watched.windows(2) {
            prop_assert!(pair[0].to < pair[1].from);
        }
        for gap in &found.gaps {
            prop_assert!(found.of.from <= gap.from && gap.from < gap.to && gap.to <= found.of.to);
        }
    }
}
