//! The object that `list --json` and `show --json` print: its names and their order are a contract with scripts. Absent
//! facts are null.

use chrono_tz::Tz;
use earwitness_model::{CallSummary, Dtmf, Gap, PacketTime, Party, Pii, StreamSummary};
use earwitness_vault::{Entry, RecordingEntry};
use serde_json::{Value, json};

use super::{
    PayloadDigest,
    instant::{instant, seconds_between},
    is_recorded, reason,
    words::{
        cause_word, direction_word, ended_by_word, flag_word, leg_word, mode_word, outcome_word, via_word,
    },
};

/// Changes when a name or a meaning does.
const SCHEMA: u8 = 1;

/// The object of one call. With `digests`, each stream also has its `payload_sha256`.
pub(crate) fn call_object(entry: &Entry, zone: Tz, digests: Option<&[PayloadDigest]>) -> Value {
    let CallSummary { facts, verdict, answer, end, .. } = &entry.summary;
    let summary = &entry.summary;
    let (recording, end_at) = (entry.recording.as_ref(), end.as_ref().map(|end| end.at));
    let at = |time: PacketTime| instant(time, zone);
    let streams = summary.streams.iter().map(|stream| stream_object(stream, (recording, digests), zone));
    json!({
        "schema": SCHEMA,
        "id": summary.id.to_string(),
        "sip_call_ids": summary.sip_call_ids.iter().map(Pii::expose).collect::<Vec<_>>(),
        "from": party_object(&facts.from),
        "to": party_object(&facts.to),
        "direction": direction_word(verdict.direction),
        "extension": verdict.extension.as_ref().map(Pii::expose),
        "department": verdict.department,
        "start": at(facts.start),
        "answer": answer.map(at),
        "end": end_at.map(at),
        "ring_s": answer.or(end_at).map(|until| seconds_between(facts.start, until)),
        "talk_s": answer.zip(end_at).map(|(answer, end)| seconds_between(answer, end)),
        "outcome": outcome_word(summary.outcome),
        "sip_status": summary.sip_status,
        "ended_by": end.as_ref().and_then(|end| end.by).map(ended_by_word),
        "end_reason": end.as_ref().and_then(|end| end.reason.as_ref()),
        "mode": verdict.mode.map(mode_word),
        "recorded": is_recorded(entry),
        "reason": reason(entry),
        "recording": recording.map(|recording| recording.id.to_string()),
        "streams": streams.collect::<Vec<_>>(),
        "dtmf": summary.dtmf.iter().map(|press| press_object(press, zone)).collect::<Vec<_>>(),
        "gaps": summary.gaps.iter().map(|gap| gap_object(gap, answer.unwrap_or(facts.start))).collect::<Vec<_>>(),
        "notice": null,
        "retention_until": recording.map(|recording| recording.retention_until.to_string()),
        "hold": entry.hold,
        "rule_set": verdict.rule_set.to_string(),
        "flags": summary.flags.iter().copied().map(flag_word).collect::<Vec<_>>(),
    })
}

fn party_object(party: &Party) -> Value {
    let fact = |fact: &Option<Pii<String>>| fact.as_ref().map(|fact| fact.expose().clone());
    json!({ "user": fact(&party.user), "display": fact(&party.display), "host": fact(&party.host) })
}

fn stream_object(
    stream: &StreamSummary,
    (recording, digests): (Option<&RecordingEntry>, Option<&[PayloadDigest]>),
    zone: Tz,
) -> Value {
    let mut object = json!({
        "leg": leg_word(stream.of.leg),
        "src": stream.of.flow.src.to_string(),
        "dst": stream.of.flow.dst.to_string(),
        "ssrc": format!("{:#010x}", stream.of.ssrc),
        "codec": stream.codec.as_ref().map(ToString::to_string),
        "payload_type": stream.payload_type,
        "ptime_ms": stream.ptime_ms,
        "packets": stream.packets,
        "lost": stream.lost,
        "duplicates": stream.duplicates,
        "reordered": stream.reordered,
        "jitter_ms": stream.jitter_ms.map(to_the_microsecond),
        "mos": null,
        "first": instant(stream.first, zone),
        "last": instant(stream.last, zone),
        "payload_bytes": stream.payload_bytes,
        "payload_blake3": recording.and_then(|recording| blake3_of(stream, recording)).map(|hash| hex(&hash)),
    });
    if let (Some(digests), Some(members)) = (digests, object.as_object_mut()) {
        let name = |digest: &&PayloadDigest| {
            (digest.track, digest.payload_type) == (stream.track, stream.payload_type)
        };
        let sha256 = digests.iter().find(name).map(|digest| hex(&digest.sha256));
        members.insert("payload_sha256".to_owned(), json!(sha256));
    }
    object
}

/// The payload hash of a stream, if it has one.
pub(super) fn blake3_of(stream: &StreamSummary, recording: &RecordingEntry) -> Option<[u8; 32]> {
    let mut hashes = recording.payload_hashes.iter();
    hashes.find(|hash| (hash.track, hash.payload_type) == (stream.track, stream.payload_type))?.blake3
}

fn press_object(press: &Dtmf, zone: Tz) -> Value {
    json!({
        "at": instant(press.at, zone),
        "digit": press.digit.expose(),
        "leg": leg_word(press.leg),
        "via": via_word(press.via),
        "ms": press.ms,
    })
}

fn gap_object(gap: &Gap, from: PacketTime) -> Value {
    json!({
        "leg": leg_word(gap.leg),
        "at_s": seconds_between(from, gap.at),
        "ms": gap.ms,
        "cause": cause_word(gap.cause),
    })
}

/// A jitter in ms has no more digits than the capture's clock. Not a number, should a bug make one, is null in JSON.
fn to_the_microsecond(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// Lower case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
