//! Runs of sequence numbers that did not come, until they do.

use earwitness_model::PacketTime;

/// Holes remembered of one track; beyond them losses are counted but not listed.
const MAX_HOLES: usize = 256;

/// A run of missing packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    /// The first missing extended sequence number.
    pub(crate) first: u32,
    /// How many are missing.
    pub(crate) count: u32,
    /// When the packet after the hole came.
    pub(crate) noticed: PacketTime,
}

/// The holes of one track, in order of their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holes(Vec<Hole>);

impl Holes {
    /// The `count` numbers before `next` are missing.
    pub(crate) fn open(&mut self, next: u32, count: u32, noticed: PacketTime) {
        if self.0.len() < MAX_HOLES {
            self.0.push(Hole { first: next - count, count, noticed });
        }
    }

    /// `sequence` came after all.
    pub(crate) fn fill(&mut self, sequence: u32) {
        let Some(at) = self.0.iter().rposition(|h| (h.first..h.first + h.count).contains(&sequence)) else {
            return;
        };
        let hole = self.0[at];
        let before = Hole { count: sequence - hole.first, ..hole };
        let after = Hole { first: sequence + 1, count: hole.first + hole.count - sequence - 1, ..hole };
        match (before.count, after.count) {
            (0, 0) => drop(self.0.remove(at)),
            (0, _) => self.0[at] = after,
            (_, 0) => self.0[at] = before,
            _ => {
                self.0[at] = before;
                self.0.insert(at + 1, after);
            }
        }
    }

    /// What is still missing.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hole> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_packets_shrink_split_and_close_a_hole() {
        let at = PacketTime::from_nanos(5);
        let left = |fills: &[u32]| {
            let mut holes = Holes::default();
            holes.open(15, 5, at);
            fills.iter().for_each(|&n| holes.fill(n));
            holes.iter().map(|h| (h.first, h.count)).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [(10, 5)]);
        assert_eq!(left(&[10]), [(11, 4)]);
        assert_eq!(left(&[14]), [(10, 4)]);
        assert_eq!(left(&[12]), [(10, 2), (13, 2)]);
        assert_eq!(left(&[12, 10, 11, 13, 14]), []);
        assert_eq!(left(&[9, 15]), [(10, 5)]);
    }
}
