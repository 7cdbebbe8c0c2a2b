//! The median of ratios, and how sure it is. Order statistics only: nothing is assumed about how costs are spread, and the
//! same measurements always give the same interval.

use serde::Serialize;

/// What several ratios come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Ratio {
    /// The middle one.
    pub(super) median: f64,
    /// The true median is above this,
    pub(super) low: f64,
    /// and below this,
    pub(super) high: f64,
    /// in so many of 100 cases. Of fewer than eight ratios the interval is all of them, and less sure than 99 %.
    pub(super) sure_percent: f64,
}

/// How sure an interval should be, as the share of cases in which it misses. It is looked at after each pair, so that it has more
/// than one occasion to miss.
const MISSES: f64 = 0.01;

/// The same in percent of cases in which it does not.
const SURE: f64 = 100.0 * (1.0 - MISSES);

impl Ratio {
    /// Of these, in any order; 1 of none.
    pub(super) fn of(ratios: &[f64]) -> Self {
        let mut sorted = ratios.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
            return Self { median: 1.0, low: 1.0, high: 1.0, sure_percent: 0.0 };
        };
        let count = sorted.len();
        let (low, high) = (*first, *last);
        let (lower, upper) = (sorted[(count - 1) / 2], sorted[count / 2]);
        let mut ratio = Self { median: f64::midpoint(lower, upper), low, high, sure_percent: sure(count, 0) };
        // Each step inwards leaves the true median outside a little more often.
        for cut in 1..count.div_ceil(2) {
            let sure = sure(count, cut);
            if sure < SURE {
                break;
            }
            ratio = Self { low: sorted[cut], high: sorted[count - 1 - cut], sure_percent: sure, ..ratio };
        }
        ratio
    }

    /// Whether there were ratios enough to be sure of the interval.
    pub(super) fn is_sure(&self) -> bool {
        self.sure_percent >= SURE
    }

    /// Whether what is above is surely more, by more than is tolerated.
    pub(super) fn is_above(&self, tolerance: f64) -> bool {
        self.is_sure() && self.low > 1.0 && self.median > 1.0 + tolerance
    }

    /// Seen from the other one.
    pub(super) fn reversed(&self) -> Self {
        Self { median: 1.0 / self.median, low: 1.0 / self.high, high: 1.0 / self.low, ..*self }
    }

    /// Whether more measurements would hardly change what is said: the interval lies on one side of every bound.
    pub(super) fn is_clear(&self, tolerance: f64) -> bool {
        let bounds = [1.0 / (1.0 + tolerance), 1.0 + tolerance];
        bounds.iter().all(|bound| self.high < *bound || self.low > *bound)
    }
}

/// In how many of 100 cases the true median lies between the smallest and the largest of `count` ratios without `cut` at
/// each end: the binomial distribution of a fair coin.
fn sure(count: usize, cut: usize) -> f64 {
    let mut ways = 1.0;
    let mut outside = 0.0;
    for heads in 0..=cut {
        outside += ways;
        ways *= (count - heads) as f64 / (heads + 1) as f64;
    }
    100.0 * (1.0 - 2.0 * outside * 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1.00, 1.01, … in an order that is not theirs.
    fn some(count: usize) -> Vec<f64> {
        (0..count).map(|place| (100 + (place * 7) % count) as f64 / 100.0).collect()
    }

    #[test]
    fn the_interval_of_a_median_is_that_of_the_textbook() {
        // Conover, Practical Nonparametric Statistics, table A3 (p = 0.5): of nine observations none may be left out, of twenty
        // three at each end.
        let nine = Ratio::of(&some(9));
        assert_eq!([nine.median, nine.low, nine.high], [1.04, 1.0, 1.08]);
        assert!((nine.sure_percent - 99.6).abs() < 0.05, "{nine:?}");
        let twenty = Ratio::of(&some(20));
        assert_eq!([twenty.low, twenty.high], [1.03, 1.16]);
        assert!((twenty.sure_percent - 99.74).abs() < 0.05, "{twenty:?}");
        let six = Ratio::of(&some(6));
        assert_eq!([six.low, six.high], [1.0, 1.05]);
        assert!((six.median - 1.025).abs() < 1e-12 && !six.is_sure());
    }

    #[test]
    fn few_ratios_say_how_little_they_are_worth() {
        assert_eq!(Ratio::of(&[1.3]), Ratio { median: 1.3, low: 1.3, high: 1.3, sure_percent: 0.0 });
        assert_eq!(Ratio::of(&[1.2, 1.0, 1.1]).sure_percent, 75.0);
        assert_eq!(Ratio::of(&[]).median, 1.0);
    }

    #[test]
    fn more_is_more_only_when_it_is_sure_and_matters() {
        let ratio = |low, median, high| Ratio { median, low, high, sure_percent: 99.6 };
        for (ratio, is_above, is_clear) in [
            (ratio(1.03, 1.05, 1.07), true, true),
            (ratio(0.99, 1.05, 1.11), false, false),
            (ratio(1.001, 1.005, 1.01), false, true),
            (ratio(0.99, 1.0, 1.01), false, true),
            (ratio(1.01, 1.03, 1.05), true, false),
            (ratio(0.90, 0.95, 0.97), false, true),
        ] {
            assert_eq!((ratio.is_above(0.02), ratio.is_clear(0.02)), (is_above, is_clear), "{ratio:?}");
        }
        assert!(ratio(0.90, 0.95, 0.97).reversed().is_above(0.02));
        assert!(!Ratio::of(&[1.3, 1.3, 1.3]).is_above(0.02), "three are too few to be sure");
    }
}
