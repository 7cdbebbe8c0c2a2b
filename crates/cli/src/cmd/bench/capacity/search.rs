//! Which number of calls to try next: up until something is lost, then halving what lies between.

/// The knee is known when it lies between two numbers that are no further apart.
const CLOSE: f64 = 1.08;
/// From one number that was kept to the next one, while nothing was lost yet.
const STEP: f64 = 1.6;

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// The first number to try.
    first: u32,
    /// Beyond this nothing is tried: memory, or what made-up calls have addresses for.
    most: u32,
    /// The most calls that were kept.
    kept: Option<u32>,
    /// The fewest of which something was lost.
    lost: Option<u32>,
}

impl Search {
    pub(super) fn new(first: u32, most: u32) -> Self {
        let most = most.max(1);
        Self { first: first.clamp(1, most), most, kept: None, lost: None }
    }

    /// So many calls were kept whole, or not.
    pub(super) fn handle(&mut self, calls: u32, is_kept: bool) {
        if is_kept {
            self.kept = self.kept.max(Some(calls));
        } else {
            self.lost = Some(self.lost.map_or(calls, |lost| lost.min(calls)));
        }
    }

    /// Nothing beyond this can be tried.
    pub(super) fn bound(&mut self, most: u32) {
        self.most = self.most.min(most.max(1));
    }

    /// What to try next; `None` when the knee is known, or nothing more can be tried.
    pub(super) fn next(&self) -> Option<u32> {
        match (self.kept, self.lost) {
            (None, None) => Some(self.first.min(self.most)),
            (Some(kept), None) if kept >= self.most => None,
            (Some(kept), None) => Some(rounded(f64::from(kept) * STEP).clamp(kept + 1, self.most)),
            (None, Some(1)) => None,
            (None, Some(lost)) => Some(rounded(f64::from(lost) / 2.0).clamp(1, lost - 1)),
            (Some(kept), Some(lost)) => {
                let is_close = f64::from(lost) <= f64::from(kept) * CLOSE || lost <= kept + 1;
                let (middle, round) = (kept.midpoint(lost), rounded(f64::from(kept.midpoint(lost))));
                (!is_close).then_some(if (kept + 1..lost).contains(&round) { round } else { middle })
            }
        }
    }

    /// The most calls that were kept, and the fewest that were not.
    pub(super) const fn knee(&self) -> (Option<u32>, Option<u32>) {
        (self.kept, self.lost)
    }

    /// Whether it ends because nothing more can be tried.
    pub(super) fn is_at_most(&self) -> bool {
        self.lost.is_none() && self.kept.is_some_and(|kept| kept >= self.most)
    }
}

/// Two digits that mean something.
fn rounded(calls: f64) -> u32 {
    let unit = 10_f64.powi((calls.max(1.0).log10().floor() as i32 - 1).max(0));
    ((calls / unit).round() * unit) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried where up to `knee` calls are kept.
    fn tried(mut search: Search, knee: u32) -> Vec<u32> {
        let mut tried = Vec::new();
        while let Some(calls) = search.next() {
            assert!(tried.len() < 40 && !tried.contains(&calls), "{calls} after {tried:?}");
            tried.push(calls);
            search.handle(calls, calls <= knee);
        }
        tried
    }

    #[test]
    fn the_knee_is_found_from_below_and_from_above() {
        assert_eq!(
            tried(Search::new(1_000, 50_000), 3_000),
            [1_000, 1_600, 2_600, 4_200, 3_400, 3_000, 3_200]
        );
        assert_eq!(tried(Search::new(1_000, 50_000), 130), [1_000, 500, 250, 130, 190, 160, 150, 140]);
        for knee in [1, 2, 3, 77, 999, 12_345] {
            let all = tried(Search::new(400, 50_000), knee);
            let kept = all.iter().filter(|calls| **calls <= knee).max().copied();
            let lost = all.iter().filter(|calls| **calls > knee).min().copied();
            assert!(
                kept.zip(lost).is_some_and(
                    |(kept, lost)| lost <= kept + 1 || f64::from(lost) <= f64::from(kept) * CLOSE
                ),
                "{knee}: {all:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_tried_ends_the_search() {
        let mut search = Search::new(1_000, 2_000);
        assert_eq!(tried(search, u32::MAX), [1_000, 1_600, 2_000]);
        search.handle(1_000, true);
        search.bound(1_000);
        assert_eq!((search.next(), search.is_at_most(), search.knee()), (None, true, (Some(1_000), None)));
        assert_eq!(tried(Search::new(8, 50_000), 0), [8, 4, 2, 1]);
    }
}
