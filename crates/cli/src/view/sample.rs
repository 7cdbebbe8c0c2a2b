//! Calls made by hand, for the tests of the views and the filters.

use earwitness_model::{
    Bursts, CallEnd, CallFacts, CallId, CallSummary, Codec, Course, Decision, Direction, Dtmf, DtmfVia,
    EarlyMedia, Encapsulation, EndedBy, FarEnd, Flow, Gap, GapCause, GapEvidence, InbandDigits, Keep, Leg,
    Mode, Outcome, PacketTime, Party, Period, Pii, RecordingId, Refusal, RetentionClass, RuleSetHash,
    StreamQuality, StreamSummary, Stretch, Track, TrackIndex, Tunnel, TunnelEnds, Verdict, VoipMetrics,
};
use earwitness_vault::{Entry, RecordingEntry, StreamHash};

/// 2026-11-21 09:00 in Korea.
pub(crate) const START: PacketTime = PacketTime::from_nanos(1_795_219_200_000_000_000);
const MS: i64 = 1_000_000;

/// `ms` after the start of the calls.
pub(crate) const fn after(ms: i64) -> PacketTime {
    START.plus_nanos(ms * MS)
}

fn party(user: &str, display: Option<&str>, host: &str) -> Party {
    let pii = |text: &str| Some(Pii::new(text.to_owned()));
    Party { user: pii(user), display: display.and_then(pii), host: pii(host) }
}

fn stream(track: u16, payload_type: u8, codec: Codec, (packets, lost): (u64, u64)) -> StreamSummary {
    let (leg, flow) = match track {
        0 => (Leg::Caller, ("10.1.0.5:4000", "10.1.0.9:4002")),
        _ => (Leg::Callee, ("10.1.0.9:4002", "10.1.0.5:4000")),
    };
    let flow = Flow { src: flow.0.parse().unwrap(), dst: flow.1.parse().unwrap() };
    let bad = Stretch { at: after(13_240), packets: 490, lost: 10, longest_run: 1, jitter_us: 300 };
    let stretches = if lost > 0 { vec![bad] } else { vec![] };
    StreamSummary {
        track: TrackIndex(track),
        of: Track { leg, flow, ssrc: 0xabcd + u32::from(track) },
        payload_type,
        codec: Some(codec),
        ptime_ms: Some(20),
        packets,
        lost,
        duplicates: 0,
        reordered: 0,
        jitter_ms: Some(0.412_345),
        first: after(3_240),
        last: after(64_200),
        payload_bytes: packets * 160,
        quality: StreamQuality::default(),
        course: Course {
            jitter_mean_ms: Some(0.3),
            jitter_max_ms: Some(1.9),
            delay_ms: Some(0.3),
            stretches,
            stretches_unlisted: 0,
        },
    }
}

/// A call to the welfare desk, answered after 3.2 s and talked for 61.04 s; the callee lost 1 %.
pub(crate) fn answered() -> Entry {
    let verdict = Verdict {
        decision: Decision::Admit(Keep {
            retention: RetentionClass {
                name: "citizen-90d".to_owned(),
                keep: Period { months: 0, days: 90 },
            },
            notice: "ivr-2026".to_owned(),
            early_media: EarlyMedia::Drop,
            inband_digits: InbandDigits::Ignore,
        }),
        mode: Some(Mode::Blanket),
        rule: Some("welfare-desk".to_owned()),
        direction: Direction::Inbound,
        extension: Some(Pii::new("4001".to_owned())),
        department: Some("welfare".to_owned()),
        rule_set: RuleSetHash([0x5a; 32]),
    };
    let event = Codec::from_rtpmap("telephone-event", 8000, None);
    let mut streams = vec![
        stream(0, 8, Codec::Pcma, (3051, 0)),
        stream(1, 8, Codec::Pcma, (990, 10)),
        stream(1, 101, event, (0, 0)),
    ];
    streams[1].quality = StreamQuality {
        far_end: Some(FarEnd {
            packets_lost: 10,
            lost_percent: 1.0,
            jitter_ms: 2.5,
            rtt_ms: Some(31.0),
            reports: 12,
        }),
        bursts: Bursts { count: 1, longest: 2 },
        taps: vec![700, 290],
        metrics: Some(VoipMetrics {
            loss_rate: 3,
            discard_rate: 1,
            burst_density: 64,
            gap_density: 2,
            burst_ms: 120,
            gap_ms: 5000,
            round_trip_ms: Some(80),
            end_system_ms: Some(60),
            signal_dbm0: Some(-18),
            noise_dbm0: Some(-65),
            rerl_db: Some(55),
            r_factor: Some(92),
            mos_lq: Some(42),
            mos_cq: None,
        }),
    };
    let summary = CallSummary {
        id: CallId::new(START.nanos() / MS, 7),
        sip_call_ids: vec![Pii::new("a84b4c76e66710@pc33".to_owned())],
        facts: CallFacts {
            start: START,
            from: party("0312221111", Some("민원인"), "10.1.0.5"),
            to: party("4001", None, "10.1.0.9"),
            request_user: Some(Pii::new("4001".to_owned())),
            asserted: vec![Pii::new("+82312221111".to_owned())],
            diverted_from: vec![],
        },
        verdict,
        answer: Some(after(3_200)),
        end: Some(CallEnd { at: after(64_240), by: Some(EndedBy::Caller), reason: None }),
        outcome: Outcome::Answered,
        sip_status: Some(200),
        tracks: vec![streams[0].of, streams[1].of],
        streams,
        dtmf: vec![Dtmf {
            at: after(5_200),
            digit: Pii::new('*'),
            leg: Leg::Callee,
            via: DtmfVia::Rfc4733,
            ms: 160,
        }],
        gaps: vec![Gap {
            leg: Leg::Callee,
            at: after(15_500),
            ms: 40,
            cause: GapCause::Network,
            evidence: Some(GapEvidence::FarEndLost),
        }],
        flags: vec![],
        messages: 7,
        joined: vec![],
        joined_parties: vec![],
        related: vec![],
        tunnel: None,
    };
    let hash =
        |track, byte| StreamHash { track: TrackIndex(track), payload_type: 8, blake3: Some([byte; 32]) };
    let recording = RecordingEntry {
        id: RecordingId::new(START.nanos() / MS, 9),
        class: "citizen-90d".to_owned(),
        day: "2026-11-21".parse().unwrap(),
        volume: 1,
        manifest_at: 4096,
        retention_until: "2027-02-19".parse().unwrap(),
        sealed_bytes: 646_560,
        payload_hashes: vec![hash(0, 0xab), hash(1, 0xcd)],
        interrupted: false,
        continues: None,
    };
    Entry::new(summary, Some(recording))
}

/// A call that no rule names, busy, a second later.
pub(crate) fn refused() -> Entry {
    let mut entry = answered();
    let summary = &mut entry.summary;
    summary.id = CallId::new(START.nanos() / MS + 1_000, 7);
    summary.sip_call_ids = vec![Pii::new("second@pc33".to_owned())];
    summary.facts.start = after(1_000);
    summary.facts.from = party("alice", None, "10.1.0.6");
    summary.facts.to = party("4999", None, "10.1.0.9");
    (summary.facts.request_user, summary.facts.asserted) = (None, vec![]);
    summary.verdict = Verdict {
        decision: Decision::Refuse(Refusal::NoRule),
        mode: None,
        rule: None,
        direction: Direction::Unknown,
        extension: None,
        department: None,
        rule_set: RuleSetHash([0x5a; 32]),
    };
    summary.answer = None;
    summary.end = Some(CallEnd { at: after(1_060), by: None, reason: None });
    (summary.outcome, summary.sip_status) = (Outcome::Busy, Some(486));
    (summary.tracks, summary.streams, summary.dtmf, summary.gaps) = (vec![], vec![], vec![], vec![]);
    entry.recording = None;
    entry
}

/// Of a switch that mirrors to an address, with another tunnel in it.
pub(super) fn tunnel() -> Tunnel {
    let ends = TunnelEnds { src: [192, 0, 2, 1].into(), dst: [192, 0, 2, 9].into() };
    Tunnel { kind: Encapsulation::Erspan, ends: Some(ends), layers: 2 }
}
