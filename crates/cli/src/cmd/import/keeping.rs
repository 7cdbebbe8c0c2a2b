//! One imported call: what is known of it, and its audio on the way into the vault. Nothing is made up: what the list does not
//! say is not said.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use chrono::{DateTime, Days, Months};
use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Course, Decision, EarlyMedia, Flag, Flow, InbandDigits, Keep,
    Leg, MediaPacket, Outcome, PacketTime, Party, PayloadKind, Period, Pii, RetentionClass, RtpTime,
    RuleSetHash, Segment, SegmentContent, StreamQuality, StreamSummary, Track, TrackIndex, Verdict, WallTime,
    pack_media,
};
use earwitness_vault::{Opening, Sealer, StreamOpened, Vault, VaultError, Writer};
use sha2::{Digest, Sha256};

use super::{table::Listed, wave::Wave};
use crate::exit::Failure;

/// Calls between two commits.
const COMMIT_AFTER: usize = 64;
/// Packets of twenty milliseconds in a segment.
const IN_SEGMENT: usize = 25;
const PACKET_NANOS: i64 = 20_000_000;

/// Whether a call is in the vault now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Now,
    Before,
}

/// The vault while it is imported into.
pub(super) struct Keeper<'v> {
    vault: &'v Vault,
    retention: RetentionClass,
    sealer: Sealer,
    writer: Writer,
    /// Those of this run that are not listed yet; when nothing is kept, all of them.
    uncommitted: HashSet<CallId>,
}

/// What is known of a call before its audio is.
pub(super) struct Call {
    id: CallId,
    name: String,
    facts: CallFacts,
    verdict: Verdict,
}

impl<'v> Keeper<'v> {
    pub(super) fn new(vault: &'v Vault, retention: RetentionClass) -> Result<Self, Failure> {
        let (sealer, writer) = vault.writer()?;
        Ok(Self { vault, retention, sealer, writer, uncommitted: HashSet::new() })
    }

    /// A call is known by its beginning and by its file's hash: the same file is the same call.
    pub(super) fn call(&self, listed: &Listed, file: &[u8]) -> Call {
        let blake3 = blake3::hash(file);
        let sha256 = hex::encode(Sha256::digest(file));
        let [tail @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *blake3.as_bytes();
        let party =
            |user: &Option<String>| Party { user: user.clone().map(Pii::new), display: None, host: None };
        let facts = CallFacts {
            start: listed.start,
            from: party(&listed.from),
            to: party(&listed.to),
            request_user: None,
            asserted: Vec::new(),
            diverted_from: Vec::new(),
        };
        let verdict = Verdict {
            decision: Decision::Admit(Keep {
                retention: self.retention.clone(),
                notice: "none".to_owned(),
                early_media: EarlyMedia::Keep,
                inband_digits: InbandDigits::Ignore,
            }),
            mode: None,
            rule: None,
            direction: listed.direction,
            extension: listed.extension.clone().map(Pii::new),
            department: listed.department.clone(),
            rule_set: RuleSetHash([0; 32]),
        };
        let id = CallId::new(listed.start.nanos().div_euclid(1_000_000), u128::from_be_bytes(tail));
        Call { id, name: format!("import:sha256={sha256},blake3={blake3}"), facts, verdict }
    }

    /// Whether it would have to be destroyed as soon as it is kept.
    pub(super) fn is_over(&self, call: &Call, now: WallTime) -> bool {
        let zone = self.vault.zone();
        let day = |nanos| DateTime::from_timestamp_nanos(nanos).with_timezone(&zone).date_naive();
        let Period { months, days } = self.retention.keep;
        let last = day(call.facts.start.nanos())
            .checked_add_months(Months::new(months))
            .and_then(|last| last.checked_add_days(Days::new(u64::from(days))));
        last.is_some_and(|last| last < day(now.nanos()))
    }

    pub(super) fn would_keep(&mut self, call: &Call) -> Result<Kept, Failure> {
        if self.is_known(call.id)? {
            return Ok(Kept::Before);
        }
        self.uncommitted.insert(call.id);
        Ok(Kept::Now)
    }

    pub(super) fn keep(&mut self, call: &Call, wave: &Wave, now: WallTime) -> Result<Kept, Failure> {
        if self.is_known(call.id)? {
            return Ok(Kept::Before);
        }
        let (id, facts, verdict) = (call.id, call.facts.clone(), call.verdict.clone());
        let opening = Opening { call: id, at: facts.start, facts, verdict, continues: None };
        let (mut recording, opened) = self.sealer.begin(&opening, now)?;
        self.writer.append(opened).map_err(VaultError::from)?;
        let streams: Vec<StreamSummary> =
            (0..).zip(&wave.channels).map(|(place, _)| stream(place, call, wave)).collect();
        for stream in &streams {
            let row = StreamOpened {
                index: stream.track,
                track: stream.of,
                payload_type: stream.payload_type,
                codec: stream.codec.clone(),
            };
            self.writer.append(recording.stream(&row)).map_err(VaultError::from)?;
        }
        for segment in segments(call, wave) {
            self.writer.append(recording.seal(segment)).map_err(VaultError::from)?;
        }
        self.writer.append(recording.finish(summary(call, wave, streams))).map_err(VaultError::from)?;
        self.uncommitted.insert(call.id);
        Ok(Kept::Now)
    }

    /// Makes durable what was kept, once it is so much that it is worth a sync.
    pub(super) fn commit_if_due(&mut self, now: WallTime) -> Result<(), Failure> {
        if self.uncommitted.len() >= COMMIT_AFTER {
            self.writer.commit(now)?;
            self.uncommitted.clear();
        }
        Ok(())
    }

    pub(super) fn close(self, now: WallTime) -> Result<(), Failure> {
        self.writer.close(now).map_err(|closed| closed.why)?;
        Ok(())
    }

    fn is_known(&self, call: CallId) -> Result<bool, Failure> {
        if self.uncommitted.contains(&call) {
            return Ok(true);
        }
        let listed = self.vault.index().get(call).map_err(VaultError::from)?;
        // One that was stopped in the middle of its file is kept anew.
        Ok(listed.is_some_and(|entry| entry.recording.is_some_and(|recording| !recording.interrupted)))
    }
}

/// Nobody saw from where it came.
fn nowhere() -> Flow {
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    Flow { src: nowhere, dst: nowhere }
}

fn leg(place: u16) -> Leg {
    if place == 0 { Leg::Caller } else { Leg::Callee }
}

fn packets(wave: &Wave, place: u16) -> usize {
    let bytes = wave.channels.get(usize::from(place)).map_or(0, Vec::len);
    bytes.div_ceil(wave.packet_bytes())
}

fn stream(place: u16, call: &Call, wave: &Wave) -> StreamSummary {
    let count = packets(wave, place) as i64;
    StreamSummary {
        track: TrackIndex(place),
        of: Track { leg: leg(place), flow: nowhere(), ssrc: u32::from(place) },
        payload_type: wave.payload_type,
        codec: Some(wave.codec.clone()),
        ptime_ms: Some(20),
        packets: count as u64,
        lost: 0,
        duplicates: 0,
        reordered: 0,
        jitter_ms: None,
        first: call.facts.start,
        last: call.facts.start.plus_nanos((count - 1).max(0) * PACKET_NANOS),
        payload_bytes: wave.channels.get(usize::from(place)).map_or(0, Vec::len) as u64,
        quality: StreamQuality::default(),
        course: Course::default(),
    }
}

fn segments<'w>(call: &'w Call, wave: &'w Wave) -> impl Iterator<Item = Segment> + 'w {
    let most = (0..).zip(&wave.channels).map(|(place, _)| packets(wave, place)).max().unwrap_or(0);
    (0..most).step_by(IN_SEGMENT).map(move |first| {
        let base = at(call, first);
        let mut bytes = Vec::new();
        for number in first..most.min(first + IN_SEGMENT) {
            for (place, channel) in (0..).zip(&wave.channels) {
                let Some(payload) = channel.chunks(wave.packet_bytes()).nth(number) else { continue };
                let sequence = u32::try_from(number).unwrap_or(u32::MAX);
                let packet = MediaPacket {
                    track: TrackIndex(place),
                    payload_type: wave.payload_type,
                    marker: number == 0,
                    kind: PayloadKind::Audio,
                    sequence,
                    rtp_time: RtpTime(sequence.wrapping_mul(wave.packet_samples())),
                    arrival: at(call, number),
                    payload,
                };
                pack_media(&mut bytes, base, &packet);
            }
        }
        Segment { call: call.id, content: SegmentContent::Media, base, bytes }
    })
}

fn at(call: &Call, packet: usize) -> PacketTime {
    call.facts.start.plus_nanos(i64::try_from(packet).unwrap_or(i64::MAX / PACKET_NANOS) * PACKET_NANOS)
}

fn summary(call: &Call, wave: &Wave, streams: Vec<StreamSummary>) -> CallSummary {
    let start = call.facts.start;
    CallSummary {
        id: call.id,
        sip_call_ids: vec![Pii::new(call.name.clone())],
        facts: call.facts.clone(),
        verdict: call.verdict.clone(),
        answer: Some(start),
        end: Some(CallEnd { at: start.plus_nanos(wave.nanos()), by: None, reason: None }),
        outcome: Outcome::Answered,
        sip_status: None,
        tracks: streams.iter().map(|stream| stream.of).collect(),
        streams,
        dtmf: Vec::new(),
        gaps: Vec::new(),
        flags: vec![Flag::Imported],
        messages: 0,
        joined: Vec::new(),
        joined_parties: Vec::new(),
        related: Vec::new(),
        tunnel: None,
    }
}
