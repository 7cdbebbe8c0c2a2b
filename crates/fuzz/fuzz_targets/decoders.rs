//! A call of any packets in any encoding, as an audio file.
//!
//! Laws: nothing panics; a WAV is as long as it says, and not longer than its packets can last; every audio packet is heard,
//! or is in the list of what is not; a FLAC is of the same length and hears the same packets.
#![no_main]

use earwitness_media::{
    CallAudio,
    export::{FlacOptions, WavOptions, flac, wav},
};
use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Codec, Course, Decision, Direction, Flow, Leg, MediaPacket, Outcome,
    PacketTime, Party, PayloadKind, Refusal, RtpTime, RuleSetHash, Segment, SegmentContent, StreamQuality, StreamSummary,
    Track, TrackIndex, Verdict, pack_media,
};

/// Payload types from 96 on.
const ENCODINGS: [(&str, u32, Option<u8>); 13] = [
    ("PCMU", 8_000, None),
    ("PCMA", 8_000, None),
    ("G722", 8_000, None),
    ("GSM", 8_000, None),
    ("G726-16", 8_000, None),
    ("G726-24", 8_000, None),
    ("AAL2-G726-32", 8_000, None),
    ("G726-40", 8_000, None),
    ("L16", 16_000, Some(1)),
    ("L16", 44_100, Some(2)),
    ("opus", 48_000, Some(2)),
    ("G729", 8_000, None),
    ("red", 8_000, None),
];

/// No packet lasts longer: 255 octets of G.726 at 16 kbit/s are 1,020 samples of 8 kHz, and Opus has 120 ms.
const LONGEST_MS: u64 = 128;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let summary = summary();
    let base = summary.facts.start;
    let (mut packed, mut rest, mut sequence, mut audio) = (Vec::new(), bytes, 0u32, 0);
    // Encoding, step of the RTP clock, step of the sequence, length, payload.
    while let [encoding, clock, step, length, after @ ..] = rest {
        let (payload, after) = after.split_at((*length as usize).min(after.len()));
        rest = after;
        sequence += 1 + u32::from(*step & 3);
        let packet = MediaPacket {
            track: TrackIndex(0),
            payload_type: 96 + encoding % ENCODINGS.len() as u8,
            marker: false,
            kind: PayloadKind::Audio,
            sequence,
            rtp_time: RtpTime(sequence.wrapping_mul(u32::from(*clock) * 8)),
            arrival: base.plus_nanos(i64::from(sequence) * 1_000_000),
            payload,
        };
        pack_media(&mut packed, base, &packet);
        audio += 1;
        // Arrivals in a segment are near its base.
        if sequence > 1_900 {
            break;
        }
    }
    let mut builder = CallAudio::builder(&summary);
    builder.add(&Segment { call: summary.id, content: SegmentContent::Media, base, bytes: packed });
    let call = builder.finish();
    for conceal in [false, true] {
        let mut out = Vec::new();
        let exported =
            wav(&call, WavOptions { conceal, ..WavOptions::default() }, &mut out).expect("it is short");
        assert_eq!(out.len() as u64, 44 + exported.samples * 4);
        let silent: u64 = exported.not_decoded.iter().map(|stream| stream.packets).sum();
        assert!(exported.packets + silent <= audio);
        // A run lies within 2 s of the arrivals of its packets, which are within 2 s.
        let most_ms = 8_000 + audio * LONGEST_MS;
        assert!(exported.samples <= u64::from(exported.rate) * most_ms / 1_000);
        let lossless = flac(&call, FlacOptions { conceal, ..FlacOptions::default() }, std::io::sink());
        let lossless = lossless.expect("what a WAV holds, a FLAC holds");
        assert_eq!(
            (lossless.samples, lossless.rate, lossless.packets, lossless.recovered),
            (exported.samples, exported.rate, exported.packets, exported.recovered)
        );
    }
});

fn summary() -> CallSummary {
    let at = PacketTime::from_nanos(1_763_683_200_000_000_000);
    let address = |text: &str| text.parse().expect("it is an address");
    let flow = Flow { src: address("10.1.0.5:4000"), dst: address("10.1.0.9:4002") };
    let of = Track { leg: Leg::Caller, flow, ssrc: 1 };
    let stream = |(payload_type, (name, rate, channels)): (u8, (&str, u32, Option<u8>))| StreamSummary {
        track: TrackIndex(0),
        of,
        payload_type,
        codec: Some(Codec::from_rtpmap(name, rate, channels)),
        ptime_ms: None,
        packets: 0,
        lost: 0,
        duplicates: 0,
        reordered: 0,
        jitter_ms: None,
        first: at,
        last: at,
        payload_bytes: 0,
        quality: StreamQuality::default(),
        course: Course::default(),
    };
    CallSummary {
        id: CallId::from_bytes([7; 16]),
        sip_call_ids: vec![],
        facts: CallFacts {
            start: at,
            from: Party::default(),
            to: Party::default(),
            request_user: None,
            asserted: vec![],
            diverted_from: vec![],
        },
        verdict: Verdict {
            decision: Decision::Refuse(Refusal::NoRule),
            mode: None,
            rule: None,
            direction: Direction::Unknown,
            extension: None,
            department: None,
            rule_set: RuleSetHash::default(),
        },
        answer: Some(at),
        end: Some(CallEnd { at: at.plus_nanos(100_000_000), by: None, reason: None }),
        outcome: Outcome::Answered,
        sip_status: Some(200),
        tracks: vec![of],
        streams: (96..).zip(ENCODINGS).map(stream).collect(),
        dtmf: vec![],
        gaps: vec![],
        flags: vec![],
        messages: 0,
        joined: vec![],
        joined_parties: vec![],
        related: vec![],
        tunnel: None,
    }
}
