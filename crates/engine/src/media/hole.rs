//! Runs of sequence numbers that are missing from what was kept.

use earwitness_model::{GapCause, PacketTime};

/// Holes remembered of one track; beyond them losses are counted but not listed.
const MAX_HOLES: usize = 256;

/// Why the packets of a hole are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Their numbers were skipped, and may still come.
    Skipped,
    /// As [`Self::Skipped`], while the capture was losing frames.
    SkippedInLoss,
    /// They came, and could not be kept.
    LeftOut,
}

/// A run of missing packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    /// The first missing extended sequence number.
    pub(crate) first: u32,
    /// How many are missing.
    pub(crate) count: u32,
    /// When the packet before the hole came; of packets that were left out, the first of them.
    pub(crate) since: PacketTime,
    /// When the packet after the hole came; of packets that were left out, the last of them.
    pub(crate) until: PacketTime,
    pub(crate) why: Why,
}

/// A hole, or several of one cause that touch, as what was to be heard there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) at: PacketTime,
    /// The first missing extended sequence number.
    pub(crate) first: u32,
    pub(crate) packets: u32,
    pub(crate) cause: GapCause,
}

/// The holes of one track, in order of their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holes(Vec<Hole>);

impl Hole {
    /// The number after the last missing one.
    const fn end(&self) -> u64 {
        self.first as u64 + self.count as u64
    }

    fn contains(&self, sequence: u32) -> bool {
        self.first <= sequence && u64::from(sequence) < self.end()
    }

    const fn cause(&self) -> GapCause {
        match self.why {
            Why::Skipped => GapCause::Unknown,
            Why::SkippedInLoss | Why::LeftOut => GapCause::Capture,
        }
    }

    /// When the first missing packet of `packet_nanos` came, or would have come.
    fn at(&self, packet_nanos: i64) -> PacketTime {
        match self.why {
            Why::Skipped | Why::SkippedInLoss => {
                self.until.plus_nanos(-i64::from(self.count).saturating_mul(packet_nanos))
            }
            Why::LeftOut => self.since,
        }
    }
}

impl Holes {
    /// The `count` numbers before `next` were skipped between the arrivals `since` and `until`.
    pub(crate) fn open(&mut self, next: u32, count: u32, since: PacketTime, until: PacketTime) {
        if self.0.len() < MAX_HOLES {
            self.0.push(Hole { first: next - count, count, since, until, why: Why::Skipped });
        }
    }

    /// `sequence` came after all.
    pub(crate) fn fill(&mut self, sequence: u32) {
        let Some(at) = self.0.iter().rposition(|hole| hole.contains(sequence)) else { return };
        let hole = self.0[at];
        let before = Hole { count: sequence - hole.first, ..hole };
        let after = Hole { first: sequence.wrapping_add(1), count: hole.count - before.count - 1, ..hole };
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

    /// `sequence` came at `arrival` and could not be kept.
    pub(crate) fn leave_out(&mut self, sequence: u32, arrival: PacketTime) {
        let place = self.0.iter().rposition(|hole| hole.first <= sequence).map_or(0, |at| at + 1);
        let (before, after) = self.0.split_at_mut(place);
        let before = before.last_mut().filter(|hole| hole.end() == u64::from(sequence));
        if let Some(hole) = before.filter(|hole| hole.why == Why::LeftOut) {
            hole.count += 1;
            hole.until = hole.until.max(arrival);
            return;
        }
        let after = after.first_mut().filter(|hole| Some(hole.first) == sequence.checked_add(1));
        if let Some(hole) = after.filter(|hole| hole.why == Why::LeftOut) {
            (hole.first, hole.count) = (sequence, hole.count + 1);
            hole.since = hole.since.min(arrival);
        } else if self.0.len() < MAX_HOLES {
            let hole = Hole { first: sequence, count: 1, since: arrival, until: arrival, why: Why::LeftOut };
            self.0.insert(place, hole);
        }
    }

    /// Of every hole that packets skipped, `is_in_loss` says whether the capture lost frames between the arrivals before and
    /// after it.
    pub(crate) fn settle(&mut self, is_in_loss: impl Fn(PacketTime, PacketTime) -> bool) {
        for hole in self.0.iter_mut().filter(|hole| hole.why == Why::Skipped) {
            if is_in_loss(hole.since, hole.until) {
                hole.why = Why::SkippedInLoss;
            }
        }
    }

    /// Whether more may be missing than is remembered.
    pub(crate) const fn is_full(&self) -> bool {
        self.0.len() >= MAX_HOLES
    }

    /// What is missing, in packets of `packet_nanos` ns.
    pub(crate) fn missing(&self, packet_nanos: i64) -> Vec<Missing> {
        let mut all: Vec<Missing> = Vec::with_capacity(self.0.len());
        let mut end = None;
        for hole in &self.0 {
            let (cause, touches) = (hole.cause(), end == Some(u64::from(hole.first)));
            match all.last_mut().filter(|last| touches && last.cause == cause) {
                Some(last) => last.packets = last.packets.saturating_add(hole.count),
                None => {
                    let (at, first, packets) = (hole.at(packet_nanos), hole.first, hole.count);
                    all.push(Missing { at, first, packets, cause });
                }
            }
            end = Some(hole.end());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: i64 = 20;

    fn at(nanos: i64) -> PacketTime {
        PacketTime::from_nanos(nanos)
    }

    fn left(holes: &Holes) -> Vec<(u32, u32)> {
        holes.0.iter().map(|hole| (hole.first, hole.count)).collect()
    }

    #[test]
    fn late_packets_shrink_split_and_close_a_hole() {
        let filled = |fills: &[u32]| {
            let mut holes = Holes::default();
            holes.open(15, 5, at(0), at(5));
            fills.iter().for_each(|&n| holes.fill(n));
            left(&holes)
        };
        assert_eq!(filled(&[]), [(10, 5)]);
        assert_eq!(filled(&[10]), [(11, 4)]);
        assert_eq!(filled(&[14]), [(10, 4)]);
        assert_eq!(filled(&[12]), [(10, 2), (13, 2)]);
        assert_eq!(filled(&[12, 10, 11, 13, 14]), []);
        assert_eq!(filled(&[9, 15]), [(10, 5)]);
    }

    #[test]
    fn packets_left_out_join_in_whichever_order_they_come() {
        for order in [[20, 21, 22, 24], [24, 22, 21, 20], [22, 20, 24, 21]] {
            let mut holes = Holes::default();
            holes.open(15, 5, at(0), at(5));
            order.iter().for_each(|&n| holes.leave_out(n, at(i64::from(n))));
            let missing = holes.missing(PACKET);
            let all: Vec<_> = missing.iter().map(|m| (m.at.nanos(), m.packets, m.cause)).collect();
            let (unknown, capture) = (GapCause::Unknown, GapCause::Capture);
            assert_eq!(all, [(5 - 100, 5, unknown), (20, 3, capture), (24, 1, capture)], "{order:?}");
        }
    }

    #[test]
    fn the_last_number_there_is_can_be_left_out() {
        let mut holes = Holes::default();
        holes.leave_out(u32::MAX, at(1));
        holes.leave_out(u32::MAX - 1, at(0));
        holes.fill(u32::MAX);
        assert_eq!(left(&holes), [(u32::MAX - 1, 1)]);
    }

    #[test]
    fn a_hole_in_a_loss_touches_what_was_left_out_and_is_one_gap_with_it() {
        let mut holes = Holes::default();
        holes.open(15, 5, at(100), at(220));
        holes.open(30, 1, at(300), at(340));
        holes.leave_out(15, at(220));
        holes.settle(|since, until| since <= at(110) && at(110) <= until);
        let causes: Vec<_> =
            holes.missing(PACKET).iter().map(|m| (m.at.nanos(), m.packets, m.cause)).collect();
        assert_eq!(causes, [(120, 6, GapCause::Capture), (320, 1, GapCause::Unknown)]);
    }
}
