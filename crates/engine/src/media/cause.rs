//! Why packets are missing, told at a call's end from what is missing and what the receivers report.
//!
//! A report says how many packets its sender had lost when it had received a number (RFC 3550, section 6.4.1). Two reports are
//! a bracket: what the receiver lost between them is laid beside what is missing here between the same numbers.
//!
//! - It lost nothing: it has what is missing here, so the mirror did not pass it on.
//! - It lost as many as are missing here, in this bracket and in every other where it lost anything: they were lost before
//!   both. One such bracket can be chance, where a mirror loses some and the network behind it others; so all of them are
//!   weighed together, and they count when chance would hardly spread the receiver's losses like ours: see
//!   [`super::chance`].
//! - Anything else is not told apart.
//!
//! Where nobody reports, the reports on other streams help: see [`super::instants`].

use earwitness_model::{
    Bursts, Codec, Gap, GapCause, GapEvidence, PacketTime, PayloadKind, StreamSummary, Track,
};

use super::{
    chance::{Bracket, is_no_chance},
    far_end::{FarEnds, Point, Series},
    hole::Missing,
    instants::{Instants, Shown, Witness},
    said::said,
};
use crate::order::MediaSummary;

/// A receiver's number is taken for one of ours when it is no further than this from where the time of its report says.
const NEAR: i64 = 1 << 14;
/// Whether the capture shows a call from its beginning: what a receiver lost before its first report may else be from before
/// the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    Seen,
    Unseen,
}

/// What is missing of one track, and where it stood when.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    pub(crate) of: Track,
    /// Its first extended sequence number and its last; `None` when the sender began anew in between.
    pub(crate) span: Option<(u32, u32)>,
    pub(crate) first: PacketTime,
    pub(crate) last: PacketTime,
    /// Behind this number more may be missing than is listed.
    pub(crate) known_to: Option<u32>,
    pub(crate) ptime_ms: u32,
    pub(crate) missing: Vec<Missing>,
    /// Time as the call is told less that of the trail.
    pub(crate) base: i64,
}

/// Tells the causes of the gaps as far as there is evidence, and each stream what its receiver says.
pub(crate) fn judge(media: &mut MediaSummary, begun: Begun, instants: &mut Instants) {
    let (trails, mut noted) = (std::mem::take(&mut media.trails), Vec::new());
    for trail in &trails {
        let series = media.far_ends.of(&trail.of);
        let of_track = media.streams.iter_mut().filter(|stream| stream.of == trail.of);
        if let Some(carrier) = of_track.max_by_key(|stream| (is_audio(stream), stream.packets)) {
            // Of more than are listed the track counted them.
            if trail.known_to.is_none() {
                carrier.quality.bursts = trail.bursts();
            }
            carrier.quality.far_end =
                series.map(|series| said(series, &media.far_ends.sent, trail, carrier.codec.as_ref()));
        }
        let Some(series) = series.filter(|_| !trail.missing.is_empty()) else { continue };
        let host = trail.of.flow.src.ip();
        let others = instants.others(host);
        noted.extend(trail.told_by(series, begun).into_iter().map(|(missing, cause, evidence)| {
            let is_denied =
                cause == GapCause::Network && instants.shown(missing.at, &others) == Shown::Mirror;
            let told =
                if is_denied { (GapCause::Unknown, GapEvidence::Contradiction) } else { (cause, evidence) };
            tell(&mut media.gaps, trail.gap(missing), told);
            (missing.at, host, cause)
        }));
    }
    // Of the call at once: in shards its tracks have another order.
    for trail in trails.iter().filter(|trail| media.far_ends.of(&trail.of).is_some()) {
        let Trail { of, first: from, last: to, .. } = *trail;
        instants.add_witness(Witness { host: of.flow.src.ip(), from, to });
    }
    noted.into_iter().for_each(|(at, host, cause)| instants.note(at, host, cause));
    for trail in trails.iter().filter(|trail| media.far_ends.of(&trail.of).is_none()) {
        if trail.missing.is_empty() {
            continue;
        }
        let others = instants.others(trail.of.flow.src.ip());
        let unknown = trail.missing.iter().filter(|missing| missing.cause == GapCause::Unknown);
        for missing in unknown {
            if instants.shown(missing.at, &others) == Shown::Mirror {
                tell(&mut media.gaps, trail.gap(missing), (GapCause::Mirror, GapEvidence::ManyStreams));
            }
        }
    }
    media.gaps.sort_by_key(|gap| (gap.at, gap.leg, gap.ms, gap.evidence));
}

/// Says the cause of `gap`, and what shows it. Of gaps that are the same in everything, it is the same of which it is said.
fn tell(gaps: &mut [Gap], gap: Gap, (cause, evidence): (GapCause, GapEvidence)) {
    if let Some(told) = gaps.iter_mut().find(|told| **told == gap) {
        (told.cause, told.evidence) = (cause, Some(evidence));
    }
}

fn is_audio(stream: &StreamSummary) -> bool {
    stream.codec.as_ref().map(Codec::kind) == Some(PayloadKind::Audio)
}

impl FarEnds {
    /// What the receiver of `track` says of it: the host that it goes to, to the host that it comes from.
    fn of(&self, track: &Track) -> Option<&Series> {
        let (by, to) = (track.flow.dst.ip(), track.flow.src.ip());
        self.series.iter().find(|series| (series.ssrc, series.by, series.to) == (track.ssrc, by, to))
    }
}

impl Trail {
    /// What is missing, in order of sequence numbers.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.missing.iter().map(|missing| self.gap(missing))
    }

    fn gap(&self, missing: &Missing) -> Gap {
        Gap {
            leg: self.of.leg,
            at: missing.at.plus_nanos(self.base),
            ms: missing.packets.saturating_mul(self.ptime_ms),
            cause: missing.cause,
            evidence: (missing.cause == GapCause::Capture).then_some(GapEvidence::Recorder),
        }
    }

    fn bursts(&self) -> Bursts {
        let longest = self.missing.iter().map(|missing| missing.packets).max().unwrap_or(0);
        Bursts { count: self.missing.len() as u32, longest }
    }

    /// The gaps whose cause `series` tells.
    fn told_by(&self, series: &Series, begun: Begun) -> Vec<(&Missing, GapCause, GapEvidence)> {
        let brackets = self.brackets(series, begun);
        let lost_before_both = is_no_chance(&brackets);
        let unknown = self.missing.iter().filter(|missing| missing.cause == GapCause::Unknown);
        unknown
            .filter_map(|missing| {
                let number = i64::from(missing.first);
                let place = brackets.iter().position(|b| b.from < number && number <= b.to)?;
                let bracket = brackets.get(place).filter(|bracket| !bracket.is_mixed)?;
                // What came to the receiver too late for its report is counted as lost in one bracket, and as less lost
                // in the next.
                let before = place.checked_sub(1).and_then(|before| brackets.get(before));
                let is_clear = !series.took_back && before.is_none_or(|before| before.theirs <= before.ours);
                let (cause, evidence) = match bracket.theirs {
                    0 if is_clear => (GapCause::Mirror, GapEvidence::FarEndReceived),
                    theirs if theirs == bracket.ours && lost_before_both => {
                        (GapCause::Network, GapEvidence::FarEndLost)
                    }
                    _ => return None,
                };
                Some((missing, cause, evidence))
            })
            .collect()
    }

    /// The stretches between the reports, as far as all that is missing in them is known.
    fn brackets(&self, series: &Series, begun: Begun) -> Vec<Bracket> {
        let (Some((base, _)), Some(offset)) = (self.span, self.offset(series)) else { return Vec::new() };
        let beginning = (i64::from(base) - 1, 0);
        let mut points = vec![beginning];
        for point in &series.points {
            let (number, lost) = (i64::from(point.highest) + offset, i64::from(point.lost));
            if number <= beginning.0 || self.known_to.is_some_and(|end| number > i64::from(end)) {
                continue;
            }
            let is_within = |m: &Missing| {
                (i64::from(m.first)..i64::from(m.first) + i64::from(m.packets) - 1).contains(&number)
            };
            if self.missing.iter().any(is_within) {
                continue;
            }
            // Nothing was sent in between: it tells nothing.
            if points.last() == Some(&(number, lost)) {
                continue;
            }
            while points.len() > 1 && points.last().is_some_and(|before| before.1 > lost) {
                points.pop();
            }
            points.push((number, lost));
        }
        let pairs = points.windows(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
        let mut brackets: Vec<Bracket> = pairs
            .map(|(&(from, lost_before), &(to, lost))| {
                let within = |m: &&Missing| from < i64::from(m.first) && i64::from(m.first) <= to;
                let missing = || self.missing.iter().filter(within);
                let unknown = missing().filter(|missing| missing.cause == GapCause::Unknown);
                Bracket {
                    from,
                    to,
                    theirs: lost - lost_before,
                    ours: unknown.map(|missing| i64::from(missing.packets)).sum(),
                    is_mixed: missing().any(|missing| missing.cause != GapCause::Unknown),
                }
            })
            .collect();
        if let Some(first) = brackets.first_mut().filter(|_| begun == Begun::Unseen) {
            first.is_mixed |= first.theirs > first.ours || first.theirs < 0;
        }
        brackets
    }

    /// From the receiver's extended numbers to ours: whole turns, because each began to count them where it began to hear.
    pub(super) fn offset(&self, series: &Series) -> Option<i64> {
        let (base, highest) = self.span?;
        let length = self.last.since(self.first).max(1) as f64;
        let rate = f64::from(highest.saturating_sub(base)) / length;
        let expected = |point: &Point| i64::from(base) + (point.at.since(self.first) as f64 * rate) as i64;
        let last = series.points.last()?;
        let turns = (expected(last) - i64::from(last.highest) + (1 << 15)) >> 16;
        let offset = turns << 16;
        let is_near = |point: &Point| (expected(point) - i64::from(point.highest) - offset).abs() < NEAR;
        series.points.iter().all(is_near).then_some(offset)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use earwitness_model::{Flow, Leg};
    use earwitness_wire::rtcp::Block;

    use super::*;

    const START: i64 = 1_000_000_000_000;
    /// The trail's own number of the first packet.
    const BASE: u32 = 65_536 + 60_000;
    pub(in crate::media) const BRACKET: u32 = 250;

    pub(in crate::media) fn at(packet: u32) -> PacketTime {
        PacketTime::from_nanos(START + i64::from(packet) * 20_000_000)
    }

    pub(in crate::media) fn track() -> Track {
        let flow = Flow { src: "10.1.0.5:4000".parse().unwrap(), dst: "10.1.0.9:4002".parse().unwrap() };
        Track { leg: Leg::Caller, flow, ssrc: 7 }
    }

    /// A track of `brackets` brackets, with packets missing from each as said, in its middle.
    pub(in crate::media) fn trail(ours: &[u32], cause: GapCause) -> Trail {
        let place = |n: u32| n * BRACKET + BRACKET / 2;
        let missing = (0..).zip(ours).filter(|(_, packets)| **packets > 0).map(|(n, &packets)| Missing {
            at: at(place(n)),
            first: BASE + place(n),
            packets,
            cause,
        });
        let sent = ours.len() as u32 * BRACKET;
        Trail {
            of: track(),
            span: Some((BASE, BASE + sent)),
            first: at(0),
            last: at(sent),
            known_to: None,
            ptime_ms: 20,
            missing: missing.collect(),
            base: 5,
        }
    }

    /// Reports after each bracket, of so many lost in it. The receiver counts its wraps from 0.
    pub(in crate::media) fn far_ends(theirs: &[i32]) -> FarEnds {
        let mut far_ends = FarEnds::default();
        let mut lost = 0;
        for (n, theirs) in (1..).zip(theirs) {
            lost += theirs;
            let highest_sequence = BASE - 65_536 + n * BRACKET - 1;
            let (last_sender_report, delay_since) = (0, 0);
            let block = Block {
                ssrc: 7,
                fraction_lost: 0,
                lost,
                highest_sequence,
                jitter: 80,
                last_sender_report,
                delay_since,
            };
            let hosts = (track().flow.dst.ip(), track().flow.src.ip());
            let series = far_ends.handle_block(hosts, block, at(n * BRACKET));
            series.into_iter().for_each(|series| far_ends.add(series));
        }
        far_ends
    }

    /// What becomes of the gaps, in order.
    fn causes(ours: &[u32], theirs: &[i32]) -> Vec<GapCause> {
        let trail = trail(ours, GapCause::Unknown);
        let gaps = trail.gaps().collect();
        let mut media =
            MediaSummary { gaps, trails: vec![trail], far_ends: far_ends(theirs), ..MediaSummary::default() };
        judge(&mut media, Begun::Seen, &mut Instants::default());
        media.gaps.iter().map(|gap| gap.cause).collect()
    }

    const NETWORK: GapCause = GapCause::Network;
    const MIRROR: GapCause = GapCause::Mirror;
    const UNKNOWN: GapCause = GapCause::Unknown;

    #[test]
    fn what_the_receiver_has_was_lost_by_the_mirror_and_what_it_lacks_before_both() {
        assert_eq!(causes(&[2, 0, 1, 3], &[0, 0, 0, 0]), [MIRROR; 3]);
        assert_eq!(causes(&[4, 0, 1, 5, 0, 6], &[4, 0, 1, 5, 0, 6]), [NETWORK; 4]);
        assert_eq!(
            causes(&[5, 0, 1, 0, 9, 0, 0, 6], &[5, 0, 0, 0, 9, 0, 0, 6]),
            [NETWORK, MIRROR, NETWORK, NETWORK]
        );
    }

    #[test]
    fn numbers_that_could_agree_by_chance_tell_nothing() {
        assert_eq!(causes(&[1, 0], &[1, 0]), [UNKNOWN]);
        assert_eq!(causes(&[1, 0, 0, 0], &[1, 0, 0, 0]), [UNKNOWN]);
        assert_eq!(causes(&[1; 1], &[1; 1]), [UNKNOWN], "one bracket");
    }

    #[test]
    fn a_lossy_mirror_before_a_lossy_network_is_not_taken_for_a_network_before_the_mirror() {
        // Of each rate per bracket, streams of a minute, in which the two lose packets of their own.
        let mut state = 7u64;
        let mut below_one = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        for rate in [0.1, 0.3, 1.0, 3.0] {
            let mut lost = || {
                let (mut count, mut product) = (0u32, below_one());
                while product > f64::exp(-rate) {
                    (count, product) = (count + 1, product * below_one());
                }
                count
            };
            for _ in 0..5000 {
                let ours: Vec<u32> = (0..12).map(|_| lost()).collect();
                let theirs: Vec<i32> = (0..12).map(|_| lost().cast_signed()).collect();
                assert!(!causes(&ours, &theirs).contains(&NETWORK), "{ours:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn where_the_receiver_lost_other_packets_too_nothing_that_it_lost_is_told() {
        assert_eq!(causes(&[2, 0, 1, 3, 0, 2], &[2, 1, 1, 3, 0, 2]), [UNKNOWN; 4]);
        assert_eq!(causes(&[4, 0, 3, 2], &[2, 0, 3, 2]), [UNKNOWN; 3]);
        // Lost in one bracket, and found again in the next one, in which another is lost.
        assert_eq!(causes(&[0, 1, 0], &[1, 0, 0])[0], UNKNOWN);
        assert_eq!(causes(&[1, 1, 0], &[1, -1, 0]), [UNKNOWN; 2], "taken back");
    }

    #[test]
    fn after_the_last_report_and_over_a_restart_nothing_is_told() {
        assert_eq!(causes(&[0, 2, 0, 2], &[0, 0]), [MIRROR, UNKNOWN]);
        // What it lost before the capture began is no loss beside ours.
        let late = far_ends(&[900, 4, 1, 5, 0, 6]);
        let told = |begun| trail(&[0, 4, 1, 5, 0, 6], UNKNOWN).told_by(&late.series[0], begun).len();
        assert_eq!((told(Begun::Seen), told(Begun::Unseen)), (0, 4));
        let far_ends = far_ends(&[0, 0, 0]);
        let whole = trail(&[1, 1, 1], GapCause::Unknown);
        assert_eq!(whole.told_by(&far_ends.series[0], Begun::Seen).len(), 3);
        assert!(Trail { span: None, ..whole.clone() }.told_by(&far_ends.series[0], Begun::Seen).is_empty());
        // Between the first report and the last the receiver lost nothing: the one between was not kept.
        let known_to = Some(BASE + BRACKET * 2);
        assert_eq!(Trail { known_to, ..whole }.told_by(&far_ends.series[0], Begun::Seen).len(), 1);
    }

    #[test]
    fn what_this_recorder_lost_is_not_laid_beside_what_the_receiver_lost() {
        let capture = trail(&[3, 3], GapCause::Capture);
        assert!(capture.told_by(&far_ends(&[0, 0]).series[0], Begun::Seen).is_empty());
        let mut both = trail(&[4, 0, 1, 5, 0, 6], UNKNOWN);
        let lost = Missing { at: at(300), first: BASE + 300, packets: 9, cause: GapCause::Capture };
        both.missing.insert(1, lost);
        let told = both.told_by(&far_ends(&[4, 0, 1, 5, 0, 6]).series[0], Begun::Seen);
        assert_eq!(told.iter().map(|(_, cause, _)| *cause).collect::<Vec<_>>(), [NETWORK; 4]);
    }

    #[test]
    fn a_receiver_that_repeats_itself_tells_as_much_as_one_that_does_not() {
        let lost = [4, 0, 1, 5, 0, 6];
        let mut far_ends = far_ends(&lost);
        // While nothing is sent, on hold and in silence, a report says where the one before stood.
        let repeated = |point: &Point| [*point, Point { at: point.at.plus_nanos(1_000_000_000), ..*point }];
        far_ends.series[0].points = far_ends.series[0].points.iter().flat_map(repeated).collect();
        let trail = trail(&[4, 0, 1, 5, 0, 6], UNKNOWN);
        let told = trail.told_by(&far_ends.series[0], Begun::Seen);
        assert_eq!(told.iter().map(|(_, cause, _)| *cause).collect::<Vec<_>>(), [NETWORK; 4]);
    }

    #[test]
    fn reports_of_another_host_are_not_the_receivers() {
        let mut far_ends = far_ends(&[0, 0]);
        far_ends.series[0].by = "10.1.0.66".parse().unwrap();
        assert!(far_ends.of(&track()).is_none());
    }
}
