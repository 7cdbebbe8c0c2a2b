//! Real captures: whatever comes, the doctor ends and counts within its bounds; healthy ones are called so.
#![expect(clippy::print_stdout, reason = "a test that is left out says so")]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_doctor::{Doctor, Options, Report, Surroundings};

/// The folder of captures; without it there is nothing to test, and that is said.
fn corpus() -> Option<PathBuf> {
    let folder = env::var_os("EARWITNESS_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("left out: EARWITNESS_CORPUS is not set");
    }
    folder
}

/// What is said of a file, as far as it can be read; `None` for one that is no capture.
fn examine(path: &Path) -> Option<Report> {
    let mut source = FileSource::open(path).ok()?;
    let mut doctor = Doctor::new(Options::default());
    while matches!(source.poll(&mut |frame| doctor.handle_frame(frame)), Ok(Polled::Frames)) {}
    Some(doctor.finish(&Surroundings::default()))
}

#[test]
fn healthy_real_captures_are_called_healthy() {
    let Some(folder) = corpus() else { return };
    for name in HEALTHY {
        let report = examine(&folder.join(name)).unwrap();
        assert_eq!(report.findings, [], "{name}");
        assert!(report.seen.calls > 0 && report.seen.packets > 0, "{name}: {:?}", report.seen);
    }
}

/// Calls with SIP on port 5060 and RTP: in both directions, and in one because the SDP says so. Of 4,898 packets two are
/// missing, by tshark's count.
const HEALTHY: [&str; 3] = [
    "MaryLS+Laborator09/sip.pcap",
    "odedshimon+BruteShark/SIP_DTMF2.pcap",
    "odedshimon+BruteShark/sip-rtp-g726.pcap",
];

#[test]
fn every_real_capture_is_judged_within_its_frames() {
    let Some(folder) = corpus() else { return };
    let mut judged = 0;
    for owner in fs::read_dir(folder).unwrap() {
        let owner = owner.unwrap().path();
        let files = fs::read_dir(&owner).into_iter().flatten();
        for path in files.map(|file| file.unwrap().path()) {
            let Some(report) = examine(&path) else { continue };
            judged += 1;
            let seen = report.seen;
            assert!(seen.packets + seen.messages <= seen.frames, "{}", path.display());
            assert!(report.findings.iter().all(|f| f.evidence.frames.iter().all(|n| *n <= seen.frames)));
            let findings: Vec<String> = report
                .findings
                .iter()
                .map(|f| format!("  {} {}: {}", f.severity.as_str(), f.code, f.sentence))
                .collect();
            println!(
                "{}\n{}",
                path.strip_prefix(owner.parent().unwrap()).unwrap().display(),
                findings.join("\n")
            );
        }
    }
    assert!(judged > 0, "no capture in the corpus");
}

#[test]
fn other_signalling_in_real_captures_is_named() {
    let Some(folder) = corpus() else { return };
    for (name, expected) in OTHERS {
        let report = examine(&folder.join(name)).unwrap();
        let found: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        let others = ["sccp", "h323", "mgcp", "iax2", "unistim", "megaco"];
        let is_other = |code: &&&str| code.strip_prefix("signalling-").is_some_and(|of| others.contains(&of));
        let mut other: Vec<&str> = found.iter().filter(is_other).copied().collect();
        other.sort_unstable();
        assert_eq!(other, expected, "{name}: {found:?}");
    }
}

/// Phones under SCCP, a trunk of IAX2, gateways under MGCP; calls of SIP, H.225 and MGCP on one gateway; one under Megaco.
const OTHERS: [(&str, &[&str]); 5] = [
    ("ntop+nDPI/skinny.pcap", &["signalling-sccp"]),
    ("ntop+nDPI/iax.pcap", &["signalling-iax2"]),
    ("ntop+nDPI/mgcp.pcap", &["signalling-mgcp"]),
    ("odedshimon+BruteShark/SIP_CALL_RTP_G711.pcap", &["signalling-h323", "signalling-mgcp"]),
    ("odedshimon+BruteShark/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", &["signalling-megaco"]),
];
