//! How long frames take from their arrival to the medium, as a histogram that costs a few counters whatever passes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets for each doubling: a value is told to an eighth.
const EIGHTHS: u64 = 8;
/// Up to 2²⁰ ms, which is a quarter of an hour; what takes longer counts as that.
const BUCKETS: usize = 8 * 18;

/// From the arrival of a segment's first packet until it was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LagHealth {
    /// Segments that were committed.
    pub segments: u64,
    /// Half of them took so long or less, in ms, to the eighth.
    pub p50_ms: u64,
    /// 99 of 100.
    pub p99_ms: u64,
    /// All.
    pub most_ms: u64,
}

/// The counters.
pub(crate) struct LagGauge {
    buckets: [AtomicU64; BUCKETS],
    most_ms: AtomicU64,
}

impl Default for LagGauge {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], most_ms: AtomicU64::new(0) }
    }
}

impl LagGauge {
    /// A segment took so long.
    pub(crate) fn count(&self, ms: u64) {
        self.buckets[bucket(ms)].fetch_add(1, Relaxed);
        self.most_ms.fetch_max(ms, Relaxed);
    }

    pub(crate) fn health(&self) -> LagHealth {
        let counts = self.buckets.each_ref().map(|count| count.load(Relaxed));
        let segments: u64 = counts.iter().sum();
        let most_ms = self.most_ms.load(Relaxed);
        let share = |percent: u64| {
            let wanted = (segments * percent).div_ceil(100);
            let mut before = 0;
            let place = counts.iter().position(|count| {
                before += count;
                before >= wanted
            });
            place.map_or(0, |place| most_of(place).min(most_ms))
        };
        LagHealth { segments, p50_ms: share(50), p99_ms: share(99), most_ms }
    }
}

/// Below 8 ms exactly, then an eighth of a doubling each.
fn bucket(ms: u64) -> usize {
    if ms < EIGHTHS {
        return ms as usize;
    }
    let doubling = u64::from(ms.ilog2()) - 3;
    let place = (doubling + 1) * EIGHTHS + ((ms >> doubling) - EIGHTHS);
    (place as usize).min(BUCKETS - 1)
}

/// The most that is counted in a bucket.
const fn most_of(place: usize) -> u64 {
    let place = place as u64;
    if place < EIGHTHS {
        return place;
    }
    let doubling = place / EIGHTHS - 1;
    ((place % EIGHTHS + EIGHTHS + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_ends_at_most_an_eighth_above_it() {
        for ms in (0..5_000).chain([100_000, 1_000_000, (1 << 20) - 1]) {
            let most = most_of(bucket(ms));
            assert!(most >= ms && most <= ms + ms / 8, "{ms} in one up to {most}");
            assert!(bucket(ms) == 0 || most_of(bucket(ms) - 1) < ms);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_middle_and_the_last_of_a_hundred_are_told() {
        let gauge = LagGauge::default();
        assert_eq!(gauge.health(), LagHealth::default());
        (1..=1_000).for_each(|ms| gauge.count(ms));
        gauge.count(40_000);
        let health = gauge.health();
        assert_eq!((health.segments, health.most_ms), (1_001, 40_000));
        assert!((501..=563).contains(&health.p50_ms) && (991..=1_115).contains(&health.p99_ms), "{health:?}");
    }
}
