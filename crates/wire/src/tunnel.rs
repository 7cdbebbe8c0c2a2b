//! Datagrams counted by what they were wrapped in.

use earwitness_model::Encapsulation;

/// Datagrams and segments by the outermost tunnel that they came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunnelCounts {
    counts: [u64; Encapsulation::ALL.len()],
}

impl TunnelCounts {
    /// Counts one that came in a tunnel of `kind`.
    pub fn count(&mut self, kind: Encapsulation) {
        if let Some(count) = self.counts.get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
    }

    /// How many came in a tunnel of `kind`.
    #[must_use]
    pub fn of(&self, kind: Encapsulation) -> u64 {
        self.counts.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many came in a tunnel.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The kinds that came, each with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Encapsulation, u64)> {
        Encapsulation::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_for_itself_and_counts_are_added() {
        let mut counts = TunnelCounts::default();
        for (times, kind) in Encapsulation::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| counts.count(kind));
        }
        counts.add(&counts.clone());
        assert_eq!(
            (counts.of(Encapsulation::Gre), counts.of(Encapsulation::Hep), counts.total()),
            (0, 22, 132)
        );
        assert_eq!(counts.iter().next(), Some((Encapsulation::Erspan, 2)));
    }
}
