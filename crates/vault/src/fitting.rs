//! Entries that are too large for a row of the index.
//!
//! An ordinary entry takes about 1 KiB. One with a hundred thousand gaps or a header of half a megabyte must not stop the
//! recorder, nor the opening of its vault: it is listed shortened. The signed manifest keeps what the entry leaves out.
//! What is left is a function of the entry alone, so that a rebuild lists the same, and checking can compare.

use earwitness_model::{CallFacts, Codec, Decision, Parties, Party, Pii, Verdict};

use crate::{entry::Entry, index::MAX_ENTRY};

/// Bytes that are kept of a text.
const MAX_TEXT: usize = 256;
/// Names that are kept of a list of names, and flags.
const MAX_NAMES: usize = 64;
/// Streams, tracks and payload hashes that are kept.
const MAX_STREAMS: usize = 256;
/// Dialogs that joined a call of which the parties are kept; a call takes in fewer.
const MAX_DIALOGS: usize = 16;
/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// Whether an entry was small enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is as it was.
    Whole,
    /// Something was left out.
    Shortened,
}

impl Entry {
    /// Leaves out what it must until the entry fits into a row of the index, the least missed first: gaps, key presses,
    /// bad stretches of streams, the ends of long texts, the ends of long lists. Call, verdict, times, outcome, hold and the place of the recording
    /// stay in any case.
    pub(crate) fn fit(&mut self) -> Fit {
        let steps: [fn(&mut Self); 5] =
            [Self::drop_gaps, Self::drop_keys, Self::drop_stretches, Self::cut_texts, Self::cut_lists];
        let mut fit = Fit::Whole;
        for step in steps {
            if self.size() <= MAX_ENTRY {
                break;
            }
            step(self);
            fit = Fit::Shortened;
        }
        fit
    }

    fn drop_gaps(&mut self) {
        self.summary.gaps = Vec::new();
    }

    fn drop_keys(&mut self) {
        self.summary.dtmf = Vec::new();
    }

    fn drop_stretches(&mut self) {
        for stream in &mut self.summary.streams {
            let course = &mut stream.course;
            let listed = u32::try_from(course.stretches.len()).unwrap_or(u32::MAX);
            course.stretches = Vec::new();
            course.stretches_unlisted = course.stretches_unlisted.saturating_add(listed);
        }
    }

    fn cut_texts(&mut self) {
        let summary = &mut self.summary;
        summary.sip_call_ids.iter_mut().for_each(cut_personal);
        cut_facts(&mut summary.facts);
        summary.joined_parties.iter_mut().flat_map(|Parties { from, to }| [from, to]).for_each(cut_party);
        cut_verdict(&mut summary.verdict);
        summary.end.iter_mut().flat_map(|end| &mut end.reason).for_each(cut);
        for stream in &mut summary.streams {
            if let Some(Codec::Other { name, .. }) = &mut stream.codec {
                cut(name);
            }
        }
    }

    fn cut_lists(&mut self) {
        let summary = &mut self.summary;
        let facts = &mut summary.facts;
        for names in [&mut summary.sip_call_ids, &mut facts.asserted, &mut facts.diverted_from] {
            names.truncate(MAX_NAMES);
        }
        summary.joined_parties.truncate(MAX_DIALOGS);
        summary.flags.truncate(MAX_NAMES);
        summary.streams.truncate(MAX_STREAMS);
        summary.tracks.truncate(MAX_STREAMS);
        if let Some(recording) = &mut self.recording {
            recording.payload_hashes.truncate(MAX_STREAMS);
        }
    }
}

fn cut_facts(facts: &mut CallFacts) {
    [&mut facts.from, &mut facts.to].into_iter().for_each(cut_party);
    facts.request_user.iter_mut().for_each(cut_personal);
    facts.asserted.iter_mut().chain(&mut facts.diverted_from).for_each(cut_personal);
}

fn cut_party(Party { user, display, host }: &mut Party) {
    [user, display, host].into_iter().flatten().for_each(cut_personal);
}

fn cut_verdict(verdict: &mut Verdict) {
    if let Decision::Admit(keep) = &mut verdict.decision {
        cut(&mut keep.retention.name);
        cut(&mut keep.notice);
    }
    [&mut verdict.rule, &mut verdict.department].into_iter().flatten().for_each(cut);
    verdict.extension.iter_mut().for_each(cut_personal);
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        let mut end = MAX_TEXT - CUT.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(CUT);
    }
}

fn cut_personal(text: &mut Pii<String>) {
    if text.expose().len() > MAX_TEXT {
        let mut shorter = text.expose().clone();
        cut(&mut shorter);
        *text = Pii::new(shorter);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use chrono::NaiveDate;
    use earwitness_model::{
        Bursts, CallEnd, CallId, CallSummary, Course, Direction, Dtmf, DtmfVia, EarlyMedia, Encapsulation,
        FarEnd, Flag, Flow, Gap, GapCause, InbandDigits, Keep, Leg, Outcome, PacketTime, PayloadKind, Period,
        RecordingId, RetentionClass, RuleSetHash, StreamQuality, StreamSummary, Stretch, Track, TrackIndex,
        Tunnel, TunnelEnds, VoipMetrics,
    };

    use super::*;
    use crate::entry::{RecordingEntry, StreamHash};

    const LATEST: PacketTime = PacketTime::from_nanos(i64::MAX);

    fn recording(hashes: usize) -> RecordingEntry {
        let hash =
            StreamHash { track: TrackIndex(u16::MAX), payload_type: u8::MAX, blake3: Some([0xff; 32]) };
        RecordingEntry {
            id: RecordingId::from_bytes([7; 16]),
            class: "c".repeat(64),
            day: NaiveDate::MAX,
            volume: u32::MAX,
            manifest_at: u64::MAX,
            retention_until: NaiveDate::MAX,
            sealed_bytes: u64::MAX,
            payload_hashes: vec![hash; hashes],
            interrupted: false,
            continues: Some(RecordingId::from_bytes([8; 16])),
        }
    }

    /// With as many bad stretches as are kept.
    fn course() -> Course {
        let stretch = Stretch {
            at: LATEST,
            packets: u32::MAX,
            lost: u32::MAX,
            longest_run: u32::MAX,
            jitter_us: u32::MAX,
        };
        Course {
            jitter_mean_ms: Some(f64::MAX),
            jitter_max_ms: Some(f64::MAX),
            delay_ms: Some(f64::MAX),
            stretches: vec![stretch; 64],
            stretches_unlisted: 1,
        }
    }

    fn quality() -> StreamQuality {
        let far_end = FarEnd {
            packets_lost: i64::MIN,
            lost_percent: f64::MAX,
            jitter_ms: f64::MAX,
            rtt_ms: Some(f64::MAX),
            reports: u32::MAX,
        };
        let bursts = Bursts { count: u32::MAX, longest: u32::MAX };
        let metrics = VoipMetrics {
            loss_rate: u8::MAX,
            discard_rate: u8::MAX,
            burst_density: u8::MAX,
            gap_density: u8::MAX,
            burst_ms: u16::MAX,
            gap_ms: u16::MAX,
            round_trip_ms: Some(u16::MAX),
            end_system_ms: Some(u16::MAX),
            signal_dbm0: Some(i8::MIN),
            noise_dbm0: Some(i8::MIN),
            rerl_db: Some(u8::MAX),
            r_factor: Some(u8::MAX),
            mos_lq: Some(u8::MAX),
            mos_cq: Some(u8::MAX),
        };
        StreamQuality { far_end: Some(far_end), bursts, taps: vec![u64::MAX; 4], metrics: Some(metrics) }
    }

    /// Every text of `text` bytes and every list of `count` items.
    pub(crate) fn entry(text: usize, count: usize) -> Entry {
        let word = || "가".repeat(text.div_ceil(3));
        let name = || Some(Pii::new(word()));
        let names = || vec![Pii::new(word()); count];
        let party = || Party { user: name(), display: name(), host: name() };
        let address = SocketAddr::from((Ipv6Addr::from_bits(u128::MAX), u16::MAX));
        let track = Track { leg: Leg::Callee, flow: Flow { src: address, dst: address }, ssrc: u32::MAX };
        let stream = StreamSummary {
            track: TrackIndex(u16::MAX),
            of: track,
            payload_type: u8::MAX,
            codec: Some(Codec::Other { name: word(), clock_rate: u32::MAX, kind: PayloadKind::Audio }),
            ptime_ms: Some(u32::MAX),
            packets: u64::MAX,
            lost: u64::MAX,
            duplicates: u64::MAX,
            reordered: u64::MAX,
            jitter_ms: Some(f64::MAX),
            first: LATEST,
            last: LATEST,
            payload_bytes: u64::MAX,
            quality: quality(),
            course: course(),
        };
        let retention = RetentionClass { name: word(), keep: Period { months: u32::MAX, days: u32::MAX } };
        let key =
            Dtmf { at: LATEST, digit: Pii::new('*'), leg: Leg::Callee, via: DtmfVia::Inband, ms: u32::MAX };
        let gap =
            Gap { leg: Leg::Callee, at: LATEST, ms: u32::MAX, cause: GapCause::Unknown, evidence: None };
        let summary = CallSummary {
            id: CallId::from_bytes([0xff; 16]),
            sip_call_ids: names(),
            facts: CallFacts {
                start: LATEST,
                from: party(),
                to: party(),
                request_user: name(),
                asserted: names(),
                diverted_from: names(),
            },
            verdict: Verdict {
                decision: Decision::Admit(Keep {
                    retention,
                    notice: word(),
                    early_media: EarlyMedia::Keep,
                    inband_digits: InbandDigits::Ignore,
                }),
                mode: Some(earwitness_model::Mode::Selective),
                rule: Some(word()),
                direction: Direction::Unknown,
                extension: name(),
                department: Some(word()),
                rule_set: RuleSetHash([0xff; 32]),
            },
            answer: Some(LATEST),
            end: Some(CallEnd { at: LATEST, by: None, reason: Some(word()) }),
            outcome: Outcome::InProgress,
            sip_status: Some(u16::MAX),
            tracks: vec![track; count],
            streams: vec![stream; count],
            dtmf: vec![key; count],
            gaps: vec![gap; count],
            flags: vec![Flag::Interrupted; count],
            messages: u32::MAX,
            joined: vec![],
            joined_parties: vec![Parties { from: party(), to: party() }; count],
            related: vec![],
            tunnel: Some(Tunnel {
                kind: Encapsulation::Hep,
                ends: Some(TunnelEnds { src: address.ip(), dst: address.ip() }),
                layers: Tunnel::MAX_LAYERS,
            }),
        };
        Entry { hold: true, ..Entry::new(summary, Some(recording(count))) }
    }

    #[test]
    fn an_ordinary_entry_stays_as_it_is() {
        let whole = entry(40, 20);
        let mut fitted = whole.clone();
        assert_eq!((fitted.fit(), fitted), (Fit::Whole, whole));
    }

    #[test]
    fn gaps_go_first_and_nothing_else_when_that_is_enough() {
        let mut whole = entry(40, 2);
        whole.summary.gaps =
            vec![
                Gap { leg: Leg::Caller, at: LATEST, ms: 1, cause: GapCause::Network, evidence: None };
                30_000
            ];
        let mut fitted = whole.clone();
        assert_eq!(fitted.fit(), Fit::Shortened);
        whole.summary.gaps.clear();
        assert_eq!(fitted, whole);
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let mut fitted = entry(40, 1);
        fitted.summary.facts.from.display = Some(Pii::new("가".repeat(MAX_ENTRY)));
        let user = fitted.summary.facts.from.user.clone();
        assert_eq!(fitted.fit(), Fit::Shortened);
        let display = fitted.summary.facts.from.display.unwrap().into_exposed();
        assert_eq!(display, "가".repeat(84) + "…");
        assert_eq!(fitted.summary.facts.from.user, user, "a short one is whole");
    }

    #[test]
    fn the_largest_entry_of_all_fits_and_keeps_what_names_it() {
        let whole = entry(20_000, MAX_STREAMS + 1);
        let mut fitted = whole.clone();
        assert_eq!(fitted.fit(), Fit::Shortened);
        let bytes = fitted.to_bytes().len();
        assert!(bytes <= MAX_ENTRY, "{bytes}");
        assert_eq!(fitted.summary.streams.len(), MAX_STREAMS);
        let named = |entry: &Entry| {
            let place = entry.recording.clone().map(|r| (r.id, r.class, r.day, r.volume, r.manifest_at));
            (entry.summary.id, entry.summary.answer, entry.summary.outcome, entry.hold, place)
        };
        assert_eq!(named(&fitted), named(&whole));
        let again = fitted.clone();
        assert_eq!((fitted.fit(), fitted), (Fit::Whole, again), "what fits is left alone");
    }
}
