//! Real captures through the whole program, against ground truth that another program made.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use serde_json::Value;
use support::{Bench, corpus, files};

/// Whether two ends are the same: the ground truth writes IPv6 addresses without brackets.
fn is_end(found: &Value, expected: &Value) -> bool {
    let bare = |end: &Value| end.as_str().map(|end| end.replace(['[', ']'], ""));
    bare(found) == bare(expected)
}

fn call_ids<'v>(calls: impl Iterator<Item = &'v Value>) -> Vec<String> {
    let mut ids: Vec<String> = calls.map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// What a stream of the ground truth carries is audio, of any encoding: it lists every payload type of a stream.
fn is_audio(stream: &Value) -> bool {
    let Some(codec) = stream["codec"].as_str() else { return false };
    !["telephone-event", "CN", "H263"].contains(&codec.split('/').next().unwrap_or_default())
}

/// What of `capture` is not as the ground truth says, and how many audio streams were compared.
fn differences(capture: &Value, calls: &[Value]) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let dialogs = capture["sip"]["dialog"].as_array().unwrap();
    let listed = |keep: &dyn Fn(&&Value) -> bool| {
        call_ids(calls.iter().filter(keep).flat_map(|call| call["sip_call_ids"].as_array().unwrap()))
    };
    let expected = call_ids(dialogs.iter().map(|dialog| &dialog["call_id"]));
    if listed(&|_| true) != expected {
        wrong.push(format!("calls: expected {expected:?}, found {:?}", listed(&|_| true)));
    }
    let expected = call_ids(dialogs.iter().filter(|d| d["answered"] == true).map(|d| &d["call_id"]));
    let answered = listed(&|call| call["outcome"] == "answered");
    if answered != expected {
        wrong.push(format!("answered: expected {expected:?}, found {answered:?}"));
    }
    let streams: Vec<&Value> = calls.iter().flat_map(|call| call["streams"].as_array().unwrap()).collect();
    let mut compared = 0;
    // What is agreed on by ZRTP is closed, and not kept: the ground truth hashes what nobody can hear.
    let open = capture["oddities"]["protocol_frames"]["zrtp"].is_null();
    for stream in capture["rtp"]["streams"].as_array().unwrap().iter().filter(|_| open) {
        if stream["signalled"] != true || stream["call_ids"].as_array().unwrap().is_empty() {
            continue;
        }
        for audio in stream["audio"].as_array().unwrap().iter().filter(|audio| is_audio(audio)) {
            compared += 1;
            let found = streams.iter().any(|found| {
                is_end(&found["src"], &stream["src"])
                    && is_end(&found["dst"], &stream["dst"])
                    && found["ssrc"] == stream["ssrc"]
                    && found["payload_type"] == audio["pt"]
                    && found["payload_sha256"] == audio["sha256"]
            });
            if !found {
                wrong.push(format!(
                    "no stream {} > {} type {} with its hash",
                    stream["src"], stream["dst"], audio["pt"]
                ));
            }
        }
    }
    (wrong, compared)
}

#[test]
fn the_whole_program_finds_the_calls_the_answers_and_the_audio_of_real_captures() {
    let Some(corpus) = corpus() else { return };
    let truth = std::fs::read_to_string(corpus.join("EXPECTED.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let (mut right, mut streams, mut wrong) = (0, 0, Vec::new());
    for (name, capture) in truth["captures"].as_object().unwrap() {
        let bench = Bench::new();
        let said = bench.run(["record", "--lab", "-q", "-r", corpus.join(name).to_str().unwrap()]);
        assert!(matches!(said.code, Some(0 | 7)), "{name}: {said:?}");
        let (found, compared) = differences(capture, &bench.calls(&["--sha256"]));
        right += usize::from(found.is_empty());
        streams += compared;
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    println!("score: {right} captures as the ground truth says, {streams} audio streams compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right >= 85 && streams >= 18, "{right} {streams}");
}

#[test]
fn every_file_is_read_to_its_end_or_refused_in_one_line() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus) {
        let bench = Bench::new();
        let said = bench.run(["record", "--lab", "-q", "-r", path.to_str().unwrap()]);
        let is_capture =
            path.extension().is_some_and(|e| ["pcap", "pcapng", "cap", "gz"].iter().any(|x| e == *x));
        if is_capture {
            assert!(matches!(said.code, Some(0 | 7)), "{}: {said:?}", path.display());
            assert_eq!(said.code == Some(7), said.err.contains("ends inside frame"), "{said:?}");
        } else if said.code == Some(1) {
            assert!(said.err.lines().count() <= 2 && !said.err.contains("panicked"), "{said:?}");
        } else {
            assert!(matches!(said.code, Some(0 | 7)), "{}: {said:?}", path.display());
        }
    }
}
