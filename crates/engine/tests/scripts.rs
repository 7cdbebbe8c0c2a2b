//! Each call that is told as a script comes to what stands beside it in `expected.json`.
//!
//! `UPDATE_EXPECTED=1` rewrites the expectations; they are to be read against their scripts before they are committed.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures and the environment")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::BTreeMap, fs, path::PathBuf};

use earwitness_engine::Limits;
use earwitness_model::{CallSummary, Decision, Dtmf, Gap, PacketTime, PayloadKind, StreamSummary};
use earwitness_rules::RuleSet;
use earwitness_testkit::Frame;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Came, Replayed, desks, example, lab, named, replay, scripts, told};

/// Rules that keep something else of a script than the lab rule does.
fn rules(name: &str) -> Option<RuleSet> {
    match name {
        "demo-office" => Some(example()),
        "early-media" | "early-media-both-ways" => Some(desks()),
        _ => None,
    }
}

/// Seconds with microseconds, from the first frame on.
fn seconds(at: PacketTime, zero: PacketTime) -> f64 {
    (at.since(zero) / 1000) as f64 / 1e6
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A word of a closed set as its variant is named.
fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn stream(stream: &StreamSummary, came: &Came, zero: PacketTime) -> Value {
    let audio = came.audio(stream.track, stream.payload_type);
    let mut object = json!({
        "leg": word(stream.of.leg),
        "track": named(&stream.of),
        "codec": stream.codec.as_ref().map(ToString::to_string),
        "payload_type": stream.payload_type,
        "ptime_ms": stream.ptime_ms,
        "packets": stream.packets,
        "lost": stream.lost,
        "duplicates": stream.duplicates,
        "reordered": stream.reordered,
        "first": seconds(stream.first, zero),
        "last": seconds(stream.last, zero),
        "payload_bytes": stream.payload_bytes,
        "audio_sha256": (!audio.is_empty()).then(|| sha256(&audio)),
    });
    if let Some(said) = &stream.quality.far_end {
        object["far_end"] = json!({
            "packets_lost": said.packets_lost,
            "lost_percent": hundredths(said.lost_percent),
            "jitter_ms": hundredths(said.jitter_ms),
            "rtt_ms": said.rtt_ms.map(hundredths),
            "reports": said.reports,
        });
    }
    if let Some(metrics) = &stream.quality.metrics {
        object["xr"] = json!(metrics);
    }
    object
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn key(key: &Dtmf, zero: PacketTime) -> Value {
    let (leg, via) = (word(key.leg), word(key.via));
    json!({ "at": seconds(key.at, zero), "digit": key.digit.expose(), "leg": leg, "via": via, "ms": key.ms })
}

fn gap(gap: &Gap, zero: PacketTime) -> Value {
    let mut object =
        json!({ "leg": word(gap.leg), "at": seconds(gap.at, zero), "ms": gap.ms, "cause": word(gap.cause) });
    if let Some(shown) = gap.evidence {
        object["evidence"] = word(shown).into();
    }
    object
}

fn call(call: &CallSummary, came: &Came, zero: PacketTime) -> Value {
    let end = call.end.as_ref();
    let refusal = match call.verdict.decision {
        Decision::Admit(_) => None,
        Decision::Refuse(why) => Some(word(why)),
    };
    json!({
        "from": call.facts.from.user.as_ref().map(|user| user.expose()),
        "to": call.facts.to.user.as_ref().map(|user| user.expose()),
        "refused": refusal,
        "outcome": word(call.outcome),
        "status": call.sip_status,
        "start": seconds(call.facts.start, zero),
        "opened": came.opened.map(|at| seconds(at, zero)),
        "answer": call.answer.map(|at| seconds(at, zero)),
        "end": end.map(|end| seconds(end.at, zero)),
        "ended_by": end.and_then(|end| end.by).map(word),
        "messages": call.messages,
        "flags": call.flags.iter().map(word).collect::<Vec<_>>(),
        "streams": call.streams.iter().map(|s| stream(s, came, zero)).collect::<Vec<_>>(),
        "dtmf": call.dtmf.iter().map(|k| key(k, zero)).collect::<Vec<_>>(),
        "gaps": call.gaps.iter().map(|g| gap(g, zero)).collect::<Vec<_>>(),
    })
}

/// The call, and which dialogs and calls are one conversation with it, where there are any.
fn conversation(ended: &CallSummary, came: &Came, all: &Replayed, zero: PacketTime) -> Value {
    let mut call = call(ended, came, zero);
    if !ended.joined.is_empty() {
        let ids = ended.sip_call_ids.iter().skip(1).map(|id| id.expose().clone());
        let joined = ids.zip(&ended.joined).map(|(id, by)| json!([id, word(by)]));
        call["joined"] = joined.collect::<Vec<_>>().into();
    }
    if !ended.related.is_empty() {
        let name = |other| all.calls[other].ended.as_ref().unwrap().sip_call_ids[0].expose().clone();
        let related = ended.related.iter().map(|other| json!([name(&other.call), word(other.by)]));
        call["related"] = related.collect::<Vec<_>>().into();
    }
    call
}

/// What a script comes to, under one set of rules.
fn summary(replayed: &Replayed, zero: PacketTime) -> Value {
    let ended = replayed.calls.values().filter_map(|came| Some((came.ended.as_ref()?, came)));
    let counts = &replayed.counts;
    json!({
        "calls": ended.map(|(ended, came)| conversation(ended, came, replayed, zero)).collect::<Vec<_>>(),
        "messages": counts.messages,
        "rtp": {
            "packets": counts.media.packets,
            "kept": counts.media.kept,
            "dropped": counts.media.dropped,
            "unclaimed": counts.media.unclaimed + counts.media.unclaimed_refused,
        },
        "other": counts.other + counts.messages_malformed,
    })
}

fn fixtures() -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = folders
        .filter(|folder| folder.join("script.call").exists())
        .map(|folder| (folder.file_name().unwrap().to_string_lossy().into_owned(), folder))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() >= 24, "{} scripts", fixtures.len());
    fixtures
}

fn frames(folder: &std::path::Path) -> Vec<Frame> {
    told(&fs::read_to_string(folder.join("script.call")).unwrap())
}

#[test]
fn each_script_comes_to_what_stands_beside_it() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for (name, folder) in fixtures() {
        let frames = frames(&folder);
        let zero = frames[0].time;
        let mut found = json!({ "lab": summary(&lab(&frames), zero) });
        if let Some(rules) = rules(&name) {
            found["rules"] = summary(&replay(&frames, rules, Limits::default()), zero);
        }
        let path = folder.join("expected.json");
        if update {
            fs::write(&path, format!("{found:#}\n")).unwrap();
        }
        let expected: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        if found != expected {
            wrong.push(format!("{name}: found {found:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a mirror of both directions of a port changes: counters.
fn without_counters(mut summary: Value) -> Value {
    for call in summary["calls"].as_array_mut().unwrap() {
        call["messages"].take();
        call["streams"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|stream| drop(stream["duplicates"].take()));
    }
    summary["calls"].take()
}

#[test]
fn every_frame_doubled_changes_counters_only() {
    for (name, folder) in fixtures() {
        let once = frames(&folder);
        let twice: Vec<Frame> = once.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        let (zero, before, after) = (once[0].time, lab(&once), lab(&twice));
        let expected = without_counters(summary(&before, zero));
        assert_eq!(without_counters(summary(&after, zero)), expected, "{name}");
        for (id, came) in &before.calls {
            let (ended, again) = (came.ended.as_ref().unwrap(), &after.calls[id]);
            assert_eq!(again.pieces, came.pieces, "{name}");
            let mirrored = again.ended.as_ref().unwrap();
            // A copy of a fragment is no second datagram: the two fragmented messages are there once. Nor is one of a
            // segment a second message: whole calls over TCP are there once.
            let once = match name.as_str() {
                "fragmented" => 2,
                name if name.starts_with("tcp-") || name == "websocket" => ended.messages,
                _ => 0,
            };
            assert_eq!(mirrored.messages, 2 * ended.messages - once, "{name}");
            for (stream, doubled) in ended.streams.iter().zip(&mirrored.streams) {
                assert_eq!(doubled.duplicates, 2 * stream.duplicates + stream.packets, "{name}");
            }
        }
    }
}

/// (track, payload type) → sequence number → payload: RTP as a reader without an engine finds it.
type Read = BTreeMap<(String, u8), BTreeMap<u64, Vec<u8>>>;

/// Reads what is not to or from a port of SIP as RTP, in Ethernet with VLAN tags.
fn read(frames: &[Frame]) -> Read {
    let mut read = Read::new();
    for frame in frames {
        let bytes = &frame.bytes;
        let tags = (12..).step_by(4).take_while(|&at| matches!(bytes[at..at + 2], [0x81 | 0x88, 0 | 0xa8]));
        let ip = 14 + 4 * tags.count();
        let is_v4 = bytes[ip] >> 4 == 4;
        let udp = ip + if is_v4 { 20 } else { 40 };
        let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let is_fragment = is_v4 && bytes[ip + 6..ip + 8] != [0, 0];
        let rtp = &bytes[udp + 8..];
        let is_rtcp = rtp.len() > 1 && (192..224).contains(&rtp[1]);
        let is_tcp = bytes[ip + if is_v4 { 9 } else { 6 }] == 6;
        if is_fragment || is_tcp || is_rtcp || [5060, 5071].contains(&port(udp)) {
            continue;
        }
        let address = |at: usize| {
            if is_v4 {
                let octets: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
                std::net::IpAddr::from(octets)
            } else {
                let octets: [u8; 16] = bytes[at..at + 16].try_into().unwrap();
                std::net::IpAddr::from(octets)
            }
        };
        let (src, dst) = if is_v4 { (ip + 12, ip + 16) } else { (ip + 8, ip + 24) };
        let end = |at, at_port| std::net::SocketAddr::new(address(at), port(at_port));
        let ssrc = u32::from_be_bytes(rtp[8..12].try_into().unwrap());
        let track = format!("{}>{}/{ssrc:#x}", end(src, udp), end(dst, udp + 2));
        let packets = read.entry((track, rtp[1] & 0x7f)).or_default();
        let sequence = u16::from_be_bytes([rtp[2], rtp[3]]);
        // No script's RTP is longer than half a turn: what is small after the wrap is the later one.
        let first = packets.keys().next().copied().unwrap_or_default();
        let later = u64::from(first > 0x8000 && sequence < 0x8000) << 16;
        packets.insert(later + u64::from(sequence), rtp[12..].to_vec());
    }
    read
}

/// Comfort noise, keys, and what nobody named.
const NO_AUDIO: [u8; 3] = [13, 101, 98];

#[test]
fn audio_is_that_of_a_reader_without_an_engine() {
    let mut compared = 0;
    // The reader without an engine has no keys: tests/srtp.rs.
    let readable = |name: &String| name != "mid-call" && !name.starts_with("srtp");
    for (name, folder) in fixtures().into_iter().filter(|(name, _)| readable(name)) {
        let frames = frames(&folder);
        let replayed = lab(&frames);
        let mut found = BTreeMap::new();
        for came in replayed.calls.values() {
            for stream in &came.ended.as_ref().unwrap().streams {
                let is_audio = stream.codec.as_ref().is_some_and(|codec| codec.kind() == PayloadKind::Audio);
                let audio = came.audio(stream.track, stream.payload_type);
                if is_audio {
                    found.insert((named(&stream.of), stream.payload_type), (stream.packets, sha256(&audio)));
                }
            }
        }
        let expected: BTreeMap<_, _> = read(&frames)
            .into_iter()
            .filter(|((_, payload_type), _)| !NO_AUDIO.contains(payload_type))
            .map(|(key, packets)| {
                let audio: Vec<u8> = packets.values().flatten().copied().collect();
                (key, (packets.len() as u64, sha256(&audio)))
            })
            .collect();
        compared += expected.len();
        assert_eq!(found, expected, "{name}");
    }
    assert!(compared >= 50, "{compared} streams");
}
