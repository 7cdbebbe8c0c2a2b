//! Exports against other people's programs: sox for audio, tshark for pcapng.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;
use support::{Bench, corpus, files};

/// Whether a program that a check needs is installed.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("left out: {program} is not installed");
    }
    found
}

/// The 16-bit samples that sox makes of a raw payload file.
fn by_sox(payload: &Path, law: &str) -> Vec<i16> {
    let output = Command::new("sox")
        .args(["-D", "-t", "raw", "-e", law, "-b", "8", "-r", "8000", "-c", "1"])
        .arg(payload)
        .args(["-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// One channel of a stereo PCM16 file with the plain 44-byte header.
fn channel(wav: &[u8], right: bool) -> Vec<i16> {
    assert_eq!((&wav[..4], &wav[8..16], wav[22]), (&b"RIFF"[..], &b"WAVEfmt "[..], 2));
    let data = wav.windows(4).position(|chunk| chunk == b"data").unwrap() + 8;
    let sides = wav[data..].chunks_exact(4).map(|f| if right { [f[2], f[3]] } else { [f[0], f[1]] });
    sides.map(i16::from_le_bytes).collect()
}

/// Whether `part` stands in `whole` from some place on, with nothing between.
fn contains(whole: &[i16], part: &[i16]) -> bool {
    let head = &part[..part.len().min(64)];
    whole.windows(head.len()).enumerate().any(|(at, seen)| seen == head && whole[at..].starts_with(part))
}

/// Exports a call's WAV and payloads, and compares each loss-free G.711 stream with what sox makes of it.
fn compare_with_sox(bench: &Bench, call: &Value) -> usize {
    let id = call["id"].as_str().unwrap();
    let out = bench.path(&format!("out-{id}/"));
    bench.done(["export", id, "-o", &format!("{}/", out.display()), "--format", "payload"]);
    bench.done(["export", id, "-o", &format!("{}/", out.display()), "--format", "wav"]);
    let made = files(&out);
    let wav = made.iter().find(|path| path.extension().is_some_and(|e| e == "wav")).unwrap();
    let wav = fs::read(wav).unwrap();
    let mut compared = 0;
    for stream in call["streams"].as_array().unwrap() {
        let law = match stream["codec"].as_str() {
            Some("PCMA") => "a-law",
            Some("PCMU") => "mu-law",
            _ => continue,
        };
        if stream["lost"] != 0 {
            continue;
        }
        let (leg, ssrc) = (stream["leg"].as_str().unwrap(), stream["ssrc"].as_str().unwrap());
        let name = |path: &&std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.contains(&format!(".{leg}.{ssrc}")) && name.ends_with(".payload")
        };
        let decoded = by_sox(made.iter().find(name).unwrap(), law);
        assert_eq!(decoded.len() as u64, stream["payload_bytes"].as_u64().unwrap());
        assert!(contains(&channel(&wav, leg == "callee"), &decoded), "{leg} of {id}");
        compared += 1;
    }
    compared
}

#[test]
fn wav_samples_are_those_that_sox_decodes_from_the_payload() {
    if !has("sox") {
        return;
    }
    let bench = Bench::with_office();
    let mut compared = 0;
    // Hold leaves silence between two runs of audio: such a stream is not in one piece.
    let is_in_one_piece =
        |call: &&Value| call["recorded"] == true && !call["sip_call_ids"].to_string().contains("hold");
    for call in bench.calls(&[]).iter().filter(is_in_one_piece) {
        compared += compare_with_sox(&bench, call);
    }
    if let Some(corpus) = corpus() {
        let bench = Bench::new();
        let capture = corpus.join("odedshimon+BruteShark/sip-rtp-g711.pcap");
        bench.done(["record", "--lab", "-q", "-r", capture.to_str().unwrap()]);
        for call in bench.calls(&[]) {
            compared += compare_with_sox(&bench, &call);
        }
    }
    println!("{compared} streams equal, sample for sample");
    assert!(compared >= 5, "{compared}");
}

/// Addresses, SSRC, codec, packets and losses of each stream that tshark sees.
fn streams_by_tshark(capture: &Path) -> BTreeSet<Vec<String>> {
    let output =
        Command::new("tshark").arg("-r").arg(capture).args(["-q", "-z", "rtp,streams"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| line.contains("0x"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // Start and end are times within the file; addresses, ports, SSRC, payload, packets and losses follow.
    lines.map(|line| words(line)[2..10].to_vec()).collect()
}

#[test]
fn tshark_sees_the_same_streams_in_an_exported_pcapng_as_in_the_original() {
    let Some(corpus) = corpus() else { return };
    if !has("tshark") {
        return;
    }
    for name in [
        "MaryLS+Laborator09/sip.pcap",
        "odedshimon+BruteShark/sip-rtp-g711.pcap",
        "odedshimon+BruteShark/SIP_DTMF2.pcap",
    ] {
        let bench = Bench::new();
        let original = corpus.join(name);
        bench.done(["record", "--lab", "-q", "-r", original.to_str().unwrap()]);
        let mut seen = BTreeSet::new();
        for call in bench.calls(&[]).iter().filter(|call| call["recorded"] == true) {
            let id = call["id"].as_str().unwrap();
            let file = bench.path(&format!("{id}.pcapng"));
            bench.done(["export", id, "-o", file.to_str().unwrap()]);
            seen.extend(streams_by_tshark(&file));
        }
        assert_eq!(seen, streams_by_tshark(&original), "{name}");
        assert!(!seen.is_empty());
    }
}
