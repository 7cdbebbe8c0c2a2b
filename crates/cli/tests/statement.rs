//! The daily statement against a generator that knows every call: over a wire, with losses, doubled frames, a kill and an
//! interface that goes away.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{thread, time::Duration};

use earwitness_testkit::load::Load;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Bench, until, wire::Wire};

/// Of the extensions 4001 to 4030, which are called in turn, a rule of the example office names the first twenty.
const EXTENSIONS: u32 = 30;
const NAMED: u32 = 20;

fn load(calls: u32, seconds: f64, seed: u64) -> Load {
    Load {
        calls,
        seconds,
        seed,
        start_spread_s: f64::from(calls) / 250.0,
        ring_s: 0.1,
        loss_percent: 3.0,
        reorder_percent: 2.0,
        jitter_ms: 5,
        duplicate: true,
        extensions: EXTENSIONS,
        ..Load::default()
    }
}

/// How many of the calls a rule names: told by the generator's truth alone.
fn named(load: &Load) -> u64 {
    let is_named = |to: &str| to.parse::<u32>().is_ok_and(|extension| extension < 4001 + NAMED);
    load.truth().calls.iter().filter(|call| is_named(&call.to)).count() as u64
}

fn wait_until_no_call_runs(bench: &Bench) {
    until("calls that end", || {
        let said = bench.run(["status", "--json"]);
        serde_json::from_str::<Value>(&said.out).is_ok_and(|status| status["calls"]["running"] == json!(0))
    });
    thread::sleep(Duration::from_millis(1500));
}

#[test]
fn ten_thousand_calls_are_accounted_for_to_the_unit_through_a_kill_and_an_interface_that_goes_away() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    let (before, through, after) = (load(5_000, 0.06, 1), load(40, 9.0, 2), load(4_970, 0.06, 3));

    let recorder = wire.record(&bench, &[]);
    wire.send(before.frames());
    wait_until_no_call_runs(&bench);
    let recorder = thread::scope(|scope| {
        let calling = scope.spawn(|| wire.send(through.frames()));
        thread::sleep(Duration::from_secs(4));
        recorder.signal(Signal::KILL);
        recorder.end();
        thread::sleep(Duration::from_secs(1));
        let again = wire.record(&bench, &[]);
        calling.join().unwrap();
        again
    });
    wait_until_no_call_runs(&bench);
    wire.ip(&["link", "del", "tap"]);
    thread::sleep(Duration::from_millis(1500));
    wire.link();
    thread::sleep(Duration::from_millis(2500));
    wire.send(after.frames());
    wait_until_no_call_runs(&bench);
    let said = recorder.stop();
    assert!(matches!(said.code, Some(0 | 6)), "{said:?}");

    // Calls that nobody keeps and that ran when the recorder was killed ended while nobody knew of them.
    let recorded = named(&before) + named(&through) + named(&after);
    let excluded = 5_000 + 4_970 - named(&before) - named(&after);
    let day = bench.run(["ledger", "statement", "today", "--json"]);
    assert_eq!(day.code, Some(0), "{day:?}");
    let told: Value = serde_json::from_str(&day.out).unwrap();
    assert_eq!(recorded + excluded, 10_000, "the generator's calls");
    assert_eq!(
        [&told["seen"], &told["recorded"], &told["excluded"], &told["failed"]],
        [&json!(10_000), &json!(recorded), &json!(excluded), &json!(0)],
        "{told}"
    );
    assert_eq!(told["excluded_by"], json!({ "no_rule": excluded }));
    assert_eq!(told["balances"], json!(true), "{told}");
    assert_eq!((&told["started"], &told["stopped"], &told["died"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(told["again"], json!(named(&through)), "the second parts");
    let gaps: Vec<&str> =
        told["coverage"]["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["cause"].as_str()).collect();
    assert!(gaps.contains(&"recorder_down") && gaps.contains(&"interface_down"), "{gaps:?}");
    let page = bench.done(["ledger", "statement", "today"]);
    assert!(page.contains("합계 일치 / every call is accounted for"), "{page}");
    bench.done(["ledger", "verify"]);
}
