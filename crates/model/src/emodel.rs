//! The E-model of ITU-T G.107 (06/2015), as far as what is seen from a mirror port goes into it: the codec and what is
//! missing.
//!
//! ```text
//!   R = 93.2 − Ie,eff                              the default of everything that is not seen: table 3
//!   Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl)                                        7.5
//!   MOS = 1 + 0.035 R + R (R − 60) (100 − R) 7·10⁻⁶                                             Annex B
//! ```
//!
//! The delay from mouth to ear is not seen either; R is that of one below what disturbs (Id = 0).

use crate::Codec;

/// R of a narrowband call on which nothing is wrong (G.107, table 3).
pub const R_DEFAULT: f64 = 93.2;

/// What a codec costs: the provisional planning values of ITU-T G.113 (11/2007), Appendix I.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Ie: without loss.
    pub equipment: f64,
    /// Bpl: how well it stands loss; `None` where the appendix has no value.
    pub robustness: Option<f64>,
}

/// What did not come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Missing {
    /// Ppl, percent of the packets.
    pub percent: f64,
    /// BurstR: the mean length of runs of loss over the mean of those that chance would make of as much. 1 is random.
    pub burst_ratio: f64,
}

impl Missing {
    /// Of `packets` that were sent, `lost` in `runs` of them; 0 runs where that is not known, which is taken for random.
    #[must_use]
    pub fn of(packets: f64, lost: f64, runs: f64) -> Self {
        let share = if packets > 0.0 { (lost / packets).clamp(0.0, 1.0) } else { 0.0 };
        // The mean run of random loss is 1 / (1 − p).
        let burst_ratio = if runs > 0.0 && lost >= runs { lost / runs * (1.0 - share) } else { 1.0 };
        Self { percent: share * 100.0, burst_ratio }
    }

    /// BurstR as far as the model goes: up to 8, and up to 2 beyond 2 % of loss (G.107, table 3, note 4); more regular loss
    /// than random is none.
    fn burst_ratio_in_range(self) -> f64 {
        self.burst_ratio.clamp(1.0, if self.percent < 2.0 { 8.0 } else { 2.0 })
    }
}

impl Impairment {
    /// Of G.711 where nothing stands in for what is missing.
    pub const G711_UNCONCEALED: Self = Self { equipment: 0.0, robustness: Some(4.3) };
    /// Of G.711 with the concealment of its Appendix I.
    pub const G711: Self = Self { equipment: 0.0, robustness: Some(25.1) };
    /// Of G.729A with the silence suppression of Annex B, the only G.729 with a value for loss.
    pub const G729: Self = Self { equipment: 11.0, robustness: Some(19.0) };
    /// Of G.723.1 at 6.3 kbit/s with silence suppression.
    pub const G7231: Self = Self { equipment: 15.0, robustness: Some(16.1) };
    /// Of GSM enhanced full rate.
    pub const GSM_EFR: Self = Self { equipment: 5.0, robustness: Some(10.0) };

    /// Of the codecs that the appendix has: as phones make them, G.711 with concealment. Others have none, rather than a
    /// guess: AMR, iLBC and Opus are not in it, and of wideband codecs what [`crate::emodel`] makes is not the scale.
    #[must_use]
    pub fn of(codec: &Codec) -> Option<Self> {
        let unlossy = |equipment| Some(Self { equipment, robustness: None });
        match codec {
            Codec::Pcmu | Codec::Pcma => Some(Self::G711),
            Codec::G729 => Some(Self::G729),
            Codec::Gsm => unlossy(20.0),
            Codec::G722 => None,
            Codec::Other { name, .. } => {
                let mut parts = name.split('/');
                let (name, clock) = (parts.next()?.to_ascii_uppercase(), parts.next());
                if clock.is_some_and(|clock| clock != "8000") {
                    return None;
                }
                match name.strip_prefix("AAL2-").unwrap_or(&name) {
                    "G723" => Some(Self::G7231),
                    "GSM-EFR" => Some(Self::GSM_EFR),
                    "GSM-HR-08" => unlossy(23.0),
                    "G726-40" => unlossy(2.0),
                    "G726-32" | "G721" | "G728" => unlossy(7.0),
                    "G726-24" => unlossy(25.0),
                    "G726-16" => unlossy(50.0),
                    _ => None,
                }
            }
        }
    }

    /// Ie,eff (G.107, 7.5); `None` where something is missing and the appendix does not say how the codec stands it.
    #[must_use]
    pub fn effective(self, missing: Missing) -> Option<f64> {
        let Self { equipment, robustness } = self;
        let percent = missing.percent.max(0.0);
        match robustness {
            Some(robustness) => {
                let weakened = percent / missing.burst_ratio_in_range() + robustness;
                Some(equipment + (95.0 - equipment) * percent / weakened)
            }
            None if percent < 0.005 => Some(equipment),
            None => None,
        }
    }

    /// The mean opinion score, 1 to 4.5; `None` as for [`Self::effective`].
    #[must_use]
    pub fn score(self, missing: Missing) -> Option<f64> {
        self.effective(missing).map(|impaired| score_of(R_DEFAULT - impaired))
    }
}

/// The score that a rating R stands for (G.107, Annex B); below R = 6.5 the cubic dips under 1, and means 1.
#[must_use]
pub fn score_of(r: f64) -> f64 {
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

    fn random(percent: f64) -> Missing {
        Missing { percent, burst_ratio: 1.0 }
    }

    /// How far the score of a measured Ie lies from what the formula makes of the same loss.
    fn apart(codec: Impairment, percent: f64, measured: f64) -> f64 {
        (codec.score(random(percent)).unwrap() - score_of(R_DEFAULT - measured)).abs()
    }

    #[test]
    fn ratings_mean_the_scores_that_g107_publishes() {
        // G.107, table B.1, and the default rating; R = 100 is the cubic's own end.
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
            assert!((score_of(r) - score).abs() < 0.007, "{r}: {}", score_of(r));
        }
        assert_eq!((score_of(2.0), score_of(-5.0), score_of(200.0)), (1.0, 1.0, 4.5));
    }

    #[test]
    fn loss_costs_what_was_measured() {
        // G.113 (02/2001), Appendix I, Ie of G.729A with VAD at random loss: what Bpl was fitted to afterwards.
        for (percent, measured) in [
            (0.0, 11.0),
            (0.5, 13.0),
            (1.0, 15.0),
            (1.5, 17.0),
            (2.0, 19.0),
            (3.0, 23.0),
            (4.0, 26.0),
            (8.0, 36.0),
            (16.0, 49.0),
        ] {
            assert!(apart(Impairment::G729, percent, measured) < 0.05, "G.729A {percent} %");
        }
        // The same of G.711 with concealment. It is rounded to fives from 5 % on; beyond 10 % that is more than the 0.05.
        for (percent, measured) in [(0.0, 0.0), (1.0, 5.0), (2.0, 7.0), (3.0, 10.0), (5.0, 15.0), (7.0, 20.0)]
        {
            assert!(apart(Impairment::G711, percent, measured) < 0.05, "G.711 {percent} %");
        }
        // Nortel NN43001-563, table 31, what a makers' planning guide takes for any codec: 4 of 1 %, 8 of 2 %.
        for (percent, planned) in [(1.0, 4.0), (2.0, 8.0)] {
            assert!(apart(Impairment::G711, percent, planned) < 0.05, "{percent} %");
        }
    }

    #[test]
    fn what_is_not_concealed_and_what_comes_in_runs_costs_more() {
        let unconcealed = Impairment::G711_UNCONCEALED.score(random(1.0)).unwrap();
        assert!((unconcealed - 3.83).abs() < 0.01, "{unconcealed}");
        // 95 · 1.5 / (1.5 / 4 + 25.1) = 5.59, against 5.36 of random loss.
        let burst = Impairment::G711.effective(Missing { percent: 1.5, burst_ratio: 4.0 }).unwrap();
        assert!((burst - 5.59).abs() < 0.01, "{burst}");
        let beyond = |burst_ratio| Impairment::G711.effective(Missing { percent: 10.0, burst_ratio });
        assert_eq!(beyond(50.0), beyond(2.0));
        assert_eq!(beyond(0.2), beyond(1.0));
    }

    #[test]
    fn runs_are_weighed_against_those_of_chance() {
        let of = |packets: f64, lost: f64, runs: f64| {
            let missing = Missing::of(packets, lost, runs);
            (missing.percent, missing.burst_ratio)
        };
        // 100 of 1000 in 25 runs are 4 at a time; chance makes 1 / 0.9.
        assert_eq!(of(1000.0, 100.0, 25.0), (10.0, 3.6));
        assert_eq!(of(1000.0, 100.0, 0.0), (10.0, 1.0));
        assert_eq!(of(0.0, 0.0, 0.0), (0.0, 1.0));
    }

    #[test]
    fn codecs_cost_what_the_appendix_says_and_others_have_no_score() {
        let of = |name: &str, clock| {
            let codec = Codec::from_rtpmap(name, clock, None);
            Impairment::of(&codec).map(|codec| (codec.equipment, codec.robustness))
        };
        assert_eq!(of("PCMA", 8000), Some((0.0, Some(25.1))));
        assert_eq!(of("g729", 8000), Some((11.0, Some(19.0))));
        assert_eq!(of("G723", 8000), Some((15.0, Some(16.1))));
        assert_eq!(of("gsm-efr", 8000), Some((5.0, Some(10.0))));
        assert_eq!(of("AAL2-G726-32", 8000), Some((7.0, None)));
        assert_eq!(of("GSM", 8000), Some((20.0, None)));
        for (name, clock) in
            [("G722", 8000), ("AMR", 8000), ("iLBC", 8000), ("opus", 48000), ("G726-32", 16000)]
        {
            assert_eq!(of(name, clock), None, "{name}");
        }
        assert_eq!(Impairment::of(&Codec::Gsm).unwrap().score(random(1.0)), None);
    }

    proptest! {
        #[test]
        fn a_score_is_one_and_more_loss_is_never_better(
            percent in 0.0..100.0f64, more in 0.0..100.0f64, burst_ratio in -1.0..50.0f64
        ) {
            for codec in [Impairment::G711, Impairment::G711_UNCONCEALED, Impairment::G729, Impairment::G7231] {
                let score = codec.score(Missing { percent, burst_ratio }).unwrap();
                prop_assert!((1.0..=4.5).contains(&score));
                let worse = codec.score(random(percent + more)).unwrap();
                prop_assert!(worse <= codec.score(random(percent)).unwrap());
                prop_assert!(score <= codec.score(random(percent)).unwrap() + 1e-9);
            }
        }
    }
}
