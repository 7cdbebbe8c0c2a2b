//! Why fragmented packets were lost, and how many.

/// Why a fragmented packet could not be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FragmentLoss {
    /// Two fragments claim the same place with other bytes or bounds, or disagree about the end.
    Overlap,
    /// Fragments were missing when its time was over.
    Expired,
    /// It was the oldest when the table had reached its bound, or is larger than the bound itself.
    TableFull,
    /// A fragment reaches beyond the 65,535 bytes that an IP packet can have.
    TooLong,
    /// It came in more pieces than the 128 that are followed.
    TooMany,
    /// A fragment that is not the last is empty or not a multiple of 8 bytes, so that nothing can follow it.
    BadLength,
    /// The snap length of the capture cut off the end of a fragment.
    Cut,
    /// It was put together, and what it holds cannot be read.
    Unreadable,
}

impl FragmentLoss {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::Overlap,
        Self::Expired,
        Self::TableFull,
        Self::TooLong,
        Self::TooMany,
        Self::BadLength,
        Self::Cut,
        Self::Unreadable,
    ];
}

/// Packets lost by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FragmentLosses {
    counts: [u64; FragmentLoss::ALL.len()],
}

impl FragmentLosses {
    /// How many packets were lost because of `loss`.
    #[must_use]
    pub fn of(&self, loss: FragmentLoss) -> u64 {
        self.counts.get(loss as usize).copied().unwrap_or_default()
    }

    /// How many packets were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every cause with its count.
    pub fn iter(&self) -> impl Iterator<Item = (FragmentLoss, u64)> {
        FragmentLoss::ALL.into_iter().zip(self.counts)
    }

    pub(super) fn count(&mut self, loss: FragmentLoss) {
        if let Some(count) = self.counts.get_mut(loss as usize) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_count_of_its_own() {
        let mut losses = FragmentLosses::default();
        for (times, loss) in FragmentLoss::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| losses.count(loss));
        }
        for (times, (loss, count)) in losses.iter().enumerate() {
            assert_eq!(
                (loss, count, losses.of(loss)),
                (FragmentLoss::ALL[times], times as u64, times as u64)
            );
        }
        assert_eq!(losses.total(), 28);
    }
}
