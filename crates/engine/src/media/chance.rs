//! Whether a receiver's losses fall where ours do, or only happen to.

use std::f64::consts::TAU;

/// Losses that fall where ours do are no chance when chance does it less than once in so many times.
const CHANCE: f64 = 10_000.0;
/// The numbers after `from` up to `to`, and what is missing of them at both places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bracket {
    pub(super) from: i64,
    pub(super) to: i64,
    /// What the receiver lost.
    pub(super) theirs: i64,
    /// What is missing here for no known cause.
    pub(super) ours: i64,
    /// The two are not of the same packets: this recorder lost some, which the receiver may have, or the receiver counts from
    /// before the capture.
    pub(super) is_mixed: bool,
}

/// Whether the receiver's losses fall where ours do, and hardly by chance: as if they were spread over the brackets at random.
pub(super) fn is_no_chance(brackets: &[Bracket]) -> bool {
    let told = || brackets.iter().filter(|bracket| !bracket.is_mixed);
    let agree = told().all(|bracket| bracket.theirs == 0 || bracket.theirs == bracket.ours);
    let (lost, sent) = told().fold((0, 0), |(lost, sent), b| (lost + b.theirs, sent + (b.to - b.from)));
    if !agree || lost <= 0 || sent <= 0 {
        return false;
    }
    let rate = lost as f64 / sent as f64;
    let chances = told().map(|bracket| ln_poisson(bracket.theirs, rate * (bracket.to - bracket.from) as f64));
    // Where it lost something in some of the brackets only, others would have done as well.
    let ours = told().filter(|bracket| bracket.ours > 0).count() as i64;
    let theirs = told().filter(|bracket| bracket.theirs > 0).count() as i64;
    let choices = ln_factorial(ours) - ln_factorial(theirs) - ln_factorial(ours - theirs);
    chances.sum::<f64>() + choices < -CHANCE.ln()
}

/// The logarithm of how likely `count` is where `mean` are usual.
fn ln_poisson(count: i64, mean: f64) -> f64 {
    count as f64 * mean.ln() - mean - ln_factorial(count)
}

/// By Stirling's series, which is exact to 3e-5 from 2 on: a forged report may count millions.
fn ln_factorial(number: i64) -> f64 {
    if number < 2 {
        return 0.0;
    }
    let n = number as f64;
    n * n.ln() - n + (TAU * n).ln() / 2.0 + 1.0 / (12.0 * n) - 1.0 / (360.0 * n * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brackets of 250 numbers that lost so many here and there.
    fn brackets(lost: &[(i64, i64)]) -> Vec<Bracket> {
        let bracket = |(n, &(ours, theirs)): (i64, &(i64, i64))| Bracket {
            from: n * 250,
            to: (n + 1) * 250,
            theirs,
            ours,
            is_mixed: false,
        };
        (0..).zip(lost).map(bracket).collect()
    }

    #[test]
    fn the_series_is_the_sum_of_the_logarithms() {
        let mut sum = 0.0;
        assert_eq!((ln_factorial(-3), ln_factorial(0), ln_factorial(1)), (0.0, 0.0, 0.0));
        for n in 2..100_000 {
            sum += (n as f64).ln();
            assert!((ln_factorial(n) - sum).abs() < 3e-5, "{n}: {} {sum}", ln_factorial(n));
        }
        assert!(ln_factorial(i64::MAX).is_finite());
    }

    #[test]
    fn losses_in_the_same_places_are_no_chance_and_in_one_place_or_others_may_be() {
        assert!(is_no_chance(&brackets(&[(4, 4), (0, 0), (1, 1), (5, 5), (0, 0), (6, 6)])));
        assert!(!is_no_chance(&brackets(&[(4, 4), (0, 0), (1, 1), (5, 3), (0, 0), (6, 6)])), "they differ");
        assert!(!is_no_chance(&brackets(&[(4, 4)])), "one bracket");
        assert!(!is_no_chance(&brackets(&[(4, 0), (3, 0)])), "it lost nothing");
        assert!(!is_no_chance(&[]));
    }

    #[test]
    fn millions_that_a_forged_report_counts_are_weighed_at_once() {
        const MOST: i64 = 1 << 31;
        let bracket = |n: i64| Bracket {
            from: n * MOST,
            to: (n + 1) * MOST,
            theirs: MOST / 2 + n,
            ours: MOST / 2 + n,
            is_mixed: false,
        };
        // 128 brackets, ten thousand times: hours where each number is counted up to.
        let brackets: Vec<Bracket> = (0..128).map(bracket).collect();
        assert!((0..10_000).all(|_| is_no_chance(&brackets)));
    }
}
