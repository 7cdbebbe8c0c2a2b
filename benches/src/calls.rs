//! Many calls of an office, as varied as calls are: what a listing is looked through for.

use std::net::SocketAddr;

use earwitness_load::{MORNING, Random};
use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Codec, Course, Decision, Direction, EarlyMedia, EndedBy, Flow,
    InbandDigits, Keep, Leg, Mode, Outcome, PacketTime, Party, Period, Pii, Refusal, RetentionClass,
    RuleSetHash, StreamQuality, StreamSummary, Track, TrackIndex, Verdict,
};
use earwitness_vault::Opening;

/// Days over which the calls are spread, the last of them the morning's.
pub const DAYS: i64 = 40;
/// Extensions of the office.
const EXTENSIONS: u64 = 1_200;
/// Its departments.
const DEPARTMENTS: u64 = 24;
/// One of so many calls has what a search for something rare is for.
const RARE: u64 = 5_000;
const NANOS_OF_DAY: i64 = 86_400_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Call `n` of `of`.
#[must_use]
pub fn call(n: u32, of: u32) -> CallSummary {
    let mut random = Random::new(u64::from(n));
    let mut below = |bound: u64| random.below(bound);
    let start = MORNING.plus_nanos((i64::from(n) - i64::from(of)) * (DAYS * NANOS_OF_DAY / i64::from(of)));
    let id = CallId::new(start.nanos() / 1_000_000, u128::from(n));
    let extension = 4_000 + below(EXTENSIONS);
    let is_inbound = below(3) > 0;
    let outcome = match below(20_000) {
        0..4 => Outcome::Declined,
        4..16_000 => Outcome::Answered,
        16_000..18_000 => Outcome::Busy,
        18_000..19_000 => Outcome::NoAnswer,
        19_000..19_500 => Outcome::Cancelled,
        _ => Outcome::Failed,
    };
    let talk = if below(RARE) == 0 { 3_600 } else { 5 + below(60) * below(20) };
    let own = party(extension.to_string(), None);
    let other =
        party(format!("010{:08}", 10_000_000 + below(80_000_000)), Some(format!("caller {}", n % 977)));
    let (from, to) = if is_inbound { (other, own) } else { (own, other) };
    let mut summary = CallSummary {
        id,
        sip_call_ids: vec![Pii::new(format!("{n:08x}-{:08x}@10.1.0.5", below(u64::from(u32::MAX))))],
        verdict: verdict(extension, is_inbound, (below(50), below(RARE))),
        facts: CallFacts {
            start,
            from,
            to,
            request_user: None,
            asserted: Vec::new(),
            diverted_from: Vec::new(),
        },
        answer: None,
        end: Some(CallEnd { at: start.plus_nanos(20 * SECOND), by: None, reason: None }),
        outcome,
        sip_status: Some(200),
        tracks: Vec::new(),
        streams: Vec::new(),
        dtmf: Vec::new(),
        gaps: Vec::new(),
        flags: Vec::new(),
        messages: 7,
        joined: Vec::new(),
        joined_parties: Vec::new(),
        related: Vec::new(),
        tunnel: None,
    };
    if outcome == Outcome::Answered {
        let answer = start.plus_nanos(4 * SECOND);
        let end = answer.plus_nanos(talk as i64 * SECOND);
        summary.answer = Some(answer);
        summary.end = Some(CallEnd { at: end, by: Some(EndedBy::Caller), reason: None });
        for (index, leg) in [(0, Leg::Caller), (1, Leg::Callee)] {
            let lost = match below(RARE) {
                0 => talk * 10,
                1..20 => talk,
                _ => 0,
            };
            let of = track(leg, (n, index));
            summary.tracks.push(of);
            summary.streams.push(stream((index, of), (answer, end), (talk * 50, lost)));
        }
    }
    summary
}

/// What is known when the call begins that `summary` is of.
#[must_use]
pub fn opening(summary: &CallSummary) -> Opening {
    Opening {
        call: summary.id,
        facts: summary.facts.clone(),
        verdict: summary.verdict.clone(),
        at: summary.facts.start,
        continues: None,
    }
}

fn party(user: String, display: Option<String>) -> Party {
    Party {
        user: Some(Pii::new(user)),
        display: display.map(Pii::new),
        host: Some(Pii::new("10.1.0.5".to_owned())),
    }
}

fn verdict(extension: u64, is_inbound: bool, (one_of_50, rare): (u64, u64)) -> Verdict {
    let department = extension % DEPARTMENTS;
    let retention = RetentionClass { name: "citizen-90d".to_owned(), keep: Period { months: 0, days: 90 } };
    let keep = Keep {
        retention,
        notice: if rare == 2 { "none".to_owned() } else { format!("ivr-{}", department % 3) },
        early_media: EarlyMedia::Drop,
        inband_digits: InbandDigits::Ignore,
    };
    Verdict {
        decision: if one_of_50 == 0 { Decision::Refuse(Refusal::NoRule) } else { Decision::Admit(keep) },
        mode: Some(if rare == 0 { Mode::Selective } else { Mode::Blanket }),
        rule: Some(format!("desk-{department}")),
        direction: if is_inbound { Direction::Inbound } else { Direction::Outbound },
        extension: Some(Pii::new(extension.to_string())),
        department: Some(if rare == 1 { "archive".to_owned() } else { format!("department-{department}") }),
        rule_set: RuleSetHash([1; 32]),
    }
}

fn track(leg: Leg, (n, index): (u32, u16)) -> Track {
    let address = |host: u8| SocketAddr::from(([10, 1, 0, host], 4_000 + (n % 20_000) as u16 * 2));
    Track {
        leg,
        flow: Flow { src: address(5), dst: address(9) },
        ssrc: n.wrapping_mul(2_654_435_761) + u32::from(index),
    }
}

fn stream(
    (index, of): (u16, Track),
    (first, last): (PacketTime, PacketTime),
    (packets, lost): (u64, u64),
) -> StreamSummary {
    StreamSummary {
        track: TrackIndex(index),
        of,
        payload_type: 8,
        codec: Some(Codec::Pcma),
        ptime_ms: Some(20),
        packets: packets - lost,
        lost,
        duplicates: 0,
        reordered: 0,
        jitter_ms: Some(0.4),
        first,
        last,
        payload_bytes: packets * 160,
        quality: StreamQuality::default(),
        course: Course::default(),
    }
}
