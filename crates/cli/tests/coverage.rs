//! What the ledger tells of the time that was watched.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use earwitness_model::{RuleSetHash, WallTime};
use earwitness_vault::{Alive, CoverageCause, CoverageGap, LedgerNote, Vault, Watching};
use serde_json::{Value, json};
use support::Bench;

/// 2026-11-20 09:00 in Seoul.
const NINE: i64 = 1_795_132_800;

fn at(seconds: i64) -> WallTime {
    WallTime::from_nanos((NINE + seconds) * 1_000_000_000)
}

fn tell(vault: &Vault, seconds: i64, note: &LedgerNote) {
    vault.tell(at(seconds), note).unwrap();
}

/// A recorder that lost frames, died in the third minute and came back after an hour.
fn eventful(bench: &Bench) {
    bench.done(["init", "--access", "open"]);
    let vault = Vault::open(&bench.vault()).unwrap();
    let watching =
        Watching { rule_set: RuleSetHash([1; 32]), interfaces: vec!["eth1".to_owned()], ended: None };
    let started = LedgerNote::RecorderStarted(watching.clone());
    let alive = LedgerNote::Alive(Alive { frames: 5, calls: 0, ended: None });
    let gap = CoverageGap {
        from: at(70),
        to: at(80),
        cause: CoverageCause::KernelDrops,
        frames: Some(12),
        interface: Some("eth1".to_owned()),
    };
    tell(&vault, 0, &started);
    tell(&vault, 60, &alive);
    tell(&vault, 90, &LedgerNote::CoverageGap(gap));
    tell(&vault, 120, &alive);
    tell(&vault, 3_720, &started);
    tell(&vault, 3_780, &alive);
    tell(&vault, 3_800, &LedgerNote::RecorderStopped(watching));
}

fn ask(bench: &Bench, since: &str, until: &str, code: i32) -> Value {
    let said = bench.run(["coverage", "--since", since, "--until", until, "--json"]);
    assert_eq!(said.code, Some(code), "{said:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn gaps_are_told_with_their_causes_and_end_with_six() {
    let bench = Bench::new();
    eventful(&bench);
    let found = ask(&bench, "2026-11-20T09:00:00+09:00", "2026-11-20T10:03:20+09:00", 6);
    let causes: Vec<_> = found["gaps"].as_array().unwrap().iter().map(|gap| gap["cause"].clone()).collect();
    assert_eq!(causes, ["kernel_drops", "recorder_down"]);
    assert_eq!((&found["gaps"][0]["frames"], &found["gaps"][1]["seconds"]), (&json!(12), &json!(3600.0)));
    assert_eq!(found["covered_s"], json!(190.0));
    let (since, until) = ("2026-11-20T08:00:00+09:00", "2026-11-20T10:04:00+09:00");
    let page = bench.run(["coverage", "--since", since, "--until", until]);
    assert_eq!(page.code, Some(6), "{page:?}");
    assert!(page.out.contains("1:00:00  recorder down: killed or crashed"), "{}", page.out);
    // Before it first began, and after it was stopped, too: 190 of 7440 seconds.
    assert!(page.out.trim_start().starts_with("from"), "{}", page.out);
    assert!(page.out.lines().last().unwrap().starts_with("2.553 % of "), "{}", page.out);
    assert!(page.out.ends_with(" covered, 4 gaps\n"), "{}", page.out);
}

#[test]
fn a_time_without_a_gap_ends_with_zero() {
    let bench = Bench::new();
    eventful(&bench);
    let found = ask(&bench, "2026-11-20T09:00:00+09:00", "2026-11-20T09:01:00+09:00", 0);
    assert_eq!((&found["covered_percent"], &found["gaps"]), (&json!(100.0), &json!([])));
}

#[test]
fn a_vault_of_capture_files_covers_no_time_and_a_time_that_is_none_is_refused() {
    let bench = Bench::with_office();
    let said = bench.run(["coverage"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("no recorder ever watched an interface"), "{said:?}");
    let backwards = bench.run(["coverage", "--since", "2026-11-21", "--until", "2026-11-19"]);
    assert_eq!(backwards.code, Some(2), "{backwards:?}");
    assert_eq!(bench.run(["coverage", "--since", "whenever"]).code, Some(2));
}
