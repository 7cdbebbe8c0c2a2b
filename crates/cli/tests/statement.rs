//! The daily statement against a generator that knows every call: over a wire, with losses, doubled frames, a kill and an
//! interface that goes away.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    thread,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
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

/// All of its calls.
fn made(load: &Load) -> u64 {
    load.truth().calls.len() as u64
}

/// Now, and how far from it a moment of the statement is.
#[derive(Debug, Clone, Copy)]
struct Moment(DateTime<Utc>);

impl Moment {
    fn now() -> Self {
        Self(SystemTime::now().into())
    }

    /// Seconds from this to what the statement says.
    fn to(self, told: &Value) -> f64 {
        let told = DateTime::parse_from_rfc3339(told.as_str().unwrap()).unwrap().to_utc();
        (told - self.0).num_milliseconds() as f64 / 1e3
    }
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
    let begun = Moment::now();
    wire.send(before.frames());
    wait_until_no_call_runs(&bench);
    let (recorder, killed, again) = thread::scope(|scope| {
        let calling = scope.spawn(|| wire.send(through.frames()));
        thread::sleep(Duration::from_secs(4));
        recorder.signal(Signal::KILL);
        recorder.end();
        let killed = Moment::now();
        thread::sleep(Duration::from_secs(1));
        let recorder = wire.record(&bench, &[]);
        let again = Moment::now();
        calling.join().unwrap();
        (recorder, killed, again)
    });
    wait_until_no_call_runs(&bench);
    let gone = Moment::now();
    wire.ip(&["link", "del", "tap"]);
    thread::sleep(Duration::from_millis(1500));
    let coming = Moment::now();
    wire.link();
    let back = Moment::now();
    thread::sleep(Duration::from_millis(2500));
    wire.send(after.frames());
    wait_until_no_call_runs(&bench);
    let said = recorder.stop();
    assert!(matches!(said.code, Some(0 | 6)), "{said:?}");

    // Of the calls that ran when the recorder was killed, those that nobody keeps ended while nobody knew of them: they are in
    // no statement, and the gap that the kill left says when.
    let recorded = named(&before) + named(&through) + named(&after);
    let unknown = made(&through) - named(&through);
    let generated = made(&before) + made(&through) + made(&after);
    assert_eq!((generated, unknown), (10_010, 10), "the generator's calls");
    let excluded = generated - recorded - unknown;
    let day = bench.run(["ledger", "statement", "today", "--json"]);
    assert_eq!(day.code, Some(0), "{day:?}");
    let told: Value = serde_json::from_str(&day.out).unwrap();
    assert_eq!(
        [&told["seen"], &told["recorded"], &told["excluded"], &told["failed"]],
        [&json!(10_000), &json!(recorded), &json!(excluded), &json!(0)],
        "{told}"
    );
    assert_eq!(told["excluded_by"], json!({ "no_rule": excluded }));
    assert_eq!(told["balances"], json!(true), "{told}");
    assert_eq!((&told["started"], &told["stopped"], &told["died"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(told["again"], json!(named(&through)), "the second parts");
    let gaps = told["coverage"]["gaps"].as_array().unwrap();
    let windows = |cause: &str| gaps.iter().filter(|gap| gap["cause"] == cause).collect::<Vec<_>>();
    // From its last sign of life, which is before the kill, until it listens again.
    let [down] = windows("recorder_down")[..] else { panic!("{gaps:?}") };
    assert!(begun.to(&down["from"]) >= -1.0 && killed.to(&down["from"]) <= 0.0, "{killed:?} {down}");
    assert!(killed.to(&down["to"]) >= 1.0 && again.to(&down["to"]) <= 0.5, "{killed:?} {again:?} {down}");
    let away = windows("interface_down");
    assert!(!away.is_empty(), "{gaps:?}");
    // It is looked for once a second.
    let (first, last) = (&away[0]["from"], &away[away.len() - 1]["to"]);
    assert!(gone.to(first) >= -1.5 && gone.to(first) <= 2.0, "{gone:?} {away:?}");
    assert!(coming.to(last) >= 0.0 && back.to(last) <= 3.0, "{coming:?} {back:?} {away:?}");
    let page = bench.done(["ledger", "statement", "today"]);
    assert!(page.contains("합계 일치 / every call is accounted for"), "{page}");
    bench.done(["ledger", "verify"]);
}
