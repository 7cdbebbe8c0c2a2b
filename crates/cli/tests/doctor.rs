//! `doctor -i` on a mirror port: what canned mirrors show when they are replayed live.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use earwitness_model::PacketTime;
use earwitness_testkit::Frame;
use serde_json::Value;
use support::{Bench, Said, wire::Wire};

/// The frames of a canned mirror.
fn frames(name: &str) -> Vec<Frame> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/doctor").join(name);
    let mut capture = pcap::Capture::from_file(path.join("capture.pcap")).unwrap();
    let mut frames = Vec::new();
    while let Ok(packet) = capture.next_packet() {
        let at = packet.header.ts;
        let time = PacketTime::from_nanos(at.tv_sec * 1_000_000_000 + at.tv_usec * 1_000);
        frames.push(Frame { time, bytes: packet.data.to_vec() });
    }
    frames
}

/// The program with a `timedatectl` of the test's own: whether this machine's clock is set is not what is tested.
fn with_a_clock_that_is_set(bench: &Bench, command: &mut std::process::Command) {
    let programs = bench.path("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let program = programs.join("timedatectl");
    std::fs::write(&program, "#!/bin/sh\necho yes\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let usual = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{usual}", programs.display()));
}

/// What the doctor says who listens while a canned mirror is replayed, in its own time.
fn heard(wire: &Wire, frames: Vec<Frame>, more: &[&str]) -> Said {
    let bench = Bench::new();
    let mut command = wire.command(&bench, &[&["doctor", "-i", "tap", "--seconds", "60"], more].concat());
    with_a_clock_that_is_set(&bench, &mut command);
    let mut doctor = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut messages = BufReader::new(doctor.stderr.take().unwrap());
    messages.read_line(&mut said).unwrap();
    assert_eq!(said, "earwitness: listening to tap for 60 s\n");
    wire.send(frames);
    // The last frames are in the ring at once, and out of it after a round of the doctor's.
    thread::sleep(Duration::from_secs(1));
    let pid = rustix::process::Pid::from_child(&doctor);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    Said::from(doctor.wait_with_output().unwrap())
}

#[test]
fn a_healthy_mirror_is_one_line_and_0() {
    let Some(wire) = Wire::new() else { return };
    let frames = frames("healthy");
    let count = frames.len();
    let said = heard(&wire, frames, &[]);
    let line = format!("tap: healthy; {count} frames in ");
    assert!(said.code == Some(0) && said.out.starts_with(&line) && said.out.lines().count() == 1, "{said:?}");
    let seen = "1 call (1 answered), 7 SIP messages, 2 RTP streams, 200 packets, 0 lost\n";
    assert!(said.out.ends_with(seen), "{said:?}");
}

#[test]
fn a_mirror_of_one_direction_is_its_defect_with_its_cure_and_6() {
    let Some(wire) = Wire::new() else { return };
    let frames = frames("media-one-way");
    let count = frames.len();
    let said = heard(&wire, frames, &["--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let codes: Vec<&Value> = findings.iter().map(|finding| &finding["code"]).collect();
    assert_eq!((said.code, codes), (Some(6), vec![&Value::from("media-one-way")]), "{report}");
    assert_eq!(findings[0]["severity"], "defect");
    assert!(findings[0]["cure"].as_str().unwrap().starts_with("Mirror both directions"), "{report}");
    assert_eq!(report["seen"]["frames"], count);
}

#[test]
fn an_interface_that_does_not_exist_is_told_with_3() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    let said = Said::from(wire.command(&bench, &["doctor", "-i", "tapp"]).output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("tapp"), "{said:?}");
}

#[test]
fn an_interface_that_is_down_and_how_long_was_listened_are_told() {
    let Some(wire) = Wire::new() else { return };
    wire.ip(&["link", "set", "send", "down"]);
    let bench = Bench::new();
    let mut command = wire.command(&bench, &["doctor", "-i", "tap", "--seconds", "1", "--json"]);
    with_a_clock_that_is_set(&bench, &mut command);
    let said = Said::from(command.output().unwrap());
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let finding = &report["findings"][1];
    assert_eq!((said.code, &finding["code"]), (Some(6), &Value::from("interface-down")), "{report}");
    assert_eq!(finding["sentence"], "the interface tap is down");
    assert!(report["seen"]["seconds"].as_f64().unwrap() >= 1.0, "{report}");
}

#[test]
fn a_vaults_disk_that_is_full_is_a_defect() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    std::fs::create_dir(bench.vault()).unwrap();
    let small = ["-t", "tmpfs", "-o", "size=1m", "earwitness-test"];
    let mounted = std::process::Command::new("mount").args(small).arg(bench.vault()).status().unwrap();
    assert!(mounted.success());
    let mut command = wire.command(&bench, &["doctor", "-i", "tap", "--seconds", "1", "--json"]);
    with_a_clock_that_is_set(&bench, &mut command);
    let said = Said::from(command.output().unwrap());
    let unmounted = std::process::Command::new("umount").arg(bench.vault()).status().unwrap();
    assert!(unmounted.success());
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let codes = report["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]);
    assert!(codes.into_iter().any(|code| code == "disk-full"), "{report}");
    assert_eq!(said.code, Some(6));
}
