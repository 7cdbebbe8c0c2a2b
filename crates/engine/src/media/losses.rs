//! When the capture lost frames: what is missing then was sent, and this recorder did not see it.

use earwitness_model::PacketTime;

/// A packet is due this much before or after it comes: one packet and the network's jitter.
const MARGIN_NANOS: i64 = 200_000_000;
/// Times of loss that are remembered.
const MAX_WINDOWS: usize = 256;

/// A time in which frames were lost, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: PacketTime,
    to: PacketTime,
}

/// Whether there is room for more times of loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Enough,
    /// There is none: what is missing from running calls is to be settled, and old times to be
    /// [forgotten](Losses::forget_old).
    Full,
}

/// The times in which frames were lost, in order; those that are nearer to each other than the margin are one.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Window>);

impl Losses {
    /// Frames were lost between `from` and `to`, whichever of them is the earlier one.
    pub(super) fn add(&mut self, from: PacketTime, to: PacketTime) -> Room {
        let mut window = Window { from: from.min(to), to: from.max(to) };
        let begin = self.0.partition_point(|w| w.to.plus_nanos(MARGIN_NANOS) < window.from);
        let end = self.0.partition_point(|w| w.from <= window.to.plus_nanos(MARGIN_NANOS));
        // With `begin` after `end` nothing is near: the windows are in order and apart.
        let near = begin..end.max(begin);
        for w in &self.0[near.clone()] {
            window = Window { from: window.from.min(w.from), to: window.to.max(w.to) };
        }
        self.0.splice(near, [window]);
        if self.0.len() < MAX_WINDOWS { Room::Enough } else { Room::Full }
    }

    /// Whether frames were lost at any time between the arrivals `since` and `until`.
    pub(super) fn touch(&self, since: PacketTime, until: PacketTime) -> bool {
        let (since, until) = (since.min(until), since.max(until));
        let first = self.0.partition_point(|w| w.to.plus_nanos(MARGIN_NANOS) < since);
        self.0.get(first).is_some_and(|w| w.from.plus_nanos(-MARGIN_NANOS) <= until)
    }

    /// Forgets the older half.
    pub(super) fn forget_old(&mut self) {
        self.0.drain(..self.0.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> PacketTime {
        PacketTime::from_nanos(ms * 1_000_000)
    }

    fn windows(losses: &Losses) -> Vec<(i64, i64)> {
        losses.0.iter().map(|w| (w.from.nanos() / 1_000_000, w.to.nanos() / 1_000_000)).collect()
    }

    #[test]
    fn near_times_are_one_and_far_ones_are_not_in_whichever_order_they_come() {
        let mut losses = Losses::default();
        for (from, to) in [(5000, 6000), (1000, 2000), (2200, 2300), (9000, 8000), (6300, 7800)] {
            losses.add(at(from), at(to));
        }
        assert_eq!(windows(&losses), [(1000, 2300), (5000, 6000), (6300, 9000)]);
        losses.add(at(0), at(20_000));
        assert_eq!(windows(&losses), [(0, 20_000)]);
    }

    #[test]
    fn so_many_are_remembered() {
        let mut losses = Losses::default();
        for n in 0..100_000 {
            if losses.add(at(n * 1000), at(n * 1000 + 1)) == Room::Full {
                losses.forget_old();
            }
            assert!(losses.0.len() < MAX_WINDOWS);
        }
        assert!(losses.touch(at(99_999_000), at(99_999_000)) && !losses.touch(at(0), at(1)));
    }

    proptest! {
        #[test]
        fn a_time_is_touched_when_any_loss_is_near_it(
            all in proptest::collection::vec((0..20_000i64, 0..2_000i64), 0..40),
            since in 0..20_000i64,
            length in 0..1_000i64,
        ) {
            let mut losses = Losses::default();
            for &(from, length) in &all {
                losses.add(at(from), at(from + length));
            }
            let expected =
                all.iter().any(|&(from, long)| from - 200 <= since + length && since <= from + long + 200);
            prop_assert_eq!(losses.touch(at(since), at(since + length)), expected);
            prop_assert!(losses.0.windows(2).all(|pair| pair[0].to.plus_nanos(MARGIN_NANOS) < pair[1].from));
        }
    }
}
