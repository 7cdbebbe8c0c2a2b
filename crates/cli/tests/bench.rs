//! `earwitness bench`: another build that is the same, loses a packet or takes more time; and what this box carries.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use earwitness_testkit::{Frame, load::Load, pcap};
use serde_json::Value;
use support::{Bench, Said, until, wire::Wire};

const PROGRAM: &str = env!("CARGO_BIN_EXE_earwitness");

/// Another build: this one behind a script, which may do something first.
fn other_build(bench: &Bench, before: &str) -> PathBuf {
    let path = bench.path("other");
    fs::write(&path, format!("#!/bin/sh\n{before}\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Compares with `other`, and checks that nothing is left behind.
fn against(bench: &Bench, other: &Path, more: &[&str]) -> Said {
    let at = bench.path("at");
    fs::create_dir(&at).unwrap();
    let words = ["bench", "--against", other.to_str().unwrap(), "--vault-at", at.to_str().unwrap()];
    let said = bench.run(words.iter().chain(more));
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "something is left behind: {said:?}");
    fs::remove_dir(&at).unwrap();
    said
}

#[test]
fn a_build_is_as_good_as_itself() {
    let bench = Bench::new();
    // What it costs is for a machine of its own: here it is only measured.
    let more = [
        "--calls",
        "10",
        "--seconds",
        "2",
        "--pairs",
        "1",
        "--tolerance",
        "100",
        "--memory-tolerance",
        "100",
    ];
    let said = against(&bench, Path::new(PROGRAM), &[&more[..], &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let object: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&object["schema"], &object["exact"]), (&1.into(), &true.into()), "{object}");
    assert_eq!((&object["calls_same"], &object["calls_different"]), (&30.into(), &0.into()));
    assert_eq!(object["exported"], serde_json::json!({"calls": 5, "same": true}));
    assert_eq!(object["calls_not_as_made"], serde_json::json!({"this": 0, "other": 0}));
    assert_eq!(object["ledger"]["this"]["Recorded"], object["ledger"]["other"]["Recorded"]);
    assert_eq!(object["regressions"], serde_json::json!([]));
    let pair = &object["pairs"][0];
    assert!(pair["this"]["cpu_us"].as_u64() > Some(1_000) && pair["other"]["rss_kib"].as_u64() > Some(1_000));
    assert!(object["processor"]["median"].as_f64().is_some_and(|ratio| (0.3..3.0).contains(&ratio)));
    let said = against(&bench, Path::new(PROGRAM), &more);
    assert!(said.out.contains("\nthe same was recorded;") && said.out.contains("other / this"), "{said:?}");
}

#[test]
fn a_build_that_loses_one_packet_is_found_out() {
    let bench = Bench::new();
    let load = Load { calls: 6, seconds: 3.0, start_spread_s: 1.0, ..Load::default() };
    let frames: Vec<Frame> = load.frames().collect();
    let is_audio = |frame: &&Frame| frame.bytes.len() == 214;
    let place = frames.iter().position(|frame| is_audio(&frame)).unwrap() + 300;
    assert!(is_audio(&&frames[place]));
    let write = |name: &str, frames: Vec<Frame>| {
        pcap::write_all(fs::File::create(bench.path(name)).unwrap(), frames).unwrap();
    };
    let mut cut = frames.clone();
    cut.remove(place);
    write("whole.pcap", frames);
    write("cut.pcap", cut);
    let home = bench.home.path().display();
    let script = format!(
        "if [ \"$1\" = record ]; then exec '{PROGRAM}' $(echo \"$@\" | sed 's,{home}/whole.pcap,{home}/cut.pcap,'); fi"
    );
    let whole = bench.path("whole.pcap");
    let said = against(&bench, &other_build(&bench, &script), &["-r", whole.to_str().unwrap()]);
    assert_eq!(said.code, Some(8), "{said:?}");
    assert!(said.out.contains("\nREGRESSION\n") && said.out.contains("streams."), "{said:?}");
    assert!(!said.out.contains("µs"), "what something else costs is no figure: {said:?}");
}

#[test]
fn a_build_that_takes_more_processor_time_is_found_out_and_one_that_takes_less_may() {
    let bench = Bench::new();
    let office = bench.office();
    let other = other_build(
        &bench,
        "if [ \"$1\" = record ]; then i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; fi",
    );
    let more = |pairs| ["-r", office.to_str().unwrap(), "--pairs", pairs, "--memory-tolerance", "100"];
    let said = against(&bench, &other, &more("1"));
    assert!(said.code == Some(0) && said.out.contains("not decided by so few pairs"), "{said:?}");
    let said = against(&bench, &other, &more("8"));
    assert_eq!(said.code, Some(8), "{said:?}");
    assert!(said.out.contains("  the other build takes "), "{said:?}");
    let said = against(&bench, &other, &[&more("8")[..], &["--candidate", "this"]].concat());
    assert_eq!(said.code, Some(0), "the build that is judged takes less: {said:?}");
}

#[test]
fn what_holds_no_call_says_nothing_of_two_builds() {
    let bench = Bench::new();
    let nothing = bench.path("nothing.pcap");
    pcap::write_all(fs::File::create(&nothing).unwrap(), []).unwrap();
    let said = against(&bench, Path::new(PROGRAM), &["-r", nothing.to_str().unwrap(), "--pairs", "1"]);
    assert!(said.code == Some(1) && said.err.contains("nothing to hold against each other"), "{said:?}");
}

#[test]
fn a_drawing_takes_the_place_of_no_file() {
    let bench = Bench::new();
    let office = bench.office();
    let was = fs::read(&office).unwrap();
    let said = bench.run(["bench", "--quick", "--calls", "1", "--plot", office.to_str().unwrap()]);
    assert!(said.code == Some(1) && said.err.contains("is there already"), "{said:?}");
    assert_eq!(fs::read(&office).unwrap(), was);
}

#[test]
fn what_is_no_build_of_the_program_is_refused() {
    let bench = Bench::new();
    for (program, why) in [("/bin/true", "does not say `earwitness`"), ("/nowhere", "No such file")] {
        let said = against(&bench, Path::new(program), &[]);
        assert!(said.code == Some(1) && said.err.contains(why), "{said:?}");
    }
}

#[test]
fn a_signal_ends_measuring_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let at = bench.path("at");
    fs::create_dir(&at).unwrap();
    let words = [
        "bench",
        "--against",
        PROGRAM,
        "--vault-at",
        at.to_str().unwrap(),
        "--calls",
        "40",
        "--seconds",
        "60",
    ];
    let mut measuring = bench.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let vaults = || support::files(&at).iter().filter(|path| path.ends_with("vault.toml")).count();
    until("both builds have a vault", || vaults() == 2);
    let pid = rustix::process::Pid::from_child(&measuring);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(measuring.wait().unwrap().code(), Some(1));
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0);
}

#[test]
fn so_many_calls_at_once_are_recorded_whole_and_drawn() {
    let bench = Bench::new();
    let at = bench.path("at");
    fs::create_dir(&at).unwrap();
    let words =
        ["bench", "--quick", "--calls", "3,6", "--plot", "box.svg", "--vault-at", at.to_str().unwrap()];
    let said = bench.run(words.iter().chain(&["--json"]));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "{said:?}");
    let object: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&object["schema"], &object["feed"]), (&1.into(), &"memory".into()), "{object}");
    for (level, calls) in object["levels"].as_array().unwrap().iter().zip([3, 6]) {
        let told = ["calls", "calls_whole", "dropped", "missing", "inexact"].map(|name| level[name].as_u64());
        assert_eq!(told, [Some(calls), Some(calls), Some(0), Some(0), Some(0)], "{level}");
        let rate = level["frames_per_second"].as_f64().unwrap();
        assert!((rate / (calls as f64 * 100.0) - 1.0).abs() < 0.2, "{level}");
        assert!(level["lag_p99_ms"].as_f64().is_some_and(|ms| ms > 100.0), "{level}");
    }
    let svg = fs::read_to_string(bench.path("box.svg")).unwrap();
    assert_eq!(unbalanced(&svg), None);
    assert!(svg.contains("동시 통화") && svg.matches("<circle").count() == 12, "{svg}");
}

#[test]
fn calls_sent_on_one_end_of_a_pair_are_recorded_at_the_other() {
    let bench = Bench::new();
    let Some(wire) = Wire::new() else {
        println!("left out: whether calls sent on one end of a pair are recorded at the other");
        return;
    };
    let words = ["bench", "--quick", "--calls", "4", "--send", "send", "--receive", "tap", "--json"];
    let said = Said::from(wire.command(&bench, &words).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    let object: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&object["feed"], &object["calls_kept"]), (&"interfaces".into(), &4.into()), "{object}");
}

#[test]
fn made_up_calls_are_not_sent_on_a_mirror_port() {
    let bench = Bench::new();
    let Some(wire) = Wire::new() else {
        println!(
            "left out: whether a mirror port, which has neither routes nor addresses, is known by its traffic"
        );
        return;
    };
    let load = Load { calls: 4, seconds: 6.0, start_spread_s: 0.5, ring_s: 0.1, ..Load::default() };
    let (begin, begins) = std::sync::mpsc::channel();
    let said = std::thread::scope(|scope| {
        let mirrored = load.frames().inspect(move |_| begin.send(()).unwrap_or_default());
        let wire = &wire;
        scope.spawn(move || wire.send(mirrored));
        begins.recv().unwrap();
        let words = ["bench", "--quick", "--calls", "4", "--send", "tap", "--receive", "send"];
        Said::from(wire.command(&bench, &words).output().unwrap())
    });
    assert!(said.code == Some(4) && said.err.contains("others are heard on it"), "{said:?}");
    assert_eq!(said.out, "");
}

/// The first place where tags of an XML text do not fit, if there is one.
fn unbalanced(text: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (place, _) in text.match_indices('<') {
        let tag = &text[place..text[place..].find('>').map(|end| place + end + 1)?];
        let name = tag.trim_matches(['<', '>', '/']).split([' ', '/']).next()?;
        let quotes = tag.matches('"').count();
        if !quotes.is_multiple_of(2) || tag[1..].contains('<') {
            return Some(tag.to_owned());
        }
        if tag.starts_with("</") {
            if open.pop() != Some(name) {
                return Some(tag.to_owned());
            }
        } else if !tag.ends_with("/>") {
            open.push(name);
        }
    }
    open.pop().map(str::to_owned)
}

#[test]
fn made_up_calls_are_not_sent_where_other_traffic_is() {
    let bench = Bench::new();
    let said = bench.run(["bench", "--send", "lo", "--receive", "lo"]);
    assert!(said.code == Some(4) && said.err.contains("both ends"), "{said:?}");
    let said = bench.run(["bench", "--send", "lo"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn what_means_nothing_in_a_comparison_is_refused_there() {
    let bench = Bench::new();
    for (more, names) in [
        (&["--calls", "10,20"][..], "--calls"),
        (&["--send", "a", "--receive", "b"], "--send"),
        (&["-B", "8"], "--buffer-size"),
        (&["--threads", "2"], "--threads"),
        (&["--memory", "64"], "--memory"),
    ] {
        let said = against(&bench, Path::new(PROGRAM), more);
        assert!(said.code == Some(2) && said.err.contains(names), "{more:?} {said:?}");
    }
}
