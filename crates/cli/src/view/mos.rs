//! How a voice sounded: the mean opinion score that the E-model (ITU-T G.107) estimates from what was lost.
//!
//! What is not seen from a mirror port is assumed, and is the same for every call, so that calls compare:
//! - the delay from mouth to ear is below what disturbs (G.107, Id = 0), and there is no echo: R is 93.2 without loss;
//! - phones conceal what is missing (G.711 Appendix I, or what is part of the codec);
//! - a packet that is later than a jitter buffer of 60 ms is missing too. Waiting times in queues are taken to be
//!   exponential: then the interarrival jitter (RFC 3550, 6.4.1) is their mean, and exp(−60 ms / jitter) are too late;
//! - packets are as long as those that G.113 was measured with: 10 ms for G.711, 20 ms for G.729.
//!
//! Loss in runs is worse than as much at random: where the runs were counted, they go in (BurstR).
//!
//! A codec without values in G.113 has no score, rather than a guess. **G.722 has none**: it is rated by the E-model of
//! wideband calls (G.107.1), whose scale goes up to R = 129 and puts G.711 far below its best, so that a score on it beside
//! one on this scale would compare what cannot be compared; and for this scale nothing is published (what makers of
//! equipment put in its place lies between Ie = −1 and Ie = 13).

use earwitness_model::{
    Codec, StreamSummary, Stretch,
    emodel::{Impairment, Missing},
};

/// What the commands' help says of it.
pub(crate) const MOS_HELP: &str = "\
mos is the E-model's estimate from loss and jitter (ITU-T G.107, G.113), 1 to 4.5. It is - where nothing came, for \
codecs that G.113 has no value for (all but G.711, G.723.1, G.726, G.728, G.729 and those of GSM, and with loss also \
G.726, G.728, GSM full and half rate), and for G.722: the score of a wideband codec is on another scale (G.107.1).";

/// What a phone's jitter buffer holds.
const JITTER_BUFFER_MS: f64 = 60.0;

/// What came of a voice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    /// Runs of lost packets; 0 where they were not counted.
    pub(crate) runs: u64,
    /// Interarrival jitter in ms.
    pub(crate) jitter_ms: Option<f64>,
}

impl Arrived {
    /// Percent of the packets that did not come.
    pub(crate) fn lost_percent(self) -> f64 {
        self.lost as f64 * 100.0 / (self.packets + self.lost).max(1) as f64
    }

    /// What did not come, or came too late to be heard.
    fn missing(self) -> Missing {
        let jitter = self.jitter_ms.filter(|jitter| *jitter > 0.0);
        let late = jitter.map_or(0.0, |jitter| (-JITTER_BUFFER_MS / jitter).exp()) * self.packets as f64;
        // Late ones are each on their own.
        let runs = if self.runs > 0 { self.runs as f64 + late } else { 0.0 };
        Missing::of((self.packets + self.lost) as f64, self.lost as f64 + late, runs)
    }
}

/// The score of a voice, 1 to 4.5, to a hundredth; `None` where nothing came, or G.113 has no value for it.
pub(crate) fn mos(codec: Option<&Codec>, arrived: Arrived) -> Option<f64> {
    let impairment = Impairment::of(codec?)?;
    if arrived.packets == 0 {
        return None;
    }
    impairment.score(arrived.missing()).map(|score| (score * 100.0).round() / 100.0)
}

/// The score of a stream.
pub(crate) fn mos_of(stream: &StreamSummary) -> Option<f64> {
    let StreamSummary { packets, lost, jitter_ms, codec, course, quality, .. } = stream;
    // What it was over the call says more than what it was at the end.
    let jitter_ms = course.delay_ms.or(*jitter_ms);
    let runs = u64::from(quality.bursts.count);
    mos(codec.as_ref(), Arrived { packets: *packets, lost: *lost, runs, jitter_ms })
}

/// The score of ten seconds of a stream: 1 where nothing of them came.
pub(crate) fn mos_of_stretch(stream: &StreamSummary, stretch: &Stretch) -> Option<f64> {
    let Stretch { packets, lost, jitter_us, .. } = *stretch;
    if packets == 0 {
        return stream.codec.as_ref().and_then(Impairment::of).map(|_| 1.0);
    }
    let jitter_ms = Some(f64::from(jitter_us) / 1e3);
    let lost = u64::from(lost);
    // In runs as long as those of the whole.
    let runs = (lost * u64::from(stream.quality.bursts.count)).div_ceil(stream.lost.max(1)).min(lost);
    let arrived = Arrived { packets: packets.into(), lost, runs, jitter_ms };
    mos(stream.codec.as_ref(), arrived)
}

/// The worst ten seconds of a stream, when there are any in which something was wrong, and their score.
pub(crate) fn worst_of(stream: &StreamSummary) -> Option<(&Stretch, Option<f64>)> {
    let scored = stream.course.stretches.iter().map(|stretch| (stretch, mos_of_stretch(stream, stretch)));
    scored.min_by(|(one, score), (other, other_score)| {
        let of = |score: &Option<f64>| score.unwrap_or(f64::INFINITY);
        of(score).total_cmp(&of(other_score)).then_with(|| other.badness().cmp(&one.badness()))
    })
}

#[cfg(test)]
mod tests {
    use earwitness_model::Course;
    use proptest::prelude::*;

    use super::*;
    use crate::view::sample;

    fn check(codec: &Codec, (packets, lost, jitter_ms): (u64, u64, f64), expected: Option<f64>) {
        let arrived = Arrived { packets, lost, runs: 0, jitter_ms: Some(jitter_ms) };
        assert_eq!(mos(Some(codec), arrived), expected);
    }

    #[test]
    fn loss_jitter_and_the_codec_each_cost() {
        check(&Codec::Pcma, (3000, 0, 0.4), Some(4.41));
        check(&Codec::Pcmu, (2970, 30, 0.4), Some(4.33));
        check(&Codec::Pcma, (2850, 150, 0.4), Some(3.92));
        check(&Codec::Pcma, (2700, 300, 0.4), Some(3.41));
        // exp(−60/20) = 5 % are late: what 5 % of loss cost.
        check(&Codec::Pcma, (3000, 0, 20.0), Some(3.93));
        check(&Codec::G729, (3000, 0, 0.4), Some(4.1));
        check(&Codec::Gsm, (3000, 0, 0.4), Some(3.74));
        check(&Codec::Gsm, (2999, 30, 0.4), None);
        check(&Codec::G722, (3000, 0, 0.4), None);
        check(&Codec::from_rtpmap("telephone-event", 8000, None), (30, 0, 0.4), None);
        check(&Codec::Pcma, (0, 0, 0.0), None);
        assert_eq!(mos(None, Arrived { packets: 1, lost: 0, runs: 0, jitter_ms: None }), None);
    }

    #[test]
    fn loss_in_runs_sounds_worse_than_as_much_at_random() {
        let of = |runs| mos(Some(&Codec::Pcma), Arrived { packets: 2700, lost: 300, runs, jitter_ms: None });
        assert_eq!((of(0), of(300), of(270)), (Some(3.41), Some(3.41), Some(3.41)));
        assert!(of(100) < of(270) && of(100) > Some(2.5), "{:?}", of(100));
    }

    #[test]
    fn the_worst_ten_seconds_are_those_with_the_lowest_score() {
        let mut stream = sample::answered().summary.streams.remove(1);
        let stretch = |at, packets, lost, jitter_us| Stretch {
            at: sample::after(at),
            packets,
            lost,
            longest_run: lost,
            jitter_us,
        };
        let stretches = vec![
            stretch(0, 490, 10, 0),
            stretch(10_000, 450, 50, 0),
            stretch(20_000, 500, 0, 30_000),
            stretch(40_000, 460, 40, 0),
        ];
        stream.course = Course { stretches, ..Course::default() };
        // 13.5 % later than 60 ms are worse than 10 % lost.
        let worst = worst_of(&stream).map(|(stretch, score)| (stretch.at, stretch.lost, score));
        assert_eq!(worst, Some((sample::after(20_000), 0, Some(3.1))));
        stream.codec = Some(Codec::G722);
        let worst = worst_of(&stream).map(|(stretch, score)| (stretch.at, stretch.lost, score));
        assert_eq!(worst, Some((sample::after(10_000), 50, None)));
        stream.codec = Some(Codec::Pcma);
        stream.course.stretches.push(stretch(50_000, 0, 500, 0));
        assert_eq!(worst_of(&stream).and_then(|(_, score)| score), Some(1.0));
        stream.course.stretches.clear();
        assert_eq!(worst_of(&stream), None);
    }

    proptest! {
        #[test]
        fn more_loss_or_more_jitter_never_sounds_better(
            packets in 1..100_000_u64, lost in 0..100_000_u64, more in 0..1000_u64, jitter in 0.0..500.0, further in 0.0..500.0
        ) {
            let score = |lost, jitter| {
                mos(Some(&Codec::Pcma), Arrived { packets, lost, runs: 0, jitter_ms: Some(jitter) }).unwrap()
            };
            let first = score(lost, jitter);
            prop_assert!((1.0..=4.5).contains(&first));
            prop_assert!(score(lost + more, jitter) <= first && score(lost, jitter + further) <= first);
        }
    }
}
