//! What a recorder shows while it records: to `status`, to scrapers, in its log, to whoever wants to hear of alarms.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use earwitness_testkit::load::Load;
use prometheus_parse::{LineInfo, SampleType, Scrape, Value as Told};
use serde_json::Value;
use support::{Bench, until, wire::Wire};

fn office() -> Bench {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    bench
}

fn status(bench: &Bench) -> (Option<i32>, Value) {
    let said = bench.run(["status", "--json"]);
    (said.code, serde_json::from_str(&said.out).unwrap_or(Value::Null))
}

#[test]
fn without_a_recorder_status_says_so_with_3() {
    let bench = office();
    let said = bench.run(["status"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("no recorder runs on the vault at "), "{said:?}");
}

/// What curl is answered in the recorder's namespace; its first line is the content type.
fn typed_answer(wire: &Wire, path: &str, accept: &str) -> String {
    let url = format!("http://127.0.0.1:9464{path}");
    let accept = format!("Accept: {accept}");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", wire.namespace(), "curl", "--silent", "--show-error", "--header"]);
    let output = command.args([&accept, "--dump-header", "/dev/stderr", &url]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let head = String::from_utf8(output.stderr).unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap();
    format!("{kind}\n{}", String::from_utf8(output.stdout).unwrap())
}

fn scraped(wire: &Wire, path: &str, accept: &str) -> String {
    typed_answer(wire, path, accept).split_once('\n').unwrap().1.to_owned()
}

/// `promtool check metrics`, where it is installed: no complaint.
fn prometheus_own_tool_complains_of_nothing(page: &str) {
    let check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut check) = check else {
        println!("left out: promtool is not installed");
        return;
    };
    check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!((output.status.code(), String::from_utf8(said).unwrap().as_str()), (Some(0), ""), "{page}");
}

/// Words for what is not told in seconds or bytes.
const NO_BASE_UNIT: [&str; 12] =
    ["ms", "milliseconds", "us", "ns", "minutes", "hours", "days", "bits", "kb", "kib", "mib", "percent"];

/// Every line of `page` as a scraper reads it: each sample of a family that has a help and a type, once.
fn read_strictly(page: &str) -> Scrape {
    let (mut helps, mut types) = (Vec::new(), BTreeMap::new());
    for line in page.lines() {
        match LineInfo::parse(line) {
            LineInfo::Doc { metric_name, doc } => {
                assert!(doc.len() > 5 && !helps.contains(&metric_name), "{line}");
                helps.push(metric_name);
            }
            LineInfo::Type { metric_name, sample_type, .. } => {
                assert_eq!(helps.last(), Some(&metric_name.as_str()), "{line}");
                assert_eq!(types.insert(metric_name, sample_type), None, "{line}");
            }
            LineInfo::Sample { metric_name, value, timestamp, .. } => {
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite) && timestamp.is_none(), "{line}");
                let is_counter = match types.get(metric_name) {
                    Some(SampleType::Counter) => true,
                    Some(SampleType::Gauge) => false,
                    other => panic!("{line}: {other:?}"),
                };
                assert_eq!(is_counter, metric_name.ends_with("_total"), "{line}");
                let words: Vec<&str> = metric_name.split('_').collect();
                assert!(words.iter().all(|word| !NO_BASE_UNIT.contains(word)), "{line}");
            }
            LineInfo::Empty | LineInfo::Ignored => panic!("{line:?} is nothing that a scraper reads"),
        }
    }
    assert!(types.len() > 30, "{types:?}");
    Scrape::parse(page.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

/// The value of the one sample of this name and these labels.
fn value(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> f64 {
    let is_it = |sample: &&prometheus_parse::Sample| {
        sample.metric == name
            && sample.labels.len() == labels.len()
            && labels.iter().all(|(key, value)| sample.labels.get(key) == Some(value))
    };
    let found: Vec<_> = scrape.samples.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => match &one.value {
            Told::Counter(value) | Told::Gauge(value) => *value,
            other @ (Told::Untyped(_) | Told::Histogram(_) | Told::Summary(_)) => {
                panic!("{name} is {other:?}")
            }
        },
        other => panic!("{name} {labels:?}: {other:?}"),
    }
}

#[test]
fn prometheus_reads_the_metrics_and_they_are_what_was_sent() {
    let Some(wire) = Wire::new() else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let (bench, load) = (office(), Load { calls: 6, seconds: 1.5, ring_s: 0.2, ..Load::default() });
    let truth = load.truth();
    let recorder = wire.record(&bench, &["--metrics", "9464"]);
    wire.send(load.frames());
    until("all calls are over and written down", || status(&bench).1["written"]["calls"] == 6);
    let answer = typed_answer(&wire, "/metrics", "*/*");
    let (kind, page) = answer.split_once('\n').unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    prometheus_own_tool_complains_of_nothing(page);
    let scrape = read_strictly(page);
    let packets: u64 = truth.calls.iter().flat_map(|call| &call.directions).map(|leg| leg.packets).sum();
    let tap = [("interface", "tap")];
    for (name, labels, expected) in [
        ("earwitness_frames_total", &[][..], truth.frames),
        ("earwitness_interface_frames_total", &tap, truth.frames),
        ("earwitness_interface_kernel_drops_total", &tap, 0),
        ("earwitness_interface_up", &tap, 1),
        ("earwitness_calls_begun_total", &[("verdict", "admitted")], 6),
        ("earwitness_calls_begun_total", &[("verdict", "not_admitted")], 0),
        ("earwitness_calls_answered_total", &[], 6),
        ("earwitness_calls_ended_total", &[], 6),
        ("earwitness_calls_listed_total", &[], 6),
        ("earwitness_calls_running", &[], 0),
        ("earwitness_media_packets_total", &[], packets),
        ("earwitness_media_kept_total", &[], packets),
        ("earwitness_media_lost_total", &[("cause", "no_memory")], 0),
        ("earwitness_alarm", &[("code", "frames_lost")], 0),
    ] {
        assert_eq!(value(&scrape, name, labels), expected as f64, "{name} {labels:?}");
    }
    let bytes: usize = load.frames().map(|frame| frame.bytes.len()).sum();
    assert_eq!(value(&scrape, "earwitness_interface_received_bytes_total", &tap), bytes as f64);
    let started = value(&scrape, "earwitness_start_time_seconds", &[]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..120.0).contains(&(now - started)), "{started} is not a minute before {now}");
    nobody_is_in_a_label(&scrape, &bench);
    let open = typed_answer(&wire, "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    let (kind, page) = open.split_once('\n').unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(page.contains("# TYPE earwitness_frames counter\n") && page.ends_with("\n# EOF\n"), "{page}");
    assert_eq!(recorder.stop().code, Some(0));
}

/// Labels are of a closed set, and none says who called whom.
fn nobody_is_in_a_label(scrape: &Scrape, bench: &Bench) {
    let known = ["interface", "layer", "cause", "verdict", "queue", "code", "fate", "tunnel"];
    let mut persons = Vec::new();
    for call in bench.calls(&[]) {
        let of_party = |party: &str| ["user", "display", "host"].map(|what| call[party][what].clone());
        let all = of_party("from").into_iter().chain(of_party("to")).chain([call["sip_call_ids"][0].clone()]);
        persons.extend(all.filter_map(|text| text.as_str().map(str::to_owned)));
    }
    assert!(persons.len() >= 6 * 5, "{}", persons.len());
    for (key, value) in scrape.samples.iter().flat_map(|sample| sample.labels.iter()) {
        assert!(known.contains(&key.as_str()), "{key}");
        assert!(!persons.iter().any(|person| value.contains(person)), "{key}={value}");
    }
}

#[test]
fn a_recording_is_counted_scraped_and_logged_and_the_log_names_nobody() {
    let Some(wire) = Wire::new() else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let (bench, load) = (office(), Load { calls: 8, seconds: 2.0, ring_s: 0.2, ..Load::default() });
    let recorder = wire.record(&bench, &["--metrics", "9464", "--log", "json", "--verbose"]);
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
    let page = scraped(&wire, "/metrics", "*/*");
    for line in [
        format!("earwitness_interface_frames_total{{interface=\"tap\"}} {frames}"),
        "earwitness_calls_ended_total 8".to_owned(),
        "earwitness_media_lost_total{cause=\"no_memory\"} 0".to_owned(),
    ] {
        assert!(page.lines().any(|there| there == line), "{line} is not in\n{page}");
    }
    assert_eq!(scraped(&wire, "/healthz", "*/*"), "ok\n");
    bench.done(["list"]);
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    let events: Vec<Value> = said.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in ["started", "served", "stopped"] {
        assert!(told.contains(&name), "{name} is not in {told:?}");
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
                !names(&said.err, secret) && !names(&page, secret),
                "{secret} is in\n{}\n{page}",
                said.err
            );
        }
    }
}

/// Whether `text` has `secret` in it, other than within a longer number: a time may have any four digits.
fn names(text: &str, secret: &str) -> bool {
    let is_digit = |neighbour: Option<char>| neighbour.is_some_and(|char| char.is_ascii_digit());
    text.match_indices(secret).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + secret.len()..]);
        !is_digit(before.chars().next_back()) && !is_digit(after.chars().next())
    })
}

/// Rules of the test's own, which can be spoilt.
fn own_rules(bench: &Bench) -> std::path::PathBuf {
    let own = bench.path("rules");
    bench.done(["rules", "init", own.to_str().unwrap()]);
    own
}

#[test]
fn a_rule_file_with_mistakes_is_told_by_place_and_kind_and_no_number_of_it_is_in_the_log() {
    let Some(wire) = Wire::new() else { return };
    let bench = office();
    let rules = own_rules(&bench);
    let marked = rules.join("marked.toml");
    let spoilt = [
        "schema = 1\n[[rule]]\nname = \"7391\"\nmode = \"7391\"\nextensions = [\"73917392-7391\", \"73917391-7391\"]\n7391 = 1\n",
        "schema = 1\n[[rule]]\nname = \"7391\nextensions = [73917391",
    ];
    for (form, spoilt) in ["text", "json"].into_iter().zip(spoilt) {
        let with = ["--rules", rules.to_str().unwrap(), "--log", form];
        let recorder = wire.record(&bench, &with);
        until("it records", || status(&bench).1["state"] == "recording");
        std::fs::write(&marked, spoilt).unwrap();
        recorder.signal(rustix::process::Signal::HUP);
        let refused = |health: &Value| {
            let alarms = health["alarms"].as_array().unwrap();
            health["rules_refused_since"].is_string() && alarms.iter().any(|a| a["code"] == "rules_refused")
        };
        until("the alarm stands", || refused(&status(&bench).1));
        assert_eq!(status(&bench).0, Some(1), "the old rules stay in force");
        std::fs::rename(&marked, bench.path("marked")).unwrap();
        recorder.signal(rustix::process::Signal::HUP);
        until("the alarm is over", || !refused(&status(&bench).1));
        std::fs::rename(bench.path("marked"), &marked).unwrap();
        let said = recorder.stop();
        let read_again = if form == "json" {
            "rules_unchanged"
        } else {
            "the rules were read again and are the same: rule set "
        };
        assert!(said.err.contains(read_again), "{said:?}");
        assert!(said.err.contains("marked.toml") && !said.err.contains("7391"), "{said:?}");
        assert!(
            said.err.contains(if form == "json" { "rules_refused" } else { "stay in force" }),
            "{said:?}"
        );
        let output = wire.command(&bench, &[&["record", "-i", "tap"], &with[..]].concat()).output().unwrap();
        let begun = support::Said::from(output);
        assert_eq!(begun.code, Some(1), "{begun:?}");
        assert!(begun.err.contains("marked.toml:") && !begun.err.contains("7391"), "{begun:?}");
        std::fs::remove_file(&marked).unwrap();
    }
}

#[test]
fn an_interface_that_goes_down_is_an_alarm_that_is_heard_and_ends_status_with_6() {
    let Some(wire) = Wire::new() else { return };
    let (bench, heard) = (office(), std::env::temp_dir().join(format!("ew-alarm-{}", std::process::id())));
    let command =
        format!("echo $EARWITNESS_ALARM $EARWITNESS_STATE $EARWITNESS_INTERFACE >> {}", heard.display());
    let recorder = wire.record(&bench, &["--on-alarm", &command]);
    until("it records", || status(&bench).1["state"] == "recording");
    wire.ip(&["link", "set", "send", "down"]);
    let is_down = |text: &str| text.lines().any(|line| line == "interface_down raised tap");
    until("the alarm is heard", || is_down(&std::fs::read_to_string(&heard).unwrap_or_default()));
    let (code, health) = status(&bench);
    assert_eq!((code, &health["interfaces"][0]["link"]), (Some(6), &"down".into()), "{health}");
    let said = recorder.stop();
    let told = std::fs::read_to_string(&heard).unwrap();
    assert!(told.lines().any(|line| line == "interface_down stopped tap"), "{told}");
    std::fs::remove_file(&heard).unwrap();
    assert!(said.err.contains("earwitness: tap is down\n"), "{said:?}");
    assert!(said.err.contains("earwitness: alarm interface_down: "), "{said:?}");
}
