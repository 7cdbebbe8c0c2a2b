//! Real captures against ground truth that another program made.

#![expect(clippy::disallowed_methods, reason = "tests read captures and the environment")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{CallSummary, Outcome, PayloadKind, TrackIndex};
use earwitness_rules::RuleSet;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What came out of one capture: calls, and the audio of each (call, track, payload type) in RTP order.
#[derive(Default)]
struct Replayed {
    calls: Vec<CallSummary>,
    audio: BTreeMap<(String, TrackIndex, u8), BTreeMap<u32, Vec<u8>>>,
}

impl Replayed {
    fn take(&mut self, output: Output) {
        match output {
            Output::Ended(call) => self.calls.push(*call),
            Output::Segment(segment) => {
                for packet in segment.media().filter(|p| p.kind == PayloadKind::Audio) {
                    let key = (segment.call.to_string(), packet.track, packet.payload_type);
                    self.audio.entry(key).or_default().insert(packet.sequence, packet.payload.to_vec());
                }
            }
            Output::Opened(_) | Output::Running(_) | Output::Stream(_) => {}
        }
    }

    fn hashes(&self) -> Vec<String> {
        self.audio
            .values()
            .map(|packets| {
                let mut hash = Sha256::new();
                packets.values().for_each(|payload| hash.update(payload));
                hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect()
    }

    fn call_ids(&self, keep: impl Fn(&CallSummary) -> bool) -> Vec<String> {
        let calls = self.calls.iter().filter(|call| keep(call));
        let mut ids: Vec<_> =
            calls.flat_map(|call| call.sip_call_ids.iter().map(|id| id.expose().clone())).collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

fn replay(path: &Path) -> Replayed {
    let mut source = FileSource::open(path).unwrap();
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    loop {
        let polled = source.poll(&mut |frame| {
            engine.handle_frame(frame);
            while let Some(output) = engine.poll_output() {
                replayed.take(output);
            }
        });
        if !matches!(polled, Ok(Polled::Frames)) {
            break;
        }
    }
    engine.handle_end();
    while let Some(output) = engine.poll_output() {
        replayed.take(output);
    }
    replayed
}

/// What a stream of the ground truth carries is audio, of any encoding: it lists every payload type of a stream.
fn is_audio(stream: &Value) -> bool {
    let Some(codec) = stream["codec"].as_str() else { return false };
    !["telephone-event", "CN", "H263"].contains(&codec.split('/').next().unwrap_or_default())
}

#[test]
fn captures_give_the_calls_the_answers_and_the_audio_of_the_ground_truth() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("EXPECTED.json")).unwrap()).unwrap();
    let (mut wrong, mut right, mut streams) = (Vec::new(), 0, 0);
    let mut codecs = BTreeSet::new();
    for (name, capture) in truth["captures"].as_object().unwrap() {
        let replayed = replay(&corpus.join(name));
        let dialogs = capture["sip"]["dialog"].as_array().unwrap();
        let ids = |keep: &dyn Fn(&Value) -> bool| {
            let kept = dialogs.iter().filter(|d| keep(d));
            let mut ids: Vec<_> = kept.map(|d| d["call_id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let before = wrong.len();
        let mut check = |what: &str, expected: Vec<String>, found: Vec<String>| {
            if expected != found {
                wrong.push(format!("{name}: {what}: expected {expected:?}, found {found:?}"));
            }
        };
        check("calls", ids(&|_| true), replayed.call_ids(|_| true));
        let answered = |call: &CallSummary| call.outcome == Outcome::Answered;
        check("answered", ids(&|d| d["answered"] == true), replayed.call_ids(answered));
        let found = replayed.hashes();
        for stream in capture["rtp"]["streams"].as_array().unwrap().iter().filter(|s| s["signalled"] == true)
        {
            let by_sip = !stream["call_ids"].as_array().unwrap().is_empty();
            // What is agreed on by ZRTP is closed, and not kept: tests/srtp.rs.
            let by_sip = by_sip && capture["oddities"]["protocol_frames"]["zrtp"].is_null();
            for audio in stream["audio"].as_array().unwrap().iter().filter(|a| is_audio(a) && by_sip) {
                streams += 1;
                codecs.insert(audio["codec"].as_str().unwrap().to_owned());
                if !found.iter().any(|hash| audio["sha256"] == hash.as_str()) {
                    wrong.push(format!(
                        "{name}: no stream {} > {} pt {}",
                        stream["src"], stream["dst"], audio["pt"]
                    ));
                }
            }
        }
        right += usize::from(wrong.len() == before);
    }
    println!("score: {right} captures right, {streams} streams compared, {} differences", wrong.len());
    println!("encodings: {codecs:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right > 60 && streams > 30 && codecs.len() > 10, "{right} {streams}");
}
