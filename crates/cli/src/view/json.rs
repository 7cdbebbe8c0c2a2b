//! The object that `list --json` and `show --json` print: its names and their order are a contract with scripts. Absent
//! facts are null.

use chrono_tz::Tz;
use earwitness_model::{
    CallSummary, Dtmf, Gap, Mode, PacketTime, Party, Pii, Related, StreamQuality, StreamSummary, Tunnel,
    VoipMetrics,
};
use earwitness_vault::{Entry, RecordingEntry};
use serde_json::{Value, json};

use super::{
    PayloadDigest,
    instant::{instant, seconds_between},
    is_recorded,
    mos::{mos_of, worst_of},
    reason,
    words::{
        cause_word, direction_word, ended_by_word, evidence_word, flag_word, gap_evidence_word, kind_word,
        leg_word, mode_word, outcome_word, protection_word, via_word,
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
    let begin = answer.unwrap_or(facts.start);
    let streams =
        summary.streams.iter().map(|stream| stream_object(stream, (recording, digests), (zone, begin)));
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
        "mode": verdict.mode.and_then(recording_mode),
        "recorded": is_recorded(entry),
        "reason": reason(entry),
        "recording": recording.map(|recording| recording.id.to_string()),
        "continues": recording.and_then(|recording| recording.continues).map(|before| before.to_string()),
        "streams": streams.collect::<Vec<_>>(),
        "dtmf": summary.dtmf.iter().map(|press| press_object(press, zone)).collect::<Vec<_>>(),
        "gaps": summary.gaps.iter().map(|gap| gap_object(gap, begin)).collect::<Vec<_>>(),
        "notice": null,
        "retention_until": recording.map(|recording| recording.retention_until.to_string()),
        "hold": entry.hold,
        "rule_set": verdict.rule_set.to_string(),
        "protection": protection_word(&summary.flags),
        "flags": summary.flags.iter().copied().map(flag_word).collect::<Vec<_>>(),
        "legs": legs(summary),
        "related": summary.related.iter().map(related_object).collect::<Vec<_>>(),
        "tunnel": summary.tunnel.as_ref().map(tunnel_object),
        "kind": kind_word(summary.kind()),
    })
}

/// The call's dialogs, who they are between, and by what each is known to be one of them.
fn legs(summary: &CallSummary) -> Vec<Value> {
    let joined = summary.joined.iter().copied().map(Some);
    let reasons = std::iter::once(None).chain(joined).chain(std::iter::repeat(None));
    let own = (&summary.facts.from, &summary.facts.to);
    let joined = summary.joined_parties.iter().map(|dialog| (&dialog.from, &dialog.to));
    let parties = std::iter::once(own).chain(joined).map(Some).chain(std::iter::repeat(None));
    let dialogs = summary.sip_call_ids.iter().zip(reasons).zip(parties);
    let leg = |((id, by), parties): ((&Pii<String>, _), Option<(&Party, &Party)>)| {
        json!({
            "sip_call_id": id.expose(),
            "reason": evidence_word(by),
            "from": parties.map(|(from, _)| party_object(from)),
            "to": parties.map(|(_, to)| party_object(to)),
        })
    };
    dialogs.map(leg).collect()
}

/// What the mirror wrapped the call in, between whom.
fn tunnel_object(tunnel: &Tunnel) -> Value {
    let ends = tunnel.ends;
    json!({
        "kind": tunnel.kind.to_string(),
        "from": ends.map(|ends| ends.src.to_string()),
        "to": ends.map(|ends| ends.dst.to_string()),
        "layers": tunnel.layers,
    })
}

fn related_object(related: &Related) -> Value {
    json!({ "call": related.call.to_string(), "reason": evidence_word(Some(related.by)) })
}

/// How the rule records; one that never does has no mode here, and the reason names it.
fn recording_mode(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Blanket | Mode::Selective => Some(mode_word(mode)),
        Mode::Never => None,
    }
}

fn party_object(party: &Party) -> Value {
    let fact = |fact: &Option<Pii<String>>| fact.as_ref().map(|fact| fact.expose().clone());
    json!({ "user": fact(&party.user), "display": fact(&party.display), "host": fact(&party.host) })
}

fn stream_object(
    stream: &StreamSummary,
    (recording, digests): (Option<&RecordingEntry>, Option<&[PayloadDigest]>),
    (zone, begin): (Tz, PacketTime),
) -> Value {
    let known = |count: u64| is_counted(stream, recording).then_some(count);
    let mut object = json!({
        "leg": leg_word(stream.of.leg),
        "src": stream.of.flow.src.to_string(),
        "dst": stream.of.flow.dst.to_string(),
        "ssrc": format!("{:#010x}", stream.of.ssrc),
        "codec": stream.codec.as_ref().map(ToString::to_string),
        "payload_type": stream.payload_type,
        "ptime_ms": stream.ptime_ms,
        "packets": known(stream.packets),
        "lost": known(stream.lost),
        "duplicates": known(stream.duplicates),
        "reordered": known(stream.reordered),
        "jitter_ms": stream.jitter_ms.map(to_the_microsecond),
        "mos": mos_of(stream),
        "first": instant(stream.first, zone),
        "last": instant(stream.last, zone),
        "payload_bytes": known(stream.payload_bytes),
        "payload_blake3": recording.and_then(|recording| blake3_of(stream, recording)).map(hex::encode),
        "bursts": known(u64::from(stream.quality.bursts.count)),
        "longest_burst": known(u64::from(stream.quality.bursts.longest)),
        "far_end": far_end_object(&stream.quality),
        "taps": stream.quality.taps,
        "jitter_mean_ms": stream.course.jitter_mean_ms.map(to_the_microsecond),
        "jitter_max_ms": stream.course.jitter_max_ms.map(to_the_microsecond),
        "worst_10s": worst_object(stream, begin),
    });
    if let (Some(digests), Some(members)) = (digests, object.as_object_mut()) {
        let name = |digest: &&PayloadDigest| {
            (digest.track, digest.payload_type) == (stream.track, stream.payload_type)
        };
        let sha256 = digests.iter().find(name).map(|digest| hex::encode(digest.sha256));
        members.insert("payload_sha256".to_owned(), json!(sha256));
    }
    object
}

/// The ten seconds that sounded worst, from `begin`; null where nothing was wrong.
fn worst_object(stream: &StreamSummary, begin: PacketTime) -> Value {
    worst_of(stream).map_or(Value::Null, |(stretch, mos)| {
        json!({ "at_s": seconds_between(begin, stretch.at), "lost": stretch.lost, "mos": mos })
    })
}

/// Whether anybody counted the packets of a stream. Recovery cannot: it ends an interrupted recording without the key of its
/// audio, and a stream that was announced has a packet, kept or lost.
pub(super) const fn is_counted(stream: &StreamSummary, recording: Option<&RecordingEntry>) -> bool {
    match recording {
        Some(recording) => !recording.interrupted || stream.packets > 0 || stream.lost > 0,
        None => true,
    }
}

/// The payload hash of a stream, if it has one.
pub(crate) fn blake3_of(stream: &StreamSummary, recording: &RecordingEntry) -> Option<[u8; 32]> {
    let mut hashes = recording.payload_hashes.iter();
    hashes.find(|hash| (hash.track, hash.payload_type) == (stream.track, stream.payload_type))?.blake3
}

/// What the receiver of a stream said of it last: its reports, and what it measured, which may come without the other.
fn far_end_object(quality: &StreamQuality) -> Option<Value> {
    let (said, metrics) = (quality.far_end.as_ref(), quality.metrics.as_ref());
    (said.is_some() || metrics.is_some()).then(|| {
        json!({
            "packets_lost": said.map(|said| said.packets_lost),
            "lost_percent": said.map(|said| to_the_microsecond(said.lost_percent)),
            "jitter_ms": said.map(|said| to_the_microsecond(said.jitter_ms)),
            "rtt_ms": said.and_then(|said| said.rtt_ms).map(to_the_microsecond),
            "reports": said.map_or(0, |said| said.reports),
            "xr": metrics.map(metrics_object),
        })
    })
}

fn metrics_object(metrics: &VoipMetrics) -> Value {
    let percent = |fraction: u8| to_the_microsecond(f64::from(fraction) * 100.0 / 256.0);
    let score = |tenths: u8| f64::from(tenths) / 10.0;
    json!({
        "lost_percent": percent(metrics.loss_rate),
        "discarded_percent": percent(metrics.discard_rate),
        "burst_density_percent": percent(metrics.burst_density),
        "gap_density_percent": percent(metrics.gap_density),
        "burst_ms": metrics.burst_ms,
        "gap_ms": metrics.gap_ms,
        "rtt_ms": metrics.round_trip_ms,
        "end_system_ms": metrics.end_system_ms,
        "signal_dbm0": metrics.signal_dbm0,
        "noise_dbm0": metrics.noise_dbm0,
        "rerl_db": metrics.rerl_db,
        "r_factor": metrics.r_factor,
        "mos_lq": metrics.mos_lq.map(score),
        "mos_cq": metrics.mos_cq.map(score),
    })
}

fn press_object(press: &Dtmf, zone: Tz) -> Value {
    json!({
        "at": instant(press.at, zone),
        "digit": press.digit.expose(),
        "leg": leg_word(press.leg),
        "via": via_word(press.via),
        "ms": (press.ms > 0).then_some(press.ms),
    })
}

fn gap_object(gap: &Gap, from: PacketTime) -> Value {
    json!({
        "leg": leg_word(gap.leg),
        "at_s": seconds_between(from, gap.at),
        "ms": gap.ms,
        "cause": cause_word(gap.cause),
        "evidence": gap.evidence.map(gap_evidence_word),
    })
}

/// A jitter in ms has no more digits than the capture's clock. Not a number, should a bug make one, is null in JSON.
fn to_the_microsecond(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use earwitness_model::{Evidence, Flag, TrackIndex};

    use super::*;
    use crate::view::sample;

    fn check(object: &Value, expected: &str) {
        // Broken and indented for reading: each line but the last ends in a comma, which a blank follows.
        let expected: String = expected.lines().map(str::trim_start).collect();
        assert_eq!(object.to_string(), expected);
    }

    #[test]
    fn a_recorded_call_is_the_contracts_object_to_the_letter() {
        let mut entry = sample::answered();
        entry.summary.flags = vec![Flag::OneWay, Flag::NoBye];
        let id = entry.summary.id;
        entry.summary.sip_call_ids.push(Pii::new("hop@pbx".to_owned()));
        entry.summary.joined = vec![Evidence::Media];
        entry.summary.related = vec![Related { call: id, by: Evidence::Payload }];
        entry.summary.tunnel = Some(sample::tunnel());
        let recording =
            entry.recording.as_ref().map(|recording| recording.id.to_string()).unwrap_or_default();
        let (ab, cd, rules) = ("ab".repeat(32), "cd".repeat(32), "5a".repeat(32));
        let times = r#""first":"2026-11-21T09:00:03.240000+09:00","last":"2026-11-21T09:01:04.200000+09:00""#;
        let expected = format!(
            r#"{{"schema":1,"id":"{id}","sip_call_ids":["a84b4c76e66710@pc33","hop@pbx"],
            "from":{{"user":"0312221111","display":"민원인","host":"10.1.0.5"}},
            "to":{{"user":"4001","display":null,"host":"10.1.0.9"}},
            "direction":"inbound","extension":"4001","department":"welfare",
            "start":"2026-11-21T09:00:00.000000+09:00","answer":"2026-11-21T09:00:03.200000+09:00",
            "end":"2026-11-21T09:01:04.240000+09:00","ring_s":3.2,"talk_s":61.04,"outcome":"answered",
            "sip_status":200,"ended_by":"caller","end_reason":null,"mode":"blanket","recorded":true,
            "reason":"welfare-desk","recording":"{recording}","continues":null,"streams":[
            {{"leg":"caller","src":"10.1.0.5:4000","dst":"10.1.0.9:4002","ssrc":"0x0000abcd","codec":"PCMA",
            "payload_type":8,"ptime_ms":20,"packets":3051,"lost":0,"duplicates":0,"reordered":0,"jitter_ms":0.412,
            "mos":4.41,{times},"payload_bytes":488160,"payload_blake3":"{ab}","bursts":0,"longest_burst":0,"far_end":null,"taps":[],"jitter_mean_ms":0.3,"jitter_max_ms":1.9,"worst_10s":null}},
            {{"leg":"callee","src":"10.1.0.9:4002","dst":"10.1.0.5:4000","ssrc":"0x0000abce","codec":"PCMA",
            "payload_type":8,"ptime_ms":20,"packets":990,"lost":10,"duplicates":0,"reordered":0,"jitter_ms":0.412,
            "mos":4.32,{times},"payload_bytes":158400,"payload_blake3":"{cd}","bursts":1,"longest_burst":2,
            "far_end":{{"packets_lost":10,"lost_percent":1.0,"jitter_ms":2.5,"rtt_ms":31.0,"reports":12,
            "xr":{{"lost_percent":1.172,"discarded_percent":0.391,"burst_density_percent":25.0,
            "gap_density_percent":0.781,"burst_ms":120,"gap_ms":5000,"rtt_ms":80,"end_system_ms":60,
            "signal_dbm0":-18,"noise_dbm0":-65,"rerl_db":55,"r_factor":92,"mos_lq":4.2,"mos_cq":null}}}},"taps":[700,290],
            "jitter_mean_ms":0.3,"jitter_max_ms":1.9,"worst_10s":{{"at_s":10.04,"lost":10,"mos":4.23}}}},
            {{"leg":"callee","src":"10.1.0.9:4002","dst":"10.1.0.5:4000","ssrc":"0x0000abce",
            "codec":"telephone-event/8000",
            "payload_type":101,"ptime_ms":20,"packets":0,"lost":0,"duplicates":0,"reordered":0,"jitter_ms":0.412,
            "mos":null,{times},"payload_bytes":0,"payload_blake3":null,"bursts":0,"longest_burst":0,"far_end":null,"taps":[],"jitter_mean_ms":0.3,"jitter_max_ms":1.9,"worst_10s":null}}],
            "dtmf":[{{"at":"2026-11-21T09:00:05.200000+09:00","digit":"*","leg":"callee","via":"rfc4733","ms":160}}],
            "gaps":[{{"leg":"callee","at_s":12.3,"ms":40,"cause":"network","evidence":"far_end_lost"}}],
            "notice":null,"retention_until":"2027-02-19","hold":false,"rule_set":"{rules}",
            "protection":null,"flags":["one_way","no_bye"],
            "legs":[{{"sip_call_id":"a84b4c76e66710@pc33","reason":"first",
            "from":{{"user":"0312221111","display":"민원인","host":"10.1.0.5"}},
            "to":{{"user":"4001","display":null,"host":"10.1.0.9"}}}},
            {{"sip_call_id":"hop@pbx","reason":"media","from":null,"to":null}}],
            "related":[{{"call":"{id}","reason":"payload"}}],
            "tunnel":{{"kind":"ERSPAN","from":"192.0.2.1","to":"192.0.2.9","layers":2}},"kind":"call"}}"#
        );
        check(&call_object(&entry, Seoul, None), &expected);
    }

    #[test]
    fn what_is_not_known_of_a_refused_call_is_null() {
        let entry = sample::refused();
        let (id, rules) = (entry.summary.id, "5a".repeat(32));
        let expected = format!(
            r#"{{"schema":1,"id":"{id}","sip_call_ids":["second@pc33"],
            "from":{{"user":"alice","display":null,"host":"10.1.0.6"}},
            "to":{{"user":"4999","display":null,"host":"10.1.0.9"}},
            "direction":"unknown","extension":null,"department":null,
            "start":"2026-11-21T00:00:01.000000+00:00","answer":null,"end":"2026-11-21T00:00:01.060000+00:00",
            "ring_s":0.06,"talk_s":null,"outcome":"busy","sip_status":486,"ended_by":null,"end_reason":null,
            "mode":null,"recorded":false,"reason":"no rule names this extension","recording":null,"continues":null,"streams":[],
            "dtmf":[],"gaps":[],"notice":null,"retention_until":null,"hold":false,"rule_set":"{rules}","protection":null,"flags":[],
            "legs":[{{"sip_call_id":"second@pc33","reason":"first",
            "from":{{"user":"alice","display":null,"host":"10.1.0.6"}},
            "to":{{"user":"4999","display":null,"host":"10.1.0.9"}}}}],"related":[],"tunnel":null,"kind":"call"}}"#
        );
        check(&call_object(&entry, chrono_tz::UTC, None), &expected);
    }

    #[test]
    fn what_is_known_of_a_far_end_by_one_kind_of_report_only_leaves_the_other_null() {
        let mut quality = sample::answered().summary.streams[1].quality.clone();
        quality.metrics = None;
        assert_eq!(far_end_object(&quality).unwrap()["xr"], Value::Null);
        quality = StreamQuality { metrics: Some(VoipMetrics::default()), ..StreamQuality::default() };
        let object = far_end_object(&quality).unwrap();
        assert_eq!([&object["packets_lost"], &object["reports"]], [&Value::Null, &json!(0)]);
        assert_eq!([&object["xr"]["rtt_ms"], &object["xr"]["lost_percent"]], [&Value::Null, &json!(0.0)]);
        assert_eq!(far_end_object(&StreamQuality::default()), None);
    }

    #[test]
    fn a_call_that_was_admitted_and_never_answered_is_not_recorded() {
        let mut entry = sample::answered();
        (entry.summary.answer, entry.summary.end) = (None, None);
        entry.recording.as_mut().unwrap().payload_hashes.clear();
        let object = call_object(&entry, Seoul, None);
        let named =
            ["recorded", "reason", "ring_s", "talk_s", "end", "ended_by"].map(|name| object[name].clone());
        let null = Value::Null;
        assert_eq!(
            named,
            [json!(false), json!("not answered"), null.clone(), null.clone(), null.clone(), null]
        );
    }

    #[test]
    fn the_second_part_of_a_call_names_the_recording_that_it_goes_on_from() {
        let mut entry = sample::answered();
        let before = earwitness_model::RecordingId::new(1, 2);
        entry.recording.as_mut().unwrap().continues = Some(before);
        let object = call_object(&entry, Seoul, None);
        assert_eq!(object["continues"], json!(before.to_string()));
        let names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        let place = names.iter().position(|name| *name == "recording").unwrap();
        assert_eq!(names[place + 1], "continues");
    }

    #[test]
    fn digests_follow_the_hash_and_are_null_where_there_is_none() {
        let digest = PayloadDigest { track: TrackIndex(1), payload_type: 8, sha256: [0xef; 32] };
        let object = call_object(&sample::answered(), Seoul, Some(&[digest]));
        let found: Vec<_> =
            object["streams"].as_array().unwrap().iter().map(|s| s["payload_sha256"].clone()).collect();
        assert_eq!(found, [Value::Null, json!("ef".repeat(32)), Value::Null]);
        let last = |stream: &Value| stream.as_object().unwrap().keys().next_back().cloned();
        assert_eq!(last(&object["streams"][1]).as_deref(), Some("payload_sha256"));
    }

    #[test]
    fn a_rule_that_never_records_has_no_mode() {
        let mut entry = sample::refused();
        for (mode, expected) in [(Mode::Never, Value::Null), (Mode::Selective, json!("selective"))] {
            entry.summary.verdict.mode = Some(mode);
            assert_eq!(call_object(&entry, Seoul, None)["mode"], expected);
        }
    }
}
