//! What a recorder shows while it records: to `status`, to scrapers, in its log, to whoever wants to hear of alarms.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    thread,
    time::{Duration, Instant},
};

use earwitness_testkit::load::Load;
use serde_json::Value;
use support::{Bench, wire::Wire};

fn office() -> Bench {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    bench
}

fn status(bench: &Bench) -> (Option<i32>, Value) {
    let said = bench.run(["status", "--json"]);
    (said.code, serde_json::from_str(&said.out).unwrap_or(Value::Null))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn without_a_recorder_status_says_so_with_3() {
    let bench = office();
    let said = bench.run(["status"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("no recorder runs on the vault at "), "{said:?}");
}

#[test]
fn a_recording_is_counted_scraped_and_logged_and_the_log_names_nobody() {
    let Some(wire) = Wire::new() else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let (bench, load) = (office(), Load { calls: 8, seconds: 2.0, ring_s: 0.2, ..Load::default() });
    let recorder = wire.record(&bench, &["--metrics", "9464", "--log", "json"]);
    wire.send(load.frames());
    until("all frames are counted", || status(&bench).1["calls"]["ended"] == 8);
    let (code, health) = status(&bench);
    // A disk that is nearly full is a matter of the machine that tests.
    let is_machines = |alarm: &Value| alarm["code"].as_str().unwrap().starts_with("disk_");
    assert!(health["alarms"].as_array().unwrap().iter().all(is_machines), "{health}");
    assert!(code == Some(0) || !health["alarms"].as_array().unwrap().is_empty());
    assert_eq!((&health["schema"], &health["state"]), (&1.into(), &"recording".into()));
    let frames = load.frames().count() as u64;
    let interface = &health["interfaces"][0];
    assert_eq!((&interface["frames"], &interface["kernel_drops"]), (&frames.into(), &0.into()));
    assert_eq!(health["media"]["lost"], 0);
    let scraped = |path: &str| {
        let mut command = std::process::Command::new("ip");
        command.args([
            "netns",
            "exec",
            wire.namespace(),
            "curl",
            "-s",
            &format!("http://127.0.0.1:9464{path}"),
        ]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let page = scraped("/metrics");
    for line in [
        format!("earwitness_interface_frames_total{{interface=\"tap\"}} {frames}"),
        "earwitness_calls_ended_total 8".to_owned(),
        "earwitness_media_lost_total{cause=\"no_memory\"} 0".to_owned(),
    ] {
        assert!(page.lines().any(|there| there == line), "{line} is not in\n{page}");
    }
    assert_eq!(scraped("/healthz"), "ok\n");
    bench.done(["list"]);
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    let events: Vec<Value> = said.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in ["started", "served", "stopped"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let served = events.iter().find(|event| event["event"] == "served").unwrap();
    assert_eq!(served["command"], "list");
    for call in bench.calls(&[]) {
        let mut secrets: Vec<&Value> = vec![&call["sip_call_ids"][0]];
        for party in ["from", "to"] {
            secrets.extend([&call[party]["user"], &call[party]["display"], &call[party]["host"]]);
        }
        for secret in secrets.into_iter().filter_map(Value::as_str) {
            assert!(
                !said.err.contains(secret) && !page.contains(secret),
                "{secret} is in\n{}\n{page}",
                said.err
            );
        }
    }
}

#[test]
fn an_interface_that_goes_down_is_an_alarm_that_is_heard_and_ends_status_with_6() {
    let Some(wire) = Wire::new() else { return };
    let (bench, heard) = (office(), std::env::temp_dir().join(format!("ew-alarm-{}", std::process::id())));
    let command = format!("echo $EARWITNESS_ALARM $EARWITNESS_STATE >> {}", heard.display());
    let recorder = wire.record(&bench, &["--on-alarm", &command]);
    until("it records", || status(&bench).1["state"] == "recording");
    wire.ip(&["link", "set", "send", "down"]);
    let is_down = |text: &str| text.lines().any(|line| line == "interface_down raised");
    until("the alarm is heard", || is_down(&std::fs::read_to_string(&heard).unwrap_or_default()));
    let (code, health) = status(&bench);
    assert_eq!((code, &health["interfaces"][0]["link"]), (Some(6), &"down".into()), "{health}");
    let said = recorder.stop();
    std::fs::remove_file(&heard).unwrap();
    assert!(said.err.contains("earwitness: tap is down\n"), "{said:?}");
    assert!(said.err.contains("earwitness: alarm interface_down: "), "{said:?}");
}
