//! Which tap showed each packet of a stream first: several interfaces or capture files may show the same packets, and each
//! may lack some.

/// Taps that are counted apart; those behind count as the last.
const MOST_TAPS: usize = 4;

/// Where a frame was captured, by its place among the interfaces or files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tap(u8);

/// The packets of one stream that each tap showed first.
#[derive(Debug, Clone, Default)]
pub(super) struct Taps {
    counts: [u32; MOST_TAPS],
    last: Tap,
}

/// Whether a packet came from the tap of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownBy {
    SameTap,
    AnotherTap,
}

impl Tap {
    /// The tap at `place`.
    pub(crate) fn at(place: usize) -> Self {
        Self(place.min(MOST_TAPS - 1) as u8)
    }
}

impl Taps {
    #[inline]
    pub(super) fn count(&mut self, tap: Tap) -> ShownBy {
        if let Some(count) = self.counts.get_mut(usize::from(tap.0)) {
            *count = count.saturating_add(1);
        }
        if std::mem::replace(&mut self.last, tap) == tap { ShownBy::SameTap } else { ShownBy::AnotherTap }
    }

    /// The counts up to the last tap that showed any; none where there is one tap.
    pub(super) fn told(&self) -> Vec<u64> {
        let used = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let counts = self.counts.iter().take(used).map(|count| u64::from(*count));
        if self.counts.iter().filter(|count| **count > 0).count() > 1 { counts.collect() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tap_is_not_told_and_of_too_many_the_last_count_together() {
        let told = |places: &[usize]| {
            let mut taps = Taps::default();
            for place in places {
                taps.count(Tap::at(*place));
            }
            taps.told()
        };
        assert_eq!(told(&[1, 1, 1]), []);
        assert_eq!(told(&[0, 1, 1]), [1, 2]);
        assert_eq!(told(&[1, 2, 9, 70]), [0, 1, 1, 2]);
    }
}
