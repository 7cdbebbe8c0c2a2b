//! The score: what the whole program makes of real captures, against ground truth that other programs made (`tshark`,
//! `sngrep`). Each call, answer, party, end, digit and stream of the truth is one point; what is not as the truth says is in
//! [`known::KNOWN`] with the frames and the clause that explain it, and nothing else may differ.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod score;
mod support;

use std::{collections::BTreeSet, fs, io::Write, path::Path};

use score::{
    known::KNOWN,
    tally::{Point, Tally},
    truth::{audio, dialogs, digits, is_end, is_g711, leg, streams},
    unsignalled,
};
use serde_json::Value;
use support::{Bench, corpus};

/// The streams that the program lists, with the leg and the keys of their calls.
fn listed<'v>(calls: &'v [Value], stream: &Value) -> impl Iterator<Item = (&'v Value, &'v Value)> {
    let ends = (stream["src"].clone(), stream["dst"].clone(), stream["ssrc"].clone());
    calls.iter().flat_map(|call| call["streams"].as_array().unwrap().iter().map(move |of| (call, of))).filter(
        move |(_, found)| {
            is_end(&found["src"], &ends.0) && is_end(&found["dst"], &ends.1) && found["ssrc"] == ends.2
        },
    )
}

/// Compares a stream's audio: every payload type that is audio, to the byte.
fn compare_audio(tally: &mut Tally<'_>, calls: &[Value], stream: &Value) {
    for audio in audio(stream) {
        let is_so = listed(calls, stream).any(|(_, found)| {
            found["payload_type"] == audio["pt"]
                && found["payload_sha256"] == audio["sha256"]
                && found["packets"] == audio["packets"]
        });
        let what = format!("{} > {} {}", stream["src"], stream["dst"], stream["ssrc"]).replace('"', "");
        tally.point(Point::Stream, &what, is_so);
        if is_g711(audio) {
            tally.point(Point::G711, &what, is_so);
        }
    }
}

/// Compares how many packets of a stream came, of all its payload types together.
fn compare_counts(tally: &mut Tally<'_>, calls: &[Value], stream: &Value) {
    let counts = ["packets", "duplicates", "lost"];
    let sum = |of: &str| listed(calls, stream).filter_map(|(_, found)| found[of].as_u64()).sum::<u64>();
    let expected = ["distinct", "duplicates", "missing"].map(|of| stream[of].as_u64().unwrap());
    let found = counts.map(sum);
    let what = format!("{} > {} {}", stream["src"], stream["dst"], stream["ssrc"]).replace('"', "");
    tally.point(Point::Counts, &format!("{what}: {expected:?}, found {found:?}"), found == expected);
}

/// Compares whose voice a stream is.
fn compare_leg(tally: &mut Tally<'_>, calls: &[Value], capture: &Value, stream: &Value) {
    let Some(leg) = leg(capture, stream) else { return };
    let what = format!("{} > {} {}", stream["src"], stream["dst"], stream["ssrc"]).replace('"', "");
    let mut found = listed(calls, stream).map(|(_, found)| &found["leg"]).peekable();
    let is_so = found.peek().is_some() && found.all(|of| of == leg);
    tally.point(Point::Leg, &format!("{what}: {leg}"), is_so);
}

/// Compares the keys of RFC 4733 in a stream, in their order.
fn compare_keys(tally: &mut Tally<'_>, calls: &[Value], stream: &Value) {
    let Some(expected) = stream["dtmf"].as_str() else { return };
    let call = listed(calls, stream).next();
    let found = call.map(|(call, of)| digits(call, "rfc4733", Some(&of["leg"]))).unwrap_or_default();
    tally.keys(expected, &found);
}

/// Compares what a capture's dialogs came to.
fn compare_dialogs(tally: &mut Tally<'_>, capture: &Value, calls: &[Value]) {
    let ids = |call: &Value| -> Vec<String> {
        call["sip_call_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let mut unknown: BTreeSet<String> = calls.iter().flat_map(ids).collect();
    for dialog in dialogs(capture) {
        let id = dialog["call_id"].as_str().unwrap();
        unknown.remove(id);
        let holders: Vec<&Value> = calls.iter().filter(|call| ids(call).iter().any(|of| of == id)).collect();
        tally.point(Point::Call, id, holders.len() == 1);
        let [call] = holders[..] else { continue };
        let is_answered = call["outcome"] == "answered";
        tally.point(Point::Answer, id, dialog["answered"] == is_answered);
        if let Some(expected) = dialog["info_dtmf"].as_str() {
            tally.keys(expected, &digits(call, "info", None));
        }
        // Parties and times are those of the call's first dialog.
        if call["sip_call_ids"][0] != id {
            continue;
        }
        let parties = [("from", "from_user"), ("to", "to_user")];
        tally.point(Point::Parties, id, parties.iter().all(|(of, user)| call[of]["user"] == dialog[user]));
        if is_answered && dialog["answered"] == true {
            tally.point(Point::AnswerTime, id, score::truth::is_time(&call["answer"], &dialog["answer_ts"]));
        }
        if is_answered && dialog["bye_seen"] == true {
            let is_so = score::truth::is_time(&call["end"], &dialog["bye_ts"])
                && (call["ended_by"] == "caller" || call["ended_by"] == "callee");
            tally.point(Point::End, id, is_so);
        }
    }
    for id in unknown {
        tally.point(Point::Call, &format!("{id}, which is not in the truth"), false);
    }
}

/// Records a capture, and compares all that the truth says of what SIP announced in it.
fn compare(tally: &mut Tally<'_>, path: &Path, capture: &Value) {
    let bench = Bench::new();
    let said = bench.run(["record", "--lab", "-q", "-r", path.to_str().unwrap()]);
    assert!(matches!(said.code, Some(0 | 7)), "{}: {said:?}", path.display());
    let calls = bench.calls(&["--sha256"]);
    compare_dialogs(tally, capture, &calls);
    for stream in streams(capture).filter(|stream| unsignalled::is_announced(stream)) {
        compare_audio(tally, &calls, stream);
        compare_keys(tally, &calls, stream);
        compare_leg(tally, &calls, capture, stream);
        compare_counts(tally, &calls, stream);
    }
}

/// Streams of G.711 and keys that no SIP of the capture announces, in calls that do.
fn compare_unsignalled(tally: &mut Tally<'_>, path: &Path, capture: &Value) {
    let lonely: Vec<&Value> = unsignalled::of(capture).collect();
    if lonely.is_empty() {
        return;
    }
    let bench = Bench::new();
    let signalling = unsignalled::signalling(&lonely);
    let calls = unsignalled::record(&bench, &signalling, path);
    for stream in lonely {
        compare_audio(tally, &calls, stream);
        compare_keys(tally, &calls, stream);
        compare_counts(tally, &calls, stream);
    }
}

/// SRTP whose keys the truth tells, in a call that announces them.
fn compare_srtp(tally: &mut Tally<'_>, corpus: &Path, truth: &Value, secured: &Value) {
    let name = secured["file"].as_str().unwrap();
    let capture = &truth["captures"][name];
    let is_it = |stream: &&Value| stream["ssrc"] == secured["ssrc"];
    let stream = streams(capture).find(is_it).unwrap();
    let bench = Bench::new();
    let key = secured["key"].as_str().unwrap();
    let calls = unsignalled::record(&bench, &unsignalled::secured(stream, key), &corpus.join(name));
    let audio = &secured["audio"][0];
    let is_so = listed(&calls, stream).any(|(_, found)| {
        found["payload_sha256"] == audio["sha256"] && found["packets"] == secured["authentic"]
    });
    tally.point(Point::Srtp, name, is_so);
}

#[test]
fn the_corpus_comes_to_its_ground_truth_but_for_what_is_explained() {
    let Some(corpus) = corpus() else { return };
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(corpus.join(name)).unwrap()).unwrap()
    };
    let (truth, secured) = (read("EXPECTED.json"), read("EXPECTED_SRTP.json"));
    let mut all = score::tally::Score::default();
    for (name, capture) in truth["captures"].as_object().unwrap() {
        all.note(capture);
        let mut tally = all.of(name);
        compare(&mut tally, &corpus.join(name), capture);
        compare_unsignalled(&mut tally, &corpus.join(name), capture);
    }
    for secured in secured.as_array().unwrap() {
        compare_srtp(&mut all.of(secured["file"].as_str().unwrap()), &corpus, &truth, secured);
    }
    // Shown by a plain `cargo test` too, which keeps back what tests print.
    let mut shown = std::io::stdout().lock();
    writeln!(shown, "\n{}", all.line()).unwrap();
    for known in &KNOWN {
        writeln!(shown, "  {known}").unwrap();
    }
    drop(shown);
    let expected: BTreeSet<String> = KNOWN.iter().map(score::known::Known::difference).collect();
    assert_eq!(all.differences(), expected, "only what is explained may differ, and all of it does");
    all.has_all_kinds();
}
