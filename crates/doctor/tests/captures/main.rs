//! One canned capture for each defect gives exactly its code; a healthy one gives none.
#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

mod mirrors;
mod scene;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_doctor::{
    ClockState, Code, DiskSpeed, DiskTrial, Doctor, ExtensionReport, Finding, Options, Report, RingLosses,
    Surroundings,
};
use earwitness_model::{LinkType, RawFrame};
use earwitness_rules::{RuleSet, SourceText};
use earwitness_wire::Encapsulation;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/doctor")
}

fn examine(path: &Path, options: Options, surroundings: &Surroundings) -> Report {
    let mut source = FileSource::open(path).unwrap();
    let mut doctor = Doctor::new(options);
    while source.poll(&mut |frame| doctor.handle_frame(frame)).unwrap() == Polled::Frames {}
    doctor.finish(surroundings)
}

/// A directory's capture, by its rules if it has some.
fn examine_fixture(name: &str, surroundings: &Surroundings) -> Report {
    let folder = fixtures().join(name);
    let rules = fs::read_to_string(folder.join("rules.toml"))
        .ok()
        .map(|text| RuleSet::load(&[SourceText { name: "rules.toml", text: &text }]).unwrap());
    let options = Options { rules, extensions: ExtensionReport::Always };
    examine(&folder.join("capture.pcap"), options, surroundings)
}

fn codes(report: &Report) -> String {
    report.findings.iter().map(|finding| format!("{}\n", finding.code)).collect()
}

#[test]
fn each_canned_mirror_gives_exactly_its_code() {
    let is_update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for (name, shots) in mirrors::all() {
        let folder = fixtures().join(name);
        let bytes = scene::pcap(&shots);
        assert!(bytes.len() < 100 << 10, "{name}: {} bytes", bytes.len());
        let expected = if name.starts_with("healthy") { String::new() } else { format!("{name}\n") };
        if is_update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("capture.pcap"), &bytes).unwrap();
            fs::write(folder.join("expected.txt"), &expected).unwrap();
        }
        let kept = fs::read(folder.join("capture.pcap")).unwrap();
        assert!(
            kept == bytes,
            "{name}: the capture is not what mirrors.rs makes; UPDATE_EXPECTED=1 makes it anew"
        );
        assert_eq!(fs::read_to_string(folder.join("expected.txt")).unwrap(), expected, "{name}");
        let report = examine_fixture(name, &Surroundings::default());
        if codes(&report) != expected {
            let said = |finding: &Finding| format!("  {}: {}", finding.code, finding.sentence);
            let said: Vec<String> = report.findings.iter().map(said).collect();
            wrong.push(format!("{name}:\n{}", said.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_capture_or_surroundings_that_show_it() {
    let canned: BTreeSet<&str> = mirrors::all().into_iter().map(|(name, _)| name).collect();
    let around = [
        Code::InterfaceDown,
        Code::ClockUnsynchronised,
        Code::RingTooSmall,
        Code::DiskTooSlow,
        Code::DiskFull,
        Code::DiskFailed,
    ];
    for code in Code::ALL {
        assert!(canned.contains(code.as_str()) || around.contains(code), "{code}");
    }
    for entry in fs::read_dir(fixtures()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || canned.contains(name.as_str()), "fixtures/doctor/{name} is nobody's");
    }
}

#[test]
fn defects_are_unhealthy_and_notes_are_not() {
    for (name, _) in mirrors::all() {
        let report = examine_fixture(name, &Surroundings::default());
        let severity = Code::ALL.iter().find(|code| code.as_str() == name).map(|code| code.severity());
        let worst = report.findings.iter().map(|finding| finding.severity).min();
        assert_eq!(worst, severity, "{name}");
        assert_eq!(report.is_healthy(), severity != Some(earwitness_doctor::Severity::Defect), "{name}");
    }
}

#[test]
fn what_surrounds_a_healthy_mirror_gives_exactly_its_code() {
    let ring = RingLosses { received: 1_000, dropped: 10, dropped_by_interface: 0, ring_bytes: 1 << 20 };
    let disk = DiskSpeed { bytes: 1_000, nanos: 1_000_000_000 };
    let around = Surroundings::default;
    for (surroundings, code) in [
        (Surroundings { clock: ClockState::Unsynchronised, ..around() }, "clock-unsynchronised\n"),
        (Surroundings { ring: Some(ring), ..around() }, "ring-too-small\n"),
        (Surroundings { disk: Some(DiskTrial::Took(disk)), ..around() }, "disk-too-slow\n"),
        (Surroundings { disk: Some(DiskTrial::NoRoom { bytes: 32 << 20 }), ..around() }, "disk-full\n"),
        (Surroundings { disk: Some(DiskTrial::Failed), ..around() }, "disk-failed\n"),
        (Surroundings { down: vec!["eth1".to_owned()], ..around() }, "interface-down\n"),
        (Surroundings { listened: Some(60.0), ..around() }, ""),
        (Surroundings { clock: ClockState::Synchronised, ..around() }, ""),
    ] {
        assert_eq!(codes(&examine_fixture("healthy", &surroundings)), code);
    }
}

#[test]
fn a_short_capture_does_not_tell_of_extensions_that_happen_to_be_silent() {
    let folder = fixtures().join("extensions-unseen");
    let text = fs::read_to_string(folder.join("rules.toml")).unwrap();
    let rules = RuleSet::load(&[SourceText { name: "rules.toml", text: &text }]).unwrap();
    let options = Options { rules: Some(rules), extensions: ExtensionReport::WhenLongEnough };
    let report = examine(&folder.join("capture.pcap"), options, &Surroundings::default());
    assert_eq!(codes(&report), "");
}

#[test]
fn ranges_of_unseen_extensions_are_listed_without_the_one_that_was_seen() {
    let report = examine_fixture("extensions-unseen", &Surroundings::default());
    assert_eq!(report.findings[0].evidence.places, ["4000", "4002-4020", "4100"]);
    assert_eq!(report.findings[0].evidence.counts, [("enrolled", 22), ("seen", 1)]);
}

#[test]
fn tunnels_that_are_read_are_named_and_no_defect() {
    let report = examine_fixture("healthy-in-gre", &Surroundings::default());
    let bare = examine_fixture("healthy", &Surroundings::default());
    let tunnels: Vec<_> = report.seen.tunnels.iter().collect();
    assert_eq!(tunnels, [(Encapsulation::Gre, report.seen.frames)]);
    assert_eq!((report.seen.calls, report.seen.packets), (bare.seen.calls, bare.seen.packets));
    let unread = examine_fixture("tunnelled", &Surroundings::default());
    assert_eq!(unread.seen.tunnels.total(), 0);
    assert_eq!(unread.findings[0].evidence.places, [format!("L2TP: {} frames", unread.seen.frames)]);
}

#[test]
fn evidence_names_frames_and_equipment() {
    let one_way = examine_fixture("media-one-way", &Surroundings::default());
    let evidence = &one_way.findings[0].evidence;
    assert_eq!(evidence.counts, [("calls_with_media", 1), ("one_way", 1)]);
    assert_eq!(evidence.frames, [1]);
    assert_eq!(evidence.flows[0].src.to_string(), "10.1.0.5:5060");
    assert_eq!(evidence.places, ["no VLAN: 1 of 1 calls"]);
    let doubled = examine_fixture("frames-doubled", &Surroundings::default());
    let counts = &doubled.findings[0].evidence.counts;
    assert_eq!(counts[0].1, 2 * counts[1].1, "every frame has one copy");
}

/// What is said of frames that are in no file.
fn examined(shots: &[scene::Shot]) -> Report {
    let mut doctor = Doctor::new(Options::default());
    for (number, shot) in (1..).zip(shots) {
        let scene::Shot { time, wire_len, ref bytes } = *shot;
        doctor.handle_frame(&RawFrame { time, number, link: LinkType::Ethernet, wire_len, bytes });
    }
    doctor.finish(&Surroundings::default())
}

#[test]
fn calls_over_tcp_are_judged_like_others() {
    let signalling = scene::signalling("c", "10.1.0.5", "10.1.0.9", 5060);
    let note = "signalling-over-tcp\n";
    for (media, code) in [
        (scene::media("c", "", ""), ""),
        ("rtp c caller from=0.6 to=2.6\n".to_owned(), "media-one-way\n"),
        (String::new(), "no-media\n"),
    ] {
        let report = examined(&scene::play_over_tcp(&format!("{signalling}{media}")));
        assert_eq!(codes(&report), format!("{code}{note}"));
        assert_eq!((report.seen.calls, report.seen.answered, report.seen.messages), (1, 1, 7));
    }
}

#[test]
fn other_signalling_beside_sip_is_worth_a_word_and_no_defect() {
    let mut shots = mirrors::all().into_iter().find(|(name, _)| *name == "signalling-mgcp").unwrap().1;
    shots.extend(scene::play(&scene::call()));
    shots.sort_by_key(|shot| shot.time);
    let report = examined(&shots);
    assert_eq!((codes(&report).as_str(), report.is_healthy()), ("signalling-mgcp\n", true));
    assert_eq!(report.findings[0].evidence.counts, [("messages", 4), ("pairs", 2), ("sip_messages", 7)]);
}
