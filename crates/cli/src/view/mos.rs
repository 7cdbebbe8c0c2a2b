//! How a voice sounded: the mean opinion score that the E-model (ITU-T G.107) estimates from what was lost.
//!
//! What is not seen from a mirror port is assumed, and is the same for every call, so that calls compare:
//! - the delay from mouth to ear is below what disturbs (G.107, Id = 0), and there is no echo: R is 93.2 without loss;
//! - phones conceal what is missing (G.711 Appendix I, or what is part of the codec), and it is missing at random;
//! - a packet that is later than a jitter buffer of 60 ms is missing too. Waiting times in queues are taken to be
//!   exponential: then the interarrival jitter (RFC 3550, 6.4.1) is their mean, and exp(−60 ms / jitter) are too late;
//! - packets are as long as those that G.113 was measured with: 10 ms for G.711, 20 ms for G.729.
//!
//! A codec without values in G.113 has no score, rather than a guess. **G.722 has none**: it is rated by the E-model of
//! wideband calls (G.107.1), whose scale goes up to R = 129 and puts G.711 far below its best, so that a score on it beside
//! one on this scale would compare what cannot be compared; and for this scale nothing is published (what makers of
//! equipment put in its place lies between Ie = −1 and Ie = 13).

use earwitness_model::{Codec, StreamSummary};

/// What the commands' help says of it.
pub(crate) const MOS_HELP: &str = "\
mos is the E-model's estimate from loss and jitter (ITU-T G.107, G.113), 1 to 4.5. It is - where nothing came, for \
codecs that G.113 has no value for (all but G.711, G.729 and GSM, and GSM with loss), and for G.722: the score of a \
wideband codec is on another scale (G.107.1).";

/// R of a narrowband call on which nothing is wrong (G.107, table 3).
const R_DEFAULT: f64 = 93.2;
/// What a phone's jitter buffer holds.
const JITTER_BUFFER_MS: f64 = 60.0;

/// What a codec costs: the provisional planning values of ITU-T G.113, Appendix I.
struct Impairment {
    /// Ie: without loss.
    equipment: f64,
    /// Bpl: how well it stands random loss; `None` where the appendix has no value.
    robustness: Option<f64>,
}

impl Impairment {
    /// Of the codecs that the appendix has.
    fn of(codec: &Codec) -> Option<Self> {
        match codec {
            Codec::Pcmu | Codec::Pcma => Some(Self { equipment: 0.0, robustness: Some(25.1) }),
            // Annex A with the silence suppression of Annex B, the only G.729 with a value for loss.
            Codec::G729 => Some(Self { equipment: 11.0, robustness: Some(19.0) }),
            Codec::Gsm => Some(Self { equipment: 20.0, robustness: None }),
            Codec::G722 | Codec::Other { .. } => None,
        }
    }
}

/// What came of a voice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    /// Interarrival jitter in ms.
    pub(crate) jitter_ms: Option<f64>,
}

impl Arrived {
    /// Percent of the packets that did not come.
    pub(crate) fn lost_percent(self) -> f64 {
        self.lost as f64 * 100.0 / (self.packets + self.lost).max(1) as f64
    }

    /// Percent of the packets that did not come, or came too late to be heard.
    fn missing_percent(self) -> f64 {
        let jitter = self.jitter_ms.filter(|jitter| *jitter > 0.0).unwrap_or(0.0);
        let late = if jitter > 0.0 { (-JITTER_BUFFER_MS / jitter).exp() } else { 0.0 };
        let lost = self.lost_percent();
        lost + (100.0 - lost) * late
    }
}

/// The score of a voice, 1 to 4.5, to a hundredth; `None` where nothing came, or G.113 has no value for it.
pub(crate) fn mos(codec: Option<&Codec>, arrived: Arrived) -> Option<f64> {
    let impairment = Impairment::of(codec?)?;
    let missing = arrived.missing_percent();
    if arrived.packets == 0 {
        return None;
    }
    let effective = match impairment.robustness {
        // G.107, 7.5: Ie,eff with BurstR = 1.
        Some(robustness) => {
            impairment.equipment + (95.0 - impairment.equipment) * missing / (missing + robustness)
        }
        None if missing < 0.005 => impairment.equipment,
        None => return None,
    };
    Some((of_rating(R_DEFAULT - effective) * 100.0).round() / 100.0)
}

/// The score of a stream.
pub(crate) fn mos_of(stream: &StreamSummary) -> Option<f64> {
    let StreamSummary { packets, lost, jitter_ms, codec, .. } = stream;
    mos(codec.as_ref(), Arrived { packets: *packets, lost: *lost, jitter_ms: *jitter_ms })
}

/// The score that a rating R stands for (G.107, Annex B); below R = 6.5 the cubic dips under 1, and means 1.
fn of_rating(r: f64) -> f64 {
    if r <= 0.0 {
        return 1.0;
    }
    let r = r.min(100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ratings_mean_the_scores_that_g107_publishes() {
        // G.107, table B.1, and the default rating.
        for (r, score) in [
            (100.0, 4.50),
            (93.2, 4.41),
            (90.0, 4.34),
            (80.0, 4.03),
            (70.0, 3.60),
            (60.0, 3.10),
            (50.0, 2.58),
            (0.0, 1.0),
        ] {
            assert!((of_rating(r) - score).abs() < 0.007, "{r}: {}", of_rating(r));
        }
        assert_eq!((of_rating(2.0), of_rating(-5.0), of_rating(200.0)), (1.0, 1.0, 4.5));
    }

    fn check(codec: &Codec, (packets, lost, jitter_ms): (u64, u64, f64), expected: Option<f64>) {
        assert_eq!(mos(Some(codec), Arrived { packets, lost, jitter_ms: Some(jitter_ms) }), expected);
    }

    #[test]
    fn loss_jitter_and_the_codec_each_cost() {
        check(&Codec::Pcma, (3000, 0, 0.4), Some(4.41));
        check(&Codec::Pcmu, (2970, 30, 0.4), Some(4.33));
        check(&Codec::Pcma, (2850, 150, 0.4), Some(3.92));
        // exp(−60/20) = 5 % are late: what 5 % of loss cost.
        check(&Codec::Pcma, (3000, 0, 20.0), Some(3.93));
        check(&Codec::G729, (3000, 0, 0.4), Some(4.1));
        check(&Codec::Gsm, (3000, 0, 0.4), Some(3.74));
        check(&Codec::Gsm, (2999, 30, 0.4), None);
        check(&Codec::G722, (3000, 0, 0.4), None);
        check(&Codec::from_rtpmap("telephone-event", 8000, None), (30, 0, 0.4), None);
        check(&Codec::Pcma, (0, 0, 0.0), None);
        assert_eq!(mos(None, Arrived { packets: 1, lost: 0, jitter_ms: None }), None);
    }

    proptest! {
        #[test]
        fn more_loss_or_more_jitter_never_sounds_better(
            packets in 1..100_000_u64, lost in 0..100_000_u64, more in 0..1000_u64, jitter in 0.0..500.0, further in 0.0..500.0
        ) {
            let score = |lost, jitter| mos(Some(&Codec::Pcma), Arrived { packets, lost, jitter_ms: Some(jitter) }).unwrap();
            let first = score(lost, jitter);
            prop_assert!((1.0..=4.5).contains(&first));
            prop_assert!(score(lost + more, jitter) <= first && score(lost, jitter + further) <= first);
        }
    }
}
