//! RTP sequence numbers: unwrapped, with what is missing, doubled and out of order counted (RFC 3550, A.1 and A.3).

/// Sequence numbers remembered below the highest: ten seconds of 20 ms packets.
const WINDOW: u32 = 512;
/// A forward step beyond this is a restart of the sender (`MAX_DROPOUT` of RFC 3550, A.1), unless its RTP time says that it
/// talked on all the while.
const MAX_DROPOUT: u16 = 3000;
/// Restarts after which a track is taken for noise.
const MAX_RESTARTS: u32 = 1000;

/// Where a packet stands in its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// New, and the highest so far. `missing` numbers before it have not come (yet).
    Next {
        /// The extended sequence number.
        sequence: u32,
        /// How many numbers were skipped.
        missing: u32,
    },
    /// New, but a higher one came before it.
    Reordered {
        /// The extended sequence number.
        sequence: u32,
    },
    /// Seen before.
    Duplicate,
    /// The numbers jump about: this is not one sender's stream.
    Noise,
}

/// The state of one track's sequence numbers.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Sequence {
    highest: u32,
    base: u32,
    received: u64,
    lost_before_restart: u64,
    restarts: u32,
    seen: [u64; (WINDOW / 64) as usize],
}

impl Sequence {
    /// A track that begins with sequence number `first`, which is then to be [placed](Self::place).
    pub(crate) fn new(first: u16) -> Self {
        // The first cycle is the second one, so that a packet from before the first has a number too.
        let base = 1 << 16 | u32::from(first);
        Self {
            highest: base,
            base,
            received: 0,
            lost_before_restart: 0,
            restarts: 0,
            seen: [0; (WINDOW / 64) as usize],
        }
    }

    /// Places the packet numbered `sequence` and counts it. Of a far step forward, to an extended number, `talked_on` says
    /// whether the RTP time went with it: then it is loss.
    #[inline]
    pub(crate) fn place(&mut self, sequence: u16, talked_on: impl FnOnce(u32) -> bool) -> Place {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if self.received == 0 {
            self.mark(self.highest);
            self.received = 1;
            Place::Next { sequence: self.highest, missing: 0 }
        } else if ahead == 0 {
            Place::Duplicate
        } else if ahead <= MAX_DROPOUT {
            self.advance(u32::from(ahead))
        } else {
            let behind = u32::from(ahead.wrapping_neg());
            let far = self.highest.checked_add(u32::from(ahead));
            if behind < WINDOW {
                self.look_back(behind)
            } else if far.is_some_and(talked_on) {
                self.advance(u32::from(ahead))
            } else {
                self.restart(sequence)
            }
        }
    }

    /// Reads what the next packet needs: see `ahead.rs`.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let (word, _) = Self::bit(self.highest.wrapping_add(1));
        self.seen[word] ^ self.received
    }

    /// Numbers between the first and the last that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before_restart + self.lost_since_restart()
    }

    /// The first number and the last; `None` of a sender that began anew, whose numbers are not its own any more.
    pub(crate) const fn span(&self) -> Option<(u32, u32)> {
        if self.restarts == 0 { Some((self.base, self.highest)) } else { None }
    }

    fn advance(&mut self, ahead: u32) -> Place {
        let Some(highest) = self.highest.checked_add(ahead) else { return Place::Noise };
        for number in (self.highest + 1..highest).rev().take(WINDOW as usize) {
            self.clear(number);
        }
        self.highest = highest;
        self.mark(highest);
        self.received += 1;
        Place::Next { sequence: highest, missing: ahead - 1 }
    }

    fn look_back(&mut self, behind: u32) -> Place {
        let sequence = self.highest - behind;
        if self.is_marked(sequence) {
            return Place::Duplicate;
        }
        self.mark(sequence);
        self.base = self.base.min(sequence);
        self.received += 1;
        Place::Reordered { sequence }
    }

    /// The sender began anew: the numbers go on in the next cycle, so that order stays the order of arrival.
    fn restart(&mut self, sequence: u16) -> Place {
        let next_cycle = (self.highest >> 16) + 1;
        if self.restarts == MAX_RESTARTS || next_cycle > u32::from(u16::MAX) {
            return Place::Noise;
        }
        self.lost_before_restart += self.lost_since_restart();
        self.restarts += 1;
        self.highest = next_cycle << 16 | u32::from(sequence);
        self.base = self.highest;
        self.received = 1;
        self.seen = [0; (WINDOW / 64) as usize];
        self.mark(self.highest);
        Place::Next { sequence: self.highest, missing: 0 }
    }

    fn lost_since_restart(&self) -> u64 {
        (u64::from(self.highest - self.base) + 1).saturating_sub(self.received)
    }

    const fn bit(number: u32) -> (usize, u64) {
        let place = number % WINDOW;
        ((place / 64) as usize, 1 << (place % 64))
    }

    fn mark(&mut self, number: u32) {
        let (word, bit) = Self::bit(number);
        self.seen[word] |= bit;
    }

    fn clear(&mut self, number: u32) {
        let (word, bit) = Self::bit(number);
        self.seen[word] &= !bit;
    }

    fn is_marked(&self, number: u32) -> bool {
        let (word, bit) = Self::bit(number);
        self.seen[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(numbers: &[u16]) -> (Vec<Place>, Sequence) {
        let mut sequence = Sequence::new(numbers[0]);
        (numbers.iter().map(|&n| sequence.place(n, |_| false)).collect(), sequence)
    }

    /// Lost, doubled and out of order.
    fn counted((places, sequence): &(Vec<Place>, Sequence)) -> (u64, usize, usize) {
        let doubled = places.iter().filter(|place| **place == Place::Duplicate).count();
        let reordered = places.iter().filter(|place| matches!(place, Place::Reordered { .. })).count();
        (sequence.lost(), doubled, reordered)
    }

    #[test]
    fn numbers_go_on_over_the_wrap() {
        let all = placed(&[65_534, 65_535, 0, 1]);
        let expected =
            [65_534, 65_535, 65_536, 65_537].map(|n| Place::Next { sequence: 65_536 + n, missing: 0 });
        assert_eq!(all.0, expected);
        assert_eq!(counted(&all), (0, 0, 0));
    }

    #[test]
    fn a_hole_that_is_filled_late_is_reordering_not_loss() {
        let all = placed(&[10, 11, 13, 12, 14]);
        assert_eq!(all.0[2], Place::Next { sequence: 65_536 + 13, missing: 1 });
        assert_eq!(all.0[3], Place::Reordered { sequence: 65_536 + 12 });
        assert_eq!(counted(&all), (0, 0, 1));
    }

    #[test]
    fn a_packet_before_the_first_one_moves_the_beginning() {
        let (places, sequence) = placed(&[0, 65_535, 1, 65_535]);
        assert_eq!(places[1], Place::Reordered { sequence: 65_535 });
        assert_eq!(places[3], Place::Duplicate);
        assert_eq!(sequence.lost(), 0);
    }

    #[test]
    fn every_packet_doubled_is_counted_once() {
        let numbers: Vec<u16> = (0..2000u16).flat_map(|n| [n, n]).collect();
        assert_eq!(counted(&placed(&numbers)), (0, 2000, 0));
    }

    #[test]
    fn a_restarted_sender_goes_on_in_the_next_cycle_without_loss() {
        let (places, sequence) = placed(&[1000, 1001, 40_000, 40_001, 40_003]);
        assert_eq!(places[2], Place::Next { sequence: 2 * 65_536 + 40_000, missing: 0 });
        assert_eq!(sequence.lost(), 1);
    }

    #[test]
    fn a_long_loss_in_which_the_sender_talked_on_is_loss() {
        let mut sequence = Sequence::new(60_000);
        sequence.place(60_000, |_| false);
        let place = sequence.place(500, |far| far == 2 * 65_536 + 500);
        assert_eq!(place, Place::Next { sequence: 2 * 65_536 + 500, missing: 6035 });
        assert_eq!(sequence.lost(), 6035);
        assert_eq!(sequence.place(499, |_| false), Place::Reordered { sequence: 2 * 65_536 + 499 });
    }

    #[test]
    fn numbers_at_random_become_noise_and_stay_bounded() {
        let mut sequence = Sequence::new(0);
        let mut noise = 0;
        for n in 0..100_000u32 {
            noise += u32::from(sequence.place((n % 2 * 30_000) as u16, |_| false) == Place::Noise);
        }
        assert!(noise > 49_000, "{noise}");
    }

    proptest! {
        #[test]
        fn loss_doubling_and_swaps_are_counted_exactly(
            first: u16,
            fates in proptest::collection::vec(0u8..10, 2..600),
        ) {
            let last = fates.len() - 1;
            let (mut sent, mut lost, mut doubled) = (Vec::new(), 0, 0);
            for (i, fate) in fates.iter().enumerate() {
                let number = first.wrapping_add(i as u16);
                match fate {
                    0 if i != 0 && i != last => lost += 1,
                    1 => { sent.extend([number, number]); doubled += 1; }
                    _ => sent.push(number),
                }
            }
            let (places, sequence) = placed(&sent);
            let unique: Vec<u32> = places.iter().filter_map(|place| match *place {
                Place::Next { sequence, .. } | Place::Reordered { sequence } => Some(sequence),
                Place::Duplicate | Place::Noise => None,
            }).collect();
            prop_assert_eq!(sequence.lost(), lost);
            prop_assert!(unique.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(unique.len(), sent.len() - doubled);
        }
    }
}
